//! Numbers and formulas.
//!
//! Exactly first. What the algebra does not decide is evaluated with error bounds: constants at
//! growing precision, formulas at points that depend on both texts. A difference is then proved;
//! equality means that no difference of more than 2^-[`AGREEMENT`] of the value showed anywhere.

use std::cmp::Ordering;

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;

use super::{Comparison, Result, Undecided, text};
use crate::algebra::{Stop, based_value};
use crate::ast::{Big, Expr, Function};
use crate::numeric::{self, Ball, Domain, NumericError, Point};

/// Bits of the first look, which settles nearly every difference.
const COARSE: usize = 64;
/// Bits of the second look.
const FINE: usize = 512;
/// Two values are called equal when they agree in so many bits, 134 decimal digits: a small
/// difference may be meant, √(10^100 + 1) is not 10^50.
const AGREEMENT: i64 = 448;
/// Points at which a formula must agree, and points that are tried to find so many. No formula is
/// accepted before every kind of point that [`Sample::point`] makes was tried.
const POINTS: usize = 4;
const KINDS_OF_POINTS: usize = 8;
const TRIALS: usize = 24;

impl Comparison<'_> {
    /// Whether two expressions that denote numbers are equal.
    pub(super) fn scalars(&mut self, gold: &Expr, answer: &Expr) -> Result<bool> {
        self.budget.spend(1)?;
        if gold == answer {
            return Ok(true);
        }
        match (gold, answer) {
            // `BCA` is an order of three things as often as a product, and products commute.
            (Expr::Product(g), Expr::Product(a)) if capitals(g) && capitals(a) => {
                return Ok(false);
            }
            // 3 mod 7 and 3 mod 5 are both 3 and say different things.
            (Expr::Call(Function::Mod, g), Expr::Call(Function::Mod, a)) => {
                if let ([_, m], [_, n]) = (&g[..], &a[..]) {
                    return Ok(self.scalars(m, n)? && self.values(gold, answer)?);
                }
            }
            (Expr::WithUnit { quantity, .. }, _) => return self.scalars(quantity, answer),
            (_, Expr::WithUnit { quantity, .. }) => return self.scalars(gold, quantity),
            (Expr::Percent(g), Expr::Percent(a)) | (Expr::Degrees(g), Expr::Degrees(a)) => {
                return self.scalars(g, a);
            }
            // The sign of per cent or of degrees is often left to the question: 28 % is 0.28 and
            // also 28, 90° is π/2 and also 90.
            (Expr::Percent(inner), other) | (Expr::Degrees(inner), other) => {
                return Ok(self.scalars(inner, other)? || self.values(gold, other)?);
            }
            (other, Expr::Degrees(inner)) => {
                return Ok(self.scalars(other, inner)? || self.values(other, answer)?);
            }
            // The other way round a fraction may be meant: 0.85 % is not 0.85.
            (other, Expr::Percent(inner)) => {
                return Ok((at_least_one(other) && self.scalars(other, inner)?)
                    || self.values(other, answer)?);
            }
            // A base is a unit of writing, which the answer may leave to the question.
            (Expr::Based { digits: g, base: b }, Expr::Based { digits: a, base: c }) => {
                return Ok(b == c && based_value(g, *b)? == based_value(a, *c)?);
            }
            (Expr::Based { digits, .. }, Expr::Integer(n)) => {
                return Ok(digits.parse::<IBig>().is_ok_and(|written| written == *n));
            }
            _ => {}
        }
        match text::rename_constant(gold, answer) {
            Some(renamed) => self.values(gold, &renamed),
            None => self.values(gold, answer),
        }
    }

    fn values(&mut self, gold: &Expr, answer: &Expr) -> Result<bool> {
        // (1 + x)^1000 is not multiplied out to be found equal to (x + 1)^1000.
        if let (Expr::Power(base, exponent), Expr::Power(other, count)) = (gold, answer)
            && exponent == count
            && !numeric::variables(base).is_empty()
            && matches!(self.values(base, other), Ok(true))
        {
            return Ok(true);
        }
        let mut algebra = self.algebra();
        let exact = algebra
            .lower(gold)
            .and_then(|g| Ok((g, algebra.lower(answer)?)));
        let (gold, answer) = match exact {
            Ok((g, a)) => {
                if algebra.equal(&g, &a)? {
                    return Ok(true);
                }
                let different = match algebra.subtract(&g, &a) {
                    Ok(difference) => algebra.independent(&difference),
                    Err(Stop::TooLarge) => false,
                    Err(stop) => return Err(stop.into()),
                };
                if different {
                    return self.rounds(gold, answer);
                }
                let express = |written: &Expr, fraction| {
                    if needs_algebra(written) {
                        algebra.express(fraction)
                    } else {
                        written.clone()
                    }
                };
                (express(gold, &g), express(answer, &a))
            }
            Err(Stop::NotANumber(_)) => return Ok(false),
            Err(Stop::TooLarge) => (gold.clone(), answer.clone()),
            Err(stop) => return Err(stop.into()),
        };
        Ok(self.identical(&gold, &answer)? || self.rounds(&gold, &answer)?)
    }

    /// Whether one side is a decimal literal that rounds the other.
    fn rounds(&mut self, gold: &Expr, answer: &Expr) -> Result<bool> {
        match (Literal::of(gold), Literal::of(answer)) {
            (Some(g), Some(a)) => {
                let (short, long) = if g.places <= a.places { (g, a) } else { (a, g) };
                Ok(
                    self.precise(&short)
                        && distance(&short.value, &long.value) <= short.half_unit(),
                )
            }
            (Some(literal), None) => self.rounds_value(&literal, answer),
            (None, Some(literal)) => self.rounds_value(&literal, gold),
            (None, None) => Ok(false),
        }
    }

    /// Whether the literal has digits enough to stand for a number that it does not equal.
    fn precise(&self, literal: &Literal) -> bool {
        literal.places >= self.rules.decimal_places
            && literal.significant >= self.rules.decimal_places.div_ceil(2)
    }

    fn rounds_value(&mut self, literal: &Literal, other: &Expr) -> Result<bool> {
        if !self.precise(literal) || !numeric::variables(other).is_empty() {
            return Ok(false);
        }
        let precision = COARSE.max(4 * literal.places as usize + 64).min(FINE);
        let Some(value) = self.constant(other, precision)? else {
            return Ok(false);
        };
        let (x, limit) = (number(&literal.value), number(&literal.half_unit()));
        let (Some(x), Some(limit)) = (
            self.constant(&x, precision)?,
            self.constant(&limit, precision)?,
        ) else {
            return Ok(false);
        };
        let within = |difference: Ball| {
            matches!(
                difference.compare_real(&limit),
                Some(Ordering::Less | Ordering::Equal)
            )
        };
        Ok(within(value.sub(&x)) && within(x.sub(&value)))
    }

    /// The value of an expression without variables: over the reals, and where it has none there,
    /// over the complex numbers by principal branches. `None` when it has no value.
    pub(super) fn constant(&mut self, expr: &Expr, precision: usize) -> Result<Option<Ball>> {
        let point = Point::new();
        for domain in [Domain::Real, Domain::Complex] {
            match numeric::evaluate(expr, &point, domain, precision, self.budget) {
                Ok(ball) => return Ok(Some(ball)),
                Err(NumericError::Undefined) => {}
                Err(NumericError::NotANumber(_)) => return Ok(None),
                Err(NumericError::OutOfRange) => return Err(Undecided::TooLarge),
                Err(NumericError::Budget(exhausted)) => return Err(exhausted.into()),
            }
        }
        Err(Undecided::Undefined)
    }

    /// Identity testing.
    fn identical(&mut self, gold: &Expr, answer: &Expr) -> Result<bool> {
        let mut names = numeric::variables(gold);
        for name in numeric::variables(answer) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            return self.identical_constants(gold, answer);
        }
        let (g, a) = (numeric::features(gold), numeric::features(answer));
        let mut kinds = Vec::new();
        if counts(gold) || counts(answer) {
            kinds.push(Sample::Integer);
        } else if conjugates(gold) || conjugates(answer) {
            kinds.push(Sample::Conjugate);
        } else if g.imaginary || a.imaginary {
            kinds.push(Sample::Complex);
        } else if g.branches || a.branches || g.non_analytic || a.non_analytic {
            // Roots and logarithms are meant over the reals; where both sides exist they must
            // agree. Only formulas that exist nowhere there are taken as complex.
            // What is not analytic may change where its numbers are, and a logarithm may begin there.
            let reach = reach(gold).max(reach(answer));
            kinds.extend([Sample::Real { reach }, Sample::Complex]);
        } else {
            kinds.push(Sample::Complex);
        }
        let seed = fingerprint(gold).wrapping_add(fingerprint(answer));
        for kind in kinds {
            if let Some(verdict) = self.identical_at(gold, answer, &names, &kind, seed)? {
                return Ok(verdict);
            }
        }
        Err(Undecided::NoMethod)
    }

    fn identical_constants(&mut self, gold: &Expr, answer: &Expr) -> Result<bool> {
        for precision in [COARSE, FINE] {
            let (Some(g), Some(a)) = (
                self.constant(gold, precision)?,
                self.constant(answer, precision)?,
            ) else {
                if unevaluated(gold) || unevaluated(answer) {
                    return Err(Undecided::NoMethod);
                }
                return Ok(false);
            };
            match agreement(&g, &a) {
                Agreement::Different => return Ok(false),
                Agreement::Equal => return Ok(true),
                Agreement::Unclear => {}
            }
        }
        Err(Undecided::NoMethod)
    }

    /// The verdict of one kind of points; `None` when too few of them lie in both domains.
    fn identical_at(
        &mut self,
        gold: &Expr,
        answer: &Expr,
        names: &[String],
        kind: &Sample,
        seed: u64,
    ) -> Result<Option<bool>> {
        let mut agreed = 0;
        let mut stream = Stream(seed);
        for trial in 0..TRIALS {
            let point = kind.point(names, trial, &mut stream);
            match self.identical_here(gold, answer, &point, kind.domain())? {
                Some(true) => agreed += 1,
                Some(false) => return Ok(Some(false)),
                None => {}
            }
            let enough = match kind {
                Sample::Complex | Sample::Conjugate => true,
                Sample::Real { .. } | Sample::Integer => trial + 1 >= KINDS_OF_POINTS,
            };
            if agreed >= POINTS && enough {
                return Ok(Some(true));
            }
        }
        Ok(None)
    }

    /// `None` when one of the two has no value at the point.
    fn identical_here(
        &mut self,
        gold: &Expr,
        answer: &Expr,
        point: &Point<'_>,
        domain: Domain,
    ) -> Result<Option<bool>> {
        for precision in [COARSE, FINE] {
            let mut balls = Vec::with_capacity(2);
            for side in [gold, answer] {
                match numeric::evaluate(side, point, domain, precision, self.budget) {
                    Ok(ball) => balls.push(ball),
                    Err(NumericError::Undefined | NumericError::OutOfRange) => return Ok(None),
                    Err(NumericError::NotANumber(_)) => return Ok(Some(false)),
                    Err(NumericError::Budget(exhausted)) => return Err(exhausted.into()),
                }
            }
            match agreement(&balls[0], &balls[1]) {
                Agreement::Different => return Ok(Some(false)),
                Agreement::Equal => return Ok(Some(true)),
                Agreement::Unclear => {}
            }
        }
        Ok(None)
    }
}

