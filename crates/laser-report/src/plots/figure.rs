//! The frame around a picture: title, note, legend.

use crate::html::escape;
use crate::svg::{Marker, marker_path};

/// Drawing size of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Half of a page's width.
    Half,
    /// A third of a page's width.
    Third,
    /// A third of a page's width, low: one of several alike.
    Small,
}

impl Size {
    /// Width and height in drawing units.
    pub fn units(self) -> (f64, f64) {
        match self {
            Size::Half => (460.0, 270.0),
            Size::Third => (340.0, 260.0),
            Size::Small => (320.0, 200.0),
        }
    }
}

/// What a legend entry shows beside its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swatch {
    /// Faint dots and a line: raw values and their trend.
    Trend,
    /// A line with points on it.
    Line(Marker),
    /// Points alone.
    Point(Marker),
    /// A filled area.
    Area,
}

/// A legend entry.
pub struct Key<'a> {
    /// Classes of the series: colour and dash.
    pub class: &'a str,
    /// The picture.
    pub swatch: Swatch,
    /// The words.
    pub name: String,
}

/// A figure; `body` is markup, all else is text.
pub fn figure(id: &str, title: &str, note: &str, keys: &[Key], body: &str) -> String {
    format!(
        "<figure id=\"{id}\"><figcaption><b>{}</b>{}</figcaption>{}{body}</figure>\n",
        escape(title),
        if note.is_empty() {
            String::new()
        } else {
            format!("<span>{}</span>", escape(note))
        },
        legend(keys)
    )
}

/// A figure that says why it shows nothing.
pub fn empty(id: &str, title: &str, why: &str) -> String {
    let body = format!("<p class=\"none\">{}</p>", escape(why));
    figure(id, title, "", &[], &body)
}

/// The list of what the classes mean; empty where there are no entries.
pub fn legend(keys: &[Key]) -> String {
    if keys.is_empty() {
        return String::new();
    }
    let entries: String = keys
        .iter()
        .map(|key| {
            let line = format!("<path class=\"line {}\" d=\"M1 7H25\"/>", key.class);
            let marker = |m| {
                format!(
                    "<g class=\"marker {}\"><path d=\"{}\"/></g>",
                    key.class,
                    marker_path(m, 13.0, 7.0, 4.0)
                )
            };
            let picture = match key.swatch {
                Swatch::Trend => line,
                Swatch::Line(m) => line + &marker(m),
                Swatch::Point(m) => marker(m),
                Swatch::Area => format!(
                    "<rect class=\"bar {}\" x=\"7\" y=\"1\" width=\"12\" height=\"12\" rx=\"2\"/>",
                    key.class
                ),
            };
            format!(
                "<li><svg viewBox=\"0 0 26 14\" aria-hidden=\"true\">{picture}</svg>{}</li>",
                escape(&key.name)
            )
        })
        .collect();
    format!("<ul class=\"legend\">{entries}</ul>")
}
