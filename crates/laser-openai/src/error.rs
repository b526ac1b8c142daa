//! Refusals in OpenAI's form.

use serde_json::{Value, json};

/// A request that is not answered, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// OpenAI's `type`, such as `invalid_request_error`.
    pub kind: &'static str,
    /// What is wrong, what was expected, what to do.
    pub message: String,
    /// The field that is at fault.
    pub param: Option<String>,
    /// A word for programs, such as `context_length_exceeded`.
    pub code: Option<&'static str>,
    /// Seconds after which it is worth another try.
    pub retry_after: Option<u32>,
}

impl ApiError {
    fn new(
        status: u16,
        kind: &'static str,
        code: Option<&'static str>,
        message: impl Into<String>,
    ) -> Self {
        ApiError {
            status,
            kind,
            message: message.into(),
            param: None,
            code,
            retry_after: None,
        }
    }

    fn refused(status: u16, code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self::new(status, "invalid_request_error", code, message)
    }

    /// 400: a field with a wrong value or of a wrong type.
    pub fn field(param: &str, message: impl Into<String>) -> Self {
        let mut error = Self::refused(400, Some("invalid_value"), message);
        error.param = Some(param.into());
        error
    }

    /// 400: a body that is no JSON.
    pub fn json(message: impl Into<String>) -> Self {
        Self::refused(400, Some("invalid_json"), message)
    }

    /// 400: a field that is not known.
    pub fn unknown_field(param: &str, message: impl Into<String>) -> Self {
        let mut error = Self::field(param, message);
        error.code = Some("unknown_field");
        error
    }

    /// 400: a field of OpenAI's that is not supported.
    pub fn unsupported(param: &str, message: impl Into<String>) -> Self {
        let mut error = Self::field(param, message);
        error.code = Some("unsupported_field");
        error
    }

    /// 400: prompt and answer do not fit into the context.
    pub fn context_length(param: &str, message: impl Into<String>) -> Self {
        let mut error = Self::field(param, message);
        error.code = Some("context_length_exceeded");
        error
    }

    /// 401: no API key, or a wrong one.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::refused(401, Some("invalid_api_key"), message)
    }

    /// 404: a model that is not served.
    pub fn model_not_found(asked: &str, served: &str) -> Self {
        let message = format!(
            "the model '{}' is not served here; '{served}' is",
            shown(asked)
        );
        let mut error = Self::refused(404, Some("model_not_found"), message);
        error.param = Some("model".into());
        error
    }

    /// 404: no such path.
    pub fn unknown_path(message: impl Into<String>) -> Self {
        Self::refused(404, Some("unknown_url"), message)
    }

    /// 405: a path that is asked in another way.
    pub fn method(message: impl Into<String>) -> Self {
        Self::refused(405, Some("method_not_allowed"), message)
    }

    /// 408: a body that does not come.
    pub fn slow_body(message: impl Into<String>) -> Self {
        Self::refused(408, Some("request_timeout"), message)
    }

    /// 413: a body that is too large.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::refused(413, Some("request_too_large"), message)
    }

    /// 415: a body that does not say that it is JSON.
    pub fn media_type(message: impl Into<String>) -> Self {
        Self::refused(415, Some("unsupported_media_type"), message)
    }

    /// 429: no room in the queue; worth another try after some seconds.
    pub fn queue_full(message: impl Into<String>, retry_after: u32) -> Self {
        let mut error = Self::new(429, "rate_limit_error", Some("queue_full"), message);
        error.retry_after = Some(retry_after);
        error
    }

    /// 500: the fault is the server's.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "server_error", Some("internal_error"), message)
    }

    /// 503: the server is about to end.
    pub fn stopping() -> Self {
        let message = "the server is shutting down and takes no further requests";
        Self::new(503, "server_error", Some("shutting_down"), message)
    }

    /// 504: the time for a request is over.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(504, "server_error", Some("timeout"), message)
    }

    /// `{"error": {"message", "type", "param", "code"}}`.
    pub fn body(&self) -> Value {
        json!({"error": {
            "message": self.message, "type": self.kind, "param": self.param, "code": self.code,
        }})
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

/// A client's text as an error shows it: not endless, on one line.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    let mut shown: String = text.chars().take(MOST).collect();
    shown = shown.escape_debug().to_string();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}
