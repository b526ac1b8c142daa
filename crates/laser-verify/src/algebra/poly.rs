//! Sparse polynomials with rational coefficients.

use std::collections::BTreeMap;

use dashu_ratio::RBig;

/// A generator of the polynomial ring: an index into the atoms of an
/// [`Algebra`](super::Algebra).
pub type Atom = u32;

/// Atoms and their exponents, sorted by atom, no exponent zero.
pub type Monomial = Vec<(Atom, u32)>;

/// A sum of terms; no coefficient is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Poly {
    pub terms: BTreeMap<Monomial, RBig>,
}

impl Poly {
    pub fn zero() -> Self {
        Self::default()
    }

    pub fn constant(value: RBig) -> Self {
        Self::term(Monomial::new(), value)
    }

    pub fn one() -> Self {
        Self::constant(RBig::ONE)
    }

    pub fn atom(atom: Atom) -> Self {
        Self::term(vec![(atom, 1)], RBig::ONE)
    }

    pub fn term(monomial: Monomial, coefficient: RBig) -> Self {
        let mut poly = Self::zero();
        poly.add_term(monomial, coefficient);
        poly
    }

    pub fn is_zero(&self) -> bool {
        self.terms.is_empty()
    }

    /// The value when there is no atom in it.
    pub fn as_constant(&self) -> Option<RBig> {
        match self.terms.len() {
            0 => Some(RBig::ZERO),
            1 => self.terms.get(&Monomial::new()).cloned(),
            _ => None,
        }
    }

    /// The only term, when there is exactly one.
    pub fn as_term(&self) -> Option<(&Monomial, &RBig)> {
        if self.terms.len() == 1 {
            self.terms.first_key_value()
        } else {
            None
        }
    }

    pub fn add_term(&mut self, monomial: Monomial, coefficient: RBig) {
        use std::collections::btree_map::Entry;
        if coefficient.is_zero() {
            return;
        }
        match self.terms.entry(monomial) {
            Entry::Vacant(slot) => {
                slot.insert(coefficient);
            }
            Entry::Occupied(mut slot) => {
                *slot.get_mut() += coefficient;
                if slot.get().is_zero() {
                    slot.remove();
                }
            }
        }
    }

    pub fn plus(mut self, other: &Self) -> Self {
        for (monomial, coefficient) in &other.terms {
            self.add_term(monomial.clone(), coefficient.clone());
        }
        self
    }

    pub fn scale(mut self, factor: &RBig) -> Self {
        if factor.is_zero() {
            return Self::zero();
        }
        for coefficient in self.terms.values_mut() {
            *coefficient *= factor;
        }
        self
    }

    pub fn negate(mut self) -> Self {
        for coefficient in self.terms.values_mut() {
            *coefficient = -std::mem::take(coefficient);
        }
        self
    }

    /// The largest monomial that divides every term.
    pub fn common_monomial(&self) -> Monomial {
        let mut monomials = self.terms.keys();
        let mut common = monomials.next().cloned().unwrap_or_default();
        for monomial in monomials {
            if common.is_empty() {
                break;
            }
            common = meet(&common, monomial);
        }
        common
    }

    /// Divides by a monomial that divides every term.
    pub fn divide_monomial(self, divisor: &Monomial) -> Self {
        if divisor.is_empty() {
            return self;
        }
        let terms = self.terms.into_iter().map(|(mut monomial, coefficient)| {
            for (atom, exponent) in &mut monomial {
                *exponent -= exponent_of(divisor, *atom);
            }
            monomial.retain(|(_, exponent)| *exponent > 0);
            (monomial, coefficient)
        });
        Self {
            terms: terms.collect(),
        }
    }

    /// `c` with `self = c · other`, when there is one.
    pub fn ratio_to(&self, other: &Self) -> Option<RBig> {
        if self.terms.len() != other.terms.len() {
            return None;
        }
        let mut ratio: Option<RBig> = None;
        for ((left, a), (right, b)) in self.terms.iter().zip(&other.terms) {
            if left != right {
                return None;
            }
            let here = a / b;
            if ratio.get_or_insert_with(|| here.clone()) != &here {
                return None;
            }
        }
        ratio
    }
}

/// Greatest common divisor of two monomials.
pub fn meet(left: &Monomial, right: &Monomial) -> Monomial {
    let both = left
        .iter()
        .map(|&(atom, exponent)| (atom, exponent.min(exponent_of(right, atom))));
    both.filter(|&(_, exponent)| exponent > 0).collect()
}

pub fn exponent_of(monomial: &Monomial, atom: Atom) -> u32 {
    monomial
        .binary_search_by_key(&atom, |&(a, _)| a)
        .map_or(0, |at| monomial[at].1)
}

/// Product of two monomials; `None` when an exponent leaves the range.
pub fn join(left: &Monomial, right: &Monomial) -> Option<Monomial> {
    let mut product = Monomial::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() || j < right.len() {
        match (left.get(i), right.get(j)) {
            (Some(&(a, m)), Some(&(b, n))) if a == b => {
                product.push((a, m.checked_add(n)?));
                i += 1;
                j += 1;
            }
            (Some(&a), b) if b.is_none_or(|b| a.0 < b.0) => {
                product.push(a);
                i += 1;
            }
            (_, Some(&b)) => {
                product.push(b);
                j += 1;
            }
            _ => unreachable!("one of the two is left while the loop runs"),
        }
    }
    Some(product)
}
