//! Credits that compare the states of a group, against PyTorch; `golden/README.md` defines the
//! numbers.

mod common;

use approx::assert_relative_eq;
use common::{assert_close, cases};
use laser_rl::*;
use serde::Deserialize;

type Rows<T> = Vec<Vec<T>>;

/// Several roundings to f32 of numbers of a size near 1.
fn assert_near(name: &str, found: &Rows<f32>, expected: &Rows<f64>) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len(), "{name}");
        for (f, e) in found.iter().zip(expected) {
            let error = (f64::from(*f) - e).abs();
            assert!(error < 1e-6 * (1.0 + e.abs()), "{name} {f} {e}");
        }
    }
}

/// Loss and gradient of the clipped surrogate on advantages of tokens.
fn surrogate(
    clip: PpoClip,
    logp: &Rows<f32>,
    old: &Rows<f32>,
    tokens: &Rows<f32>,
) -> (f64, Rows<f32>) {
    let lengths: Vec<usize> = logp.iter().map(Vec::len).collect();
    let scales = Aggregation::TokenMean.scales(&lengths);
    let mut loss = 0.0;
    let mut gradients = Rows::new();
    for (i, scale) in scales.iter().enumerate() {
        let mut dlogp = vec![0.0; lengths[i]];
        let advantages = Advantages::Tokens(&tokens[i]);
        let stats = PolicyLoss::PpoClip(clip)
            .apply(&logp[i], &old[i], advantages, None, *scale, &mut dlogp);
        loss += stats.loss;
        gradients.push(dlogp);
    }
    (loss, gradients)
}

#[derive(Deserialize)]
struct Influence {
    name: String,
    vocabulary: usize,
    width: usize,
    ids: Rows<u32>,
    correct: Vec<bool>,
    hidden: Rows<f32>,
    distributions: Rows<f32>,
    influence: Rows<f64>,
    columns: Vec<u32>,
    restricted: Rows<f64>,
    logp: Rows<f32>,
    old_logp: Rows<f32>,
    results: Vec<Credited>,
}

#[derive(Deserialize)]
struct Credited {
    threshold: Option<InfluenceThreshold>,
    p: f64,
    advantages: Rows<f64>,
    loss: f64,
    dlogp: Rows<f64>,
}

/// THR of a case with the errors at some ids.
fn influence(c: &Influence, columns: &[u32]) -> Rows<f32> {
    let rows = c.ids.iter().zip(&c.distributions);
    let errors = rows.map(|(ids, distributions)| {
        let mut errors = Vec::new();
        for (id, logp) in ids.iter().zip(distributions.chunks(c.vocabulary)) {
            prediction_errors(logp, columns, *id, &mut errors);
        }
        errors
    });
    let errors: Rows<f32> = errors.collect();
    let rows = errors.iter().zip(&c.hidden).zip(&c.correct);
    let group: Vec<TokenStates> = rows
        .map(|((errors, hidden), correct)| TokenStates {
            errors,
            hidden,
            correct: *correct,
        })
        .collect();
    hidden_rewards(&group, columns.len(), c.width)
}

#[test]
fn hidden_rewards_equal_the_inner_products_of_the_heads_gradients() {
    for c in cases::<Influence>(include_str!("golden/thr.json")) {
        let all: Vec<u32> = (0..c.vocabulary as u32).collect();
        let found = influence(&c, &all);
        assert_near(&c.name, &found, &c.influence);
        assert_near(&c.name, &influence(&c, &c.columns), &c.restricted);
        let rewards: Vec<f32> = c.correct.iter().map(|c| f32::from(u8::from(*c))).collect();
        let rows = c.ids.iter().zip(&c.correct).zip(&found);
        let group: Vec<ResponseView> = rows
            .map(|((ids, correct), influence)| ResponseView {
                ids,
                correct: *correct,
                influence,
                ..ResponseView::default()
            })
            .collect();
        for r in &c.results {
            let credit = Credit::HiddenReward(HiddenReward {
                p: r.p,
                threshold: r.threshold,
            });
            let rows = c.ids.iter().zip(AdvantageKind::Grpo.advantages(&rewards));
            let mut tokens: Rows<f32> = rows.map(|(ids, a)| vec![a; ids.len()]).collect();
            credit.apply(AdvantageKind::Grpo, &group, &rewards, &mut tokens);
            let name = format!("{} {credit:?}", c.name);
            assert_near(&name, &tokens, &r.advantages);
            // All ratios lie within the bounds.
            let (loss, dlogp) = surrogate(PpoClip::default(), &c.logp, &c.old_logp, &tokens);
            assert_relative_eq!(loss, r.loss, epsilon = 1e-6);
            assert_near(&name, &dlogp, &r.dlogp);
        }
    }
}

#[derive(Deserialize)]
struct Weighted {
    name: String,
    vocabulary: usize,
    alpha: f64,
    clip_low: f32,
    clip_high: f32,
    rewards: Vec<f32>,
    distributions: Rows<f32>,
    divergence: Vec<f64>,
    weights: Vec<f64>,
    logp: Rows<f32>,
    old_logp: Rows<f32>,
    loss: f64,
    dlogp: Rows<f64>,
}

#[test]
fn the_loss_on_weighted_advantages_is_the_weighted_loss() {
    for c in cases::<Weighted>(include_str!("golden/tw_grpo.json")) {
        let size = c.rewards.len();
        let found = (0..c.divergence.len()).map(|t| {
            let at = |row: &Vec<f32>| row.chunks(c.vocabulary).nth(t).map(<[f32]>::to_vec);
            let rows: Rows<f32> = c.distributions.iter().filter_map(at).collect();
            position_divergence(&rows.concat(), c.vocabulary, size) as f32
        });
        let positions: Vec<f32> = found.collect();
        assert_close(&c.name, &positions, &c.divergence);
        let ids = vec![1; positions.len()];
        let group: Vec<ResponseView> = c
            .logp
            .iter()
            .map(|row| ResponseView {
                ids: &ids[..row.len()],
                divergence: &positions[..row.len()],
                ..ResponseView::default()
            })
            .collect();
        let credit = Credit::Divergence(DivergenceWeight { alpha: c.alpha });
        let kind = AdvantageKind::Grpo;
        let mut ones: Rows<f32> = c.logp.iter().map(|row| vec![1.0; row.len()]).collect();
        credit.apply(kind, &group, &c.rewards, &mut ones);
        let weights = c.logp.iter().map(|row| c.weights[..row.len()].to_vec());
        assert_near(&c.name, &ones, &weights.collect());
        let rows = c.logp.iter().zip(kind.advantages(&c.rewards));
        let mut tokens: Rows<f32> = rows.map(|(row, a)| vec![a; row.len()]).collect();
        credit.apply(kind, &group, &c.rewards, &mut tokens);
        let clip = PpoClip {
            clip_low: c.clip_low,
            clip_high: c.clip_high,
            dual_clip: None,
        };
        let (loss, dlogp) = surrogate(clip, &c.logp, &c.old_logp, &tokens);
        assert_relative_eq!(loss, c.loss, epsilon = 1e-6);
        assert_near(&c.name, &dlogp, &c.dlogp);
    }
}