enum Agreement {
    Different,
    Equal,
    Unclear,
}

/// Balls that do not meet differ. Balls that meet are equal when both are so small, next to the
/// values, that the values agree in so many bits.
fn agreement(left: &Ball, right: &Ball) -> Agreement {
    let difference = left.sub(right);
    if difference.excludes_zero() {
        return Agreement::Different;
    }
    let Some(error) = difference.log2_upper() else {
        return Agreement::Equal;
    };
    let scale = left.log2_upper().max(right.log2_upper()).unwrap_or(0);
    // A value that cannot be told from zero has no scale of its own.
    let scale = if left.excludes_zero() || right.excludes_zero() {
        scale
    } else {
        scale.max(0)
    };
    if error <= scale - AGREEMENT {
        Agreement::Equal
    } else {
        Agreement::Unclear
    }
}

/// Where a formula is tested.
#[derive(Clone)]
enum Sample {
    /// Every other four points lie as far as the reach.
    Real {
        reach: RBig,
    },
    Complex,
    /// Where conjugates are taken: the letters of complex numbers complex, the others real, as
    /// a and b are in the conjugate of a + bi.
    Conjugate,
    /// Positive integers, for factorials, binomials and sums with a symbolic bound.
    Integer,
}

impl Sample {
    fn domain(&self) -> Domain {
        match self {
            Self::Real { .. } | Self::Integer => Domain::Real,
            Self::Complex | Self::Conjugate => Domain::Complex,
        }
    }

