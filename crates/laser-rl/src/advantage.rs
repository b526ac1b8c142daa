//! Advantages of one group, the responses sampled for the same prompt, and of a batch of groups.

use serde::{Deserialize, Serialize};

/// Added to the standard deviation in GRPO, as in the reference implementations (verl, TRL).
const GRPO_EPSILON: f64 = 1e-6;

/// Added to the variance in whitening, as in verl and TRL: what differs by rounding alone grows
/// by at most 1e4.
const WHITENING_EPSILON: f64 = 1e-8;

/// Mean and unbiased standard deviation (divisor n − 1) of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupStats {
    /// Arithmetic mean; 0 for an empty group.
    pub mean: f32,
    /// Unbiased standard deviation; 0 for fewer than two values.
    pub std: f32,
}

/// Mean and unbiased standard deviation of `x`, accumulated in f64.
///
/// Equal values give a standard deviation of exactly 0.
pub fn group_stats(x: &[f32]) -> GroupStats {
    let (mean, std) = moments(x);
    GroupStats {
        mean: mean as f32,
        std: std as f32,
    }
}

/// [`group_stats`] before rounding to f32.
pub(crate) fn moments(x: &[f32]) -> (f64, f64) {
    if x.is_empty() {
        return (0.0, 0.0);
    }
    let n = x.len() as f64;
    let mean = x.iter().copied().map(f64::from).sum::<f64>() / n;
    if x.len() == 1 {
        return (mean, 0.0);
    }
    // Two passes: the one-pass formula loses a constant group's exact zero.
    let squares: f64 = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// How the rewards of a group become advantages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdvantageKind {
    /// (r − mean) / (std + 1e-6), unbiased std (DeepSeekMath, arXiv 2402.03300, eq. 3).
    #[default]
    Grpo,
    /// (r − mean) / (std + 1e-6) with the standard deviation of divisor n: GRPO where a paper or
    /// its code takes the group for the whole population (TEMPO, arXiv 2509.18314).
    GrpoPopulation,
    /// r − mean, without the division that favours very easy and very hard prompts
    /// (Dr. GRPO, arXiv 2503.20783).
    DrGrpo,
    /// r − mean of the *other* rewards = n/(n−1)·(r − mean): an unbiased leave-one-out baseline
    /// (RLOO, arXiv 2402.14740).
    Rloo,
    /// r, whitened over the batch without any group (REINFORCE++, arXiv 2501.03262).
    ReinforcePlusPlus,
    /// r − mean of the group, whitened over the batch (REINFORCE++-baseline, same paper): unlike
    /// `Grpo`, an easy and a hard prompt are divided by the same number.
    ReinforcePlusPlusBaseline,
    /// r itself: plain REINFORCE.
    NoBaseline,
}

impl AdvantageKind {
    /// Whether an advantage depends on the other groups of the batch: such kinds need
    /// [`batch_advantages`].
    pub fn needs_batch(self) -> bool {
        matches!(
            self,
            Self::ReinforcePlusPlus | Self::ReinforcePlusPlusBaseline
        )
    }

    /// Advantages `[n]` of the rewards `[n]` of one group.
    ///
    /// Except with `NoBaseline`, a group of one and a group of equal rewards give exactly 0.0
    /// throughout: such a group carries no signal and must not move the weights.
    ///
    /// # Panics
    /// If the kind [needs the batch](Self::needs_batch).
    pub fn advantages(self, rewards: &[f32]) -> Vec<f32> {
        assert!(!self.needs_batch(), "{self:?} needs the whole batch");
        self.within_group(rewards).map(|a| a as f32).collect()
    }

    /// What the rewards of a group, less their baseline, are multiplied by before whitening: 1 over
    /// the spread where the kind divides by it.
    pub fn factor(self, rewards: &[f32]) -> f64 {
        let (n, std) = (rewards.len() as f64, moments(rewards).1);
        match self {
            Self::Grpo => 1.0 / (std + GRPO_EPSILON),
            Self::GrpoPopulation => 1.0 / (std * ((n - 1.0).max(0.0) / n).sqrt() + GRPO_EPSILON),
            Self::Rloo if rewards.len() < 2 => 0.0,
            Self::Rloo => n / (n - 1.0),
            Self::DrGrpo
            | Self::ReinforcePlusPlus
            | Self::ReinforcePlusPlusBaseline
            | Self::NoBaseline => 1.0,
        }
    }

