//! Drawing, without knowing what is drawn: scales and ticks, panels with axes, smoothing.

mod axis;
mod panel;
mod smooth;

pub use axis::{Axis, Labels, extent};
pub use panel::{Marker, Panel, coordinate, marker_path};
pub use smooth::{WIDTH, smooth, smooth_by, thin};
