//! Which answers are the same mathematics.

use std::collections::HashMap;

use laser_verify::{Gold, Verifier, extract};

/// Answers that were read: what each says, its class, and whether it is right.
pub struct Read {
    /// The answer found in each text; `None` where there is none.
    pub found: Vec<Option<String>>,
    /// The number of each answer's class.
    pub class: Vec<Option<usize>>,
    /// Whether each equals the gold answer; all false without one.
    pub correct: Vec<bool>,
}

/// Reads the answers to one problem. Equality has no guarantee to be transitive (a rounded decimal
/// equals two fractions that differ), so classes are made in order: an answer belongs to the first
/// class whose first answer it equals, and a text that was seen before to that text's class. Where
/// `labels` are given they are the truth, and answers with different labels are never of one
/// class.
///
/// # Errors
/// A gold answer that cannot be read.
pub fn read(
    gold: Option<&str>,
    answers: &[Option<String>],
    labels: Option<&[bool]>,
) -> Result<Read, String> {
    let verifier = Verifier::default();
    let gold = gold.filter(|_| labels.is_none());
    let gold = gold.map(|gold| {
        let read = verifier.read_gold(gold);
        read.map_err(|e| format!("'gold' cannot be read: {e}"))
    });
    let gold = gold.transpose()?;
    let mut known: HashMap<(&str, bool), (Option<String>, Option<usize>, bool)> = HashMap::new();
    let mut classes: Vec<Class> = Vec::new();
    let mut read = Read {
        found: Vec::with_capacity(answers.len()),
        class: Vec::with_capacity(answers.len()),
        correct: Vec::with_capacity(answers.len()),
    };
    for (i, answer) in answers.iter().enumerate() {
        let label = labels.is_some_and(|labels| labels[i]);
        let Some(answer) = answer else {
            read.found.push(None);
            read.class.push(None);
            read.correct.push(label);
            continue;
        };
        let (found, class, correct) = known.entry((answer, label)).or_insert_with(|| {
            let equals = |gold| verifier.verify_read(gold, answer).verdict.is_equal();
            let correct = label || gold.as_ref().is_some_and(equals);
            // What is the gold answer's text is an answer, whatever it looks like.
            let whole = || correct.then(|| answer.trim().to_owned());
            let found = found(&verifier, answer).or_else(whole);
            let class = found
                .as_deref()
                .map(|f| class(&verifier, &mut classes, f, label));
            (found, class, correct)
        });
        read.found.push(found.clone());
        read.class.push(*class);
        read.correct.push(*correct);
    }
    Ok(read)
}

/// The answer in a text, as the verifier finds it.
fn found(verifier: &Verifier, answer: &str) -> Option<String> {
    let candidates = extract::candidates(answer, &verifier.extraction, &verifier.limits).ok()?;
    let best = candidates.first()?;
    let percent = if best.percent { "\\%" } else { "" };
    let text = best.parts.join(", ") + percent;
    (!text.trim().is_empty()).then_some(text)
}

/// A class by its first answer.
struct Class {
    text: String,
    /// `None` where it cannot be read: it equals the same text alone.
    first: Option<Gold>,
    label: bool,
}

/// The number of the class of an answer, a new one if it equals no other.
fn class(verifier: &Verifier, classes: &mut Vec<Class>, found: &str, label: bool) -> usize {
    let same = |class: &Class| {
        let equals = |first| verifier.verify_read(first, found).verdict.is_equal();
        class.label == label && (class.text == found || class.first.as_ref().is_some_and(equals))
    };
    classes.iter().position(same).unwrap_or_else(|| {
        classes.push(Class {
            text: found.into(),
            first: verifier.read_gold(found).ok(),
            label,
        });
        classes.len() - 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(answers: &[&str]) -> Vec<Option<usize>> {
        let answers: Vec<Option<String>> = answers.iter().map(|a| Some((*a).into())).collect();
        read(None, &answers, None).unwrap().class
    }

    #[test]
    fn the_same_mathematics_is_one_class() {
        let found = classes(&["0.5", "1/2", "\\frac12", "2", "so it is \\boxed{0.50}"]);
        assert_eq!(found, [Some(0), Some(0), Some(0), Some(1), Some(0)]);
    }

    #[test]
    fn words_are_compared_as_text_and_silence_has_no_class() {
        let found = classes(&["\\boxed{blue}", "\\boxed{red}", "\\boxed{blue}", ""]);
        assert_eq!(found, [Some(0), Some(1), Some(0), None]);
    }

    #[test]
    fn labels_that_are_given_are_the_truth() {
        let answers: Vec<Option<String>> = ["1/2", "0.5", "3"].map(|a| Some(a.into())).to_vec();
        let found = read(Some("3"), &answers, Some(&[true, false, false])).unwrap();
        assert_eq!(found.correct, [true, false, false]);
        assert_eq!(found.class, [Some(0), Some(1), Some(2)]);
    }
}
