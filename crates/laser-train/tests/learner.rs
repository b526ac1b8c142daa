//! A model in a loop of one's own.

use laser_rl::{AdvantageKind, Advantages, Aggregation, PolicyLoss};
use laser_rollout::{SelfRewardPosition, Sequence};
use laser_train::{Learner, Model, Optimizer, TrainError};

fn learner(threads: usize) -> Learner {
    let shape = r#"{"hidden_size": 16, "layers": 1, "heads": 2, "kv_heads": 1, "context": 24}"#;
    let shape: Model = serde_json::from_str(shape).unwrap();
    Learner::fresh(&shape, 5, threads).unwrap()
}

/// Makes some steps that reward sevens; returns the mean reward of each.
fn sevens(learner: &mut Learner, steps: u64, max_tokens: usize) -> Vec<f32> {
    let generation = learner.generation(8);
    let mut means = Vec::new();
    for step in 1..=steps {
        let groups = learner
            .sample(&["1=", "12="], 16, &[step], &generation)
            .unwrap();
        let (mut sequences, mut old, mut advantages, mut sum) = (vec![], vec![], vec![], 0.0);
        for group in &groups {
            let mut rewards = Vec::new();
            for r in &group.responses {
                let text = learner.text.decode(&r.ids).unwrap();
                let sevens = text.chars().filter(|c| *c == '7').count();
                rewards.push(sevens as f32 / r.ids.len() as f32);
                sequences.push(Sequence::plain(&group.prompt, &r.ids));
                old.push(r.logprobs.as_slice());
            }
            sum += rewards.iter().sum::<f32>();
            advantages.extend(AdvantageKind::Grpo.advantages(&rewards));
        }
        let lengths: Vec<usize> = old.iter().map(|o| o.len()).collect();
        let scales = Aggregation::TokenMean.scales(&lengths);
        let position = SelfRewardPosition::AfterEos;
        learner
            .accumulate(&sequences, position, max_tokens, |i, t| {
                assert_eq!(t.logp, old[i], "the sampled log-probabilities");
                let a = Advantages::Response(advantages[i]);
                let loss = PolicyLoss::default();
                loss.apply(t.logp, old[i], a, None, scales[i], t.dlogp).loss
            })
            .unwrap();
        learner.step(&Optimizer::default(), 0.02).unwrap();
        means.push(sum / 32.0);
    }
    means
}

#[test]
fn a_loop_learns_and_depends_neither_on_threads_nor_on_micro_batches() {
    let (mut one, mut two) = (learner(1), learner(2));
    let rewards = sevens(&mut one, 20, 4096);
    assert!(rewards[0] < 0.1 && rewards[19] > 0.5, "{rewards:?}");
    assert_eq!(rewards, sevens(&mut two, 20, 16));
    assert!(one.decoder.download(&one.cpu) == two.decoder.download(&two.cpu));
}

/// In a micro-batch of their own they are not gone through backwards, among others they are.
#[test]
fn sequences_without_a_gradient_add_nothing_alone_or_among_others() {
    let updated = |kept: &[usize], max_tokens| {
        let mut learner = learner(1);
        let texts = ["1=7", "12=3", "2=77"].map(|t| learner.text.encode(t).unwrap());
        let all = texts
            .iter()
            .map(|ids| Sequence::plain(&ids[..2], &ids[2..]));
        let all: Vec<Sequence> = all.collect();
        let sequences: Vec<Sequence> = kept.iter().map(|i| all[*i]).collect();
        let before = learner.decoder.download(&learner.cpu);
        let loss = |i: usize, t: laser_train::Terms| {
            t.dlogp.fill(if kept[i] == 1 { 0.0 } else { -0.5 });
            0.0
        };
        learner
            .accumulate(&sequences, SelfRewardPosition::AfterEos, max_tokens, loss)
            .unwrap();
        learner.step(&Optimizer::default(), 0.01).unwrap();
        let after = learner.decoder.download(&learner.cpu);
        assert!(after != before);
        after
    };
    let without = updated(&[0, 2], 4096);
    assert!(updated(&[0, 1, 2], 4096) == without, "among others");
    assert!(updated(&[0, 1, 2], 1) == without, "alone");
}

#[test]
fn what_is_saved_is_loaded_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut made = learner(1);
    sevens(&mut made, 2, 4096);
    let out = dir.path().join("model");
    made.save(&out).unwrap();
    let loaded = Learner::load(&out, 24, 1).unwrap();
    assert!(made.decoder.download(&made.cpu) == loaded.decoder.download(&loaded.cpu));
    assert_eq!(loaded.eos, made.eos);
    let missing = Learner::load(&dir.path().join("nothing"), 24, 1)
        .err()
        .unwrap();
    assert!(missing.to_string().contains("config.json"), "{missing}");
}

#[test]
fn a_gradient_of_the_self_reward_token_moves_it_and_a_broken_loss_changes_nothing() {
    let mut learner = learner(1);
    let zc = learner.text.token_id("<|self_reward|>").unwrap();
    let prompt = learner.text.encode("1=").unwrap();
    let response = [prompt[0], learner.eos[0]];
    let sequence = Sequence {
        self_reward_token: Some(zc),
        ..Sequence::plain(&prompt, &response)
    };
    let position = SelfRewardPosition::AfterEos;
    let mut last = f32::NEG_INFINITY;
    for _ in 0..5 {
        let mut seen = None;
        learner
            .accumulate(&[sequence], position, 100, |_, t| {
                seen = t.self_logp;
                *t.dself_logp = -1.0;
                -f64::from(t.self_logp.unwrap())
            })
            .unwrap();
        learner.step(&Optimizer::default(), 0.01).unwrap();
        assert!(seen.unwrap() > last, "{seen:?}");
        last = seen.unwrap();
    }
    let before = learner.decoder.download(&learner.cpu);
    let broken = learner.accumulate(&[sequence], position, 100, |_, t| {
        t.dlogp.fill(1.0);
        f64::NAN
    });
    assert!(matches!(broken, Err(TrainError::Diverged { .. })));
    // The gradient was forgotten: the update has nothing but the moments of before.
    learner.moments = laser_train::Moments::new(&learner.cpu, &learner.decoder);
    let still = Optimizer {
        weight_decay: 0.0,
        ..Optimizer::default()
    };
    assert_eq!(learner.step(&still, 0.01).unwrap(), 0.0);
    assert!(learner.decoder.download(&learner.cpu) == before);
}
