//! What must hold of every answer: it equals itself, however it is written, and it does not equal
//! what is one more.

use laser_verify::{Verdict, Verifier};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

/// An expression, kept as a tree so that it can be written in more than one way.
#[derive(Clone, Debug)]
enum Tree {
    Number(u32),
    Symbol(char),
    Pi,
    Fraction(Box<Tree>, Box<Tree>),
    Root(u32, Box<Tree>),
    Sum(Vec<Tree>),
    Difference(Box<Tree>, Box<Tree>),
    Product(Vec<Tree>),
    Power(Box<Tree>, u32),
    Call(&'static str, Box<Tree>),
    Abs(Box<Tree>),
}

use Tree as T;

/// How a tree is written. Every choice leaves the mathematics as it is.
#[derive(Clone, Copy, Debug, Default)]
struct Style {
    /// `\dfrac` or `\tfrac`, and `/` where both sides are plain.
    fraction: u8,
    /// Spaces, `\,` and the like between the parts.
    space: u8,
    /// `\left(`…`\right)`.
    left_right: bool,
    /// `\cdot` or `\times` where a product needs no sign.
    dot: u8,
    /// Sums and products backwards.
    commuted: bool,
    /// Brackets around every operand.
    brackets: bool,
    /// Squares and cubes as products.
    expanded: bool,
    /// Fractions of numbers multiplied above and below.
    scale: u32,
}

fn styles() -> impl Strategy<Value = Style> {
    let choices = (0u8..3, 0u8..5, any::<bool>(), 0u8..3);
    let more = (any::<bool>(), any::<bool>(), any::<bool>(), 1u32..4);
    (choices, more).prop_map(
        |((fraction, space, left_right, dot), (commuted, brackets, expanded, scale))| Style {
            fraction,
            space,
            left_right,
            dot,
            commuted,
            brackets,
            expanded,
            scale,
        },
    )
}

/// How tightly a written expression holds together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Sum,
    Product,
    Power,
    Atom,
}

