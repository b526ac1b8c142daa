use super::*;

fn side<'a>(logp: &'a [f32], reference: &'a [f32], weights: &'a [f64]) -> Side<'a> {
    Side {
        logp,
        reference,
        weights,
    }
}

/// A response whose policy, base, guide and previous rows are these.
fn view<'a>(rows: [&'a [f32]; 4]) -> ResponseView<'a> {
    let [logprobs, reference, guide, previous] = rows;
    ResponseView {
        logprobs,
        reference,
        guide,
        previous,
        ..ResponseView::default()
    }
}

/// The loss of one pair and its gradient, chosen first.
fn loss(
    preference: &Preference,
    c: f64,
    responses: [&ResponseView; 2],
    logp: [&[f32]; 2],
) -> (PairLoss, Vec<f32>, Vec<f32>) {
    let mut chosen = vec![0.0; logp[0].len()];
    let mut rejected = vec![0.0; logp[1].len()];
    let found = preference.loss(c, responses, logp, 1.0, [&mut chosen, &mut rejected]);
    (found, chosen, rejected)
}

#[test]
fn the_loss_of_cream_is_least_at_the_log_odds_and_is_the_entropy_there() {
    for c in [0.2, 0.5, 0.8, 0.99] {
        let best = f64::ln(c / (1.0 - c));
        let entropy = -c * c.ln() - (1.0 - c) * (1.0 - c).ln();
        let (value, slope) = regularised(best, c);
        assert!(
            (value - entropy).abs() < 1e-12 && slope.abs() < 1e-12,
            "{c}"
        );
        for off in [-0.1, 0.1] {
            assert!(regularised(best + off, c).0 > value, "{c}");
        }
    }
    let best = (0.8 / 0.2f64).ln();
    assert!((best - 1.3863).abs() < 5e-5);
    assert!((regularised(best, 0.8).0 - 0.5004).abs() < 5e-5);
}

#[test]
fn a_margin_of_zero_costs_log_2_and_an_undecided_pair_has_no_gradient_there() {
    for c in [0.0, 0.25, 0.5, 0.9, 1.0] {
        assert!((regularised(0.0, c).0 - 2f64.ln()).abs() < 1e-15);
    }
    assert_eq!(regularised(0.0, 0.5).1, 0.0);
}

#[test]
fn a_trusted_pair_is_dpo_and_huge_margins_stay_numbers() {
    for m in [-900.0, -3.0, -1e-9, 0.0, 0.7, 40.0, 900.0] {
        let (value, slope) = regularised(m, 1.0);
        let plain = if m < -30.0 { -m } else { (-m).exp().ln_1p() };
        assert!((value - plain).abs() <= 1e-12 * (1.0 + plain), "{m}");
        assert!((-1.0..=0.0).contains(&slope), "{m}");
        let expected = -1.0 / (1.0 + m.exp());
        assert!((slope - expected).abs() <= 1e-12 * expected.abs(), "{m}");
    }
}

#[test]
fn tgdpo_equals_the_value_worked_out_by_hand() {
    let weights = |sign: f64, rewards: &[f64]| -> Vec<f64> {
        rewards.iter().map(|r| 1.0 + sign * 0.5 * r).collect()
    };
    let (chosen, rejected) = (weights(1.0, &[0.2, -0.4]), weights(-1.0, &[0.2]));
    let (w, l) = (
        side(&[1.0, -1.0], &[0.0, 0.0], &chosen),
        side(&[0.5], &[0.0], &rejected),
    );
    let mut dlogp = (vec![0.0; 2], vec![0.0; 1]);
    let found = pair_loss(0.1, 1.0, w, l, 1.0, [&mut dlogp.0, &mut dlogp.1]);
    assert!((found.margin + 0.015).abs() < 1e-12, "{found:?}");
    assert!((found.loss - 0.700675).abs() < 1e-6, "{found:?}");
    assert_eq!(margin(0.1, w, l), found.margin);
}

#[test]
fn weights_of_tokens_follow_the_guide_in_opposite_directions() {
    // r̂ = 0.1 · (2, −4).
    let of = |sign| TokenWeight { alpha: 0.5 }.weights(0.1, sign, &[1.0, -5.0], &[-1.0, -1.0]);
    for (found, expected) in [(of(1.0), [1.1, 0.8]), (of(-1.0), [0.9, 1.2])] {
        assert!(
            found
                .iter()
                .zip(expected)
                .all(|(f, e)| (f - e).abs() < 1e-12)
        );
    }
}

#[test]
fn tgdpo_without_weight_is_dpo_to_the_last_bit_and_log_2_at_the_reference() {
    let (a, b): (&[f32], &[f32]) = (&[-0.3, -1.7, -0.2], &[-2.5, -0.9]);
    let (ra, rb): (&[f32], &[f32]) = (&[-0.4, -1.1, -0.6], &[-2.0, -1.3]);
    let (ga, gb): (&[f32], &[f32]) = (&[-0.1, -3.0, -0.7], &[-0.2, -5.0]);
    let responses = [view([a, ra, ga, &[]]), view([b, rb, gb, &[]])];
    let responses = [&responses[0], &responses[1]];
    let dpo = Preference {
        reference: PairReference::Base,
        ..Preference::default()
    };
    let with = |alpha| Preference {
        token_weight: Some(TokenWeight { alpha }),
        ..dpo
    };
    assert_eq!(
        loss(&dpo, 1.0, responses, [a, b]),
        loss(&with(0.0), 1.0, responses, [a, b])
    );
    assert_ne!(
        loss(&dpo, 1.0, responses, [a, b]).0,
        loss(&with(0.5), 1.0, responses, [a, b]).0
    );
    for alpha in [0.0, 0.5, 3.0] {
        let (at_reference, ..) = loss(&with(alpha), 1.0, responses, [ra, rb]);
        assert_eq!(at_reference.margin, 0.0);
        assert!((at_reference.loss - 2f64.ln()).abs() < 1e-15);
    }
}

