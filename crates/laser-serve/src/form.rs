//! The forms in which the two endpoints answer.

use laser_model::Text;
use laser_openai::request::Settings;
use laser_openai::response::{
    Answer, ChatChoice, ChatChunkChoice, ChunkEnding, Delta, Ending, Extra, Head, Message,
    TextChoice, Usage, VoteReport,
};
use serde::Serialize;

use crate::Server;
use crate::choice::{Piece, Token};
use crate::tokens::{chat_logprobs, text_logprobs};

/// An endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Chat,
    Text,
}

/// A whole choice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whole {
    pub text: String,
    pub tokens: Vec<Token>,
    pub ending: Ending,
    pub report: Option<VoteReport>,
    /// Why there is no text.
    pub refusal: Option<String>,
}

impl Whole {
    /// Adds what is new.
    pub fn add(&mut self, piece: Piece) {
        self.text += &piece.text;
        self.tokens.extend(piece.tokens);
        if let Some(ending) = piece.end {
            self.ending = ending;
        }
    }
}

/// How an answer is told.
pub(crate) struct Form {
    server: Server,
    endpoint: Endpoint,
    head: Head,
    logprobs: Option<usize>,
    token_ids: bool,
    include_usage: bool,
}

impl Form {
    pub fn new(server: &Server, endpoint: Endpoint, settings: &Settings, seed: i64) -> Self {
        let (prefix, object) = match (endpoint, settings.stream) {
            (Endpoint::Chat, false) => ("chatcmpl", "chat.completion"),
            (Endpoint::Chat, true) => ("chatcmpl", "chat.completion.chunk"),
            (Endpoint::Text, _) => ("cmpl", "text_completion"),
        };
        Form {
            server: server.clone(),
            endpoint,
            head: server.head(prefix, object, seed),
            logprobs: settings.logprobs,
            token_ids: settings.return_token_ids,
            include_usage: settings.include_usage,
        }
    }

    /// The whole answer.
    pub fn whole(&self, choices: Vec<Whole>, usage: Usage) -> axum::response::Response {
        let choices = choices.into_iter().enumerate();
        match self.endpoint {
            Endpoint::Chat => crate::reply::json(&Answer {
                head: self.head.clone(),
                choices: choices.map(|(i, c)| self.chat_choice(i, c)).collect(),
                usage: Some(usage),
            }),
            Endpoint::Text => crate::reply::json(&Answer {
                head: self.head.clone(),
                choices: choices.map(|(i, c)| self.text_choice(i, c)).collect(),
                usage: Some(usage),
            }),
        }
    }

    fn chat_choice(&self, index: usize, whole: Whole) -> ChatChoice {
        let Whole {
            text,
            tokens,
            ending,
            report,
            refusal,
        } = whole;
        let logprobs = self.logprobs.filter(|_| refusal.is_none());
        ChatChoice {
            index,
            logprobs: logprobs.map(|_| chat_logprobs(self.text(), &tokens)),
            message: Message {
                role: "assistant",
                content: refusal.is_none().then_some(text),
                refusal,
            },
            ending,
            extra: self.extra(&tokens, report),
        }
    }

    fn text_choice(&self, index: usize, whole: Whole) -> TextChoice {
        let logprobs = self.logprobs.filter(|_| whole.refusal.is_none());
        let logprobs = logprobs.map(|top| text_logprobs(self.text(), &whole.tokens, top));
        TextChoice {
            index,
            logprobs,
            ending: ChunkEnding(Some(whole.ending)),
            extra: self.extra(&whole.tokens, whole.report),
            text: whole.text,
        }
    }

    /// The first chunk of a choice, where the endpoint has one of its own.
    pub fn open(&self, index: usize) -> Option<String> {
        let delta = Delta {
            role: Some("assistant"),
            content: Some(String::new()),
            refusal: None,
        };
        (self.endpoint == Endpoint::Chat)
            .then(|| self.chat_chunk(index, delta, Piece::default(), None))
    }

