//! What a tree contains: its variables, and what matters for the choice of a domain.

use crate::ast::{Constant, Expr, Function};

/// Names of the variables of an expression, sorted, each once. Free ones only: a variable that a
/// sum, a limit, an integral with bounds or a set of `{x | …}` binds is left out inside of it.
pub fn variables(expr: &Expr) -> Vec<String> {
    /// No scope around.
    const OUTSIDE: usize = usize::MAX;
    // A stack of our own, as the trees of others may be deep; scopes are chained by index.
    let mut scopes: Vec<(&str, usize)> = Vec::new();
    let mut open = vec![(expr, OUTSIDE)];
    let mut found = Vec::new();
    while let Some((expr, scope)) = open.pop() {
        match expr {
            Expr::Symbol(name) => {
                let mut chain = std::iter::successors(Some(scope), |&s| Some(scopes.get(s)?.1));
                if !chain.any(|s| scopes.get(s).is_some_and(|(bound, _)| bound == name)) {
                    found.push(name.clone());
                }
            }
            // An indefinite integral is a function of its variable.
            Expr::Big {
                variable,
                lower,
                upper,
                body,
                ..
            } if lower.is_some() || upper.is_some() => {
                open.extend(
                    lower
                        .iter()
                        .chain(upper)
                        .map(|bound| (bound.as_ref(), scope)),
                );
                scopes.push((variable, scope));
                open.push((body, scopes.len() - 1));
            }
            Expr::SetBuilder { element, condition } => {
                let mut inner = scope;
                for name in bound_by(element) {
                    scopes.push((name, inner));
                    inner = scopes.len() - 1;
                }
                open.extend([(element.as_ref(), inner), (condition.as_ref(), inner)]);
            }
            _ => open.extend(expr.children().into_iter().map(|child| (child, scope))),
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The variables of the element of a set: `x`, `(x, y)`, `x \in S`, `2k + 1`.
fn bound_by(element: &Expr) -> Vec<&str> {
    let mut names = Vec::new();
    let mut open = vec![element];
    while let Some(expr) = open.pop() {
        match expr {
            Expr::Symbol(name) => names.push(name.as_str()),
            Expr::Relation { terms, .. } => open.extend(terms.first()),
            _ => open.extend(expr.children()),
        }
    }
    names
}

/// What in a tree bears on the choice of domain and points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// The imaginary unit occurs.
    pub imaginary: bool,
    /// A function with branch cuts occurs: a root, a logarithm, a power with an exponent that is
    /// no integer literal (except of a positive number), an inverse trigonometric function; or one
    /// of those that are not analytic.
    pub branches: bool,
    /// A function that is not analytic occurs: absolute value, argument, conjugate, floor,
    /// maximum, sign, or one of integers only.
    pub non_analytic: bool,
}

/// The [`Features`] of a tree.
pub fn features(expr: &Expr) -> Features {
    let mut features = Features::default();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        match expr {
            Expr::Constant(Constant::I) => features.imaginary = true,
            Expr::Power(base, exponent) => {
                features.branches |= !is_integer(exponent) && !is_positive(base);
            }
            Expr::Call(function, _) => {
                let (branches, non_analytic) = traits(*function);
                features.branches |= branches;
                features.non_analytic |= non_analytic;
            }
            _ => {}
        }
        open.extend(expr.children());
    }
    features
}

/// An integer literal, perhaps negative.
fn is_integer(expr: &Expr) -> bool {
    match expr {
        Expr::Integer(_) => true,
        Expr::Negate(inner) => matches!(**inner, Expr::Integer(_)),
        _ => false,
    }
}

/// A positive number, plainly: the powers of it have no branch cut.
fn is_positive(expr: &Expr) -> bool {
    use dashu_int::Sign::Positive;
    match expr {
        Expr::Integer(value) => !value.is_zero() && value.sign() == Positive,
        Expr::Decimal { value, .. } => !value.is_zero() && value.numerator().sign() == Positive,
        Expr::Constant(constant) => matches!(constant, Constant::E | Constant::Pi),
        Expr::Quotient(a, b) => match (a.as_ref(), b.as_ref()) {
            (Expr::Integer(a), Expr::Integer(b)) => {
                !a.is_zero() && !b.is_zero() && a.sign() == b.sign()
            }
            _ => false,
        },
        _ => false,
    }
}

/// Whether a function has branch cuts, and whether it fails to be analytic.
fn traits(function: Function) -> (bool, bool) {
    use Function as F;
    match function {
        F::Arcsin | F::Arccos | F::Arctan | F::Arccot | F::Arcsec | F::Arccsc => (true, false),
        F::Arsinh | F::Arcosh | F::Artanh | F::Log | F::Root => (true, false),
        F::Abs | F::Floor | F::Ceil | F::Max | F::Min | F::Mod | F::Arg | F::Re | F::Im => {
            (true, true)
        }
        F::Conjugate | F::Sign => (true, true),
        F::Factorial | F::DoubleFactorial | F::Binomial | F::Gcd | F::Lcm => (true, true),
        F::Sin | F::Cos | F::Tan | F::Cot | F::Sec | F::Csc => (false, false),
        F::Sinh | F::Cosh | F::Tanh | F::Coth | F::Sech | F::Csch | F::Exp => (false, false),
        F::Determinant | F::Trace | F::Transpose => (false, false),
    }
}
