//! log π_ref(z_c) of the base model: the constant of the self-reward, and whether the score that
//! rests on it means anything.

use laser_rl::SelfReward;
use laser_rollout::Sampling;

use crate::TrainError;
use crate::model::{MAX_SCORE_NOISE, TokenReference};
use crate::recipe::{CRef, SelfRewarding};
use crate::trainer::{Stream, Trainer};

/// Distance of a given c_ref from the measured mean, in nats, above which it is doubtful.
const MAX_C_REF_ERROR: f32 = 1.0;

impl Trainer {
    /// log π(z_c) of the current weights after their own responses, nats; those that were
    /// truncated have none.
    pub(crate) fn reference_logps(&self) -> Result<Vec<f32>, TrainError> {
        let stream = Stream::Calibrate.seed(self.recipe.seed);
        let pairs = self.recipe.self_reward.calibration_pairs;
        let problems = self.problems(stream, 0, pairs)?;
        let groups = self.respond(&problems, 1, [stream, 0], Sampling::default())?;
        Ok(groups
            .iter()
            .flat_map(|(_, g)| g.iter().filter_map(|l| l.response.self_logprob))
            .collect())
    }
}

/// What the base model says of z_c, at the recipe's β_v.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reference {
    token: TokenReference,
    /// Mean of log π_ref(z_c), nats.
    pub mean: f32,
    /// Its standard deviation, nats.
    pub std: f32,
    /// Z − 1 of the verification objective.
    excess: f64,
    /// What the spread of log π_ref(z_c) alone puts on the score.
    noise: f64,
}

impl Reference {
    /// Measures `logps`, in nats; nothing if they are too few and the score is not trained on.
    ///
    /// # Errors
    /// When they are too few and it is.
    pub(crate) fn measure(logps: &[f32], s: &SelfRewarding) -> Result<Option<Self>, TrainError> {
        let Some(token) = TokenReference::measure(logps) else {
            if !s.trains() {
                return Ok(None);
            }
            return Err(TrainError::SelfReward(format!(
                "only {} of {} responses of the base model ended by themselves, too few to measure log π_ref(z_c); \
                 raise rollout.max_new_tokens or warm_start.steps",
                logps.len(),
                s.calibration_pairs
            )));
        };
        Ok(Some(Reference {
            mean: token.mean,
            std: token.std,
            excess: token.partition_excess(s.beta_v),
            noise: token.noise(s.beta_v),
            token,
        }))
    }

    /// One line for the user.
    pub(crate) fn note(&self) -> String {
        format!(
            "log π_ref(z_c) = {:.2} ± {:.3} over {} responses; Z − 1 = {:.1e}, built-in noise of the score {:.3}",
            self.mean, self.std, self.token.pairs, self.excess, self.noise
        )
    }

    /// The scoring rule.
    ///
    /// # Errors
    /// When the score is trained on and log Z ≈ 0 does not hold.
    pub(crate) fn rule(&self, s: &SelfRewarding) -> Result<SelfReward, TrainError> {
        if s.trains() && self.excess > s.max_partition_excess && !s.allow_partition_excess {
            return Err(TrainError::SelfReward(format!(
                "self_reward.beta_v = {}: π_ref(z_c)·(e^(1/β_v) − 1) = {:.1e} on the base model exceeds \
                 self_reward.max_partition_excess = {:.0e}, so log Z ≈ 0 does not hold and the score means nothing; \
                 raise beta_v to at least {:.3}, lower warm_start.self_reward_logp, or set self_reward.allow_partition_excess = true",
                s.beta_v,
                self.excess,
                s.max_partition_excess,
                self.token.smallest_beta_v(s.max_partition_excess)
            )));
        }
        Ok(SelfReward {
            beta_v: s.beta_v,
            c_ref: match s.c_ref {
                CRef::Given(c) => c,
                CRef::Measured(_) => self.mean - s.initial_score / s.beta_v,
            },
        })
    }

    /// Whether a constant would put more noise on the score than is good for it.
    pub(crate) fn is_noisy(std: f32, beta_v: f32) -> bool {
        f64::from(std) * f64::from(beta_v) > MAX_SCORE_NOISE
    }

    /// What makes the score doubtful, a line each.
    pub(crate) fn warnings(&self, s: &SelfRewarding) -> Vec<String> {
        let mut warnings = Vec::new();
        if let CRef::Given(c) = s.c_ref
            && (c - self.mean).abs() > MAX_C_REF_ERROR
        {
            warnings.push(format!(
                "warning: self_reward.c_ref = {c} is {:.1} nats off the base model's mean {:.2}, so scores begin around {:.2} \
                 instead of 0; \"measure\" measures it",
                (c - self.mean).abs(),
                self.mean,
                s.beta_v * (self.mean - c)
            ));
        }
        if self.noise > MAX_SCORE_NOISE && s.is_open() {
            warnings.push(format!(
                "log π_ref(z_c) varies so much that a constant c_ref alone would put a noise of {:.3} on the score (more than {MAX_SCORE_NOISE}): \
                 the base model's own log-probability of each response is taken instead",
                self.noise
            ));
        } else if self.noise > MAX_SCORE_NOISE && !s.per_response() {
            warnings.push(format!(
                "warning: log π_ref(z_c) varies so much that the constant c_ref alone puts a noise of {:.3} on the score \
                 (more than {MAX_SCORE_NOISE}); raise warm_start.self_reward_weight, or set self_reward.c_ref = \"auto\"",
                self.noise
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(c_ref: f32, alpha: f64) -> SelfRewarding {
        SelfRewarding {
            c_ref: CRef::Given(c_ref),
            alpha,
            tau: 0.0,
            ..SelfRewarding::default()
        }
    }

    #[test]
    fn too_few_responses_matter_only_when_the_score_is_trained_on() {
        let measure = |alpha| Reference::measure(&[-15.0], &settings(-15.0, alpha));
        assert!(measure(0.0).unwrap().is_none());
        assert!(matches!(measure(1.0), Err(TrainError::SelfReward(_))));
    }

    #[test]
    fn a_given_constant_far_from_the_measured_mean_is_warned_of() {
        let warnings = |c_ref| {
            let s = settings(c_ref, 1.0);
            let reference = Reference::measure(&[-15.1, -14.9], &s).unwrap().unwrap();
            assert_eq!(reference.rule(&s).unwrap().c_ref, c_ref);
            reference.warnings(&s)
        };
        assert!(warnings(-14.5).is_empty() && warnings(-15.9).is_empty());
        for c_ref in [-13.5, -16.5] {
            let warning = warnings(c_ref).join("\n");
            assert!(
                warning.starts_with("warning: self_reward.c_ref") && warning.contains("1.5 nats"),
                "{warning}"
            );
        }
    }

    #[test]
    fn a_measured_constant_puts_the_untrained_score_where_it_was_asked_for() {
        for initial_score in [0.0, 0.5] {
            let s = SelfRewarding {
                initial_score,
                ..SelfRewarding::default()
            };
            let reference = Reference::measure(&[-15.1, -14.9], &s).unwrap().unwrap();
            let score = reference.rule(&s).unwrap().score(-15.0);
            assert!((score - initial_score).abs() < 1e-5, "{score}");
            assert!(reference.warnings(&s).is_empty());
        }
    }
}
