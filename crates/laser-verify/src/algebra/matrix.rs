//! Matrices of fractions.

use super::{Algebra, Fraction, Result, Stop};
use crate::ast::{Expr, Function};

/// Row after row.
#[derive(Clone, Debug)]
pub struct Matrix {
    pub columns: usize,
    pub entries: Vec<Fraction>,
}

impl Matrix {
    pub fn rows(&self) -> usize {
        self.entries.len() / self.columns.max(1)
    }

    fn at(&self, row: usize, column: usize) -> &Fraction {
        &self.entries[row * self.columns + column]
    }

    fn is_square(&self) -> bool {
        self.rows() == self.columns
    }
}

impl Algebra<'_> {
    /// The entries of an expression that denotes a matrix, its arithmetic done.
    ///
    /// # Errors
    /// It denotes none, the shapes do not fit, or as for [`Algebra::lower`].
    pub fn lower_matrix(&mut self, expr: &Expr) -> Result<Matrix> {
        match expr {
            Expr::Matrix { columns, entries } => {
                if *columns == 0 || entries.len() % columns != 0 || entries.is_empty() {
                    return Err(Stop::NotANumber("a ragged matrix"));
                }
                let entries = entries
                    .iter()
                    .map(|entry| self.lower(entry))
                    .collect::<Result<_>>()?;
                Ok(Matrix {
                    columns: *columns,
                    entries,
                })
            }
            Expr::Negate(inner) => {
                let mut matrix = self.lower_matrix(inner)?;
                for entry in &mut matrix.entries {
                    *entry = entry.clone().negate();
                }
                Ok(matrix)
            }
            Expr::Sum(terms) => {
                let mut terms = terms.iter();
                let first = terms.next().ok_or(Stop::NotANumber("an empty sum"))?;
                let mut sum = self.lower_matrix(first)?;
                for term in terms {
                    let term = self.lower_matrix(term)?;
                    if term.columns != sum.columns || term.entries.len() != sum.entries.len() {
                        return Err(Stop::NotANumber("a sum of matrices of different shapes"));
                    }
                    for (entry, other) in sum.entries.iter_mut().zip(&term.entries) {
                        *entry = self.add(entry, other)?;
                    }
                }
                Ok(sum)
            }
            Expr::Product(factors) => {
                let mut product: Option<Matrix> = None;
                let mut scalar = Fraction::integer(1);
                for factor in factors {
                    match self.lower_matrix(factor) {
                        Ok(matrix) => {
                            product = Some(match product {
                                None => matrix,
                                Some(left) => self.matrix_product(&left, &matrix)?,
                            });
                        }
                        Err(Stop::NotANumber(_)) => {
                            let factor = self.lower(factor)?;
                            scalar = self.multiply(&scalar, &factor)?;
                        }
                        Err(stop) => return Err(stop),
                    }
                }
                let mut matrix = product.ok_or(Stop::NotANumber("a product without a matrix"))?;
                for entry in &mut matrix.entries {
                    *entry = self.multiply(entry, &scalar)?;
                }
                Ok(matrix)
            }
            Expr::Quotient(above, below) => {
                let mut matrix = self.lower_matrix(above)?;
                let below = self.lower(below)?;
                for entry in &mut matrix.entries {
                    *entry = self.divide(entry, &below)?;
                }
                Ok(matrix)
            }
            Expr::Power(base, exponent) => {
                let matrix = self.lower_matrix(base)?;
                let exponent = self.lower(exponent)?.as_integer();
                let matrix = match exponent {
                    Some(..=-1) => self.inverse(&matrix)?,
                    _ => matrix,
                };
                match exponent.map(i64::unsigned_abs) {
                    Some(count @ 1..=64) => {
                        let mut power = matrix.clone();
                        for _ in 1..count {
                            power = self.matrix_product(&power, &matrix)?;
                        }
                        Ok(power)
                    }
                    _ => Err(Stop::NotANumber("a matrix to that power")),
                }
            }
            Expr::Call(Function::Transpose, arguments) if arguments.len() == 1 => {
                let matrix = self.lower_matrix(&arguments[0])?;
                let rows = matrix.rows();
                let entries = (0..matrix.columns)
                    .flat_map(|column| (0..rows).map(move |row| (row, column)))
                    .map(|(row, column)| matrix.at(row, column).clone())
                    .collect();
                Ok(Matrix {
                    columns: rows,
                    entries,
                })
            }
            _ => Err(Stop::NotANumber("not a matrix")),
        }
    }

    fn matrix_product(&mut self, left: &Matrix, right: &Matrix) -> Result<Matrix> {
        if left.columns != right.rows() {
            return Err(Stop::NotANumber(
                "a product of matrices whose shapes do not fit",
            ));
        }
        let mut entries = Vec::with_capacity(left.rows() * right.columns);
        for row in 0..left.rows() {
            for column in 0..right.columns {
                let mut sum = Fraction::integer(0);
                for k in 0..left.columns {
                    let term = self.multiply(left.at(row, k), right.at(k, column))?;
                    sum = self.add(&sum, &term)?;
                }
                entries.push(sum);
            }
        }
        Ok(Matrix {
            columns: right.columns,
            entries,
        })
    }

    /// By the same steps on a unit matrix that make this one a unit matrix.
    fn inverse(&mut self, matrix: &Matrix) -> Result<Matrix> {
        if !matrix.is_square() {
            return Err(Stop::NotANumber(
                "the inverse of a matrix that is not square",
            ));
        }
        let n = matrix.columns;
        let mut left = matrix.entries.clone();
        let mut right: Vec<Fraction> = (0..n * n)
            .map(|at| Fraction::integer(i64::from(at / n == at % n)))
            .collect();
        for k in 0..n {
            let pivot = (k..n)
                .find(|&row| !left[row * n + k].is_zero())
                .ok_or(Stop::Undefined)?;
            for column in 0..n {
                left.swap(k * n + column, pivot * n + column);
                right.swap(k * n + column, pivot * n + column);
            }
            let head = left[k * n + k].clone();
            for side in [&mut left, &mut right] {
                for column in 0..n {
                    side[k * n + column] = self.divide(&side[k * n + column], &head)?;
                }
            }
            for row in (0..n).filter(|&row| row != k) {
                let factor = left[row * n + k].clone();
                for side in [&mut left, &mut right] {
                    for column in 0..n {
                        let product = self.multiply(&factor, &side[k * n + column])?;
                        side[row * n + column] =
                            self.subtract(&side[row * n + column], &product)?;
                    }
                }
            }
        }
        Ok(Matrix {
            columns: n,
            entries: right,
        })
    }

    pub(super) fn trace(&mut self, matrix: &Matrix) -> Result<Fraction> {
        if !matrix.is_square() {
            return Err(Stop::NotANumber("the trace of a matrix that is not square"));
        }
        let mut sum = Fraction::integer(0);
        for k in 0..matrix.columns {
            sum = self.add(&sum, matrix.at(k, k))?;
        }
        Ok(sum)
    }

    /// By elimination over the fractions; the first entry that is not zero is the pivot.
    pub(super) fn determinant(&mut self, mut matrix: Matrix) -> Result<Fraction> {
        if !matrix.is_square() {
            return Err(Stop::NotANumber(
                "the determinant of a matrix that is not square",
            ));
        }
        let n = matrix.columns;
        let mut determinant = Fraction::integer(1);
        for k in 0..n {
            let Some(pivot) = (k..n).find(|&row| !matrix.at(row, k).is_zero()) else {
                return Ok(Fraction::integer(0));
            };
            if pivot != k {
                for column in 0..n {
                    matrix.entries.swap(k * n + column, pivot * n + column);
                }
                determinant = determinant.negate();
            }
            let head = matrix.at(k, k).clone();
            determinant = self.multiply(&determinant, &head)?;
            for row in k + 1..n {
                let factor = self.divide(matrix.at(row, k), &head)?;
                if factor.is_zero() {
                    continue;
                }
                for column in k..n {
                    let product = self.multiply(&factor, matrix.at(k, column))?;
                    matrix.entries[row * n + column] =
                        self.subtract(matrix.at(row, column), &product)?;
                }
            }
        }
        Ok(determinant)
    }
}
