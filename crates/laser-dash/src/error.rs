//! Why a request has no answer, as JSON with a status.

use std::io;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum DashError {
    /// The folder of the runs cannot be used.
    #[error("{path}: {source}. Expected a folder with runs, or the folder of one run")]
    Root {
        /// The folder, as it was given.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// Nothing has that name.
    #[error("{0}")]
    NotFound(String),
    /// The request asks for something that makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// Only GET and HEAD are answered.
    #[error("only GET and HEAD are answered: this page changes nothing")]
    Method,
    /// A file of a run is there but cannot be read.
    #[error("{file}: cannot be read: {source}. Check its permissions")]
    Read {
        /// The run and the file.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// A bug: the work for an answer ended without one.
    #[error("the answer could not be made: {0}")]
    Internal(String),
}

impl DashError {
    fn status(&self) -> StatusCode {
        match self {
            DashError::NotFound(_) => StatusCode::NOT_FOUND,
            DashError::BadRequest(_) => StatusCode::BAD_REQUEST,
            DashError::Method => StatusCode::METHOD_NOT_ALLOWED,
            DashError::Root { .. } | DashError::Read { .. } | DashError::Internal(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }
}

impl IntoResponse for DashError {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = json!({"status": status.as_u16(), "error": self.to_string()});
        (status, Json(body)).into_response()
    }
}
