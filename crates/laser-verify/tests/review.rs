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

#[test]
fn a_limit_has_a_side() {
    check(
        &[
            (
                r"\lim_{x\to0^+} \frac{|x|}{x}",
                r"\lim_{t\to0^+} \frac{|t|}{t}",
            ),
            (r"\lim_{x\to1^+} \frac{x^2-1}{x-1}", "2"),
            (r"\lim_{x\to0^+} x^x", r"\lim_{x\to0^+} x^x"),
        ],
        true,
    );
    check(
        &[
            (
                r"\lim_{x\to0^+} \frac{|x|}{x}",
                r"\lim_{x\to0^-} \frac{|x|}{x}",
            ),
            (r"\lim_{x\to0^+} f(x)", r"\lim_{x\to0} f(x)"),
            (r"\lim_{x\to0^+} \frac1x", r"\lim_{x\to0^-} \frac1x"),
        ],
        false,
    );
}

#[test]
fn dates_are_no_differences() {
    check(&[("2024-01-05", "2024-01-05")], true);
    check(
        &[
            ("2024-01-05", "2018"),
            ("2018", "2024-01-05"),
            ("2024-01-05", "2024-01-06"),
        ],
        false,
    );
}

#[test]
fn a_cross_product_is_no_product() {
    check(
        &[
            (r"\vec a\times\vec b", r"\vec a\times\vec b"),
            (r"\vec a\times\vec b", r"\mathbf a\times\mathbf b"),
            (r"\vec a\cdot\vec b", r"\vec b\cdot\vec a"),
            (r"x=2\times\vec a", r"x=2\vec a"),
            (r"2\vec a\times\vec b", r"2(\vec a\times\vec b)"),
            (r"\vec{a}\times\vec{b}", r"\vec a\times\vec b"),
            (r"\vec a × \vec b", r"\vec a\times\vec b"),
        ],
        true,
    );
    check(
        &[
            (r"\vec a\times\vec b", r"\vec a\cdot\vec b"),
            (r"\vec a\times\vec b", r"\vec b\times\vec a"),
            (r"\vec a\cdot\vec b", r"\vec a\times\vec b"),
            (r"\mathbf a\times\mathbf b", r"\mathbf b\times\mathbf a"),
            (r"\vec a × \vec b", r"\vec b × \vec a"),
        ],
        false,
    );
}

#[test]
fn a_conjugate_is_no_decoration() {
    check(
        &[
            ("z^*", r"\bar z"),
            (r"\overline{w}", r"\bar w"),
            (r"\bar x", "x"),
            (r"\overline{AB}", "AB"),
            ("2-3i", r"\overline{2+3i}"),
            ("|z|^2", r"z\bar z"),
            (r"\operatorname{Re} z", r"\frac{z+\bar z}{2}"),
            ("a-bi", r"\overline{a+bi}"),
            (r"\overline{z_1}+\overline{z_2}", r"\overline{z_1+z_2}"),
            (r"\bar{z}=1-i", "1-i"),
        ],
        true,
    );
    check(
        &[
            (r"\bar z", "z"),
            (r"\overline{z}", "z"),
            ("z", r"\bar{z}"),
            ("z^*", "z"),
            ("z", "z^*"),
            (r"z\bar z", "z^2"),
            (r"\overline{z_1}+z_2", r"\overline{z_1+z_2}"),
            (r"\frac{z}{w}", r"\frac{\bar z}{w}"),
            (r"\bar z=1-i", "z=1-i"),
        ],
        false,
    );
}

