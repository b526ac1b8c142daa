//! A conversation with a model.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use laser_model::{Message, TextStream};
use laser_rollout::{Event, Finish, Job, Request, Response, Service, Ticket};
use laser_train::{Answer, LanguageModel};
use serde_json::{Map, Value};

use super::interrupt::Interrupts;
use super::look::Look;
use super::settings::Settings;
use super::vote;
use crate::answer::{bad_input, bar};
use crate::{BadInput, output, screen};

/// How often an interrupt is looked for while no token comes.
const TICK: Duration = Duration::from_millis(20);

/// A conversation, and what answers it.
pub struct Session {
    /// The model.
    pub model: LanguageModel,
    /// It samples.
    pub service: Service,
    /// Stop an answer.
    pub interrupts: Interrupts,
    /// How it is shown.
    pub look: Look,
    /// How answers are sampled.
    pub settings: Settings,
    /// For the chat template.
    pub arguments: Map<String, Value>,
    /// The system message.
    pub system: Option<String>,
    /// Questions and answers in turn.
    pub messages: Vec<Message>,
    /// Questions so far, repeated ones too: it names the randomness of the next.
    pub asked: u64,
}

/// A job in flight.
struct Flight {
    ticket: Ticket,
    events: Receiver<Event>,
    /// Most tokens of a response; fewer than the setting where the context has no room for more.
    new: usize,
}

fn message(role: &str, content: String) -> Message {
    Message {
        role: role.into(),
        content,
    }
}

impl Session {
    /// Answers a question, or the last one again, by one response, or by a vote of several.
    ///
    /// # Errors
    /// No question, one that leaves no room in the context or that the template does not take; a
    /// model whose numbers broke down; output that cannot be written.
    pub fn ask(&mut self, question: Option<String>, votes: Option<usize>) -> Result<()> {
        let is_question = |m: &Message| m.role == "user";
        let last = self.messages.iter().rposition(is_question);
        let mut turns = self.messages.clone();
        match question {
            Some(question) => {
                // A question that never got an answer is no part of the conversation.
                if turns.last().is_some_and(is_question) {
                    turns.pop();
                }
                turns.push(message("user", question));
            }
            None => {
                let Some(last) = last else {
                    return Err(BadInput("there is no question yet; ask one first".into()).into());
                };
                turns.truncate(last + 1);
            }
        }
        let flight = self.submit(&turns, votes.unwrap_or(1))?;
        let text = match votes {
            None => self.stream(flight)?,
            Some(n) => self.vote(flight, n)?,
        };
        self.messages = turns;
        self.messages.extend(text.map(|t| message("assistant", t)));
        Ok(())
    }

    /// Begins to sample.
    fn submit(&mut self, turns: &[Message], samples: usize) -> Result<Flight> {
        let prompt = match self.model.text.has_template() {
            true => {
                let system = self.system.clone().map(|s| message("system", s));
                let all: Vec<Message> = system.into_iter().chain(turns.to_vec()).collect();
                self.model.chat_prompt(&all, &self.arguments)
            }
            false => {
                let text = turns.last().map_or("", |m| m.content.as_str());
                self.model.plain_prompt(text)
            }
        }
        .map_err(bad_input)?;
        let capacity = self.service.capacity();
        let new = capacity
            .saturating_sub(prompt.len())
            .min(self.settings.max_new_tokens);
        if new == 0 {
            return Err(BadInput(format!(
                "the conversation has {} tokens, which leaves no room for an answer in a context of {capacity}; /clear begins a new one, --context asks for a longer context",
                prompt.len()
            ))
            .into());
        }
        let job = Job {
            request: Request {
                prompt,
                samples,
                seed: vec![self.settings.seed, self.asked],
            },
            generation: self.model.generation(self.settings.sampling, new),
            top_logprobs: 0,
            client: 0,
        };
        self.asked += 1;
        let (sender, events) = channel();
        let sink = Box::new(move |event| {
            // Who has stopped an answer no longer listens.
            let _ = sender.send(event);
        });
        let ticket = self.service.submit(job, sink)?;
        Ok(Flight {
            ticket,
            events,
            new,
        })
    }

