//! What surrounds an answer or says over which numbers a letter of it runs.

use super::source::Char;
use super::token::{Kind, Token};
use crate::ast::{NumberSet, Relation};

/// A date, `2024-01-05`, is no difference.
pub(super) fn date(chars: &[Char]) -> Option<String> {
    if chars.len() != 10 {
        return None;
    }
    let text: String = chars.iter().map(|x| x.c).collect();
    let mut parts = text.split('-');
    let mut number = |length: usize| -> Option<u32> {
        let part = parts.next()?;
        let digits = part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    };
    let (_, month, day) = (number(4)?, number(2)?, number(2)?);
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some(text)
}

/// Drops the words before an answer, `\text{The answer is } 42`.
pub(super) fn drop_opening(tokens: &mut Vec<Token>) {
    let Some(Kind::Text(text)) = tokens.first().map(|t| &t.kind) else {
        return;
    };
    let text = text.to_lowercase();
    let words = text.trim_end_matches([':', ' ']);
    let words = words.strip_prefix("the ").unwrap_or(words);
    let words = words.strip_prefix("final ").unwrap_or(words);
    let opening = matches!(words, "answer" | "answer is");
    if opening {
        let colon = tokens.get(1).is_some_and(|t| t.kind == Kind::Colon);
        let used = 1 + usize::from(colon);
        if tokens.len() > used {
            tokens.drain(..used);
        }
    }
}

/// Brings what is said at the end about a letter into one form, `…, k \in \mathbb{Z}`:
/// `… (k \in \mathbb{Z})`, `… \text{ for integer } k`, `…, k \text{ is an integer}`.
pub(super) fn declarations(tokens: &mut Vec<Token>) {
    let mut end = tokens.len();
    while end > 0 && matches!(tokens.get(end - 1), Some(t) if t.kind == Kind::Dot) {
        end -= 1;
    }
    let bracketed = matches!(tokens.get(end.wrapping_sub(1)), Some(t) if t.kind == Kind::RParen);
    let inner_end = end - usize::from(bracketed && end > 0);
    // No declaration is longer than this.
    let first = inner_end.saturating_sub(16).max(1);
    let opens = |t: &Token| match &t.kind {
        Kind::LParen => bracketed,
        Kind::Comma | Kind::Quad | Kind::Text(_) => !bracketed,
        _ => false,
    };
    for open in (first..inner_end).rev() {
        let Some(token) = tokens.get(open).filter(|t| opens(t)) else {
            continue;
        };
        // Words begin with the first of them.
        let text = |t: &Token| matches!(t.kind, Kind::Text(_));
        if text(token) && tokens.get(open - 1).is_some_and(text) {
            continue;
        }
        let from = open + usize::from(!text(token));
        let Some((letter, set)) = declaration(tokens.get(from..inner_end).unwrap_or(&[])) else {
            // The bracket that closes last opened here.
            if bracketed {
                return;
            }
            continue;
        };
        let mut at = open;
        while at > 1
            && matches!(tokens.get(at - 1), Some(t) if matches!(t.kind, Kind::Comma | Kind::Quad))
        {
            at -= 1;
        }
        let token = |kind: Kind| Token {
            kind,
            ..letter.clone()
        };
        let mut said = vec![
            token(Kind::Comma),
            letter.clone(),
            token(Kind::Relation(Relation::In)),
        ];
        said.extend(set);
        tokens.truncate(at);
        tokens.extend(said);
        return;
    }
}

/// The letter and the tokens of the set.
fn declaration(tokens: &[Token]) -> Option<(Token, Vec<Token>)> {
    // Words before the letter, the letter, what follows.
    let at = tokens
        .iter()
        .position(|t| matches!(t.kind, Kind::Letter(_) | Kind::Name(_)))?;
    let (before, letter, after) = (tokens.get(..at)?, tokens.get(at)?, tokens.get(at + 1..)?);
    let before = words(before)?;
    let integers = || {
        vec![Token {
            kind: Kind::NumberSet(NumberSet::Integer),
            ..letter.clone()
        }]
    };
    let mut opening = before.as_str();
    for word in [
        "where", "with", "for", "any", "all", "some", "every", "each", "an",
    ] {
        opening = opening.strip_prefix(word).unwrap_or(opening).trim_start();
    }
    match (opening, after) {
        ("integer" | "integers", []) => Some((letter.clone(), integers())),
        (
            "",
            [
                Token {
                    kind: Kind::Relation(Relation::In),
                    ..
                },
                set @ ..,
            ],
        ) if matches!(set.first(), Some(t) if matches!(t.kind, Kind::NumberSet(_)))
            && !set
                .iter()
                .any(|t| matches!(t.kind, Kind::Text(_) | Kind::Comma)) =>
        {
            Some((letter.clone(), set.to_vec()))
        }
        ("", _) => {
            let said = words(after)?;
            matches!(
                said.as_str(),
                "integer"
                    | "an integer"
                    | "is an integer"
                    | "is any integer"
                    | "is integer"
                    | "any integer"
            )
            .then(|| (letter.clone(), integers()))
        }
        _ => None,
    }
}

/// Texts joined; `None` if there is anything else.
fn words(tokens: &[Token]) -> Option<String> {
    let texts: Option<Vec<&str>> = tokens
        .iter()
        .map(|t| match &t.kind {
            Kind::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    Some(texts?.join(" ").to_lowercase())
}
