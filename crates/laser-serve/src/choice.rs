//! One choice in the making: from tokens to text, cut at stop strings.

use std::collections::VecDeque;

use laser_model::{ModelError, Text, TextStream};
use laser_openai::StopText;
use laser_openai::response::Ending;
use laser_rollout::Response;

/// A sampled token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub id: u32,
    /// log p under the model itself, nats.
    pub logprob: f32,
    /// The likeliest tokens in its place, likeliest first.
    pub top: Vec<(u32, f32)>,
    /// Where its text begins, in characters of the choice's text.
    pub offset: usize,
}

/// What is new in a choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Piece {
    /// More text.
    pub text: String,
    /// The tokens whose text is complete with it.
    pub tokens: Vec<Token>,
    /// Set in the last piece.
    pub end: Option<Ending>,
}

/// A token whose text is not sent yet.
struct Held {
    token: Token,
    /// Where its text begins and ends, in bytes of the choice's text.
    start: usize,
    end: usize,
}

/// A choice before its end.
pub(crate) struct Choice {
    decoder: TextStream,
    stop: StopText,
    held: VecDeque<Held>,
    /// Bytes and characters of the text, what is held back included.
    bytes: usize,
    chars: usize,
    /// Bytes that were sent.
    sent: usize,
    /// Tokens so far.
    pub tokens: usize,
    /// Whether the last piece was given.
    pub ended: bool,
}

impl Choice {
    pub fn new(stop: &[String]) -> Self {
        Choice {
            decoder: TextStream::new(),
            stop: StopText::new(stop),
            held: VecDeque::new(),
            bytes: 0,
            chars: 0,
            sent: 0,
            tokens: 0,
            ended: false,
        }
    }

    /// Takes a token. With a stop string this is the last piece.
    ///
    /// # Errors
    /// An id that cannot be decoded.
    pub fn push(
        &mut self,
        text: &Text,
        id: u32,
        logprob: f32,
        top: Vec<(u32, f32)>,
    ) -> Result<Piece, ModelError> {
        self.tokens += 1;
        let token = Token {
            id,
            logprob,
            top,
            offset: self.chars,
        };
        let new = self.decoder.push(text, id)?;
        let start = self.bytes;
        self.bytes += new.len();
        self.chars += new.chars().count();
        self.held.push_back(Held {
            token,
            start,
            end: self.bytes,
        });
        Ok(self.let_through(&new))
    }

    /// The response ended by itself or at its limit.
    ///
    /// # Errors
    /// Ids that cannot be decoded.
    pub fn finish(
        &mut self,
        text: &Text,
        response: &Response,
        self_reward: Option<f32>,
    ) -> Result<Piece, ModelError> {
        let new = self.decoder.finish(text)?;
        self.bytes += new.len();
        let mut last = self.let_through(&new);
        if last.end.is_some() {
            return Ok(last);
        }
        last.text += &self.stop.finish();
        last.tokens.extend(self.held.drain(..).map(|h| h.token));
        last.end = Some(Ending {
            finish_reason: Some(response.finish.as_str()),
            self_reward,
            self_logprob: response.self_logprob,
        });
        self.ended = true;
        Ok(last)
    }

    fn let_through(&mut self, new: &str) -> Piece {
        let text = self.stop.push(new);
        self.sent += text.len();
        let stopped = self.stop.stopped();
        let mut tokens = Vec::new();
        // At a stop string, the tokens that begin before it belong to the text.
        while let Some(held) = self.held.front() {
            let complete = match stopped {
                true => held.start < self.sent,
                false => held.end <= self.sent,
            };
            if !complete {
                break;
            }
            tokens.extend(self.held.pop_front().map(|h| h.token));
        }
        self.ended |= stopped;
        Piece {
            text,
            tokens,
            end: stopped.then_some(Ending {
                finish_reason: Some("stop"),
                ..Ending::default()
            }),
        }
    }
}
