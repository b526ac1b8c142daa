//! Inputs that are meant to be slow, deep or strange. Each has a named outcome, and none may take
//! a second of processor time (in release the slowest takes some tens of milliseconds; run with
//! `--nocapture` to see the times).

use std::time::{Duration, Instant};

use laser_verify::{Verifier, parse};

/// What may come of a check. Where both sides have a value, `Refused` is always sound, so the
/// two `Not…` outcomes leave open how far the comparison gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Equal,
    Different,
    Refused,
    /// Different, or no verdict.
    NotEqual,
    /// Equal, or no verdict.
    NotDifferent,
    /// There is no right answer; only the time counts.
    Anything,
}

use Expect::{Anything, Different, Equal, NotDifferent, NotEqual, Refused};

/// Processor time of this thread where the system tells (tests run beside each other on busy
/// machines), else the time of the clock.
fn stamp(start: Instant) -> Duration {
    let on_cpu = std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .filter(|&nanoseconds| nanoseconds > 0);
    on_cpu.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

fn timed<T>(name: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let before = stamp(start);
    let result = run();
    let spent = stamp(start).saturating_sub(before);
    println!("{:9.2} ms  {name}", spent.as_secs_f64() * 1e3);
    if spent >= Duration::from_secs(1) {
        println!("FAIL slow {name}: {spent:?}");
    }
    result
}

/// Checks a response as it is.
fn respond(name: &str, gold: &str, response: &str, expect: Expect) {
    let outcome = timed(name, || Verifier::default().verify(gold, response));
    let found = outcome.verdict.name();
    let fits = match expect {
        Equal => found == "equal",
        Different => found == "different",
        Refused => found == "unparseable",
        NotEqual => found != "equal",
        NotDifferent => found != "different",
        Anything => true,
    };
    println!("              {}", outcome.verdict);
    if !fits {
        println!(
            "FAIL verdict {name}: {}, expected {expect:?}",
            outcome.verdict
        );
    }
}

/// Checks an answer in a box.
fn check(name: &str, gold: &str, answer: &str, expect: Expect) {
    respond(name, gold, &format!(r"\boxed{{{answer}}}"), expect);
}

/// Joins what `item` makes of `0..count`.
fn list(count: usize, separator: &str, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(separator)
}

fn reversed(count: usize, separator: &str, item: impl Fn(usize) -> String) -> String {
    list(count, separator, |k| item(count - 1 - k))
}

/// `head` `count` times, `core`, `tail` `count` times.
fn nest(count: usize, head: &str, core: &str, tail: &str) -> String {
    head.repeat(count) + core + &tail.repeat(count)
}

fn primes(from: usize, count: usize) -> Vec<usize> {
    let prime = |n: &usize| {
        (2..)
            .take_while(|d| d * d <= *n)
            .all(|d| !n.is_multiple_of(d))
    };
    (from..).filter(prime).take(count).collect()
}

#[test]
fn towers_of_powers() {
    check("9^9^9^9", "9^{9^{9^9}}", "9^{9^{9^9}}", Equal);
    check("9^9^9^9, spaced", "9^{9^{9^9}}", "9^{9^{9^{9}}}", Equal);
    check("9^9^9^9 and 3", "9^{9^{9^9}}", "3", NotEqual);
    check("3 and 9^9^9^9", "3", "9^9^9^9", NotEqual);
    check("9^9^9 and 3", "9^{9^9}", "3", NotEqual);
    check("9^9^9 and + 1", "9^{9^9}", "9^{9^9}+1", NotEqual);
    check("2^2^100", "2^{2^{100}}", "2^{2^{100}}", Equal);
    check("2^2^100, 4^2^99", "2^{2^{100}}", "4^{2^{99}}", NotDifferent);
    check("2^2^100, 7", "7", "2^{2^{100}}", NotEqual);
    check(
        "x^x^x^…",
        &nest(40, "x^{", "x", "}"),
        &nest(40, "x^{", "1x", "}"),
        NotDifferent,
    );
    check(
        "x^y^z^…",
        &nest(20, "x^{y^{", "z", "}}"),
        &nest(20, "x^{y^{", "2", "}}"),
        NotEqual,
    );
    check(
        "(((x^2)^2)^2)…",
        &nest(30, "(", "x", "^2)"),
        "x^{1073741824}",
        NotDifferent,
    );
    check(
        "(((x+1)^2)^2)…",
        &nest(30, "(", "x+1", "^2)"),
        "x",
        NotEqual,
    );
    check("(((2^2)^2)^2)…", &nest(40, "(", "2", "^2)"), "3", NotEqual);
    check("0.5^2^40", "0", "0.5^{2^{40}}", NotEqual);
    check("(1/3)^(-10^9)", "3^{10^9}", r"(1/3)^{-10^9}", NotDifferent);
    check("x^10^9", "x^{10^9}", "x^{1000000000}", NotDifferent);
    check("x^10^9 and + 1", "x^{10^9}", "x^{1000000001}", NotEqual);
    check("(x+y)^10^9", "(x+y)^{10^9}", "(y+x)^{10^9}", NotDifferent);
    check("1.0000001^10^9", "3", "1.0000001^{10^9}", NotEqual);
    check("i^10^18", "1", "i^{10^{18}}", NotDifferent);
    check("e^e^e^e^e", "e^{e^{e^{e^e}}}", "7", NotEqual);
    check("pi^pi^pi^pi", r"\pi^{\pi^{\pi^\pi}}", "7", NotEqual);
    check(
        "sqrt2 tower",
        &nest(20, r"\sqrt{2}^{", r"\sqrt 2", "}"),
        "2",
        NotEqual,
    );
}

#[test]
fn a_megabyte_of_one_thing() {
    const MEGABYTE: usize = 1 << 20;
    for piece in [
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        r"\frac",
        r"\frac{",
        r"\frac1",
        r"\sqrt",
        r"\sqrt{",
        "-",
        "|",
        "||",
        "+",
        "^",
        "_",
        "^{",
        "_{",
        ",",
        ";",
        "$",
        "$$",
        r"\$",
        r"\(",
        r"\)",
        r"\[",
        "\\",
        r"\\",
        "&",
        "1",
        "1,",
        "1 ",
        "1.",
        "1/",
        "9^",
        "a",
        "a ",
        "=",
        "1=",
        "<",
        "<<",
        "<<1=1>>",
        "%",
        "!",
        "'",
        "*",
        "**",
        "#",
        "####",
        "#### 1 ",
        "\n",
        "\n\n1",
        " ",
        "~",
        ":",
        ".",
        "...",
        "`",
        "\"",
        r"\left(",
        r"\right)",
        r"\left|",
        r"\text{",
        r"\text{a}",
        r"\boxed{",
        r"\boxed",
        r"\boxed{1}",
        r"\fbox{1},",
        r"\begin{pmatrix}",
        r"\end{pmatrix}",
        r"\pm",
        "±",
        "√",
        "²",
        "½",
        "∞",
        "π",
        "∪",
        "−",
        "数",
        "答案",
        "🦀",
        "\u{301}",
        "\u{200b}",
        "\u{202e}",
        "\0",
        "\u{feff}",
        "é",
        "answer is ",
        "The final answer is ",
        "answer: 1 ",
        "<answer>",
        "</answer>",
        "<answer>1</answer>",
        "Answer: (A) ",
        "(A)",
        "A. ",
        "or ",
        "and ",
        "1 or ",
        "1 and ",
        "x=1 ",
        "x = ",
        "1:",
        "is $1$ ",
        "$1$",
        "$1$, ",
        "$1$ and ",
        "**1**",
        "1 000 ",
        "1,000,",
        "1e",
        "1e9",
        "sqrt(",
        "sin ",
        r"\sin",
        r"\sin(",
        "|x|",
        r"\cdot",
        r"\{",
        r"\}",
        "&lt;",
        "\\\\frac",
        "\u{c}rac",
        "5!",
        "therefore 1",
        r"\sum",
        r"\int",
        r"\lim",
        "x_",
        "x_1",
        r"\overline{",
        r"\mathrm{a}",
    ] {
        let text = piece.repeat(MEGABYTE / piece.len());
        let name = format!("{} … as a response", piece.escape_debug());
        respond(&name, "5", &text, Anything);
        respond(
            &format!("{name}, in a box"),
            "5",
            &format!(r"\boxed{{{text}}}"),
            Anything,
        );
        let name = format!("{} … as a gold answer", piece.escape_debug());
        respond(&name, &text, r"\boxed{5}", Anything);
        // What just fits the limit is parsed.
        let text = piece.repeat((16 << 10) / piece.len());
        let name = format!("{} … 16 KiB", piece.escape_debug());
        respond(&name, "5", &format!(r"\boxed{{{text}}}"), Anything);
        respond(&format!("{name}, gold"), &text, r"\boxed{5}", Anything);
        // What is left of it without too many nodes.
        let text = piece.repeat(60);
        let name = format!("{} … 60 times", piece.escape_debug());
        respond(&name, "5", &format!(r"\boxed{{{text}}}"), Anything);
        respond(
            &format!("{name}, an operand"),
            "5",
            &format!(r"\boxed{{{text}7}}"),
            Anything,
        );
        let _ = timed(&name, || parse::parse(&text, &Verifier::default().limits));
    }
}

#[test]
fn mixed_megabytes() {
    let texts = [
        r"\boxed{".repeat(100_000),
        nest(100_000, r"\boxed{", "1", "}"),
        nest(100_000, "{", "1", "}"),
        nest(100_000, "(", "1", ")"),
        nest(100_000, "$", "1", "$"),
        nest(50_000, r"\left(", "1", r"\right)"),
        nest(10_000, r"\frac{", "1", "}{2}"),
        nest(10_000, r"\frac{1}{", "1", "}"),
        nest(100_000, "answer is $", "1", "$ "),
        r"\boxed{1}, ".repeat(100_000),
        r"\boxed{1} and ".repeat(70_000),
        "$1$, ".repeat(200_000),
        "the answer is \n\n".repeat(60_000),
        "Answer: ".repeat(100_000) + "5",
        "{\\".repeat(300_000),
        "$\\$".repeat(300_000),
        "\\(\\[$".repeat(200_000),
        r"\begin{cases} 1 & ".repeat(50_000),
        "1".repeat(1 << 20),
        "0.".to_owned() + &"3".repeat(1 << 20),
        "1 2/".repeat(1 << 18),
        "a1".repeat(1 << 19),
        "((a".repeat(1 << 18),
        "√(".repeat(1 << 18),
        "<<1+".repeat(1 << 18),
        "5 ! ".repeat(1 << 18),
        "x^(".repeat(1 << 18),
        "x^{".repeat(1 << 18),
        "1-(".repeat(1 << 18),
        r"1-\frac{1}{".repeat(1 << 16),
        r"1-\sqrt[".repeat(1 << 16),
        r"\text{(".repeat(1 << 16),
        r"\text{ is (A".repeat(1 << 16),
        "(A) (B) (C) ".repeat(1 << 16),
    ];
    for text in &texts {
        let name: String = text.chars().take(20).collect();
        let name = name.escape_debug().to_string();
        respond(&format!("{name} …"), "5", text, Anything);
        respond(
            &format!("{name} … in a box"),
            "5",
            &format!(r"\boxed{{{text}}}"),
            Anything,
        );
        respond(
            &format!("{name} … as a gold answer"),
            text,
            r"\boxed{5}",
            Anything,
        );
    }
}

#[test]
fn deep_nesting() {
    let deep = nest(10_000, r"\frac{1}{1+", "1", "}");
    check("frac 10,000 deep", "5", &deep, Refused);
    check("frac 10,000 deep, gold", &deep, "5", NotEqual);
    check(
        "continued fraction, 60",
        &nest(60, r"\frac{1}{1+", "1", "}"),
        r"\frac{2504730781961}{4052739537881}",
        Equal,
    );
    check(
        "continued fraction, 60, off",
        &nest(60, r"\frac{1}{1+", "1", "}"),
        r"\frac{2504730781961}{4052739537882}",
        Different,
    );
    check(
        "continued fraction in x",
        &nest(60, r"\frac{1}{x+", "x", "}"),
        &nest(60, r"\frac{1}{", "x", "+x}"),
        NotDifferent,
    );
    check(
        "continued fraction in x and y",
        &nest(60, r"\frac{y}{x+", "1", "}"),
        &nest(60, r"\frac{y}{x+", "2", "}"),
        NotEqual,
    );
    check(
        "nested radicals, 30",
        &nest(30, r"\sqrt{2+", "2", "}"),
        &nest(30, r"\sqrt{", "2", "+2}"),
        NotDifferent,
    );
    check(
        "nested radicals, 30, and 2",
        &nest(30, r"\sqrt{2+", "1", "}"),
        "2",
        NotEqual,
    );
    check(
        "nested radicals of x",
        &nest(30, r"\sqrt{x+", "1", "}"),
        &nest(30, r"\sqrt{", "1", "+x}"),
        NotDifferent,
    );
    check(
        "nested radicals of x, off",
        &nest(30, r"\sqrt{x+", "1", "}"),
        &nest(30, r"\sqrt{", "2", "+x}"),
        NotEqual,
    );
    check(
        "nested cube roots",
        &nest(30, r"\sqrt[3]{6+", "2", "}"),
        "2",
        NotDifferent,
    );
    check(
        "nested absolute values",
        &nest(60, "|x-", "1", "|"),
        &nest(60, "|x-", "2", "|"),
        Anything,
    );
    check(
        "nested Abs",
        &nest(40, r"\left|x-", "1", r"\right|"),
        &nest(40, r"\left|x-", "2", r"\right|"),
        NotEqual,
    );
    check(
        "nested Abs <",
        &(nest(40, r"\left|x-", "1", r"\right|") + "<1"),
        &(nest(40, r"\left|x-", "2", r"\right|") + "<1"),
        Anything,
    );
    check(
        "nested tuples",
        &nest(50, "(1,", "2", ")"),
        &nest(50, "(1,", "3", ")"),
        Different,
    );
    check(
        "nested sets",
        &nest(50, r"\{1,", "2", r"\}"),
        &nest(50, r"\{", "2", r",1\}"),
        Anything,
    );
    check(
        "nested lists",
        &nest(50, r"\{", "1,2", r"\}"),
        &nest(50, r"\{", "2,1", r"\}"),
        Anything,
    );
    check(
        "binary tree of sets",
        &tree(9, r"\{", ",", r"\}"),
        &tree(9, r"\{", ", ", r"\}").replace('1', "2"),
        NotEqual,
    );
    check(
        "binary tree of sets, mirrored",
        &tree_of(9, 0),
        &tree_of(9, 1),
        Anything,
    );
    check(
        "nested sines",
        &nest(60, r"\sin(", "x", ")"),
        &nest(60, r"\sin(", "y", ")"),
        NotEqual,
    );
    check(
        "nested sines, number",
        &nest(60, r"\sin(", "1", ")"),
        &nest(60, r"\sin(", "2", ")"),
        NotEqual,
    );
    check(
        "nested logarithms",
        &nest(40, r"\ln(2+", "x", ")"),
        &nest(40, r"\ln(2+", "1x", ")"),
        NotDifferent,
    );
    for (head, tail) in [
        ("C_5^{", "}"),
        ("C_{", "}^2"),
        ("C_n^{C_", "^2}"),
        ("A_5^{", "}"),
    ] {
        check(
            "nested choices",
            &nest(60, head, "x", tail),
            &nest(60, head, "y", tail),
            NotEqual,
        );
    }
    check(
        "nested factorials",
        &nest(20, "(", "3", ")!"),
        "720",
        NotEqual,
    );
    check(
        "3!!!…",
        &("3".to_owned() + &"!".repeat(50)),
        "720",
        Anything,
    );
    check(
        "nested floors",
        &nest(40, r"\lfloor 1.5+", "x", r"\rfloor"),
        "2",
        NotEqual,
    );
    check(
        "lists of lists",
        &nest(3, r"\{\{", "1,2,3", r"\}\}"),
        &nest(3, r"\{\{", "3,2,1", r"\}\}"),
        Anything,
    );
}

fn tree(depth: usize, open: &str, comma: &str, close: &str) -> String {
    if depth == 0 {
        return "1".to_owned();
    }
    let half = tree(depth - 1, open, comma, close);
    format!("{open}{half}{comma}{half}{close}")
}

/// A tree of sets with different leaves; `flip` mirrors it.
fn tree_of(depth: usize, flip: usize) -> String {
    fn at(depth: usize, label: usize, flip: usize) -> String {
        if depth == 0 {
            return label.to_string();
        }
        let mut halves = [2 * label, 2 * label + 1].map(|l| at(depth - 1, l, flip));
        if flip == 1 {
            halves.reverse();
        }
        format!(r"\{{{}\}}", halves.join(","))
    }
    at(depth, 1, flip)
}

#[test]
fn long_numbers() {
    let digits = "7".repeat(100_000);
    check("100,000 digits", &digits, &digits, NotDifferent);
    check("100,000 digits and 7", "7", &digits, Refused);
    let digits = "7".repeat(10_000);
    check(
        "10,000 digits, off by one",
        &digits,
        &format!("{}8", &digits[1..]),
        NotEqual,
    );
    let digits = "7".repeat(4_000);
    check("4,000 digits", &digits, &format!("{digits}+0"), Equal);
    check(
        "4,000 digits, off by one",
        &digits,
        &format!("{}8", &digits[1..]),
        Different,
    );
    check(
        "4,000 digits, multiplied",
        &format!("{digits} x"),
        &format!("{digits} x + 1"),
        Different,
    );
    check(
        "product of long numbers",
        &list(4, r"\cdot", |_| digits.clone()),
        &list(4, r"\cdot ", |_| digits.clone()),
        NotDifferent,
    );
    check(
        "powers of long numbers",
        &format!("{digits}^{{1000}}"),
        &format!("({digits}+1)^{{1000}}"),
        NotEqual,
    );
    let decimal = format!("0.{}", "3".repeat(10_000));
    check("10,000 decimals and 1/3", r"\frac13", &decimal, Anything);
    check(
        "10,000 decimals, spaced",
        &decimal,
        &format!("{decimal} + 0"),
        NotDifferent,
    );
    let decimal = format!("0.{}", "3".repeat(4_000));
    check("4,000 decimals and 1/3", r"\frac13", &decimal, Anything);
    check("4,000 decimals and sqrt(2)", r"\sqrt2", &decimal, NotEqual);
    check(
        "0.000…1",
        &format!("0.{}1", "0".repeat(4_000)),
        "0",
        NotEqual,
    );
    check("1e999999999", "1e999999999", "1", NotEqual);
    check("1 and 1e999999999", "1", "1e999999999", NotEqual);
    check("1e-999999999", "0", "1e-999999999", NotEqual);
    check(
        "10^999999999",
        r"1 \times 10^{999999999}",
        r"10^{999999999}",
        NotDifferent,
    );
    check(
        "1e99999999999999999999",
        "1",
        "1e99999999999999999999",
        NotEqual,
    );
    check(
        "overline of 5,000 digits",
        r"\frac13",
        &format!(r"0.\overline{{{}}}", "3".repeat(4_000)),
        NotDifferent,
    );
    check(
        "long base",
        &format!("{}_7", "6".repeat(4_000)),
        &format!("{}_7", "5".repeat(4_000)),
        NotEqual,
    );
    check(
        "long base, 16 KiB",
        &format!("{}_{{36}}", "z".repeat(16_000)),
        "1",
        NotEqual,
    );
    check(
        "long fraction",
        &format!(r"\frac{{{}}}{{{}}}", "1".repeat(4_000), "9".repeat(4_000)),
        r"\frac19",
        NotDifferent,
    );
    check(
        "commas",
        &list(1000, ",", |_| "111".to_owned()),
        &list(1000, ",", |_| "112".to_owned()),
        NotEqual,
    );
}

#[test]
fn factorials_sums_and_binomials() {
    check("1000000!", "1000000!", "3", NotEqual);
    check(
        "1000000! and itself",
        "1000000!",
        "1000000! + 0",
        NotDifferent,
    );
    check("1000!", "1000!", r"1000 \cdot 999!", NotDifferent);
    check("5000!/4999!", r"\frac{5000!}{4999!}", "5000", NotDifferent);
    check(
        "10^6!/(10^6-1)!",
        r"\frac{1000000!}{999999!}",
        "1000000",
        NotDifferent,
    );
    check(
        "sum to 10^9",
        r"\sum_{k=1}^{10^9} k",
        "500000000500000000",
        NotDifferent,
    );
    check(
        "sum to 10^9, off",
        r"\sum_{k=1}^{10^9} k",
        "500000000500000001",
        NotEqual,
    );
    check(
        "sum to 10^9 of 1/k",
        r"\sum_{k=1}^{10^9} \frac1k",
        "21",
        NotEqual,
    );
    check(
        "sum to 5000 of 1/k",
        r"\sum_{k=1}^{5000} \frac1k",
        "9",
        NotEqual,
    );
    check(
        "sum to 5000 of sqrt k",
        r"\sum_{k=1}^{5000} \sqrt{k}",
        "9",
        NotEqual,
    );
    check(
        "sum to 5000 of x^k",
        r"\sum_{k=1}^{5000} x^k",
        "9",
        NotEqual,
    );
    check(
        "sum to 5000 of sin kx",
        r"\sum_{k=1}^{5000} \sin(kx)",
        "9",
        NotEqual,
    );
    check(
        "sum to infinity",
        r"\sum_{k=1}^{\infty} \frac{1}{k^2}",
        r"\frac{\pi^2}{6}",
        NotDifferent,
    );
    check("product to 10^9", r"\prod_{k=1}^{10^9} k", "3", NotEqual);
    check(
        "product to 1000 of (x+k)",
        r"\prod_{k=1}^{1000} (x+k)",
        "3",
        NotEqual,
    );
    check(
        "product to 1000 of sqrt k",
        r"\prod_{k=1}^{1000} \sqrt{k}",
        "3",
        NotEqual,
    );
    let nested = nest(8, r"\sum_{k=1}^{100} ", "k", "");
    check("nested sums, 8", &nested, "3", NotEqual);
    let nested = format!(
        "{} abcd",
        list(4, " ", |k| format!(
            r"\sum_{{{}=1}}^{{100}}",
            char::from(b'a' + k as u8)
        ))
    );
    check(
        "nested sums, 4 variables",
        &nested,
        "650377503750001",
        NotEqual,
    );
    check(
        "nested sums, dependent",
        r"\sum_{a=1}^{1000}\sum_{b=1}^{a}\sum_{c=1}^{b} \frac{1}{abc}",
        "3",
        NotEqual,
    );
    check(
        "sum of products",
        r"\sum_{a=1}^{100}\prod_{b=1}^{a} (x+b)",
        "3",
        NotEqual,
    );
    check(
        "binomial",
        r"\binom{10^6}{5\cdot 10^5}",
        r"\binom{1000000}{500000}",
        NotDifferent,
    );
    check(
        "binomial and 3",
        r"\binom{10^6}{5\cdot 10^5}",
        "3",
        NotEqual,
    );
    check("binomial of 10^18", r"\binom{10^{18}}{2}", "3", NotEqual);
    check("binomial of x", r"\binom{x}{1000}", "3", NotEqual);
    check(
        "sum of binomials",
        r"\sum_{k=0}^{1000} \binom{1000}{k}",
        "2^{1000}",
        NotDifferent,
    );
    check("sum of factorials", r"\sum_{k=0}^{1000} k!", "3", NotEqual);
    check(
        "gcd",
        &format!(r"\gcd({}, {})", "7".repeat(3000), "8".repeat(3000)),
        "3",
        NotEqual,
    );
    check("mod", r"7^{10^{18}} \bmod 1000", "1", Anything);
    check(
        "fibonacci-like power",
        r"\left(\frac{1+\sqrt5}{2}\right)^{1000}",
        "3",
        NotEqual,
    );
    check("(1+sqrt5)^10000", r"(1+\sqrt5)^{10000}", "3", NotEqual);
    check("(1+i)^10000", r"(1+i)^{10000}", "2^{5000}", NotDifferent);
    check("integral", r"\int_0^{10^9} x^{1000} dx", "3", NotEqual);
    check(
        "nested integrals",
        &(nest(10, r"\int_0^1 ", "x", " dx")),
        "3",
        NotEqual,
    );
    check(
        "integral of a power",
        r"\int_0^1 (1+x)^{1000} dx",
        "3",
        NotEqual,
    );
    check("limit", r"\lim_{n\to\infty} (1+1/n)^n", "e", NotDifferent);
    check(
        "nested limits",
        &nest(20, r"\lim_{x\to 0} ", r"\frac{\sin x}{x}", ""),
        "1",
        NotDifferent,
    );
}

#[test]
fn large_polynomials() {
    check("(1+x)^1000", "(1+x)^{1000}", "(1+x)^{1000}+1", NotEqual);
    check(
        "(1+x)^1000, commuted",
        "(1+x)^{1000}",
        "(x+1)^{1000}",
        NotDifferent,
    );
    check(
        "(1+x)^300",
        "(1+x)^{300}",
        "(1+x)^{150} (x+1)^{150}",
        NotDifferent,
    );
    check(
        "(a+b+c+d+e)^50",
        "(a+b+c+d+e)^{50}",
        "(a+b+c+d+e)^{50}+1",
        NotEqual,
    );
    check(
        "(a+b+c+d+e)^50, commuted",
        "(a+b+c+d+e)^{50}",
        "(e+d+c+b+a)^{50}",
        NotDifferent,
    );
    check("(a+b+c+d+e)^50 and 0", "(a+b+c+d+e)^{50}", "0", NotEqual);
    check(
        "(a+…)^10",
        "(a+b+c+d+e)^{10}",
        "(e+d+c+b+a)^{10}",
        NotDifferent,
    );
    let sum = |sign: &'static str| list(26, sign, |k| char::from(b'a' + k as u8).to_string());
    check(
        "(a+…+z)^6",
        &format!("({})^6", sum("+")),
        &format!("({})^6+1", sum("+")),
        NotEqual,
    );
    check(
        "(a+…+z)^3/(a-…-z)^3",
        &format!(r"\frac{{({})^3}}{{({})^3}}", sum("+"), sum("-")),
        "1",
        NotEqual,
    );
    let product = |from: usize| list(300, "", |k| format!("(x-{})", k + from));
    check("product of 300", &product(1), &product(2), NotEqual);
    check(
        "product of 300, reversed",
        &product(1),
        &reversed(300, "", |k| format!("(x-{})", k + 1)),
        NotDifferent,
    );
    let fractions = |count| list(count, "+", |k| format!(r"\frac{{1}}{{x+{k}}}"));
    check(
        "sum of 100 fractions",
        &fractions(100),
        &fractions(99),
        NotEqual,
    );
    check(
        "sum of 100 fractions, reversed",
        &fractions(100),
        &reversed(100, "+", |k| format!(r"\frac{{1}}{{x+{k}}}")),
        NotDifferent,
    );
    let fractions = list(60, "+", |k| format!(r"\frac{{1}}{{x_{{{k}}}}}"));
    check(
        "sum of 60 fractions of variables",
        &fractions,
        &reversed(60, "+", |k| format!(r"\frac{{1}}{{x_{{{k}}}}}")),
        NotDifferent,
    );
    check(
        "sum of 60 fractions of variables, off",
        &fractions,
        "1",
        NotEqual,
    );
    let variables = list(1500, "+", |k| format!("x_{{{k}}}"));
    check(
        "1500 variables",
        &variables,
        &reversed(1500, "+", |k| format!("x_{{{k}}}")),
        NotDifferent,
    );
    check(
        "1500 variables, off",
        &variables,
        &list(1499, "+", |k| format!("x_{{{k}}}")),
        NotEqual,
    );
    check(
        "square of 1500 variables",
        &format!("({variables})^2"),
        "1",
        NotEqual,
    );
    check(
        "product of 1500 variables",
        &list(1500, "", |k| format!("x_{{{k}}}")),
        &reversed(1500, "", |k| format!("x_{{{k}}}")),
        NotDifferent,
    );
    check(
        "4000 ones",
        &list(2000, "+", |_| "1".to_owned()),
        "2000",
        Equal,
    );
    check("4000 minus signs", &("-".repeat(60) + "1"), "1", Anything);
    check(
        "long quotient",
        &list(400, "/", |_| "2".to_owned()),
        "1",
        NotEqual,
    );
    check(
        "long power",
        &list(60, "^", |_| "1".to_owned()),
        "1",
        NotDifferent,
    );
}

#[test]
fn roots_and_functions() {
    check(
        "10^6-th root",
        r"\sqrt[1000000]{2}",
        "2^{0.000001}",
        NotDifferent,
    );
    check("10^6-th root and 1", r"\sqrt[1000000]{2}", "1", NotEqual);
    check(
        "10^18-th root",
        r"\sqrt[1000000000000000000]{2}",
        "1",
        NotEqual,
    );
    check(
        "sin(10^1000)",
        r"\sin(10^{1000})",
        r"\sin(10^{1000})+0",
        NotDifferent,
    );
    check("sin(10^1000) and 0.5", r"\sin(10^{1000})", "0.5", NotEqual);
    check("sin(10^100000)", r"\sin(10^{100000})", "0.5", NotEqual);
    check("sin(10^10^10)", r"\sin(10^{10^{10}})", "0.5", NotEqual);
    check("sin(10^9 x)", r"\sin(1000000000x)", r"\cos(x)", NotEqual);
    check("sin(1000x)", r"\sin(1000x)", r"\cos(1000x)", NotEqual);
    check("tan of a pole", r"\tan(\pi/2)", "1", NotEqual);
    check("exp(exp(exp(10)))", "e^{e^{e^{10}}}", "3", NotEqual);
    check("exp(-exp(10))", "e^{-e^{10}}", "0", NotEqual);
    check(
        "ln of 10^-10^9",
        r"\ln(10^{-10^9})",
        r"-10^9\ln 10",
        NotDifferent,
    );
    let roots = primes(10_000_000, 100);
    let sum = |order: &dyn Fn(usize) -> usize| {
        list(100, "+", |k| format!(r"\sqrt{{{}}}", roots[order(k)]))
    };
    check("100 roots", &sum(&|k| k), &sum(&|k| 99 - k), NotDifferent);
    check(
        "100 roots, one off",
        &sum(&|k| k),
        &sum(&|k| k.max(1)),
        NotEqual,
    );
    check(
        "square of 100 roots",
        &format!("({})^2", sum(&|k| k)),
        "1",
        NotEqual,
    );
    check(
        "reciprocal of 100 roots",
        &format!(r"\frac{{1}}{{{}}}", sum(&|k| k)),
        "1",
        NotEqual,
    );
    let small = primes(2, 20);
    let sum = list(20, "+", |k| format!(r"\sqrt{{{}}}", small[k]));
    check(
        "power of 20 roots",
        &format!("({sum})^{{20}}"),
        "1",
        NotEqual,
    );
    check(
        "reciprocal of 20 roots",
        &format!(r"\frac{{1}}{{{sum}}}"),
        "1",
        NotEqual,
    );
    let sines = list(100, "+", |k| format!(r"\sin({}x)", k + 1));
    check(
        "100 sines",
        &sines,
        &reversed(100, "+", |k| format!(r"\sin({}x)", k + 1)),
        NotDifferent,
    );
    check("100 sines, off", &sines, "0", NotEqual);
    let sines = list(60, "", |k| format!(r"\sin({})", k + 1));
    check("product of 60 sines", &sines, "0", NotEqual);
    let logs = list(200, "+", |k| format!(r"\ln {}", k + 2));
    check("200 logarithms", &logs, r"\ln(201!)", NotDifferent);
    let functions = list(300, "+", |k| format!("f({k})"));
    check(
        "300 values",
        &functions,
        &reversed(300, "+", |k| format!("f({k})")),
        NotDifferent,
    );
    check(
        "long radicand",
        &format!(r"\sqrt{{{}}}", "7".repeat(3000)),
        "1",
        NotEqual,
    );
    check(
        "long radicand, 97th root",
        &format!(r"\sqrt[97]{{{}}}", "7".repeat(3000)),
        "1",
        NotEqual,
    );
    check(
        "semiprime root",
        r"\sqrt{1000000016000000063}",
        "1000000008",
        NotEqual,
    );
    check(
        "long logarithm",
        &format!(r"\ln {}", "7".repeat(3000)),
        "1",
        NotEqual,
    );
    check(
        "200 long logarithms",
        &list(60, "+", |k| format!(r"\ln {}{k}", "7".repeat(150))),
        "1",
        NotEqual,
    );
    check(
        "nearly an integer",
        r"e^{\pi\sqrt{163}}",
        "262537412640768744",
        Different,
    );
    check("nearly equal", r"\sqrt{10^{100}+1}", "10^{50}", NotEqual);
    check(
        "nearly zero",
        r"\sqrt{10^{4000}+1}-10^{2000}",
        "0",
        NotEqual,
    );
}

#[test]
fn large_collections() {
    let big = list(1_000_000, ",", |k| k.to_string());
    check("10^6 elements", &format!(r"\{{{big}\}}"), "5", NotEqual);
    check(
        "10^6 elements, answer",
        "5",
        &format!(r"\{{{big}\}}"),
        Refused,
    );
    respond("10^6 elements, bare", "5", &big, Anything);
    let set = |items: String| format!(r"\{{{items}\}}");
    let number = |k: usize| (k + 1).to_string();
    check(
        "1000 elements, reversed",
        &set(list(1000, ",", number)),
        &set(reversed(1000, ",", number)),
        NotDifferent,
    );
    check(
        "1000 elements, one off",
        &set(list(1000, ",", number)),
        &set(list(1000, ",", |k| (k + 2).to_string())),
        NotEqual,
    );
    check(
        "1000 bare elements, reversed",
        &list(1000, ", ", number),
        &reversed(1000, ", ", number),
        NotDifferent,
    );
    let root = |k: usize| format!(r"\sqrt{{{}}}", k + 1);
    check(
        "1000 roots, reversed",
        &set(list(1000, ",", root)),
        &set(reversed(1000, ",", root)),
        NotDifferent,
    );
    check(
        "1000 roots, disjoint",
        &set(list(1000, ",", root)),
        &set(list(1000, ",", |k| format!(r"\sqrt{{{}}}", k + 2000))),
        NotEqual,
    );
    let other = |k: usize| format!(r"2\sqrt{{{}}}/2", k + 1);
    check(
        "300 roots written otherwise",
        &set(list(300, ",", root)),
        &set(reversed(300, ",", other)),
        NotDifferent,
    );
    let sine = |k: usize| format!(r"\sin {}", k + 1);
    check(
        "300 sines, disjoint",
        &set(list(300, ",", sine)),
        &set(list(300, ",", |k| format!(r"\sin {}", k + 1001))),
        NotEqual,
    );
    let letter = |k: usize| format!("x_{{{k}}}");
    check(
        "800 variables, reversed",
        &set(list(800, ",", letter)),
        &set(reversed(800, ",", letter)),
        NotDifferent,
    );
    let formula = |k: usize| format!("(x+{k})^2");
    let expanded = |k: usize| format!("x^2+{}x+{}", 2 * k, k * k);
    check(
        "150 formulas, expanded and reversed",
        &set(list(150, ",", formula)),
        &set(reversed(150, ",", expanded)),
        NotDifferent,
    );
    let pair = |k: usize| format!("({k},{})", k + 1);
    check(
        "800 points, reversed",
        &list(800, ",", pair),
        &reversed(800, ",", pair),
        NotDifferent,
    );
    let equation = |k: usize| format!("x={k}");
    check(
        "800 equations, reversed",
        &list(800, ",", equation),
        &reversed(800, ",", equation),
        NotDifferent,
    );
    let text = |k: usize| format!(r"\text{{word{k}}}");
    check(
        "500 words, reversed",
        &list(500, ",", text),
        &reversed(500, ",", text),
        Anything,
    );
    let fraction = |k: usize| format!(r"\frac{{{}}}{{{}}}", k + 1, k + 2);
    check(
        "600 fractions, reversed",
        &set(list(600, ",", fraction)),
        &set(reversed(600, ",", fraction)),
        NotDifferent,
    );
    let decimal = |k: usize| format!("0.{:06}", k + 1);
    check(
        "600 decimals, reversed",
        &set(list(600, ",", decimal)),
        &set(reversed(600, ",", decimal)),
        NotDifferent,
    );
    check(
        "600 decimals, fractions",
        &set(list(600, ",", decimal)),
        &set(reversed(600, ",", fraction)),
        NotEqual,
    );
    let repeated = |_| "1".to_owned();
    check(
        "a repeated element",
        &set(list(1500, ",", repeated)),
        r"\{1\}",
        NotDifferent,
    );
    check(
        "tuple of 1000 roots",
        &format!("({})", list(1000, ",", root)),
        &format!("({})", list(1000, ",", other)),
        NotEqual,
    );
    check(
        "ratio of 500",
        &list(500, ":", |k| (k + 1).to_string()),
        &list(500, ":", |k| (2 * k + 2).to_string()),
        NotDifferent,
    );
    check(
        "signs in a list",
        &list(300, ",", |k| format!(r"\pm {k}")),
        &reversed(300, ",", |k| format!(r"\mp {k}")),
        NotDifferent,
    );
}

#[test]
fn intervals_and_relations() {
    let interval = |k: usize| format!("[{},{})", 2 * k, 2 * k + 1);
    for count in [100, 250, 500, 800, 1000] {
        check(
            &format!("union of {count} intervals"),
            &list(count, r"\cup", interval),
            &reversed(count, r"\cup", interval),
            NotDifferent,
        );
        check(
            &format!("union of {count} intervals, one less"),
            &list(count, r"\cup", interval),
            &list(count - 1, r"\cup", interval),
            NotEqual,
        );
    }
    let root = |k: usize| format!(r"(\sqrt{{{}}},\sqrt{{{}}})", 2 * k + 2, 2 * k + 3);
    check(
        "250 intervals with roots",
        &list(250, r"\cup", root),
        &reversed(250, r"\cup", root),
        NotDifferent,
    );
    let sine = |k: usize| format!(r"(\sin {}+{k},{k}+2)", k + 2);
    check(
        "250 intervals with sines",
        &list(250, r"\cup", sine),
        &reversed(250, r"\cup", sine),
        NotDifferent,
    );
    let without = |count: usize| {
        format!(
            r"\mathbb{{R}}\setminus\{{{}\}}",
            list(count, ",", |k| k.to_string())
        )
    };
    check("500 points less", &without(500), &without(499), NotEqual);
    check(
        "500 points less, roots",
        &without(500),
        &format!(
            r"\mathbb{{R}}\setminus\{{{}\}}",
            reversed(500, ",", |k| format!(r"\sqrt{{{}}}", k * k))
        ),
        NotDifferent,
    );
    let absolutes = |count: usize| list(count, "+", |k| format!("|x-{k}|"));
    for count in [3, 5, 8, 12, 20, 60] {
        check(
            &format!("{count} absolute values"),
            &format!("{}<10", absolutes(count)),
            &format!("{}<11", absolutes(count)),
            Anything,
        );
        check(
            &format!("{count} absolute values and an interval"),
            "(0,1)",
            &format!("{}<10", absolutes(count)),
            NotEqual,
        );
        check(
            &format!("interval and {count} absolute values"),
            &format!("{}<10", absolutes(count)),
            "(0,1)",
            NotEqual,
        );
    }
    let absolutes = list(60, "+", |k| format!("|x_{{{k}}}-1|"));
    check(
        "60 absolute values of variables",
        &format!("{absolutes}<1"),
        &format!("{absolutes}<2"),
        NotEqual,
    );
    check(
        "60 absolute values of variables, no relation",
        &absolutes,
        &format!("{absolutes}+1"),
        NotEqual,
    );
    let chain = |count: usize| list(count, "<", |k| k.to_string());
    check("chain of 5000", &chain(5000), "1", NotEqual);
    check("chain of 2000", &chain(2000), &chain(1999), NotEqual);
    check(
        "chain of 1000 in x",
        &format!("{}<x", chain(1000)),
        &format!("x>{}", reversed(1000, ">", |k| k.to_string())),
        NotDifferent,
    );
    check(
        "chain of 1000 equalities",
        &list(1000, "=", |k| format!("x_{{{k}}}")),
        &reversed(1000, "=", |k| format!("x_{{{k}}}")),
        Anything,
    );
    let system = |count: usize| list(count, ",", |k| format!("x>{k}"));
    check("system of 500", &system(500), "x>499", NotDifferent);
    check(
        "system of 500, reversed",
        &system(500),
        &reversed(500, ",", |k| format!("x>{k}")),
        NotDifferent,
    );
    let square = list(100, ",", |k| format!(r"x^2-{}x+{}\geq 0", 2 * k + 1, k));
    check("100 quadratics", &square, "x>1", NotEqual);
    check(
        "polynomial equations",
        "x^{100}+x+1=0",
        "x^{100}+x+2=0",
        NotEqual,
    );
    check(
        "polynomial equations, scaled",
        "(x+1)^{60}=0",
        "2(1+x)^{60}=0",
        NotDifferent,
    );
    check(
        "equations of many variables",
        &format!("{}=0", list(800, "+", |k| format!("x_{{{k}}}"))),
        &format!("0={}", reversed(800, "+", |k| format!("x_{{{k}}}"))),
        NotDifferent,
    );
    check(
        "builder",
        r"\{x \mid |x|<1, |x-1|<1, |x-2|<1, |x-3|<1\}",
        r"\emptyset",
        Anything,
    );
    check(
        "nested operations",
        &nest(50, r"(\mathbb{R}\setminus", r"\{1\}", ")"),
        &nest(51, r"(\mathbb{R}\setminus", r"\{1\}", ")"),
        Anything,
    );
    check(
        "inequality with a tower",
        "x<9^{9^{9^9}}",
        r"(-\infty,9^{9^{9^9}})",
        Anything,
    );
    check(
        "interval with towers",
        "(1,9^{9^{9^9}})",
        "(1,9^{9^{9^8}})",
        NotEqual,
    );
}

#[test]
fn signs() {
    let signs = list(40, "", |k| format!(r"\pm \sqrt{{{}}}", k + 2));
    check("40 signs", &signs, &signs.replace(r"\pm", r" \pm "), Equal);
    check(
        "40 signs, flipped",
        &signs,
        &signs.replace(r"\pm", r"\mp"),
        Equal,
    );
    check(
        "40 signs, another order",
        &signs,
        &reversed(40, "", |k| format!(r"\pm \sqrt{{{}}}", k + 2)),
        Equal,
    );
    check(
        "40 signs, one off",
        &signs,
        &signs.replacen(r"\pm", r"\mp", 1),
        NotEqual,
    );
    check("40 signs and 0", &signs, "0", NotEqual);
    check(
        "nested signs",
        &nest(30, r"\sqrt{2\pm ", "1", "}"),
        &nest(30, r"\sqrt{2\mp ", "1", "}"),
        NotDifferent,
    );
    check(
        "nested signs, 60",
        &nest(60, r"(1\pm ", "x", ")"),
        &nest(60, r"(1\mp ", "x", ")"),
        NotDifferent,
    );
    check(
        "chained signs",
        &("1".to_owned() + &r"\pm 1".repeat(1000)),
        "1001, -999",
        Anything,
    );
}

#[test]
fn matrices() {
    let matrix = |n: usize, entry: &dyn Fn(usize, usize) -> String| {
        format!(
            r"\begin{{pmatrix}}{}\end{{pmatrix}}",
            list(n, r"\\", |i| list(n, "&", |k| entry(i, k)))
        )
    };
    let number = |i: usize, k: usize| ((i * 7 + k * 3) % 10).to_string();
    check("200x200", &matrix(200, &number), "1", NotEqual);
    check("200x200, answer", "1", &matrix(200, &number), NotEqual);
    let n = 60;
    check(
        "60x60",
        &matrix(n, &number),
        &matrix(n, &|i, k| number(i, k) + "+0"),
        Anything,
    );
    check(
        "60x60, off",
        &matrix(n, &number),
        &matrix(n, &|i, k| number(k, i)),
        NotEqual,
    );
    let n = 40;
    check(
        "40x40",
        &matrix(n, &number),
        &matrix(n, &|i, k| number(i, k) + "+0"),
        NotDifferent,
    );
    check(
        "40x40 squared",
        &format!("{}^2", matrix(n, &number)),
        &matrix(n, &number),
        NotEqual,
    );
    check(
        "40x40 to the 1000",
        &format!("{}^{{1000}}", matrix(n, &number)),
        &matrix(n, &number),
        NotEqual,
    );
    check(
        "40x40 inverse",
        &format!("{}^{{-1}}", matrix(n, &number)),
        &matrix(n, &number),
        NotEqual,
    );
    check(
        "40x40 determinant",
        &format!(r"\det {}", matrix(n, &number)),
        "1",
        NotEqual,
    );
    check(
        "2x2 to the 10^9",
        &format!("{}^{{1000000000}}", matrix(2, &number)),
        &matrix(2, &number),
        NotEqual,
    );
    check(
        "Fibonacci matrix",
        r"\begin{pmatrix}1&1\\1&0\end{pmatrix}^{1000}",
        &matrix(2, &number),
        NotEqual,
    );
    let symbol = |i: usize, k: usize| format!("a_{{{i},{k}}}");
    for n in [4, 5, 6, 8, 12] {
        let transposed = matrix(n, &|i, k| symbol(k, i));
        check(
            &format!("symbolic determinant {n}"),
            &format!(r"\det {}", matrix(n, &symbol)),
            &format!(r"\det {transposed}"),
            NotDifferent,
        );
        check(
            &format!("symbolic determinant {n} and 1"),
            &format!(r"\det {}", matrix(n, &symbol)),
            "1",
            NotEqual,
        );
        check(
            &format!("symbolic inverse {n}"),
            &format!("{}^{{-1}}", matrix(n, &symbol)),
            &matrix(n, &symbol),
            NotEqual,
        );
        check(
            &format!("symbolic cube {n}"),
            &format!("{}^3", matrix(n, &symbol)),
            &matrix(n, &symbol),
            NotEqual,
        );
    }
    let root = |i: usize, k: usize| format!(r"\sqrt{{{}}}", i * 8 + k + 2);
    check(
        "determinant of roots",
        &format!(r"\det {}", matrix(8, &root)),
        "1",
        NotEqual,
    );
    check(
        "determinant of sines",
        &format!(
            r"\det {}",
            matrix(8, &|i, k| format!(r"\sin {}", i * 8 + k))
        ),
        "1",
        NotEqual,
    );
    check(
        "product of 100 matrices",
        &matrix(2, &number).repeat(100),
        &matrix(2, &number),
        NotEqual,
    );
    check(
        "matrices in a matrix",
        &nest(20, r"\begin{pmatrix}1&", "2", r"\end{pmatrix}"),
        "1",
        NotEqual,
    );
}

#[test]
fn strange_characters() {
    let texts = [
        "\u{202e}5\u{202c}",
        "5\u{301}\u{301}\u{301}",
        "\u{200b}5\u{200b}",
        "🦀",
        "5🦀",
        "\0",
        "5\0",
        "\0\0\0",
        "\u{fffd}",
        "\u{e000}\u{10ffff}",
        "\u{feff}5",
        "𝟝",
        "𝑥²",
        "٣",
        "五",
        "½⅓¼",
        "²²²²",
        "₁₂₃",
        "5̸",
        "|\u{300}|",
        "\u{7f}\u{80}\u{9f}",
        "5\u{c}rac",
        "\u{8}oxed{5}",
        "\\\u{301}",
        "\\",
        "{\\",
        "\\boxed",
        "\\boxed{\\",
        "^",
        "_",
        "x_",
        "x^",
        "x_{",
        "&",
        "%",
        "$",
        "ß",
        "İ",
        "ǅ",
        "x\u{2061}y",
        "−5",
        "５",
        "（５）",
        "\u{1d54f}",
        "👨‍👩‍👧‍👦",
        "∫",
        "∑",
        "√",
        "√√√√",
        "‖‖",
        "⌊⌈",
        "⟨⟩",
    ];
    let verifier = Verifier::default();
    for text in texts {
        for text in [text.to_owned(), text.repeat(50), format!("{text}{text}1")] {
            let name = text.escape_debug().to_string();
            respond(&name, "7", &text, NotEqual);
            check(&name, "7", &text, NotEqual);
            check(&name, &text, "7", NotEqual);
            let _ = verifier.verify(&text, &text);
            let _ = parse::parse(&text, &verifier.limits);
        }
    }
}

/// What the fuzzer (`fuzz/README.md`) found, and values too close to be told apart at a glance.
#[test]
fn fuzzed_inputs() {
    check(
        "NULs in an exponent",
        &format!("10^{{-1{}2}}", "\0".repeat(110)),
        "0",
        NotEqual,
    );
    check(
        "commas behind NULs",
        "\0\0\0\u{f},,,,,",
        "\0\0\0\u{f},,,,,",
        Anything,
    );
    check(
        "a decimal and full stops",
        "0.85.........",
        "0.85.........",
        Anything,
    );
    check(
        "a number and one less tiny",
        r"\pi+e^{-200}",
        r"\pi",
        NotEqual,
    );
    check(
        "a gold answer too large to read",
        &list(1500, "+", |_| "x".to_owned()),
        "1500x",
        NotDifferent,
    );
    check(
        "a root of e as a bound",
        r"y = 1x + \exp((\frac{1}{6})^{4})",
        r"\exp((\frac{1}{6})^{4}) + 1 x = y",
        NotDifferent,
    );
}
