//! What single characters stand for.

use crate::ast::NumberSet;

pub(super) fn number_set(c: char) -> Option<NumberSet> {
    Some(match c {
        'R' => NumberSet::Real,
        'Z' => NumberSet::Integer,
        'N' => NumberSet::Natural,
        'Q' => NumberSet::Rational,
        'C' => NumberSet::Complex,
        _ => return None,
    })
}

pub(super) fn is_cjk(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

pub(super) fn superscript(c: char) -> Option<char> {
    Some(match c {
        '⁰' => '0',
        '¹' => '1',
        '²' => '2',
        '³' => '3',
        '⁴'..='⁹' => char::from_digit(u32::from(c) - 0x2070, 10)?,
        'ⁿ' => 'n',
        'ⁱ' => 'i',
        'ˣ' => 'x',
        '⁺' => '+',
        '⁻' => '-',
        '⁽' => '(',
        '⁾' => ')',
        _ => return None,
    })
}

pub(super) fn subscript(c: char) -> Option<char> {
    Some(match c {
        '₀'..='₉' => char::from_digit(u32::from(c) - 0x2080, 10)?,
        'ₙ' => 'n',
        'ₘ' => 'm',
        'ₖ' => 'k',
        'ᵢ' => 'i',
        'ⱼ' => 'j',
        'ₐ' => 'a',
        'ₓ' => 'x',
        '₊' => '+',
        '₋' => '-',
        _ => return None,
    })
}

pub(super) fn vulgar(c: char) -> Option<(&'static str, &'static str)> {
    Some(match c {
        '½' => ("1", "2"),
        '⅓' => ("1", "3"),
        '⅔' => ("2", "3"),
        '¼' => ("1", "4"),
        '¾' => ("3", "4"),
        '⅕' => ("1", "5"),
        '⅖' => ("2", "5"),
        '⅗' => ("3", "5"),
        '⅘' => ("4", "5"),
        '⅙' => ("1", "6"),
        '⅚' => ("5", "6"),
        '⅛' => ("1", "8"),
        '⅜' => ("3", "8"),
        '⅝' => ("5", "8"),
        '⅞' => ("7", "8"),
        '⅐' => ("1", "7"),
        '⅑' => ("1", "9"),
        '⅒' => ("1", "10"),
        _ => return None,
    })
}

pub(super) fn greek(c: char) -> Option<&'static str> {
    const LOWER: [&str; 25] = [
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
        "lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "varsigma", "sigma", "tau", "upsilon",
        "phi", "chi", "psi", "omega",
    ];
    match c {
        'µ' => Some("mu"),
        'ϕ' => Some("phi"),
        'ϑ' => Some("vartheta"),
        'ϵ' => Some("epsilon"),
        'ℓ' => Some("ell"),
        'Γ' => Some("Gamma"),
        'Δ' | '∆' => Some("Delta"),
        'Θ' => Some("Theta"),
        'Λ' => Some("Lambda"),
        'Ξ' => Some("Xi"),
        'Π' => Some("Pi"),
        'Σ' => Some("Sigma"),
        'Φ' => Some("Phi"),
        'Ψ' => Some("Psi"),
        'Ω' => Some("Omega"),
        'α'..='ω' => LOWER
            .get(usize::try_from(u32::from(c) - 0x3b1).ok()?)
            .copied(),
        _ => None,
    }
}
