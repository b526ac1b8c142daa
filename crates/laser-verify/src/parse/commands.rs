//! What each LaTeX command means to the lexer.

use super::token::Kind;
use crate::ast::{Big, Constant, Function, NumberSet, Relation};

#[derive(Clone, Debug)]
pub(super) enum Action {
    /// No meaning of its own; what follows is read as if it were not there.
    Skip,
    /// White space.
    Space,
    /// A wide space, which may separate two answers.
    Quad,
    /// Dropped with its argument.
    SkipArgument,
    Token(Kind),
    Text,
    Roman,
    Blackboard,
    Left,
    Right,
    Middle,
    Begin,
    End,
    /// Negates the relation that follows.
    Not,
}

pub(super) fn is_known(name: &str) -> bool {
    action(name).is_some()
}

/// A command written together with the letters that follow it (`\quadx`): how long the command
/// is. Only commands that models are seen to glue.
pub(super) fn glued_prefix(name: &str) -> Option<usize> {
    [
        "qquad", "quad", "cdot", "times", "dfrac", "tfrac", "frac", "sqrt", "pi",
    ]
    .iter()
    .find(|prefix| name.starts_with(**prefix))
    .map(|prefix| prefix.len())
}

pub(super) fn action(name: &str) -> Option<Action> {
    if let Some((function, name)) = function(name) {
        return Some(Action::Token(Kind::Function(function, name)));
    }
    if let Some(relation) = relation(name) {
        return Some(Action::Token(Kind::Relation(relation)));
    }
    if GREEK.contains(&name) {
        return Some(Action::Token(Kind::Name(name.to_owned())));
    }
    Some(match name {
        "displaystyle" | "textstyle" | "scriptstyle" | "limits" | "nolimits" | "vec" | "hat"
        | "tilde" | "widehat" | "widetilde" | "overrightarrow" | "overleftarrow" | "underline"
        | "angle" | "triangle" | "measuredangle" | "parallelogram" | "bigl" | "big" | "Big"
        | "bigg" | "Bigg" | "Bigl" | "biggl" | "Biggl" | "bigr" | "Bigr" | "biggr" | "Biggr"
        | "bigm" | "boxed" | "fbox" | "boldsymbol" | "bm" | "pmb" | "mathcal" | "mathscr"
        | "mathfrak" | "mathsf" | "mathtt" | "ensuremath" | "therefore" | "because" | "hline"
        | "centering" | "bf" | "rm" | "it" | "nonumber" | "notag" | "left." | "dot" | "ddot"
        | "underbrace" | "overbrace" | "cancel" | "strut" | "small" | "large" | "Large"
        | "mathstrut" | "square" | "Box" | "blacksquare" | "arc" | "wideparen" | "overarc"
        | "tiny" | "footnotesize" | "normalsize" | "mathop" | "mathord" | "mathbin" | "mathrel"
        | "forall" | "unicode" => Action::Skip,
        "hfill" | "thinspace" | "enspace" | "space" | "nobreakspace" | "medspace" | "quad "
        | "negthinspace" | "allowbreak" | "break" | "linebreak" | "noindent" => Action::Space,
        "quad" | "qquad" => Action::Quad,
        "newline" | "cr" => Action::Token(Kind::Newline),
        "phantom" | "hphantom" | "vphantom" | "hspace" | "vspace" | "label" | "tag" | "color"
        | "textcolor" | "underset" | "overset" | "stackrel" | "cline" | "xrightarrow" | "kern" => {
            Action::SkipArgument
        }
        "text" | "textbf" | "textit" | "textrm" | "textnormal" | "mbox" | "textsf" | "texttt"
        | "hbox" | "textup" | "emph" => Action::Text,
        "mathrm" | "mathbf" | "mathit" | "operatorname" | "mathnormal" | "unit" => Action::Roman,
        "mathbb" | "Bbb" | "mathds" => Action::Blackboard,
        "left" => Action::Left,
        "right" => Action::Right,
        "middle" => Action::Middle,
        "begin" => Action::Begin,
        "end" => Action::End,
        "not" => Action::Not,
        other => Action::Token(token(other)?),
    })
}

