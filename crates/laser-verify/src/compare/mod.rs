//! Whether two expressions are the same mathematics.
//!
//! | file | what it compares |
//! |---|---|
//! | this one | shapes: what kind of thing each side is, and which pairs of kinds may be equal |
//! | `scalar` | numbers and formulas: exactly, else by identity testing with error bounds |
//! | `relation` | equations and inequalities |
//! | `region` | intervals, unions, solution sets |
//! | `text` | words, units |
//!
//! The comparison is deliberately not symmetric where a symmetric one could be gamed; the rules
//! are listed in `docs/verifier.md` and tested by name.

mod region;
mod relation;
mod scalar;
mod text;

use crate::algebra::{Algebra, Stop};
use crate::ast::{Expr, Function, NumberSet, Relation, SetOperator};
use crate::limits::{Budget, Exhausted, Limits};

/// Choices about what counts as equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A decimal literal equals a number that it rounds when it has at least so many digits after
    /// the point (and half as many significant ones).
    pub decimal_places: u32,
    /// Accept an inequality where the gold answer is a set. Off, because an inequality may be the
    /// question itself.
    pub relations_as_sets: bool,
    /// Match the variables of the two sides by their order instead of their names.
    pub ignore_variable_names: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            decimal_places: 6,
            relations_as_sets: false,
            ignore_variable_names: false,
        }
    }
}

/// Why it cannot be said whether two expressions are equal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    #[error(transparent)]
    Budget(#[from] Exhausted),
    #[error("a number is too large to be computed")]
    TooLarge,
    #[error("a value is undefined")]
    Undefined,
    #[error("no method here decides whether the two are equal")]
    NoMethod,
}

type Result<T> = std::result::Result<T, Undecided>;

impl From<Stop> for Undecided {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Undefined => Self::Undefined,
            Stop::TooLarge => Self::TooLarge,
            Stop::NotANumber(_) => Self::NoMethod,
            Stop::Budget(exhausted) => Self::Budget(exhausted),
        }
    }
}

/// Compares one reading of the gold answer with one reading of the given answer.
///
/// # Errors
/// Neither could be shown within the limits, or one of them has no value.
pub fn equal(
    gold: &Expr,
    answer: &Expr,
    rules: &Rules,
    limits: &Limits,
    budget: &mut Budget,
) -> std::result::Result<bool, Undecided> {
    let renamed;
    let answer = if rules.ignore_variable_names {
        renamed = text::rename_variables(gold, answer);
        &renamed
    } else {
        answer
    };
    Comparison {
        rules: *rules,
        limits: *limits,
        budget,
    }
    .equal(gold, answer)
}

struct Comparison<'b> {
    rules: Rules,
    limits: Limits,
    budget: &'b mut Budget,
}

/// What kind of thing an expression is.
enum Shape {
    Scalar(Expr),
    Text(String),
    /// Ordered.
    Tuple(Vec<Expr>),
    /// Unordered, nested lists flattened, `±` split in two.
    Collection(Vec<Expr>),
    Region(Expr),
    Matrix(Expr),
    Chain(Chain),
    /// Relations that hold together (`all`) or of which one holds.
    System {
        all: bool,
        relations: Vec<Chain>,
    },
    Ratio(Vec<Expr>),
}

/// `terms[0] operators[0] terms[1] …`
#[derive(Clone, Debug)]
struct Chain {
    terms: Vec<Expr>,
    operators: Vec<Relation>,
}

