//! Text from elsewhere (prompts, responses, answers) in the cells of a terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of the terminal on standard error; `otherwise` without one.
pub fn width(otherwise: u16) -> u16 {
    terminal_size::terminal_size_of(std::io::stderr()).map_or(otherwise, |(width, _)| width.0)
}

/// A character that a terminal shows in place and does not obey.
pub fn visible(c: char) -> char {
    match c {
        c if c.is_whitespace() => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        // Marks that turn the direction of the rest of the line, join or hide characters.
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => char::REPLACEMENT_CHARACTER,
        '\u{2060}'..='\u{206f}' | '\u{feff}' => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// A text in one line of at most `columns`, the middle left out where it is longer: a response
/// ends with its answer. Wide characters take two columns.
pub fn shorten(text: &str, columns: usize) -> String {
    let line: Vec<char> = text.trim().chars().map(visible).collect();
    let of = |c: &char| c.width().unwrap_or(0);
    if line.iter().map(of).sum::<usize>() <= columns {
        return line.into_iter().collect();
    }
    const CUT: &str = " … ";
    let Some(space) = columns.checked_sub(CUT.width()) else {
        return ".".repeat(columns);
    };
    /// How many characters fit.
    fn fitting<'c>(chars: impl Iterator<Item = &'c char>, columns: usize) -> usize {
        let ends = chars.scan(0, |end, c| {
            *end += c.width().unwrap_or(0);
            Some(*end)
        });
        ends.take_while(|end| *end <= columns).count()
    }
    let head = fitting(line.iter(), space - space / 2);
    let tail = fitting(line.iter().rev(), space / 2);
    let (head, tail) = (&line[..head], &line[line.len() - tail..]);
    head.iter()
        .copied()
        .chain(CUT.chars())
        .chain(tail.iter().copied())
        .collect()
}

/// A text with spaces behind it up to a number of columns.
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
}

/// Words in lines of at most `columns`, each behind `indent`, unless one word is longer.
pub fn wrap(text: &str, indent: &str, columns: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_end() {
        assert_eq!(shorten(" 1+1=2;#2\n", 20), "1+1=2;#2");
        assert_eq!(shorten("abcdefghijklmnopqrstuvwxyz", 13), "abcde … vwxyz");
        assert_eq!(shorten("日本語日本語日本語", 11), "日本 … 本語");
    }

    #[test]
    fn a_shortened_text_never_takes_more_columns_than_it_may() {
        let texts = [
            "",
            "abc def",
            "日本語のとても長い文章です",
            "e\u{301}\u{301}a\u{1b}[2J\u{202e}xy 👩‍👩‍👧 z",
        ];
        for text in texts {
            for columns in 0..30 {
                let short = shorten(text, columns);
                assert!(short.width() <= columns, "{short:?} in {columns}");
                assert!(!short.chars().any(char::is_control), "{short:?}");
            }
        }
    }

    #[test]
    fn words_are_wrapped_and_indented_and_none_is_lost() {
        let text = "one two three four 日本 five";
        let wrapped = wrap(text, "  ", 11);
        assert_eq!(wrapped, "  one two\n  three\n  four 日本\n  five");
        assert_eq!(wrap(text, "", 1).lines().count(), 6);
    }
}
