//! Subsets of k of n answers: all of them where they are few, random ones otherwise.

use laser_rng::Rng;

/// Up to this many subsets, every vote at k is the exact mean over all of them.
pub const MAX_ENUMERATED: u64 = 20_000;
/// Beyond it, what has no closed form is the mean over this many random subsets, with its
/// standard error in [`AtK`](super::AtK).
pub const SAMPLED_SUBSETS: usize = 4_000;

/// Whether C(n, k) ≤ `limit`, without computing more of it than that.
pub(super) fn at_most(n: usize, k: usize, limit: u64) -> bool {
    let mut subsets = 1u128;
    for i in 0..k.min(n - k) {
        // C(n, i + 1) = C(n, i)·(n − i)/(i + 1), a division without remainder.
        subsets = subsets * (n - i) as u128 / (i + 1) as u128;
        if subsets > u128::from(limit) {
            return false;
        }
    }
    true
}

/// Calls `visit` with every ascending list of `k` of `0..n`, in lexicographic order; 0 < k ≤ n.
pub(super) fn for_each(n: usize, k: usize, visit: &mut impl FnMut(&[usize])) {
    let mut subset: Vec<usize> = (0..k).collect();
    loop {
        visit(&subset);
        // The last position that is not yet at its end moves; those after it follow closely.
        let Some(i) = (0..k).rev().find(|&i| subset[i] < n - k + i) else {
            return;
        };
        subset[i] += 1;
        for j in i + 1..k {
            subset[j] = subset[j - 1] + 1;
        }
    }
}

/// A uniform subset in ascending order: selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S).
pub(super) fn draw(rng: &mut Rng, n: usize, k: usize, subset: &mut Vec<usize>) {
    subset.clear();
    for i in 0..n {
        if (rng.below((n - i) as u64) as usize) < k - subset.len() {
            subset.push(i);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn subsets_are_counted_without_overflow() {
        assert!(at_most(16, 8, 12_870));
        assert!(!at_most(16, 8, 12_869));
        assert!(!at_most(10_000, 5_000, MAX_ENUMERATED));
        assert!(at_most(10_000, 10_000, 1));
    }

    #[test]
    fn every_subset_is_visited_once_in_order() {
        let mut seen = Vec::new();
        for_each(4, 2, &mut |s: &[usize]| seen.push(s.to_vec()));
        assert_eq!(seen, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]);
        let mut count = 0;
        for_each(16, 8, &mut |_: &[usize]| count += 1);
        assert_eq!(count, 12_870);
    }

    #[test]
    fn drawn_subsets_are_ascending_and_uniform() {
        let mut rng = Rng::from_words(&[5]);
        let mut subset = Vec::new();
        let mut counts = HashMap::new();
        for _ in 0..10_000 {
            draw(&mut rng, 5, 3, &mut subset);
            assert!(subset.len() == 3 && subset.is_sorted());
            *counts.entry(subset.clone()).or_insert(0u32) += 1;
        }
        // 1,000 each of the ten, standard deviation 30.
        assert_eq!(counts.len(), 10);
        assert!(
            counts.values().all(|c| c.abs_diff(1000) < 150),
            "{counts:?}"
        );
    }
}
