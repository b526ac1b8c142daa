//! Self-rewards of right and wrong responses and their reliability, for a file of samples.

use laser_report::data::Calibration;
use laser_report::figures::{Size, histogram, histogram_axis, reliability};
use laser_rl::Judged;

/// Bins of the reliability diagram, as in a run's summary.
const BINS: usize = 15;

/// The two figures of the responses in `shown`, named `name`. The vertical axis of the histogram
/// holds those of `all` files, so that the pictures of different steps can be compared.
///
/// None where no response of the file has a score and a judgement.
pub fn draw(name: &str, shown: &[Judged], all: &[Vec<Judged>], size: Size) -> Option<[String; 2]> {
    let data = of(shown)?;
    let histograms: Vec<_> = (all.iter().filter_map(|j| of(j)?.histogram)).collect();
    let axis = histogram_axis(histograms.iter());
    let counted = data.histogram.as_ref()?;
    let title = format!("Self-rewards, {name}");
    Some([
        histogram("scores", &title, counted, axis, size),
        reliability(
            "reliability",
            (name, &Some(data.clone())),
            ("", &None),
            size,
        ),
    ])
}

/// What the report draws from, counted as a run's summary counts it.
fn of(judged: &[Judged]) -> Option<Calibration> {
    if judged.is_empty() {
        return None;
    }
    // Two crates' types for one JSON object: the report knows nothing of RL.
    let counted = serde_json::to_value(laser_rl::calibration(judged, BINS)).ok()?;
    serde_json::from_value(counted).ok()
}
