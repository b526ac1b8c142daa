//! What a line at the prompt asks for.

use std::path::PathBuf;

/// Answers that a vote samples where it is not told how many.
const VOTES: usize = 8;
/// Most of them.
const MOST_VOTES: usize = 1024;

/// What `/help` says.
pub const HELP: &str = "\
/vote [N] [QUESTION]  answer the question, or the last one again, by a vote of N answers (8)
/retry                answer the last question again
/system [TEXT]        put a system message before the conversation; without TEXT, take it away
/set [KEY=VALUE]      temperature, top_p, top_k, min_p, max_new_tokens, seed; without one, show them
/clear                forget the conversation; settings and system message stay
/save FILE            write the conversation as JSON lines {\"role\", \"content\"}
/help                 show this
/quit                 end; so does Ctrl-D, and Ctrl-C at the prompt. Ctrl-C stops an answer
//TEXT                ask a question that begins with /";

/// A line that was understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// Nothing.
    Empty,
    /// A question.
    Ask(String),
    /// A vote of so many answers to a question, or to the last one.
    Vote(usize, Option<String>),
    /// The last question again.
    Retry,
    /// A system message, or none.
    System(Option<String>),
    /// A setting by its name, or all that there are.
    Set(Option<(String, String)>),
    /// An empty conversation.
    Clear,
    /// The conversation to a file.
    Save(PathBuf),
    /// The commands.
    Help,
    /// The end.
    Quit,
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with a command, and what was expected.
    pub fn read(line: &str) -> Result<Line, String> {
        let line = line.trim();
        let Some(command) = line.strip_prefix('/') else {
            return Ok(match line {
                "" => Line::Empty,
                question => Line::Ask(question.into()),
            });
        };
        if command.starts_with('/') {
            return Ok(Line::Ask(command.into()));
        }
        let (name, rest) = match command.split_once(char::is_whitespace) {
            Some((name, rest)) => (name, rest.trim()),
            None => (command, ""),
        };
        let given = (!rest.is_empty()).then(|| rest.to_owned());
        let alone = |line: Line| match rest {
            "" => Ok(line),
            _ => Err(format!("/{name} takes nothing after it, not '{rest}'")),
        };
        match name {
            "vote" => vote(rest),
            "retry" => alone(Line::Retry),
            "system" => Ok(Line::System(given)),
            "set" => match given {
                None => Ok(Line::Set(None)),
                Some(setting) => match setting.split_once('=') {
                    Some((key, value)) => Ok(Line::Set(Some((
                        key.trim().to_owned(),
                        value.trim().to_owned(),
                    )))),
                    None => Err(format!(
                        "/set {setting}: KEY=VALUE is expected, such as /set temperature=0.7"
                    )),
                },
            },
            "clear" => alone(Line::Clear),
            "save" => given
                .map(|file| Line::Save(file.into()))
                .ok_or_else(|| "/save: a file is expected, such as /save chat.jsonl".into()),
            "help" => alone(Line::Help),
            "quit" | "exit" => alone(Line::Quit),
            _ => Err(format!(
                "/{name}: there is no such command; /help shows them, and //{command} asks the model"
            )),
        }
    }
}

fn vote(rest: &str) -> Result<Line, String> {
    let (first, question) = match rest.split_once(char::is_whitespace) {
        Some((first, question)) => (first, question.trim()),
        None => (rest, ""),
    };
    if first.is_empty() {
        return Ok(Line::Vote(VOTES, None));
    }
    // `/vote what is 1+1` has no number.
    let Ok(votes) = first.parse::<usize>() else {
        return Ok(Line::Vote(VOTES, Some(rest.into())));
    };
    if !(1..=MOST_VOTES).contains(&votes) {
        return Err(format!(
            "/vote {votes}: a number of answers from 1 to {MOST_VOTES} is expected"
        ));
    }
    let question = (!question.is_empty()).then(|| question.to_owned());
    Ok(Line::Vote(votes, question))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_questions_or_commands() {
        for (line, expected) in [
            ("  ", Line::Empty),
            (" 1+1=\n", Line::Ask("1+1=".into())),
            ("//tmp is what?", Line::Ask("/tmp is what?".into())),
            ("/vote", Line::Vote(8, None)),
            ("/vote 4", Line::Vote(4, None)),
            ("/vote 4 why  not", Line::Vote(4, Some("why  not".into()))),
            ("/vote why not", Line::Vote(8, Some("why not".into()))),
            ("/retry", Line::Retry),
            ("/system", Line::System(None)),
            ("/system Be brief.", Line::System(Some("Be brief.".into()))),
            ("/set", Line::Set(None)),
            (
                "/set top_p = 0.9",
                Line::Set(Some(("top_p".into(), "0.9".into()))),
            ),
            ("/clear", Line::Clear),
            ("/save a b.jsonl", Line::Save("a b.jsonl".into())),
            ("/help", Line::Help),
            ("/quit", Line::Quit),
        ] {
            assert_eq!(Line::read(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn a_wrong_command_is_told_what_is_expected() {
        for (line, expected) in [
            ("/vote 0", "from 1 to 1024"),
            ("/vote 2000", "from 1 to 1024"),
            ("/retry now", "takes nothing after it, not 'now'"),
            ("/set temperature", "KEY=VALUE"),
            ("/save", "a file is expected"),
            (
                "/etc/passwd",
                "/help shows them, and //etc/passwd asks the model",
            ),
        ] {
            let error = Line::read(line).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
