//! What the parser makes of notations, and that nothing breaks it.

use laser_verify::limits::Limits;
use laser_verify::parse::{ParseError, parse};
use proptest::prelude::*;
use std::time::{Duration, Instant};

mod show;

/// Answer and its readings.
const CASES: &[(&str, &str)] = &[
    (r#"1,234"#, r#"1234   ||   (list 1 234)"#),
    (r#"1,22"#, r#"(list 1 22)   ||   61/50.2p"#),
    (r#"1.234.567,89"#, r#"123456789/100.2p"#),
    (r#"1.234,56"#, r#"30864/25.2p   ||   (list 617/500.3p 56)"#),
    (r#"1 000"#, r#"1000"#),
    (r#"32, 349"#, r#"(list 32 349)"#),
    (r#"32{,}349"#, r#"32349"#),
    (r#"1\,000"#, r#"1000"#),
    (r#"10,\!000"#, r#"10000"#),
    (r#"[-36,104]"#, r#"⟦(- 36) , 104⟧"#),
    (r#"(1,000)"#, r#"(tuple 1 0)"#),
    (r#"1'000"#, r#"1000"#),
    (r#"2\pi r"#, r#"(* 2 Pi r)"#),
    (r#"x y"#, r#"(* x y)"#),
    (r#"x**2"#, r#"(^ x 2)"#),
    (r#"2^(n+1)"#, r#"(^ 2 (+ n 1))"#),
    (r#"x^-1"#, r#"(^ x (- 1))"#),
    (r#"1/2x"#, r#"(* (/ 1 2) x)"#),
    (r#"1\frac{1}{2}"#, r#"(+ 1 (/ 1 2))"#),
    (r#"1 1/2"#, r#"(+ 1 (/ 1 2))"#),
    (r#"7\tfrac34"#, r#"(+ 7 (/ 3 4))"#),
    (r#"-1\frac12"#, r#"(- (+ 1 (/ 1 2)))"#),
    (r#"2\frac{x}{3}"#, r#"(* 2 (/ x 3))"#),
    (r#"\frac12"#, r#"(/ 1 2)"#),
    (r#"\frac1{2}"#, r#"(/ 1 2)"#),
    (r#"\frac{1}2"#, r#"(/ 1 2)"#),
    (r#"\frac 3 4"#, r#"(/ 3 4)"#),
    (r#"\frac{a}b"#, r#"(/ a b)"#),
    (r#"\sqrt3"#, r#"(Root 3 2)"#),
    (r#"\sqrt 2"#, r#"(Root 2 2)"#),
    (r#"\sqrt[3]{x}"#, r#"(Root x 3)"#),
    (r#"sqrt(2)"#, r#"(Root 2 2)"#),
    (r#"sqrt2"#, r#"(Root 2 2)"#),
    (r#"sqrt[3]{2}"#, r#"(Root 2 3)"#),
    (r#"frac{1}{2}"#, r#"(/ 1 2)"#),
    (r#"\frac{1}{2}}"#, r#"(/ 1 2)"#),
    (r#"\frac{1}{2}$"#, r#"(/ 1 2)"#),
    (r#"{a \over b}"#, r#"(/ a b)"#),
    (r#"\binom{n}{k}"#, r#"(Binomial n k)"#),
    (r#"{n \choose k}"#, r#"(Binomial n k)"#),
    (r#"C(n,k)"#, r#"(Binomial n k)"#),
    (r#"C_n^k"#, r#"(Binomial n k)"#),
    (r#"C_{2n}^{\frac12}"#, r#"(Binomial (* 2 n) (/ 1 2))"#),
    (r#"C_1^x"#, r#"(^ C_1 x)"#),
    (r#"C_1^{\frac12}"#, r#"(^ C_1 (/ 1 2))"#),
    (r#"3+-2"#, r#"(+ 3 (- 2))"#),
    (r#"+-5"#, r#"(± _ 5)"#),
    (r#"{}_nC_k"#, r#"(Binomial n k)"#),
    (r#"n!"#, r#"(Factorial n)"#),
    (r#"n!!"#, r#"(DoubleFactorial n)"#),
    (r#"\log_2 8"#, r#"(Log 8 2)"#),
    (r#"\log_{10}(x)"#, r#"(Log x 10)"#),
    (r#"\ln x"#, r#"(Log x)"#),
    (r#"\lg x"#, r#"(Log x 10)"#),
    (r#"\sin^2 x"#, r#"(^ (Sin x) 2)"#),
    (r#"\sin^{-1} x"#, r#"(Arcsin x)"#),
    (r#"\sin 2x"#, r#"(Sin (* 2 x))"#),
    (r#"\sin 2x \cos 3x"#, r#"(* (Sin (* 2 x)) (Cos (* 3 x)))"#),
    (r#"\arctan 1"#, r#"(Arctan 1)"#),
    (r#"\operatorname{arcsin} x"#, r#"(Arcsin x)"#),
    (r#"asin(x)"#, r#"(Arcsin x)"#),
    (r#"\tg x"#, r#"(Tan x)"#),
    (r#"\ctg x"#, r#"(Cot x)"#),
    (r#"tan x"#, r#"(Tan x)"#),
    (r#"\exp(x)"#, r#"(Exp x)"#),
    (r#"|x|"#, r#"(Abs x)"#),
    (r#"|x|-|y|"#, r#"(+ (Abs x) (- (Abs y)))"#),
    (r#"||x|-|y||"#, r#"(Abs (+ (Abs x) (- (Abs y))))"#),
    (r#"\lvert x\rvert"#, r#"(Abs x)"#),
    (r#"\left|x+1\right|"#, r#"(Abs (+ x 1))"#),
    (r#"\|v\|"#, r#"(Abs v)"#),
    (r#"floor(x)"#, r#"(Floor x)"#),
    (r#"\gcd(a,b)"#, r#"(Gcd a b)"#),
    (r#"\max\{a,b\}"#, r#"(Max a b)"#),
    (r#"7 \bmod 3"#, r#"(Mod 7 3)"#),
    (r#"x \equiv 3 \pmod{7}"#, r#"(rel x (Mod 3 7) [Congruent])"#),
    (r#"x \equiv 3 (mod 7)"#, r#"(rel x (Mod 3 7) [Congruent])"#),
    (r#"\det A"#, r#"(Determinant A)"#),
    (r#"\overline{AB}"#, r#"(* A B)"#),
    (r#"\overline{a+bi}"#, r#"(Conjugate (+ a (* b I)))"#),
    (r#"2 pi"#, r#"(* 2 Pi)"#),
    (r#"infinity"#, r#"Infinity"#),
    (r#"-\infty"#, r#"(- Infinity)"#),
    (r#"e^{i\pi}"#, r#"(^ E (* I Pi))"#),
    (r#"\theta + \varphi"#, r#"(+ theta varphi)"#),
    (r#"x_1"#, r#"x_1"#),
    (r#"a_{37}"#, r#"a_37"#),
    (r#"F_{n-1}"#, r#"F_n-1"#),
    (r#"x'"#, r#"x'"#),
    (r#"\vec{a}"#, r#"a"#),
    (r#"\hat a"#, r#"a"#),
    (r#"\overrightarrow{AB}"#, r#"(* A B)"#),
    (r#"\angle ABC"#, r#"(* A B C)"#),
    (r#"\triangle ABC"#, r#"(* A B C)"#),
    (r#"\zzz"#, r#"zzz"#),
    (r#"AB"#, r#"(* A B)"#),
    (r#"xy"#, r#"(* x y)"#),
    (r#"abc"#, r#""abc"   ||   (* a b c)"#),
    (r#"no solution"#, r#""no solution""#),
    (r#"Monday"#, r#""Monday""#),
    (r#"f(x)"#, r#"(apply f x)"#),
    (r#"P(x)"#, r#"(* P x)"#),
    (r#"a(b+2)"#, r#"(* a (+ b 2))"#),
    (r#"28\%"#, r#"28%"#),
    (r#"90 degrees"#, r#"90°"#),
    (r#"90\degree"#, r#"90°"#),
    (r#"25^\circ C"#, r#"(unit 25 "°C")"#),
    (r#"25°F"#, r#"(unit 25 "°F")"#),
    (r#"25^{\circ}\text{C}"#, r#"(unit 25 "°C")"#),
    (r#"\$3"#, r#"(unit 3 "$")"#),
    (r#"$3.50"#, r#"(unit 7/2.2p "$")"#),
    (r#"3\$"#, r#"(unit 3 "$")"#),
    (r#"€5"#, r#"(unit 5 "€")"#),
    (r#"5 USD"#, r#"(unit 5 "usd")"#),
    (r#"3 dollars"#, r#"(unit 3 "dollars")"#),
    (r#"5 \text{ cm}"#, r#"(unit 5 "cm")"#),
    (r#"9 \mathrm{~km}"#, r#"(unit 9 "km")"#),
    (r#"5 cm"#, r#"(unit 5 "cm")"#),
    (r#"5 m/s"#, r#"(unit 5 "m/s")"#),
    (r#"60 km/h"#, r#"(unit 60 "km/h")"#),
    (r#"60 \text{ km}/\text{h}"#, r#"(unit 60 "km/h")"#),
    (r#"12 square units"#, r#"(unit 12 "square units")"#),
    (r#"5 hours"#, r#"(unit 5 "hours")"#),
    (r#"\text{Area} = 5"#, r#"(rel "Area" 5 [Equal])"#),
    (r#"Area = 5"#, r#"(rel "Area" 5 [Equal])"#),
    (r#"5 \text{ (five)}"#, r#"5"#),
    (r#"1.5 \times 10^{-3}"#, r#"(* 3/2.1p (^ 10 (- 3)))"#),
    (r#"1.5e-3"#, r#"3/2000.4p"#),
    (r#"2E5"#, r#"200000"#),
    (r#".5"#, r#"1/2.1p"#),
    (r#"5."#, r#"5"#),
    (r#"0.\overline{3}"#, r#"(/ 3 9)"#),
    (r#"0.\dot{3}"#, r#"(/ 3 9)"#),
    (r#"0.1\overline{23}"#, r#"(/ 122 990)"#),
    (r#"1A3_{16}"#, r#"1a3#16"#),
    (r#"101_{two}"#, r#"101#2"#),
    (r#"11001_{(2)}"#, r#"11001#2"#),
    (r#"204_{\text{five}}"#, r#"204#5"#),
    (r#"209_5"#, r#"ERROR"#),
    (r#"a<b\le c"#, r#"(rel a b c [Less, LessEqual])"#),
    (r#"x \geqslant 2"#, r#"(rel x 2 [GreaterEqual])"#),
    (r#"x != 3"#, r#"(rel x 3 [NotEqual])"#),
    (r#"x \ne 3"#, r#"(rel x 3 [NotEqual])"#),
    (r#"A \subseteq B"#, r#"(rel A B [Subset])"#),
    (r#"x \to 3"#, r#"(rel x 3 [Arrow])"#),
    (r#"x \Rightarrow y"#, r#"(rel x y [Arrow])"#),
    (r#"f(x)=2x+3"#, r#"(rel (apply f x) (+ (* 2 x) 3) [Equal])"#),
    (r#"19, 46, and 82"#, r#"(and 19 46 82)"#),
    (
        r#"x=1 \quad y=2"#,
        r#"(list (rel x 1 [Equal]) (rel y 2 [Equal]))"#,
    ),
    (
        r#"x=1 \text{ or } x=2"#,
        r#"(or (rel x 1 [Equal]) (rel x 2 [Equal]))"#,
    ),
    (
        r#"x=1 或 x=2"#,
        r#"(or (rel x 1 [Equal]) (rel x 2 [Equal]))"#,
    ),
    (r#"A \cup B"#, r#"(Union A B)"#),
    (
        r#"\mathbb{R} \setminus \{0\}"#,
        r#"(Difference ℕReal (set 0))"#,
    ),
    (r#"(1,2) U (3,4)"#, r#"(Union (tuple 1 2) (tuple 3 4))"#),
    (r#"\emptyset"#, r#"(set )"#),
    (r#"\{x \mid x>2\}"#, r#"(builder x | (rel x 2 [Greater]))"#),
    (
        r#"\{ x : x \ne 0\}"#,
        r#"(builder x | (rel x 0 [NotEqual]))"#,
    ),
    (
        r#"\{x \in \mathbb{R} | x > 1\}"#,
        r#"(builder (rel x ℕReal [In]) | (rel x 1 [Greater]))"#,
    ),
    (r#"\mathbf R"#, r#"ℕReal"#),
    (r#"\Bbb Z"#, r#"ℕInteger"#),
    (r#"{1,3}"#, r#"(set 1 3)"#),
    (r#"\langle 1,2\rangle"#, r#"(tuple 1 2)"#),
    (r#"]1,2["#, r#"(tuple 1 2)"#),
    (r#"[1,2["#, r#"⟦1 , 2⟯"#),
    (r#"-[0,1)"#, r#"(- ⟦0 , 1⟯)"#),
    (
        r#"\begin{vmatrix}1&2\\3&4\end{vmatrix}"#,
        r#"(Determinant (matrix2 1 2 3 4))"#,
    ),
    (
        r#"\left[\begin{array}{cc}1&2\\3&4\end{array}\right]"#,
        r#"(matrix2 1 2 3 4)"#,
    ),
    (
        r#"\begin{cases} x & x>0 \\ -x & \text{otherwise} \end{cases}"#,
        r#"(list (tuple x (rel x 0 [Greater])) (tuple (- x) "otherwise"))"#,
    ),
    (
        r#"\left\{\begin{array}{l} x=1 \\ y=2 \end{array}\right."#,
        r#"(list (rel x 1 [Equal]) (rel y 2 [Equal]))"#,
    ),
    (
        r#"\begin{align*} x &= 1 \\ &= 2 \end{align*}"#,
        r#"(rel x 1 2 [Equal, Equal])"#,
    ),
    (r#"\begin{matrix}1&2\\3\end{matrix}"#, r#"ERROR"#),
    (r#"7:32"#, r#"(: 7 32)"#),
    (r#"\pm 3"#, r#"(± _ 3)"#),
    (
        r#"\sum_{k=0}^{n-1} k^2"#,
        r#"(Sum k [0] [(+ n (- 1))] (^ k 2))"#,
    ),
    (r#"\prod_{i=1}^n i"#, r#"(Product i [1] [n] i)"#),
    (r#"\int_0^1 x^2 dx"#, r#"(Integral x [0] [1] (^ x 2))"#),
    (r#"\int x\,dx"#, r#"(Integral x [] [] x)"#),
    (r#"\int \frac{dx}{x}"#, r#"(Integral x [] [] (/ 1 x))"#),
    (
        r#"\int_0^1\int_0^1 xy\,dx\,dy"#,
        r#"(Integral y [0] [1] (Integral x [0] [1] (* x y)))"#,
    ),
    (
        r#"\int_0^{\pi} \sin\theta\, d\theta + 1"#,
        r#"(+ (Integral theta [0] [Pi] (Sin theta)) 1)"#,
    ),
    (
        r#"\lim_{x\to 0^+} \frac{\sin x}{x}"#,
        r#"(Limit x [(apply limit_from_above 0)] [] (/ (Sin x) x))"#,
    ),
    (r#"\lim_{n \to \infty} n"#, r#"(Limit n [Infinity] [] n)"#),
    (r#"(C)"#, r#"C"#),
    (r#"C."#, r#"C"#),
    (r#"\textbf{(B)}\ 5"#, r#"5   ||   "B""#),
    (r#"(B) 5"#, r#"5   ||   "B""#),
    (r#"x² + y³"#, r#"(+ (^ x 2) (^ y 3))"#),
    (r#"½"#, r#"(/ 1 2)"#),
    (r#"1½"#, r#"(+ 1 (/ 1 2))"#),
    (r#"√2"#, r#"(Root 2 2)"#),
    (r#"∛2"#, r#"(Root 2 3)"#),
    (r#"2×3÷4"#, r#"(/ (* 2 3) 4)"#),
    (r#"π/2"#, r#"(/ Pi 2)"#),
    (r#"[1, ∞)"#, r#"⟦1 , Infinity⟯"#),
    (r#"x ≤ 3"#, r#"(rel x 3 [LessEqual])"#),
    (r#"（1，2）"#, r#"(tuple 1 2)"#),
    (r#"x &lt; 3"#, r#"(rel x 3 [Less])"#),
    (r#"\mathrm{i}"#, r#"I"#),
    (r#"3 + 4 \mathrm{i}"#, r#"(+ 3 (* 4 I))"#),
    (r#"**5**"#, r#"5"#),
    (r#"$x=5$."#, r#"(rel x 5 [Equal])"#),
    (r#"\\frac{1}{2}"#, r#"(/ 1 2)"#),
    (
        r#"\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}"#,
        r#"(matrix1 1 2)"#,
    ),
    (r#"1 \pm 2 \mp 3"#, r#"(∓ (± 1 2) 3)"#),
    (
        r#"2 + \sqrt{3} \text{ cm}"#,
        r#"(unit (+ 2 (Root 3 2)) "cm")"#,
    ),
    (r#"\log_{2}{8}"#, r#"(Log 8 2)"#),
    (r#"2^{3^2}"#, r#"(^ 2 (^ 3 2))"#),
    (r#"2^3^2"#, r#"(^ 2 (^ 3 2))"#),
    (r#"10^10"#, r#"(^ 10 10)"#),
    (r#"e^{-x}"#, r#"(^ E (- x))"#),
    (r#"A^T"#, r#"(^ A T)"#),
    (
        r#"\begin{pmatrix}1\\2\end{pmatrix}^T"#,
        r#"(Transpose (matrix1 1 2))"#,
    ),
    (r#"\frac{d}{dx}"#, r#"(/ d (* d x))"#),
    (r#"a \cdot b"#, r#"(* a b)"#),
    (
        r#"x=1, y=2 or x=3, y=4"#,
        r#"(or (list (rel x 1 [Equal]) (rel y 2 [Equal])) (list (rel x 3 [Equal]) (rel y 4 [Equal])))"#,
    ),
    (
        r#"2 hours and 30 minutes"#,
        r#"(and (unit 2 "hours") (unit 30 "minutes"))"#,
    ),
    (r#"1,2,\ldots,n"#, r#"(list 1 2 dots n)"#),
    (r#"f^{-1}(x)"#, r#"(apply f^-1 x)"#),
    (r#"f'(x)"#, r#"(apply f' x)"#),
    (
        r#"x \in (0,1) \cup (2,3)"#,
        r#"(rel x (Union (tuple 0 1) (tuple 2 3)) [In])"#,
    ),
    (r#"3:4:5"#, r#"(: 3 4 5)"#),
    (r#"n \text{ is even}"#, r#"ERROR"#),
    (r#"The answer is 5"#, r#"ERROR"#),
    (r#"100,200"#, r#"100200   ||   (list 100 200)"#),
    (
        r#"\frac{1}{2},100,200"#,
        r#"(list (/ 1 2) 100 200)   ||   (list (/ 1 2) 100200)"#,
    ),
    (
        r#"1,234, 5,678"#,
        r#"(list 1234 5678)   ||   (list 1 234 5 678)"#,
    ),
    (r#"5 \text{ m}"#, r#"(unit 5 "m")"#),
    (r#"5 \mathrm{m}"#, r#"(unit 5 "m")"#),
    (r#"3 \mathrm{~m} / \mathrm{s}^{2}"#, r#"(unit 3 "m/s^2")"#),
    (r#"\sqrt{2}/2"#, r#"(/ (Root 2 2) 2)"#),
    (r#"-x^2"#, r#"(- (^ x 2))"#),
    (r#"\text{Yes}"#, r#""Yes""#),
    (r#"\text{No, it is not}"#, r#""No, it is not""#),
    (r#"\text{4 cm}"#, r#"(unit 4 "cm")"#),
    (r#"2\text{ and }3"#, r#"(and 2 3)"#),
    (
        r#"\frac{\partial f}{\partial x}"#,
        r#"(/ (* partial f) (* partial x))"#,
    ),
    (r#"\{(1,2),(3,4)\}"#, r#"(set (tuple 1 2) (tuple 3 4))"#),
    (r#"\{1,2\} \cup \{3\}"#, r#"(Union (set 1 2) (set 3))"#),
    (r#"\{\}"#, r#"(set )"#),
    (r#"10\text{ a.m.}"#, r#"(unit 10 "am")"#),
    (
        r#"x = \frac{\pi}{4} + k\pi, k \in \mathbb{Z}"#,
        r#"(list (rel x (+ (/ Pi 4) (* k Pi)) [Equal]) (rel k ℕInteger [In]))"#,
    ),
    (
        r#"x = 2k\pi \pm \frac{\pi}{3} (k \in \mathbb{Z})"#,
        r#"(list (rel x (± (* 2 k Pi) (/ Pi 3)) [Equal]) (rel k ℕInteger [In]))"#,
    ),
];

#[test]
fn readings() {
    let limits = Limits::default();
    let mut wrong = String::new();
    for (text, expected) in CASES {
        let got = match parse(text, &limits) {
            Ok(all) => all
                .iter()
                .map(show::show)
                .collect::<Vec<_>>()
                .join("   ||   "),
            Err(_) => "ERROR".to_owned(),
        };
        if got != *expected {
            wrong.push_str(&format!("{text}\n  got  {got}\n  want {expected}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn several_boxes_are_a_list() {
    let all = parse(r"\boxed{1} papers and \boxed{2} bins", &Limits::default()).unwrap();
    assert_eq!(
        all.iter().map(show::show).collect::<Vec<_>>(),
        ["(list 1 2)"]
    );
}

#[test]
fn deep_or_long_input_is_refused_fast() {
    let limits = Limits::default();
    let roomy = Limits {
        answer_bytes: 4 << 20,
        ..limits
    };
    let pieces = [
        "{",
        "(",
        "[",
        "\\{",
        "|",
        "-",
        "+-",
        "\\frac",
        "\\frac{",
        "\\sqrt{",
        "\\sqrt",
        "x^",
        "x^{",
        "x_{",
        "\\sin",
        "\\sin(",
        "\\log_{",
        "\\left(",
        "\\text{",
        "\\boxed{",
        "\\begin{pmatrix}",
        "\\sum_{k=",
        "\\int ",
        "\\lim_{x\\to ",
        "C_{",
        "f(",
        "1,",
        "1/",
        "a!",
        "a\\pm ",
        "\\overline{",
        "\\{x|",
        "<",
        "\\langle",
        "2\\frac",
        "A\\cup B\\cap ",
        "1 ",
        "a'",
        "\\%",
        "x;",
        "x\\quad ",
        "word ",
        "5 cm ",
        "\\bmod 2",
        "\\pmod 2",
        "^",
        "_",
        "!",
        "\\",
        "&",
        "$",
        "=",
        ",",
        "and ",
        "]",
        "]a,",
        "1:",
        "\\lfloor",
        "\\|",
        "e",
        "0.\\dot{1}",
        "\\choose ",
        "\\over ",
    ];
    for piece in pieces {
        for (limits, repeats) in [(&limits, 10_000), (&limits, 1500), (&roomy, 20_000)] {
            let text = piece.repeat(repeats);
            let start = Instant::now();
            let _ = parse(&text, limits);
            let _ = parse(&format!("{text}1"), limits);
            let took = start.elapsed();
            assert!(took < Duration::from_secs(3), "{piece} took {took:?}");
        }
    }
    for (open, close) in [
        ("\\text{", "}"),
        ("{", "}"),
        ("(", ")"),
        ("\\mathrm{", "}"),
        ("\\boxed{", "}"),
        ("\\left\\{\\begin{array}{c}", "\\end{array}\\right."),
    ] {
        let text = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
        let start = Instant::now();
        let _ = parse(&text, &roomy);
        assert!(start.elapsed() < Duration::from_secs(3), "{open}");
    }
    let megabyte = "{".repeat(1 << 20);
    assert!(matches!(
        parse(&megabyte, &limits),
        Err(ParseError::TooLong { .. })
    ));
    assert!(matches!(
        parse(&"(".repeat(1000), &limits),
        Err(ParseError::TooDeep { .. })
    ));
    assert!(matches!(
        parse(&"9".repeat(10_000), &limits),
        Err(ParseError::NumberTooLong { .. })
    ));
    assert!(matches!(
        parse("1e999999999", &limits),
        Err(ParseError::NumberTooLong { .. })
    ));
    assert!(matches!(parse("  $ $ ", &limits), Err(ParseError::Empty)));
}

const ALPHABET: &[&str] = &[
    "1",
    "2",
    "10",
    "000",
    "234",
    ".",
    ",",
    ";",
    ":",
    "x",
    "y",
    "e",
    "i",
    "d",
    "f",
    "C",
    "U",
    "abc",
    "cm",
    "and",
    "or",
    "sin",
    "sqrt",
    "log",
    "pi",
    "+",
    "-",
    "*",
    "/",
    "^",
    "_",
    "!",
    "'",
    "%",
    "=",
    "<",
    ">",
    "!=",
    "|",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "$",
    "&",
    "~",
    " ",
    " ",
    "\n",
    "\\",
    "\\\\",
    "\\frac",
    "\\frac{",
    "\\sqrt",
    "\\sqrt[",
    "\\left",
    "\\right",
    "\\left(",
    "\\right)",
    "\\{",
    "\\}",
    "\\|",
    "\\mid",
    "\\cup",
    "\\pm",
    "\\mp",
    "\\cdot",
    "\\text{",
    "\\text{ cm}",
    "\\mathrm{",
    "\\mathbb{R}",
    "\\boxed{",
    "\\begin{pmatrix}",
    "\\end{pmatrix}",
    "\\begin{cases}",
    "\\end{cases}",
    "\\begin{array}{c}",
    "\\end{array}",
    "\\sum_{k=1}^n",
    "\\int_0^1",
    "\\int",
    "dx",
    "\\lim_{x\\to 0}",
    "\\sin",
    "\\log_",
    "\\ln",
    "\\quad",
    "\\!",
    "\\,",
    "\\%",
    "\\$",
    "^\\circ",
    "\\circ",
    "\\pmod",
    "\\bmod",
    "\\over",
    "\\choose",
    "\\binom",
    "\\overline",
    "\\overline{",
    "\\dot{3}",
    "\\infty",
    "\\in",
    "\\to",
    "\\zzz",
    "\\lfloor",
    "\\rfloor",
    "\\langle",
    "\\rangle",
    "²",
    "½",
    "√",
    "∞",
    "π",
    "或",
    "（",
    "）",
    "°",
    "²³ⁿ",
    "&lt;",
    "**",
    "\u{c}rac",
    "{,}",
    ",\\!",
    "e5",
    "e-3",
    "_5",
    "_{16}",
    "1A",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        let _ = parse(&text, &Limits::default());
    }

    #[test]
    fn any_tokens_are_survived(picks in prop::collection::vec(0..ALPHABET.len(), 0..40)) {
        let text: String = picks.iter().filter_map(|i| ALPHABET.get(*i).copied()).collect();
        let _ = parse(&text, &Limits::default());
    }
}

/// A long run over random token strings; `cargo test -- --ignored`.
#[test]
#[ignore = "takes a minute"]
fn many_token_strings_are_survived() {
    let limits = Limits::default();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap_or(0)
    };
    let (mut parsed, mut slowest) = (0, Duration::ZERO);
    for _ in 0..400_000 {
        let length = next() % 24;
        let text: String = (0..length)
            .map(|_| ALPHABET[next() % ALPHABET.len()])
            .collect();
        let start = Instant::now();
        parsed += usize::from(parse(&text, &limits).is_ok());
        slowest = slowest.max(start.elapsed());
    }
    println!("{parsed} parsed, slowest {slowest:?}");
    assert!(slowest < Duration::from_millis(500));
}
