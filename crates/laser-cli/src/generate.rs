//! `laser generate`.

use std::time::Instant;

use anyhow::Result;
use laser_rollout::{Generation, Request};
use laser_train::{Answer, BeamSettings, LanguageModel};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::answer::{
    BeamArgs, ModelArgs, SamplingArgs, Template, bad_input, beam_words, progress, prompt, words,
};
use crate::jsonl::{Streams, fields, with_rest};
use crate::output;

/// Responses for each thread that are sampled at once: more keep the threads busy, fewer are
/// written sooner and take less memory.
const RESPONSES: usize = 128;
/// What a line is.
const EXPECTED: &str = r#"{"prompt": string}, {"messages": [...]} or {"ids": [numbers]}"#;

/// Samples responses to prompts, with their self-reward
///
/// Reads JSON lines {"prompt": "..."} (a plain text to go on from), {"messages": [{"role",
/// "content"}, ...]} (a conversation, which goes through the chat template) or {"ids": [...]}, and
/// writes for each of them n lines, in order:
///
///   {"index": line from 0, "sample": from 0, "prompt": what the model read, "response": text,
///   "ids": the response's tokens, "logprobs": with --logprobs, of each token under the model
///   itself, "self_logprob", "self_reward", "self_certainty", "finish": "stop" or "length",
///   "length": tokens}
///
/// With --beam WIDTH the lines are the likeliest responses that beam search finds, the best first,
/// and have "beam_score", their log-probability / length^A.
///
/// self_logprob and self_reward are those of laser.json, null for responses that did not end.
/// self_certainty is the mean over the tokens of KL(uniform ‖ model), in nats; it needs no laser.json.
/// Other members of a line, such as "id", are copied, unless they have the name of a result. A response
/// depends on its prompt, its index and sample, the seed and the settings alone.
///
/// The first bad line ends the command with status 2; a file is checked before work begins.
#[derive(clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  laser generate --model runs/laser/checkpoints/step-200 --input prompts.jsonl --n 8
  echo '{\"prompt\": \"1+1=\"}' | laser generate --model runs/laser/base --greedy
  laser generate --model org/name --input chats.jsonl --output answers.jsonl --defaults model
  laser generate --model org/name --input chats.jsonl --template-arg enable_thinking=false
  laser generate --model org/name --input prompts.jsonl --beam 4"
)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    streams: Streams,
    #[command(flatten)]
    template: Template,
    /// Responses to each prompt
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    n: u32,
    #[command(flatten)]
    sampling: SamplingArgs,
    #[command(flatten)]
    beam: BeamArgs,
    /// Write the log-probability of each token
    #[arg(long)]
    logprobs: bool,
}

/// A line that was read.
struct Line {
    index: u64,
    ids: Vec<u32>,
    shown: String,
    rest: Vec<(String, Box<RawValue>)>,
}

/// A line of the output.
#[derive(Serialize)]
struct Output<'a> {
    index: u64,
    sample: usize,
    prompt: &'a str,
    response: &'a str,
    ids: &'a [u32],
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<&'a [f32]>,
    self_logprob: Option<f32>,
    self_reward: Option<f32>,
    self_certainty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beam_score: Option<f64>,
    finish: &'static str,
    length: usize,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let model = args.model.load()?;
    let sampling = args.sampling.sampling(&model.defaults)?;
    let (samples, new) = (args.n as usize, args.sampling.max_new_tokens());
    let generation = model.generation(sampling, new);
    let beam = args.beam.settings(new, false)?;
    let samples = beam.map_or(samples, |b| b.width);
    output::log(format_args!(
        "{samples} responses each, {}",
        match &beam {
            Some(beam) => beam_words(beam),
            None => words(&sampling),
        }
    ));
    let arguments = args.template.arguments();
    let bar = progress(0, "prompts");
    let started = Instant::now();
    let (mut responses, mut tokens) = (0, 0);
    let count = args.streams.convert(
        (RESPONSES * model.cpu.threads()).div_ceil(samples),
        |index, line| read(&model, index, line, &arguments, new),
        |lines| {
            let groups = match beam {
                Some(beam) => searched(&model, &lines, beam)?,
                None => sampled(&model, &lines, samples, args.sampling.seed(), &generation)?,
            };
            bar.inc(lines.len() as u64);
            responses += groups.iter().map(Vec::len).sum::<usize>();
            let lengths = groups.iter().flatten().map(|a| a.0.response.ids.len());
            tokens += lengths.sum::<usize>();
            let text = lines.iter().zip(&groups);
            text.map(|(line, group)| write(line, group, args.logprobs))
                .collect()
        },
    )?;
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    output::log(format_args!(
        "{}: {count} prompts, {responses} responses, {tokens} tokens in {seconds:.1} s ({:.0} tokens/s)",
        args.streams.name(),
        tokens as f64 / seconds.max(1e-9)
    ));
    Ok(())
}

/// The responses to some lines, each with its score where it was searched for.
type Groups = Vec<Vec<(Answer, Option<f64>)>>;

fn sampled(
    model: &LanguageModel,
    lines: &[Line],
    samples: usize,
    seed: u64,
    generation: &Generation,
) -> Result<Groups> {
    let requests = lines.iter().map(|l| Request {
        prompt: l.ids.clone(),
        samples,
        seed: vec![seed, l.index],
    });
    let requests: Vec<Request> = requests.collect();
    let groups = model.sample(&requests, generation).map_err(bad_input)?;
    let unscored = |group: Vec<Answer>| group.into_iter().map(|a| (a, None)).collect();
    Ok(groups.into_iter().map(unscored).collect())
}

fn searched(model: &LanguageModel, lines: &[Line], beam: BeamSettings) -> Result<Groups> {
    let prompts: Vec<Vec<u32>> = lines.iter().map(|l| l.ids.clone()).collect();
    let groups = model.beam(&prompts, beam).map_err(bad_input)?;
    let scored = |group: Vec<(Answer, f64)>| group.into_iter().map(|(a, s)| (a, Some(s))).collect();
    Ok(groups.into_iter().map(scored).collect())
}

/// # Errors
/// What is wrong with the line.
fn read(
    model: &LanguageModel,
    index: u64,
    line: &[u8],
    arguments: &Map<String, Value>,
    new: usize,
) -> Result<Line, String> {
    let mut fields = fields(line, EXPECTED)?;
    let (ids, shown) = prompt(model, &mut fields, arguments)?;
    model
        .check_ids(&ids, new)
        .map_err(|e| format!("the prompt: {e}"))?;
    let rest = fields
        .into_iter()
        .map(|(key, value)| (key, value.to_owned()));
    Ok(Line {
        index,
        ids,
        shown,
        rest: rest.collect(),
    })
}

fn write(line: &Line, group: &[(Answer, Option<f64>)], logprobs: bool) -> Result<String> {
    let rest = line.rest.iter().map(|(key, value)| (key.clone(), &**value));
    let rest = rest.collect();
    let write = |(sample, (answer, beam_score)): (usize, &(Answer, Option<f64>))| {
        let r = &answer.response;
        let output = Output {
            index: line.index,
            sample,
            prompt: &line.shown,
            response: &answer.text,
            ids: &r.ids,
            logprobs: logprobs.then_some(&r.logprobs),
            self_logprob: r.self_logprob,
            self_reward: answer.self_reward,
            self_certainty: r.self_certainty,
            beam_score: *beam_score,
            finish: r.finish.as_str(),
            length: r.ids.len(),
        };
        with_rest(&output, &rest)
    };
    group.iter().enumerate().map(write).collect()
}