#[test]
fn letters_are_declared_in_words() {
    check(
        &[
            (r"k\pi \text{ for integer } k", r"k\pi, k\in\mathbb{Z}"),
            (r"k\pi \text{ for integer } k", r"n\pi, n\in\mathbb{Z}"),
            (r"k\pi, k \text{ is an integer}", r"k\pi, k\in\mathbb{Z}"),
            (r"k\pi, k \text{ is an integer}", r"n\pi, n\in\mathbb{Z}"),
            (r"k\pi \ (k\in\mathbb Z)", r"k\pi, k\in\mathbb{Z}"),
            (r"k\pi \ (k\in\mathbb Z)", r"n\pi, n\in\mathbb{Z}"),
            (r"k\pi, k\in\mathbb{Z}", r"k\pi \text{ for integer } k"),
            (r"n\pi, n\in\mathbb{Z}", r"k\pi \text{ for integer } k"),
            (r"n\pi, n\in\mathbb{Z}", r"k\pi \text{ for any integer } k"),
            (
                r"n\pi, n\in\mathbb{Z}",
                r"k\pi, \text{ where } k \text{ is an integer}",
            ),
            (r"n\pi, n\in\mathbb{Z}", r"k\pi, k \text{ is an integer}"),
            (r"n\pi, n\in\mathbb{Z}", r"k\pi \ (k\in\mathbb Z)"),
            (r"n\pi, n\in\mathbb{Z}", r"k\pi \text{ for } k\in\mathbb Z"),
            (r"x=n\pi, n\in\mathbb{Z}", r"x=k\pi\ (k \text{ an integer})"),
            ("x>0", r"x\in\mathbb{R}^+"),
            ("a_n=2n+1", r"a_n=2n+1 (n\in\mathbb{N}^*)"),
            (r"a_n=2n+1, n\in\mathbb{N}", r"a_n=2n+1 (n\in\mathbb{N}^*)"),
            (r"x>3, x\in\mathbb{Z}", r"x>3 \ (x\in\mathbb{Z})"),
            (r"f(x)=x^2 (x\in\mathbb{R})", "f(x)=x^2"),
            (r"k\pi, k \in \mathbb{Z}", "k pi for integer k"),
            (
                r"k\pi, k \in \mathbb{Z}",
                r"k\pi \text{ where } k \text{ is an integer}",
            ),
            (r"k\pi, k \in \mathbb{Z}", r"k\pi, \ k \text{ an integer}"),
            (r"k\pi, k \in \mathbb{Z}", r"k\pi (k \in Z)"),
            (r"2k\pi, k \in \mathbb{Z}", r"(2k\pi), k\in\mathbb{Z}"),
        ],
        true,
    );
    check(
        &[
            (r"n\pi, n\in\mathbb{Z}", r"2k\pi \ (k\in\mathbb Z)"),
            (r"x\in\mathbb{R}^+", "x>0"),
            (r"x>3, x\in\mathbb{Z}", "x>3"),
        ],
        false,
    );
}

#[test]
fn unit_vectors_make_a_tuple() {
    check(
        &[
            (r"\mathbf i+2\mathbf j", "(1,2)"),
            (r"\mathbf i+2\mathbf j", r"\begin{pmatrix}1\\2\end{pmatrix}"),
            ("(1,2)", r"\hat{i}+2\hat{j}"),
            ("(1,2)", r"\vec i+2\vec j"),
            ("(1,2)", r"\vec{i}+2\vec{j}"),
            (r"\mathbf{i}-3\mathbf{k}", "(1,0,-3)"),
            (r"-\hat{i}+\frac12\hat{j}", r"(-1,\frac12)"),
            (
                r"\begin{pmatrix}1\\2\end{pmatrix}",
                r"\hat{\mathbf i}+2\hat{\mathbf j}",
            ),
            (r"\mathbf i+2\mathbf j", r"\hat i+2\hat j"),
            ("(1,2,0)", r"\mathbf i+2\mathbf j"),
            ("1+2i", r"1+2\mathbf{i}"),
            (r"\frac{1}{2}\mathbf{i}-\mathbf j", r"(\tfrac12,-1)"),
        ],
        true,
    );
    check(
        &[
            ("(1,2)", r"\mathbf i+2\mathbf j+\mathbf k"),
            ("(1,2)", "i+2j"),
            ("(1,2)", r"\mathbf j+2\mathbf i"),
            ("(1,2)", r"2\mathbf i+\mathbf j"),
        ],
        false,
    );
}

#[test]
fn a_row_transposed_is_a_column() {
    check(
        &[
            (r"\begin{pmatrix}1\\2\end{pmatrix}", "[1,2]^T"),
            (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)^T"),
            (
                r"\begin{pmatrix}1\\2\end{pmatrix}",
                r"\begin{pmatrix}1&2\end{pmatrix}^T",
            ),
            ("(1,2)", "[1,2]^T"),
            ("(1,2)", "(1,2)^T"),
            ("(1,2)", r"\begin{pmatrix}1&2\end{pmatrix}^T"),
            ("[1,2]^T", r"\begin{pmatrix}1\\2\end{pmatrix}"),
            ("(1,2)^T", r"\begin{pmatrix}1\\2\end{pmatrix}"),
            ("(1,2)^T", "(1,2)"),
            ("[1,2]^T", "(1,2)"),
            ("(1,2,3)^T", "(1,2,3)"),
        ],
        true,
    );
    check(&[("(1,2)^T", "(2,1)"), ("[1,2]", "(1,2)")], false);
}