    fn point<'n>(&self, names: &'n [String], trial: usize, stream: &mut Stream) -> Point<'n> {
        let mut point = Point::new();
        for (place, name) in names.iter().enumerate() {
            let value = match self {
                Self::Real { reach } => {
                    // Every other point is positive in all variables, so that roots and logarithms
                    // of several variables have points in common; one in four is negative in all.
                    let sign = match trial % 4 {
                        0 | 2 => Some(true),
                        1 => Some(false),
                        _ => None,
                    };
                    let value = stream.rational(sign);
                    let value = match trial % 8 {
                        // Steps are at integers.
                        6 => RBig::from((value * reach).ceil()),
                        4.. => value * reach,
                        _ => value,
                    };
                    (value, RBig::ZERO)
                }
                Self::Conjugate if !name.starts_with(['z', 'w']) => {
                    (stream.rational(None), RBig::ZERO)
                }
                Self::Complex | Self::Conjugate => (stream.rational(None), stream.rational(None)),
                // Odd and even ones in turn, for each variable at its own pace: (−1)^n is not 1.
                Self::Integer => {
                    let parity = trial as u64 >> (place % 3) & 1;
                    let value = 3 + 2 * (stream.next() % 7) + parity;
                    (RBig::from(value), RBig::ZERO)
                }
            };
            point.set(name, value.0, value.1);
        }
        point
    }
}

