//! Counts of verdicts, and how they agree with labels.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, ContentArrangement, Row, Table, presets};

use super::Judged;
use crate::screen::{self, visible};
use crate::summary::number;

/// Width of the table where there is no terminal.
const WIDTH: u16 = 100;
/// Most characters of a cell that are kept; more than any terminal shows.
const CELL: usize = 500;

/// Counts over the lines so far.
pub struct Tally {
    verdicts: BTreeMap<&'static str, u64>,
    /// By label and by whether the verdict was equal.
    labelled: [[u64; 2]; 2],
    /// The first ones, with their lines.
    shown: Vec<(u64, Disagreement)>,
    most_shown: usize,
}

/// A verdict that is not what the label says.
pub struct Disagreement {
    label: bool,
    verdict: &'static str,
    gold: String,
    extracted: String,
}

impl Disagreement {
    /// A row of the table; only the start of long texts is kept.
    pub fn new(label: bool, verdict: &'static str, gold: &str, extracted: Option<&str>) -> Self {
        Disagreement {
            label,
            verdict,
            gold: cell(gold),
            extracted: extracted.map_or("–".into(), cell),
        }
    }
}

/// A text in one line, and nothing in it that a terminal would obey.
fn cell(text: &str) -> String {
    text.trim().chars().take(CELL).map(visible).collect()
}

/// Columns of the terminal, or what is used without one.
pub fn width() -> u16 {
    screen::width(WIDTH)
}

impl Tally {
    /// Of no lines yet.
    pub fn new(most_shown: usize) -> Self {
        Tally {
            verdicts: BTreeMap::new(),
            labelled: [[0; 2]; 2],
            shown: Vec::new(),
            most_shown,
        }
    }

    /// Counts a line.
    pub fn add(&mut self, line: u64, judged: Judged) {
        *self.verdicts.entry(judged.verdict).or_default() += 1;
        if let Some(label) = judged.label {
            let equal = judged.disagreement.is_some() != label;
            self.labelled[usize::from(label)][usize::from(equal)] += 1;
        }
        if let Some(disagreement) = judged.disagreement
            && self.shown.len() < self.most_shown
        {
            self.shown.push((line, disagreement));
        }
    }

    /// How many lines there were.
    pub fn lines(&self) -> u64 {
        self.verdicts.values().sum()
    }

    /// All of it in words and a table of a width.
    pub fn text(&self, seconds: f64, label: Option<&str>, width: u16) -> String {
        let counts: Vec<String> = ["equal", "different", "unparseable"]
            .map(|v| format!("{} {v}", self.verdicts.get(v).unwrap_or(&0)))
            .to_vec();
        let lines = self.lines();
        let mut text = format!(
            "{lines} pairs: {}; {seconds:.2} s, {:.0} pairs/s",
            counts.join(", "),
            lines as f64 / seconds.max(1e-9)
        );
        let [
            [true_negative, false_positive],
            [false_negative, true_positive],
        ] = self.labelled;
        let (wrong, right) = (
            false_positive + false_negative,
            true_negative + true_positive,
        );
        if wrong + right == 0 {
            if let Some(key) = label {
                text += &format!("\nno line has the label '{key}'");
            }
            return text;
        }
        for (name, part, whole) in [
            ("agreement with labels", right, right + wrong),
            ("precision", true_positive, true_positive + false_positive),
            ("recall", true_positive, true_positive + false_negative),
        ] {
            let share = (whole > 0).then(|| 100.0 * part as f64 / whole as f64);
            let share = number(share, 2);
            text += &format!("\n{name:<21}  {share:>6} %  ({part} of {whole})");
        }
        if !self.shown.is_empty() {
            text += &format!("\n{}", self.table(width));
        }
        match wrong - self.shown.len() as u64 {
            0 => text,
            all if self.shown.is_empty() => format!("{text}\n{all} disagreements"),
            more => format!("{text}\nand {more} more"),
        }
    }

    fn table(&self, width: u16) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(width);
        // No cell has it, so a long cell is cut where the column ends and not between words.
        table.set_delimiter('\0');
        table.set_header(["line", "label", "verdict", "gold", "extracted"]);
        for (line, d) in &self.shown {
            let (line, label) = (line.to_string(), d.label.to_string());
            let mut row = Row::from([&line, &label, d.verdict, &d.gold, &d.extracted]);
            row.max_height(1);
            table.add_row(row);
        }
        if let Some(column) = table.column_mut(0) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}
