//! Series made readable: a smooth trend without lag, and fewer points for long runs.

/// The width of [`smooth`] as a share of the covered range.
pub const WIDTH: f64 = 1.0 / 50.0;

/// A Gaussian-weighted mean of `points` (ascending in x) at no more than `samples` places.
///
/// The width is a fiftieth of the covered range and at least one step, so the trend of a short
/// run still follows its points. Symmetric in time: it does not lag as a running mean would.
pub fn smooth(points: &[(f64, f64)], samples: usize) -> Vec<(f64, f64)> {
    smooth_by(points, samples, WIDTH)
}

/// As [`smooth`], with a standard deviation of the share `width` of the covered range and of one
/// unit at least.
pub fn smooth_by(points: &[(f64, f64)], samples: usize, width: f64) -> Vec<(f64, f64)> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    let sigma = ((last.0 - first.0) * width).max(1.0);
    thin(points, samples)
        .into_iter()
        .map(|(center, _)| {
            let from = points.partition_point(|p| p.0 < center - 4.0 * sigma);
            let to = points.partition_point(|p| p.0 <= center + 4.0 * sigma);
            let (sum, weights) = points[from..to].iter().fold((0.0, 0.0), |(s, w), &(x, y)| {
                let weight = (-0.5 * ((x - center) / sigma).powi(2)).exp();
                (s + weight * y, w + weight)
            });
            (center, sum / weights)
        })
        .collect()
}

/// Every n-th point and the last, so that no more than about `most` remain.
pub fn thin<T: Copy>(points: &[T], most: usize) -> Vec<T> {
    let stride = points.len().div_ceil(most.max(1)).max(1);
    let mut kept: Vec<T> = points.iter().copied().step_by(stride).collect();
    if points.len() > 1 && !(points.len() - 1).is_multiple_of(stride) {
        kept.extend(points.last());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_stays_constant_and_the_ends_are_kept() {
        let points: Vec<(f64, f64)> = (0..1001).map(|i| (f64::from(i), 0.5)).collect();
        let line = smooth(&points, 100);
        assert!(line.len() <= 101);
        assert_eq!((line[0].0, line[line.len() - 1].0), (0.0, 1000.0));
        assert!(line.iter().all(|p| (p.1 - 0.5).abs() < 1e-12));
    }

    #[test]
    fn few_points_are_left_alone_and_none_give_none() {
        assert_eq!(thin(&[1, 2, 3], 10), [1, 2, 3]);
        assert!(smooth(&[], 10).is_empty());
    }
}
