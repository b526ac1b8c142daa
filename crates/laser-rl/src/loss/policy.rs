//! Policy losses: one surrogate per variant of [`PolicyLoss`].

use serde::{Deserialize, Serialize};

use super::{ratio_minus_one, same_length};

/// The clipped surrogate of PPO (arXiv 1707.06347, eq. 7) with separate bounds (DAPO's
/// "clip-higher", arXiv 2503.14476) and the dual clip (arXiv 1912.09729).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PpoClip {
    /// The ratio ρ is clipped from below at 1 − `clip_low`.
    pub clip_low: f32,
    /// The ratio ρ is clipped from above at 1 + `clip_high`.
    pub clip_high: f32,
    /// Bound c > 1 on ρ where the advantage is negative; `None` leaves that side unbounded.
    pub dual_clip: Option<f32>,
}

impl Default for PpoClip {
    /// 0.2 on both sides, dual clip at 3: the setting of the LaSeR scripts.
    fn default() -> Self {
        Self {
            clip_low: 0.2,
            clip_high: 0.2,
            dual_clip: Some(3.0),
        }
    }
}

/// What [`PolicyLoss::apply`] saw; sums over tokens, so that responses and micro-batches add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PolicyLossStats {
    /// Scaled loss.
    pub loss: f64,
    /// Tokens whose gradient a clip (either bound, or the dual clip) took away. With CISPO, which
    /// keeps every gradient: tokens whose ratio was clipped.
    pub clipped: usize,
    /// Those of them that the lower bound clipped.
    pub clipped_low: usize,
    /// Those of them that the upper bound clipped; the rest is the dual clip's.
    pub clipped_high: usize,
    /// Response tokens.
    pub tokens: usize,
    /// Unscaled sum of the k3 estimates of KL(π_old ‖ π_θ), nats.
    pub approx_kl_sum: f64,
    /// Sum of ρ − 1 over the tokens, with GSPO too: of the token's own ratio.
    pub ratio_excess_sum: f64,
    /// Smallest ratio ρ of a token, with GSPO too; 0 without tokens.
    pub ratio_min: f32,
    /// Largest ratio ρ of a token, with GSPO too; 0 without tokens.
    pub ratio_max: f32,
}

impl PolicyLossStats {
    /// Takes the numbers of another response or micro-batch in.
    pub fn merge(&mut self, other: Self) {
        // The 0 of no tokens is not the smallest ratio of anything.
        self.ratio_min = match (self.tokens, other.tokens) {
            (0, _) => other.ratio_min,
            (_, 0) => self.ratio_min,
            _ => self.ratio_min.min(other.ratio_min),
        };
        self.loss += other.loss;
        self.clipped += other.clipped;
        self.clipped_low += other.clipped_low;
        self.clipped_high += other.clipped_high;
        self.tokens += other.tokens;
        self.approx_kl_sum += other.approx_kl_sum;
        self.ratio_excess_sum += other.ratio_excess_sum;
        self.ratio_max = self.ratio_max.max(other.ratio_max);
    }

    /// Share of tokens that were clipped; 0 without tokens.
    pub fn clip_fraction(&self) -> f64 {
        self.clipped as f64 / self.tokens.max(1) as f64
    }

    /// Share of tokens that the lower bound clipped; 0 without tokens.
    pub fn clip_fraction_low(&self) -> f64 {
        self.clipped_low as f64 / self.tokens.max(1) as f64
    }

    /// Share of tokens that the upper bound clipped; 0 without tokens.
    pub fn clip_fraction_high(&self) -> f64 {
        self.clipped_high as f64 / self.tokens.max(1) as f64
    }

    /// Mean ratio ρ of the tokens; 1 without tokens.
    pub fn ratio_mean(&self) -> f64 {
        1.0 + self.ratio_excess_sum / self.tokens.max(1) as f64
    }

