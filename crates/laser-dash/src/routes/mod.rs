//! Requests and answers. All work with files is done on threads that may wait.

mod params;
mod responses;
mod series;

use std::sync::{Arc, LazyLock};

use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::assets;
use crate::curves::{SLOTS, swatch};
use crate::error::DashError;
use crate::runs::Run;
use crate::state::Dash;
use crate::status::status;

/// What the page may do: run its own scripts, use its own styles, ask its own server.
pub const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";
/// What a report may do: its scripts and styles are in the page, and it is nobody's origin, so
/// that it can ask this server nothing.
pub const REPORT_POLICY: &str = "sandbox allow-scripts; default-src 'none'; \
     script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

/// The files of a run that are served as they are, with their types.
const SERVED: [(&str, &str); 3] = [
    ("report.html", "text/html; charset=utf-8"),
    ("summary.json", "application/json"),
    ("config.toml", "text/plain; charset=utf-8"),
];
/// A larger file of those is cut off: none that a run writes comes near.
const MOST_BYTES: u64 = 64 << 20;

/// The swatch of every look of a run.
static LOOKS: LazyLock<Vec<String>> = LazyLock::new(|| (0..SLOTS).map(swatch).collect());

type Shared = State<Arc<Dash>>;
type Answer = Result<Response, DashError>;

/// The page and what it asks for. Every answer has a content security policy; the report's is its
/// own, so what is mounted around this must not replace one that is there.
pub fn router(dash: impl Into<Arc<Dash>>) -> Router {
    let missing = || async { DashError::NotFound("there is nothing at this address".into()) };
    let set = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    Router::new()
        .route("/", get(|| async { assets::page() }))
        .route("/assets/{name}", get(asset))
        .route("/api/runs", get(list))
        .route("/api/keys", get(series::keys))
        .route("/api/curves", get(series::curves))
        .route("/api/recipes", get(series::recipes))
        .route("/api/warnings", get(series::warnings))
        .route("/api/runs/{run}/files", get(responses::files))
        .route("/api/runs/{run}/responses", get(responses::list))
        .route(
            "/api/runs/{run}/responses/{file}/{index}",
            get(responses::one),
        )
        .route("/api/runs/{run}/calibration", get(responses::calibration))
        .route("/runs/{run}/{file}", get(file))
        .fallback(missing)
        .method_not_allowed_fallback(|| async { DashError::Method })
        .layer(set(header::CONTENT_SECURITY_POLICY, PAGE_POLICY))
        .layer(set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(set(header::REFERRER_POLICY, "no-referrer"))
        .layer(set(header::CACHE_CONTROL, "no-store"))
        .with_state(dash.into())
}

async fn asset(Path(name): Path<String>) -> Answer {
    assets::asset(&name).ok_or_else(|| DashError::NotFound("the page has no such part".into()))
}

/// The runs with how they stand.
async fn list(State(dash): Shared) -> Answer {
    answer(move || {
        let found = dash.found();
        let mut runs = Vec::new();
        let mut unreadable = Vec::new();
        for run in &found.runs {
            match status(dash.root(), run) {
                Ok(status) => runs.push(status),
                Err(e) => unreadable.push(format!("{}: {e}", run.name)),
            }
        }
        let folder = dash.root().path().file_name().unwrap_or_default();
        Ok(json!({
            "folder": folder.to_string_lossy(),
            "runs": runs,
            "unreadable": unreadable,
            "truncated": found.truncated,
            "looks": LOOKS.as_slice(),
        }))
    })
    .await
}

/// A file of a run, of the few that are served as they are.
async fn file(State(dash): Shared, Path((run, name)): Path<(String, String)>) -> Answer {
    wait(move || {
        let run = dash.run(&run)?;
        let missing = || DashError::NotFound("the run has no such file to show".into());
        let (name, kind) = *SERVED
            .iter()
            .find(|(served, _)| *served == name)
            .ok_or_else(missing)?;
        let text = dash.root().text(&run.path.join(name), MOST_BYTES);
        let text = text.map_err(|source| read_error(&run, name, source))?;
        let policy = match name {
            "report.html" => REPORT_POLICY,
            _ => PAGE_POLICY,
        };
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_SECURITY_POLICY, policy),
        ];
        Ok((headers, text.ok_or_else(missing)?).into_response())
    })
    .await
}

fn read_error(run: &Run, name: &str, source: std::io::Error) -> DashError {
    DashError::Read {
        file: format!("{}: {name}", run.name),
        source,
    }
}

/// Does what may wait for the disk on a thread of its own.
async fn wait<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DashError> + Send + 'static,
) -> Result<T, DashError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| DashError::Internal(e.to_string()))?
}

/// As [`wait`], with JSON for an answer.
async fn answer(work: impl FnOnce() -> Result<Value, DashError> + Send + 'static) -> Answer {
    Ok(Json(wait(work).await?).into_response())
}
