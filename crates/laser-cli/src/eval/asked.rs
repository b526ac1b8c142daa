//! What a model is asked, and how often.

use std::collections::BTreeMap;

use anyhow::Result;
use laser_data::Wanted;
use laser_rl::EvalOptions;
use laser_train::{LanguageModel, Recipe, TestSet};

use super::Args;
use super::answers::How;
use super::sweep;
use crate::answer::bad_input;
use crate::train::find_recipe;
use crate::{BadInput, output};

/// Responses to a problem, where nothing says how many.
const SAMPLES: usize = 8;

/// The problems, and the settings that the command line or a recipe gives.
pub struct Asked {
    /// The problems.
    pub set: TestSet,
    /// Responses to each problem of a file without a number of its own; the most of all where every
    /// file has one.
    pub samples: usize,
    /// Those of files with a number of their own.
    pub samples_of: BTreeMap<String, usize>,
    /// Whether every file has a number of its own.
    every: bool,
    /// Seed of the sampling.
    pub seed: u64,
    /// Most tokens of a response.
    pub max_new_tokens: usize,
    options: EvalOptions,
}

/// The recipe whose problems are asked, if one is named.
///
/// # Errors
/// A recipe that is not there or wrong.
pub fn recipe(args: &Args) -> Result<Option<Recipe>> {
    let name = args.recipe.as_deref();
    name.map(|name| find_recipe(name, &[])).transpose()
}

impl Asked {
    /// Reads the problems and says what was read.
    ///
    /// # Errors
    /// Files that cannot be read or mapped, tasks with too few problems, k beyond the responses.
    pub fn load(args: &Args, recipe: Option<&Recipe>, model: &LanguageModel) -> Result<Self> {
        let samples_of = samples_of(args)?;
        let tests = recipe.map(|r| &r.evaluation);
        let samples = match args.n {
            Some(n) => n as usize,
            None => sweep::largest_k(&args.sweep)
                .or(tests.map(|t| t.samples))
                .unwrap_or(SAMPLES),
        };
        // Files with numbers of their own may be all there are.
        let every = !args.data.data.is_empty() && samples_of.len() == args.data.data.len();
        let most = samples_of.values().copied().max().unwrap_or(0);
        let samples = if every { most } else { samples };
        let most = most.max(samples);
        let max_new_tokens = match recipe {
            Some(recipe) => args
                .sampling
                .max_new_tokens_or(recipe.rollout.max_new_tokens),
            None => args.sampling.max_new_tokens(),
        };
        let options = EvalOptions {
            ks: ks(args, recipe, most)?,
            bootstrap: match args.bootstrap {
                Some(n) => n as usize,
                None => tests.map_or(EvalOptions::default().bootstrap, |t| t.bootstrap),
            },
            borda_powers: tests.map_or(Vec::new(), |t| t.borda.clone()),
            ..EvalOptions::default()
        };
        let mut set = match recipe {
            Some(recipe) => {
                let count = match args.problems {
                    Some(n) => n as usize,
                    None => recipe.evaluation.problems,
                };
                let set = TestSet::of_recipe(model, recipe, count, max_new_tokens);
                let set = set.map_err(bad_input)?;
                let name = &recipe.name;
                output::log(format_args!(
                    "{} test problems of the recipe {name}",
                    set.len()
                ));
                set
            }
            None => args.data.load(model, Wanted::ANSWER, max_new_tokens)?,
        };
        set.set_samples(|o| samples_of.get(&o.file).copied());
        Ok(Asked {
            set,
            samples,
            samples_of,
            every,
            seed: args.sampling.seed_or(recipe.map_or(0, |r| r.seed)),
            max_new_tokens,
            options,
        })
    }

    /// The most responses to a problem.
    pub fn most(&self) -> usize {
        let origins = self.set.origins();
        let samples = origins.map(|o| self.samples_of.get(&o.file).copied());
        let samples = samples.map(|n| n.unwrap_or(self.samples));
        samples.max().unwrap_or(self.samples)
    }

    /// How many responses each problem gets, in words.
    pub fn count_words(&self, how: &How) -> String {
        if let How::Beam(beam) = how {
            return beam.width.to_string();
        }
        let own = self.samples_of.iter();
        let mut words: Vec<String> = own.map(|(file, n)| format!("{n} to {file}")).collect();
        if !self.every {
            words.push(self.samples.to_string());
        }
        words.join(", ")
    }

    /// What is computed of answers: of a search the k up to its width.
    pub fn options_of(&self, how: &How) -> EvalOptions {
        match how {
            How::Sampled(_) => self.options.clone(),
            How::Beam(beam) => EvalOptions {
                ks: powers(beam.width),
                ..self.options.clone()
            },
        }
    }
}

/// Responses by file, for files with a number of their own.
fn samples_of(args: &Args) -> Result<BTreeMap<String, usize>, BadInput> {
    let mut samples = BTreeMap::new();
    for file in &args.data.data {
        let Some(n) = file.n else { continue };
        let path = &file.path;
        if args
            .data
            .data
            .iter()
            .any(|f| f.path == *path && f.n != file.n)
        {
            let problem = "named twice with different n; a file has one number of responses";
            return Err(BadInput(format!("--data {path}: {problem}")));
        }
        samples.insert(path.clone(), n);
    }
    Ok(samples)
}

/// Powers of two up to `n`, and `n` itself.
fn powers(n: usize) -> Vec<usize> {
    let powers = (0..usize::BITS).map(|p| 1 << p);
    let mut ks: Vec<usize> = powers.take_while(|k| *k <= n).collect();
    ks.push(n);
    ks.dedup();
    ks
}

fn ks(args: &Args, recipe: Option<&Recipe>, most: usize) -> Result<Vec<usize>, BadInput> {
    let asked = args.ks.iter().map(|k| ("--ks", *k as usize));
    let swept = sweep::ks(&args.sweep).map(|k| ("--sweep k =", k));
    if let Some((flag, k)) = asked.chain(swept).find(|(_, k)| *k > most) {
        let problem = format!("{flag} {k}: only --n {most} responses are sampled; raise --n");
        return Err(BadInput(problem));
    }
    let mut ks: Vec<usize> = match (args.ks.is_empty(), recipe) {
        (false, _) => args.ks.iter().map(|k| *k as usize).collect(),
        (true, Some(recipe)) => recipe.evaluation.ks.clone(),
        (true, None) => (0..usize::BITS)
            .map(|p| 1 << p)
            .take_while(|k| *k <= most)
            .collect(),
    };
    ks.retain(|k| *k <= most);
    for k in sweep::ks(&args.sweep) {
        if !ks.contains(&k) {
            ks.push(k);
        }
    }
    // A sweep compares its settings at the most votes there are.
    if !args.sweep.is_empty() && !ks.contains(&most) {
        ks.push(most);
    }
    Ok(ks)
}

#[cfg(test)]
mod tests {
    #[test]
    fn votes_are_counted_at_powers_of_two_and_at_all() {
        assert_eq!(super::powers(1), [1]);
        assert_eq!(super::powers(8), [1, 2, 4, 8]);
        assert_eq!(super::powers(6), [1, 2, 4, 6]);
    }
}