    /// Mean k3 estimate of KL(π_old ‖ π_θ) per token, nats; 0 without tokens.
    pub fn approx_kl(&self) -> f64 {
        self.approx_kl_sum / self.tokens.max(1) as f64
    }
}

/// Advantages of the tokens of one response.
#[derive(Clone, Copy, Debug)]
pub enum Advantages<'a> {
    /// One for all tokens: an outcome reward with a group or batch baseline.
    Response(f32),
    /// One per token: a critic, or KL in the reward.
    Tokens(&'a [f32]),
}

impl Advantages<'_> {
    fn at(&self, token: usize) -> f64 {
        f64::from(match self {
            Self::Response(a) => *a,
            Self::Tokens(a) => a[token],
        })
    }
}

/// A policy loss. With ρ_t = exp(logp_t − old_t), A_t the advantage and sg the stop-gradient, the
/// loss of a response is scale · Σ_t w_t · term_t; the variants are the terms.
///
/// Dr. GRPO is [`PpoClip`] with [`AdvantageKind::DrGrpo`](crate::AdvantageKind) and a constant
/// [`Aggregation`](crate::Aggregation); DAPO is [`PpoClip`] with `clip_high` > `clip_low`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyLoss {
    /// max(−A_t ρ_t, −A_t clip(ρ_t)), with the dual clip: see [`ppo_clip`].
    PpoClip(PpoClip),
    /// max(−A_t s, −A_t clip(s, 1 − low, 1 + high)) with the one ratio of the response
    /// s = exp(mean_t (logp_t − old_t)) (GSPO, arXiv 2507.18071, eq. 5–7).
    ///
    /// The gradient goes through s, so it is the same for every token of the response. The paper
    /// averages over responses, which is `Aggregation::SequenceMeanTokenMean`, and clips at 3e-4
    /// below and 4e-4 above.
    Gspo {
        /// s is clipped from below at 1 − this.
        clip_low: f32,
        /// s is clipped from above at 1 + this.
        clip_high: f32,
    },
    /// GSPO-token (arXiv 2507.18071, section 4.3): the value of [`Gspo`](Self::Gspo) with
    /// s_t = sg(s) · π_t / sg(π_t), so that each token gets the gradient of its own advantage.
    /// The same as `Gspo` when all tokens share one advantage and one weight; it is what verl
    /// computes under the name of GSPO.
    GspoToken {
        /// s is clipped from below at 1 − this.
        clip_low: f32,
        /// s is clipped from above at 1 + this.
        clip_high: f32,
    },
    /// −sg(clip(ρ_t)) · A_t · logp_t (CISPO, MiniMax-M1, arXiv 2506.13585): the clip bounds the
    /// weight of a token and never takes its gradient away.
    Cispo {
        /// ρ is clipped from below at 1 − this; `None` leaves that side open, as in the paper's
        /// runs.
        clip_low: Option<f32>,
        /// ρ is clipped from above at 1 + this (as in the paper and verl; TRL's `epsilon_high` is
        /// the bound itself).
        clip_high: f32,
    },
    /// −A_t · logp_t: the plain policy gradient (Williams 1992). Right only on policy.
    Reinforce,
}

impl Default for PolicyLoss {
    fn default() -> Self {
        Self::PpoClip(PpoClip::default())
    }
}

/// One token as a loss sees it.
struct Token {
    logp: f64,
    /// ρ and its derivative by logp.
    ratio: f64,
    slope: f64,
    advantage: f64,
    /// scale · w_t.
    scale: f64,
}

/// What a loss makes of a token.
struct Term {
    /// Without scale and weight.
    value: f64,
    /// By logp, with scale and weight; `None` leaves `dlogp` as it is.
    gradient: Option<f64>,
    clipped: Option<Bound>,
}

/// The bound that clipped a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Low,
    High,
    Dual,
}