impl Shape {
    fn of(expr: &Expr) -> Self {
        match expr {
            Expr::WithUnit { quantity, .. } => Self::of(quantity),
            Expr::Text(text) => Self::Text(text.clone()),
            Expr::Tuple(items) if items.len() == 1 => Self::of(&items[0]),
            Expr::Tuple(items) => Self::Tuple(items.clone()),
            Expr::List(items) | Expr::And(items) | Expr::Or(items) => {
                let chains: Option<Vec<Chain>> = items.iter().map(Chain::of).collect();
                match chains {
                    Some(relations) if relations.iter().any(Chain::is_inequality) => Self::System {
                        all: !matches!(expr, Expr::Or(_)),
                        relations,
                    },
                    _ => collection(items),
                }
            }
            Expr::Set(items) => collection(items),
            Expr::Interval { .. }
            | Expr::NumberSet(_)
            | Expr::SetOperation(..)
            | Expr::SetBuilder { .. } => Self::Region(expr.clone()),
            Expr::Relation { terms, operators } => Self::Chain(Chain {
                terms: terms.clone(),
                operators: operators.clone(),
            }),
            Expr::Ratio(parts) => Self::Ratio(parts.clone()),
            _ if named_point(expr).is_some() => {
                Self::Tuple(named_point(expr).unwrap_or_default().to_vec())
            }
            _ if has_matrix(expr) => Self::Matrix(expr.clone()),
            _ => match split_signs(expr) {
                Some(both) => collection(&both),
                None => Self::Scalar(expr.clone()),
            },
        }
    }
}

/// An expression with a statement of the numbers that its letters run over.
struct Declared {
    rest: Expr,
    /// Letters and their sets.
    letters: Vec<(String, Expr)>,
}

impl Declared {
    fn of(expr: &Expr) -> Option<Self> {
        let (items, conditions): (Vec<&Expr>, Vec<&Expr>) = match expr {
            Expr::List(items) | Expr::And(items) => {
                items.iter().partition(|item| declaration(item).is_none())
            }
            // {2k | k ∈ ℤ}
            Expr::SetBuilder { element, condition } => (vec![element], vec![condition]),
            _ => return None,
        };
        let letters: Vec<(String, Expr)> = conditions
            .into_iter()
            .map(declaration)
            .collect::<Option<_>>()?;
        // `x > 3, x ∈ ℤ` states a set of integers, and `x ∈ ℤ` alone is an answer.
        let is_set = |item: &&Expr| {
            matches!(item, Expr::Symbol(_) | Expr::Text(_))
                || Chain::of(item).is_some_and(|chain| {
                    chain.is_inequality() || chain.operators.contains(&Relation::In)
                })
        };
        if letters.is_empty() || items.is_empty() || items.iter().any(is_set) {
            return None;
        }
        let rest = match &items[..] {
            [only] => (*only).clone(),
            _ => Expr::List(items.into_iter().cloned().collect()),
        };
        let names = text::symbols(&rest);
        letters
            .iter()
            .all(|(name, _)| names.contains(name))
            .then_some(Self { rest, letters })
    }
}

