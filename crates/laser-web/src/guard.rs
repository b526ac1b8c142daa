//! The router's wrapping: who may ask, and headers that every answer carries.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};

use crate::Hosts;

/// Headers of every answer that does not set them itself.
const HEADERS: [(HeaderName, &str); 6] = [
    // An answer is what its type says, whatever it looks like.
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Nothing is loaded or run by an answer that is opened as a page.
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    // No other site's page may embed it.
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    // Answers are of a moment, and may be private.
    (header::CACHE_CONTROL, "no-store"),
];

/// Wraps a router: requests for other hosts are refused (421, with the error in the body's JSON),
/// and every answer has the headers of security that it does not set itself.
pub fn guard(router: Router, hosts: Hosts) -> Router {
    router.layer(from_fn(move |request: Request, next: Next| async move {
        let mut response = match admitted(&request, hosts) {
            true => next.run(request).await,
            false => refusal(),
        };
        let headers = response.headers_mut();
        for (name, value) in HEADERS {
            headers
                .entry(name)
                .or_insert(HeaderValue::from_static(value));
        }
        response
    }))
}

fn admitted(request: &Request, hosts: Hosts) -> bool {
    let header = request.headers().get(header::HOST);
    // A target in absolute form overrides the header (RFC 9112, 3.2.2).
    let target = request.uri().authority().map(|a| a.as_str());
    match (target, header.map(|h| h.to_str())) {
        (Some(target), _) => hosts.admits(Some(target)),
        (None, Some(Ok(host))) => hosts.admits(Some(host)),
        // A header that is not text is nobody's name.
        (None, Some(Err(_))) => hosts == Hosts::Any,
        (None, None) => hosts.admits(None),
    }
}

fn refusal() -> Response {
    let body = concat!(
        r#"{"error":{"message":"this service listens on loopback and answers only for localhost; "#,
        r#"ask for http://localhost, or let it listen on an address with --host","#,
        r#""type":"invalid_request_error","param":"host","code":"misdirected_request"}}"#
    );
    let json = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::MISDIRECTED_REQUEST, json, body).into_response()
}
