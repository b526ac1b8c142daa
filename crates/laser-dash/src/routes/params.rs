//! Reading what a request asks for.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use laser_report::figures::Size;
use serde::de::DeserializeOwned;

use crate::curves::SLOTS;
use crate::error::DashError;
use crate::runs::Run;
use crate::state::Dash;

/// The query of a request; one that cannot be read is refused with JSON, as all errors are.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = DashError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, DashError> {
        let query = Query::try_from_uri(&parts.uri);
        let query = query.map_err(|e| DashError::BadRequest(e.body_text()))?;
        Ok(Params(query.0))
    }
}

/// The drawing size of figures: smaller for a narrow screen, so that their text is not.
pub fn size(narrow: u8) -> Size {
    match narrow {
        0 => Size::Half,
        _ => Size::Third,
    }
}

/// The runs of `id.slot,id.slot,…`; one that is gone is left out, so that the others stay.
pub fn runs(dash: &Dash, text: &str) -> Result<Vec<(usize, Run)>, DashError> {
    let mut runs = Vec::new();
    for word in text.split(',').filter(|w| !w.is_empty()) {
        let (id, slot) = word.split_once('.').unwrap_or((word, "0"));
        let slot: Option<usize> = slot.parse().ok();
        let slot = slot.filter(|s| *s < SLOTS).ok_or_else(|| {
            DashError::BadRequest(format!(
                "runs: expected id.slot with a slot below {SLOTS}, separated by commas"
            ))
        })?;
        if runs.len() >= SLOTS {
            let text = format!("runs: at most {SLOTS} runs are shown at once");
            return Err(DashError::BadRequest(text));
        }
        if let Ok(run) = dash.run(id) {
            runs.push((slot, run));
        }
    }
    Ok(runs)
}
