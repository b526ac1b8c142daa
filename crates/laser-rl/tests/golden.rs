//! Values and gradients against PyTorch, scikit-learn and SciPy; `golden/README.md` defines them.

mod common;

use approx::assert_relative_eq;
use common::{assert_close, cases};
use laser_rl::verification::JudgeMetrics;
use laser_rl::voting::pass_at_k;
use laser_rl::*;
use serde::Deserialize;

#[test]
fn advantages_equal_the_golden_ones() {
    #[derive(Deserialize)]
    struct Case {
        name: String,
        rewards: Vec<Vec<f32>>,
        grpo: Vec<Vec<f64>>,
        dr_grpo: Vec<Vec<f64>>,
        rloo: Vec<Vec<f64>>,
    }
    for c in cases::<Case>(include_str!("golden/advantages.json")) {
        for (g, rewards) in c.rewards.iter().enumerate() {
            for (kind, expected) in [
                (AdvantageKind::Grpo, &c.grpo[g]),
                (AdvantageKind::DrGrpo, &c.dr_grpo[g]),
                (AdvantageKind::Rloo, &c.rloo[g]),
            ] {
                let name = format!("{} {kind:?} group {g}", c.name);
                assert_close(&name, &kind.advantages(rewards), expected);
            }
        }
    }
}

#[test]
fn the_policy_loss_and_its_gradient_equal_the_golden_ones() {
    #[derive(Deserialize)]
    struct Branches {
        clipped_high: usize,
        clipped_low: usize,
        dual_clipped: usize,
    }
    #[derive(Deserialize)]
    struct Case {
        name: String,
        clip_low: f32,
        clip_high: f32,
        dual_clip: Option<f32>,
        logp: Vec<Vec<f32>>,
        old_logp: Vec<Vec<f32>>,
        advantages: Vec<f32>,
        loss: f64,
        dlogp: Vec<Vec<f64>>,
        tokens_by_branch: Branches,
    }
    for c in cases::<Case>(include_str!("golden/ppo_clip.json")) {
        let cfg = PpoClip {
            clip_low: c.clip_low,
            clip_high: c.clip_high,
            dual_clip: c.dual_clip,
        };
        let tokens: usize = c.logp.iter().map(Vec::len).sum();
        let scale = 1.0 / tokens as f64;
        let mut stats = PolicyLossStats::default();
        for (i, logp) in c.logp.iter().enumerate() {
            let mut dlogp = vec![0.0; logp.len()];
            let old = &c.old_logp[i];
            stats.merge(ppo_clip(
                &cfg,
                logp,
                old,
                c.advantages[i],
                scale,
                &mut dlogp,
            ));
            assert_close(&format!("{} response {i}", c.name), &dlogp, &c.dlogp[i]);
        }
        assert_relative_eq!(stats.loss, c.loss, max_relative = 1e-9, epsilon = 1e-12);
        assert_eq!(stats.tokens, tokens, "{}", c.name);
        let b = c.tokens_by_branch;
        let clipped = b.clipped_high + b.clipped_low + b.dual_clipped;
        assert_eq!(stats.clipped, clipped, "{}", c.name);
    }
}

#[test]
fn kl_penalties_and_their_gradients_equal_the_golden_ones() {
    #[derive(Deserialize)]
    struct PerToken {
        value: Vec<Vec<f64>>,
        dlogp: Vec<Vec<f64>>,
    }
    #[derive(Deserialize)]
    struct Case {
        name: String,
        logp: Vec<Vec<f32>>,
        ref_logp: Vec<Vec<f32>>,
        k1: PerToken,
        k2: PerToken,
        k3: PerToken,
        abs: PerToken,
    }
    for c in cases::<Case>(include_str!("golden/kl.json")) {
        for (kind, expected) in [
            (KlKind::K1, &c.k1),
            (KlKind::K2, &c.k2),
            (KlKind::K3, &c.k3),
            (KlKind::Abs, &c.abs),
        ] {
            for (i, logp) in c.logp.iter().enumerate() {
                let mut dlogp = vec![0.0; logp.len()];
                let value = kl_penalty(kind, logp, &c.ref_logp[i], 1.0, &mut dlogp);
                let sum: f64 = expected.value[i].iter().sum();
                assert_relative_eq!(value, sum, max_relative = 1e-9, epsilon = 1e-12);
                let name = format!("{} {kind:?} response {i}", c.name);
                assert_close(&name, &dlogp, &expected.dlogp[i]);
            }
        }
    }
}

