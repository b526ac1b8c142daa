//! Numbers over steps, recipes and warnings, of several runs at once.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::params::{Params, runs, size};
use super::{Answer, Shared, answer, read_error};
use crate::curves::{Look, Shown, X, draw, key_of_runs};
use crate::error::DashError;
use crate::recipes::{difference, flat};
use crate::runs::Run;
use crate::state::{Dash, Live, lock};
use crate::status::CONFIG_BYTES;

/// Figures of one answer, at most.
const MOST_FIGURES: usize = 64;
/// What is shown first, as far as the runs have it.
const FIRST: [&str; 12] = [
    "reward/verifier",
    "test/accuracy",
    "self_reward/f1",
    "test/self_verification/f1",
    "self_reward/auroc",
    "self_reward/mse",
    "self_reward/logp_correct",
    "self_reward/logp_incorrect",
    "policy/entropy",
    "optim/grad_norm",
    "rollout/length_mean",
    "test/loss",
];

/// The runs that are asked for.
#[derive(Deserialize)]
pub struct Chosen {
    #[serde(default)]
    runs: String,
}

/// The keys that the runs have, by the part before the slash; the first group is a selection.
pub async fn keys(State(dash): Shared, Params(chosen): Params<Chosen>) -> Answer {
    answer(move || {
        let mut all = BTreeSet::new();
        let mut unreadable = Vec::new();
        for (_, run) in runs(&dash, &chosen.runs)? {
            let live = dash.live(&run);
            let mut live = lock(&live);
            live.poll(dash.root(), &run)?;
            let keys = live.metrics.content().keys();
            all.extend(keys.chain(live.evals.content().keys()).map(str::to_owned));
            unreadable.extend(unreadable_lines(&run, &live));
        }
        let mut first: Vec<&str> = FIRST.into_iter().filter(|k| all.contains(*k)).collect();
        // A run that only imitates has its loss to show.
        if !first.contains(&"reward/verifier") && all.contains("sft/loss") {
            first.insert(0, "sft/loss");
        }
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for key in &all {
            let group = key.split_once('/').map_or("other", |(group, _)| group);
            groups.entry(group).or_default().push(key);
        }
        let mut shown = vec![json!({"name": "overview", "keys": first})];
        let groups = groups.into_iter();
        shown.extend(groups.map(|(name, keys)| json!({"name": name, "keys": keys})));
        Ok(json!({"groups": shown, "unreadable": unreadable}))
    })
    .await
}

/// What is wrong with the logs of a run, in words.
fn unreadable_lines(run: &Run, live: &Live) -> Vec<String> {
    let counts = [
        ("metrics.jsonl", live.metrics.unreadable()),
        ("evals.jsonl", live.evals.unreadable()),
    ];
    let broken = counts.into_iter().filter_map(|(file, (count, first))| {
        let lines = if count == 1 { "line" } else { "lines" };
        let first = first?;
        Some(format!(
            "{}: {count} unreadable {lines} in {file}, the first is line {first}",
            run.name
        ))
    });
    broken.collect()
}

/// The figures that are asked for, and how they look.
#[derive(Deserialize)]
pub struct Figures {
    #[serde(default)]
    runs: String,
    #[serde(default)]
    keys: String,
    #[serde(default)]
    x: X,
    /// Per mille of the run.
    #[serde(default = "usual")]
    smooth: u32,
    #[serde(default)]
    log: u8,
    #[serde(default)]
    narrow: u8,
}

/// The report's width.
fn usual() -> u32 {
    (laser_report::svg::WIDTH * 1000.0) as u32
}

/// A figure for every key.
pub async fn curves(State(dash): Shared, Params(asked): Params<Figures>) -> Answer {
    answer(move || {
        let keys: Vec<&str> = asked.keys.split(',').filter(|k| !k.is_empty()).collect();
        if keys.len() > MOST_FIGURES || asked.smooth > 1000 {
            let text = format!("expected at most {MOST_FIGURES} keys, and smooth from 0 to 1000");
            return Err(DashError::BadRequest(text));
        }
        let chosen = runs(&dash, &asked.runs)?;
        let look = Look {
            x: asked.x,
            smooth: f64::from(asked.smooth) / 1000.0,
            log: asked.log != 0,
            size: size(asked.narrow),
        };
        let live: Vec<_> = chosen.iter().map(|(_, run)| dash.live(run)).collect();
        // Always in the order of the ids: two requests that lock the same runs in different
        // orders would wait for one another.
        let mut order: Vec<usize> = (0..chosen.len()).collect();
        order.sort_by(|a, b| chosen[*a].1.id.cmp(&chosen[*b].1.id));
        order.dedup_by(|a, b| chosen[*a].1.id == chosen[*b].1.id);
        let mut locked = Vec::new();
        for i in order {
            let mut run = lock(&live[i]);
            run.poll(dash.root(), &chosen[i].1)?;
            locked.push((i, run));
        }
        locked.sort_by_key(|(i, _)| *i);
        let shown: Vec<Shown> = locked
            .iter()
            .map(|(i, live)| Shown {
                slot: chosen[*i].0,
                name: &chosen[*i].1.name,
                metrics: live.metrics.content(),
                evals: live.evals.content(),
            })
            .collect();
        let figures: Vec<Value> = keys
            .iter()
            .map(|key| json!({"key": key, "svg": draw(key, &shown, look)}))
            .collect();
        let legend = key_of_runs(shown.iter().map(|s| (s.slot, s.name)));
        Ok(json!({"figures": figures, "legend": legend}))
    })
    .await
}

/// The keys in which the recipes of the runs differ.
pub async fn recipes(State(dash): Shared, Params(chosen): Params<Chosen>) -> Answer {
    answer(move || {
        let mut read = Vec::new();
        let mut unreadable = Vec::new();
        for (_, run) in runs(&dash, &chosen.runs)? {
            match recipe(&dash, &run)? {
                Ok(keys) => read.push((run.name, keys)),
                Err(why) => unreadable.push(format!("{}: {why}", run.name)),
            }
        }
        let (names, keys): (Vec<String>, Vec<_>) = read.into_iter().unzip();
        let difference = difference(&keys);
        Ok(json!({
            "runs": names,
            "rows": difference.rows,
            "same": difference.same,
            "unreadable": unreadable,
        }))
    })
    .await
}

type Keys = BTreeMap<String, String>;

/// The keys of a run's recipe, or why there are none.
fn recipe(dash: &Dash, run: &Run) -> Result<Result<Keys, String>, DashError> {
    let name = "config.toml";
    let text = dash.root().text(&run.path.join(name), CONFIG_BYTES);
    let text = text.map_err(|source| read_error(run, name, source))?;
    Ok(match text.as_deref().map(flat) {
        Some(Ok(keys)) => Ok(keys),
        Some(Err(e)) => Err(format!("config.toml cannot be read: {e}")),
        None => Err("there is no config.toml".into()),
    })
}

/// What the runs warned of, in the order of the steps.
pub async fn warnings(State(dash): Shared, Params(chosen): Params<Chosen>) -> Answer {
    answer(move || {
        let mut told = Vec::new();
        for (_, run) in runs(&dash, &chosen.runs)? {
            let live = dash.live(&run);
            let mut live = lock(&live);
            live.poll(dash.root(), &run)?;
            let warnings = &live.metrics.content().warnings;
            told.push(json!({"run": run.name, "warnings": warnings}));
        }
        Ok(json!(told))
    })
    .await
}
