//! A few responses of a training step as a table for the terminal.

use laser_train::SampleRow;
use unicode_width::UnicodeWidthStr;

use crate::screen::{pad, shorten};
use crate::summary::number;

/// Rows of a table.
const ROWS: usize = 4;
/// Columns of the numbers, with their titles.
const NUMBERS: [(&str, usize); 3] = [("reward", 6), ("self-reward", 11), ("advantage", 9)];
const INDENT: &str = "    ";
const GAP: &str = "  ";
/// Columns for prompt and response below which each gets a line of its own.
const NARROW: usize = 40;

/// The table of a step for a terminal of `width` columns. `rows` are all responses of the step,
/// problem by problem; those are shown that tell most: a right and a wrong response to the same
/// problem.
pub fn table(step: u64, rows: &[SampleRow], width: usize) -> String {
    let shown = telling(rows);
    let title = format!(
        "{INDENT}responses of step {step}, {} of {}",
        shown.len(),
        rows.len()
    );
    let numbers: usize = NUMBERS.iter().map(|n| GAP.len() + n.1).sum();
    // A terminal may break a line that fills it.
    let space = width.saturating_sub(INDENT.len() + GAP.len() + numbers + 1);
    let body = match space < NARROW {
        true => stacked(&shown, width),
        false => columns(&shown, space),
    };
    format!("{title}\n{body}")
}

/// A right and a wrong response to each of the first problems that have both; where there are no
/// such problems, one response each to the first ones.
fn telling(rows: &[SampleRow]) -> Vec<&SampleRow> {
    let groups = || rows.chunk_by(|a, b| a.prompt == b.prompt && a.gold == b.gold);
    let pairs = groups().filter_map(|g| {
        let first = |correct: bool| g.iter().find(|r| r.correct == correct);
        Some([first(true)?, first(false)?])
    });
    let pairs: Vec<&SampleRow> = pairs.flatten().take(ROWS).collect();
    match pairs.is_empty() {
        true => groups().filter_map(|g| g.first()).take(ROWS).collect(),
        false => pairs,
    }
}

/// Reward, self-reward and advantage as text.
fn numbers(row: &SampleRow) -> [String; 3] {
    [
        format!("{:.2}", row.reward),
        number(row.self_reward.map(f64::from), 3),
        row.advantage.map_or("–".into(), |a| format!("{a:+.2}")),
    ]
}

/// One line for each response; prompt and response share `space` columns.
fn columns(rows: &[&SampleRow], space: usize) -> String {
    let longest = |text: fn(&SampleRow) -> &str, title: &str| {
        let texts = rows.iter().map(|r| shorten(text(r), space).width());
        texts.fold(title.width(), usize::max)
    };
    let (longest_prompt, longest_response) = (
        longest(|r| &r.prompt, "prompt"),
        longest(|r| &r.response, "response"),
    );
    let prompt = longest_prompt.min((space / 3).max(space.saturating_sub(longest_response)));
    let response = longest_response.min(space - prompt);
    let line = |texts: [&str; 2], numbers: [&str; 3]| {
        let [p, r] = texts;
        let mut line = format!(
            "{INDENT}{}{GAP}{}",
            pad(&shorten(p, prompt), prompt),
            pad(&shorten(r, response), response)
        );
        for (number, (_, columns)) in numbers.iter().zip(NUMBERS) {
            line += &format!("{GAP}{number:>columns$}");
        }
        line
    };
    let mut lines = vec![line(["prompt", "response"], NUMBERS.map(|n| n.0))];
    for row in rows {
        let [reward, score, advantage] = &numbers(row);
        lines.push(line(
            [&row.prompt, &row.response],
            [reward, score, advantage],
        ));
    }
    lines.join("\n")
}

/// Some lines for each response, for a narrow terminal.
fn stacked(rows: &[&SampleRow], width: usize) -> String {
    let mut lines = Vec::new();
    let columns = width.saturating_sub(INDENT.len() + 1);
    let mut put = |text: &str| lines.push(format!("{INDENT}{}", shorten(text, columns)));
    for row in rows {
        let [reward, score, advantage] = numbers(row);
        put(&format!("prompt {}", row.prompt));
        put(&format!("response {}", row.response));
        for (part, (title, _)) in [reward, score, advantage].iter().zip(NUMBERS) {
            put(&format!("{GAP}{title} {part}"));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(prompt: &str, response: &str, correct: bool) -> SampleRow {
        SampleRow {
            prompt: prompt.into(),
            response: response.into(),
            gold: "2".into(),
            extracted: None,
            correct,
            reward: f32::from(u8::from(correct)),
            self_logprob: None,
            self_reward: correct.then_some(0.75),
            self_certainty: None,
            advantage: Some(if correct { 0.5 } else { -1.5 }),
            length: 3,
            drawn: None,
            finish: "stop".into(),
            reward_parts: Default::default(),
        }
    }

    fn rows() -> Vec<SampleRow> {
        vec![
            row("1+1=", "all right", true),
            row("1+1=", "all right too", true),
            row("1+2=", "1+2=4;#4", false),
            row("1+2=", "1+2=3;#3", true),
            row("1+3=", "wrong", false),
        ]
    }

    #[test]
    fn a_right_and_a_wrong_response_to_the_same_problem_stand_side_by_side() {
        assert_eq!(
            table(25, &rows(), 100),
            "    responses of step 25, 2 of 5
    prompt  response  reward  self-reward  advantage
    1+2=    1+2=3;#3    1.00        0.750      +0.50
    1+2=    1+2=4;#4    0.00            –      -1.50"
        );
    }

    #[test]
    fn without_such_a_problem_the_first_ones_are_shown() {
        let uniform = [
            row("a", "1", true),
            row("a", "2", true),
            row("b", "3", false),
        ];
        let table = table(1, &uniform, 100);
        assert!(
            table.contains("2 of 3") && table.contains("    a "),
            "{table}"
        );
        assert!(!table.contains("    a       2"), "{table}");
        assert_eq!(super::table(1, &[], 100).lines().count(), 2);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_whatever_the_model_wrote() {
        let wild = "日本語 \u{1b}[2J\r\n\u{202e}abc\t👩‍👩‍👧 ".repeat(20);
        let rows = [row(&wild, &wild, true), row(&wild, "x", false)];
        for width in 0..200 {
            let table = table(7, &rows, width);
            for line in table.lines().skip(1) {
                assert!(line.width() < width.max(6), "{width}: {line:?}");
                assert!(!line.chars().any(char::is_control), "{line:?}");
            }
        }
    }
}
