use super::*;

fn response(correct: bool, ids: &[u32]) -> ResponseView<'_> {
    ResponseView {
        ids,
        correct,
        ..ResponseView::default()
    }
}

fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f64::from(*f) - e).abs() < 5e-6, "{found:?} {expected:?}");
    }
}

const LONG: [u32; 400] = [7; 400];

/// Groups by the lengths of right responses; negative for wrong ones.
fn groups(lengths: &[&[i32]]) -> Vec<Vec<ResponseView<'static>>> {
    let view = |&l: &i32| response(l > 0, &LONG[..l.unsigned_abs() as usize]);
    let groups = lengths.iter();
    groups.map(|g| g.iter().map(view).collect()).collect()
}

fn shaped(shaping: Shaping, groups: &[Vec<ResponseView>]) -> Vec<Vec<f32>> {
    let views: Vec<&[ResponseView]> = groups.iter().map(Vec::as_slice).collect();
    let reward = |r: &ResponseView| f32::from(u8::from(r.correct));
    let mut rewards: Vec<Vec<f32>> = groups
        .iter()
        .map(|g| g.iter().map(reward).collect())
        .collect();
    shaping.apply(&views, &mut rewards);
    rewards
}

fn lambda(share: f64, alpha: f64) -> Shaping {
    Shaping::GrpoLambda(GrpoLambda { share, alpha })
}

#[test]
fn grpo_lambda_equals_the_values_worked_out_by_hand() {
    let three = groups(&[&[100, 200, 300]]);
    let rewards = shaped(lambda(1.0, 0.2), &three);
    assert_close(&rewards[0], &[0.95458, 0.9, 0.84542]);
    // One right response, or equal lengths: no pressure on the length, only a common loss.
    let equal = groups(&[&[50, 50, -10], &[70, -10, -20]]);
    let rewards = shaped(lambda(1.0, 0.2), &equal);
    assert_close(&rewards[0], &[0.9, 0.9, 0.0]);
    assert_close(&rewards[1], &[0.9, 0.0, 0.0]);
}

#[test]
fn grpo_lambda_takes_the_best_mastered_problems_first() {
    let problems = groups(&[&[10, -20], &[10, 30], &[-10, -20], &[5, 9]]);
    let plain = shaped(lambda(0.0, 0.5), &problems);
    assert_eq!(plain, [[1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]);
    let changed = |share| -> Vec<bool> {
        let rewards = shaped(lambda(share, 0.5), &problems);
        rewards.iter().zip(&plain).map(|(a, b)| a != b).collect()
    };
    // A share above 0 is at least one problem; of two equal ones the earlier.
    assert_eq!(changed(0.01), [false, true, false, false]);
    assert_eq!(changed(0.5), [false, true, false, true]);
    assert_eq!(changed(0.75), [true, true, false, true]);
    // A problem without a right response has nothing to lose.
    assert_eq!(changed(1.0), [true, true, false, true]);
}

#[test]
fn grpo_lambda_looks_at_lengths_relative_to_each_other() {
    let near = shaped(lambda(1.0, 0.6), &groups(&[&[10, 25, 31, -4]]));
    let far = shaped(lambda(1.0, 0.6), &groups(&[&[110, 125, 131, -104]]));
    assert_eq!(near, far);
    for r in &near[0][..3] {
        assert!(*r > 0.4 && *r < 1.0, "a right one is above 1 − α: {r}");
    }
}

fn scored(scores: &[Option<f32>]) -> Vec<ResponseView<'static>> {
    let view = |&score: &Option<f32>| ResponseView {
        score,
        ..ResponseView::default()
    };
    scores.iter().map(view).collect()
}

fn win_rates(temperature: f64, scores: &[Option<f32>]) -> Vec<f32> {
    let shaping = Shaping::WinRate(WinRate {
        of: Compared::SelfReward,
        temperature,
    });
    shaped(shaping, &[scored(scores)]).remove(0)
}

#[test]
fn win_rates_of_a_strict_order_fall_from_one_to_zero() {
    let scores = [0.9, 0.6, 0.2, -1.0].map(Some);
    assert_close(&win_rates(0.0, &scores), &[1.0, 2.0 / 3.0, 1.0 / 3.0, 0.0]);
    let mut reversed = scores;
    reversed.reverse();
    assert_close(
        &win_rates(0.0, &reversed),
        &[0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0],
    );
}