/// Letter and set of `k \in \mathbb{Z}`.
fn declaration(expr: &Expr) -> Option<(String, Expr)> {
    match expr {
        Expr::Relation { terms, operators } if operators[..] == [Relation::In] => {
            match &terms[..] {
                [Expr::Symbol(name), set] if !matches!(set, Expr::Symbol(_)) => {
                    Some((name.clone(), set.clone()))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether one set is ℕ and the other the integers from 0 or from 1 on: where ℕ begins is a
/// convention, which a statement about a letter does not mean to change.
fn starts_by_convention(left: &Expr, right: &Expr) -> bool {
    let natural = |set: &Expr| *set == Expr::NumberSet(NumberSet::Natural);
    let zero = dashu_int::IBig::ZERO;
    let counted = |set: &Expr| match set {
        Expr::SetOperation(SetOperator::Intersection, parts) => match &parts[..] {
            [Expr::NumberSet(NumberSet::Integer), Expr::Tuple(ends)] => {
                matches!(&ends[..], [Expr::Integer(low), _] if *low == zero)
            }
            [
                Expr::NumberSet(NumberSet::Integer),
                Expr::Interval { low, .. },
            ] => {
                matches!(&**low, Expr::Integer(low) if *low == zero)
            }
            _ => false,
        },
        _ => false,
    };
    natural(left) && counted(right) || counted(left) && natural(right)
}

fn collection(items: &[Expr]) -> Shape {
    let mut flat = Vec::new();
    flatten(items, &mut flat);
    Shape::Collection(flat)
}

fn flatten(items: &[Expr], flat: &mut Vec<Expr>) {
    for item in items {
        match item {
            // `p = 5, q = 2; p = 7, q = 2` are two points.
            Expr::List(inner) | Expr::And(inner) if items.len() > 1 && point(inner).is_some() => {
                flat.extend(point(inner).map(Expr::Tuple));
            }
            Expr::List(inner) | Expr::And(inner) | Expr::Or(inner) => flatten(inner, flat),
            _ => match split_signs(item) {
                Some(both) => flat.extend(both),
                None => flat.push(item.clone()),
            },
        }
    }
}

/// The values of several assignments in one item of a list.
fn point(items: &[Expr]) -> Option<Vec<Expr>> {
    let values = items.iter().map(|item| {
        let chain = Chain::of(item)?;
        if chain.is_assignment() {
            chain.value().cloned()
        } else {
            None
        }
    });
    if items.len() > 1 {
        values.collect()
    } else {
        None
    }
}

/// The coordinates of a point with its name, `P(2, 3)`.
fn named_point(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::Product(factors) => match &factors[..] {
            [Expr::Symbol(name), Expr::Tuple(items)]
                if items.len() > 1 && name.starts_with(|c: char| c.is_ascii_uppercase()) =>
            {
                Some(items)
            }
            _ => None,
        },
        _ => None,
    }
}

/// Letters of assignments to different unknowns, each with its place: `x = 1, y = 2`, but not
/// `x_1 = 1, x_2 = 2`, which are roots of one unknown.
fn different_letters(items: &[Expr]) -> Option<Vec<(char, usize)>> {
    let mut letters = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let chain = Chain::of(item)?;
        let letter = match &chain.terms[0] {
            Expr::Symbol(name) if chain.is_assignment() => name.chars().next()?,
            _ => return None,
        };
        if letters.iter().any(|&(other, _)| other == letter) {
            return None;
        }
        letters.push((letter, at));
    }
    (letters.len() > 1).then_some(letters)
}

/// Whether `h:m` looks like a time of day: a ratio would be in lowest terms and has no `pm`.
fn is_clock(parts: &[Expr]) -> bool {
    if parts
        .iter()
        .any(|part| matches!(part, Expr::WithUnit { .. }))
    {
        return true;
    }
    let small = |part: &Expr| match part {
        Expr::Integer(value) => u32::try_from(value).ok(),
        _ => None,
    };
    let [hours, minutes] = parts else {
        return false;
    };
    match (small(hours), small(minutes)) {
        (Some(h @ 1..=24), Some(m @ 10..=59)) => (2..=h).any(|d| h % d == 0 && m % d == 0),
        _ => false,
    }
}

/// `a ± b` as the two numbers that it stands for; signs in one expression go together.
fn split_signs(expr: &Expr) -> Option<[Expr; 2]> {
    let mut found = false;
    let plus = text::map(expr, &mut |node| signed(node, true, &mut found));
    if !found {
        return None;
    }
    let minus = text::map(expr, &mut |node| signed(node, false, &mut found));
    Some([plus, minus])
}

fn signed(node: &Expr, upper: bool, found: &mut bool) -> Option<Expr> {
    let Expr::PlusMinus {
        left,
        right,
        flipped,
    } = node
    else {
        return None;
    };
    *found = true;
    let both = |part: &Expr, found: &mut bool| text::map(part, &mut |n| signed(n, upper, found));
    let right = both(right, found);
    let right = if upper != *flipped {
        right
    } else {
        Expr::Negate(Box::new(right))
    };
    Some(match left {
        Some(left) => Expr::Sum(vec![both(left, found), right]),
        None => right,
    })
}

/// Whether the expression denotes a matrix: one occurs, and not inside a function of matrices
/// that gives a number.
fn has_matrix(expr: &Expr) -> bool {
    match expr {
        Expr::Matrix { .. } => true,
        Expr::Sum(items) | Expr::Product(items) => items.iter().any(has_matrix),
        Expr::Negate(inner) | Expr::Power(inner, _) | Expr::Quotient(inner, _) => has_matrix(inner),
        Expr::Call(Function::Transpose, arguments) => arguments.iter().any(has_matrix),
        _ => false,
    }
}

impl Comparison<'_> {
    fn algebra(&mut self) -> Algebra<'_> {
        Algebra::new(self.budget, self.limits)
    }

    fn equal(&mut self, gold: &Expr, answer: &Expr) -> Result<bool> {
        self.budget.spend(1)?;
        if gold == answer {
            return Ok(true);
        }
        if text::units_conflict(gold, answer) {
            return Ok(false);
        }
        // To say x = 1 and y = 2 is more than to say that one of the two holds.
        if let (Expr::And(items), Expr::Or(_)) | (Expr::Or(_), Expr::And(items)) = (gold, answer)
            && different_letters(items).is_some()
        {
            return Ok(false);
        }
        if let Some(verdict) = self.declared(gold, answer)? {
            return Ok(verdict);
        }
        self.shapes(Shape::of(gold), Shape::of(answer))
    }

    /// The verdict where a side says which numbers a letter of it runs over, as in `k\pi, k \in
    /// \mathbb{Z}`. Such a letter may have any name where both sides say it, and either side may
    /// leave the saying to the question.
    fn declared(&mut self, gold: &Expr, answer: &Expr) -> Result<Option<bool>> {
        Ok(match (Declared::of(gold), Declared::of(answer)) {
            (None, None) => None,
            (Some(g), None) => Some(self.equal(&g.rest, answer)?),
            (None, Some(a)) => Some(self.equal(gold, &a.rest)?),
            (Some(g), Some(a)) if g.letters.len() == a.letters.len() => {
                for ((_, set), (_, other)) in g.letters.iter().zip(&a.letters) {
                    if !starts_by_convention(set, other) && !self.equal(set, other)? {
                        return Ok(Some(false));
                    }
                }
                let rest = text::map(&a.rest, &mut |node| {
                    let at = a.letters.iter().position(
                        |(name, _)| matches!(node, Expr::Symbol(symbol) if symbol == name),
                    )?;
                    Some(Expr::Symbol(g.letters[at].0.clone()))
                });
                Some(self.equal(&g.rest, &rest)?)
            }
            (Some(_), Some(_)) => Some(false),
        })
    }

    fn shapes(&mut self, gold: Shape, answer: Shape) -> Result<bool> {
        use Shape as S;
        match (gold, answer) {
            // Relations on both sides.
            (S::Chain(g), S::Chain(a)) => self.relations(&g, &a),
            (
                S::System { all, relations },
                S::System {
                    all: both,
                    relations: others,
                },
            ) => {
                if all == both && self.same_relations(&relations, &others)? {
                    return Ok(true);
                }
                self.regions_of_relations(all, &relations, both, &others)
            }
            (S::System { all, relations }, S::Chain(a)) => {
                if let ([Relation::In], [_, set]) = (&a.operators[..], &a.terms[..]) {
                    return self.relations_and_set(all, &relations, set);
                }
                if all && self.same_relations(&relations, std::slice::from_ref(&a))? {
                    return Ok(true);
                }
                self.regions_of_relations(all, &relations, true, &[a])
            }
            (S::Chain(g), S::System { all, relations }) => {
                if all && self.same_relations(std::slice::from_ref(&g), &relations)? {
                    return Ok(true);
                }
                self.regions_of_relations(true, &[g], all, &relations)
            }
            // A collection of one is its element; a collection of several never equals a relation.
            (S::Collection(g), S::Chain(a)) => self.collection_and_chain(g, a),
            (S::Chain(g), answer) => self.gold_relation(&g, answer),
            (gold, S::Chain(a)) => self.answer_relation(gold, &a),
            (S::System { all, relations }, S::Region(a)) => {
                self.relations_and_set(all, &relations, &a)
            }
            (S::System { all, relations }, S::Tuple(a)) => {
                self.relations_and_set(all, &relations, &Expr::Tuple(a))
            }
            (S::System { all, relations }, S::Collection(a)) => {
                self.relations_and_set(all, &relations, &Expr::Set(a))
            }
            (S::Region(g), S::System { all, relations }) if self.rules.relations_as_sets => {
                self.relations_and_set(all, &relations, &g)
            }
            (S::System { .. }, _) | (_, S::System { .. }) => Ok(false),

            // Words.
            (S::Text(g), S::Collection(a)) if a.is_empty() => Ok(text::says_nothing_fits(&g)),
            (S::Collection(g), S::Text(a)) if g.is_empty() => Ok(text::says_nothing_fits(&a)),
            (S::Text(g), S::Text(a)) => Ok(text::same_words(&g, &a)),
            (S::Text(g), S::Scalar(a)) => Ok(text::spells(&a, &g)),
            (S::Scalar(g), S::Text(a)) => Ok(text::spells(&g, &a)),
            (S::Text(words), S::Region(set)) | (S::Region(set), S::Text(words))
                if text::says_all_reals(&words) =>
            {
                self.same_regions(&set, &Expr::NumberSet(NumberSet::Real))
            }
            (S::Text(words), S::Tuple(ends)) | (S::Tuple(ends), S::Text(words))
                if text::says_all_reals(&words) =>
            {
                self.same_regions(&Expr::Tuple(ends), &Expr::NumberSet(NumberSet::Real))
            }
            (S::Text(_), _) | (_, S::Text(_)) => Ok(false),

            // Sets and regions.
            (S::Collection(g), S::Collection(a)) => {
                // Values without names for different unknowns: the order says which is whose.
                let named = |items: &[Expr]| items.iter().any(|item| Chain::of(item).is_some());
                if different_letters(&g).is_some() && !named(&a) {
                    return self.pairwise(&g, &a);
                }
                self.same_elements(&g, &a)
            }
            (S::Collection(items), S::Tuple(tuple)) | (S::Tuple(tuple), S::Collection(items)) => {
                // One tuple in braces is that tuple; else the written order counts, because one
                // side says that it matters.
                if let [only] = &items[..] {
                    return self.equal(only, &Expr::Tuple(tuple));
                }
                // `y = 3, x = 2` is the point (2, 3).
                let mut items = items;
                if let Some(mut names) = different_letters(&items) {
                    names.sort_unstable();
                    items = names
                        .into_iter()
                        .map(|(_, item)| items[item].clone())
                        .collect();
                }
                self.pairwise(&tuple, &items)
            }
            (S::Region(g), S::Region(a)) => self.same_regions(&g, &a),
            (S::Region(g), S::Collection(a)) => self.same_regions(&g, &Expr::Set(a)),
            (S::Collection(g), S::Region(a)) => self.same_regions(&Expr::Set(g), &a),
            (S::Region(g), S::Tuple(a)) => self.same_regions(&g, &Expr::Tuple(a)),
            (S::Tuple(g), S::Region(a)) => self.same_regions(&Expr::Tuple(g), &a),
            (S::Region(_), _) | (_, S::Region(_)) => Ok(false),
            (S::Collection(g), answer) => match &g[..] {
                [only] => self.shapes(Shape::of(only), answer),
                _ => Ok(false),
            },
            (gold, S::Collection(a)) => match &a[..] {
                [only] => self.shapes(gold, Shape::of(only)),
                _ => Ok(false),
            },

            // Vectors and matrices.
            (S::Tuple(g), S::Tuple(a)) => self.pairwise(&g, &a),
            (S::Matrix(g), S::Matrix(a)) => self.matrices(&g, &a),
            (S::Matrix(matrix), S::Tuple(tuple)) | (S::Tuple(tuple), S::Matrix(matrix)) => {
                self.vector(&matrix, &tuple)
            }
            (S::Tuple(_) | S::Matrix(_), _) | (_, S::Tuple(_) | S::Matrix(_)) => Ok(false),

            // Numbers.
            (S::Ratio(g), S::Ratio(a)) => self.ratios(&g, &a),
            (S::Ratio(parts), S::Scalar(scalar)) | (S::Scalar(scalar), S::Ratio(parts)) => {
                match &parts[..] {
                    [above, below] => {
                        let (above, below) = (Box::new(above.clone()), Box::new(below.clone()));
                        self.scalars(&scalar, &Expr::Quotient(above, below))
                    }
                    _ => Ok(false),
                }
            }
            (S::Scalar(g), S::Scalar(a)) => self.scalars(&g, &a),
        }
    }

    fn pairwise(&mut self, gold: &[Expr], answer: &[Expr]) -> Result<bool> {
        if gold.len() != answer.len() {
            return Ok(false);
        }
        self.all(gold.iter().zip(answer))
    }

    /// Whether every pair is equal. A pair that differs decides even when another cannot be told.
    fn all<'e>(&mut self, pairs: impl Iterator<Item = (&'e Expr, &'e Expr)>) -> Result<bool> {
        let mut undecided = None;
        for (gold, answer) in pairs {
            match self.equal(gold, answer) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(Undecided::Budget(exhausted)) => return Err(exhausted.into()),
                Err(other) => undecided = Some(other),
            }
        }
        undecided.map_or(Ok(true), Err)
    }

    /// Whether each element of one has an equal in the other. Repetitions do not count, except
    /// where both sides have as many elements: then they are matched one to one.
    fn same_elements(&mut self, gold: &[Expr], answer: &[Expr]) -> Result<bool> {
        let mut found = vec![false; answer.len()];
        for (at, element) in gold.iter().enumerate() {
            // The same place first: most answers keep the order.
            let mut hit = false;
            let order = (0..answer.len()).map(|k| (at + k) % answer.len());
            for k in order {
                if found[k] && gold.len() == answer.len() {
                    continue;
                }
                if self.equal(element, &answer[k])? {
                    found[k] = true;
                    hit = true;
                    break;
                }
            }
            if !hit {
                return Ok(false);
            }
        }
        for (k, element) in answer.iter().enumerate() {
            if found[k] {
                continue;
            }
            let mut hit = false;
            for other in gold {
                if self.equal(other, element)? {
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

    fn collection_and_chain(&mut self, gold: Vec<Expr>, answer: Chain) -> Result<bool> {
        match &gold[..] {
            [Expr::Relation { terms, operators }] => {
                let gold = Chain {
                    terms: terms.clone(),
                    operators: operators.clone(),
                };
                self.relations(&gold, &answer)
            }
            _ => self.answer_relation(Shape::Collection(gold), &answer),
        }
    }

    fn ratios(&mut self, gold: &[Expr], answer: &[Expr]) -> Result<bool> {
        if gold.len() != answer.len() {
            return Ok(false);
        }
        if self.all(gold.iter().zip(answer))? {
            return Ok(true);
        }
        // 2 : 4 = 1 : 2, but a clock's 12:00 is not 1:00 and 3:30 is not 1:10.
        if is_clock(gold) {
            return Ok(false);
        }
        let zero = Expr::Integer(dashu_int::IBig::ZERO);
        for part in gold.iter().chain(answer) {
            if self.scalars(&zero, part)? {
                return Ok(false);
            }
        }
        let quotient = |above: &Expr, below: &Expr| {
            Expr::Quotient(Box::new(above.clone()), Box::new(below.clone()))
        };
        for k in 1..gold.len() {
            let g = quotient(&gold[k], &gold[0]);
            if !self.scalars(&g, &quotient(&answer[k], &answer[0]))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn matrices(&mut self, gold: &Expr, answer: &Expr) -> Result<bool> {
        let (Some(g), Some(a)) = (self.entries(gold)?, self.entries(answer)?) else {
            return Ok(false);
        };
        if g.0 != a.0 {
            return Ok(false);
        }
        self.pairwise(&g.1, &a.1)
    }

    /// A matrix of one row or one column equals the tuple of its entries.
    fn vector(&mut self, matrix: &Expr, tuple: &[Expr]) -> Result<bool> {
        match self.entries(matrix)? {
            Some((columns, entries)) if columns == 1 || columns == entries.len() => {
                self.pairwise(&entries, tuple)
            }
            _ => Ok(false),
        }
    }

    /// Columns and entries of a matrix; entries as they are written when nothing is to compute.
    fn entries(&mut self, expr: &Expr) -> Result<Option<(usize, Vec<Expr>)>> {
        if let Expr::Matrix { columns, entries } = expr {
            return Ok(Some((*columns, entries.clone())));
        }
        let mut algebra = self.algebra();
        match algebra.lower_matrix(expr) {
            Ok(matrix) => {
                let entries = matrix
                    .entries
                    .iter()
                    .map(|entry| algebra.express(entry))
                    .collect();
                Ok(Some((matrix.columns, entries)))
            }
            Err(Stop::NotANumber(_)) => Ok(None),
            Err(stop) => Err(stop.into()),
        }
    }
}
