//! Answers of one piece.

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use laser_openai::ApiError;
use serde::Serialize;

/// A value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Response<Body> {
    Json(value).into_response()
}

/// A refusal in OpenAI's form.
pub(crate) fn refusal(error: &ApiError) -> Response<Body> {
    let mut response = json(&error.body());
    *response.status_mut() =
        StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Some(seconds) = error.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    match error.status {
        401 => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // The rest of the body is not read, so nothing further can come on this connection.
        408 | 413 => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}
