//! Text to expression trees.
//!
//! LaTeX and plain text share one grammar. The parser never panics, never backtracks by more
//! than a constant factor, and refuses what is larger than [`Limits`] allows.

mod atoms;
mod big;
mod commands;
mod cursor;
mod fences;
mod grammar;
mod lexer;
mod literal;
mod macros;
mod numbers;
mod postfix;
mod remarks;
mod source;
mod symbols;
mod tables;
mod token;
mod units;
mod vectors;
mod words;

use crate::ast::Expr;
use crate::limits::Limits;
use cursor::Parser;
use source::Char;
use thiserror::Error;
use token::{Kind, Token};

/// Why an answer is no expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Nothing but white space and delimiters.
    #[error("the answer is empty")]
    Empty,
    /// Longer than [`Limits::answer_bytes`].
    #[error("the answer is {bytes} bytes long; at most {limit} are parsed")]
    TooLong { bytes: usize, limit: usize },
    /// Nested deeper than [`Limits::depth`].
    #[error("the answer is nested more than {limit} levels deep")]
    TooDeep { limit: usize },
    /// More nodes than [`Limits::nodes`].
    #[error("the answer has more than {limit} parts")]
    TooManyNodes { limit: usize },
    /// A number that needs more than [`Limits::bits`].
    #[error("the number at byte {position} needs more than {limit} bits")]
    NumberTooLong { position: usize, limit: usize },
    /// A digit that its base does not have, or a base outside 2 to 36.
    #[error("`{digits}` is no number in base {base} (byte {position})")]
    BadBase {
        position: usize,
        digits: String,
        base: String,
    },
    /// Rows of different lengths.
    #[error("the rows of the matrix at byte {position} differ in length")]
    RaggedMatrix { position: usize },
    /// Something that does not belong where it stands.
    #[error("unexpected {found} at byte {position}; expected {expected}")]
    Unexpected {
        position: usize,
        found: String,
        expected: &'static str,
    },
}

/// Parses one answer (no surrounding prose) into its readings, most likely first (1 to 3).
///
/// There is more than one reading only where the notation itself is ambiguous: `1,234` is a
/// number or two.
///
/// # Errors
///
/// [`ParseError`] if the text is empty, exceeds a limit, or is not mathematics from end to end.
pub fn parse(text: &str, limits: &Limits) -> Result<Vec<Expr>, ParseError> {
    if text.len() > limits.answer_bytes {
        return Err(ParseError::TooLong {
            bytes: text.len(),
            limit: limits.answer_bytes,
        });
    }
    let chars = source::normalise(text);
    let chars = source::trim(&chars);
    let boxes = boxes(chars);
    match boxes.as_slice() {
        [] => readings(text, chars, limits),
        [(only, after)] => {
            // `\boxed{28}\%`, `\boxed{5} cm`: what follows the box counts if it can be read.
            let idle =
                chars.get(*after..).unwrap_or(&[]).iter().all(|x| {
                    x.c.is_whitespace() || matches!(x.c, '$' | '\\' | ')' | ']' | '.' | '}')
                });
            let start = only
                .first()
                .and_then(|x| chars.iter().position(|y| y.at == x.at));
            match start
                .and_then(|s| chars.get(s.checked_sub(1)?..))
                .filter(|_| !idle)
            {
                Some(rest) => {
                    readings(text, rest, limits).or_else(|_| readings(text, only, limits))
                }
                None => readings(text, only, limits),
            }
        }
        several => {
            let mut items = Vec::with_capacity(several.len());
            for (content, _) in several {
                items.extend(readings(text, content, limits)?.into_iter().next());
            }
            Ok(vec![Expr::List(items)])
        }
    }
}

