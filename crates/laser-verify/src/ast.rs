//! The expression tree that the parser builds and the comparison reads.
//!
//! A tree says what was *written*, not what it is worth: `0.50` keeps its two places, `28\%`
//! keeps its sign, `204_5` keeps its base. What a notation may mean besides its first meaning is
//! the comparison's affair.

use dashu_int::IBig;
use dashu_ratio::RBig;

/// The function of [`Expr::Apply`] around the point of a limit from above, `x \to 0^+`.
pub const FROM_ABOVE: &str = "limit_from_above";
/// The same for a limit from below, `x \to 0^-`.
pub const FROM_BELOW: &str = "limit_from_below";
/// The function of [`Expr::Apply`] that a cross product of two vectors is, `\vec a \times \vec b`.
pub const CROSS: &str = "cross_product";

/// A parsed answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// An integer as written, leading zeros dropped.
    Integer(IBig),
    /// A decimal literal, `2.50` or `1.5e-3`: its exact value, and how many digits were written
    /// after the point.
    Decimal {
        value: RBig,
        places: u32,
    },
    /// Digits with a base, `204_5` (digits up to `z`, upper case folded to lower).
    Based {
        digits: String,
        base: u32,
    },
    Constant(Constant),
    /// A variable, decorations and font dropped: `x`, `x_1`, `alpha`, `AB` never (that is a
    /// product of two), an unknown command under its own name.
    Symbol(String),
    /// Words: the content of `\text{…}` or a bare word that is no mathematics. Trimmed, inner
    /// white space collapsed, case kept.
    Text(String),
    /// `a + b - c`: at least two terms, a subtracted one as [`Expr::Negate`].
    Sum(Vec<Expr>),
    /// `a b c`: at least two factors.
    Product(Vec<Expr>),
    /// Numerator, denominator.
    Quotient(Box<Expr>, Box<Expr>),
    /// Base, exponent.
    Power(Box<Expr>, Box<Expr>),
    Negate(Box<Expr>),
    /// `a ± b`, or `± b` with `None`; `flipped` for `∓`.
    PlusMinus {
        left: Option<Box<Expr>>,
        right: Box<Expr>,
        flipped: bool,
    },
    /// `28\%`.
    Percent(Box<Expr>),
    /// `90^\circ`.
    Degrees(Box<Expr>),
    /// A quantity and its unit or currency as written, `5 \text{ cm}`, `\$3`; the unit is
    /// lower-cased only as far as the text was words (`cm^2` stays `cm^2`).
    WithUnit {
        quantity: Box<Expr>,
        unit: String,
    },
    /// A known function and its arguments.
    Call(Function, Vec<Expr>),
    /// An unknown function of one or more arguments, `f(x)`.
    Apply(String, Vec<Expr>),
    /// `\sum`, `\prod`, `\int`, `\lim` with its bound variable.
    Big {
        kind: Big,
        variable: String,
        /// Lower bound, or the point that a limit approaches; absent in an indefinite integral.
        /// A limit from one side has its point in [`FROM_ABOVE`] or [`FROM_BELOW`].
        lower: Option<Box<Expr>>,
        upper: Option<Box<Expr>>,
        body: Box<Expr>,
    },
    /// `(a, b)`, `\langle a, b \rangle`, `[a, b, c]`; `(a; b)`. Ordered. An open interval
    /// `(a, b)` is written the same way and is told from a point by what it is compared with.
    Tuple(Vec<Expr>),
    /// `a, b, c` or `a; b` without brackets: at least two.
    List(Vec<Expr>),
    /// `a and b`, `a \wedge b`: at least two.
    And(Vec<Expr>),
    /// `a or b`, `a \vee b`: at least two.
    Or(Vec<Expr>),
    /// `\{a, b\}`, `{a, b}`; empty for `\emptyset` and `\{\}`.
    Set(Vec<Expr>),
    /// `\{x \mid …\}` or `\{x \in S : …\}`.
    SetBuilder {
        element: Box<Expr>,
        condition: Box<Expr>,
    },
    /// `[a, b]`, `[a, b)`, `(a, b]` (and `]a, b[`); never both ends open: see [`Expr::Tuple`].
    Interval {
        low: Box<Expr>,
        high: Box<Expr>,
        low_closed: bool,
        high_closed: bool,
    },
    NumberSet(NumberSet),
    SetOperation(SetOperator, Vec<Expr>),
    /// Row after row; at least one entry; `entries.len()` is a multiple of `columns`.
    Matrix {
        columns: usize,
        entries: Vec<Expr>,
    },
    /// `a : b : c`: at least two.
    Ratio(Vec<Expr>),
    /// A chain `terms[0] operators[0] terms[1] …`: one operator fewer than terms, at least one.
    Relation {
        terms: Vec<Expr>,
        operators: Vec<Relation>,
    },
}

