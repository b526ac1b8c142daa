//! What the lexer hands to the grammar.

use crate::ast::{Big, Constant, Function, NumberSet, Relation};

/// A token and the bytes of the original text that it stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
    /// White space (or a spacing command) came before it.
    pub spaced: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Digits with at most one point.
    Number(String),
    /// `1.5e-3`.
    Scientific(String, i32),
    /// `0.1\overline{23}`: integer part, fixed digits, repeated digits.
    Repeating(String, String, String),
    /// Digits beyond 9 with a base, `1A3_{16}`.
    Based(String, u32),
    Letter(char),
    /// A run of bare letters, not yet told apart into words, names and factors.
    Word(String),
    /// `\mathrm{…}` with letters only.
    Roman(String),
    Text(String),
    /// A symbol by the name of its command.
    Name(String),
    Constant(Constant),
    NumberSet(NumberSet),
    EmptySet,
    Function(Function, &'static str),
    Big(Big),
    Frac,
    Sqrt,
    CubeRoot,
    Binom,
    Over,
    Choose,
    Overline,
    Plus,
    Minus,
    PlusMinus,
    MinusPlus,
    Times,
    /// `\times` between two vectors.
    Cross,
    Divide,
    Mod,
    PMod,
    Caret,
    Underscore,
    Bang,
    DoubleBang,
    Prime,
    Percent,
    Degree,
    Money(&'static str),
    Relation(Relation),
    Union,
    Intersection,
    Difference,
    And,
    Or,
    Comma,
    Semicolon,
    Colon,
    Newline,
    Quad,
    Row,
    Cell,
    Mid,
    Bar,
    BarOpen,
    BarClose,
    DoubleBar,
    LParen,
    RParen,
    LBracket,
    RBracket,
    LBrace,
    RBrace,
    SetOpen,
    SetClose,
    AngleOpen,
    AngleClose,
    FloorOpen,
    FloorClose,
    CeilOpen,
    CeilClose,
    Begin(Environment),
    End,
    Dot,
    /// A differential taken out of an integrand: the factor 1.
    One,
    /// A token taken out of the stream.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Environment {
    Matrix,
    Determinant,
    Norm,
    Cases,
}

impl Kind {
    /// Whether an operand may end with this token.
    pub fn ends_operand(&self) -> bool {
        matches!(
            self,
            Self::Number(_)
                | Self::Scientific(..)
                | Self::Repeating(..)
                | Self::Based(..)
                | Self::Letter(_)
                | Self::Word(_)
                | Self::Roman(_)
                | Self::Text(_)
                | Self::Name(_)
                | Self::Constant(_)
                | Self::NumberSet(_)
                | Self::EmptySet
                | Self::Bang
                | Self::DoubleBang
                | Self::Prime
                | Self::Percent
                | Self::Degree
                | Self::Money(_)
                | Self::Bar
                | Self::BarClose
                | Self::DoubleBar
                | Self::RParen
                | Self::RBracket
                | Self::RBrace
                | Self::SetClose
                | Self::AngleClose
                | Self::FloorClose
                | Self::CeilClose
                | Self::End
        )
    }

    /// Whether a separator next to this token is white space only. `after` tells on which side
    /// of the separator the token stands.
    pub fn absorbs_break(&self, after: bool) -> bool {
        match self {
            Self::Plus
            | Self::PlusMinus
            | Self::MinusPlus
            | Self::Times
            | Self::Cross
            | Self::Divide
            | Self::Mod
            | Self::PMod
            | Self::Caret
            | Self::Underscore
            | Self::Relation(_)
            | Self::Union
            | Self::Intersection
            | Self::Difference
            | Self::And
            | Self::Or
            | Self::Comma
            | Self::Semicolon
            | Self::Colon
            | Self::Newline
            | Self::Quad
            | Self::Row
            | Self::Cell
            | Self::Mid
            | Self::Over
            | Self::Choose => true,
            Self::RParen
            | Self::RBracket
            | Self::RBrace
            | Self::SetClose
            | Self::AngleClose
            | Self::FloorClose
            | Self::CeilClose
            | Self::BarClose
            | Self::End
            | Self::Bang
            | Self::Percent
            | Self::Degree
            | Self::Dot => after,
            Self::Minus
            | Self::LParen
            | Self::LBracket
            | Self::LBrace
            | Self::SetOpen
            | Self::AngleOpen
            | Self::FloorOpen
            | Self::CeilOpen
            | Self::BarOpen
            | Self::Begin(_)
            | Self::Frac
            | Self::Sqrt
            | Self::Binom
            | Self::Function(..)
            | Self::Big(_) => !after,
            _ => false,
        }
    }
}
