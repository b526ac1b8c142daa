//! Extraction of answers, from outside the crate.

use std::time::{Duration, Instant};

use laser_verify::extract::*;
use laser_verify::limits::Limits;
use proptest::prelude::*;

fn best(text: &str) -> Option<(Source, Vec<String>, bool)> {
    let found = candidates(text, &Options::default(), &Limits::default()).unwrap();
    let first = found.into_iter().next()?;
    Some((
        first.source,
        first.parts.iter().map(ToString::to_string).collect(),
        first.percent,
    ))
}

fn parts(text: &str) -> Vec<String> {
    best(text).map(|found| found.1).unwrap_or_default()
}

#[test]
fn boxes_are_grouped() {
    for (text, wanted) in [
        (r"\boxed{2}, \boxed{3}, \boxed{5}", &["2", "3", "5"][..]),
        (
            r"$$\boxed{(2, 2)} \quad \text{and} \quad \boxed{(6, 2)}$$",
            &["(2, 2)", "(6, 2)"],
        ),
        (r"$\boxed{1}\boxed{2}$", &["1", "2"]),
        (r"\(\boxed{1}\) and \(\boxed{-2}\)", &["1", "-2"]),
        (r"\boxed{1} papers and \boxed{2} bins", &["1", "2"]),
        (
            r"\boxed{(3, 3)} \text{ for part (a) and } \boxed{(1, 1)}",
            &["(3, 3)", "(1, 1)"],
        ),
        (
            r"\($y_1 = \boxed{-2(x - 1)^2 + 5} \) and \( y_2 = \boxed{3(x + 2)^2 - 2} \) ",
            &["-2(x - 1)^2 + 5", "3(x + 2)^2 - 2"],
        ),
        (r"\boxed{1} no no no no no \boxed{2}", &["2"]),
        (r"So \boxed{3}, but wait, \boxed{4}", &["4"]),
        (r"is \boxed{004}. Check: \boxed{004}", &["004"]),
        (r"\boxed{x = \boxed{5}}", &["5"]),
        (r"\boxed 5", &["5"]),
        (r"\\boxed{\\frac{1}{2}}", &[r"\\frac{1}{2}"]),
        (r"\boxed{\{1, 2\}}", &[r"\{1, 2\}"]),
        (r"\boxed{12 $ and $13 }. $ Final", &["12", "13"]),
        (
            r"\\boxed{W(n) = 1 \\text{ and } W(n) = -1",
            &[r"W(n) = 1 \\text{ and } W(n) = -1"],
        ),
        (r"\boxed{7} and then \boxed{}", &["7"]),
    ] {
        assert_eq!(parts(text), wanted, "{text}");
    }
    let found = best("$\\boxed{28}$ pct").unwrap();
    assert!(found.2);
}

