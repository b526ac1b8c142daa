//! The report in a few plain lines.

use std::fmt;

use super::{LISTED, LoadReport, Pairs, Places, SplitReport};
use crate::Split;

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (split, report) in [(Split::Train, &self.train), (Split::Test, &self.test)] {
            let files = self.files.iter().filter(|file| file.split == split).count();
            if files > 0 {
                let (rows, files) = (counted(report.rows, "row"), counted(files, "file"));
                writeln!(f, "{split}: {rows} of {files}")?;
            } else if report.problems > 0 {
                writeln!(f, "{split}: held out of train")?;
            } else {
                continue;
            }
            for file in self.files.iter().filter(|file| file.split == split) {
                let rows = counted(file.rows, "row");
                write!(f, "  {}: {rows} as {}", file.file, file.format)?;
                if file.several_answers > 0 {
                    write!(f, ", {} with several answers", file.several_answers)?;
                }
                writeln!(f)?;
            }
            write!(f, "{report}")?;
        }
        let overlap = &self.overlap;
        if overlap.exact.count > 0 {
            writeln!(
                f,
                "overlap: {} of test in train too{}",
                counted(overlap.exact_test, "problem"),
                examples(&overlap.exact)
            )?;
        }
        if !overlap.near.is_empty() {
            writeln!(
                f,
                "near overlap: {} of test, half or more of which stands in one of train ({} there)",
                counted(overlap.near.len(), "problem"),
                overlap.near_train
            )?;
            for near in overlap.near.iter().take(LISTED) {
                let percent = 100.0 * near.share;
                writeln!(f, "  {percent:.0} % of {} in {}", near.test, near.train)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for SplitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, places) in [
            ("left out, empty prompt", &self.empty_prompt),
            ("left out, no answer", &self.missing_answer),
            ("left out, no response", &self.missing_response),
            ("left out, prompt too long", &self.too_long),
        ] {
            if places.count > 0 {
                writeln!(f, "  {what}: {places}")?;
            }
        }
        for (what, pairs) in [
            ("duplicates", &self.duplicates),
            (
                "duplicates with different answers",
                &self.conflicting_answers,
            ),
        ] {
            if pairs.count > 0 {
                writeln!(f, "  {what}: {}{}", pairs.count, examples(pairs))?;
            }
        }
        for (what, count) in [
            ("held out as test", self.held_out),
            ("left out, overlap with test", self.overlap_dropped),
            ("left out, beyond max_rows", self.beyond_max_rows),
        ] {
            if count > 0 {
                writeln!(f, "  {what}: {count}")?;
            }
        }
        writeln!(f, "  problems: {}", self.problems)
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.count)?;
        for (at, place) in self.first.iter().enumerate() {
            write!(f, "{}{place}", if at == 0 { " (" } else { "; " })?;
        }
        match self.count.saturating_sub(self.first.len()) {
            _ if self.first.is_empty() => Ok(()),
            0 => f.write_str(")"),
            _ => f.write_str("; …)"),
        }
    }
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The first of the pairs, in brackets.
fn examples(pairs: &Pairs) -> String {
    let more = if pairs.count > 1 { "; …" } else { "" };
    match pairs.first.first() {
        Some(pair) => format!(" ({} = {}{more})", pair.this, pair.other),
        None => String::new(),
    }
}
