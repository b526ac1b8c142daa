//! The search for responses to one prompt: which continuations live on, and which are found.

use std::cmp::Ordering;

use laser_model::Step;

use super::{BeamSearch, Hypothesis};
use crate::engine::{Finish, Response, RolloutError, SelfRewardPosition};
use crate::row::Distribution;
use crate::sampling::SamplingError;

/// The beams of a prompt and what they have found.
pub(super) struct Search<'a> {
    settings: &'a BeamSearch,
    request: usize,
    /// Tokens of the prompt.
    prompt: usize,
    /// First of the `width` places in the cache that the beams share.
    first_slot: usize,
    /// Tokens of every beam.
    length: usize,
    /// The likeliest first.
    beams: Vec<Beam>,
    /// The best first, at most `width`.
    found: Vec<Found>,
    /// Copies in the cache that the new beams need: from, to, tokens.
    forks: Vec<(usize, usize, usize)>,
    done: bool,
}

#[derive(Clone)]
struct Beam {
    slot: usize,
    ids: Vec<u32>,
    logprobs: Vec<f32>,
    /// Self-certainty, summed over the tokens.
    certainty: f64,
    /// Σ log p, nats.
    sum: f64,
}

struct Found {
    hypothesis: Hypothesis,
    /// The stop token still has to be fed at this place of the cache to read log p(z_c).
    closing: Option<usize>,
}

/// A beam with one more token.
#[derive(Clone, Copy)]
struct Candidate {
    beam: usize,
    id: u32,
    logit: f32,
    logprob: f32,
    sum: f64,
    stops: bool,
}

impl Candidate {
    /// The likelier first; of equals the one of the earlier beam, then the smaller id, so that the
    /// result is a function of the logits alone.
    fn order(&self, other: &Candidate) -> Ordering {
        let (a, b) = (self, other);
        let by_sum = b.sum.total_cmp(&a.sum);
        by_sum
            .then(a.beam.cmp(&b.beam))
            .then(b.logit.total_cmp(&a.logit))
            .then(a.id.cmp(&b.id))
    }
}

