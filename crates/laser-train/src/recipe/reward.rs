//! `[[reward]]`: the parts of the reward, and which keys go with which.

use std::collections::BTreeMap;
use std::time::Duration;

use laser_reward::{CommandSettings, Endpoint, JudgeSettings, RewardError};
use serde::{Deserialize, Serialize};

use super::Recipe;
use crate::TrainError;
use crate::self_judge::SelfJudge;

/// A part of the reward. Which keys it may have depends on [`RewardPart::part`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardPart {
    /// What it looks at.
    pub part: PartKind,
    /// Its name in metrics and messages; that of its kind if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its share of the sum; negative for a penalty, 0 to only measure it.
    #[serde(default = "one")]
    pub weight: f64,
    /// `format`: a response without the form gets at most 0 in all; true by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<bool>,
    /// `command`: the program and its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// `http`, `judge`: the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `http`, `judge`: the environment variable that holds a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// Processes (1 by default) or requests at a time (8).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    /// Seconds for the responses of a step; 60 by default, 600 for a judge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<f64>,
    /// `command`: how often a worker that fails is started again within a step; 1 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u32>,
    /// `http`, `judge`: how often a request is repeated; 5 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// `judge`: name of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `judge`, `self_judge`: the question, a Jinja template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// `judge`, `self_judge`: the message of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// `judge`, `self_judge`: the regular expression that finds the verdict; by default of a
    /// `self_judge` the last number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// `judge`, `self_judge`: verdicts that are words, and the number of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<BTreeMap<String, f64>>,
    /// `judge`, `self_judge`: sampling temperature; 0 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// `judge`, `self_judge`: most tokens of an answer; no bound is sent by default, and 64 is
    /// that of a `self_judge`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
}

/// What a part of the reward looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// 1 if the verifier accepts the answer, else 0.
    Verifier,
    /// 1 if the response ended by itself and an answer was found in it, else 0.
    Format,
    /// Kimi k1.5's reward for short responses within a group: ½ to −½.
    Length,
    /// A program of the user's.
    Command,
    /// An endpoint of the user's.
    Http,
    /// A language model behind an OpenAI-compatible endpoint.
    Judge,
    /// The policy's own rating of the response in words, 0 to 100, over 100.
    SelfJudge,
}

fn one() -> f64 {
    1.0
}

impl PartKind {
    fn as_str(self) -> &'static str {
        match self {
            PartKind::Verifier => "verifier",
            PartKind::Format => "format",
            PartKind::Length => "length",
            PartKind::Command => "command",
            PartKind::Http => "http",
            PartKind::Judge => "judge",
            PartKind::SelfJudge => "self_judge",
        }
    }

    /// The keys that a part may have beside `part`, `name` and `weight`: those that it must have,
    /// and others.
    fn keys(self) -> [&'static [&'static str]; 2] {
        match self {
            PartKind::Verifier | PartKind::Length => [&[], &[]],
            PartKind::Format => [&[], &["gate"]],
            PartKind::Command => [&["command"], &["workers", "deadline_seconds", "restarts"]],
            PartKind::Http => [
                &["url"],
                &["api_key_env", "workers", "deadline_seconds", "retries"],
            ],
            PartKind::Judge => [
                &["url", "model", "prompt", "pattern"],
                &[
                    "api_key_env",
                    "workers",
                    "deadline_seconds",
                    "retries",
                    "system",
                    "words",
                    "temperature",
                    "max_tokens",
                ],
            ],
            PartKind::SelfJudge => [
                &["prompt"],
                &["pattern", "system", "words", "temperature", "max_tokens"],
            ],
        }
    }
}

/// Names of other metrics under `reward/`.
const RESERVED: [&str; 3] = ["mean", "tokens", "uniform_groups"];
/// Longest deadline, in seconds.
const A_DAY: f64 = 86_400.0;
/// Most processes or requests at a time.
const MOST_WORKERS: usize = 1024;

impl RewardPart {
    /// A part with no key set.
    pub fn new(part: PartKind) -> Self {
        RewardPart {
            part,
            name: None,
            weight: one(),
            gate: None,
            command: None,
            url: None,
            api_key_env: None,
            workers: None,
            deadline_seconds: None,
            restarts: None,
            retries: None,
            model: None,
            prompt: None,
            system: None,
            pattern: None,
            words: None,
            temperature: None,
            max_tokens: None,
        }
    }