/// SplitMix64. The points depend on both formulas, so that no formula can be made to vanish at
/// points known beforehand.
struct Stream(u64);

impl Stream {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between 1/4096 and 4 in magnitude, of that sign or of either.
    fn rational(&mut self, positive: Option<bool>) -> RBig {
        let bits = self.next();
        let magnitude = IBig::from(1 + (bits & 0x3fff));
        let value = RBig::from_parts(magnitude, UBig::from(4096u32));
        if positive.unwrap_or(bits >> 63 == 0) {
            value
        } else {
            -value
        }
    }
}

/// FNV-1a of the expression's debug form, which is its content.
fn fingerprint(expr: &Expr) -> u64 {
    struct Hash(u64);
    impl std::fmt::Write for Hash {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            for byte in text.bytes() {
                self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
            Ok(())
        }
    }
    let mut hash = Hash(0xcbf2_9ce4_8422_2325);
    // Writing into the hash cannot fail.
    let _ = std::fmt::write(&mut hash, format_args!("{expr:?}"));
    hash.0
}

/// Whether the formula is one of counting, defined at integers.
fn counts(expr: &Expr) -> bool {
    let mut found = false;
    text::map(expr, &mut |node| {
        found |= match node {
            Expr::Call(
                Function::Factorial | Function::DoubleFactorial | Function::Binomial,
                arguments,
            ) => arguments
                .iter()
                .any(|argument| !numeric::variables(argument).is_empty()),
            // (−1)^n has a meaning at integers only.
            Expr::Power(base, exponent) => {
                is_negative(base) && !numeric::variables(exponent).is_empty()
            }
            Expr::Call(Function::Mod | Function::Gcd | Function::Lcm, arguments) => arguments
                .iter()
                .any(|argument| !numeric::variables(argument).is_empty()),
            Expr::Big {
                kind: Big::Sum | Big::Product,
                lower,
                upper,
                ..
            } => {
                let bounds = lower.iter().chain(upper);
                bounds
                    .into_iter()
                    .any(|bound| !numeric::variables(bound).is_empty())
            }
            _ => false,
        };
        None
    });
    found
}

/// Whether the expression is a negative literal.
fn is_negative(expr: &Expr) -> bool {
    match expr {
        Expr::Integer(value) => *value < IBig::ZERO,
        Expr::Decimal { value, .. } => *value < RBig::ZERO,
        Expr::Quotient(above, below) => is_negative(above) != is_negative(below),
        Expr::Negate(inner) => {
            matches!(
                **inner,
                Expr::Integer(_) | Expr::Decimal { .. } | Expr::Quotient(..)
            ) && numeric::variables(inner).is_empty()
                && !is_negative(inner)
        }
        Expr::Tuple(items) if items.len() == 1 => is_negative(&items[0]),
        _ => false,
    }
}

