//! The characters of an answer after the spelling differences that have nothing to do with
//! mathematics are gone: doubled backslashes, HTML entities, full-width forms, fancy quotes.

use super::commands;

/// One character and where it began in the original text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Char {
    pub at: usize,
    pub c: char,
}

/// Normalises the spelling of `text`; positions keep pointing into `text`.
pub(super) fn normalise(text: &str) -> Vec<Char> {
    let halve = is_double_escaped(text);
    // Answers cut out of a longer text may have lost the doubling of their first command only.
    let mixed = !text.contains("\\begin");
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.char_indices().peekable();
    // Even runs of backslashes are the only ones when `halve` holds, so dropping every second
    // one is enough.
    let mut odd = false;
    while let Some((at, c)) = rest.next() {
        if c == '\\' && !halve && mixed && !odd && doubled_command(text.get(at..).unwrap_or("")) {
            rest.next();
            out.push(Char { at, c });
            continue;
        }
        if !halve {
            // After an odd backslash the next one belongs to it.
            odd = c == '\\' && !odd;
        }
        if c == '\\' && halve {
            odd = !odd;
            if odd {
                out.push(Char { at, c });
            }
            continue;
        }
        let tail = text.get(at..).unwrap_or("");
        if c == '&'
            && let Some((entity, replacement)) = ENTITIES.iter().find(|(e, _)| tail.starts_with(e))
        {
            out.push(Char {
                at,
                c: *replacement,
            });
            skip(&mut rest, at + entity.len());
            continue;
        }
        // A Python or JSON string literal that was not raw turns `\f` and `\b` into control
        // characters; no answer has those on purpose.
        if c == '\u{c}' && tail.starts_with("\u{c}rac") {
            if out.last().map(|l: &Char| l.c) != Some('\\') {
                out.push(Char { at, c: '\\' });
            }
            out.push(Char { at, c: 'f' });
            continue;
        }
        if c == '\u{8}' {
            if out.last().map(|l: &Char| l.c) != Some('\\') {
                out.push(Char { at, c: '\\' });
            }
            out.push(Char { at, c: 'b' });
            continue;
        }
        match fold(c) {
            Folded::Drop => {}
            Folded::Keep(c) => out.push(Char { at, c }),
            Folded::Twice(c) => {
                out.push(Char { at, c });
                out.push(Char { at, c });
            }
        }
    }
    out
}

const ENTITIES: [(&str, char); 17] = [
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&le;", '≤'),
    ("&leq;", '≤'),
    ("&ge;", '≥'),
    ("&geq;", '≥'),
    ("&ne;", '≠'),
    ("&amp;", '&'),
    ("&nbsp;", ' '),
    ("&times;", '×'),
    ("&minus;", '-'),
    ("&pi;", 'π'),
    ("&deg;", '°'),
    ("&radic;", '√'),
    ("&infin;", '∞'),
    ("&middot;", '·'),
    ("&plusmn;", '±'),
];

fn skip(rest: &mut std::iter::Peekable<std::str::CharIndices<'_>>, until: usize) {
    while rest.peek().is_some_and(|(at, _)| *at < until) {
        rest.next();
    }
}

/// Whether exactly two backslashes and a command of three letters or more begin `text`.
fn doubled_command(text: &str) -> bool {
    let Some(after) = text.strip_prefix("\\\\") else {
        return false;
    };
    let length = after.len()
        - after
            .trim_start_matches(|c: char| c.is_ascii_alphabetic())
            .len();
    length >= 3 && after.get(..length).is_some_and(commands::is_known)
}

enum Folded {
    Keep(char),
    Twice(char),
    Drop,
}

fn fold(c: char) -> Folded {
    Folded::Keep(match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '。' => '.',
        '、' => ',',
        '−' | '–' | '—' | '‐' | '‑' | '﹣' => '-',
        '‘' | '’' | '′' | 'ʹ' => '\'',
        '″' => return Folded::Twice('\''),
        '“' | '”' => '"',
        '【' => '[',
        '】' => ']',
        '∣' => '|',
        '∕' | '⁄' => '/',
        '∶' => ':',
        '⋅' | '•' | '∙' | '∗' => '·',
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\t' => ' ',
        '\r' => '\n',
        '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}' => {
            return Folded::Drop;
        }
        other => other,
    })
}

/// Whether every backslash is doubled, as in a JSON string that was decoded once too rarely.
/// A row separator alone is no sign of it: a command has to follow some pair.
fn is_double_escaped(text: &str) -> bool {
    let mut rest = text;
    let mut found = false;
    while let Some(start) = rest.find('\\') {
        let tail = rest.get(start..).unwrap_or("");
        let after = tail.trim_start_matches('\\');
        let run = tail.len() - after.len();
        if run % 2 == 1 {
            return false;
        }
        let name = after.len()
            - after
                .trim_start_matches(|c: char| c.is_ascii_alphabetic())
                .len();
        let name = after.get(..name).unwrap_or("");
        found |= (name.len() >= 2 && commands::is_known(name))
            || after.starts_with(['%', '$', '{'])
            || (after.starts_with(['(', '[']) && start == 0);
        rest = after;
    }
    found
}

/// `chars` without white space at the ends, markdown emphasis, back ticks and a full stop.
pub(super) fn trim(mut chars: &[Char]) -> &[Char] {
    loop {
        let before = chars.len();
        while let [first, rest @ ..] = chars
            && (first.c.is_whitespace() || first.c == '`')
        {
            chars = rest;
        }
        while let [rest @ .., last] = chars
            && (last.c.is_whitespace() || last.c == '`')
        {
            chars = rest;
        }
        if let [rest @ .., previous, last] = chars
            && last.c == '.'
            && previous.c != '.'
            && !(previous.c == 't' && ends_with_left(rest))
        {
            chars = chars.get(..chars.len() - 1).unwrap_or(chars);
        }
        if let [a, b, rest @ .., y, z] = chars
            && [a, b, y, z].iter().all(|x| x.c == '*')
        {
            chars = rest;
        }
        if chars.len() == before {
            return chars;
        }
    }
}

/// Whether the text before `t.` is `\righ` or `\lef`: that full stop is an invisible bracket.
fn ends_with_left(rest: &[Char]) -> bool {
    ["\\righ", "\\lef"].iter().any(|word| {
        rest.len() >= word.len()
            && rest
                .iter()
                .rev()
                .map(|x| x.c)
                .take(word.len())
                .eq(word.chars().rev())
    })
}