    /// Its name in metrics and messages.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.part.as_str())
    }

    /// The keys that are set, beside `part`, `name` and `weight`.
    fn set(&self) -> impl Iterator<Item = &'static str> {
        [
            ("gate", self.gate.is_some()),
            ("command", self.command.is_some()),
            ("url", self.url.is_some()),
            ("api_key_env", self.api_key_env.is_some()),
            ("workers", self.workers.is_some()),
            ("deadline_seconds", self.deadline_seconds.is_some()),
            ("restarts", self.restarts.is_some()),
            ("retries", self.retries.is_some()),
            ("model", self.model.is_some()),
            ("prompt", self.prompt.is_some()),
            ("system", self.system.is_some()),
            ("pattern", self.pattern.is_some()),
            ("words", self.words.is_some()),
            ("temperature", self.temperature.is_some()),
            ("max_tokens", self.max_tokens.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, set)| set.then_some(key))
    }

    fn deadline(&self) -> Duration {
        let default = match self.part {
            PartKind::Judge => 600.0,
            _ => 60.0,
        };
        // The check has seen to the range.
        Duration::try_from_secs_f64(self.deadline_seconds.unwrap_or(default)).unwrap_or_default()
    }

    /// How its command is run.
    pub(crate) fn command_settings(&self) -> CommandSettings {
        CommandSettings {
            name: self.name().into(),
            command: self.command.clone().unwrap_or_default(),
            workers: self.workers.unwrap_or(1),
            deadline: self.deadline(),
            restarts: self.restarts.unwrap_or(1),
        }
    }

    /// Where its requests go.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint {
            name: self.name().into(),
            url: self.url.clone().unwrap_or_default(),
            api_key_env: self.api_key_env.clone(),
            workers: self.workers.unwrap_or(8),
            deadline: self.deadline(),
            retries: self.retries.unwrap_or(5),
        }
    }

    /// What its judge is asked.
    pub(crate) fn judge_settings(&self) -> JudgeSettings {
        JudgeSettings {
            endpoint: self.endpoint(),
            model: self.model.clone().unwrap_or_default(),
            prompt: self.prompt.clone().unwrap_or_default(),
            system: self.system.clone().unwrap_or_default(),
            pattern: self.pattern.clone().unwrap_or_default(),
            words: self.words.clone().unwrap_or_default(),
            temperature: self.temperature.unwrap_or(0.0),
            max_tokens: self.max_tokens,
        }
    }

    /// Most tokens of a judgement by the policy.
    pub(crate) fn judgement_tokens(&self) -> usize {
        let tokens = self.max_tokens.unwrap_or(64);
        usize::try_from(tokens).unwrap_or(usize::MAX)
    }

    /// What is wrong with it, and the key where.
    fn problem(&self) -> Option<(&'static str, String)> {
        let [needed, others] = self.part.keys();
        let kind = self.part.as_str();
        if let Some(key) = self
            .set()
            .find(|k| !needed.contains(k) && !others.contains(k))
        {
            let all = [&["name", "weight"], needed, others].concat().join(", ");
            return Some((
                key,
                format!("not a key of part = \"{kind}\", whose keys are {all}"),
            ));
        }
        if let Some(missing) = needed.iter().find(|k| !self.set().any(|s| s == **k)) {
            return Some(("part", format!("a {kind} needs the key {missing}")));
        }
        let name = self.name();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
        if name.is_empty() || !name.chars().all(plain) {
            return Some((
                "name",
                "must be made of a to z, 0 to 9, _ and -: it becomes the name of a metric".into(),
            ));
        }
        let taken = name == "verifier" && self.part != PartKind::Verifier;
        if taken || RESERVED.contains(&name) {
            return Some((
                "name",
                format!("reward/{name} is another metric; choose another name"),
            ));
        }
        let finite = |x: f64| (x as f32).is_finite();
        let checks = [
            ("weight", finite(self.weight), "must be a finite number"),
            (
                "command",
                self.command
                    .as_ref()
                    .is_none_or(|c| c.first().is_some_and(|p| !p.is_empty())),
                "must name a program first, as in [\"python3\", \"reward.py\"]",
            ),
            (
                "workers",
                self.workers.is_none_or(|n| (1..=MOST_WORKERS).contains(&n)),
                "must lie between 1 and 1024",
            ),
            (
                "deadline_seconds",
                self.deadline_seconds.is_none_or(|s| s > 0.0 && s <= A_DAY),
                "must be above 0 and at most 86400",
            ),
            (
                "temperature",
                self.temperature.is_none_or(|t| t.is_finite() && t >= 0.0),
                "must not be negative",
            ),
            (
                "max_tokens",
                self.max_tokens != Some(0),
                "must be at least 1",
            ),
            (
                "model",
                self.model.as_ref().is_none_or(|m| !m.is_empty()),
                "must not be empty",
            ),
            (
                "words",
                self.words.as_ref().is_none_or(|w| !w.is_empty()),
                "must not be empty; leave it out if verdicts are numbers",
            ),
        ];
        if let Some((key, _, problem)) = checks.into_iter().find(|(_, ok, _)| !ok) {
            return Some((key, problem.into()));
        }
        let error = match self.part {
            PartKind::Http => self.endpoint().check().err(),
            PartKind::Judge => self.judge_settings().check().err(),
            PartKind::SelfJudge => SelfJudge::new(self).err(),
            _ => None,
        };
        match error {
            Some(RewardError::Setting { key, problem, .. }) => Some((key, problem)),
            Some(other) => Some(("part", other.to_string())),
            None => None,
        }
    }

    /// A key's value, for messages.
    fn shown(&self, key: &str) -> String {
        let all = toml::Table::try_from(self).unwrap_or_default();
        match (key, all.get(key)) {
            ("name", None) => format!("{:?}", self.name()),
            (_, None) => String::from("…"),
            (_, Some(value)) => {
                let text = value.to_string();
                match text.chars().nth(60) {
                    Some(_) => text.chars().take(60).chain("…".chars()).collect(),
                    None => text,
                }
            }
        }
    }
}