#[test]
fn win_rates_have_the_mean_one_half_at_every_temperature() {
    let scores = [Some(0.9), Some(0.6), None, Some(0.6), None, Some(f32::NAN)];
    for temperature in [0.0, 0.05, 1.0, 100.0] {
        let rates = win_rates(temperature, &scores);
        let mean = rates.iter().map(|r| f64::from(*r)).sum::<f64>() / 6.0;
        assert!((mean - 0.5).abs() < 1e-6, "{rates:?}");
        // Responses without a score lose to all others and tie among themselves.
        assert_eq!(rates[2], 0.2);
        assert_eq!((rates[4], rates[5]), (rates[2], rates[2]));
    }
    assert_eq!(win_rates(0.1, &[Some(3.0)]), [0.5]);
    // Differences of the score, not its level.
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
    let (low, high) = ([0.25, 0.5].map(Some), [4.25, 4.5].map(Some));
    assert!(close(&win_rates(0.1, &low), &win_rates(0.1, &high)));
}

#[test]
fn win_rates_of_rewards_need_no_score() {
    let group = [
        response(true, &[1]),
        response(false, &[2]),
        response(true, &[3]),
    ];
    let shaping = Shaping::WinRate(WinRate {
        of: Compared::Reward,
        temperature: 0.0,
    });
    assert_eq!(shaped(shaping, &[group.to_vec()])[0], [0.75, 0.0, 0.75]);
    assert!(!shaping.needs_scores());
}

#[test]
fn settings_out_of_range_are_named() {
    for shaping in [
        lambda(-0.1, 0.5),
        lambda(1.1, 0.5),
        lambda(0.5, f64::NAN),
        Shaping::WinRate(WinRate {
            temperature: -1.0,
            ..WinRate::default()
        }),
    ] {
        let error = shaping.validate().unwrap_err();
        assert!(error.to_string().starts_with(error.key), "{error}");
    }
    assert_eq!(lambda(0.2, 0.6).validate(), Ok(()));
}

#[test]
fn self_aligned_rewards_equal_the_value_worked_out_by_hand() {
    let (with, without) = ([-0.1, -0.2, -0.3], [-1.1, -0.9, -1.0]);
    assert!((self_aligned_reward(&with, &without) - 0.550671).abs() < 1e-6);
    // Nothing is explained by a question that is empty, and the floor is −1.
    assert_eq!(self_aligned_reward(&with, &with), 0.0);
    assert_eq!(self_aligned_reward(&[-9.0], &[-1.0]), -1.0);
    assert!(self_aligned_reward(&[-1.1], &[-1.0]) < 0.0);
    assert_eq!(self_aligned_reward(&[], &[]), 0.0);
    let perplexity = |x: &[f32]| (-x.iter().sum::<f32>() / x.len() as f32).exp();
    let (p, q) = (perplexity(&without), perplexity(&with));
    assert!((f64::from((p - q) / p) - 0.550671).abs() < 1e-5);
    let response = ResponseView {
        logprobs: &with,
        blank: &without,
        ..ResponseView::default()
    };
    let mut rewards = [vec![1.0]];
    Shaping::SelfAligned(SelfAligned { alpha: 0.2 }).apply(&[&[response]], &mut rewards);
    assert_close(&rewards[0], &[1.0 + 0.2 * 0.550671]);
}

/// r_t of the method per token, from logits `[T, V]`, with the value after the end 0.
fn token_rewards(logits: &[&[f64]], actions: &[usize], a: f64) -> Vec<f64> {
    let value = |t: usize| match logits.get(t) {
        Some(z) => a * z.iter().map(|z| (z / a).exp()).sum::<f64>().ln(),
        None => 0.0,
    };
    let steps = actions.iter().enumerate();
    steps.map(|(t, y)| logits[t][*y] - value(t + 1)).collect()
}

#[test]
fn endogenous_rewards_telescope_to_the_likelihood_and_a_constant_of_the_prompt() {
    let logits: [&[f64]; 2] = [&[1.0, 0.0], &[0.0, 2.0]];
    let tokens = token_rewards(&logits, &[0, 1], 1.0);
    assert_close(&[tokens[0] as f32, tokens[1] as f32], &[-1.12693, 2.0]);
    let lse = |z: &[f64]| z.iter().map(|z| z.exp()).sum::<f64>().ln();
    let reference = [1.0 - lse(logits[0]), 2.0 - lse(logits[1])].map(|x| x as f32);
    let response = ResponseView {
        reference: &reference,
        ..ResponseView::default()
    };
    let found = |method: Endogenous| {
        let mut rewards = [vec![1.0]];
        Shaping::Endogenous(method).apply(&[&[response]], &mut rewards);
        f64::from(rewards[0][0])
    };
    let sum = tokens.iter().sum::<f64>();
    assert!((found(Endogenous::default()) - (sum - lse(logits[0]))).abs() < 1e-6);
    let mean = Endogenous {
        keep: 0.5,
        scale: 2.0,
        mean: true,
    };
    assert!((found(mean) - (0.5 + sum - lse(logits[0]))).abs() < 1e-6);
}