fn token(name: &str) -> Option<Kind> {
    Some(match name {
        "frac" | "dfrac" | "tfrac" | "cfrac" | "sfrac" | "nicefrac" => Kind::Frac,
        "sqrt" => Kind::Sqrt,
        "binom" | "dbinom" | "tbinom" => Kind::Binom,
        "over" => Kind::Over,
        "choose" => Kind::Choose,
        "overline" | "bar" => Kind::Overline,
        "cdot" | "times" | "ast" | "star" | "bullet" => Kind::Times,
        "div" => Kind::Divide,
        "pm" => Kind::PlusMinus,
        "mp" => Kind::MinusPlus,
        "bmod" => Kind::Mod,
        "pmod" | "mod" | "pod" => Kind::PMod,
        "prime" => Kind::Prime,
        "degree" | "circ" | "degrees" => Kind::Degree,
        "cup" | "bigcup" => Kind::Union,
        "cap" | "bigcap" => Kind::Intersection,
        "setminus" | "backslash" | "smallsetminus" => Kind::Difference,
        "land" | "wedge" => Kind::And,
        "lor" | "vee" => Kind::Or,
        "mid" | "vert" => {
            if name == "mid" {
                Kind::Mid
            } else {
                Kind::Bar
            }
        }
        "lvert" => Kind::BarOpen,
        "rvert" => Kind::BarClose,
        "lVert" | "rVert" | "Vert" => Kind::DoubleBar,
        "colon" => Kind::Colon,
        "lfloor" => Kind::FloorOpen,
        "rfloor" => Kind::FloorClose,
        "lceil" => Kind::CeilOpen,
        "rceil" => Kind::CeilClose,
        "langle" => Kind::AngleOpen,
        "rangle" => Kind::AngleClose,
        "lbrace" => Kind::SetOpen,
        "rbrace" => Kind::SetClose,
        "lbrack" => Kind::LBracket,
        "rbrack" => Kind::RBracket,
        "lparen" => Kind::LParen,
        "rparen" => Kind::RParen,
        "emptyset" | "varnothing" | "O" => Kind::EmptySet,
        "infty" | "infin" => Kind::Constant(Constant::Infinity),
        "pi" => Kind::Constant(Constant::Pi),
        "imath" => Kind::Constant(Constant::I),
        "R" | "reals" | "Reals" | "real" => Kind::NumberSet(NumberSet::Real),
        "Z" | "integers" => Kind::NumberSet(NumberSet::Integer),
        "N" | "natnums" => Kind::NumberSet(NumberSet::Natural),
        "Q" => Kind::NumberSet(NumberSet::Rational),
        "C" | "Complex" | "cnums" => Kind::NumberSet(NumberSet::Complex),
        "sum" => Kind::Big(Big::Sum),
        "prod" => Kind::Big(Big::Product),
        "int" => Kind::Big(Big::Integral),
        "lim" => Kind::Big(Big::Limit),
        "euro" => Kind::Money("€"),
        "pounds" => Kind::Money("£"),
        "yen" => Kind::Money("¥"),
        "textdollar" | "dollar" => Kind::Money("$"),
        "percent" | "textpercent" => Kind::Percent,
        "dots" | "ldots" | "cdots" | "dotsc" | "dotsb" | "vdots" | "ddots" => {
            Kind::Name("dots".to_owned())
        }
        "ell" | "hbar" | "nabla" | "partial" | "aleph" | "mho" | "complement" | "exists"
        | "neg" | "lnot" | "perp" | "parallel" | "jmath" => Kind::Name(name.to_owned()),
        _ => return None,
    })
}

/// Greek letters by the names of their commands; `\pi` is a constant.
pub(super) const GREEK: [&str; 39] = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "omicron",
    "rho",
    "sigma",
    "tau",
    "upsilon",
    "phi",
    "chi",
    "psi",
    "omega",
    "Gamma",
    "Delta",
    "Theta",
    "Lambda",
    "Xi",
    "Pi",
    "Sigma",
    "Upsilon",
    "Phi",
    "Psi",
    "Omega",
    "varepsilon",
    "vartheta",
    "varphi",
    "varrho",
    "varsigma",
];

