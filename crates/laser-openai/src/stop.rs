//! Stop strings in a text that comes piece by piece.

/// Looks for stop strings and holds back what may become one.
///
/// What is found is a function of the text alone, not of how it is cut into pieces: of all
/// occurrences the one that ends first, and of those that end together the one that begins first.
#[derive(Clone, Debug)]
pub struct StopText {
    stops: Vec<String>,
    held: String,
    stopped: bool,
}

impl StopText {
    /// For these strings; empty ones never occur.
    pub fn new(stops: &[String]) -> Self {
        StopText {
            stops: stops.iter().filter(|s| !s.is_empty()).cloned().collect(),
            held: String::new(),
            stopped: false,
        }
    }

    /// Takes a piece and gives the text that can no longer become part of a stop string. After a
    /// stop string there is none.
    pub fn push(&mut self, piece: &str) -> String {
        if self.stopped {
            return String::new();
        }
        if self.stops.is_empty() {
            return piece.to_owned();
        }
        self.held.push_str(piece);
        let occurrence = |stop: &String| {
            let start = self.held.find(stop.as_str())?;
            Some((start + stop.len(), start))
        };
        if let Some((_, start)) = self.stops.iter().filter_map(occurrence).min() {
            self.stopped = true;
            self.held.truncate(start);
            return std::mem::take(&mut self.held);
        }
        let kept = self.stops.iter().map(|stop| overlap(&self.held, stop));
        let kept = kept.max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - kept);
        std::mem::replace(&mut self.held, rest)
    }

    /// Whether a stop string has occurred.
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// The text has ended by itself: what was held back is none after all.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Bytes of the longest end of `text` that `stop` begins with, less than the whole of it.
fn overlap(text: &str, stop: &str) -> usize {
    let lengths = stop.char_indices().map(|(at, _)| at).rev();
    lengths
        .take_while(|n| *n > 0)
        .find(|n| text.ends_with(&stop[..*n]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is let through in pieces, and whether a stop string occurred.
    fn through(stops: &[&str], pieces: &[&str]) -> (Vec<String>, bool) {
        let stops: Vec<String> = stops.iter().map(|s| s.to_string()).collect();
        let mut text = StopText::new(&stops);
        let mut out: Vec<String> = pieces.iter().map(|p| text.push(p)).collect();
        out.push(text.finish());
        (out, text.stopped())
    }

    #[test]
    fn a_stop_string_across_pieces_is_never_let_through() {
        let (out, stopped) = through(&["\n\nQ:"], &["a\n", "\n", "Q", ":b", "c"]);
        assert_eq!((out.concat(), stopped), ("a".into(), true));
        assert_eq!(out[0], "a");
    }

    #[test]
    fn what_only_looked_like_one_comes_later() {
        let (out, stopped) = through(&["END"], &["xE", "N", "x"]);
        assert_eq!(out, ["x", "", "ENx", ""]);
        assert!(!stopped);
        let (out, _) = through(&["END"], &["xE", "N"]);
        assert_eq!(out, ["x", "", "EN"]);
    }

    #[test]
    fn the_one_that_ends_first_wins_however_the_text_is_cut() {
        for pieces in [&["abcd"][..], &["a", "b", "c", "d"], &["ab", "cd"]] {
            assert_eq!(through(&["bcd", "c"], pieces).0.concat(), "ab");
            assert_eq!(through(&["bc", "c"], pieces).0.concat(), "a");
        }
    }

    /// The definition, for every prefix of the text.
    fn slow(stops: &[String], text: &str) -> (String, bool) {
        for (end, _) in text.char_indices().skip(1).chain([(text.len(), ' ')]) {
            let starts = stops.iter().filter(|s| text[..end].ends_with(s.as_str()));
            if let Some(start) = starts.map(|s| end - s.len()).min() {
                return (text[..start].into(), true);
            }
        }
        (text.into(), false)
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            stops in prop::collection::vec("[abé]{1,4}", 0..4),
            pieces in prop::collection::vec("[abcé]{0,3}", 0..12),
        ) {
            let refs: Vec<&str> = stops.iter().map(String::as_str).collect();
            let parts: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let (out, stopped) = through(&refs, &parts);
            prop_assert_eq!((out.concat(), stopped), slow(&stops, &pieces.concat()));
        }
    }
}
