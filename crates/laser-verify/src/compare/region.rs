//! Sets of real numbers: intervals, points, unions and differences of them, solution sets.
//!
//! Two such sets are equal when they agree at every boundary of either and between every two
//! neighbouring boundaries. So no normal form is needed: boundaries are collected and sorted, and
//! membership is asked at each of them and in each gap.

use std::cmp::Ordering;

use dashu_int::IBig;

use super::{Chain, Comparison, Result, Undecided, text};
use crate::algebra::{AtomKind, Fraction, Poly, Stop};
use crate::ast::{Expr, Function, NumberSet, Relation, SetOperator};
use crate::numeric;

/// More boundaries than this are not sorted.
const MOST_BOUNDARIES: usize = 512;

/// A set of real numbers. Bounds are indices into the boundaries; `None` is infinite.
#[derive(Debug)]
enum Region {
    Interval {
        low: Option<usize>,
        high: Option<usize>,
        low_closed: bool,
        high_closed: bool,
    },
    Points(Vec<usize>),
    Union(Vec<Region>),
    Intersection(Vec<Region>),
    Difference(Box<Region>, Box<Region>),
    /// The relations hold for this variable, all or any.
    Condition {
        all: bool,
        variable: String,
        chains: Vec<Chain>,
    },
}

/// Boundaries as they are found, then their ranks in order.
#[derive(Default)]
struct Boundaries {
    values: Vec<Expr>,
}

impl Boundaries {
    fn add(&mut self, value: &Expr) -> usize {
        if let Some(at) = self.values.iter().position(|other| other == value) {
            return at;
        }
        self.values.push(value.clone());
        self.values.len() - 1
    }
}

/// Why a set has no form here: then sets are compared as they are written.
enum NoRegion {
    Form,
    Undecided(Undecided),
}

impl<E: Into<Undecided>> From<E> for NoRegion {
    fn from(error: E) -> Self {
        Self::Undecided(error.into())
    }
}

type Found<T> = std::result::Result<T, NoRegion>;

/// A boundary by rank, or the gap below the boundary of that rank.
#[derive(Clone, Copy)]
enum Place {
    At(usize),
    Below(usize),
}

