//! `laser score`.

use anyhow::Result;
use laser_train::{Exchange, LanguageModel, Scored};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::answer::{ModelArgs, Template, a_string, bad_input, ids, progress, prompt};
use crate::jsonl::{Fields, Streams, fields, with_rest};
use crate::output;

/// Lines that are held in memory at once.
const CHUNK_LINES: usize = 256;
/// What a line is.
const EXPECTED: &str = r#"{"ids": [numbers]}, {"messages": [...], "response": string} or {"prompt": string, "response": string}"#;

/// Log-probabilities and self-reward of given texts
///
/// Reads JSON lines and writes, in the same order, {"logprobs": [...], "self_logprob": number or
/// null, "self_reward": number or null}. Logarithms are natural. A line is one of
///
///   {"ids": [...]}  logprobs are those of every id but the first: one number less than ids
///
///   {"messages": [...], "response": "..."}  the conversation goes through the chat template, and
///   logprobs are those of the response's tokens, with the token that ends it
///
///   {"prompt": "...", "response": "..."}  the same for a plain text
///
/// self_logprob is the log-probability of the self-reward's token after the last id, if that is a
/// stop token and the model has a laser.json; self_reward is the score made of it. Other members of
/// a line, such as "id", are copied, unless they have the name of a result.
///
/// The first bad line ends the command with status 2; a file is checked before work begins.
#[derive(clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  laser score --model runs/laser/checkpoints/step-200 --input responses.jsonl
  echo '{\"prompt\": \"1+1=\", \"response\": \"2\"}' | laser score --model runs/laser/base
  laser score --model org/name --input chats.jsonl --output scores.jsonl --batch-tokens 16384"
)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    streams: Streams,
    #[command(flatten)]
    template: Template,
    /// Tokens that are computed at once; results do not depend on it
    #[arg(
        long,
        value_name = "N",
        default_value_t = 4096,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    batch_tokens: u32,
}

/// A line that was read.
struct Line {
    prompt: Vec<u32>,
    response: Vec<u32>,
    rest: Vec<(String, Box<RawValue>)>,
}

/// A line of the output.
#[derive(Serialize)]
struct Output<'a> {
    logprobs: &'a [f32],
    self_logprob: Option<f32>,
    self_reward: Option<f32>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let model = args.model.load()?;
    let arguments = args.template.arguments();
    let bar = progress(0, "lines");
    let count = args.streams.convert(
        CHUNK_LINES,
        |_, line| read(&model, line, &arguments),
        |lines| {
            let exchanges = lines.iter().map(|l| Exchange {
                prompt: &l.prompt,
                response: &l.response,
            });
            let exchanges: Vec<Exchange> = exchanges.collect();
            let scores = model
                .score(&exchanges, args.batch_tokens as usize)
                .map_err(bad_input)?;
            bar.inc(lines.len() as u64);
            lines
                .iter()
                .zip(&scores)
                .map(|(l, s)| write(l, s))
                .collect()
        },
    )?;
    bar.finish_and_clear();
    output::log(format_args!(
        "{}: {count} lines scored",
        args.streams.name()
    ));
    Ok(())
}

/// # Errors
/// What is wrong with the line.
fn read(
    model: &LanguageModel,
    line: &[u8],
    arguments: &Map<String, Value>,
) -> Result<Line, String> {
    let mut fields = fields(line, EXPECTED)?;
    let has = |key: &str| fields.contains_key(key);
    let (prompt, response) = match (has("ids"), has("response")) {
        (true, false) if !has("messages") && !has("prompt") => only_ids(model, &mut fields)?,
        (false, true) if has("messages") != has("prompt") => {
            answered(model, &mut fields, arguments)?
        }
        _ => {
            let keys: Vec<&str> = fields.keys().map(String::as_str).collect();
            return Err(format!(
                "{EXPECTED} is expected; there are: {}",
                keys.join(", ")
            ));
        }
    };
    let rest = fields
        .into_iter()
        .map(|(key, value)| (key, value.to_owned()));
    Ok(Line {
        prompt,
        response,
        rest: rest.collect(),
    })
}

fn only_ids(model: &LanguageModel, fields: &mut Fields) -> Result<(Vec<u32>, Vec<u32>), String> {
    let mut all = match fields.remove("ids") {
        Some(value) => ids(value)?,
        None => Vec::new(),
    };
    model
        .check_ids(&all, 0)
        .map_err(|e| format!("'ids': {e}"))?;
    let response = all.split_off(1);
    Ok((all, response))
}

fn answered(
    model: &LanguageModel,
    fields: &mut Fields,
    arguments: &Map<String, Value>,
) -> Result<(Vec<u32>, Vec<u32>), String> {
    let chat = fields.contains_key("messages");
    let written = match fields.remove("response") {
        Some(value) => a_string("response", value)?,
        None => String::new(),
    };
    let (prompt, _) = prompt(model, fields, arguments)?;
    let response = model
        .response_ids(&written, chat)
        .map_err(|e| format!("'response': {e}"))?;
    model
        .check_ids(&prompt, 0)
        .and_then(|()| model.check_ids(&[&prompt[..], &response].concat(), 0))
        .map_err(|e| format!("prompt and response: {e}"))?;
    Ok((prompt, response))
}

fn write(line: &Line, score: &Scored) -> Result<String> {
    let rest = line.rest.iter().map(|(key, value)| (key.clone(), &**value));
    let result = Output {
        logprobs: &score.logprobs,
        self_logprob: score.self_logprob,
        self_reward: score.self_reward,
    };
    with_rest(&result, &rest.collect())
}
