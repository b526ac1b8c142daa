//! `laser.json`: the token of a model's self-reward, and how its log-probability becomes a score.

use std::path::Path;

use laser_model::hub::HubSettings;
use laser_model::{ModelConfig, Text};
use laser_rl::SelfReward;
use laser_rollout::SelfRewardPosition;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::TrainError;
use crate::files::{decimal, read, write_atomically};

/// The file's name in a model folder.
pub(crate) const FILE: &str = "laser.json";

/// z_c and the rule of its score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelfRewardToken {
    /// z_c as it is written.
    pub token: String,
    /// Its id.
    pub token_id: u32,
    /// The score of a response from its log p(z_c).
    #[serde(flatten)]
    pub rule: SelfReward,
    /// The distribution in which log p(z_c) is read; after the stop token if the file does not say.
    #[serde(default)]
    pub position: SelfRewardPosition,
}

impl SelfRewardToken {
    /// That of a model folder; `None` where it has none.
    ///
    /// # Errors
    /// A file that cannot be read, or lacks a key.
    pub fn read(dir: &Path) -> Result<Option<Self>, TrainError> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let token = serde_json::from_str(&read(&path)?).map_err(|e| {
            let expected = r#"{"token": string, "token_id": number, "beta_v": number, "c_ref": number} is expected"#;
            TrainError::file(&path, format!("{e}; {expected}"))
        })?;
        Ok(Some(token))
    }

    /// Writes it into a model folder, whole or not at all.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), TrainError> {
        let (beta_v, c_ref) = (decimal(self.rule.beta_v), decimal(self.rule.c_ref));
        let mut laser = json!({
            "token": self.token, "token_id": self.token_id, "beta_v": beta_v, "c_ref": c_ref
        });
        // A file without it is read by every version.
        if self.position != SelfRewardPosition::default() {
            laser["position"] = json!(self.position);
        }
        write_atomically(&dir.join(FILE), format!("{laser:#}\n").as_bytes())
    }

    /// Checks that it belongs to the model beside it.
    pub(super) fn check(
        &self,
        dir: &Path,
        text: &Text,
        config: &ModelConfig,
        eos: &[u32],
    ) -> Result<(), TrainError> {
        let (token, id) = (&self.token, self.token_id);
        let SelfReward { beta_v, c_ref } = self.rule;
        let problem = match text.token_id(token) {
            _ if id as usize >= config.vocab_size => format!(
                "token_id = {id} is outside the vocabulary of {} tokens",
                config.vocab_size
            ),
            None => format!("token = \"{token}\": the tokenizer has no such token"),
            Some(actual) if actual != id => {
                format!("token_id = {id}, but the tokenizer gives \"{token}\" the id {actual}")
            }
            _ if eos.contains(&id) => {
                format!("token = \"{token}\" ends responses (EOS); an unused token is expected")
            }
            _ if !(beta_v > 0.0 && beta_v.is_finite()) => {
                format!("beta_v = {beta_v}: a number above 0 is expected")
            }
            _ if !c_ref.is_finite() => format!("c_ref = {c_ref}: a finite number is expected"),
            _ => return Ok(()),
        };
        let remedy = "the file does not belong to this model; laser calibrate makes one that does";
        Err(TrainError::file(
            &dir.join(FILE),
            format!("{problem}; {remedy}"),
        ))
    }
}

/// Checks that a `laser.json` may be written into a model folder: the cache of the hub is not ours
/// to change, and a file that is there stays unless `replace`.
///
/// # Errors
/// What stands against it, and what to do.
pub fn check_writable(dir: &Path, replace: bool) -> Result<(), TrainError> {
    let fail = |path: &Path, problem: &str| {
        Err(TrainError::Value {
            place: path.display().to_string(),
            key: "write".into(),
            value: "true".into(),
            problem: problem.into(),
        })
    };
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = absolute(dir);
    let cached = |p: &Path| p.file_name().is_some_and(|n| n == "snapshots");
    if folder.starts_with(absolute(&HubSettings::from_env().cache))
        || folder.ancestors().any(cached)
    {
        return fail(
            dir,
            "the folder is in the hub's cache, which other programs share; copy the model to a folder of your own and name that",
        );
    }
    let file = dir.join(FILE);
    match file.exists() && !replace {
        true => fail(
            &file,
            "the model has a self-reward already; --force replaces it",
        ),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(position: SelfRewardPosition) -> SelfRewardToken {
        SelfRewardToken {
            token: "<|z|>".into(),
            token_id: 7,
            rule: SelfReward {
                beta_v: 0.1,
                c_ref: -23.123456,
            },
            position,
        }
    }

    #[test]
    fn what_is_written_is_read_and_the_usual_position_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(SelfRewardToken::read(dir.path()).unwrap(), None);
        for position in [SelfRewardPosition::AfterEos, SelfRewardPosition::AtEos] {
            let token = token(position);
            token.write(dir.path()).unwrap();
            assert_eq!(
                SelfRewardToken::read(dir.path()).unwrap(),
                Some(token.clone())
            );
            let text = std::fs::read_to_string(dir.path().join(FILE)).unwrap();
            let usual = position == SelfRewardPosition::AfterEos;
            assert_eq!(text.contains("position"), !usual, "{text}");
            assert!(text.contains("\"beta_v\": 0.1,"), "{text}");
        }
    }

    #[test]
    fn the_cache_of_the_hub_and_an_existing_file_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("own");
        let cached = dir.path().join("models--a--b/snapshots/0123");
        for folder in [&own, &cached] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let refused = |dir: &Path, replace| check_writable(dir, replace).unwrap_err().to_string();
        assert!(refused(&cached, true).contains("copy the model"));
        check_writable(&own, false).unwrap();
        token(SelfRewardPosition::AfterEos).write(&own).unwrap();
        let error = refused(&own, false);
        assert!(
            error.contains("laser.json") && error.contains("--force"),
            "{error}"
        );
        check_writable(&own, true).unwrap();
    }
}