impl Comparison<'_> {
    pub(super) fn same_regions(&mut self, gold: &Expr, answer: &Expr) -> Result<bool> {
        let mut boundaries = Boundaries::default();
        let found = self
            .region(gold, &mut boundaries)
            .and_then(|g| Ok((g, self.region(answer, &mut boundaries)?)));
        match found.and_then(|(g, a)| self.agree(&g, &a, &boundaries)) {
            Ok(verdict) => Ok(verdict),
            Err(NoRegion::Form) => self.same_structure(gold, answer),
            Err(NoRegion::Undecided(undecided)) => Err(undecided),
        }
    }

    /// Relations against a set, whichever of them is the gold answer.
    pub(super) fn relations_and_set(
        &mut self,
        all: bool,
        relations: &[Chain],
        set: &Expr,
    ) -> Result<bool> {
        // `x \in S` says S.
        if let [Chain { terms, operators }] = relations
            && operators[..] == [Relation::In]
        {
            return self.same_regions(&terms[1], set);
        }
        let mut boundaries = Boundaries::default();
        let found = self
            .condition(all, relations, &mut boundaries)
            .and_then(|g| Ok((g, self.region(set, &mut boundaries)?)));
        self.settle(found, &boundaries)
    }

    pub(super) fn regions_of_relations(
        &mut self,
        all_gold: bool,
        gold: &[Chain],
        all_answer: bool,
        answer: &[Chain],
    ) -> Result<bool> {
        let inequality = |chains: &[Chain]| chains.iter().any(Chain::is_inequality);
        if !inequality(gold) || !inequality(answer) {
            return Ok(false);
        }
        let mut boundaries = Boundaries::default();
        let found = self
            .condition(all_gold, gold, &mut boundaries)
            .and_then(|g| {
                let a = self.condition(all_answer, answer, &mut boundaries)?;
                // The solutions for x are not the solutions for y.
                match (&g, &a) {
                    (
                        Region::Condition { variable: x, .. },
                        Region::Condition { variable: y, .. },
                    ) if x != y => Err(NoRegion::Form),
                    _ => Ok((g, a)),
                }
            });
        self.settle(found, &boundaries)
    }

    fn settle(&mut self, found: Found<(Region, Region)>, boundaries: &Boundaries) -> Result<bool> {
        match found.and_then(|(g, a)| self.agree(&g, &a, boundaries)) {
            Ok(verdict) => Ok(verdict),
            Err(NoRegion::Form) => Ok(false),
            Err(NoRegion::Undecided(undecided)) => Err(undecided),
        }
    }

    /// Sets with letters in their bounds, sets of points: compared part by part.
    fn same_structure(&mut self, gold: &Expr, answer: &Expr) -> Result<bool> {
        match (gold, answer) {
            (
                Expr::Interval {
                    low: a,
                    high: b,
                    low_closed: c,
                    high_closed: d,
                },
                Expr::Interval {
                    low: p,
                    high: q,
                    low_closed: r,
                    high_closed: s,
                },
            ) => Ok(c == r && d == s && self.all([(&**a, &**p), (&**b, &**q)].into_iter())?),
            (Expr::SetOperation(f, g), Expr::SetOperation(h, a))
                if f == h && g.len() == a.len() =>
            {
                if *f == SetOperator::Difference {
                    self.pairwise(g, a)
                } else {
                    self.same_elements(g, a)
                }
            }
            (
                Expr::SetBuilder {
                    element: a,
                    condition: b,
                },
                Expr::SetBuilder {
                    element: p,
                    condition: q,
                },
            ) => self.all([(&**a, &**p), (&**b, &**q)].into_iter()),
            (Expr::Tuple(g), Expr::Tuple(a)) => self.pairwise(g, a),
            (Expr::Set(g), Expr::Set(a)) => self.same_elements(g, a),
            _ => Ok(gold == answer),
        }
    }

    fn region(&mut self, expr: &Expr, boundaries: &mut Boundaries) -> Found<Region> {
        self.budget.spend(1)?;
        match expr {
            Expr::Interval {
                low,
                high,
                low_closed,
                high_closed,
            } => self.interval(low, high, *low_closed, *high_closed, boundaries),
            Expr::Tuple(items) => match &items[..] {
                [low, high] => self.interval(low, high, false, false, boundaries),
                _ => Err(NoRegion::Form),
            },
            Expr::Set(items) | Expr::List(items) => {
                let mut points = Vec::with_capacity(items.len());
                for item in items {
                    if !is_constant(item) {
                        return Err(NoRegion::Form);
                    }
                    points.push(boundaries.add(item));
                }
                Ok(Region::Points(points))
            }
            Expr::NumberSet(NumberSet::Real) => Ok(Region::Interval {
                low: None,
                high: None,
                low_closed: false,
                high_closed: false,
            }),
            Expr::SetOperation(operator, parts) => {
                let mut regions = Vec::with_capacity(parts.len());
                for part in parts {
                    regions.push(self.region(part, boundaries)?);
                }
                Ok(match operator {
                    SetOperator::Union => Region::Union(regions),
                    SetOperator::Intersection => Region::Intersection(regions),
                    SetOperator::Difference => {
                        let mut regions = regions.into_iter();
                        let first = regions.next().ok_or(NoRegion::Form)?;
                        let rest = Region::Union(regions.collect());
                        Region::Difference(Box::new(first), Box::new(rest))
                    }
                })
            }
            Expr::SetBuilder { element, condition } => {
                let variable = element_of_reals(element).ok_or(NoRegion::Form)?;
                let region = match &**condition {
                    Expr::And(items) | Expr::List(items) => self.builder(true, items, boundaries),
                    Expr::Or(items) => self.builder(false, items, boundaries),
                    one => self.builder(true, std::slice::from_ref(one), boundaries),
                }?;
                // {y | x > 3} says nothing about y.
                match &region {
                    Region::Condition { variable: own, .. } if own != variable => {
                        Err(NoRegion::Form)
                    }
                    _ => Ok(region),
                }
            }
            // `x \in S` inside a union, as in `x \in A \cup x \in B`.
            Expr::Relation { terms, operators } if operators[..] == [Relation::In] => {
                self.region(&terms[1], boundaries)
            }
            _ => Err(NoRegion::Form),
        }
    }

    fn builder(&mut self, all: bool, items: &[Expr], boundaries: &mut Boundaries) -> Found<Region> {
        let chains: Option<Vec<Chain>> = items.iter().map(Chain::of).collect();
        self.condition(all, &chains.ok_or(NoRegion::Form)?, boundaries)
    }

    fn interval(
        &mut self,
        low: &Expr,
        high: &Expr,
        low_closed: bool,
        high_closed: bool,
        boundaries: &mut Boundaries,
    ) -> Found<Region> {
        let mut bound = |value: &Expr, sign: bool| match value.infinity() {
            Some(positive) if positive == sign => Ok(None),
            Some(_) => Err(NoRegion::Form),
            None if is_constant(value) => Ok(Some(boundaries.add(value))),
            None => Err(NoRegion::Form),
        };
        let (low, high) = (bound(low, false)?, bound(high, true)?);
        Ok(Region::Interval {
            low,
            high,
            low_closed,
            high_closed,
        })
    }

    /// The values of the only variable for which relations hold.
    fn condition(
        &mut self,
        all: bool,
        relations: &[Chain],
        boundaries: &mut Boundaries,
    ) -> Found<Region> {
        if let [Chain { terms, operators }] = relations
            && operators[..] == [Relation::In]
        {
            return self.region(&terms[1], boundaries);
        }
        let mut variable = None;
        let mut chains = Vec::with_capacity(relations.len());
        for relation in relations {
            let terms: Vec<Expr> = relation.terms.iter().map(plain_variable).collect();
            for name in terms.iter().flat_map(numeric::variables) {
                if *variable.get_or_insert_with(|| name.clone()) != name {
                    return Err(NoRegion::Form);
                }
            }
            chains.push(Chain {
                terms,
                operators: relation.operators.clone(),
            });
        }
        let variable = variable.ok_or(NoRegion::Form)?;
        for chain in &chains {
            for (operator, pair) in chain.operators.iter().zip(chain.terms.windows(2)) {
                use Relation as R;
                if !matches!(
                    operator,
                    R::Equal | R::NotEqual | R::Less | R::LessEqual | R::Greater | R::GreaterEqual
                ) {
                    return Err(NoRegion::Form);
                }
                let difference = Expr::Sum(vec![
                    pair[0].clone(),
                    Expr::Negate(Box::new(pair[1].clone())),
                ]);
                self.roots(&difference, &variable, boundaries)?;
            }
        }
        Ok(Region::Condition {
            all,
            variable,
            chains,
        })
    }

    /// Adds every place where the expression may change its sign.
    fn roots(&mut self, expr: &Expr, variable: &str, boundaries: &mut Boundaries) -> Found<()> {
        // |u| is u or −u and changes between them at u = 0.
        let mut inside = None;
        text::map(expr, &mut |node| {
            if let Expr::Call(Function::Abs, arguments) = node
                && inside.is_none()
                && let [argument] = &arguments[..]
            {
                inside = Some((node.clone(), argument.clone()));
            }
            None
        });
        if let Some((absolute, argument)) = inside {
            self.budget.spend(16)?;
            for replacement in [argument.clone(), Expr::Negate(Box::new(argument.clone()))] {
                let without = text::map(expr, &mut |node| {
                    (*node == absolute).then(|| replacement.clone())
                });
                self.roots(&without, variable, boundaries)?;
            }
            return self.roots(&argument, variable, boundaries);
        }
        let mut algebra = self.algebra();
        let fraction = match algebra.lower(expr) {
            Ok(fraction) => fraction,
            Err(Stop::NotANumber(_)) => return Err(NoRegion::Form),
            Err(stop) => return Err(Undecided::from(stop).into()),
        };
        let mut found = Vec::new();
        for poly in [&fraction.numerator, &fraction.denominator] {
            let coefficients = univariate(&algebra, poly, variable).ok_or(NoRegion::Form)?;
            let f = |k: usize| {
                coefficients
                    .get(k)
                    .cloned()
                    .unwrap_or_else(|| Fraction::integer(0))
            };
            let degree = coefficients.iter().rposition(|c| !c.is_zero()).unwrap_or(0);
            // A power of the variable alone has its root at zero.
            let low = coefficients.iter().position(|c| !c.is_zero()).unwrap_or(0);
            if low > 0 {
                found.push(Expr::Integer(IBig::ZERO));
            }
            match degree - low.min(degree) {
                0 => {}
                1 => {
                    let root = algebra
                        .divide(&f(low).negate(), &f(low + 1))
                        .map_err(Undecided::from)?;
                    found.push(algebra.express(&root));
                }
                2 => {
                    let [c, b, a] =
                        [f(low), f(low + 1), f(low + 2)].map(|k| Box::new(algebra.express(&k)));
                    found.extend(quadratic(&a, &b, &c));
                }
                // No formula for the roots here: nothing is known, not that the sets differ.
                _ => return Err(Undecided::NoMethod.into()),
            }
        }
        for root in found {
            // A quadratic without real roots never changes its sign.
            let real = match self.constant(&root, 64) {
                Ok(Some(ball)) => ball.is_provably_real(),
                Ok(None) => return Err(NoRegion::Form),
                Err(Undecided::Undefined) => false,
                Err(other) => return Err(other.into()),
            };
            if real {
                boundaries.add(&root);
            }
        }
        Ok(())
    }

    fn agree(&mut self, gold: &Region, answer: &Region, boundaries: &Boundaries) -> Found<bool> {
        let sorted = self.sort(boundaries)?;
        for rank in 0..=sorted.values.len() {
            let below = Place::Below(rank);
            if self.contains(gold, below, &sorted)? != self.contains(answer, below, &sorted)? {
                return Ok(false);
            }
            if rank < sorted.values.len() {
                let at = Place::At(rank);
                if self.contains(gold, at, &sorted)? != self.contains(answer, at, &sorted)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Sorts the boundaries by value and merges equal ones.
    fn sort(&mut self, boundaries: &Boundaries) -> Found<Sorted> {
        if boundaries.values.len() > MOST_BOUNDARIES {
            return Err(Undecided::NoMethod.into());
        }
        let mut sorted = Sorted {
            values: Vec::new(),
            rank: Vec::new(),
        };
        let mut order: Vec<usize> = Vec::new();
        for (index, value) in boundaries.values.iter().enumerate() {
            // By bisection: an insertion costs few comparisons of numbers.
            let (mut low, mut high) = (0, sorted.values.len());
            let mut equal = None;
            while low < high {
                let middle = (low + high) / 2;
                match self.boundary_order(value, &sorted.values[middle])? {
                    Ordering::Less => high = middle,
                    Ordering::Greater => low = middle + 1,
                    Ordering::Equal => {
                        equal = Some(middle);
                        break;
                    }
                }
            }
            match equal {
                Some(at) => order.push(at),
                None => {
                    sorted.values.insert(low, value.clone());
                    for rank in &mut order {
                        *rank += usize::from(*rank >= low);
                    }
                    order.push(low);
                }
            }
            debug_assert_eq!(order.len(), index + 1);
        }
        sorted.rank = order;
        Ok(sorted)
    }

    /// As [`Comparison::order`], but numbers that count as equal (a decimal that rounds) are equal.
    fn boundary_order(&mut self, left: &Expr, right: &Expr) -> Found<Ordering> {
        if self.scalars(left, right)? {
            return Ok(Ordering::Equal);
        }
        self.order(left, right)?.ok_or(NoRegion::Form)
    }

    fn contains(&mut self, region: &Region, place: Place, sorted: &Sorted) -> Found<bool> {
        self.budget.spend(1)?;
        match region {
            Region::Interval {
                low,
                high,
                low_closed,
                high_closed,
            } => {
                let above = low.is_none_or(|low| match place {
                    Place::At(rank) => {
                        rank > sorted.rank[low] || (rank == sorted.rank[low] && *low_closed)
                    }
                    Place::Below(rank) => rank > sorted.rank[low],
                });
                let below = high.is_none_or(|high| match place {
                    Place::At(rank) => {
                        rank < sorted.rank[high] || (rank == sorted.rank[high] && *high_closed)
                    }
                    Place::Below(rank) => rank <= sorted.rank[high],
                });
                Ok(above && below)
            }
            Region::Points(points) => Ok(match place {
                Place::At(rank) => points.iter().any(|&point| sorted.rank[point] == rank),
                Place::Below(_) => false,
            }),
            Region::Union(parts) => {
                for part in parts {
                    if self.contains(part, place, sorted)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Region::Intersection(parts) => {
                for part in parts {
                    if !self.contains(part, place, sorted)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Region::Difference(whole, removed) => {
                Ok(self.contains(whole, place, sorted)?
                    && !self.contains(removed, place, sorted)?)
            }
            Region::Condition {
                all,
                variable,
                chains,
            } => {
                let value = self.sample(place, sorted)?;
                for chain in chains {
                    if self.holds(chain, variable, &value)? != *all {
                        return Ok(!*all);
                    }
                }
                Ok(*all)
            }
        }
    }

    /// A number at the place.
    fn sample(&mut self, place: Place, sorted: &Sorted) -> Found<Expr> {
        let rank = match place {
            Place::At(rank) => return Ok(sorted.values[rank].clone()),
            Place::Below(rank) => rank,
        };
        let one = Expr::Integer(IBig::ONE);
        let below = rank.checked_sub(1).and_then(|k| sorted.values.get(k));
        Ok(match (below, sorted.values.get(rank)) {
            (None, None) => Expr::Integer(IBig::ZERO),
            (Some(low), None) => Expr::Sum(vec![low.clone(), one]),
            (None, Some(high)) => Expr::Sum(vec![high.clone(), Expr::Negate(Box::new(one))]),
            (Some(low), Some(high)) => Expr::Quotient(
                Box::new(Expr::Sum(vec![low.clone(), high.clone()])),
                Box::new(Expr::Integer(IBig::from(2))),
            ),
        })
    }

    fn holds(&mut self, chain: &Chain, variable: &str, value: &Expr) -> Found<bool> {
        let put = |term: &Expr| {
            text::map(term, &mut |node| match node {
                Expr::Symbol(name) if name == variable => Some(value.clone()),
                _ => None,
            })
        };
        let terms: Vec<Expr> = chain.terms.iter().map(put).collect();
        for (operator, pair) in chain.operators.iter().zip(terms.windows(2)) {
            // Where a side has no value no relation holds.
            let order = match self.order(&pair[0], &pair[1]) {
                Ok(order) => order,
                Err(Undecided::Undefined) => None,
                Err(other) => return Err(other.into()),
            };
            let holds = match (operator, order) {
                (_, None) => false,
                (Relation::Equal, Some(order)) => order.is_eq(),
                (Relation::NotEqual, Some(order)) => order.is_ne(),
                (Relation::Less, Some(order)) => order.is_lt(),
                (Relation::LessEqual, Some(order)) => order.is_le(),
                (Relation::Greater, Some(order)) => order.is_gt(),
                (Relation::GreaterEqual, Some(order)) => order.is_ge(),
                _ => return Err(NoRegion::Form),
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Boundaries in ascending order, and the rank of each in the order in which they were found.
struct Sorted {
    values: Vec<Expr>,
    rank: Vec<usize>,
}

/// `f(x)` between inequality signs is as good a variable as `y`.
fn plain_variable(expr: &Expr) -> Expr {
    text::map(expr, &mut |node| match node {
        Expr::Apply(name, _) => Some(Expr::Symbol(format!("{name}()"))),
        _ => None,
    })
}

/// The variable of a set of real numbers `{x | …}`; `{x² | …}` and `{x ∈ ℤ | …}` are no such sets.
fn element_of_reals(element: &Expr) -> Option<&str> {
    match element {
        Expr::Symbol(name) => Some(name),
        Expr::Relation { terms, operators } if operators[..] == [Relation::In] => {
            match &terms[..] {
                [Expr::Symbol(name), Expr::NumberSet(NumberSet::Real)] => Some(name),
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_constant(expr: &Expr) -> bool {
    numeric::variables(expr).is_empty()
}

/// Coefficients by power of the variable; `None` when it occurs inside a function.
fn univariate(
    algebra: &crate::algebra::Algebra<'_>,
    poly: &Poly,
    variable: &str,
) -> Option<Vec<Fraction>> {
    let mut coefficients: Vec<Poly> = Vec::new();
    for (monomial, value) in &poly.terms {
        let mut degree = 0;
        let mut rest = Vec::with_capacity(monomial.len());
        for &(atom, exponent) in monomial {
            match algebra.kind(atom) {
                AtomKind::Symbol(name) if name == variable => degree = exponent as usize,
                AtomKind::Pi
                | AtomKind::Euler
                | AtomKind::IntegerRoot { .. }
                | AtomKind::IntegerLog(_) => {
                    rest.push((atom, exponent));
                }
                _ => return None,
            }
        }
        if degree > 16 {
            return None;
        }
        if coefficients.len() <= degree {
            coefficients.resize(degree + 1, Poly::zero());
        }
        coefficients[degree].add_term(rest, value.clone());
    }
    Some(coefficients.into_iter().map(Fraction::from_poly).collect())
}

/// Both roots of a x² + b x + c.
fn quadratic(a: &Expr, b: &Expr, c: &Expr) -> [Expr; 2] {
    let integer = |n: i32| Expr::Integer(IBig::from(n));
    let square = Expr::Product(vec![b.clone(), b.clone()]);
    let four = Expr::Negate(Box::new(Expr::Product(vec![
        integer(4),
        a.clone(),
        c.clone(),
    ])));
    let root = Expr::Call(
        Function::Root,
        vec![Expr::Sum(vec![square, four]), integer(2)],
    );
    let below = Expr::Product(vec![integer(2), a.clone()]);
    let minus_b = Expr::Negate(Box::new(b.clone()));
    [root.clone(), Expr::Negate(Box::new(root))].map(|root| {
        let above = Expr::Sum(vec![minus_b.clone(), root]);
        Expr::Quotient(Box::new(above), Box::new(below.clone()))
    })
}
