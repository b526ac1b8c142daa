//! Which of several responses answers a question.

use laser_rl::{Answer as Voter, Method, VoteRules, choose, most_trusted};
use laser_train::{Answer, LanguageModel};
use laser_verify::{Groups, Verifier};

use super::look::VoteGroup;

/// A vote that was counted.
pub struct Vote {
    /// Equal answers, the heaviest first; responses without a final answer last.
    pub groups: Vec<VoteGroup>,
    /// The response that tells the winning answer: of those that have it, the one with the highest
    /// self-reward.
    pub chosen: usize,
    /// Whether there was any final answer to vote on.
    pub by_vote: bool,
}

/// Counts the votes of responses to the same question: weighted with the self-reward, and where
/// there is none, by number. Without final answers the response with the highest self-reward is
/// chosen. `None` without responses.
pub fn decide(model: &LanguageModel, answers: &[Answer]) -> Option<Vote> {
    let verifier = Verifier::default();
    let mut equal = Groups::default();
    let groups: Vec<Option<usize>> = answers
        .iter()
        .map(|a| model.final_answer(&verifier, &a.response, &a.text))
        .map(|answer| answer.map(|a| equal.add(&a)))
        .collect();
    let written: Vec<&str> = equal.answers().collect();
    let scores: Vec<Option<f32>> = answers.iter().map(|a| a.self_reward).collect();
    count(&groups, &written, &scores)
}

fn count(groups: &[Option<usize>], written: &[&str], scores: &[Option<f32>]) -> Option<Vote> {
    let voters: Vec<Voter> = groups
        .iter()
        .zip(scores)
        .map(|(group, score)| Voter {
            key: group.map(|g| written[g]),
            correct: false,
            score: *score,
        })
        .collect();
    let by_vote = groups.iter().any(Option::is_some);
    let method = match by_vote {
        true => Method::Weighted,
        false => Method::Best,
    };
    let first = choose(&voters, method, &VoteRules::default())?.index;
    let score = |i: usize| {
        scores[i]
            .filter(|s| !s.is_nan())
            .unwrap_or(f32::NEG_INFINITY)
    };
    let winner = groups[first];
    let chosen = most_trusted(&voters, first);
    let mut tally: Vec<VoteGroup> = Vec::new();
    for key in (0..written.len()).map(Some).chain([None]) {
        let of_key: Vec<usize> = (0..groups.len()).filter(|i| groups[*i] == key).collect();
        if of_key.is_empty() {
            continue;
        }
        tally.push(VoteGroup {
            answer: key.map(|k| written[k].to_owned()),
            votes: of_key.len(),
            weight: of_key
                .iter()
                .map(|i| f64::from(score(*i).clamp(0.0, 1.0)))
                .sum(),
            chosen: by_vote && key == winner,
        });
    }
    // Stable, so that equal ones stay in the order in which they appeared.
    tally.sort_by(|a, b| {
        let rank = |g: &VoteGroup| (!g.chosen, g.answer.is_none());
        rank(a)
            .cmp(&rank(b))
            .then(b.weight.total_cmp(&a.weight))
            .then(b.votes.cmp(&a.votes))
    });
    Some(Vote {
        groups: tally,
        chosen,
        by_vote,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(vote: &Vote) -> Vec<(Option<&str>, usize, bool)> {
        let row = |g: &VoteGroup| (g.votes, g.chosen);
        let rows = vote.groups.iter();
        rows.map(|g| (g.answer.as_deref(), row(g).0, row(g).1))
            .collect()
    }

    #[test]
    fn the_heaviest_answer_wins_and_its_most_trusted_response_tells_it() {
        let groups = [Some(0), Some(1), Some(0), None, Some(1), Some(0)];
        let scores = [0.1, 0.7, 0.2, 0.9, 0.8, 0.1].map(Some);
        let vote = count(&groups, &["5", "7"], &scores).unwrap();
        assert_eq!((vote.chosen, vote.by_vote), (4, true));
        let expected = [
            (Some("7"), 2, true),
            (Some("5"), 3, false),
            (None, 1, false),
        ];
        assert_eq!(shown(&vote), expected);
        assert!((vote.groups[0].weight - 1.5).abs() < 1e-6);
    }

    #[test]
    fn without_self_rewards_the_most_votes_win() {
        let groups = [Some(0), Some(1), Some(1)];
        let vote = count(&groups, &["5", "7"], &[None; 3]).unwrap();
        assert_eq!(vote.chosen, 1);
        assert_eq!(shown(&vote)[0], (Some("7"), 2, true));
    }

    #[test]
    fn without_final_answers_the_most_trusted_response_is_chosen() {
        let vote = count(&[None; 3], &[], &[Some(0.2), None, Some(0.4)]).unwrap();
        assert_eq!((vote.chosen, vote.by_vote), (2, false));
        assert_eq!(shown(&vote), [(None, 3, false)]);
        assert!(count(&[], &[], &[]).is_none());
    }
}
