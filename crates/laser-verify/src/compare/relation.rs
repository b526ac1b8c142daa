//! Equations and inequalities.

use std::cmp::Ordering;

use dashu_int::IBig;

use super::{Chain, Comparison, Result, Shape, Undecided, text};
use crate::algebra::{Algebra, Fraction, Stop};
use crate::ast::{Expr, Function, Relation};
use crate::numeric;

impl Chain {
    pub(super) fn of(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Relation { terms, operators } => Some(Self {
                terms: terms.clone(),
                operators: operators.clone(),
            }),
            _ => None,
        }
    }

    fn first(&self) -> &Expr {
        &self.terms[0]
    }

    fn last(&self) -> &Expr {
        &self.terms[self.terms.len() - 1]
    }

    /// Whether it orders or excludes values, so that it has a solution set rather than a value.
    pub(super) fn is_inequality(&self) -> bool {
        use Relation as R;
        self.operators.iter().any(|operator| {
            matches!(
                operator,
                R::Less | R::LessEqual | R::Greater | R::GreaterEqual | R::NotEqual
            )
        })
    }

    /// Whether it gives a name to a value: `x = 5`, `f(x) = …`, `(p, q) = …`, `x \in S`.
    pub(super) fn is_assignment(&self) -> bool {
        use Relation as R;
        names_something(self.first())
            && self.operators.iter().all(|operator| {
                matches!(
                    operator,
                    R::Equal | R::Approximately | R::In | R::Congruent | R::Arrow
                )
            })
    }

    /// What a chain of equations comes to: the last term, approximations of it cut off.
    pub(super) fn value(&self) -> Option<&Expr> {
        // A subset of a set and what is not in it do not say which set it is.
        let silent = [Relation::NotIn, Relation::Subset];
        if self.is_inequality() || silent.iter().any(|o| self.operators.contains(o)) {
            return None;
        }
        // `x = 1/3 ≈ 0.33` says 1/3; `x ≈ 0.33` says 0.33.
        let approximation = self
            .operators
            .iter()
            .position(|&o| o == Relation::Approximately);
        match approximation {
            Some(at) if at >= 1 => Some(&self.terms[at]),
            // The residue of a congruence, as it is written.
            _ => match (self.modulus(), self.last()) {
                (Some(_), Expr::Call(_, arguments)) => arguments.first(),
                (_, last) => Some(last),
            },
        }
    }

    /// The modulus of a congruence.
    fn modulus(&self) -> Option<&Expr> {
        match (self.operators.last(), self.last()) {
            (Some(Relation::Congruent), Expr::Call(Function::Mod, arguments)) => arguments.last(),
            _ => None,
        }
    }

    /// The approximation after the value, `0.33` in `x = 1/3 ≈ 0.33`.
    fn approximation(&self) -> Option<&Expr> {
        let at = self
            .operators
            .iter()
            .position(|&o| o == Relation::Approximately)?;
        if at >= 1 && at + 2 == self.terms.len() {
            Some(self.last())
        } else {
            None
        }
    }
}

/// Whether the expression is made of names only, as the left side of an assignment is.
fn names_something(expr: &Expr) -> bool {
    match expr {
        Expr::Symbol(_) | Expr::Text(_) | Expr::Apply(..) => true,
        // `e` and `i` may be names in a product such as `AE`, but not alone.
        Expr::Product(items) => items
            .iter()
            .all(|item| names_something(item) || is_letter(item)),
        Expr::Tuple(items) | Expr::Ratio(items) | Expr::List(items) => {
            items.iter().all(names_something)
        }
        Expr::Quotient(a, b) => names_something(a) && names_something(b),
        Expr::Call(_, items) => items.iter().all(names_something),
        _ => false,
    }
}

