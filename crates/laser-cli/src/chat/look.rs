//! How a chat looks: the self-reward as a bar, votes as a table.

use std::io::IsTerminal;

use crate::screen;

/// Cells of the bar.
const CELLS: usize = 14;
/// Scores from here on are green, and yellow.
const GOOD: [f32; 2] = [2.0 / 3.0, 1.0 / 3.0];

/// What standard output can show.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Colours.
    pub color: bool,
    /// Characters beyond ASCII.
    pub unicode: bool,
    /// Whether it is a terminal, which obeys control characters.
    pub terminal: bool,
}

impl Look {
    /// That of standard output, by the variables that terminals go by.
    pub fn of_stdout() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        Look::of(std::io::stdout().is_terminal(), variable)
    }

    fn of(terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
        let dumb = variable("TERM").is_some_and(|t| t == "dumb");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(&variable);
        let utf8 = locale.map(|l| l.to_lowercase().replace('-', "").contains("utf8"));
        Look {
            color: terminal && !dumb && variable("NO_COLOR").is_none(),
            unicode: utf8.unwrap_or(cfg!(windows)),
            terminal,
        }
    }

    /// A piece of a response. A terminal must not obey what a model writes.
    pub fn piece(self, text: &str) -> String {
        let harmless = |c: char| match c {
            '\n' | '\t' => c,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        };
        match self.terminal {
            true => text.chars().map(harmless).collect(),
            false => text.to_owned(),
        }
    }

    fn dim(self, text: &str) -> String {
        self.painted("2", text)
    }

    fn painted(self, code: &str, text: &str) -> String {
        match self.color {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    fn dash(self) -> &'static str {
        if self.unicode { "·" } else { "-" }
    }

    /// A number with its sign.
    fn number(self, x: f32, digits: usize) -> String {
        let text = format!("{x:.digits$}");
        match self.unicode {
            true => text.replace('-', "−"),
            false => text,
        }
    }

    /// r_s with log p(z_c), such as `self-reward ▕██████████░░░░▏ 0.71 log p(z_c) −12.3`.
    pub fn self_reward(self, score: f32, logprob: Option<f32>) -> String {
        let filled = (score.clamp(0.0, 1.0) * CELLS as f32).round() as usize;
        let [full, empty, left, right] = match self.unicode {
            true => ["█", "░", "▕", "▏"],
            false => ["#", "-", "[", "]"],
        };
        let cells = full.repeat(filled) + &empty.repeat(CELLS - filled);
        let code = match score {
            s if s >= GOOD[0] => "32",
            s if s >= GOOD[1] => "33",
            _ => "31",
        };
        let bar = self.painted(code, &format!("{left}{cells}{right}"));
        let mut line = format!("self-reward {bar} {}", self.number(score, 2));
        if let Some(logprob) = logprob {
            line += &format!(" log p(z_c) {}", self.number(logprob, 1));
        }
        line
    }

    /// Facts in one line, fainter than the rest.
    pub fn facts(self, facts: &[String]) -> String {
        self.dim(&facts.join(&format!(" {} ", self.dash())))
    }

    /// The groups of a vote, the chosen one marked.
    pub fn votes(self, groups: &[VoteGroup], weighted: bool, columns: usize) -> String {
        let mark = if self.unicode { "◀" } else { "<" };
        let weights = |text: String| if weighted { text } else { String::new() };
        let mut lines = vec![self.dim(&format!("votes{}  answer", weights("  weight".into())))];
        for g in groups {
            let left = format!("{:>5}{}", g.votes, weights(format!("  {:>6.2}", g.weight)));
            let space = columns.saturating_sub(left.len() + 4).max(20);
            let answer = match &g.answer {
                Some(answer) => screen::shorten(answer, space),
                None => "(no final answer)".into(),
            };
            let chosen = if g.chosen {
                format!(" {mark}")
            } else {
                String::new()
            };
            let line = format!("{left}  {answer}{chosen}");
            lines.push(match g.chosen {
                true => self.painted("1", &line),
                false => line,
            });
        }
        lines.join("\n")
    }
}

/// Equal answers.
#[derive(Clone, Debug, PartialEq)]
pub struct VoteGroup {
    /// The first of them; `None` for the responses without a final answer.
    pub answer: Option<String>,
    /// How many.
    pub votes: usize,
    /// Their self-rewards, each clamped to \[0, 1\], in all.
    pub weight: f64,
    /// Whether it wins.
    pub chosen: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look {
        color: false,
        unicode: true,
        terminal: false,
    };

    #[test]
    fn a_self_reward_is_a_bar_with_its_numbers() {
        assert_eq!(
            PLAIN.self_reward(0.71, Some(-12.34)),
            "self-reward ▕██████████░░░░▏ 0.71 log p(z_c) −12.3"
        );
        let ascii = Look {
            unicode: false,
            ..PLAIN
        };
        assert_eq!(
            ascii.self_reward(-0.25, Some(-20.0)),
            "self-reward [--------------] -0.25 log p(z_c) -20.0"
        );
        assert_eq!(
            ascii.self_reward(7.0, None),
            "self-reward [##############] 7.00"
        );
    }

    #[test]
    fn the_colour_is_that_of_a_traffic_light() {
        let look = Look {
            color: true,
            ..PLAIN
        };
        for (score, code) in [(0.9, "32"), (0.5, "33"), (0.1, "31")] {
            let line = look.self_reward(score, None);
            assert!(line.contains(&format!("\x1b[{code}m▕")), "{line:?}");
        }
    }

    #[test]
    fn colours_and_characters_are_those_that_the_terminal_can_show() {
        let look = |terminal, variables: &'static [(&str, &str)]| {
            let look = Look::of(terminal, |name| {
                let found = variables.iter().find(|v| v.0 == name);
                found.map(|v| v.1.to_owned())
            });
            (look.color, look.unicode)
        };
        assert_eq!(look(true, &[("LANG", "en_US.UTF-8")]), (true, true));
        assert_eq!(look(false, &[("LANG", "C.utf8")]), (false, true));
        let quiet = &[("NO_COLOR", "1"), ("LC_ALL", "POSIX"), ("LANG", "C.utf8")];
        assert_eq!(look(true, quiet), (false, false));
        assert!(!look(true, &[("TERM", "dumb")]).0);
    }

    #[test]
    fn a_terminal_is_not_given_control_characters() {
        let terminal = Look {
            terminal: true,
            ..PLAIN
        };
        assert_eq!(
            terminal.piece("a\x1b[2J\n\tb\r"),
            "a\u{fffd}[2J\n\tb\u{fffd}"
        );
        assert_eq!(PLAIN.piece("a\x1b[2J"), "a\x1b[2J");
    }

    #[test]
    fn votes_are_a_table_with_the_chosen_answer_marked() {
        let group = |answer: Option<&str>, votes, weight, chosen| VoteGroup {
            answer: answer.map(str::to_owned),
            votes,
            weight,
            chosen,
        };
        let groups = [
            group(Some("42"), 2, 1.5, true),
            group(Some("7"), 5, 0.25, false),
            group(None, 1, 0.0, false),
        ];
        assert_eq!(
            PLAIN.votes(&groups, true, 80),
            "votes  weight  answer\n    2    1.50  42 ◀\n    5    0.25  7\n    1    0.00  (no final answer)"
        );
        let unweighted = PLAIN.votes(&groups, false, 80);
        assert_eq!(
            unweighted.lines().nth(1),
            Some("    2  42 ◀"),
            "{unweighted}"
        );
    }
}