/// The contents of the outermost `\boxed{…}` and where each ends; an unclosed one reaches to the
/// end.
fn boxes(chars: &[Char]) -> Vec<(&[Char], usize)> {
    let mut found = Vec::new();
    let mut pos = 0;
    while pos < chars.len() {
        let after = ["\\boxed", "\\fbox"].iter().find_map(|name| {
            let head = chars.get(pos..pos + name.len())?;
            head.iter()
                .map(|x| x.c)
                .eq(name.chars())
                .then_some(pos + name.len())
        });
        let Some(mut open) = after else {
            pos += 1;
            continue;
        };
        while chars.get(open).is_some_and(|x| x.c.is_whitespace()) {
            open += 1;
        }
        if chars.get(open).map(|x| x.c) != Some('{') {
            pos = open.max(pos + 1);
            continue;
        }
        let mut depth = 0usize;
        let mut end = open;
        let mut escaped = false;
        while let Some(x) = chars.get(end) {
            match x.c {
                _ if escaped => {}
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            escaped = x.c == '\\' && !escaped;
            if depth == 0 {
                break;
            }
            end += 1;
        }
        pos = end + 1;
        found.extend(chars.get(open + 1..end).map(|content| (content, pos)));
    }
    found
}

fn readings(text: &str, chars: &[Char], limits: &Limits) -> Result<Vec<Expr>, ParseError> {
    let chars = source::trim(chars);
    if let Some(date) = remarks::date(chars) {
        return Ok(vec![Expr::Text(date)]);
    }
    let lexed = lexer::lex(chars);
    let mut tokens = words::resolve(&lexed, false);
    remarks::drop_opening(&mut tokens);
    remarks::declarations(&mut tokens);
    cut_clause(&mut tokens);
    if tokens.iter().all(|t| {
        matches!(
            t.kind,
            Kind::Newline | Kind::Quad | Kind::Dot | Kind::Nothing
        )
    }) {
        return Err(ParseError::Empty);
    }
    let parse = |tokens: Vec<Token>| {
        let expr = Parser::new(text, tokens, limits).answer()?;
        check_depth(&expr, limits)?;
        Ok(expr)
    };
    if let Some((label, value)) = choice_label(&tokens) {
        let mut readings = vec![parse(value)?];
        readings.push(Expr::Text(label));
        return Ok(readings);
    }
    let mut streams = numbers::streams(tokens);
    if matches!(lexed.as_slice(), [Token { kind: Kind::Word(w), .. }] if w.len() == 3) {
        streams.push(words::resolve(&lexed, true));
    }
    let mut readings: Vec<Expr> = Vec::new();
    let mut error = None;
    for stream in streams {
        match parse(stream) {
            Ok(expr) if readings.contains(&expr) => {}
            Ok(expr) => readings.push(expr),
            Err(e) => error = error.or(Some(e)),
        }
    }
    let vectors = match readings.as_slice() {
        [only] => vectors::tuples(chars, only),
        _ => Vec::new(),
    };
    readings.extend(vectors);
    match error {
        Some(error) if readings.is_empty() => Err(error),
        _ => Ok(readings),
    }
}

/// Fails if the tree is deeper than what one level of nesting may add for each level allowed:
/// chains such as `a/b/c` nest without brackets.
fn check_depth(expr: &Expr, limits: &Limits) -> Result<(), ParseError> {
    let most = limits.depth.saturating_mul(8);
    let mut pending = vec![(expr, 0usize)];
    while let Some((expr, depth)) = pending.pop() {
        if depth > most {
            return Err(ParseError::TooDeep {
                limit: limits.depth,
            });
        }
        pending.extend(expr.children().into_iter().map(|child| (child, depth + 1)));
    }
    Ok(())
}

/// Cuts a clause that explains a finished answer: `f(x)=ax+b, where b is …`.
fn cut_clause(tokens: &mut Vec<Token>) {
    let clause = tokens.iter().position(|t| {
        matches!(&t.kind, Kind::Text(w)
            if matches!(w.split(' ').next(), Some("where" | "with" | "because" | "since")))
    });
    if let Some(mut at) = clause.filter(|at| *at > 0) {
        while at > 0 && matches!(tokens.get(at - 1), Some(t) if t.kind == Kind::Comma) {
            at -= 1;
        }
        if at > 0 {
            tokens.truncate(at);
        }
    }
}

/// The label and the value of a labelled choice, `\textbf{(B)}\ 5`, `(B) 5`, `B. 5`.
fn choice_label(tokens: &[Token]) -> Option<(String, Vec<Token>)> {
    let option = |c: char| ('A'..='H').contains(&c);
    let value = |t: &Token| {
        t.spaced
            && matches!(
                t.kind,
                Kind::Number(_)
                    | Kind::Frac
                    | Kind::Sqrt
                    | Kind::Money(_)
                    | Kind::Minus
                    | Kind::Text(_)
            )
    };
    let kinds: Vec<&Kind> = tokens.iter().take(4).map(|t| &t.kind).collect();
    let (label, used) = match kinds.as_slice() {
        [Kind::Text(w), ..] => {
            let mut letters = w.trim_matches(['(', ')', '.', ' ']).chars();
            let c = letters.next().filter(|_| letters.next().is_none())?;
            (w.contains(['(', ')', '.']) && option(c)).then_some((c, 1))?
        }
        [Kind::LParen, Kind::Letter(c), Kind::RParen, ..] if option(*c) => (*c, 3),
        [Kind::Letter(c), Kind::RParen | Kind::Dot, ..] if option(*c) => (*c, 2),
        _ => return None,
    };
    let spaced_value = tokens.get(used).is_some_and(value);
    let minus = matches!(tokens.get(used), Some(t) if t.kind == Kind::Minus);
    // `(A) - 5` may be a difference; a label stands apart from its value only on one side.
    let difference = minus && matches!(tokens.get(used + 1), Some(t) if t.spaced);
    (spaced_value && !difference).then(|| {
        (
            label.to_string(),
            tokens.get(used..).unwrap_or(&[]).to_vec(),
        )
    })
}
