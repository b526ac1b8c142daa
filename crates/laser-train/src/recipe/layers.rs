//! A recipe and the recipes that it is based on: `base = "…"`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::TrainError;

/// Names and texts of recipe files.
macro_rules! recipes {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../../../recipes/", $name, ".toml")))),*]
    };
}

/// Recipes that are part of the program, by name.
pub const BUILT_IN: &[(&str, &str)] = recipes![
    "laser"
    "grpo"
    "grpo_kl"
    "dr_grpo"
    "rloo"
    "reinforce_plus_plus"
    "reinforce_plus_plus_baseline"
    "dapo"
    "gspo"
    "cispo"
    "ppo"
    "tempo"
    "grpo_n"
    "grpo_lambda"
    "spo"
    "sar"
    "endogenous"
    "par"
    "pppo"
    "co_reward"
    "sdpo"
    "srpo"
    "diversity_or_precision"
    "ssr_zero"
    "thr"
    "tw_grpo"
    "self_correction"
    "dpo"
    "cream"
    "tgdpo"
    "rto"
    "likelihood"
    "cntp"
    "self_certainty"
    "laser_mix"
    "laser_unweighted"
    "laser_self_only"
    "laser_no_warmup"
    "laser_reference"
    "laser_cross_entropy"
    "laser_at_eos"
    "gsm8k"
    "sft"
];

/// The text of a built-in recipe.
pub fn built_in(name: &str) -> Option<&'static str> {
    BUILT_IN
        .iter()
        .find(|recipe| recipe.0 == name)
        .map(|recipe| recipe.1)
}

/// Longest chain of bases.
const MOST_LAYERS: usize = 16;

/// One file of a chain.
#[derive(PartialEq)]
pub(super) struct Layer {
    /// As messages name it.
    pub file: String,
    pub text: String,
}

/// The file and what it is based on, the most basic first.
pub(super) fn layers(file: &str, text: &str) -> Result<Vec<Layer>, TrainError> {
    let mut chain = vec![Layer {
        file: file.into(),
        text: text.into(),
    }];
    while let Some(layer) = chain.last() {
        let Some((base, line)) = base(layer) else {
            break;
        };
        let fail = |problem: String| {
            Err(TrainError::Value {
                place: format!("{}, line {line}", layer.file),
                key: "base".into(),
                value: format!("{base:?}"),
                problem,
            })
        };
        let next = match read(&layer.file, &base) {
            Ok(next) => next,
            Err(problem) => return fail(problem),
        };
        // A file of one's own may be named as a built-in recipe is: the texts tell them apart.
        if chain.contains(&next) {
            return fail("the recipe is based on itself".into());
        }
        if chain.len() == MOST_LAYERS {
            return fail(format!("the chain of bases is longer than {MOST_LAYERS}"));
        }
        chain.push(next);
    }
    chain.reverse();
    Ok(chain)
}

/// The base that a file names, and the line where; syntax errors are found elsewhere.
fn base(layer: &Layer) -> Option<(String, usize)> {
    let table = toml::de::DeTable::parse(&layer.text).ok()?;
    let (key, value) = table
        .get_ref()
        .iter()
        .find(|(key, _)| key.get_ref() == "base")?;
    let name = value.get_ref().as_str()?.to_owned();
    Some((
        name,
        1 + layer.text[..key.span().start].matches('\n').count(),
    ))
}

/// A base is a file, relative to the file that names it, or a built-in recipe.
fn read(from: &str, base: &str) -> Result<Layer, String> {
    let path = Path::new(from)
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
        .join(base);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Layer {
            file: path.display().to_string(),
            text,
        }),
        Err(error) => match built_in(base).filter(|_| error.kind() == ErrorKind::NotFound) {
            Some(text) => Ok(Layer {
                file: format!("recipes/{base}.toml"),
                text: text.into(),
            }),
            None => {
                let names: Vec<&str> = BUILT_IN.iter().map(|recipe| recipe.0).collect();
                Err(format!(
                    "{}: {error}; a base is a file, seen from the folder of this one, or one of {}",
                    path.display(),
                    names.join(", ")
                ))
            }
        },
    }
}

/// Puts the keys of `over` over those of `under`, table by table; anything else is replaced whole.
pub(super) fn merge(under: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => merge(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}