impl Style {
    fn gap(&self) -> &'static str {
        ["", " ", r"\,", r"\ ", r"\;"][self.space as usize]
    }

    fn bracket(&self, text: &str) -> String {
        if self.left_right {
            format!(r"\left({text}\right)")
        } else {
            format!("({text})")
        }
    }

    /// The tree in brackets unless it is `least` or tighter.
    fn at_least(&self, tree: &Tree, least: Level) -> String {
        let (text, level) = self.write(tree);
        let redundant = self.brackets && !matches!(tree, T::Symbol(_) | T::Number(_));
        if level < least || redundant {
            self.bracket(&text)
        } else {
            text
        }
    }

    fn text(&self, tree: &Tree) -> String {
        self.write(tree).0
    }

    fn ordered<'t>(&self, items: &'t [Tree]) -> Vec<&'t Tree> {
        if self.commuted {
            items.iter().rev().collect()
        } else {
            items.iter().collect()
        }
    }

    fn write(&self, tree: &Tree) -> (String, Level) {
        let gap = self.gap();
        match tree {
            T::Number(n) => (n.to_string(), Level::Atom),
            T::Symbol(c) => (c.to_string(), Level::Atom),
            T::Pi => (r"\pi ".to_owned(), Level::Atom),
            T::Fraction(above, below) => self.fraction(above, below),
            T::Root(2, inside) => (format!(r"\sqrt{{{}}}", self.text(inside)), Level::Atom),
            T::Root(n, inside) => (format!(r"\sqrt[{n}]{{{}}}", self.text(inside)), Level::Atom),
            T::Sum(items) => {
                let parts: Vec<String> = self
                    .ordered(items)
                    .into_iter()
                    .map(|item| self.at_least(item, Level::Product))
                    .collect();
                (parts.join(&format!("{gap}+{gap}")), Level::Sum)
            }
            T::Difference(a, b) => {
                let (a, b) = (
                    self.at_least(a, Level::Product),
                    self.at_least(b, Level::Product),
                );
                (format!("{a}{gap}-{gap}{b}"), Level::Sum)
            }
            T::Product(items) => {
                let sign = ["", r"\cdot ", r"\times "][self.dot as usize];
                let mut text = String::new();
                for item in self.ordered(items) {
                    let part = self.at_least(item, Level::Power);
                    // `2 3` is not 6, and `x(y)` may be the value of a function.
                    let glued = part.starts_with(|c: char| c.is_ascii_digit() || c == '(')
                        || part.starts_with(r"\left")
                        || part.starts_with(r"\d")
                        || part.starts_with(r"\t")
                        || part.starts_with(r"\frac")
                        || text.ends_with(|c: char| c.is_ascii_digit()) && part.starts_with('e');
                    // Letters that stand together may be a word: `by`.
                    let letters = text.ends_with(|c: char| c.is_ascii_lowercase())
                        && part.starts_with(|c: char| c.is_ascii_lowercase());
                    text += match (text.is_empty(), glued, sign) {
                        (false, false, "") if letters => " ",
                        (true, _, _) => "",
                        (_, true, "") => r"\cdot ",
                        _ => sign,
                    };
                    text += &part;
                }
                (text, Level::Product)
            }
            T::Power(base, exponent) if self.expanded && *exponent <= 3 => {
                let base = self.at_least(base, Level::Power);
                let factors = vec![base; *exponent as usize];
                (factors.join(r"\cdot "), Level::Product)
            }
            T::Power(base, exponent) => {
                let base = self.at_least(base, Level::Atom);
                let base = if matches!(base_of(tree), T::Fraction(..)) && base.starts_with('\\') {
                    self.bracket(&self.text(base_of(tree)))
                } else {
                    base
                };
                (format!("{base}^{{{exponent}}}"), Level::Power)
            }
            T::Call(name, argument) => {
                let inner = self.bracket(&self.text(argument));
                (format!(r"\{name}{inner}"), Level::Power)
            }
            T::Abs(inside) => (format!(r"\left|{}\right|", self.text(inside)), Level::Atom),
        }
    }

    fn fraction(&self, above: &Tree, below: &Tree) -> (String, Level) {
        if let (T::Number(n), T::Number(d)) = (above, below) {
            let scale = self.scale.max(1);
            let (n, d) = (n * scale, d * scale);
            return match self.fraction {
                0 => (format!(r"\frac{{{n}}}{{{d}}}"), Level::Power),
                1 => (format!(r"\dfrac{{{n}}}{{{d}}}"), Level::Power),
                _ => (self.bracket(&format!("{n}/{d}")), Level::Atom),
            };
        }
        match self.fraction {
            0 => (
                format!(r"\frac{{{}}}{{{}}}", self.text(above), self.text(below)),
                Level::Power,
            ),
            1 => (
                format!(r"\tfrac{{{}}}{{{}}}", self.text(above), self.text(below)),
                Level::Power,
            ),
            _ => {
                let (a, b) = (
                    self.at_least(above, Level::Power),
                    self.at_least(below, Level::Atom),
                );
                (self.bracket(&format!("{a}/{b}")), Level::Atom)
            }
        }
    }
}

fn base_of(tree: &Tree) -> &Tree {
    match tree {
        T::Power(base, _) => base,
        other => other,
    }
}

/// Trees that denote numbers; with variables if `symbols`.
fn trees(symbols: bool) -> BoxedStrategy<Tree> {
    let mut leaves = vec![
        (1u32..30).prop_map(T::Number).boxed(),
        (1u32..30).prop_map(T::Number).boxed(),
        (1u32..20, 2u32..20)
            .prop_map(|(n, d)| T::Fraction(T::Number(n).into(), T::Number(d).into()))
            .boxed(),
        (2u32..30)
            .prop_map(|n| T::Root(2, T::Number(n).into()))
            .boxed(),
        Just(T::Pi).boxed(),
    ];
    if symbols {
        let symbol = prop::sample::select(vec!['a', 'b', 'x', 'y', 'n']);
        leaves.push(symbol.clone().prop_map(T::Symbol).boxed());
        leaves.push(symbol.prop_map(T::Symbol).boxed());
    }
    let leaf = prop::strategy::Union::new(leaves);
    leaf.prop_recursive(3, 12, 3, move |inner| {
        let inner = inner.boxed();
        let several = || prop::collection::vec(inner.clone(), 2..4);
        let function = prop::sample::select(vec!["sin", "cos", "arctan", "exp"]);
        // Sums of positive numbers and of variables are not zero, so they can stand below.
        let below = prop_oneof![
            (2u32..20).prop_map(T::Number),
            (2u32..9).prop_map(|n| T::Sum(vec![T::Pi, T::Number(n)])),
        ];
        prop_oneof![
            3 => several().prop_map(T::Sum),
            3 => several().prop_map(T::Product),
            2 => (inner.clone(), below).prop_map(|(a, b)| T::Fraction(a.into(), b.into())),
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| T::Difference(a.into(), b.into())),
            2 => (inner.clone(), 2u32..5).prop_map(|(a, n)| T::Power(a.into(), n)),
            1 => (2u32..4, inner.clone()).prop_map(|(n, a)| T::Root(n, T::Sum(vec![T::Abs(a.into()), T::Number(1)]).into())),
            1 => (function, inner.clone()).prop_map(|(f, a)| T::Call(f, a.into())),
            1 => inner.clone().prop_map(|a| T::Abs(a.into())),
        ]
        .boxed()
    })
    .boxed()
}

