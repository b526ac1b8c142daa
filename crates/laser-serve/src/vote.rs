//! Several samples, of which one is answered.

use laser_openai::ApiError;
use laser_openai::request::{Rule, Vote};
use laser_openai::response::{VoteReport, Votes};
use laser_rl::{Adaptive, Answer, Method, VoteRules, choose, most_trusted};
use laser_verify::{Groups, Verifier};

use crate::form::Whole;
use crate::generation::Generation;

/// A vote that is decided.
pub(crate) struct Elected {
    /// The response that is answered, with the report.
    pub choice: Whole,
    /// Tokens of all responses that were looked at.
    pub tokens: usize,
}

/// A response with its vote.
struct Voter {
    whole: Whole,
    /// Its group of equal answers.
    group: Option<usize>,
}

/// Samples, groups the answers and chooses one. Responses are looked at in the order of their
/// samples, not in that in which they end, so that the same seed gives the same result whatever
/// else is sampled.
///
/// # Errors
/// Those of sampling.
pub(crate) async fn elect(generation: &mut Generation, vote: &Vote) -> Result<Elected, ApiError> {
    let mut open: Vec<(Whole, Option<Option<String>>)> = Vec::new();
    open.resize_with(generation.len(), Default::default);
    let mut voters: Vec<Voter> = Vec::with_capacity(open.len());
    let mut groups = Groups::default();
    while let Some(update) = generation.next().await? {
        let at = update.choice;
        open[at].0.add(update.piece);
        let Some(response) = update.response else {
            continue;
        };
        let text = open[at].0.text.clone();
        let server = generation.server.clone();
        // Long texts and hard comparisons take milliseconds, in which others wait for tokens.
        open[at].1 = Some(
            blocking(move || {
                server
                    .model()
                    .final_answer(&Verifier::default(), &response, &text)
            })
            .await?,
        );
        let next = voters.len();
        let ready = open[next..].iter_mut().map_while(|(whole, answer)| {
            let answer = answer.take()?;
            Some((std::mem::take(whole), answer))
        });
        for (whole, answer) in ready.collect::<Vec<_>>() {
            let mut all = std::mem::take(&mut groups);
            let group;
            (groups, group) = blocking(move || {
                let group = answer.map(|a| all.add(&a));
                (all, group)
            })
            .await?;
            voters.push(Voter { whole, group });
        }
        if let Some(samples) = decided(&voters, vote) {
            voters.truncate(samples);
            (samples..open.len()).for_each(|sample| generation.cancel(sample));
            break;
        }
    }
    let elected = choice(voters, &groups, vote)?;
    if elected.choice.refusal.is_some() {
        generation.server.metrics().abstained();
    }
    Ok(elected)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| ApiError::internal(format!("comparing answers: {e}")))
}

/// How many of the first responses decide the vote, where those that are there do.
fn decided(voters: &[Voter], vote: &Vote) -> Option<usize> {
    let rule = Adaptive {
        most: vote.samples,
        error: vote.adaptive?,
        votes: match vote.rule {
            Rule::Majority => laser_rl::Votes::Majority,
            Rule::Weighted | Rule::Best => laser_rl::Votes::Weighted,
        },
    };
    let keys = keys(voters);
    rule.run(&answers(voters, &keys)).map(|d| d.samples)
}

fn keys(voters: &[Voter]) -> Vec<Option<String>> {
    let key = |v: &Voter| v.group.map(|g| g.to_string());
    voters.iter().map(key).collect()
}

fn answers<'a>(voters: &[Voter], keys: &'a [Option<String>]) -> Vec<Answer<'a>> {
    let voters = voters.iter().zip(keys);
    let answer = |(voter, key): (&Voter, &'a Option<String>)| Answer {
        key: key.as_deref(),
        correct: false,
        score: voter.whole.ending.self_reward,
    };
    voters.map(answer).collect()
}

/// What `vote` chooses from all of `voters`.
fn choice(mut voters: Vec<Voter>, groups: &Groups, vote: &Vote) -> Result<Elected, ApiError> {
    let method = match vote.rule {
        Rule::Weighted => Method::Weighted,
        Rule::Majority => Method::Majority,
        Rule::Best => Method::Best,
    };
    let keys = keys(&voters);
    let answers = answers(&voters, &keys);
    let Some(chosen) = choose(&answers, method, &VoteRules::default()) else {
        return Err(ApiError::internal("a vote without responses"));
    };
    let confidence = chosen.confidence.unwrap_or(0.0);
    let winner = voters[chosen.index].group;
    let sample = match vote.rule {
        Rule::Weighted | Rule::Majority => most_trusted(&answers, chosen.index),
        Rule::Best => chosen.index,
    };
    let written: Vec<&str> = groups.answers().collect();
    let mut votes: Vec<Votes> = Vec::new();
    for voter in &voters {
        let Some(group) = voter.group else { continue };
        // Groups are numbered in the order of the voters.
        if group == votes.len() {
            votes.push(Votes {
                answer: written[group].to_owned(),
                count: 0,
                weight: 0.0,
            });
        }
        votes[group].count += 1;
        votes[group].weight += f64::from(score(voter).clamp(0.0, 1.0));
    }
    let tokens = voters.iter().map(|v| v.whole.tokens.len()).sum();
    let abstained = vote.abstain_below.is_some_and(|least| confidence < least);
    let report = VoteReport {
        answer: winner.map(|g| written[g].to_owned()),
        confidence,
        votes,
        sampled: voters.len(),
        sample,
        abstained,
        tokens: tokens as u64,
    };
    let mut choice = voters.swap_remove(sample).whole;
    choice.report = Some(report);
    if abstained {
        choice.text.clear();
        choice.tokens.clear();
        choice.refusal = Some(format!(
            "No answer: its confidence of {confidence:.3} is below the {} that was asked for.",
            vote.abstain_below.unwrap_or_default()
        ));
    }
    Ok(Elected { choice, tokens })
}

/// The self-reward; less than any where there is none.
fn score(voter: &Voter) -> f32 {
    let score = voter.whole.ending.self_reward;
    score.filter(|s| !s.is_nan()).unwrap_or(f32::NEG_INFINITY)
}