impl Expr {
    /// The nodes directly below this one.
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::Integer(_)
            | Self::Decimal { .. }
            | Self::Based { .. }
            | Self::Constant(_)
            | Self::Symbol(_)
            | Self::Text(_)
            | Self::NumberSet(_) => Vec::new(),
            Self::Sum(all)
            | Self::Product(all)
            | Self::Call(_, all)
            | Self::Apply(_, all)
            | Self::Tuple(all)
            | Self::List(all)
            | Self::And(all)
            | Self::Or(all)
            | Self::Set(all)
            | Self::SetOperation(_, all)
            | Self::Matrix { entries: all, .. }
            | Self::Ratio(all)
            | Self::Relation { terms: all, .. } => all.iter().collect(),
            Self::Quotient(a, b)
            | Self::Power(a, b)
            | Self::SetBuilder {
                element: a,
                condition: b,
            }
            | Self::Interval {
                low: a, high: b, ..
            } => vec![a, b],
            Self::Negate(inner)
            | Self::Percent(inner)
            | Self::Degrees(inner)
            | Self::WithUnit {
                quantity: inner, ..
            } => vec![inner],
            Self::PlusMinus { left, right, .. } => {
                left.iter().chain(Some(right)).map(AsRef::as_ref).collect()
            }
            Self::Big {
                lower, upper, body, ..
            } => lower
                .iter()
                .chain(upper)
                .chain(Some(body))
                .map(AsRef::as_ref)
                .collect(),
        }
    }

    /// Which infinity this is: `true` for the positive one.
    pub fn infinity(&self) -> Option<bool> {
        match self {
            Self::Constant(Constant::Infinity) => Some(true),
            Self::Negate(inner) => inner.infinity().map(|positive| !positive),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Constant {
    Pi,
    /// Euler's number: a lone `e` (also `\mathrm{e}`) as a factor or base.
    E,
    /// The imaginary unit: a lone `i` (also `\mathrm{i}`, `\imath`) that is not an index.
    I,
    Infinity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NumberSet {
    Natural,
    Integer,
    Rational,
    Real,
    Complex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetOperator {
    Union,
    Intersection,
    Difference,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Big {
    Sum,
    Product,
    Integral,
    Limit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    /// `\approx`, `\sim`, `\simeq`.
    Approximately,
    /// `\equiv`; the last term of `x \equiv 3 \pmod 7` is [`Function::Mod`] of 3 and 7.
    Congruent,
    In,
    NotIn,
    Subset,
    /// `\to`, `\mapsto`, `\Rightarrow`.
    Arrow,
}

/// Known functions. The number of arguments is one unless said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    Sin,
    Cos,
    Tan,
    Cot,
    Sec,
    Csc,
    Arcsin,
    Arccos,
    Arctan,
    Arccot,
    Arcsec,
    Arccsc,
    Sinh,
    Cosh,
    Tanh,
    Coth,
    Sech,
    Csch,
    Arsinh,
    Arcosh,
    Artanh,
    /// `\exp`.
    Exp,
    /// `\ln` and `\log` without a base, one argument; `\log_b x` two: argument, base. `\lg` is
    /// base 10. (`\log` without a base is the natural logarithm, as the references have it.)
    Log,
    /// Argument, index: `\sqrt{x}` has index 2.
    Root,
    Abs,
    Floor,
    Ceil,
    Factorial,
    DoubleFactorial,
    /// `\binom{n}{k}`, `C_n^k`-style when unmistakable: n, k.
    Binomial,
    /// Two or more.
    Gcd,
    Lcm,
    Max,
    Min,
    /// `a \bmod b`: a, b.
    Mod,
    /// `\arg`.
    Arg,
    Re,
    Im,
    /// `\overline{z}`, `\bar z`, `z^*` of a sum, `z` or `w`; decorations of anything else.
    Conjugate,
    /// Of a matrix: `\det`, `\begin{vmatrix}`.
    Determinant,
    Trace,
    Transpose,
    Sign,
}
