use super::*;
use crate::{Place, Prompt};

fn printed(file: &str, texts: &[&str]) -> Printed {
    let problem = |(at, text): (usize, &&str)| Problem {
        prompt: Prompt::Text(text.to_string()),
        paraphrase: None,
        answer: Some(at.to_string()),
        response: Some(at.to_string()),
        source: String::new(),
        level: None,
        place: Place {
            file: file.into(),
            line: at + 1,
        },
    };
    Printed::new(texts.iter().enumerate().map(problem).collect())
}

fn compared(train: &[&str], test: &[&str]) -> (Vec<bool>, Vec<bool>, OverlapReport) {
    let (train, test) = (printed("train.jsonl", train), printed("test.jsonl", test));
    let mut report = OverlapReport::default();
    let same = exact(&train, &test, &mut report);
    let near = near(&train, &test, &mut report);
    (same, near, report)
}

#[test]
fn copies_are_found_whatever_their_writing() {
    let printed = printed(
        "a.jsonl",
        &["What is $1+1$?", "Else.", "what is 1 + 1", "What is $1+1$"],
    );
    let mut report = SplitReport::default();
    let again = duplicates(&printed, false, &mut report);
    assert_eq!(again, [false, false, true, true]);
    assert_eq!(report.duplicates.count, 2);
    assert_eq!(report.duplicates.first[1].this.line, 4);
    assert_eq!(report.duplicates.first[1].other.line, 1);
    assert_eq!(report.conflicting_answers.count, 2);
    // Different solutions of one problem are no copies for imitation.
    let mut report = SplitReport::default();
    assert_eq!(duplicates(&printed, true, &mut report), [false; 4]);
}

#[test]
fn what_is_on_both_sides_is_counted_on_both() {
    let (same, near, report) = compared(
        &["a b", "c d", "A, b!x", "a  b."],
        &["A b", "z", "a b?", "y"],
    );
    assert_eq!(same, [true, false, false, true]);
    assert_eq!(near, [false; 4]);
    assert_eq!((report.exact.count, report.exact_test), (2, 2));
    assert_eq!(report.exact.first[0].this.to_string(), "train.jsonl:1");
    assert_eq!(report.exact.first[0].other.to_string(), "test.jsonl:1");
}

#[test]
fn a_test_problem_that_stands_in_a_longer_one_is_near_it_by_its_share_of_runs() {
    // Ten words have three runs of eight.
    let test = "one two three four five six seven eight nine ten";
    let within = "Before. One two three four five six seven eight nine ten! After.";
    let most = "one two three four five six seven eight nine eleven";
    let third = "one two three four five six seven eight other words";
    let (same, near, report) = compared(&[third, most, within], &["else", test]);
    assert_eq!(same, [false; 3]);
    assert_eq!(near, [false, true, true]);
    assert_eq!(report.near_train, 2);
    let [found] = &report.near[..] else {
        panic!("{report:?}")
    };
    assert_eq!(
        (found.test.line, found.train.line, found.share),
        (2, 3, 1.0)
    );
}

#[test]
fn half_of_the_runs_is_enough() {
    // Four runs of eight in eleven words; the first nine have two of them.
    let test = "a b c d e f g h i j k";
    let (_, near, report) = compared(&["a b c d e f g h i x", "a b c d e f g h x"], &[test]);
    assert_eq!(near, [true, false]);
    assert_eq!(report.near[0].share, 0.5);
}

#[test]
fn short_texts_are_near_nothing_but_their_equals() {
    let (same, near, _) = compared(
        &["prove that x > 1 now", "prove that x > 1"],
        &["prove that x > 1"],
    );
    assert_eq!((same, near), (vec![false, true], vec![false, false]));
}

#[test]
fn wording_that_many_test_problems_share_says_nothing() {
    let tail = "please reason step by step and put your final answer within a box";
    let test: Vec<String> = (0..11).map(|at| format!("t{at} {tail}")).collect();
    let test: Vec<&str> = test.iter().map(String::as_str).collect();
    let other = format!("Something else. {tail}");
    assert_eq!(compared(&[&other], &test).1, [false]);
    // Among ten it may be what the problem is about.
    assert_eq!(compared(&[&other], &test[1..]).1, [true]);
}

#[test]
fn the_share_held_out_depends_on_the_text_alone_and_is_about_right() {
    let texts: Vec<String> = (0..2000).map(|at| format!("Problem {at}.")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let printed = printed("a.jsonl", &texts);
    let below = printed
        .iter()
        .filter(|(_, print)| print.uniform() < 0.1)
        .count();
    // The standard deviation is 13.
    assert!(below.abs_diff(200) < 60, "{below}");
}

#[test]
fn duplicates_overlap_and_nearness_are_those_of_a_slow_search() {
    #[derive(serde::Deserialize)]
    struct Golden {
        train: Vec<String>,
        test: Vec<String>,
        duplicates: Vec<usize>,
        exact: Vec<usize>,
        near: Vec<GoldenNear>,
        near_train: Vec<usize>,
    }
    #[derive(serde::Deserialize)]
    struct GoldenNear {
        test: usize,
        train: usize,
        share: f64,
    }
    let golden: Golden =
        serde_json::from_str(include_str!("../../tests/golden/overlap.json")).unwrap();
    let train: Vec<&str> = golden.train.iter().map(String::as_str).collect();
    let test: Vec<&str> = golden.test.iter().map(String::as_str).collect();
    let yes =
        |marks: Vec<bool>| -> Vec<usize> { (0..marks.len()).filter(|&at| marks[at]).collect() };
    let again = duplicates(&printed("a", &train), false, &mut SplitReport::default());
    assert_eq!(yes(again), golden.duplicates);
    let (same, near, report) = compared(&train, &test);
    assert_eq!(yes(same), golden.exact);
    assert_eq!(yes(near), golden.near_train);
    assert_eq!(report.near_train, golden.near_train.len());
    let found: Vec<_> = report
        .near
        .iter()
        .map(|n| (n.test.line - 1, n.train.line - 1, n.share))
        .collect();
    let expected: Vec<_> = golden
        .near
        .iter()
        .map(|n| (n.test, n.train, n.share))
        .collect();
    assert_eq!(found, expected);
}