pub(super) fn relation(name: &str) -> Option<Relation> {
    Some(match name {
        "eq" | "coloneqq" => Relation::Equal,
        "ne" | "neq" => Relation::NotEqual,
        "lt" => Relation::Less,
        "le" | "leq" | "leqslant" | "leqq" => Relation::LessEqual,
        "gt" => Relation::Greater,
        "ge" | "geq" | "geqslant" | "geqq" => Relation::GreaterEqual,
        "approx" | "sim" | "simeq" | "cong" | "approxeq" | "thickapprox" => Relation::Approximately,
        "equiv" => Relation::Congruent,
        "in" => Relation::In,
        "notin" => Relation::NotIn,
        "subset" | "subseteq" | "subsetneq" => Relation::Subset,
        "to" | "rightarrow" | "longrightarrow" | "mapsto" | "Rightarrow" | "implies"
        | "Longrightarrow" | "iff" | "Leftrightarrow" | "longmapsto" => Relation::Arrow,
        _ => return None,
    })
}

/// Known functions by command or bare word.
pub(super) fn function(name: &str) -> Option<(Function, &'static str)> {
    use Function as F;
    FUNCTIONS
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(n, f)| (*f, *n))
        .filter(|(f, _)| *f != F::Root)
}

pub(super) const FUNCTIONS: [(&str, Function); 65] = {
    use Function as F;
    [
        ("sin", F::Sin),
        ("cos", F::Cos),
        ("tan", F::Tan),
        ("tg", F::Tan),
        ("cot", F::Cot),
        ("ctg", F::Cot),
        ("cotg", F::Cot),
        ("sec", F::Sec),
        ("csc", F::Csc),
        ("cosec", F::Csc),
        ("arcsin", F::Arcsin),
        ("asin", F::Arcsin),
        ("arccos", F::Arccos),
        ("acos", F::Arccos),
        ("arctan", F::Arctan),
        ("atan", F::Arctan),
        ("arctg", F::Arctan),
        ("arccot", F::Arccot),
        ("acot", F::Arccot),
        ("arcctg", F::Arccot),
        ("arcsec", F::Arcsec),
        ("asec", F::Arcsec),
        ("arccsc", F::Arccsc),
        ("acsc", F::Arccsc),
        ("sinh", F::Sinh),
        ("sh", F::Sinh),
        ("cosh", F::Cosh),
        ("ch", F::Cosh),
        ("tanh", F::Tanh),
        ("th", F::Tanh),
        ("coth", F::Coth),
        ("sech", F::Sech),
        ("csch", F::Csch),
        ("arsinh", F::Arsinh),
        ("arcsinh", F::Arsinh),
        ("asinh", F::Arsinh),
        ("arcosh", F::Arcosh),
        ("arccosh", F::Arcosh),
        ("acosh", F::Arcosh),
        ("artanh", F::Artanh),
        ("arctanh", F::Artanh),
        ("atanh", F::Artanh),
        ("exp", F::Exp),
        ("ln", F::Log),
        ("log", F::Log),
        ("lg", F::Log),
        ("abs", F::Abs),
        ("floor", F::Floor),
        ("ceil", F::Ceil),
        ("ceiling", F::Ceil),
        ("gcd", F::Gcd),
        ("lcm", F::Lcm),
        ("max", F::Max),
        ("min", F::Min),
        ("arg", F::Arg),
        ("Arg", F::Arg),
        ("Re", F::Re),
        ("Im", F::Im),
        ("det", F::Determinant),
        ("tr", F::Trace),
        ("trace", F::Trace),
        ("Tr", F::Trace),
        ("sgn", F::Sign),
        ("sign", F::Sign),
        ("conj", F::Conjugate),
    ]
};

/// Bare words that are too short to be a function without a backslash: `sh`, `ch`, `th`, `tr`
/// are also two factors, and `Re`, `Im` two letters.
pub(super) fn plain_function(name: &str) -> Option<(Function, &'static str)> {
    function(name).filter(|_| name.len() > 2 || matches!(name, "ln" | "lg" | "tg"))
}