/// Texts of every kind of answer, each in two orders or spellings of the same thing.
fn answers() -> BoxedStrategy<(String, String)> {
    let pair = (trees(true), styles())
        .prop_map(|(tree, style)| (Style::default().text(&tree), style.text(&tree)));
    let number = (trees(false), styles())
        .prop_map(|(tree, style)| (Style::default().text(&tree), style.text(&tree)));
    let pair = pair.boxed();
    let several = prop::collection::vec(pair.clone(), 2..5);
    let joined = |items: &[(String, String)], separator: &str| -> (String, String) {
        let side = |of: fn(&(String, String)) -> &String| {
            items
                .iter()
                .map(of)
                .cloned()
                .collect::<Vec<_>>()
                .join(separator)
        };
        (side(|i| &i.0), side(|i| &i.1))
    };
    let integers = (-20i32..20, 1i32..20);
    prop_oneof![
        3 => pair.clone(),
        2 => number,
        1 => several.clone().prop_map(move |items| {
            let (a, b) = joined(&items, ", ");
            (format!("({a})"), format!(r"\left( {b} \right)"))
        }),
        1 => several.clone().prop_map(move |mut items| {
            let (a, _) = joined(&items, ", ");
            items.reverse();
            let (_, b) = joined(&items, ",");
            (format!(r"\{{{a}\}}"), format!(r"\left\{{{b}\right\}}"))
        }),
        1 => (integers.clone(), any::<bool>(), any::<bool>()).prop_map(|((low, length), l, h)| {
            let (open, close) = (if l { "[" } else { "(" }, if h { "]" } else { ")" });
            let high = low + length;
            (
                format!("{open}{low}, {high}{close}"),
                format!(r"\left{open} {}/2 , {high}.0 \right{close}", 2 * low),
            )
        }),
        1 => (integers.clone(), 1i32..9).prop_map(|((low, length), gap)| {
            let (a, b, c) = (low, low + length, low + length + gap);
            (
                format!(r"(-\infty, {a}) \cup [{b}, {c}]"),
                format!(r"[{b},{c}]\cup(-\infty,{a})"),
            )
        }),
        1 => pair.clone().prop_map(|(a, b)| (format!("x = {a}"), format!(r"x={b}"))),
        1 => (pair.clone(), 1i32..9).prop_map(|((a, b), m)| {
            (format!("y = {m}x + {a}"), format!("{b} + {m} x = y"))
        }),
        1 => integers.clone().prop_map(|(low, length)| {
            (
                format!("{low} < x \\leq {}", low + length),
                format!("{} \\ge x > {low}", low + length),
            )
        }),
        1 => prop::collection::vec(pair.clone(), 4).prop_map(|items| {
            let matrix = |side: fn(&(String, String)) -> &String, name: &str| {
                let e: Vec<&String> = items.iter().map(side).collect();
                format!(
                    r"\begin{{{name}}} {} & {} \\ {} & {} \end{{{name}}}",
                    e[0], e[1], e[2], e[3]
                )
            };
            (matrix(|i| &i.0, "pmatrix"), matrix(|i| &i.1, "bmatrix"))
        }),
        1 => (1u32..400, 1u32..5).prop_map(|(n, d)| {
            (format!(r"{n}.{d}\%"), format!(r"{n}.{d} \%"))
        }),
        1 => (1i32..20, 2u32..30).prop_map(|(a, r)| {
            (format!(r"{a} \pm \sqrt{{{r}}}"), format!(r"{a}-\sqrt{{{r}}}, {a}+\sqrt{{{r}}}"))
        }),
    ]
    .boxed()
}

