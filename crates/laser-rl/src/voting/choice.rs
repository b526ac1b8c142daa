//! One answer out of several, with how sure the vote is.

use serde::{Deserialize, Serialize};

use super::{Answer, VoteRules, Weights, best_of, borda, borda_votes, majority, weighted_majority};

/// How one of several answers is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// [`majority`].
    Majority,
    /// [`weighted_majority`].
    #[default]
    Weighted,
    /// [`best_of`].
    Best,
    /// [`borda`].
    Borda,
}

/// A chosen answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Which of the answers.
    pub index: usize,
    /// What it was chosen by: the number, sum of weights or Borda votes of all answers with its
    /// key, or its score ([`Method::Best`]; `None` without one).
    pub votes: Option<f64>,
    /// `votes` as a share of what would be unanimous, in \[0, 1\]:
    ///
    /// - majority: of the number of answers; those without a key count too;
    /// - weighted: the same, so it is the mean weight with every other answer's set to 0, which is
    ///   high only for answers that agree *and* are trusted;
    /// - Borda: of the votes that the ranks have in all;
    /// - best: the score, clamped to \[0, 1\].
    ///
    /// With [`Weights::Raw`] the mean weight is clamped to \[0, 1\] too.
    pub confidence: Option<f64>,
}

/// Of the answers with the key of `winner`, the one with the highest score, the first of equal
/// ones: equal answers differ in how they are told, and the score judges the telling. `winner`
/// itself where it has no key.
pub fn most_trusted(answers: &[Answer], winner: usize) -> usize {
    let score = |i: usize| {
        let score = answers[i].score.filter(|s| !s.is_nan());
        score.unwrap_or(f32::NEG_INFINITY)
    };
    let key = answers[winner].key;
    let agree = (0..answers.len()).filter(|i| key.is_some() && answers[*i].key == key);
    agree.fold(winner, |best, i| match score(i) > score(best) {
        true => i,
        false => best,
    })
}

/// Chooses an answer. `None` only for no answers.
pub fn choose(answers: &[Answer], method: Method, rules: &VoteRules) -> Option<Choice> {
    let n = answers.len() as f64;
    let index = match method {
        Method::Majority => majority(answers),
        Method::Weighted => weighted_majority(answers, rules.weights),
        Method::Best => best_of(answers),
        Method::Borda => borda(answers, rules.borda_power),
    }?;
    let chosen = &answers[index];
    let agree = |a: &Answer| a.key.is_some() && a.key == chosen.key;
    let sum = |weight: &dyn Fn(&Answer) -> f64| -> f64 {
        answers.iter().filter(|a| agree(a)).map(weight).sum()
    };
    let (votes, confidence) = match method {
        Method::Majority => {
            let votes = sum(&|_| 1.0);
            (Some(votes), Some(votes / n))
        }
        Method::Weighted => {
            let votes = sum(&|a| rules.weights.of(a));
            (Some(votes), Some((votes / n).clamp(0.0, 1.0)))
        }
        Method::Borda => {
            let votes = borda_votes(answers, rules.borda_power);
            let own = votes.iter().zip(answers).filter(|(_, a)| agree(a));
            let votes: f64 = own.map(|(v, _)| v).sum();
            let all: f64 = (1..=answers.len())
                .map(|rank| (rank as f64).powf(rules.borda_power))
                .sum();
            (Some(votes), Some(votes / all))
        }
        Method::Best => {
            let clamped = chosen.number().map(|_| Weights::Clamped.of(chosen));
            (chosen.number().map(f64::from), clamped)
        }
    };
    Some(Choice {
        index,
        votes,
        // Votes too large for a number have no share.
        confidence: confidence.filter(|c| c.is_finite()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> Vec<Answer<'static>> {
        [
            (Some("5"), Some(0.2)),
            (Some("7"), Some(0.9)),
            (Some("5"), Some(0.3)),
            (None, Some(0.6)),
        ]
        .map(|(key, score)| Answer {
            key,
            correct: false,
            score,
        })
        .to_vec()
    }

    #[test]
    fn the_confidence_of_a_choice_is_its_share_of_unanimity() {
        let of = |method| choose(&answers(), method, &VoteRules::default()).unwrap();
        let close = |choice: Choice, index, votes: f64, confidence: f64| {
            assert_eq!(choice.index, index);
            assert!((choice.votes.unwrap() - votes).abs() < 1e-6, "{choice:?}");
            assert!((choice.confidence.unwrap() - confidence).abs() < 1e-6);
        };
        close(of(Method::Majority), 0, 2.0, 0.5);
        close(of(Method::Weighted), 1, 0.9, 0.225);
        close(of(Method::Best), 1, 0.9, 0.9);
        // Ranks: 0.9, then the one without a key, 0.3, 0.2; votes 2, -, √2, 1.
        let all = 1.0 + 2f64.sqrt() + 3f64.sqrt() + 2.0;
        let own = 1.0 + 2f64.sqrt();
        close(of(Method::Borda), 0, own, own / all);
    }

    #[test]
    fn a_choice_without_scores_or_answers_says_so() {
        let mut answers = answers();
        for a in &mut answers {
            a.score = None;
        }
        let rules = VoteRules::default();
        let best = choose(&answers, Method::Best, &rules).unwrap();
        assert_eq!((best.index, best.votes, best.confidence), (0, None, None));
        let weighted = choose(&answers, Method::Weighted, &rules).unwrap();
        assert_eq!((weighted.index, weighted.confidence), (0, Some(0.0)));
        assert_eq!(choose(&[], Method::Majority, &rules), None);
        let silent = [answers[3]];
        let majority = choose(&silent, Method::Majority, &rules).unwrap();
        assert_eq!((majority.index, majority.votes), (0, Some(0.0)));
        let beyond = VoteRules {
            borda_power: 5000.0,
            ..rules
        };
        let borda = choose(&answers, Method::Borda, &beyond).unwrap();
        assert_eq!((borda.index, borda.confidence), (0, None));
    }
}
