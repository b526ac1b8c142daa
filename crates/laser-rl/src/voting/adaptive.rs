//! Adaptive K: stop sampling once the vote of all K answers is as good as settled.
//!
//! Two rules say that an answer W will not win the vote of K:
//!
//! - *certain*: the leader stays ahead of W even if every answer that is still to come is W with
//!   weight 1. This alone never changes the result.
//! - *evidence*, with a bound δ on the error: a bet against W. The K answers are drawn one after
//!   the other from the same distribution, so given what they are their order is random: a sample
//!   without replacement. If W has at least the votes of another answer L in the end, S_L − S_W
//!   votes behind L it has to catch up within the answers left, so the next answer's
//!   x = (votes for L) − (votes for W) is on average at most c = (S_W − S_L) / left. A player who
//!   bets on more, with capital multiplied by 1 + λ·(x − c) ≥ 0 and λ ≥ 0 chosen before each draw,
//!   expects no gain; that it ever multiplies its capital by 1/δ has probability at most δ (Ville).
//!   Betting without replacement: Waudby-Smith and Ramdas, arXiv 2010.09686; the same question for
//!   elections: Waudby-Smith, Stark and Ramdas, arXiv 2107.11323.
//!
//! Sampling stops when every answer but the leader is out, also one that has not been seen. The
//! answer chosen then has fewer votes than the vote of K's winner with probability at most δ:
//! whatever the model, the problem and the number of different answers, and at any time of
//! stopping, because this happens only if the player against that one winner was lucky. (An exact
//! tie of the vote of K is no error: the order decides it.) The rule of Adaptive-Consistency
//! (Aggarwal et al., arXiv 2305.11860) asks how probable it is that the leader leads *forever*
//! under a prior, for plain votes; this one asks about K, needs no prior, and takes weights.

use serde::{Deserialize, Serialize};

use super::ballot::Ballot;
use super::{Answer, Method, VoteRules, Weights, choose};

/// Shares of the largest allowed bet; the player splits its capital among them.
const BETS: [f64; 4] = [0.25, 0.5, 0.75, 1.0];

/// The vote that is stopped early. Both have weights in \[0, 1\]: with raw weights nothing is ever
/// settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Votes {
    /// A vote each.
    Majority,
    /// clamp(score, 0, 1) votes each.
    #[default]
    Weighted,
}

/// When to stop sampling answers to a problem.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adaptive {
    /// K: the most samples.
    pub most: usize,
    /// δ, in \[0, 1): the largest probability of choosing an answer that the vote of K would not
    /// have chosen. 0: stop only when that is impossible.
    pub error: f64,
    /// The vote.
    pub votes: Votes,
}

/// Sampling has ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Index of the chosen answer.
    pub winner: usize,
    /// How sure the vote of the answers so far is; see [`Choice`](super::Choice).
    pub confidence: f64,
    /// Answers that were looked at.
    pub samples: usize,
}

impl Adaptive {
    /// Whether the answers so far suffice, and what they decide; `None`: sample one more. Answers
    /// beyond the K-th are ignored. With K answers it is always the vote of K.
    ///
    /// The answers must be in the order in which they were *drawn*: in the order in which they
    /// were finished, short ones come first, and the bound on the error does not hold.
    pub fn decided(&self, so_far: &[Answer]) -> Option<Decision> {
        let so_far = &so_far[..so_far.len().min(self.most)];
        let ballot = self.ballot(so_far);
        let mut watch = Watch::new(self, &ballot);
        (0..so_far.len()).for_each(|i| watch.see(i));
        watch.is_settled().then(|| self.decision(so_far)).flatten()
    }

    /// Goes through `answers` until they are decided, at the latest by the K-th; `None` if they end
    /// before.
    pub fn run(&self, answers: &[Answer]) -> Option<Decision> {
        let answers = &answers[..answers.len().min(self.most)];
        let ballot = self.ballot(answers);
        let mut watch = Watch::new(self, &ballot);
        let stop = (0..answers.len()).find(|&i| {
            watch.see(i);
            watch.is_settled()
        })?;
        self.decision(&answers[..=stop])
    }

    fn ballot(&self, answers: &[Answer]) -> Ballot {
        let mut ballot = Ballot::new(answers, Weights::Clamped);
        if self.votes == Votes::Majority {
            ballot.weight.fill(1.0);
        }
        ballot
    }

    fn decision(&self, answers: &[Answer]) -> Option<Decision> {
        let method = match self.votes {
            Votes::Majority => Method::Majority,
            Votes::Weighted => Method::Weighted,
        };
        let choice = choose(answers, method, &VoteRules::default())?;
        Some(Decision {
            winner: choice.index,
            confidence: choice.confidence.unwrap_or(0.0),
            samples: answers.len(),
        })
    }
}

