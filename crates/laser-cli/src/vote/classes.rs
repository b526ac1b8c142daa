//! Which answers are the same mathematics.

use std::collections::HashMap;

use laser_verify::{Groups, Verifier};

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
    // Where each text was seen first.
    let mut known: HashMap<(&str, bool), usize> = HashMap::new();
    let mut classes = Classes::default();
    let mut read = Read {
        found: Vec::with_capacity(answers.len()),
        class: Vec::with_capacity(answers.len()),
        correct: Vec::with_capacity(answers.len()),
    };
    for (i, answer) in answers.iter().enumerate() {
        let label = labels.is_some_and(|labels| labels[i]);
        let (found, class, correct) = match answer {
            None => (None, None, label),
            Some(answer) => match known.get(&(answer.as_str(), label)) {
                Some(&same) => (
                    read.found[same].clone(),
                    read.class[same],
                    read.correct[same],
                ),
                None => {
                    known.insert((answer, label), i);
                    let equals = |gold| verifier.verify_read(gold, answer).verdict.is_equal();
                    let correct = label || gold.as_ref().is_some_and(equals);
                    // What is the gold answer's text is an answer, whatever it looks like.
                    let whole = || correct.then(|| answer.trim().to_owned());
                    let found = verifier.answer(answer).or_else(whole);
                    let class = found.as_deref().map(|f| classes.add(f, label));
                    (found, class, correct)
                }
            },
        };
        read.found.push(found);
        read.class.push(class);
        read.correct.push(correct);
    }
    Ok(read)
}

/// Classes of equal answers, apart for right and wrong ones.
#[derive(Default)]
struct Classes {
    wrong: Groups,
    right: Groups,
    /// The number of each class among all, by label and place among those of its label.
    numbers: HashMap<(bool, usize), usize>,
}

impl Classes {
    /// The number of the class of an answer, in order of appearance.
    fn add(&mut self, answer: &str, label: bool) -> usize {
        let groups = if label {
            &mut self.right
        } else {
            &mut self.wrong
        };
        let next = self.numbers.len();
        *self
            .numbers
            .entry((label, groups.add(answer)))
            .or_insert(next)
    }
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
        let texts = ["\\boxed{blue}", "\\boxed{red}", "\\boxed{blue}", "", " \n"];
        assert_eq!(classes(&texts), [Some(0), Some(1), Some(0), None, None]);
    }

    #[test]
    fn labels_that_are_given_are_the_truth() {
        let answers: Vec<Option<String>> = ["1/2", "0.5", "3"].map(|a| Some(a.into())).to_vec();
        let found = read(Some("3"), &answers, Some(&[true, false, false])).unwrap();
        assert_eq!(found.correct, [true, false, false]);
        assert_eq!(found.class, [Some(0), Some(1), Some(2)]);
    }
}
