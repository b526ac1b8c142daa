//! Bodies of requests.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, header};
use laser_openai::ApiError;

/// Reads a body that says it is JSON, of at most `most` bytes, within `time`.
///
/// # Errors
/// 415 for another type, 413 for a longer one, 408 for a slower one, 400 for one that breaks off.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    most: usize,
    time: Duration,
) -> Result<Bytes, ApiError> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.map(|k| k.to_str().unwrap_or_default());
    let essence = kind.and_then(|k| k.split(';').next()).unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("application/json") {
        let given = match kind {
            Some(_) => "another 'Content-Type'",
            None => "no 'Content-Type'",
        };
        return Err(ApiError::media_type(format!(
            "{given}; send JSON with the header 'Content-Type: application/json'"
        )));
    }
    let too_large = || {
        ApiError::too_large(format!(
            "the body is longer than the {most} bytes that are taken; shorten it"
        ))
    };
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|l| l.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|l| l > most as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(time, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(e)) if longer(&e) => Err(too_large()),
        Ok(Err(e)) => Err(ApiError::json(format!("the body breaks off: {e}"))),
        Err(_) => Err(ApiError::slow_body(format!(
            "the body did not come within {} seconds",
            time.as_secs_f64()
        ))),
    }
}

/// Whether a body could not be read because it is too long.
fn longer(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(e) = source {
        if e.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = e.source();
    }
    false
}
