//! Pairs whose truth SymPy knows: `tests/data/make_sympy.py` writes them.

use laser_verify::{Verifier, verify};
use serde_json::Value;

/// Verdicts that differ from SymPy's on purpose: id and reason.
const DELIBERATE: &[(&str, &str)] = &[];

fn cases() -> Vec<Value> {
    include_str!("data/sympy.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_pair_has_the_verdict_of_sympy() {
    let mut wrong = Vec::new();
    let cases = cases();
    for case in &cases {
        let text = |key: &str| case[key].as_str().unwrap();
        let (id, gold, answer) = (text("id"), text("gold"), text("answer"));
        let deliberate = DELIBERATE.iter().any(|(name, _)| *name == id);
        let wanted = case["equal"].as_bool().unwrap() != deliberate;
        for answer in [answer.to_owned(), format!(r"Thus $\boxed{{{answer}}}$.")] {
            let outcome = verify(gold, &answer);
            if outcome.verdict.is_equal() != wanted {
                wrong.push(format!("{id}: {gold}  |  {answer}  |  {}", outcome.verdict));
            }
        }
    }
    assert!(cases.len() > 1000);
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// An equality of formulas does not depend on which side is the gold answer.
#[test]
fn formulas_compare_both_ways() {
    let verifier = Verifier::default();
    let one_way = ["inequality", "plusminus", "roots", "set", "matrix/vector"];
    for case in cases() {
        let id = case["id"].as_str().unwrap();
        if one_way.iter().any(|kind| id.starts_with(kind)) {
            continue;
        }
        let (gold, answer) = (
            case["answer"].as_str().unwrap(),
            case["gold"].as_str().unwrap(),
        );
        let outcome = verifier.verify(gold, answer);
        let equal = outcome.verdict.is_equal();
        assert_eq!(
            equal, case["equal"],
            "{id} turned round: {gold}  |  {answer}"
        );
    }
}
