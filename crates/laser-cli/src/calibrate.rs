//! `laser calibrate`.

use anyhow::{Result, bail};
use comfy_table::{CellAlignment, Table, presets};
use laser_data::Wanted;
use laser_rl::SelfReward;
use laser_rollout::{Generation, SelfRewardPosition};
use laser_train::{
    CRef, Candidate, Exchange, LanguageModel, MAX_PARTITION_EXCESS, MAX_SCORE_NOISE, Measure,
    SelfRewardToken, TestSet, TokenReference, best_candidate, check_writable,
};
use serde::Serialize;

use crate::answer::{DataArgs, ModelArgs, SamplingArgs, bad_input, progress, words};
use crate::screen::shorten;
use crate::{BadInput, output};

/// Responses for each thread that are sampled at once.
const RESPONSES: usize = 128;
/// Tokens that are scored at once.
const BATCH_TOKENS: usize = 4096;
/// Finished responses from which on the mean is good enough.
const ENOUGH: usize = 300;
/// Candidates in the table.
const SHOWN: usize = 10;

/// Proposes the token and the constant of the self-reward for a model
///
/// Samples responses to the problems' prompts, measures log π(z) of every special token z that
/// nothing uses after the end of each response, and picks the one whose score would have the least
/// built-in noise, β_v · std, of those that are rare enough: Z − 1 = mean π(z) · (e^(1/β_v) − 1) of
/// at most 1e-3, so that log Z ≈ 0 holds. The constant c_ref is the mean of its log π(z).
///
/// One JSON object goes to standard output, with every candidate; a table, the reasons and the
/// lines for a recipe to standard error. --write puts laser.json into the model's folder, where
/// score, generate and eval find it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  laser calibrate --model models/qwen --data train.jsonl
  laser calibrate --model org/name --data gsm8k.parquet --format gsm8k --max-new-tokens 1024
  laser calibrate --model models/qwen --data train.jsonl --token '<|vision_pad|>' --only --write")]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Responses to sample; prompts are used again where they are fewer
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(2..))]
    pairs: u32,
    /// β_v, the scale of the score
    #[arg(long, default_value_t = 0.1, allow_negative_numbers = true, value_parser = positive)]
    beta_v: f32,
    /// A further candidate; may be repeated
    #[arg(long = "token", value_name = "TOKEN")]
    tokens: Vec<String>,
    /// Only the candidates that --token names
    #[arg(long, requires = "tokens")]
    only: bool,
    #[command(flatten)]
    sampling: SamplingArgs,
    /// Write laser.json into the model's folder
    #[arg(long)]
    write: bool,
    /// Replace a laser.json that is there
    #[arg(long, requires = "write")]
    force: bool,
}

fn positive(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(x) if x > 0.0 && x.is_finite() => Ok(x),
        _ => Err("a number above 0 is expected".into()),
    }
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let model = args.model.load()?;
    if args.write {
        check_writable(model.dir(), args.force).map_err(bad_input)?;
    }
    let tokens = model
        .candidates(!args.only, &args.tokens)
        .map_err(bad_input)?;
    if tokens.is_empty() {
        let problem =
            "the tokenizer has no special token that nothing uses; --token names one of your own";
        return Err(BadInput(format!("{}: {problem}", args.model.model)).into());
    }
    let new = args.sampling.max_new_tokens();
    let set = args.data.load(&model, Wanted::default(), new)?;
    let (finished, logps) = measure(&args, &model, &set, &tokens)?;
    let candidates = candidates(&tokens, &logps, finished, &args)?;
    let Some(best) = best_candidate(&candidates, args.beta_v) else {
        bail!("no candidate could be measured");
    };
    let chosen = &candidates[best];
    let advice = Advice::new(chosen, args.beta_v);
    show(&args, &candidates, chosen, &advice, finished);
    let summary = Summary::new(&args, &candidates, chosen, &advice, finished);
    output::data(serde_json::to_string_pretty(&summary)?)?;
    if !args.write {
        return Ok(());
    }
    if !advice.holds {
        bail!("nothing was written: {}", advice.why);
    }
    token(chosen, args.beta_v).write(model.dir())?;
    output::log(format_args!(
        "written: {}",
        model.dir().join("laser.json").display()
    ));
    Ok(())
}