#[test]
fn the_policy_that_sampled_is_its_own_reference() {
    let (a, b): (&[f32], &[f32]) = (&[-0.3, -1.7], &[-2.5]);
    let responses = [view([a, &[], &[], &[]]), view([b, &[], &[], &[]])];
    let dpo = Preference::default();
    let found = loss(&dpo, 1.0, [&responses[0], &responses[1]], [a, b]);
    assert_eq!(found.0.margin, 0.0);
    assert_eq!((found.1, found.2), (vec![-0.05; 2], vec![0.05; 1]));
}

#[test]
fn tau_counts_pairs_that_agree_and_corrects_for_ties() {
    let rank = [1.0, 2.0, 3.0, 4.0];
    assert_eq!(kendall_tau(&rank, &rank), Some(1.0));
    assert_eq!(kendall_tau(&rank, &[4.0, 3.0, 2.0, 1.0]), Some(-1.0));
    // One of six pairs swapped.
    let swapped = kendall_tau(&rank, &[1.0, 3.0, 2.0, 4.0]).unwrap();
    assert!((swapped - 4.0 / 6.0).abs() < 1e-12);
    assert_eq!(kendall_tau(&rank, &[5.0; 4]), None);
    assert_eq!(kendall_tau(&[1.0], &[2.0]), None);
    // Ties in both lists at once count against nothing.
    assert_eq!(kendall_tau(&[1.0, 1.0, 2.0], &[3.0, 3.0, 7.0]), Some(1.0));
}

#[test]
fn a_prompt_without_a_tau_takes_the_mean_of_the_others_in_its_own_place() {
    let taus = [Some(1.0), None, Some(-1.0), Some(0.0)];
    assert_eq!(Consistency::Prompt.rates(&taus), [1.0, 0.5, 0.0, 0.5]);
    assert_eq!(Consistency::Average.rates(&taus), [0.5; 4]);
    assert_eq!(Consistency::Prompt.rates(&[None, None]), [1.0; 2]);
}

#[test]
fn a_pair_is_the_first_best_and_the_first_worst_and_ties_give_none() {
    assert_eq!(best_and_worst(&[0.0, 1.0, 1.0, 0.0]), Some((1, 0)));
    assert_eq!(best_and_worst(&[2.0, -1.0, 3.0]), Some((2, 1)));
    assert_eq!(best_and_worst(&[0.5, 0.5]), None);
    assert_eq!(best_and_worst(&[]), None);
}

#[test]
fn a_policy_that_is_the_base_model_rates_by_the_mean_log_probability() {
    let base: [&[f32]; 2] = [&[-1.0, -3.0], &[-4.0]];
    let group = base.map(|row| view([row, row, &[], &[]]));
    assert_eq!(implicit_rewards(&group, |r| r.logprobs), [-2.0, -4.0]);
    let moved = [
        view([&[-0.5, -3.5], base[0], &[], &[]]),
        view([&[-3.0], base[1], &[], &[]]),
    ];
    // Where one response has moved, those that have not are 0.
    assert_eq!(implicit_rewards(&moved, |r| r.logprobs), [0.0, 1.0]);
}

#[test]
fn each_prompt_is_trusted_by_its_own_agreement_although_others_gave_no_pair() {
    let zero: &[f32] = &[0.0];
    let rows: [&[f32]; 4] = [&[0.25], &[0.5], &[0.75], &[1.0]];
    let of = |now: [usize; 3], before: [usize; 3]| -> Vec<ResponseView> {
        let both = now.into_iter().zip(before);
        both.map(|(n, b)| view([rows[n], zero, &[], rows[b]]))
            .collect()
    };
    let groups = [
        of([1, 1, 1], [0, 1, 2]),
        of([0, 1, 2], [0, 1, 2]),
        of([0, 1, 2], [2, 1, 0]),
    ];
    let views: Vec<&[ResponseView]> = groups.iter().map(Vec::as_slice).collect();
    let cream = Preference {
        pair: PairBy::Implicit,
        consistency: Some(Consistency::Prompt),
        ..Preference::default()
    };
    let pairs = cream.pairs(&views, &vec![vec![0.0; 3]; 3]);
    let pair = |consistency| {
        Some(Pair {
            chosen: 2,
            rejected: 0,
            consistency,
        })
    };
    assert_eq!(pairs, [None, pair(1.0), pair(0.0)]);
}

#[test]
fn pairs_by_the_reward_are_wholly_trusted() {
    let group = [ResponseView::default(); 3];
    let rewards = [vec![0.0, 1.0, 0.5], vec![1.0; 3]];
    let pairs = Preference::default().pairs(&[&group, &group], &rewards);
    let first = pairs[0].unwrap();
    assert_eq!(
        (first.chosen, first.rejected, first.consistency),
        (1, 0, 1.0)
    );
    assert_eq!(pairs[1], None);
}

#[test]
fn settings_outside_their_range_are_named() {
    let of = |beta, alpha| Preference {
        beta,
        token_weight: Some(TokenWeight { alpha }),
        ..Preference::default()
    };
    assert!(of(0.1, 0.5).validate().is_ok());
    for (preference, key) in [
        (of(0.0, 0.5), "beta"),
        (of(f64::NAN, 0.5), "beta"),
        (of(0.1, -1.0), "token_weight.alpha"),
    ] {
        assert_eq!(preference.validate().unwrap_err().key, key);
    }
}