/// Far beyond the largest number in the expression, up to a limit.
fn reach(expr: &Expr) -> RBig {
    let mut largest = RBig::ONE;
    text::map(expr, &mut |node| {
        let value = match node {
            Expr::Integer(value) => RBig::from(value.clone()),
            Expr::Decimal { value, .. } => value.clone(),
            _ => return None,
        };
        let magnitude = if value < RBig::ZERO { -value } else { value };
        if magnitude > largest && magnitude < RBig::from(1u64 << 40) {
            largest = magnitude;
        }
        None
    });
    largest * RBig::from(16)
}

/// Whether the factors are three or more capital letters.
fn capitals(factors: &[Expr]) -> bool {
    factors.len() >= 3
        && factors.iter().all(|factor| {
            matches!(factor, Expr::Symbol(name)
                if name.len() == 1 && name.starts_with(|c: char| c.is_ascii_uppercase()))
        })
}

/// Whether the expression holds what only the algebra can work out.
fn needs_algebra(expr: &Expr) -> bool {
    let mut found = false;
    text::map(expr, &mut |node| {
        found |= matches!(
            node,
            Expr::Apply(..)
                | Expr::Big {
                    kind: Big::Integral | Big::Limit,
                    ..
                }
                | Expr::Call(Function::Determinant | Function::Trace, _)
                | Expr::Ratio(_)
        );
        None
    });
    found
}

/// Whether the expression holds a number that nothing here computes: an integral or limit that the
/// algebra left, a sum or product without end.
fn unevaluated(expr: &Expr) -> bool {
    let mut found = false;
    text::map(expr, &mut |node| {
        if let Expr::Big {
            kind, lower, upper, ..
        } = node
        {
            found |= matches!(kind, Big::Integral | Big::Limit);
            for bound in lower.iter().chain(upper) {
                text::map(bound, &mut |part| {
                    found |= matches!(part, Expr::Constant(crate::ast::Constant::Infinity));
                    None
                });
            }
        }
        None
    });
    found
}

/// Whether the expression is a literal of magnitude one or more.
fn at_least_one(expr: &Expr) -> bool {
    match expr {
        Expr::Integer(value) => *value != IBig::ZERO,
        Expr::Decimal { value, .. } => *value >= RBig::ONE,
        Expr::Negate(inner)
        | Expr::WithUnit {
            quantity: inner, ..
        } => at_least_one(inner),
        _ => false,
    }
}

/// A decimal literal, alone, signed, per cent or with a unit.
struct Literal {
    value: RBig,
    places: u32,
    significant: u32,
}

impl Literal {
    fn of(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Decimal { value, places } => {
                let magnitude = if *value < RBig::ZERO {
                    -value.clone()
                } else {
                    value.clone()
                };
                let scaled = magnitude * RBig::from(UBig::from(10u8).pow(*places as usize));
                let significant = if scaled.is_zero() {
                    0
                } else {
                    scaled.numerator().to_string().len()
                };
                Some(Self {
                    value: value.clone(),
                    places: *places,
                    significant: significant as u32,
                })
            }
            Expr::Negate(inner) => Self::of(inner).map(|literal| Self {
                value: -literal.value,
                ..literal
            }),
            Expr::Percent(inner) => Self::of(inner).map(|literal| Self {
                value: literal.value / RBig::from(100),
                places: literal.places + 2,
                ..literal
            }),
            Expr::WithUnit { quantity, .. } => Self::of(quantity),
            _ => None,
        }
    }

    /// Half a unit of the last digit written.
    fn half_unit(&self) -> RBig {
        RBig::from_parts(
            IBig::ONE,
            UBig::from(10u8).pow(self.places as usize) * UBig::from(2u8),
        )
    }
}

fn distance(left: &RBig, right: &RBig) -> RBig {
    let difference = left - right;
    if difference < RBig::ZERO {
        -difference
    } else {
        difference
    }
}

fn number(value: &RBig) -> Expr {
    let (numerator, denominator) = value.clone().into_parts();
    Expr::Quotient(
        Box::new(Expr::Integer(numerator)),
        Box::new(Expr::Integer(IBig::from(denominator))),
    )
}

/// Whether the conjugate of something with variables is taken.
fn conjugates(expr: &Expr) -> bool {
    let mut found = false;
    text::map(expr, &mut |node| {
        found |= matches!(node, Expr::Call(Function::Conjugate, arguments)
            if arguments.iter().any(|argument| !numeric::variables(argument).is_empty()));
        None
    });
    found
}
