//! The figures of the report. Each returns a whole `<figure>`; without data it says so.

mod curves;
mod figure;
mod imitation;
mod over_steps;
mod scores;
mod time;
mod training;
mod votes;

pub use curves::{Chart, Curve, CurvePoint, chart};
pub use figure::{Key, Size, Swatch, figure, legend};
pub use imitation::imitation;
pub use scores::{histogram, histogram_axis, reliability, scores};
pub use time::seconds;
pub use training::{health, length, log_probabilities, reward, self_verification, warm_start};
pub use votes::voting;