    /// The chunks with what is new in a choice; empty when there is nothing to tell.
    pub fn chunk(&self, index: usize, mut piece: Piece) -> String {
        let telling = !piece.text.is_empty() || !self.silent(&piece);
        let end = piece.end.take();
        let mut chunks = String::new();
        if telling {
            chunks += &self.content(index, piece, None, None);
        }
        if let Some(end) = end {
            let last = Piece {
                end: Some(end),
                ..Piece::default()
            };
            chunks += &self.content(index, last, None, None);
        }
        chunks
    }

    /// The chunks of a choice that is known as a whole.
    pub fn chunks(&self, index: usize, whole: Whole) -> String {
        let mut chunks = self.open(index).unwrap_or_default();
        let piece = Piece {
            text: whole.text,
            tokens: whole.tokens,
            end: None,
        };
        chunks += &self.content(index, piece, None, whole.refusal);
        let last = Piece {
            end: Some(whole.ending),
            ..Piece::default()
        };
        chunks + &self.content(index, last, whole.report, None)
    }

    /// Whether tokens without text tell nothing.
    fn silent(&self, piece: &Piece) -> bool {
        piece.tokens.is_empty() || (self.logprobs.is_none() && !self.token_ids)
    }

    fn content(
        &self,
        index: usize,
        piece: Piece,
        report: Option<VoteReport>,
        refusal: Option<String>,
    ) -> String {
        match self.endpoint {
            Endpoint::Chat => {
                let last = piece.end.is_some();
                let content = (!last && refusal.is_none()).then(|| piece.text.clone());
                let delta = Delta {
                    role: None,
                    content,
                    refusal,
                };
                self.chat_chunk(index, delta, piece, report)
            }
            Endpoint::Text => {
                let logprobs = self.logprobs.filter(|_| !piece.tokens.is_empty());
                self.event(TextChoice {
                    index,
                    logprobs: logprobs.map(|n| text_logprobs(self.text(), &piece.tokens, n)),
                    ending: ChunkEnding(piece.end),
                    extra: self.extra(&piece.tokens, report),
                    text: piece.text,
                })
            }
        }
    }

    fn chat_chunk(
        &self,
        index: usize,
        delta: Delta,
        piece: Piece,
        report: Option<VoteReport>,
    ) -> String {
        let logprobs = self.logprobs.filter(|_| !piece.tokens.is_empty());
        self.event(ChatChunkChoice {
            index,
            delta,
            logprobs: logprobs.map(|_| chat_logprobs(self.text(), &piece.tokens)),
            ending: ChunkEnding(piece.end),
            extra: self.extra(&piece.tokens, report),
        })
    }

    fn extra(&self, tokens: &[Token], laser: Option<VoteReport>) -> Extra {
        Extra {
            token_ids: self
                .token_ids
                .then(|| tokens.iter().map(|t| t.id).collect()),
            laser,
        }
    }

    /// What comes after the last choice.
    pub fn close(&self, usage: Usage) -> String {
        let mut end = String::new();
        if self.include_usage {
            end += &sse(&Answer::<()> {
                head: self.head.clone(),
                choices: Vec::new(),
                usage: Some(usage),
            });
        }
        end + "data: [DONE]\n\n"
    }

    fn event(&self, choice: impl Serialize) -> String {
        sse(&Answer {
            head: self.head.clone(),
            choices: vec![choice],
            usage: None,
        })
    }

    fn text(&self) -> &Text {
        &self.server.model().text
    }
}

/// A value as a server-sent event.
pub(crate) fn sse(value: &impl Serialize) -> String {
    // Strings and numbers are always JSON; an error could only be told in the same way.
    let json = serde_json::to_string(value).unwrap_or_else(|e| format!("{{\"error\": \"{e}\"}}"));
    format!("data: {json}\n\n")
}