#[test]
fn marks_and_phrases() {
    for (text, source, wanted) in [
        (
            "<answer> \\boxed{4} </answer> ok",
            Source::Boxed,
            &["4"][..],
        ),
        (
            "5\n<answer>\n$\\frac12$\n</answer>",
            Source::AnswerTag,
            &[r"\frac12"],
        ),
        (
            "#### Step 3\nfoo\n#### $1,800 dollars",
            Source::Hash,
            &["1,800 dollars"],
        ),
        (
            "Final Answer: The largest $n$ is 34.",
            Source::FinalAnswer,
            &["34"],
        ),
        (
            "**Final Answer**\n\n$x=5$ or $x=-3$.",
            Source::FinalAnswer,
            &["x=5", "x=-3"],
        ),
        (
            "Final Answer: The final answer is $14{,}916$. I hope it is correct.",
            Source::FinalAnswer,
            &["14{,}916"],
        ),
        (
            "Final Answer: Jane started growing Sphere 3 hours ago. I hope.",
            Source::FinalAnswer,
            &["3"],
        ),
        ("最终答案：$5$", Source::FinalAnswer, &["5"]),
        ("答案是 12。", Source::Answer, &["12"]),
        ("La réponse est 2,74.", Source::Answer, &["2,74"]),
        ("Die Antwort ist 7.", Source::Answer, &["7"]),
        ("She has 5.\nA: 1,026", Source::Answer, &["1,026"]),
        ("Answer: 3+4 = 7", Source::Answer, &["7"]),
        ("I think the answer is Evelyn.", Source::Answer, &["Evelyn"]),
        (
            "The answer is 5 because 3 is smaller than 7",
            Source::Answer,
            &["5"],
        ),
    ] {
        let found = best(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(
            (found.0, &found.1[..]),
            (
                source,
                &wanted.iter().map(ToString::to_string).collect::<Vec<_>>()[..]
            ),
            "{text}"
        );
    }
}

#[test]
fn plain_and_math() {
    for (text, wanted) in [
        ("7,425,000", "7,425,000"),
        ("1 000", "1 000"),
        ("$1,000.99", "1,000.99"),
        ("1,000.99$", "1,000.99"),
        ("the number is not 10 which is 1,000.99€", "1,000.99"),
        ("so the number is 10 which is 1,000.99m²", "1,000.99"),
        ("Soucis : 2,74 $ a..", "2,74"),
        ("costs $5 and $7 in total", "7"),
        (r"\frac{10}{9}", r"\frac{10}{9}"),
        (r"-\frac{10}{9}", r"-\frac{10}{9}"),
        (r"x \in [-2,7]", r"x \in [-2,7]"),
        ("(3,4) or (4,3)", "(3,4) or (4,3)"),
        (r"\text{odd}", r"\text{odd}"),
        ("She makes 13 * 2 = $<<13*2=26>>26 a day", "26"),
        (
            "Therefore, the probability that Alice wins is 2/3. <|im_start|>user",
            "2/3",
        ),
        (".4", ".4"),
        ("we get sqrt(2) there, as 1. said", "1"),
        ("We have (3, 4) there", "(3, 4)"),
    ] {
        assert_eq!(parts(text), [wanted], "{text}");
    }
    assert_eq!(best("AZYUK2A"), None);
    assert!(best("28 percent").unwrap().2);
    assert_eq!(parts("$1$ and $2$ and $3$"), ["1", "2", "3"]);
    assert_eq!(parts("Answer $ \n 9 \n $"), ["9"]);
    assert_eq!(best("we have $ 9 $ here").unwrap().0, Source::Math);
    assert_eq!(
        parts("\\begin{align*} a &= b \\\\ &= 28 \\%. \\end{align*}"),
        ["28 \\%"]
    );
}

#[test]
fn choices() {
    let options = Options {
        order: vec![Way::Choice],
        ..Options::default()
    };
    for (text, wanted) in [
        ("The answer is A.", "A"),
        ("**B**", "B"),
        ("(C)", "C"),
        ("A. Because B is not valid", "A"),
        ("Because B is valid", "B"),
        ("A train leaves, so D", "D"),
    ] {
        let found = candidates(text, &options, &Limits::default()).unwrap();
        assert_eq!(found[0].parts, [wanted], "{text}");
    }
}

#[test]
fn thinking_comes_second() {
    assert_eq!(parts("<think>\\boxed{1}</think> The answer is 2."), ["2"]);
    assert_eq!(parts("<think>\\boxed{1}</think> Well."), ["1"]);
}

#[test]
fn strict_format() {
    assert_eq!(
        strict_boxed(r"so \boxed{ \frac{1}{2} }."),
        Ok(r"\frac{1}{2}")
    );
    assert_eq!(strict_boxed("5"), Err(FormatError::None));
    assert_eq!(
        strict_boxed(r"\boxed{1} \boxed{1}"),
        Err(FormatError::Several(2))
    );
    assert_eq!(strict_boxed(r"\boxed{ }"), Err(FormatError::Empty));
    assert_eq!(strict_boxed(r"\boxed{1"), Err(FormatError::Unbalanced));
}

#[test]
fn time_is_linear() {
    let units = [
        r"\boxed{",
        r"\boxed{1},",
        r"\boxed{1",
        "$",
        "$1 ",
        "$ a",
        "{",
        "(",
        "((1",
        "[",
        "answer is ",
        "answer is 5 ",
        "<<",
        "<<1",
        "\\{",
        "\\{1 ",
        r"\left(",
        r"\left(1 ",
        r"\begin{pmatrix}",
        r"\begin{align}",
        r"\(",
        r"\[",
        "####",
        "#### 5 ",
        "#### 5\n",
        "<answer>",
        "<answer>5</answer>",
        "1 ",
        "1+",
        "1. \n",
        "\n",
        " ",
        "a",
        "x",
        "\\",
        "\\frac{",
        "\\frac{1}",
        "</think>",
        "Final Answer\n",
        "**",
        "1,",
        "é",
        "x^",
        "答案",
        "A: 5\n",
        "$x$ and ",
        "answer in ",
        "- ",
        "\\end{",
        "(1+",
        "1st ",
        "$$",
        "$$ 5\n",
        "A B ",
    ];
    let options = Options {
        order: vec![
            Way::Boxed,
            Way::AnswerTag,
            Way::Hash,
            Way::FinalAnswer,
            Way::Answer,
            Way::Choice,
            Way::Math,
            Way::Plain,
        ],
        ..Options::default()
    };
    let mut slow = Vec::new();
    for unit in units {
        let text = unit.repeat((4 << 20) / unit.len());
        let start = Instant::now();
        let found = candidates(&text, &options, &Limits::default()).unwrap();
        let spent = start.elapsed();
        let gold = gold_candidates(&text, &Limits::default()).unwrap();
        let both = start.elapsed();
        drop((found, gold));
        // Quadratic work takes minutes here; the bound leaves room for a busy machine.
        if both > Duration::from_secs(2) {
            slow.push((unit, spent));
        }
        eprintln!("{unit:?} {spent:?} {both:?}");
    }
    assert!(slow.is_empty(), "{slow:?}");
}

fn snippet() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "\\boxed{",
        "}",
        "{",
        "$",
        "$$",
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "answer is ",
        "Final Answer",
        "**",
        "####",
        " ",
        "\n",
        "5",
        "1,000",
        "(",
        ")",
        "²",
        "é",
        "€",
        "答案：",
        "réponse",
        "<answer>",
        "</answer>",
        "<<",
        ">>",
        "\\",
        "\\frac",
        "\\left",
        "\\right",
        "\\begin{align}",
        "\\end{align}",
        "&",
        "\\\\",
        "and",
        ",",
        "=",
        "-",
        "%",
        "percent",
        "A:",
        "x",
        "^",
        "_",
        "。",
        "</think>",
        "\\$",
        "'",
        "sqrt",
        ".",
        "\\begin{pmatrix}",
        "√",
        "π",
    ]);
    prop_oneof![4 => known.prop_map(String::from), 1 => any::<char>().prop_map(String::from), 1 => ".{0,4}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn never_panics(pieces in prop::collection::vec(snippet(), 0..40)) {
        let text: String = pieces.concat();
        let options = Options { order: vec![Way::Boxed, Way::AnswerTag, Way::Hash, Way::FinalAnswer, Way::Answer, Way::Math, Way::Choice, Way::Plain], choice_case_insensitive: true, ..Options::default() };
        let mut found = candidates(&text, &options, &Limits::default()).unwrap();
        found.extend(gold_candidates(&text, &Limits::default()).unwrap());
        for candidate in found {
            prop_assert!(text.get(candidate.span.clone()).is_some());
            prop_assert!(!candidate.parts.is_empty());
        }
        let _ = strict_boxed(&text);
    }
}