/// How many responses ended by themselves, and log π of each token after them.
fn measure(
    args: &Args,
    model: &LanguageModel,
    set: &TestSet,
    tokens: &[(String, u32)],
) -> Result<(usize, Vec<Vec<f32>>)> {
    let sampling = args.sampling.sampling(&model.defaults)?;
    output::log(format_args!(
        "{} responses, {}",
        args.pairs,
        words(&sampling)
    ));
    let generation = Generation {
        // All tokens are candidates alike.
        self_reward_token: None,
        ..model.generation(sampling, args.sampling.max_new_tokens())
    };
    let ids: Vec<u32> = tokens.iter().map(|t| t.1).collect();
    let pairs = args.pairs as usize;
    let at_once = RESPONSES * model.cpu.threads();
    let bar = progress(pairs, "responses");
    let mut logps = Vec::new();
    for first in (0..pairs).step_by(at_once) {
        let range = first..pairs.min(first + at_once);
        let requests = set.requests(range.clone(), args.sampling.seed);
        let groups = model.sample(&requests, &generation).map_err(bad_input)?;
        let answered = requests.iter().zip(groups.iter().flatten());
        let ended = answered.filter(|(_, answer)| answer.response.finished());
        let exchanges = ended.map(|(request, answer)| Exchange {
            prompt: &request.prompt,
            response: &answer.response.ids,
        });
        let exchanges: Vec<Exchange> = exchanges.collect();
        let more = model.logprobs_after(&exchanges, &ids, BATCH_TOKENS);
        logps.extend(more.map_err(bad_input)?);
        bar.set_position(range.end as u64);
    }
    bar.finish_and_clear();
    Ok((logps.len(), logps))
}

fn candidates(
    tokens: &[(String, u32)],
    logps: &[Vec<f32>],
    finished: usize,
    args: &Args,
) -> Result<Vec<Candidate>, BadInput> {
    let measured = tokens.iter().enumerate().map(|(i, (token, id))| {
        let of_token: Vec<f32> = logps.iter().map(|l| l[i]).collect();
        let reference = TokenReference::measure(&of_token).ok_or_else(|| {
            BadInput(format!(
                "only {finished} of {} responses ended by themselves, and at least 2 are needed; raise --max-new-tokens",
                args.pairs
            ))
        })?;
        Ok(Candidate {
            token: token.clone(),
            token_id: *id,
            reference,
        })
    });
    measured.collect()
}

/// What is recommended, and why.
struct Advice {
    /// The β_v that was asked for, or the smallest that would do.
    beta_v: f32,
    /// Whether log Z ≈ 0 holds at the β_v that was asked for.
    holds: bool,
    /// Built-in noise of the score at the recommended β_v.
    noise: f64,
    why: String,
}

impl Advice {
    fn new(chosen: &Candidate, asked: f32) -> Self {
        let r = &chosen.reference;
        let excess = r.partition_excess(asked);
        let holds = excess <= MAX_PARTITION_EXCESS;
        let beta_v = match holds {
            true => asked,
            false => r.smallest_beta_v(MAX_PARTITION_EXCESS) as f32,
        };
        let noise = r.noise(beta_v);
        let why = match holds {
            true => format!(
                "{} has the least built-in noise ({noise:.4}) of the tokens whose Z − 1 is at most {MAX_PARTITION_EXCESS:.0e} (its own is {excess:.1e})",
                chosen.token
            ),
            false => format!(
                "no token is rare enough at beta_v = {asked}; the rarest, {}, has Z − 1 = {excess:.1e} where {MAX_PARTITION_EXCESS:.0e} is the most, and would do with --beta-v {beta_v} or more",
                chosen.token,
            ),
        };
        Advice {
            beta_v,
            holds,
            noise,
            why,
        }
    }

    /// Whether a constant c_ref is good enough.
    fn constant(&self) -> bool {
        self.noise <= MAX_SCORE_NOISE
    }

    fn c_ref(&self, chosen: &Candidate) -> CRef {
        match self.constant() {
            true => CRef::Given(chosen.reference.mean),
            false => CRef::Measured(Measure::Reference),
        }
    }
}

fn token(chosen: &Candidate, beta_v: f32) -> SelfRewardToken {
    SelfRewardToken {
        token: chosen.token.clone(),
        token_id: chosen.token_id,
        rule: SelfReward {
            beta_v,
            c_ref: chosen.reference.mean,
        },
        position: SelfRewardPosition::AfterEos,
    }
}