#[test]
fn parts_of_sets_of_numbers() {
    check(
        &[
            (r"\mathbb{Z}^+", r"\mathbb Z_{>0}"),
            (r"\mathbb{Z}^+", r"\mathbb N^*"),
            (r"\mathbb N^*", r"\mathbb Z_{>0}"),
            (r"\mathbb{Z}^{+}", r"\mathbb Z_{+}"),
            (r"\mathbb{R}^+", r"(0,\infty)"),
            (r"\mathbb{R}_{>0}", r"(0,\infty)"),
            (r"\mathbb{R}_{\ge0}", r"[0,\infty)"),
            (r"\mathbb{R}^-", r"(-\infty,0)"),
            (r"\mathbb R\setminus\{0\}", r"(-\infty,0)\cup(0,\infty)"),
            (r"\mathbb R^*", r"\mathbb R\setminus\{0\}"),
            (r"\{x : x \neq 0\}", r"\mathbb R\setminus\{0\}"),
            (r"x\ne0", r"\mathbb R\setminus\{0\}"),
            (r"\mathbb R\setminus\{0\}", r"\{x : x \neq 0\}"),
            (r"(0,\infty)", r"\mathbb{R}_+"),
        ],
        true,
    );
    check(
        &[
            (r"\mathbb{Z}^+", r"\mathbb Z"),
            (r"\mathbb{Z}^+", r"\mathbb Z_{\ge0}"),
            (r"\mathbb{R}^+", r"[0,\infty)"),
            (r"\mathbb R^2", r"\mathbb R"),
        ],
        false,
    );
}

#[test]
fn counts_of_arrangements() {
    check(
        &[
            (r"\binom53", "10"),
            (r"\binom{5}3", "10"),
            (r"\dbinom52", "10"),
            (r"\binom nk", r"\binom{n}{k}"),
            ("P_5^3", "60"),
            ("A_5^3", "60"),
            ("C_5^3", "10"),
            ("{}_5C_3", "10"),
            ("{}_5P_3", "60"),
            ("A^3_5", "60"),
            ("C^3_5", "10"),
            (r"\binom 10 3", "120"),
            (r"\binom{10}{3}", "120"),
            (r"\binom{10}3", "120"),
            ("P_{10}^{2}", "90"),
            ("P_1^2", "P_1^2"),
            ("A^2", "A^2"),
            ("A^T", "A^T"),
            ("P^2_k", "P^2_k"),
            ("A^{A^{2}}", "A^{A^2}"),
        ],
        true,
    );
    check(&[("P_5^3", "10"), ("A_1^2", "1")], false);
}

#[test]
fn units_of_units() {
    check(
        &[
            (r"5\ \mathrm{m\cdot s^{-1}}", "5"),
            (r"5\ \mathrm{m/s}", "5"),
            (r"5\text{ m}\cdot\text{s}^{-1}", "5"),
            (r"5~\mathrm{km}", r"5\text{ km}"),
            (r"9.8\,\mathrm{m/s^2}", "9.8"),
            (r"9.8\,\mathrm{m/s^2}", r"9.8\text{ m/s}^2"),
            ("5", r"5\ \mathrm{m/s}"),
            (r"5\text{ m/s}", r"5\ \mathrm{m\,s^{-1}}"),
            (r"5\,\mathrm{kg\cdot m/s^2}", "5"),
        ],
        true,
    );
    check(&[(r"5\ \mathrm{m/s}", r"5\ \mathrm{km/h}")], false);
}

#[test]
fn words_around_an_answer() {
    check(
        &[
            (r"10:30 \text{ a.m.}", "10:30 AM"),
            (r"10:30 \text{ a.m.}", "10:30"),
            ("10:30 AM", "10:30"),
            ("10:30", "10:30 AM"),
            ("10:30 AM", r"10:30 \text{ a.m.}"),
            (r"10:30\text{ AM}", "10:30 am"),
            (r"10:30 \mathrm{AM}", r"10:30\text{ a.m.}"),
            ("42", "42."),
            ("42", r"42\text{ (approx.)}"),
            ("42", r"\text{The answer is } 42"),
            ("42", r"x=42\text{ units}"),
            ("42", r"42~\text{square units}"),
            ("3", r"\text{Answer: } 3"),
            (r"\text{the answer}", r"\text{the answer}"),
        ],
        true,
    );
    check(&[("10:30 AM", "10:30 PM")], false);
}

#[test]
fn words_that_explain_a_formula_between_dollars() {
    let explained = "The answer is $f(x)=a x+b, where b is an arbitrary integer$.";
    assert!(verify("f(x)=ax+b", explained).verdict.is_equal());
    for money in [
        "The answer is $5, and then he had $7.",
        "The answer is $5, where the price is $7 more.",
    ] {
        assert!(verify("5", money).verdict.is_equal(), "{money}");
    }
}

#[test]
fn percents_of_fractions() {
    check(
        &[
            ("28", r"28\%"),
            ("0.28", r"28\%"),
            (r"28\%", "0.28"),
            (r"\frac37", r"\frac{300}{7}\%"),
        ],
        true,
    );
    check(
        &[
            ("0.85", r"0.85\%"),
            (r"\frac37", r"\frac37\%"),
            (r"\frac37", r"0.428571\%"),
        ],
        false,
    );
    for (gold, response, equal) in [
        ("28", "It is $28$%.", true),
        ("0.85", "It is $0.85$%.", false),
        (r"\frac37", r"It is $\frac37$%.", false),
        ("0.85", "It is $85$%.", true),
    ] {
        assert_eq!(
            verify(gold, response).verdict.is_equal(),
            equal,
            "{gold}, {response}"
        );
    }
}
