//! Pair losses, rank correlations and token rewards against PyTorch and SciPy; `golden/README.md`
//! defines the numbers.

mod common;

use approx::assert_relative_eq;
use common::{assert_close, cases};
use laser_rl::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Response {
    reference: Vec<f32>,
    logp: Vec<f32>,
    guide: Vec<f32>,
}

#[derive(Deserialize)]
struct PairCase {
    name: String,
    chosen: Response,
    rejected: Response,
    results: Vec<PairResult>,
}

#[derive(Deserialize)]
struct PairResult {
    beta: f64,
    alpha: f64,
    consistency: f64,
    margin: f64,
    loss: f64,
    dchosen: Vec<f64>,
    drejected: Vec<f64>,
}

#[test]
fn pair_losses_and_their_gradients_equal_the_golden_ones() {
    for c in cases::<PairCase>(include_str!("golden/preference.json")) {
        let view = |r: &Response| -> Vec<Vec<f32>> { vec![r.reference.clone(), r.guide.clone()] };
        let rows = [view(&c.chosen), view(&c.rejected)];
        let responses = [0, 1].map(|i| ResponseView {
            reference: &rows[i][0],
            guide: &rows[i][1],
            ..ResponseView::default()
        });
        for r in &c.results {
            let of = |token_weight| Preference {
                beta: r.beta,
                reference: PairReference::Base,
                token_weight,
                ..Preference::default()
            };
            let alpha = r.alpha;
            let with = of(Some(TokenWeight { alpha }));
            // α = 0 is DPO or CREAM, for which nothing of a guide is there.
            let forms = if alpha == 0.0 {
                vec![with, of(None)]
            } else {
                vec![with]
            };
            for form in forms {
                let mut chosen = vec![0.0; c.chosen.logp.len()];
                let mut rejected = vec![0.0; c.rejected.logp.len()];
                let found = form.loss(
                    r.consistency,
                    [&responses[0], &responses[1]],
                    [&c.chosen.logp, &c.rejected.logp],
                    1.0,
                    [&mut chosen, &mut rejected],
                );
                assert_relative_eq!(found.margin, r.margin, epsilon = 1e-12, max_relative = 1e-9);
                assert_relative_eq!(found.loss, r.loss, epsilon = 1e-12, max_relative = 1e-9);
                assert_close(&c.name, &chosen, &r.dchosen);
                assert_close(&c.name, &rejected, &r.drejected);
            }
        }
    }
}

#[derive(Deserialize)]
struct RankingCase {
    name: String,
    now: Vec<f64>,
    before: Vec<f64>,
    tau: Option<f64>,
    consistency: Option<f64>,
}

#[test]
fn rank_correlations_equal_the_golden_ones() {
    for c in cases::<RankingCase>(include_str!("golden/rankings.json")) {
        let tau = preference::kendall_tau(&c.now, &c.before);
        assert_eq!(tau.is_some(), c.tau.is_some(), "{}", c.name);
        if let (Some(tau), Some(expected), Some(rate)) = (tau, c.tau, c.consistency) {
            assert_relative_eq!(tau, expected, epsilon = 1e-12);
            let found = Consistency::Prompt.rates(&[Some(tau)]);
            assert_relative_eq!(found[0], rate, epsilon = 1e-12);
        }
    }
}

#[derive(Deserialize)]
struct TokenCase {
    name: String,
    beta: f64,
    clip: f64,
    kl: f64,
    gamma: f32,
    lambda: f32,
    responses: Vec<TokenRow>,
}

#[derive(Deserialize)]
struct TokenRow {
    base: Vec<f32>,
    guide: Vec<f32>,
    old: Vec<f32>,
    values: Vec<f32>,
    outcome: f32,
    dense: Vec<f64>,
    rewards: Vec<f64>,
    advantages: Vec<f64>,
    returns: Vec<f64>,
}

#[test]
fn token_rewards_and_the_advantages_from_them_equal_the_golden_ones() {
    // Sums of a few f32 that may cancel.
    let near = |name: &str, found: &[f32], expected: &[f64]| {
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert!((f64::from(*f) - e).abs() < 2e-6, "{name}: {f} {e}");
        }
    };
    for c in cases::<TokenCase>(include_str!("golden/token_rewards.json")) {
        let token_reward = TokenReward::Guide(GuideReward {
            beta: c.beta,
            clip: c.clip,
        });
        for r in &c.responses {
            let view = ResponseView {
                reference: &r.base,
                guide: &r.guide,
                ..ResponseView::default()
            };
            let mut dense = vec![0.0; r.base.len()];
            token_reward.apply(&view, &mut dense);
            assert_close(&c.name, &dense, &r.dense);
            let mut rewards = kl_in_reward(KlKind::K1, &r.old, &r.base, c.kl);
            token_reward.apply(&view, &mut rewards);
            if let Some(last) = rewards.last_mut() {
                *last += r.outcome;
            }
            near(&c.name, &rewards, &r.rewards);
            let (gamma, lambda) = (c.gamma, c.lambda);
            let (advantages, returns) = gae(&Gae { gamma, lambda }, &rewards, &r.values, 0.0);
            near(&c.name, &advantages, &r.advantages);
            near(&c.name, &returns, &r.returns);
        }
    }
}