impl<'a> Search<'a> {
    /// A search that begins with the distribution after a prompt, which lies at `first_slot`.
    pub fn new(
        settings: &'a BeamSearch,
        request: usize,
        prompt: usize,
        first_slot: usize,
    ) -> Search<'a> {
        Search {
            settings,
            request,
            prompt,
            first_slot,
            length: 0,
            beams: vec![Beam {
                slot: first_slot,
                ids: Vec::new(),
                logprobs: Vec::new(),
                certainty: 0.0,
                sum: 0.0,
            }],
            found: Vec::new(),
            forks: Vec::new(),
            done: false,
        }
    }

    pub fn request(&self) -> usize {
        self.request
    }

    pub fn first_slot(&self) -> usize {
        self.first_slot
    }

    pub fn is_done(&self) -> bool {
        self.done
    }

    pub fn into_found(self) -> Vec<Hypothesis> {
        self.found.into_iter().map(|f| f.hypothesis).collect()
    }

    /// The last token of every beam, to be fed; none once the search is over.
    pub fn steps(&self) -> impl Iterator<Item = Step> {
        let position = self.prompt + self.length - 1;
        self.beams.iter().filter_map(move |b| {
            Some(Step {
                slot: b.slot,
                position,
                token: *b.ids.last()?,
            })
        })
    }

    /// Takes the distributions after the beams: one step of the search.
    ///
    /// # Errors
    /// Logits that are not numbers.
    pub fn advance<'r>(
        &mut self,
        row: impl Fn(usize) -> Distribution<'r>,
    ) -> Result<(), RolloutError> {
        let width = self.settings.width;
        let mut candidates = Vec::new();
        for beam in 0..self.beams.len() {
            self.continuations(beam, row(beam), &mut candidates)?;
        }
        candidates.sort_unstable_by(Candidate::order);
        self.length += 1;
        let last = self.length == self.settings.max_new_tokens;
        let ends = candidates.iter().take(width);
        let ends: Vec<Candidate> = ends.filter(|c| c.stops || last).copied().collect();
        for c in ends {
            self.find(c, row(c.beam));
        }
        candidates.retain(|c| !c.stops);
        candidates.truncate(width);
        self.done = last || candidates.is_empty() || self.is_hopeless(&candidates[0]);
        match self.done {
            true => self.beams.clear(),
            false => {
                for (i, beam) in self.beams.iter_mut().enumerate() {
                    beam.certainty += row(i).certainty();
                }
                self.grow(&candidates);
            }
        }
        Ok(())
    }

    /// Adds the continuations of a beam that may be among the likeliest of all.
    fn continuations(
        &self,
        beam: usize,
        row: Distribution,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), RolloutError> {
        let s = self.settings;
        let broken = !row.lse.is_finite() || row.logits.iter().any(|x| x.is_nan());
        if broken {
            return Err(RolloutError::Sampling {
                request: self.request,
                position: self.length,
                what: SamplingError::NotFinite,
            });
        }
        let sum = self.beams[beam].sum;
        let candidate = |id: usize, stops| {
            let logit = row.logits[id];
            Candidate {
                beam,
                id: id as u32,
                logit,
                logprob: logit - row.lse,
                // In f64 no two logits that differ become equal.
                sum: sum + (f64::from(logit) - f64::from(row.lse)),
                stops,
            }
        };
        let mut going = Vec::with_capacity(row.logits.len());
        for id in (0..row.logits.len()).filter(|id| s.self_reward_token != Some(*id as u32)) {
            let stops = s.stop.contains(&(id as u32));
            let candidate = candidate(id, stops);
            match stops {
                _ if candidate.sum == f64::NEG_INFINITY => {}
                true => candidates.push(candidate),
                false => going.push(candidate),
            }
        }
        if going.len() > s.width {
            going.select_nth_unstable_by(s.width - 1, Candidate::order);
            going.truncate(s.width);
        }
        candidates.extend(going);
        Ok(())
    }

    /// Σ log p / length^α.
    fn score(&self, sum: f64) -> f64 {
        sum / (self.length as f64).powf(f64::from(self.settings.length_penalty))
    }

    /// Keeps a complete response if it is among the best.
    fn find(&mut self, c: Candidate, row: Distribution) {
        let s = self.settings;
        let score = self.score(c.sum);
        let place = self.found.partition_point(|f| f.hypothesis.score >= score);
        if place >= s.width {
            return;
        }
        let beam = &self.beams[c.beam];
        let (self_logprob, closing) = match (c.stops, s.self_reward_token, s.self_reward_position) {
            (true, Some(_), SelfRewardPosition::AfterEos) => (None, Some(beam.slot)),
            (true, Some(zc), SelfRewardPosition::AtEos) => (Some(row.logprob(zc)), None),
            _ => (None, None),
        };
        let response = Response {
            ids: [&beam.ids[..], &[c.id]].concat(),
            logprobs: [&beam.logprobs[..], &[c.logprob]].concat(),
            finish: match c.stops {
                true => Finish::Stop,
                false => Finish::Length,
            },
            self_logprob,
            self_certainty: Some(((beam.certainty + row.certainty()) / self.length as f64) as f32),
            drawn: beam.ids.len() + 1,
        };
        let hypothesis = Hypothesis { response, score };
        let found = Found {
            hypothesis,
            closing,
        };
        self.found.insert(place, found);
        self.found.truncate(s.width);
    }

    /// Whether enough is found and the likeliest beam would not be better if it ended now.
    fn is_hopeless(&self, best: &Candidate) -> bool {
        let full = self.found.len() >= self.settings.width;
        let worst = self.found.last().map(|f| f.hypothesis.score);
        full && worst.is_some_and(|worst| self.score(best.sum) <= worst)
    }

    /// The beams of the next step. The likeliest child of a beam stays at its place in the cache,
    /// the others get places that nobody needs any more.
    fn grow(&mut self, children: &[Candidate]) {
        let places = self.first_slot..self.first_slot + self.settings.width;
        let kept = |slot: usize| children.iter().any(|c| self.beams[c.beam].slot == slot);
        let mut free: Vec<usize> = places.filter(|slot| !kept(*slot)).collect();
        let cached = self.prompt + self.length - 1;
        let mut taken = Vec::with_capacity(children.len());
        let mut forks = Vec::new();
        for c in children {
            let own = self.beams[c.beam].slot;
            let slot = match taken.contains(&own) {
                false => own,
                // There are no more children than places.
                true => match free.pop() {
                    Some(slot) => {
                        forks.push((own, slot, cached));
                        slot
                    }
                    None => continue,
                },
            };
            taken.push(slot);
        }
        let beams = children.iter().zip(taken).map(|(c, slot)| {
            let parent = &self.beams[c.beam];
            Beam {
                slot,
                ids: [&parent.ids[..], &[c.id]].concat(),
                logprobs: [&parent.logprobs[..], &[c.logprob]].concat(),
                certainty: parent.certainty,
                sum: c.sum,
            }
        });
        self.beams = beams.collect();
        self.forks = forks;
    }

    /// The copies in the cache that the beams need before their next step.
    pub fn take_forks(&mut self) -> Vec<(usize, usize, usize)> {
        std::mem::take(&mut self.forks)
    }

    /// Adds the stop tokens after which log p(z_c) is still to be read, one for each place in the
    /// cache.
    pub fn closings(&self, steps: &mut Vec<Step>) {
        for i in self.to_close() {
            let f = &self.found[i];
            let ids = &f.hypothesis.response.ids;
            if let (Some(slot), Some(&token)) = (f.closing, ids.last()) {
                steps.push(Step {
                    slot,
                    position: self.prompt + ids.len() - 1,
                    token,
                });
            }
        }
    }

    /// Takes the distributions after the tokens of [`closings`](Self::closings).
    pub fn closed<'r>(&mut self, rows: &mut impl Iterator<Item = Distribution<'r>>, zc: u32) {
        for i in self.to_close() {
            let found = &mut self.found[i];
            found.closing = None;
            let row = rows.next();
            found.hypothesis.response.self_logprob = row.map(|row| row.logprob(zc));
        }
    }

    /// Found responses whose stop token is fed next: of those that ended the same beam the first.
    fn to_close(&self) -> Vec<usize> {
        let mut slots = Vec::new();
        let mut places = Vec::new();
        for (i, found) in self.found.iter().enumerate() {
            if let Some(slot) = found.closing.filter(|slot| !slots.contains(slot)) {
                slots.push(slot);
                places.push(i);
            }
        }
        places
    }
}
