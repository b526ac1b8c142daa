//! The likeliest ids of a distribution.

use std::cmp::Ordering;

/// The `k` ids with the largest of `logp` (`[vocabulary]`, nats), the likeliest first and of equals
/// the lower id first; all ids where there are no more than `k`.
pub fn likeliest(logp: &[f32], k: usize) -> Vec<u32> {
    let order = |a: &u32, b: &u32| -> Ordering {
        let (pa, pb) = (logp[*a as usize], logp[*b as usize]);
        pb.total_cmp(&pa).then(a.cmp(b))
    };
    let mut ids: Vec<u32> = (0..logp.len() as u32).collect();
    if 0 < k && k < ids.len() {
        ids.select_nth_unstable_by(k - 1, order);
    }
    ids.truncate(k);
    ids.sort_unstable_by(order);
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_come_first_and_of_equals_the_lower_id() {
        let logp = [-2.0, -1.0, -2.0, -0.5, -1.0];
        assert_eq!(likeliest(&logp, 3), [3, 1, 4]);
        assert_eq!(likeliest(&logp, 4), [3, 1, 4, 0]);
        assert_eq!(likeliest(&logp, 9), [3, 1, 4, 0, 2]);
        assert!(likeliest(&logp, 0).is_empty() && likeliest(&[], 3).is_empty());
    }
}
