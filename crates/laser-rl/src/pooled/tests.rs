use proptest::prelude::*;

use super::*;
use crate::verification::tests::any_samples;

/// The slow reference: every sample written out as often as its problem was drawn.
fn materialised(samples: &[(usize, Judged)], counts: &[u32]) -> Vec<Judged> {
    samples
        .iter()
        .flat_map(|&(p, s)| std::iter::repeat_n(s, counts[p] as usize))
        .collect()
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-9,
        (a, b) => a == b,
    }
}

proptest! {
    #[test]
    fn weighted_metrics_equal_those_of_the_written_out_resample(
        problems in prop::collection::vec((any_samples(), 0u32..4), 1..6),
        bins in 0usize..20,
    ) {
        let (problems, counts): (Vec<_>, Vec<u32>) = problems.into_iter().unzip();
        let samples: Vec<(usize, Judged)> = problems
            .into_iter()
            .enumerate()
            .flat_map(|(p, samples)| samples.into_iter().map(move |s| (p, s)))
            .collect();

        let fast = Pool::new(&samples, bins).metrics(&counts);
        let slow = JudgeMetrics::of(&materialised(&samples, &counts), bins);

        prop_assert!(close(fast.f1, slow.f1), "{fast:?} {slow:?}");
        prop_assert!(close(fast.tpr, slow.tpr), "{fast:?} {slow:?}");
        prop_assert!(close(fast.tnr, slow.tnr), "{fast:?} {slow:?}");
        prop_assert!(close(fast.auroc, slow.auroc), "{fast:?} {slow:?}");
        prop_assert!(close(fast.ece, slow.ece), "{fast:?} {slow:?}");
        prop_assert!(
            close(fast.spearman_length, slow.spearman_length),
            "{fast:?} {slow:?}"
        );
    }
}