/// Name and variable of `f(x)`, also where the parser takes the name for a factor: `P(x)`.
fn function_of(expr: &Expr) -> Option<(&str, &str)> {
    match expr {
        Expr::Apply(name, arguments) => match &arguments[..] {
            [Expr::Symbol(variable)] => Some((name, variable)),
            _ => None,
        },
        Expr::Product(factors) => match &factors[..] {
            [Expr::Symbol(name), Expr::Symbol(variable)]
                if name.starts_with(char::is_uppercase)
                    && variable.starts_with(char::is_lowercase) =>
            {
                Some((name, variable))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether the expression is made of terms and factors with a power of a variable among them.
fn is_polynomial_equation(expr: &Expr) -> bool {
    let mut found = false;
    if matches!(expr, Expr::Sum(_) | Expr::Product(_) | Expr::Power(..)) {
        text::map(expr, &mut |node| {
            found |= matches!(node, Expr::Power(base, _) if !numeric::variables(base).is_empty());
            None
        });
    }
    found
}

fn is_letter(expr: &Expr) -> bool {
    matches!(expr, Expr::Constant(_))
}

/// Whether `function` is `y(x)` for the variable `y`, and the value is one in `x`.
fn variable_as_function(variable: &Expr, function: &Expr, value: &Expr) -> bool {
    let (name, argument) = match function {
        Expr::Apply(name, arguments) => match &arguments[..] {
            [Expr::Symbol(argument)] => (name, argument),
            _ => return false,
        },
        Expr::Product(factors) => match &factors[..] {
            [Expr::Symbol(name), Expr::Symbol(argument)] => (name, argument),
            _ => return false,
        },
        _ => return false,
    };
    matches!(variable, Expr::Symbol(symbol) if symbol == name)
        && numeric::variables(value).contains(argument)
}

/// One relation with everything on the left: `difference operator 0`, and only the operators
/// `=`, `≠`, `<`, `≤` left.
struct Normal {
    difference: Expr,
    operator: Relation,
}

impl Comparison<'_> {
    /// A relation as the gold answer and something else as the answer.
    pub(super) fn gold_relation(&mut self, gold: &Chain, answer: Shape) -> Result<bool> {
        if let Shape::System { .. } | Shape::Chain(_) = answer {
            return Ok(false);
        }
        if gold.is_assignment()
            && let Some(value) = gold.value()
        {
            return self.shapes(Shape::of(value), answer);
        }
        // A gold inequality accepts its solution set.
        let set = match answer {
            Shape::Region(set) => set,
            Shape::Tuple(items) => Expr::Tuple(items),
            Shape::Collection(items) => Expr::Set(items),
            _ => return Ok(false),
        };
        self.relations_and_set(true, std::slice::from_ref(gold), &set)
    }

    /// Something else as the gold answer and a relation as the answer: what counts is where a
    /// chain of equations ends. An inequality is accepted for a set only on demand.
    pub(super) fn answer_relation(&mut self, gold: Shape, answer: &Chain) -> Result<bool> {
        if let Some(value) = answer.value() {
            // `x^2 - 1 = 0` is a question; that its right side is the gold answer 0 says nothing.
            if let Shape::Scalar(Expr::Integer(zero)) = &gold
                && *zero == IBig::ZERO
                && is_polynomial_equation(answer.first())
            {
                return Ok(false);
            }
            let approximation = answer.approximation().cloned();
            let value = value.clone();
            if let (Some(approximation), Shape::Scalar(gold)) = (&approximation, &gold)
                && self.approximates(approximation, &value)?
                && self.scalars(gold, approximation)?
            {
                return Ok(true);
            }
            return self.shapes(gold, Shape::of(&value));
        }
        match gold {
            Shape::Region(gold) if self.rules.relations_as_sets => {
                self.relations_and_set(true, std::slice::from_ref(answer), &gold)
            }
            Shape::Tuple(gold) if self.rules.relations_as_sets => {
                self.relations_and_set(true, std::slice::from_ref(answer), &Expr::Tuple(gold))
            }
            _ => Ok(false),
        }
    }

    /// Whether a decimal is an honest rounding of the value before it, to its own digits.
    fn approximates(&mut self, decimal: &Expr, value: &Expr) -> Result<bool> {
        let places = std::mem::replace(&mut self.rules.decimal_places, 0);
        let result = self.scalars(value, decimal);
        self.rules.decimal_places = places;
        result
    }

    pub(super) fn relations(&mut self, gold: &Chain, answer: &Chain) -> Result<bool> {
        // The difference of two sides below has no units any more.
        if text::units_conflict(gold.last(), answer.last()) {
            return Ok(false);
        }
        if let (Some(g), Some(a)) = (gold.modulus(), answer.modulus()) {
            return Ok(self.scalars(g, a)?
                && self.equal(gold.first(), answer.first())?
                && self.scalars(gold.last(), answer.last())?);
        }
        // x = 3 is one of the solutions of x ≡ 3 (mod 7).
        if gold.modulus().is_some() && answer.operators.contains(&Relation::Equal) {
            return Ok(false);
        }
        if gold.is_assignment()
            && answer.is_assignment()
            && let (Some(g), Some(a)) = (gold.value(), answer.value())
        {
            let (named, other) = (gold.first(), answer.first());
            let same_name = text::same_expression(named, other)
                || variable_as_function(named, other, a)
                || variable_as_function(other, named, g);
            if (same_name || self.rules.ignore_variable_names) && self.equal(g, a)? {
                return Ok(true);
            }
            // f(x) = x² and f(t) = t² are the same function.
            if let (Some((f, x)), Some((h, t))) =
                (function_of(gold.first()), function_of(answer.first()))
                && f == h
                && x != t
                && !numeric::variables(a).iter().any(|name| name == x)
            {
                let renamed = text::map(a, &mut |node| {
                    matches!(node, Expr::Symbol(name) if name == t)
                        .then(|| Expr::Symbol(x.to_owned()))
                });
                if self.equal(g, &renamed)? {
                    return Ok(true);
                }
            }
        }
        if let ([Relation::In], Some(set)) = (&answer.operators[..], answer.terms.last())
            && gold.is_inequality()
        {
            return self.relations_and_set(true, std::slice::from_ref(gold), set);
        }
        if let ([Relation::In], Some(set)) = (&gold.operators[..], gold.terms.last())
            && answer.is_inequality()
        {
            return Ok(self.rules.relations_as_sets
                && self.relations_and_set(true, std::slice::from_ref(answer), set)?);
        }
        if self.same_relations(std::slice::from_ref(gold), std::slice::from_ref(answer))? {
            return Ok(true);
        }
        self.regions_of_relations(
            true,
            std::slice::from_ref(gold),
            true,
            std::slice::from_ref(answer),
        )
    }

    /// Whether two lists of relations are the same one by one, in any order.
    pub(super) fn same_relations(&mut self, gold: &[Chain], answer: &[Chain]) -> Result<bool> {
        let (Some(gold), Some(answer)) = (normalise(gold), normalise(answer)) else {
            return Ok(false);
        };
        if gold.len() != answer.len() {
            return Ok(false);
        }
        let mut used = vec![false; answer.len()];
        for relation in &gold {
            let mut hit = false;
            for (k, other) in answer.iter().enumerate() {
                if !used[k] && self.same_relation(relation, other)? {
                    used[k] = true;
                    hit = true;
                    break;
                }
            }
            if !hit {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether one difference is a constant times the other, a positive one for `<` and `≤`.
    fn same_relation(&mut self, gold: &Normal, answer: &Normal) -> Result<bool> {
        if gold.operator != answer.operator {
            return Ok(false);
        }
        let mut algebra = self.algebra();
        let lowered = algebra
            .lower(&gold.difference)
            .and_then(|g| Ok((g, algebra.lower(&answer.difference)?)));
        let (g, a) = match lowered {
            Ok(both) => both,
            Err(Stop::NotANumber(_)) => return Ok(false),
            Err(stop) => return Err(stop.into()),
        };
        if g.is_zero() || a.is_zero() {
            return Ok(g.is_zero() && a.is_zero());
        }
        // An equation may be multiplied by its denominators; the sign of an inequality may not.
        let equation = matches!(gold.operator, Relation::Equal | Relation::NotEqual);
        let (g, a) = if equation {
            (
                Fraction::from_poly(g.numerator),
                Fraction::from_poly(a.numerator),
            )
        } else {
            (g, a)
        };
        // 1/x = 0 and 1 = 0 have no solution in common that one could name.
        if equation && !(varies(&algebra, &g) && varies(&algebra, &a)) {
            return Ok(false);
        }
        let mut ratio = algebra.divide(&a, &g)?;
        if varies(&algebra, &ratio) {
            // √2·x + √2 over x + 1 does not cancel by itself: try the ratio of the coefficients
            // of one monomial.
            let Some((below, above)) = algebra.leading_coefficients(&g, &a) else {
                return Ok(false);
            };
            ratio = algebra.divide(&above, &below)?;
            let scaled = algebra.multiply(&g, &ratio)?;
            if varies(&algebra, &ratio) || !algebra.equal(&scaled, &a)? {
                return Ok(false);
            }
        }
        if equation {
            return Ok(true);
        }
        let ratio = algebra.express(&ratio);
        self.is_positive(&ratio)
    }

    fn is_positive(&mut self, constant: &Expr) -> Result<bool> {
        let zero = Expr::Integer(IBig::ZERO);
        Ok(self.order(constant, &zero)? == Some(Ordering::Greater))
    }

    /// The order of two real constants; `None` when one of them is no real number.
    pub(super) fn order(&mut self, left: &Expr, right: &Expr) -> Result<Option<Ordering>> {
        for precision in [64, 256] {
            let (Some(l), Some(r)) = (
                self.constant(left, precision)?,
                self.constant(right, precision)?,
            ) else {
                return Ok(None);
            };
            if let Some(order) = l.compare_real(&r) {
                return Ok(Some(order));
            }
        }
        match self.scalars(left, right)? {
            true => Ok(Some(Ordering::Equal)),
            false => Err(Undecided::NoMethod),
        }
    }
}

/// Whether the fraction depends on a variable.
fn varies(algebra: &Algebra<'_>, fraction: &Fraction) -> bool {
    !numeric::variables(&algebra.express(fraction)).is_empty()
}

/// Splits chains into single relations with zero on the right. `None` when one of them is no
/// equation or inequality between numbers.
fn normalise(chains: &[Chain]) -> Option<Vec<Normal>> {
    let mut relations = Vec::new();
    for chain in chains {
        // A chain of equations says that the first term is the last one.
        let chain = match chain.value() {
            Some(value) if chain.operators.contains(&Relation::Equal) => &Chain {
                terms: vec![chain.first().clone(), value.clone()],
                operators: vec![Relation::Equal],
            },
            _ => chain,
        };
        for (operator, pair) in chain.operators.iter().zip(chain.terms.windows(2)) {
            let [left, right] = pair else {
                return None;
            };
            let (left, right, operator) = match operator {
                Relation::Greater => (right, left, Relation::Less),
                Relation::GreaterEqual => (right, left, Relation::LessEqual),
                Relation::Equal | Relation::NotEqual | Relation::Less | Relation::LessEqual => {
                    (left, right, *operator)
                }
                _ => return None,
            };
            let difference = Expr::Sum(vec![left.clone(), Expr::Negate(Box::new(right.clone()))]);
            relations.push(Normal {
                difference,
                operator,
            });
        }
    }
    Some(relations)
}
