//! Text that is safe inside HTML, and numbers as people read them.

use std::borrow::Cow;

/// Escapes text for element content and for double- or single-quoted attributes.
///
/// Control characters that HTML and XML forbid become U+FFFD.
pub fn escape(text: &str) -> Cow<'_, str> {
    let special = |c: char| {
        matches!(c, '&' | '<' | '>' | '"' | '\'') || (c.is_control() && !matches!(c, '\n' | '\t'))
    };
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\r' => {}
            c if special(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// A number with `decimals` places, a true minus sign, and no negative zero.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| matches!(c, '0' | '.')) => rest.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// As [`fixed`], with a plus sign for what is not negative.
pub fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    if text.starts_with('−') {
        text
    } else {
        format!("+{text}")
    }
}

/// Three significant digits, without a power of ten where that reads well: for hover texts.
pub fn short(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e6).contains(&magnitude) {
        format!("{value:.2e}").replace('-', "−")
    } else if magnitude >= 100.0 {
        fixed(value, 0)
    } else if magnitude >= 10.0 {
        fixed(value, 1)
    } else if magnitude >= 1.0 {
        fixed(value, 2)
    } else {
        fixed(value, 3)
    }
}

/// A large count: 940, 12.3 k, 0.8 M, 7.2 B.
pub fn count(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        v if v >= 999.5e6 => (value / 1e9, " B"),
        v if v >= 999.5e3 => (value / 1e6, " M"),
        v if v >= 9_999.5 => (value / 1e3, " k"),
        _ => return fixed(value, 0),
    };
    let decimals = if scaled.abs() < 99.95 { 1 } else { 0 };
    format!("{}{unit}", fixed(scaled, decimals))
}

/// Wall time: 48 s, 12 min 5 s, 1 h 23 min.
pub fn duration(seconds: f64) -> String {
    let total = seconds.max(0.0).round() as u64;
    match (total / 3600, total / 60 % 60, total % 60) {
        (0, 0, _) if seconds < 10.0 => format!("{} s", fixed(seconds.max(0.0), 1)),
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_data_becomes_text() {
        assert_eq!(
            escape("<a href=\"x\" b='y'>&\u{0}\n"),
            "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;\u{fffd}\n"
        );
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(fixed(-0.04, 1), "0.0");
        assert_eq!(signed(-1.25, 1), "−1.2");
        assert_eq!(signed(0.0, 1), "+0.0");
        assert_eq!(short(0.00012), "1.20e−4");
        assert_eq!(count(812_345.0), "812 k");
        assert_eq!(count(494e6), "494 M");
        assert_eq!(duration(4_995.0), "1 h 23 min");
        assert_eq!(duration(725.0), "12 min 5 s");
    }
}