impl Bound {
    /// The one of the two bounds that a ratio lies beyond, if it was clipped at all.
    fn of(ratio: f64, clipped: bool) -> Option<Self> {
        clipped.then_some(if ratio < 1.0 { Bound::Low } else { Bound::High })
    }
}

impl PolicyLoss {
    /// Loss of one response; `dlogp[t]` grows by scale · w_t · ∂ term_t / ∂ logp_t.
    ///
    /// `logp`, `old`, `weight` and `dlogp` are `[tokens]`, log-probabilities in nats. `weight` are
    /// constants that multiply the term of a token, such as
    /// [`ImportanceWeights`](crate::ImportanceWeights); `None` is 1 throughout. The counts in the
    /// result are not weighted: a token of weight 0 is still a token.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn apply(
        &self,
        logp: &[f32],
        old: &[f32],
        advantages: Advantages<'_>,
        weight: Option<&[f32]>,
        scale: f64,
        dlogp: &mut [f32],
    ) -> PolicyLossStats {
        same_length("old", old.len(), logp.len());
        same_length("dlogp", dlogp.len(), logp.len());
        if let Advantages::Tokens(a) = advantages {
            same_length("advantages", a.len(), logp.len());
        }
        if let Some(weight) = weight {
            same_length("weight", weight.len(), logp.len());
        }
        let response = Response {
            logp,
            old,
            advantages,
            weight,
            scale,
        };
        match *self {
            Self::PpoClip(cfg) => response.sum(dlogp, |token| cfg.term(token)),
            Self::Gspo {
                clip_low,
                clip_high,
            } => response.gspo([clip_low, clip_high], dlogp),
            Self::GspoToken {
                clip_low,
                clip_high,
            } => {
                let (s, slope) = response.sequence_ratio();
                let bounds = [clip_low, clip_high];
                response.sum(dlogp, |token| clipped_term(token, s, slope, bounds))
            }
            Self::Cispo {
                clip_low,
                clip_high,
            } => {
                let low = clip_low.map_or(0.0, |low| 1.0 - f64::from(low));
                let high = 1.0 + f64::from(clip_high);
                response.sum(dlogp, |token| {
                    let clipped = token.ratio.max(low).min(high);
                    Term {
                        value: -clipped * token.advantage * token.logp,
                        gradient: Some(token.scale * -token.advantage * clipped),
                        clipped: Bound::of(token.ratio, clipped != token.ratio),
                    }
                })
            }
            Self::Reinforce => response.sum(dlogp, |token| Term {
                value: -token.advantage * token.logp,
                gradient: Some(token.scale * -token.advantage),
                clipped: None,
            }),
        }
    }
}

impl PpoClip {
    fn term(&self, token: &Token) -> Term {
        let bounds = [self.clip_low, self.clip_high];
        let mut term = clipped_term(token, token.ratio, token.slope, bounds);
        if let Some(c) = self.dual_clip
            && token.advantage < 0.0
        {
            let bound = -token.advantage * f64::from(c);
            if -token.advantage * token.ratio > bound {
                term.gradient = None;
                term.clipped = Some(Bound::Dual);
            }
            term.value = term.value.min(bound);
        }
        term
    }
}

/// max(−A r, −A clip(r)) with r and its derivative by logp.
fn clipped_term(token: &Token, ratio: f64, slope: f64, [low, high]: [f32; 2]) -> Term {
    let a = token.advantage;
    let plain = -a * ratio;
    let clipped = -a * ratio.max(1.0 - f64::from(low)).min(1.0 + f64::from(high));
    // On the bounds themselves the token still counts as unclipped, as in PyTorch's clamp.
    let active = plain >= clipped;
    Term {
        value: plain.max(clipped),
        gradient: active.then(|| token.scale * -a * slope),
        clipped: Bound::of(ratio, !active),
    }
}

/// The arguments of [`PolicyLoss::apply`], of equal lengths.
struct Response<'a> {
    logp: &'a [f32],
    old: &'a [f32],
    advantages: Advantages<'a>,
    weight: Option<&'a [f32]>,
    scale: f64,
}

