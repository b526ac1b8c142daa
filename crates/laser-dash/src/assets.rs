//! The page itself, part of the program: no build step, no network.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use laser_report::STYLE;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

/// Every script that the page loads.
const SCRIPTS: [(&str, &str); 10] = [
    ("app.js", include_str!("../assets/app.js")),
    ("dom.js", include_str!("../assets/dom.js")),
    ("api.js", include_str!("../assets/api.js")),
    ("state.js", include_str!("../assets/state.js")),
    ("runs.js", include_str!("../assets/runs.js")),
    ("curves.js", include_str!("../assets/curves.js")),
    ("figures.js", include_str!("../assets/figures.js")),
    ("completions.js", include_str!("../assets/completions.js")),
    ("calibration.js", include_str!("../assets/calibration.js")),
    ("recipes.js", include_str!("../assets/recipes.js")),
];

/// The page.
pub fn page() -> Response {
    typed(HTML, include_str!("../assets/index.html"))
}

/// A script or style sheet of the page by its name; None for any other.
pub fn asset(name: &str) -> Option<Response> {
    match name {
        // The report's, so that figures look the same in both.
        "report.css" => Some(typed(CSS, STYLE)),
        "dash.css" => Some(typed(CSS, include_str!("../assets/dash.css"))),
        _ => {
            let (_, text) = SCRIPTS.iter().find(|(script, _)| *script == name)?;
            Some(typed(SCRIPT, text))
        }
    }
}

fn typed(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
