//! What each number is, as docs/metrics.md says it: one text for both.

use std::collections::BTreeMap;
use std::sync::LazyLock;

const METRICS: &str = include_str!("../../../docs/metrics.md");

/// What a number is.
#[derive(Debug, PartialEq)]
pub struct Note {
    /// Its unit; empty where it has none.
    pub unit: String,
    /// What it is.
    pub text: String,
    /// What a healthy run shows.
    pub healthy: String,
}

static NOTES: LazyLock<BTreeMap<String, Note>> = LazyLock::new(|| read(METRICS));

/// The note of a key; None where the page says nothing of it.
pub fn note(key: &str) -> Option<&'static Note> {
    let parent = |key: &str| key.rsplit_once('/').map(|(parent, _)| parent.to_owned());
    // `seconds/rollout` is a member of `seconds`; `sft/optim/lr` is the warm start's `optim/lr`.
    let direct = NOTES
        .get(key)
        .or_else(|| NOTES.get(key.strip_prefix("sft/")?));
    direct.or_else(|| NOTES.get(&parent(key.strip_prefix("sft/").unwrap_or(key))?))
}

/// The rows of the tables with four columns.
fn read(page: &str) -> BTreeMap<String, Note> {
    let rows = page.lines().filter_map(|line| {
        let inner = line.strip_prefix("| `")?.strip_suffix('|')?;
        let (key, rest) = inner.split_once('`')?;
        let cells: Vec<String> = rest.split('|').map(|cell| plain(cell.trim())).collect();
        let [_, unit, text, healthy] = cells.as_slice() else {
            return None;
        };
        let note = Note {
            unit: unit.clone(),
            text: text.clone(),
            healthy: healthy.clone(),
        };
        Some((key.to_owned(), note))
    });
    rows.collect()
}

/// Without the marks of Markdown.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        out += before;
        match link.split_once("](").and_then(|(words, target)| {
            let (_, after) = target.split_once(')')?;
            // Other brackets on the way are no link's.
            (!words.contains(['[', ']'])).then_some((words, after))
        }) {
            Some((words, after)) => {
                out += words;
                rest = after;
            }
            None => {
                out.push('[');
                rest = link;
            }
        }
    }
    (out + rest).replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_words_of_the_page_of_metrics() {
        let share = note("reward/verifier").unwrap();
        assert_eq!(share.unit, "share");
        assert!(share.text.starts_with("right responses"));
        assert_eq!(share.healthy, "rises");
        assert_eq!(note("optim/lr").unwrap().text, "learning rate");
        assert_eq!(note("sft/optim/lr"), note("optim/lr"));
        assert_eq!(note("seconds/rollout").unwrap().unit, "s");
        assert_eq!(note("nobody/knows"), None);
    }

    #[test]
    fn links_and_code_become_plain_words() {
        assert_eq!(
            plain("mean of `a[0]` ([rewards](rewards.md)), b"),
            "mean of a[0] (rewards), b"
        );
    }
}
