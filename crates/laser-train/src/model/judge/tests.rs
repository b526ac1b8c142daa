use super::*;

#[test]
fn the_last_word_yes_or_no_is_the_verdict() {
    for (text, expected) in [
        ("Step 1 is wrong. No", Some(false)),
        ("No error so far... so: **Yes**.", Some(true)),
        ("\\boxed{yes}", Some(true)),
        ("YES, but then no\n", Some(false)),
        ("nothing, yesterday, know", None),
        ("", None),
    ] {
        assert_eq!(verdict(text), expected, "{text}");
    }
}

#[test]
fn the_share_is_that_of_the_probabilities_however_small() {
    let close = |got: f32, expected: f64| (f64::from(got) - expected).abs() < 1e-6;
    // 0.3 + 0.1 against 0.2, and the same times e^-200.
    let logs = |p: f64, shift: f64| (p.ln() - shift) as f32;
    for shift in [0.0, 50.0] {
        let yes = [logs(0.3, shift), logs(0.1, shift)];
        assert!(close(share(&yes, &[logs(0.2, shift)]), 2.0 / 3.0));
    }
    assert!(close(share(&[-800.0], &[-800.0]), 0.5));
}

#[test]
fn a_template_is_filled_in_one_pass_and_needs_the_response() {
    let judge = Judge::new(
        JudgeHow::FirstToken,
        Some("{x} {problem}: {response}?".into()),
    );
    let filled = judge.unwrap().fill("a {response}", "b {problem}");
    assert_eq!(filled, "{x} a {response}: b {problem}?");
    let error = Judge::new(JudgeHow::FirstToken, Some("{problem}".into()));
    assert!(error.unwrap_err().to_string().contains("{response}"));
}