    /// Advantages before whitening.
    fn within_group(self, rewards: &[f32]) -> impl Iterator<Item = f64> {
        let baseline = match self {
            Self::ReinforcePlusPlus | Self::NoBaseline => 0.0,
            _ => moments(rewards).0,
        };
        let factor = self.factor(rewards);
        let rewards = rewards.iter();
        rewards.map(move |&r| (f64::from(r) - baseline) * factor)
    }
}

/// Advantages of all groups of a step, in the shape of `groups` (the rewards).
///
/// The kinds that [need the batch](AdvantageKind::needs_batch) are whitened:
/// (a − mean) / √(var + 1e-8), with a from within the group and mean and unbiased variance over
/// the batch, each response weighted by its `lengths`, the tokens that carry loss. That is
/// whitening over *tokens*, as verl and OpenRLHF do it with their masks (OpenRLHF with the biased
/// variance), so that Σ over tokens of the advantage is 0. Without `lengths` every response counts
/// once. A batch of equal rewards gives exactly 0. The other kinds ignore `lengths`.
///
/// # Panics
/// If the shape of `lengths` differs from that of `groups`.
pub fn batch_advantages(
    kind: AdvantageKind,
    groups: &[&[f32]],
    lengths: Option<&[&[usize]]>,
) -> Vec<Vec<f32>> {
    if let Some(lengths) = lengths {
        let shape = |n: &mut dyn Iterator<Item = usize>| n.collect::<Vec<_>>();
        assert_eq!(
            shape(&mut lengths.iter().map(|l| l.len())),
            shape(&mut groups.iter().map(|g| g.len())),
            "lengths of another shape than the rewards"
        );
    }
    if !kind.needs_batch() {
        return groups.iter().map(|g| kind.advantages(g)).collect();
    }
    let raw: Vec<Vec<f64>> = groups
        .iter()
        .map(|g| kind.within_group(g).collect())
        .collect();
    let weight = |group: usize, i: usize| lengths.map_or(1.0, |l| l[group][i] as f64);
    let weighted = || {
        let groups = raw.iter().enumerate();
        groups.flat_map(move |(g, a)| a.iter().enumerate().map(move |(i, &a)| (a, weight(g, i))))
    };
    let (mean, factor) = whitening(weighted);
    raw.iter()
        .map(|group| group.iter().map(|a| ((a - mean) * factor) as f32).collect())
        .collect()
}

/// Whitens advantages of tokens over the batch in place: (a − mean) / √(var + 1e-8), unbiased
/// variance (PPO, as in verl and TRL). A batch of equal values becomes 0.
///
/// `advantages` holds a row of tokens per response. Where `mask` (of the same shape) is false, the
/// token takes no part in mean and variance and becomes 0; `None` is true throughout.
///
/// # Panics
/// If the shape of `mask` differs from that of `advantages`.
pub fn whiten(advantages: &mut [Vec<f32>], mask: Option<&[Vec<bool>]>) {
    if let Some(mask) = mask {
        assert_eq!(
            mask.iter().map(Vec::len).collect::<Vec<_>>(),
            advantages.iter().map(Vec::len).collect::<Vec<_>>(),
            "mask of another shape than the advantages"
        );
    }
    let kept = |row: usize, t: usize| mask.is_none_or(|mask| mask[row][t]);
    let (mean, factor) = whitening(|| {
        let rows = advantages.iter().enumerate();
        let tokens = rows.flat_map(|(i, row)| row.iter().enumerate().map(move |(t, &a)| (i, t, a)));
        tokens
            .filter(|&(i, t, _)| kept(i, t))
            .map(|(_, _, a)| (f64::from(a), 1.0))
    });
    for (i, row) in advantages.iter_mut().enumerate() {
        for (t, a) in row.iter_mut().enumerate() {
            let white = (f64::from(*a) - mean) * factor;
            *a = if kept(i, t) { white as f32 } else { 0.0 };
        }
    }
}

/// Mean and 1/√(var + 1e-8) of values with frequencies as weights.
fn whitening<I: Iterator<Item = (f64, f64)>>(values: impl Fn() -> I) -> (f64, f64) {
    let total: f64 = values().map(|(_, w)| w).sum();
    let mean = values().map(|(x, w)| w * x).sum::<f64>() / total.max(1.0);
    let squares: f64 = values().map(|(x, w)| w * (x - mean).powi(2)).sum();
    let variance = squares / (total - 1.0).max(1.0);
    (mean, 1.0 / (variance + WHITENING_EPSILON).sqrt())
}

#[cfg(test)]
mod tests;