    /// Shows one response as it is sampled; its text, if there is any.
    fn stream(&self, flight: Flight) -> Result<Option<String>> {
        let text = &self.model.text;
        let answering = self.interrupts.answering();
        let (mut stream, mut written, mut tokens) = (TextStream::new(), String::new(), 0);
        let started = Instant::now();
        let show = |written: &mut String, piece: String| {
            written.push_str(&piece);
            output::piece(self.look.piece(&piece))
        };
        let response = loop {
            if answering.stopped() {
                flight.ticket.cancel();
                break None;
            }
            match flight.events.recv_timeout(TICK) {
                Ok(Event::Token { id, .. }) => {
                    tokens += 1;
                    show(&mut written, stream.push(text, id)?)?;
                }
                Ok(Event::Done { response, .. }) => break Some(response),
                Ok(Event::Failed(e)) => return Err(e.into()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => bail!("the sampler ended without an answer"),
            }
        };
        show(&mut written, stream.finish(text)?)?;
        let seconds = started.elapsed().as_secs_f64();
        if !written.ends_with('\n') {
            output::data("")?;
        }
        let mut line = Vec::new();
        let mut facts = Vec::new();
        match &response {
            None => facts.push("stopped".into()),
            Some(response) => {
                match self.model.self_reward_of(response.self_logprob) {
                    Some(score) => line.push(self.look.self_reward(score, response.self_logprob)),
                    None => facts.extend(self.why_no_score(response)),
                }
                facts.extend(self.cut(response.finish, flight.new));
            }
        }
        facts.push(format!("{tokens} tokens"));
        facts.push(format!("{:.1} tok/s", tokens as f64 / seconds.max(1e-9)));
        line.push(self.look.facts(&facts));
        output::data(line.join("  "))?;
        Ok((!written.is_empty()).then_some(written))
    }

    fn why_no_score(&self, response: &Response) -> Option<String> {
        let unfinished = self.model.self_reward.is_some() && !response.finished();
        unfinished.then(|| "no self-reward, because it did not end".into())
    }

    /// Why a response was cut, and what to do about it.
    fn cut(&self, finish: Finish, new: usize) -> Option<String> {
        let remedy = match new < self.settings.max_new_tokens {
            true => "cut off at the end of the context; /clear begins anew".into(),
            false => format!(
                "cut off after {new} tokens; /set max_new_tokens={}",
                2 * new
            ),
        };
        (finish == Finish::Length).then_some(remedy)
    }

    /// Samples `n` responses, shows the groups of equal answers and the response that wins; its
    /// text.
    fn vote(&self, flight: Flight, n: usize) -> Result<Option<String>> {
        let answering = self.interrupts.answering();
        let mut done: Vec<Option<Answer>> = vec![None; n];
        let (bar, started) = (bar(n, "answers"), Instant::now());
        let mut left = n;
        while left > 0 {
            if answering.stopped() {
                flight.ticket.cancel();
                break;
            }
            match flight.events.recv_timeout(TICK) {
                Ok(Event::Token { .. }) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Event::Done { sample, response }) => {
                    done[sample] = Some(self.model.answer(response)?);
                    left -= 1;
                    bar.inc(1);
                }
                Ok(Event::Failed(e)) => return Err(e.into()),
                Err(RecvTimeoutError::Disconnected) => bail!("the sampler ended without an answer"),
            }
        }
        bar.finish_and_clear();
        // In the order of samples, so that ties do not depend on which ended first.
        let answers: Vec<Answer> = done.into_iter().flatten().collect();
        let Some(result) = vote::decide(&self.model, &answers) else {
            if self.look.terminal {
                // Behind what the terminal shows of the interrupt.
                output::data("")?;
            }
            let fact = "stopped before an answer was complete".into();
            output::data(self.look.facts(&[fact]))?;
            return Ok(None);
        };
        let weighted = self.model.self_reward.is_some();
        let columns = usize::from(screen::width(100));
        output::data(self.look.votes(&result.groups, weighted, columns))?;
        let chosen = &answers[result.chosen];
        output::data(self.look.piece(chosen.text.trim_end_matches('\n')))?;
        let mut line = Vec::new();
        let mut facts = Vec::new();
        match chosen.self_reward {
            Some(score) => line.push(self.look.self_reward(score, chosen.response.self_logprob)),
            None => facts.extend(self.why_no_score(&chosen.response)),
        }
        facts.push(match (result.by_vote, weighted) {
            (true, true) => "chosen by votes weighted with the self-reward".into(),
            (true, false) => "chosen by the number of votes".into(),
            (false, true) => "no final answers to vote on: the best by self-reward".into(),
            (false, false) => "no final answers to vote on: the first".into(),
        });
        if answers.len() < n {
            facts.push(format!("stopped after {} of {n} answers", answers.len()));
        }
        if self.settings.sampling.temperature == 0.0 && n > 1 {
            facts.push("all alike at temperature 0; /set temperature=1".into());
        }
        let tokens: usize = answers.iter().map(|a| a.response.ids.len()).sum();
        let seconds = started.elapsed().as_secs_f64();
        facts.push(format!("{tokens} tokens"));
        facts.push(format!("{:.1} tok/s", tokens as f64 / seconds.max(1e-9)));
        line.push(self.look.facts(&facts));
        output::data(line.join("  "))?;
        Ok(Some(chosen.text.clone()))
    }

    /// Writes the conversation.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let system = self.system.clone().map(|s| message("system", s));
        let mut text = String::new();
        for m in system.iter().chain(&self.messages) {
            text += &serde_json::to_string(m)?;
            text.push('\n');
        }
        std::fs::write(path, text)
            .map_err(|e| BadInput(format!("/save {}: {e}", path.display())))?;
        output::log(format_args!("written to {}", path.display()));
        Ok(())
    }
}
