//! `laser calibrate`.

mod advice;
mod report;

use anyhow::{Result, bail};
use laser_data::Wanted;
use laser_rl::SelfReward;
use laser_rollout::{Generation, SelfRewardPosition};
use laser_train::{
    Candidate, Exchange, LanguageModel, SelfRewardToken, TestSet, TokenReference, best_candidate,
    check_writable,
};

use crate::answer::{DataArgs, ModelArgs, SamplingArgs, bad_input, progress, words};
use crate::{BadInput, output};
use advice::Advice;
use report::{Summary, show};

/// Responses for each thread that are sampled at once.
const RESPONSES: usize = 128;
/// Tokens that are scored at once.
const BATCH_TOKENS: usize = 4096;

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
    if let Some(file) = args.data.data.iter().find(|f| f.n.is_some()) {
        let problem = "n= is of laser eval; here --pairs says how many responses are sampled";
        return Err(BadInput(format!("--data {}: {problem}", file.path)).into());
    }
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
        let requests = set.requests(range.clone(), args.sampling.seed());
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
