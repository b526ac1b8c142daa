//! maj@k by counting subsets instead of visiting them.

use super::Answer;
use super::ballot::Ballot;

/// Counting is left to sampling where it would take more multiplications than this.
const MAX_WORK: u128 = 1 << 24;
/// Up to this many answers, numbers of subsets fit into an `f64`.
const MAX_ANSWERS: usize = 1000;

/// The exact mean of the majority vote over all subsets of k of the answers, 0 < k ≤ n; `None`
/// where it would take too long.
///
/// A subset is won by key g through its first answer i, with m votes, exactly if
/// - m − 1 more answers of g lie after i, and none of those before i is taken;
/// - every other key has fewer than m votes, or m votes and no answer before i.
///
/// For given (i, m) the keys are independent of each other, so the number of such subsets is a
/// coefficient of a product of polynomials, one for each key. All its terms are positive: no
/// digits cancel.
pub(super) fn majority_at_k(answers: &[Answer], ballot: &Ballot, k: usize) -> Option<f64> {
    let n = answers.len();
    let work = (n as u128 * k as u128).pow(2);
    if n > MAX_ANSWERS || work > MAX_WORK {
        return None;
    }
    let choose = Binomials::new(n, k);
    let mut size = vec![0; ballot.groups];
    for group in ballot.group.iter().flatten() {
        size[*group] += 1;
    }
    let without_key = ballot.group.iter().filter(|g| g.is_none()).count();

    let mut won = 0.0;
    // Answers from i on: of each key, and of none.
    let mut left = size.clone();
    let mut left_without = without_key;
    let mut subsets = Vec::new();
    let mut factor = Vec::new();
    for (answer, group) in answers.iter().zip(&ballot.group) {
        let Some(group) = *group else {
            left_without -= 1;
            if answer.correct {
                // No answer of the subset has a key: its first one is taken.
                won += choose.of(left_without, k - 1);
            }
            continue;
        };
        left[group] -= 1;
        if !answer.correct {
            continue;
        }
        for m in 1..=k.min(left[group] + 1) {
            let rest = k - m;
            subsets.clear();
            subsets.extend((0..=rest).map(|c| choose.of(without_key, c)));
            for other in (0..ballot.groups).filter(|other| *other != group) {
                factor.clear();
                factor.extend((0..m.min(rest + 1)).map(|c| choose.of(size[other], c)));
                if m <= rest {
                    factor.push(choose.of(left[other], m));
                }
                multiply(&mut subsets, &factor);
            }
            won += choose.of(left[group], m - 1) * subsets[rest];
        }
    }
    Some(won / choose.of(n, k))
}

/// Multiplies a polynomial by another, keeping its number of coefficients.
fn multiply(polynomial: &mut [f64], factor: &[f64]) {
    for degree in (0..polynomial.len()).rev() {
        let terms = factor.iter().enumerate().take(degree + 1);
        polynomial[degree] = terms.map(|(c, x)| x * polynomial[degree - c]).sum();
    }
}

/// Pascal's triangle: C(a, b) for a ≤ n, b ≤ k.
struct Binomials {
    rows: Vec<f64>,
    width: usize,
}

impl Binomials {
    fn new(n: usize, k: usize) -> Self {
        let width = k + 1;
        let mut rows = vec![0.0; (n + 1) * width];
        for a in 0..=n {
            rows[a * width] = 1.0;
            for b in 1..=k.min(a) {
                rows[a * width + b] = rows[(a - 1) * width + b - 1] + rows[(a - 1) * width + b];
            }
        }
        Self { rows, width }
    }

    fn of(&self, a: usize, b: usize) -> f64 {
        self.rows[a * self.width + b]
    }
}
