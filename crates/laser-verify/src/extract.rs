//! Finds the final answer inside a response.

/// What stands before the final answer in GSM8K solutions: `#### 42`.
pub const GSM8K_MARKER: &str = "####";

/// The text between the last `marker` and the end of its line, without surrounding whitespace.
///
/// `None` when the marker is empty or absent, or when nothing follows it: an earlier marker is
/// never used instead, because the response did not end on that answer.
pub fn extract_after<'a>(response: &'a str, marker: &str) -> Option<&'a str> {
    if marker.is_empty() {
        return None;
    }
    let start = response.rfind(marker)? + marker.len();
    let line = response[start..].lines().next()?;
    non_empty(line.trim())
}

/// The content of the last `\boxed{…}`, without surrounding whitespace; braces may nest, and
/// escaped braces (`\{`, `\}`) do not count.
///
/// `None` when there is no box, or when the last one is empty or never closed (a truncated
/// response has no answer).
pub fn extract_boxed(response: &str) -> Option<&str> {
    const OPEN: &str = "\\boxed{";
    let content = &response[response.rfind(OPEN)? + OPEN.len()..];
    let mut depth = 1usize;
    let mut escaped = false;
    for (at, byte) in content.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return non_empty(content[..at].trim());
                }
            }
            _ => {}
        }
    }
    None
}

fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_marker_counts_up_to_the_end_of_its_line() {
        assert_eq!(extract_after("#### 1\n#### 72 \nbye", "####"), Some("72"));
        assert_eq!(extract_after("#1;#22", "#"), Some("22"));
        assert_eq!(extract_after("a #### 7\r\nb", GSM8K_MARKER), Some("7"));
    }

    #[test]
    fn no_answer_is_none() {
        assert_eq!(extract_after("no marker", "####"), None);
        assert_eq!(extract_after("#5#", "#"), None);
        assert_eq!(extract_after("#5 #  \n6", "#"), None);
        assert_eq!(extract_after("anything", ""), None);
    }

    #[test]
    fn boxes_nest_and_the_last_one_counts() {
        assert_eq!(extract_boxed(r"\boxed{1} so \boxed{ 2 }."), Some("2"));
        assert_eq!(extract_boxed(r"\boxed{\frac{1}{2}}"), Some(r"\frac{1}{2}"));
        assert_eq!(
            extract_boxed(r"\boxed{\left\{ x \right.}"),
            Some(r"\left\{ x \right.")
        );
    }

    #[test]
    fn an_open_or_empty_last_box_is_no_answer() {
        assert_eq!(extract_boxed(r"\boxed{1} \boxed{2"), None);
        assert_eq!(extract_boxed(r"\boxed{}"), None);
        assert_eq!(extract_boxed("7"), None);
    }

    proptest! {
        #[test]
        fn extraction_never_panics(text in r"(\\boxed|[{}\\#]|\PC|\n)*", marker in ".{0,3}") {
            let _ = extract_boxed(&text);
            let _ = extract_after(&text, &marker);
        }

        #[test]
        fn what_is_written_after_the_marker_is_found(before in ".*", answer in "[0-9a-z]{1,9}") {
            let response = format!("{before}#### {answer}\nend");
            prop_assert_eq!(extract_after(&response, "####"), Some(answer.as_str()));
        }
    }
}
