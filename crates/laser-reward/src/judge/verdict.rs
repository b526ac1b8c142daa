//! From the words of a judge to a number.

use std::collections::BTreeMap;

use regex::Regex;

use crate::RewardError;
use crate::answer::{excerpt, usable};

/// Finds the verdict in a judge's words.
pub struct VerdictRule {
    pattern: Regex,
    /// In lower case.
    words: BTreeMap<String, f64>,
}

impl VerdictRule {
    /// `pattern` finds the verdict: the group of its last match, or the match if it has no group.
    /// `words` are verdicts in words, whatever their case, and the number of each; if empty, a
    /// verdict is a number.
    ///
    /// # Errors
    /// [`RewardError::Setting`] for the part, with the key that is wrong: `pattern` or `words`.
    pub fn new(
        part: &str,
        pattern: &str,
        words: &BTreeMap<String, f64>,
    ) -> Result<Self, RewardError> {
        let error = |key, problem| RewardError::Setting {
            part: part.into(),
            key,
            problem,
        };
        let pattern = Regex::new(pattern).map_err(|e| error("pattern", e.to_string()))?;
        if pattern.captures_len() > 2 {
            let problem = "has more than one group; write (?:…) for those that are not the verdict";
            return Err(error("pattern", problem.into()));
        }
        if let Some((word, x)) = words.iter().find(|(_, x)| !usable(**x)) {
            return Err(error(
                "words",
                format!("{word} = {x} is not a finite number"),
            ));
        }
        let lower = |(word, x): (&String, &f64)| (word.trim().to_lowercase(), *x);
        Ok(VerdictRule {
            pattern,
            words: words.iter().map(lower).collect(),
        })
    }

    /// The number of the verdict.
    ///
    /// # Errors
    /// What cannot be read, in words for the user.
    pub fn number(&self, words: &str) -> Result<f64, String> {
        let unreadable = |what: &str| {
            Err(format!(
                "{what} in the judge's answer `{}`; say in prompt how the answer must end, or change pattern or words",
                excerpt(words)
            ))
        };
        // Judges think first: the last match is the verdict.
        let Some(found) = self.pattern.captures_iter(words).last() else {
            return unreadable("pattern finds nothing");
        };
        let Some(verdict) = (if self.pattern.captures_len() > 1 {
            found.get(1)
        } else {
            found.get(0)
        }) else {
            return unreadable("the group of pattern is not a part of the match");
        };
        let verdict = verdict.as_str().trim();
        let number = match self.words.is_empty() {
            true => verdict.parse().ok().filter(|x| usable(*x)),
            false => self.words.get(&verdict.to_lowercase()).copied(),
        };
        match number {
            Some(number) => Ok(number),
            None if self.words.is_empty() => {
                unreadable(&format!("the verdict `{}` is no number", excerpt(verdict)))
            }
            None => unreadable(&format!(
                "the verdict `{}` is none of the words",
                excerpt(verdict)
            )),
        }
    }
}
