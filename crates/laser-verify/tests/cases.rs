//! The cases of math-verify's own tests, attempts at hacking, and answers of real models.

use laser_verify::extract::{self, Options, Source, Way};
use laser_verify::{Limits, Rules, Verdict, Verifier, verify};
use serde_json::Value;

/// Where this checker deliberately gives another verdict than math-verify's tests expect; the
/// reasons are in docs/verifier.md.
const DELIBERATE: &[(&str, &str)] = &[
    (
        "all/latex_notation/5",
        "a line break inside $ … $ does not make 9 a wrong answer",
    ),
    ("all/latex_notation/6", "the same for \\( … \\)"),
    ("all/relations_math/21", "1 = x = 0 is no name for 0"),
    ("yujianll/string_extraction/9", "1 − 1/e is not 1 + 1/e"),
];

fn lines(text: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).expect("a line of JSON");
    text.lines().map(parse).collect()
}

fn text<'v>(case: &'v Value, key: &str) -> &'v str {
    case[key].as_str().expect("a string")
}

#[test]
fn the_cases_of_math_verify() {
    let cases = lines(include_str!("data/math_verify.jsonl"));
    assert_eq!(cases.len(), 269);
    let mut wrong = Vec::new();
    for case in &cases {
        let mut rules = Rules::default();
        if let Some(places) = case["decimal_places"].as_u64() {
            rules.decimal_places = places as u32;
        }
        rules.relations_as_sets = case["relations_as_sets"] == true;
        rules.ignore_variable_names = case["ignore_variable_names"] == true;
        let verifier = Verifier {
            rules,
            ..Verifier::default()
        };
        let outcome = verifier.verify(text(case, "gold"), text(case, "answer"));
        let expected = case["equal"].as_bool().expect("a verdict");
        let deliberate = DELIBERATE.iter().any(|(id, _)| *id == text(case, "id"));
        if outcome.verdict.is_equal() == (expected == deliberate) {
            wrong.push(format!("{}: {outcome:?}", case["id"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_other_tests_of_math_verify() {
    for case in lines(include_str!("data/math_verify_other.jsonl")) {
        match text(&case, "kind") {
            "choice" => {
                let choices = match case["choices"].as_array() {
                    Some(choices) => choices
                        .iter()
                        .filter_map(Value::as_str)
                        .map(str::to_owned)
                        .collect(),
                    None => Options::default().choices,
                };
                let options = Options {
                    order: vec![Way::Choice],
                    choices,
                    ..Options::default()
                };
                let found = extract::candidates(text(&case, "text"), &options, &Limits::default())
                    .expect("a short text");
                let found = found
                    .first()
                    .map(|candidate| candidate.parts[0].to_lowercase());
                let expected = case["expect"].as_str().map(str::to_lowercase);
                assert_eq!(found, expected, "{case}");
            }
            "precision" => {
                let decimal_places = case["decimal_places"].as_u64().expect("a number") as u32;
                let rules = Rules {
                    decimal_places,
                    ..Rules::default()
                };
                let verifier = Verifier {
                    rules,
                    ..Verifier::default()
                };
                let outcome = verifier.verify(text(&case, "gold"), text(&case, "answer"));
                assert_eq!(outcome.verdict.is_equal(), case["expect"] == true, "{case}");
            }
            // Refusing `\frac12` is no option here: nothing is gained by it.
            "config" if case["options"]["malformed_operators"] == false => {}
            "config" => {
                let order = match case["options"]["boxed_match_priority"].as_i64() {
                    Some(-1) => vec![Way::FinalAnswer, Way::Answer, Way::Math],
                    Some(_) => vec![Way::FinalAnswer, Way::Answer, Way::Boxed],
                    None => Options::default().order,
                };
                let options = Options {
                    order,
                    ..Options::default()
                };
                let found = extract::candidates(text(&case, "text"), &options, &Limits::default())
                    .expect("a short text");
                // A text that is nothing but a box is still an answer without the box's way.
                let marked = found
                    .first()
                    .filter(|candidate| candidate.source != Source::Whole);
                let expected = case["expect"]
                    .as_str()
                    .map(|expected| expected.replace("1/2", "\\frac12"));
                assert_eq!(
                    marked.map(|candidate| candidate.parts[0].as_ref()),
                    expected.as_deref(),
                    "{case}"
                );
            }
            // Exceptions and signals of Python.
            "api" => {}
            other => panic!("unknown kind {other}"),
        }
    }
}

#[test]
fn no_attempt_at_hacking_is_accepted() {
    let mut accepted = Vec::new();
    for case in lines(include_str!("data/hacking.jsonl")) {
        let outcome = verify(text(&case, "gold"), text(&case, "answer"));
        if outcome.verdict == Verdict::Equal {
            accepted.push(format!("{case}: {outcome:?}"));
        }
    }
    assert!(accepted.is_empty(), "{}", accepted.join("\n"));
}
