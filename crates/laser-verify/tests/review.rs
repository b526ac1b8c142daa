//! Pairs that a review of the comparison found judged wrongly, each kind with its reason.

use laser_verify::verify;

fn check(pairs: &[(&str, &str)], equal: bool) {
    for (gold, answer) in pairs {
        let outcome = verify(gold, &format!(r"\boxed{{{answer}}}"));
        let verdict = outcome.verdict;
        assert_eq!(
            verdict.is_equal(),
            equal,
            "{gold}  |  {answer}  |  {verdict}"
        );
    }
}

#[test]
fn white_space_between_digits_counts() {
    check(
        &[("12", "1 2"), ("21/2", "2 1/2"), ("2 1/2", "21/2")],
        false,
    );
    check(
        &[("1000", "1 000"), ("2 1/2", "2  1/2"), ("x + 1", "x+1")],
        true,
    );
}

#[test]
fn formulas_are_tested_on_both_sides_of_every_step() {
    check(
        &[
            ("|x|", "x"),
            ("|x|", "-x"),
            ("|x-100|", "100-x"),
            ("5", r"\max(x,5)"),
            ("0", r"\lfloor |x|/10\rfloor"),
            (r"\lceil x\rceil", r"\lfloor x\rfloor+1"),
            ("(-1)^n", "1"),
            (r"\frac{1+(-1)^n}{2}", "1"),
            (r"n \bmod 2", "1"),
        ],
        false,
    );
    check(
        &[
            ("|x|", r"\sqrt{x^2}"),
            ("(-1)^n", r"\cos n\pi"),
            ("1", "(-1)^{2n}"),
            (r"\ln|x^2-9|", r"\ln|x-3|+\ln|x+3|"),
            (r"\sqrt{x-50}\sqrt{x-60}", r"\sqrt{(x-50)(x-60)}"),
        ],
        true,
    );
}

#[test]
fn units_and_moduli_are_part_of_the_answer() {
    check(
        &[
            (r"5\text{ km/h}", r"5\text{ m/s}"),
            (r"x=5\text{ cm}", r"x=5\text{ m}"),
            (r"5\text{ liters}", r"5\text{ ml}"),
            (r"5\%", r"5\text{ cm}"),
            (r"5^\circ", r"5\%"),
            (r"10:30\text{ a.m.}", r"10:30\text{ p.m.}"),
            ("3:30", "1:10"),
            (r"x \equiv 3 \pmod 7", r"x \equiv 3 \pmod 5"),
            (r"x \equiv 3 \pmod 7", "x = 3"),
            (r"3 \pmod 7", r"3 \pmod 5"),
        ],
        false,
    );
    check(
        &[
            (r"x \equiv 3 \pmod 7", r"x \equiv 10 \pmod 7"),
            (r"x \equiv 3 \pmod 7", "3"),
            (r"5\text{ km/h}", r"5\text{ kilometers per hour}"),
            ("2:3", "4:6"),
        ],
        true,
    );
}

#[test]
fn a_text_keeps_what_changes_its_meaning() {
    check(
        &[
            (r"\text{35}", r"3\cdot 5"),
            (r"\text{C++}", r"\text{C}"),
            (r"\text{room 3.5}", r"\text{room 35}"),
            (r"\text{x > 5 only}", r"\text{x < 5 only}"),
            ("ABC", "ACB"),
        ],
        false,
    );
    check(
        &[
            (r"\text{ellipse}", r"\text{an ellipse}"),
            (r"\text{No solution}", r"\text{There is no solution}"),
            (r"\text{DNE}", r"\text{does not exist}"),
            (r"\mathbb R", r"\text{all real numbers}"),
        ],
        true,
    );
}

#[test]
fn a_set_is_what_its_builder_says() {
    check(
        &[
            (r"(3,\infty)", r"\{x\in\mathbb{Z}\mid x>3\}"),
            (r"(3,\infty)", r"\{x^2\mid x>3\}"),
            (r"\{x: x>3\}", r"\{y: x>3\}"),
            (r"\{x\in\mathbb{Z}\mid x>3\}", r"(3,\infty)"),
            (r"\{1,2,3\}", r"A \subset \{1,2,3\}"),
            ("1,1,2", "1,2,2"),
        ],
        false,
    );
}

#[test]
fn values_belong_to_their_unknowns() {
    check(
        &[
            ("x=1, y=2", "2,1"),
            ("x=1, y=2", r"\{2,1\}"),
            ("(1,2)", "y=1,x=2"),
            (r"x=1\text{ and }y=2", r"x=1\text{ or }y=2"),
            ("f(x)=x^2", "f(t)=x^2"),
            ("0", "x^2-1=0"),
            (r"\frac1x=0", "1=0"),
        ],
        false,
    );
    check(
        &[
            ("(2,3)", "y=3, x=2"),
            ("x_1=2,x_2=3", "3,2"),
            ("f(x)=x^2", "f(t)=t^2"),
            ("y=x^2", "y(x)=x^2"),
            ("(2,3)", "P(2,3)"),
            (r"\frac{x^3}{3}+C", r"\frac13x^3+c"),
        ],
        true,
    );
}

#[test]
fn a_letter_over_the_integers_may_have_any_name() {
    check(
        &[
            (
                r"\frac{\pi}{4}+k\pi, k\in\mathbb{Z}",
                r"\frac{\pi}{4}+n\pi, n\in\mathbb{Z}",
            ),
            (r"x = k\pi, k \in \mathbb{Z}", r"k\pi"),
            (r"\{2k \mid k\in\mathbb{Z}\}", r"2k, k\in\mathbb{Z}"),
            ("a_n=2n+1", r"a_n=2n+1, n\in\mathbb{N}"),
            (r"x>0\text{ and }x\ne1", r"x\in(0,1)\cup(1,\infty)"),
        ],
        true,
    );
    check(
        &[
            (r"k\pi, k\in\mathbb{Z}", r"2k\pi, k\in\mathbb{Z}"),
            (r"k\pi, k\in\mathbb{Z}", r"k\pi, k\in\mathbb{N}"),
            (r"x>3, x\in\mathbb{Z}", "x>3"),
            (r"\lim_{n\to\infty}a_n", r"\lim_{n\to 0}a_n"),
        ],
        false,
    );
}

#[test]
fn matrices_have_inverses() {
    let matrix = r"\begin{pmatrix}1&2\\3&4\end{pmatrix}";
    let inverse = r"\begin{pmatrix}-2&1\\3/2&-1/2\end{pmatrix}";
    check(&[(inverse, &format!("{matrix}^{{-1}}"))], true);
    check(&[(matrix, &format!("{matrix}^{{-1}}"))], false);
}