fn show(
    args: &Args,
    candidates: &[Candidate],
    chosen: &Candidate,
    advice: &Advice,
    finished: usize,
) {
    let mut order: Vec<&Candidate> = candidates.iter().collect();
    let noise = |c: &Candidate| c.reference.noise(args.beta_v);
    let usable = |c: &Candidate| c.reference.partition_excess(args.beta_v) <= MAX_PARTITION_EXCESS;
    order.sort_by(|a, b| {
        usable(b)
            .cmp(&usable(a))
            .then(noise(a).total_cmp(&noise(b)))
    });
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["token", "log π mean", "std", "min", "max", "Z − 1", "noise"]);
    for c in order.iter().take(SHOWN) {
        let r = &c.reference;
        table.add_row([
            shorten(&c.token, 30),
            format!("{:.3}", r.mean),
            format!("{:.3}", r.std),
            format!("{:.3}", r.min),
            format!("{:.3}", r.max),
            format!("{:.1e}", r.partition_excess(args.beta_v)),
            format!("{:.4}", noise(c)),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    output::log(table);
    if candidates.len() > SHOWN {
        output::log(format_args!("{SHOWN} of {} candidates", candidates.len()));
    }
    if finished < ENOUGH {
        output::log(format_args!(
            "warning: {finished} finished responses, fewer than {ENOUGH}: the mean is uncertain; raise --pairs or --max-new-tokens"
        ));
    }
    output::log(&advice.why);
    if !advice.constant() {
        output::log(format_args!(
            "warning: log π({}) varies so much that a constant c_ref alone puts a noise of {:.3} on the score (more than {MAX_SCORE_NOISE}); \
             train against the reference model's own log-probability of each response instead, c_ref = \"reference\"",
            chosen.token, advice.noise
        ));
    }
    output::log(format_args!(
        "\nfor a recipe:\n\n{}",
        snippet(chosen, advice)
    ));
}

/// The lines of a recipe.
fn snippet(chosen: &Candidate, advice: &Advice) -> String {
    let c_ref = match advice.c_ref(chosen) {
        // With a point, which TOML wants of a number that is no integer.
        CRef::Given(c) => format!("{c:?}"),
        CRef::Measured(_) => "\"reference\"".into(),
    };
    // A JSON string is a TOML basic string.
    let token = serde_json::Value::from(chosen.token.as_str());
    let beta_v = advice.beta_v;
    format!("[self_reward]\ntoken = {token}\nbeta_v = {beta_v:?}\nc_ref = {c_ref}")
}

/// What is written to standard output.
#[derive(Serialize)]
struct Summary<'a> {
    model: &'a str,
    data: &'a [String],
    pairs: u32,
    finished: usize,
    beta_v: f32,
    holds: bool,
    chosen: Row<'a>,
    recommended: Recommended,
    why: &'a str,
    candidates: Vec<Row<'a>>,
}

/// Values for a recipe.
#[derive(Serialize)]
struct Recommended {
    beta_v: f32,
    c_ref: CRef,
}

/// A candidate at the β_v that was asked for.
#[derive(Serialize)]
struct Row<'a> {
    token: &'a str,
    token_id: u32,
    mean: f32,
    std: f32,
    min: f32,
    max: f32,
    partition_excess: f64,
    noise: f64,
    smallest_beta_v: f64,
    holds: bool,
}

impl<'a> Row<'a> {
    fn new(c: &'a Candidate, beta_v: f32) -> Self {
        let r = &c.reference;
        let partition_excess = r.partition_excess(beta_v);
        Row {
            token: &c.token,
            token_id: c.token_id,
            mean: r.mean,
            std: r.std,
            min: r.min,
            max: r.max,
            partition_excess,
            noise: r.noise(beta_v),
            smallest_beta_v: r.smallest_beta_v(MAX_PARTITION_EXCESS),
            holds: partition_excess <= MAX_PARTITION_EXCESS,
        }
    }
}

impl<'a> Summary<'a> {
    fn new(
        args: &'a Args,
        candidates: &'a [Candidate],
        chosen: &'a Candidate,
        advice: &'a Advice,
        finished: usize,
    ) -> Self {
        Summary {
            model: &args.model.model,
            data: &args.data.data,
            pairs: args.pairs,
            finished,
            beta_v: args.beta_v,
            holds: advice.holds,
            chosen: Row::new(chosen, args.beta_v),
            recommended: Recommended {
                beta_v: advice.beta_v,
                c_ref: advice.c_ref(chosen),
            },
            why: &advice.why,
            candidates: candidates
                .iter()
                .map(|c| Row::new(c, args.beta_v))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use laser_train::Recipe;

    fn candidate(logps: &[f32]) -> Candidate {
        Candidate {
            token: "<|\"z\"|>".into(),
            token_id: 7,
            reference: TokenReference::measure(logps).unwrap(),
        }
    }

    #[test]
    fn the_lines_for_a_recipe_are_a_recipe() {
        for (logps, beta_v, c_ref) in [
            (&[-24.0, -24.25][..], 0.1, CRef::Given(-24.125)),
            (&[-23.0, -25.0], 0.1, CRef::Measured(Measure::Reference)),
            (&[-10.0, -10.0], 0.07, CRef::Given(-10.0)),
        ] {
            let candidate = candidate(logps);
            let advice = Advice::new(&candidate, beta_v);
            let recipe = Recipe::parse("r.toml", &snippet(&candidate, &advice), &[]).unwrap();
            let s = recipe.self_reward;
            assert_eq!((s.token.as_str(), s.c_ref), ("<|\"z\"|>", c_ref));
            assert_eq!(s.beta_v, advice.beta_v);
            assert_eq!(advice.beta_v == beta_v, advice.holds);
            let excess = candidate.reference.partition_excess(s.beta_v);
            assert!(excess <= MAX_PARTITION_EXCESS);
        }
    }
}