impl Recipe {
    pub(super) fn check_reward(&self, place: &dyn Fn(&str) -> String) -> Result<(), TrainError> {
        let fail = |i: usize, key: &str, problem: String| {
            let part = &self.reward[i];
            Err(TrainError::Value {
                place: place(&format!("reward.{i}.{key}")),
                key: format!("reward.{}.{key}", part.name()),
                value: part.shown(key),
                problem,
            })
        };
        for (i, part) in self.reward.iter().enumerate() {
            if let Some((key, problem)) = part.problem() {
                return fail(i, key, problem);
            }
            if self.reward[..i].iter().any(|p| p.name() == part.name()) {
                let problem = "another part has this name; give each a name of its own";
                return fail(i, "name", problem.into());
            }
        }
        if self.reward.iter().all(|p| p.weight == 0.0) {
            return Err(TrainError::Value {
                place: place("reward"),
                key: "reward".into(),
                value: String::from("[…]"),
                problem: "no part has a weight other than 0, so there is nothing to learn from; give one a weight, or leave out the parts for the verifier alone".into(),
            });
        }
        Ok(())
    }

    /// Whether the policy rates its responses in words.
    pub(crate) fn judges_itself(&self) -> bool {
        let judges = |p: &RewardPart| p.part == PartKind::SelfJudge;
        !self.is_supervised() && self.reward.iter().any(judges)
    }

    /// Most tokens of the policy's judgements of one response.
    pub(crate) fn judgement_tokens(&self) -> usize {
        let judges = self.reward.iter().filter(|p| p.part == PartKind::SelfJudge);
        judges.map(RewardPart::judgement_tokens).sum()
    }

    /// What identifies the reward when a run is resumed; none for the verifier alone. Patience
    /// and parallelism may change then: they change no reward.
    pub(crate) fn reward_identity(&self) -> Option<Vec<RewardPart>> {
        if self.reward == [RewardPart::new(PartKind::Verifier)] {
            return None;
        }
        let of = |part: &RewardPart| RewardPart {
            workers: None,
            deadline_seconds: None,
            restarts: None,
            retries: None,
            api_key_env: None,
            ..part.clone()
        };
        Some(self.reward.iter().map(of).collect())
    }
}