/// An answer that may still win, with the capital of the player who bets against it.
#[derive(Clone)]
struct Rival {
    votes: f64,
    capital: [f64; BETS.len()],
    /// The player has won.
    out: bool,
}

/// What is known after some answers. Rivals are numbered as the ballot's groups, by their first
/// appearance.
struct Watch<'a> {
    rule: &'a Adaptive,
    ballot: &'a Ballot,
    rivals: Vec<Rival>,
    /// Any answer that has not appeared yet.
    unseen: Rival,
    seen: usize,
}

impl<'a> Watch<'a> {
    fn new(rule: &'a Adaptive, ballot: &'a Ballot) -> Self {
        Watch {
            rule,
            ballot,
            rivals: Vec::new(),
            unseen: Rival {
                votes: 0.0,
                capital: [1.0; BETS.len()],
                out: false,
            },
            seen: 0,
        }
    }

    /// Takes in the next answer, number `i`.
    fn see(&mut self, i: usize) {
        let group = self.ballot.group[i];
        // A player's capital against an answer does not depend on whether it has been seen.
        if group.is_some_and(|g| g == self.rivals.len()) {
            self.rivals.push(self.unseen.clone());
        }
        let bet = Bet {
            left: self.rule.most.saturating_sub(self.seen) as f64,
            error: self.rule.error,
            group,
            weight: self.ballot.weight[i],
        };
        let (first, second) = self.leaders();
        let votes: Vec<f64> = self.rivals.iter().map(|r| r.votes).collect();
        let against = |w: usize| match first {
            Some(first) if first != w => Some(first),
            _ => second,
        };
        for (w, rival) in self.rivals.iter_mut().enumerate() {
            if let Some(leader) = against(w) {
                bet.place(rival, Some(w), leader, votes[leader]);
            }
        }
        if let Some(leader) = first {
            bet.place(&mut self.unseen, None, leader, votes[leader]);
        }
        if let Some(group) = group {
            self.rivals[group].votes += bet.weight;
        }
        self.seen += 1;
    }

    /// The answers with the most and the second most votes; the first to appear of equal ones.
    fn leaders(&self) -> (Option<usize>, Option<usize>) {
        let (mut first, mut second) = (None, None);
        let votes = |of: Option<usize>| of.map_or(f64::NEG_INFINITY, |g| self.rivals[g].votes);
        for (g, rival) in self.rivals.iter().enumerate() {
            if rival.votes > votes(first) {
                (first, second) = (Some(g), first);
            } else if rival.votes > votes(second) {
                second = Some(g);
            }
        }
        (first, second)
    }

    fn is_settled(&self) -> bool {
        let left = self.rule.most.saturating_sub(self.seen);
        if left == 0 {
            return true;
        }
        let (Some(leader), _) = self.leaders() else {
            return false;
        };
        let lead = self.rivals[leader].votes;
        // Without any weight the vote would be by number.
        if lead <= 0.0 {
            return false;
        }
        // Added one by one, as the vote adds them, so that rounding is the same.
        let reach = |votes: f64| (0..left).fold(votes, |votes, _| votes + 1.0);
        let loses = |(w, rival): (usize, &Rival)| {
            let most = reach(rival.votes);
            w == leader || rival.out || lead > most || (lead == most && leader < w)
        };
        (self.unseen.out || lead >= reach(0.0)) && self.rivals.iter().enumerate().all(loses)
    }
}

/// The next answer, as the players see it.
struct Bet {
    /// Answers left, this one included.
    left: f64,
    error: f64,
    group: Option<usize>,
    weight: f64,
}

impl Bet {
    /// Plays against `rival` (group `own`) and for `leader`, who had so many `votes` before.
    fn place(&self, rival: &mut Rival, own: Option<usize>, leader: usize, votes: f64) {
        let mean = (rival.votes - votes) / self.left;
        // Nothing to bet on when the rival leads; and what cannot catch up is out by counting.
        if mean >= 0.0 || mean <= -1.0 {
            return;
        }
        let x = match self.group {
            Some(group) if group == leader => self.weight,
            group if group.is_some() && group == own => -self.weight,
            _ => 0.0,
        };
        // The largest bet loses everything with x = -1.
        let largest = 1.0 / (1.0 + mean);
        for (capital, bet) in rival.capital.iter_mut().zip(BETS) {
            *capital *= 1.0 + bet * largest * (x - mean);
        }
        let total: f64 = rival.capital.iter().sum();
        rival.out |= self.error * total / BETS.len() as f64 >= 1.0;
    }
}

#[cfg(test)]
mod tests;