impl Response<'_> {
    fn weight(&self, token: usize) -> f64 {
        self.weight.map_or(1.0, |weight| f64::from(weight[token]))
    }

    fn sum(&self, dlogp: &mut [f32], mut term: impl FnMut(&Token) -> Term) -> PolicyLossStats {
        let mut stats = PolicyLossStats {
            tokens: self.logp.len(),
            ratio_min: if self.logp.is_empty() {
                0.0
            } else {
                f32::INFINITY
            },
            ..PolicyLossStats::default()
        };
        let mut sum = 0.0;
        for (t, grad) in dlogp.iter_mut().enumerate() {
            let logp = f64::from(self.logp[t]);
            let log_ratio = logp - f64::from(self.old[t]);
            let (excess, slope) = ratio_minus_one(log_ratio);
            let weight = self.weight(t);
            let token = Token {
                logp,
                ratio: 1.0 + excess,
                slope,
                advantage: self.advantages.at(t),
                scale: self.scale * weight,
            };
            let term = term(&token);
            sum += weight * term.value;
            if let Some(gradient) = term.gradient {
                *grad += gradient as f32;
            }
            stats.clipped += usize::from(term.clipped.is_some());
            stats.clipped_low += usize::from(term.clipped == Some(Bound::Low));
            stats.clipped_high += usize::from(term.clipped == Some(Bound::High));
            stats.approx_kl_sum += excess - log_ratio;
            stats.ratio_excess_sum += excess;
            stats.ratio_min = stats.ratio_min.min(token.ratio as f32);
            stats.ratio_max = stats.ratio_max.max(token.ratio as f32);
        }
        stats.loss = self.scale * sum;
        stats
    }

    /// s and its derivative by the mean log-ratio; 1 without tokens.
    fn sequence_ratio(&self) -> (f64, f64) {
        let rows = self.logp.iter().zip(self.old);
        let sum: f64 = rows
            .map(|(&new, &old)| f64::from(new) - f64::from(old))
            .sum();
        let (excess, slope) = ratio_minus_one(sum / self.logp.len().max(1) as f64);
        (1.0 + excess, slope)
    }

    fn gspo(&self, bounds: [f32; 2], dlogp: &mut [f32]) -> PolicyLossStats {
        let (s, slope) = self.sequence_ratio();
        // Every term moves s, and s moves with every token alike: d s / d logp_t = s / tokens.
        let mut gradient = 0.0;
        let stats = self.sum(dlogp, |token| {
            let mut term = clipped_term(token, s, slope, bounds);
            gradient += term.gradient.take().unwrap_or(0.0);
            term
        });
        for grad in dlogp.iter_mut() {
            *grad += (gradient / self.logp.len() as f64) as f32;
        }
        stats
    }
}

/// Clipped policy loss of one response with one advantage A for all its tokens.
///
/// With ρ_t = exp(logp_t − old_t):
/// loss = scale · Σ_t max(−A ρ_t, −A clip(ρ_t, 1 − low, 1 + high)), and with dual clip c and
/// A < 0, the smaller of that and −A c. `dlogp[t]` grows by scale · ∂/∂logp_t.
///
/// `logp`, `old` and `dlogp` are `[tokens]`, in nats. [`PolicyLoss::PpoClip`] also takes an
/// advantage and a weight per token.
///
/// # Panics
/// If the three lengths differ.
pub fn ppo_clip(
    cfg: &PpoClip,
    logp: &[f32],
    old: &[f32],
    advantage: f32,
    scale: f64,
    dlogp: &mut [f32],
) -> PolicyLossStats {
    let advantages = Advantages::Response(advantage);
    PolicyLoss::PpoClip(*cfg).apply(logp, old, advantages, None, scale, dlogp)
}

#[cfg(test)]
mod tests;
