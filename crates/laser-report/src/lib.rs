//! A finished run as one self-contained `report.html`: numbers with intervals, a plain-words
//! account of what happened, plots, and sampled responses. The page asks nothing of the network.
//!
//! The way of the data: [`Files`] (text) → [`RunData`] (typed) → [`render`] (one string).
//! Only [`RunData::load`] and [`write()`] touch the disk.
//!
//! | module | subject |
//! |---|---|
//! | [`data`] | what the run's files say, typed |
//! | `compare` | base against final: differences and their intervals |
//! | `story` | the same in sentences |
//! | [`svg`] | scales, ticks, panels: drawing without knowing what is drawn |
//! | `plots` | the figures of this report; [`figures`] are those that others draw too |
//! | `page` | headline, table, responses, and the page around them |
//!
//! The SVG is drawn by hand, not by a plotting crate: colours are CSS variables (one picture
//! serves light, dark and print), every mark can carry a `<title>`, and the text stays text.

mod compare;
pub mod data;
mod error;
pub mod html;
mod page;
mod plots;
mod story;
pub mod svg;

/// What the page of live runs draws with too: the frame of a figure, and the figures of scores.
pub mod figures {
    pub use crate::plots::{
        Key, Size, Swatch, figure, histogram, histogram_axis, legend, reliability,
    };
}

use std::fs;
use std::path::{Path, PathBuf};

pub use data::{Files, RunData};
pub use error::ReportError;
pub use page::STYLE;
pub use page::charts_page;
pub use plots::{Chart, Curve, CurvePoint};

/// The whole page. Pure: the same run gives the same bytes.
pub fn render(run: &RunData) -> String {
    page::page(run)
}

/// Loads the run in `dir`, renders it, and puts it at `dir/report.html`.
///
/// The page is written under a temporary name in the same folder and renamed, so a reader never
/// sees half of one.
pub fn write(dir: &Path) -> Result<PathBuf, ReportError> {
    let html = render(&RunData::load(dir)?);
    let path = dir.join("report.html");
    let temporary = dir.join(format!(".report.html.{}.tmp", std::process::id()));
    let written = fs::write(&temporary, html).and_then(|()| fs::rename(&temporary, &path));
    if let Err(source) = written {
        // The first error is the one to report; a leftover temporary file is harmless.
        let _ = fs::remove_file(&temporary);
        return Err(ReportError::Write { path, source });
    }
    Ok(path)
}