#[test]
fn the_self_reward_regression_equals_the_golden_one() {
    #[derive(Deserialize)]
    struct Case {
        name: String,
        labels: Vec<f32>,
        finished: Vec<bool>,
        zc_logprob: Vec<f32>,
        beta_v: f32,
        c_ref: f32,
        alpha: f32,
        balanced: bool,
        weights: Vec<f64>,
        scores: Vec<f64>,
        loss: f64,
        dzc_logprob: Vec<f64>,
    }
    for c in cases::<Case>(include_str!("golden/laser_mse.json")) {
        let sr = SelfReward {
            beta_v: c.beta_v,
            c_ref: c.c_ref,
        };
        let finished = || (0..c.labels.len()).filter(|&i| c.finished[i]);
        let classes = if c.balanced {
            ClassWeights::from_labels(finished().map(|i| c.labels[i] == 1.0))
        } else {
            ClassWeights::unit()
        };
        let scale = f64::from(c.alpha) / finished().count().max(1) as f64;
        let mut weights = vec![0.0; c.labels.len()];
        let mut gradient = vec![0.0; c.labels.len()];
        let mut loss = 0.0;
        for i in finished() {
            weights[i] = classes.of(c.labels[i] == 1.0);
            let (value, dlogp) =
                self_reward_mse(&sr, c.zc_logprob[i], c.labels[i], weights[i], scale);
            loss += value;
            gradient[i] = dlogp;
        }
        let scores: Vec<f32> = c.zc_logprob.iter().map(|&l| sr.score(l)).collect();
        assert_close(&format!("{} weights", c.name), &weights, &c.weights);
        assert_close(&format!("{} scores", c.name), &scores, &c.scores);
        assert_close(&format!("{} gradient", c.name), &gradient, &c.dzc_logprob);
        // The weights are f32: their rounding is all that separates the sums.
        assert_relative_eq!(loss, c.loss, max_relative = 1e-6, epsilon = 1e-12);
    }
}

#[test]
fn mixed_advantages_equal_the_golden_ones() {
    #[derive(Deserialize)]
    struct Group {
        scores: Vec<f32>,
        finished: Vec<bool>,
        verifier_advantages: Vec<f32>,
        mixed: bool,
        advantages: Vec<f64>,
    }
    #[derive(Deserialize)]
    struct Case {
        name: String,
        tau: f32,
        std_threshold: f32,
        groups: Vec<Group>,
    }
    for c in cases::<Case>(include_str!("golden/mixed_advantages.json")) {
        let mix = AdvantageMix {
            tau: c.tau,
            std_gate: c.std_threshold,
        };
        for (i, g) in c.groups.iter().enumerate() {
            let rows = g.scores.iter().zip(&g.finished);
            let scores: Vec<Option<f32>> = rows
                .map(|(&score, &finished)| finished.then_some(score))
                .collect();
            let advantages = mix_advantages(&mix, &g.verifier_advantages, &scores);
            assert_close(&format!("{} group {i}", c.name), &advantages, &g.advantages);
            if !g.mixed {
                assert_eq!(advantages, g.verifier_advantages, "{} group {i}", c.name);
            }
        }
    }
}

#[test]
fn verification_metrics_equal_the_golden_ones() {
    #[derive(Deserialize)]
    struct Case {
        name: String,
        scores: Vec<f32>,
        labels: Vec<bool>,
        lengths: Vec<u32>,
        #[serde(flatten)]
        expected: JudgeMetrics,
    }
    for c in cases::<Case>(include_str!("golden/metrics.json")) {
        let rows = c.scores.iter().zip(&c.labels).zip(&c.lengths);
        let samples: Vec<Judged> = rows
            .map(|((&score, &correct), &length)| Judged {
                score,
                correct,
                length,
            })
            .collect();
        let m = JudgeMetrics::of(&samples, 15);
        for (metric, found, expected) in [
            ("f1", m.f1, c.expected.f1),
            ("tpr", m.tpr, c.expected.tpr),
            ("tnr", m.tnr, c.expected.tnr),
            ("auroc", m.auroc, c.expected.auroc),
            ("ece", m.ece, c.expected.ece),
            ("spearman", m.spearman_length, c.expected.spearman_length),
        ] {
            let close = match (found, expected) {
                (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
                (found, expected) => found == expected,
            };
            assert!(close, "{} {metric}: {found:?}, not {expected:?}", c.name);
        }
    }
}

#[test]
fn pass_at_k_equals_the_golden_one() {
    #[derive(Deserialize)]
    struct Entry {
        n: usize,
        k: usize,
        correct: Vec<usize>,
        pass_at_k: Vec<f64>,
    }
    #[derive(Deserialize)]
    struct File {
        pass_at_k: Vec<Entry>,
    }
    let file: File = serde_json::from_str(include_str!("golden/metrics.json")).unwrap();
    for e in file.pass_at_k {
        for (&c, &expected) in e.correct.iter().zip(&e.pass_at_k) {
            let found = pass_at_k(e.n, c, e.k).expect("1 <= k <= n");
            assert_relative_eq!(found, expected, epsilon = 1e-12);
        }
    }
}