/// Rewards of groups given by the numbers of their answers, all of them right by the verifier.
fn co_rewarded(share: f64, groups: &[&[Option<u32>]]) -> Vec<Vec<f32>> {
    let view = |&answer: &Option<u32>| ResponseView {
        answer,
        correct: true,
        ..ResponseView::default()
    };
    let groups = groups.iter();
    let groups: Vec<Vec<ResponseView>> = groups.map(|g| g.iter().map(view).collect()).collect();
    shaped(Shaping::CoReward(CoReward { share }), &groups)
}

#[test]
fn each_view_is_rewarded_for_the_vote_of_the_other() {
    // View A votes 3, view B votes 5.
    let a = [3, 3, 5, 3, 7].map(Some);
    let b = [5, 3, 5, 5, 7].map(Some);
    let rewards = co_rewarded(1.0, &[&a, &b]);
    assert_eq!(rewards[0], [0.0, 0.0, 1.0, 0.0, 0.0]);
    assert_eq!(rewards[1], [0.0, 1.0, 0.0, 0.0, 0.0]);
    // The problems beside it play no part.
    let more = co_rewarded(1.0, &[&b, &b, &a, &b]);
    assert_eq!(more[2..], rewards);
}

#[test]
fn two_equal_views_are_a_plain_majority() {
    let answers = [Some(1), None, Some(4), Some(1), Some(2)];
    let rewards = co_rewarded(1.0, &[&answers, &answers]);
    assert_eq!(rewards[0], [1.0, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(rewards[1], rewards[0]);
}

#[test]
fn a_vote_without_a_majority_goes_to_the_first_and_one_without_answers_to_nobody() {
    let tied = [None, Some(8), Some(6), Some(6), Some(8)];
    assert_eq!(majority(tied), Some(8));
    assert_eq!(majority([None, None]), None);
    let none = [None; 5];
    let rewards = co_rewarded(1.0, &[&tied, &none]);
    // Nobody is rewarded for having no answer either.
    assert_eq!(rewards, [[0.0; 5], [0.0; 5]]);
    let rewards = co_rewarded(1.0, &[&tied, &[Some(6), Some(8)]]);
    assert_eq!(rewards[1], [0.0, 1.0]);
    assert_eq!(rewards[0], [0.0, 0.0, 1.0, 1.0, 0.0]);
}

#[test]
fn the_rest_of_the_share_is_the_reward_so_far() {
    let (a, b) = ([Some(1), Some(2)], [Some(2), Some(2)]);
    assert_eq!(co_rewarded(0.25, &[&a, &b])[0], [0.75, 1.0]);
    assert_eq!(co_rewarded(0.0, &[&a, &b])[0], [1.0, 1.0]);
    for share in [-0.1, 1.1, f64::NAN] {
        let error = Shaping::CoReward(CoReward { share })
            .validate()
            .unwrap_err();
        assert_eq!(error.key, "co_reward.share");
    }
}

#[test]
fn second_attempts_are_rewarded_for_what_they_improve() {
    let group = |labels: [bool; 4]| labels.map(|correct| response(correct, &[1])).to_vec();
    let attempts = [
        group([false, false, true, true]),
        group([false, true, false, true]),
    ];
    let both = [&attempts[..], &attempts[..]].concat();
    let rewards = shaped(
        Shaping::SelfCorrection(SelfCorrection { alpha: 10.0 }),
        &both,
    );
    assert_eq!(rewards[0], [0.0, 0.0, 1.0, 1.0]);
    assert_eq!(rewards[1], [0.0, 11.0, -10.0, 1.0]);
    assert_eq!(rewards[2..], rewards[..2]);
    let plain = shaped(
        Shaping::SelfCorrection(SelfCorrection { alpha: 0.0 }),
        &both,
    );
    assert_eq!(plain[1], [0.0, 1.0, 0.0, 1.0]);
    let infinite = Shaping::SelfCorrection(SelfCorrection {
        alpha: f64::INFINITY,
    });
    assert_eq!(
        infinite.validate().unwrap_err().key,
        "self_correction.alpha"
    );
}
