//! The algorithm of LaSeR and of its host (RLVR with GRPO), as pure functions on slices.
//!
//! Nothing here reads a file, holds a model, starts a thread or keeps state; randomness comes in
//! as a seed. Log-probabilities are natural logarithms (nats), rewards are 0 or 1 from a rule
//! verifier, scores are the self-rewarding scores r_s of LaSeR (arXiv 2510.14943).
//!
//! In the order in which a training step, and then an evaluation, uses them:
//!
//! | module | from | to |
//! |---|---|---|
//! | [`reward`] | lengths of responses | parts of the reward that shape the length |
//! | [`likelihood`] | log π of the gold answer after a response | its reward; the loss on the answer |
//! | [`selection`] | rewards, what was truncated | which groups and responses to learn from |
//! | [`token_reward`] | log π of a guide and of the base model | rewards of tokens |
//! | [`shaping`] | the rewards of a step | other rewards: brevity, win rates, likelihoods |
//! | [`advantage`] | the rewards of a group or batch | an advantage per response; whitening |
//! | [`critic`] | rewards and values per token | GAE; the value loss and its gradient |
//! | [`self_reward`] | log π(z_c) after the answer | the score, its regression loss, the advantage mix |
//! | [`credit`] | the advantage of a response | advantages of its tokens |
//! | [`preference`] | the responses of a group, in place of advantages | a pair, its loss and gradient |
//! | [`off_policy`] | log π of sampler and trainer | weights per token that correct for the difference |
//! | [`aggregation`] | the lengths of the whole step | the `scale` of each response's loss |
//! | [`loss`] | log-probabilities, advantages | policy loss, KL, NLL, each with its gradient `dlogp` |
//! | [`distillation`] | log p of student and teacher | a divergence and its gradient; who learns from the teacher |
//! | [`entropy`] | logits; the entropy of a step | reference gradient; an adaptive coefficient |
//! | [`average`] | weights | their moving average |
//! | [`verification`] | (score, correct, length) | TPR, TNR, F1, AUROC, ECE, Spearman |
//! | [`mod@calibration`] | the same | reliability bins and score histogram for a diagram |
//! | [`mod@self_certainty`] | logsumexp and mean of the logits | another score of a response |
//! | [`voting`] | k answers with scores | one answer; pass@k, maj@k, weighted@k, best@k, Borda; when to stop |
//! | [`selective`] | (confidence, correct) per problem | risk-coverage curve, AURC, a threshold for a precision |
//! | [`evaluation`] | problems with samples | every metric with a 95 % interval |
//!
//! One prompt with three responses, from rewards to the gradient of the first one:
//!
//! ```
//! use laser_rl::*;
//!
//! let rewards = [1.0, 0.0, 0.0];
//! let zc_logprobs = [Some(-14.0), Some(-23.0), None]; // the third was truncated
//!
//! let sr = SelfReward { beta_v: 0.1, c_ref: -23.0 };
//! let scores = zc_logprobs.map(|logp| logp.map(|logp| sr.score(logp)));
//! let verifier = AdvantageKind::Grpo.advantages(&rewards);
//! let advantages = mix_advantages(&AdvantageMix::default(), &verifier, &scores);
//! assert_eq!(advantages[2], verifier[2]);
//!
//! let logp = [-0.5, -1.25];
//! let mut dlogp = [0.0; 2];
//! let stats = ppo_clip(&PpoClip::default(), &logp, &logp, advantages[0], 0.5, &mut dlogp);
//! assert_eq!(dlogp, [-0.5 * advantages[0]; 2]);
//! assert_eq!(stats.clipped, 0);
//! ```
//!
//! A length that does not fit another is a programming error and panics; wrong numbers are
//! reported by [`loss::check_finite`], so that the inner loops stay free of checks.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod advantage;
pub mod aggregation;
pub mod average;
pub mod calibration;
pub mod credit;
pub mod critic;
pub mod distillation;
pub mod entropy;
pub mod evaluation;
pub mod likelihood;
pub mod loss;
pub mod off_policy;
pub mod preference;
pub mod reward;
pub mod selection;
pub mod selective;
pub mod self_certainty;
pub mod self_reward;
pub mod shaping;
pub mod token_reward;
pub mod verification;
pub mod voting;

mod bootstrap;
mod likeliest;
mod pooled;
mod prefix;
mod response;

pub use advantage::{AdvantageKind, GroupStats, batch_advantages, group_stats, whiten};
pub use aggregation::Aggregation;
pub use average::ema;
pub use bootstrap::{Estimate, mean, pooled_mean};
pub use calibration::{Calibration, Histogram, calibration};
pub use credit::{
    Credit, Denominator, DivergenceWeight, HiddenReward, InfluenceThreshold, PrefixOnly, Tempo,
    TempoScale, TokenStates, hidden_rewards, is_mixed, position_divergence, prediction_errors,
    prefix_values,
};
pub use critic::{Gae, ValueLossStats, explained_variance, gae, value_loss};
pub use distillation::{Branch, Distillation, Divergence, Lesson, Route, Support, dynamic_weights};
pub use entropy::{EntropyController, entropy_row};
pub use evaluation::{
    Abstention, AdaptiveAt, EvalOptions, Evaluation, Problem, Sample, SecondTurn, Selections,
    SelfVerification, evaluate, evaluate_selected,
};
pub use likeliest::likeliest;
pub use likelihood::Likelihood;
pub use loss::{
    AdaptiveKl, Advantages, KlKind, NonFinite, PolicyLoss, PolicyLossStats, PpoClip, ShapedNll,
    SupervisedLoss, check_finite, kl_in_reward, kl_penalty, nll, ppo_clip,
};
pub use off_policy::{ImportanceStats, ImportanceWeights, RatioBound, RatioLevel};
pub use preference::{Consistency, Pair, PairBy, PairLoss, PairReference, Preference, TokenWeight};
pub use prefix::PrefixSchedule;
pub use response::ResponseView;
pub use reward::{length_reward, soft_overlong_penalty};
pub use selection::{Refill, RefillStep, is_informative, without_truncated};
pub use selective::{Prediction, RiskCoverage, Threshold, precision_threshold, risk_coverage};
pub use self_certainty::{mean_self_certainty, self_certainty};
pub use self_reward::{
    AdvantageMix, ClassWeights, SelfReward, WarmUp, mix_advantages, partition_excess,
    self_reward_cross_entropy, self_reward_mse, smallest_beta_v,
};
pub use shaping::{
    CoReward, Compared, Endogenous, GrpoLambda, LossWeights, MethodError, Passes,
    PreferenceAsReward, SelfAligned, SelfCorrection, Shaping, WinRate, majority,
    self_aligned_reward,
};
pub use token_reward::{GuideReward, TokenReward};
pub use verification::{JudgeMetrics, Judged, ReliabilityBin};
pub use voting::{
    Adaptive, Answer, AtK, Choice, Decision, Method, VoteRules, Votes, Weights, at_k, choose,
    most_trusted,
};