fn verdict(gold: &str, answer: &str) -> Verdict {
    Verifier::default()
        .verify(gold, &format!(r"\boxed{{{answer}}}"))
        .verdict
}

/// The same cases on every run, so that a change that breaks nothing fails nothing;
/// `PROPTEST_CASES` asks for more, and for others each time.
fn cases(count: u32) -> Config {
    let asked = std::env::var("PROPTEST_CASES").ok();
    Config {
        cases: asked
            .as_ref()
            .and_then(|text| text.parse().ok())
            .unwrap_or(count),
        failure_persistence: None,
        rng_seed: asked.map_or(RngSeed::Fixed(1), |_| RngSeed::Random),
        max_shrink_iters: 2000,
        ..Config::default()
    }
}

macro_rules! equal {
    ($gold:expr, $answer:expr) => {
        let (gold, answer) = (&$gold, &$answer);
        prop_assert_eq!(
            verdict(gold, answer),
            Verdict::Equal,
            "{} | {}",
            gold,
            answer
        );
    };
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn every_answer_equals_itself_and_its_rewriting((plain, styled) in answers()) {
        equal!(plain, plain);
        equal!(plain, format!(" {plain} "));
        equal!(styled, styled);
        equal!(plain, styled);
    }

    #[test]
    fn equality_of_numbers_is_symmetric(a in trees(false), b in trees(false), s in styles()) {
        let texts = [Style::default().text(&a), s.text(&a), Style::default().text(&b)];
        for left in &texts {
            for right in &texts {
                prop_assert_eq!(verdict(left, right), verdict(right, left), "{} | {}", left, right);
            }
        }
    }

    #[test]
    fn rewriting_is_transitive(tree in trees(true), s in styles(), t in styles()) {
        let texts = [Style::default().text(&tree), s.text(&tree), t.text(&tree)];
        for left in &texts {
            for right in &texts {
                equal!(left, right);
            }
        }
    }

    #[test]
    fn one_more_is_different(tree in trees(true), more in 1u32..50, s in styles()) {
        let gold = Style::default().text(&tree);
        let other = T::Sum(vec![tree, T::Number(more)]);
        let answer = s.text(&other);
        prop_assert_eq!(verdict(&gold, &answer), Verdict::Different, "{} | {}", gold, answer);
        prop_assert_eq!(verdict(&answer, &gold), Verdict::Different, "{} | {}", answer, gold);
    }

    #[test]
    fn twice_or_the_negative_of_it_is_different(tree in trees(false), s in styles()) {
        // Unless it is zero, which one less is not then.
        let gold = Style::default().text(&tree);
        if verdict("0", &gold) == Verdict::Different {
            let twice = s.text(&T::Product(vec![T::Number(2), tree.clone()]));
            prop_assert_eq!(verdict(&gold, &twice), Verdict::Different, "{} | {}", gold, twice);
            let negative = format!("-({})", s.text(&tree));
            prop_assert_eq!(verdict(&gold, &negative), Verdict::Different, "{} | {}", gold, negative);
        }
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_verdict_is_the_same_on_every_thread(
        (gold, answer) in answers(),
        (other, _) in answers(),
    ) {
        let pairs = [(&gold, &answer), (&gold, &other), (&other, &answer)];
        let expected = pairs.map(|(g, a)| verdict(g, a));
        let found = std::thread::scope(|scope| {
            let run = || pairs.map(|(g, a)| verdict(g, a));
            let threads = [(); 4].map(|()| scope.spawn(run));
            threads.map(|thread| thread.join())
        });
        for verdicts in found {
            prop_assert_eq!(verdicts.ok(), Some(expected.clone()));
        }
    }

    #[test]
    fn no_text_panics(gold in ".{0,40}", answer in r"[\\{}()$|^_=<>,;.%!0-9a-z ]{0,60}") {
        let verifier = Verifier::default();
        for (g, a) in [(&gold, &answer), (&answer, &gold)] {
            let first = verifier.verify(g, a);
            prop_assert_eq!(&first, &verifier.verify(g, a));
            verdict(g, a);
        }
    }
}
