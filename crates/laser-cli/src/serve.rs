//! `laser serve`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use laser_rollout::ServiceOptions;
use laser_serve::{Keys, Options, Server, router};
use laser_train::{LanguageModel, available_memory};
use laser_web::{Address, Limits, Listener, guard, signal};

use crate::answer::{ModelArgs, bad_input};
use crate::{BadInput, output};

/// Where keys are looked for when no file is given.
const KEYS: &str = "LASER_API_KEY";
/// Threads that talk to clients; sampling has its own.
const WORKERS: usize = 2;

/// Answers over HTTP as OpenAI's API does, with the self-reward of every answer
///
/// Serves POST /v1/chat/completions and /v1/completions (streams too), GET /v1/models, /health and
/// /metrics. Every choice has self_reward and self_logprob; the extension "laser" samples several
/// responses and answers with the one that wins the vote. docs/serving.md has all fields.
///
/// It listens on this machine alone unless --host says otherwise. Ctrl-C or SIGTERM ends it once
/// running answers have ended, a second one at once.
#[derive(clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  laser serve --model runs/laser/checkpoints/step-200
  laser serve --model Qwen/Qwen2.5-0.5B-Instruct --context 2048 --rows 8 --port 9000
  LASER_API_KEY=secret laser serve --model DIR --host 0.0.0.0"
)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Address to listen on; 0.0.0.0 for every interface
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Port; 0 takes a free one
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Responses in flight on each thread; the caches for them are allocated at the start
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    rows: u32,
    /// Requests that may wait for a row; further ones get 429
    #[arg(long, default_value_t = 256)]
    queue: u32,
    /// Most samples of a request
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    max_n: u32,
    /// Seconds from a request to the end of its answer
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    timeout: u32,
    /// Seconds that running answers get to end after the first Ctrl-C or SIGTERM
    #[arg(long, default_value_t = 30)]
    drain_seconds: u32,
    /// File with an API key on each line [default: LASER_API_KEY, keys separated by commas; without
    /// either everybody may ask]
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// The model's name in requests [default: --model]
    #[arg(long, value_name = "NAME")]
    served_name: Option<String>,
    /// Seed beside that of each request
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let keys = keys(args.api_key_file.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()?;
    let address = Address {
        host: args.host,
        port: args.port,
    };
    // Before the model is read, which may take minutes.
    let listener = runtime.block_on(Listener::bind(address));
    let listener = listener.map_err(|e| BadInput(e.to_string()))?;
    if keys.is_empty() && !args.host.is_loopback() {
        output::log(
            "warning: everybody who reaches this machine may ask; --api-key-file asks for a key",
        );
    }
    let model = args.model.load()?;
    check_memory(&model, args.rows as usize)?;
    let service = model.serve(ServiceOptions {
        threads: 0,
        rows: args.rows as usize,
        capacity: 0,
        queue: args.queue as usize,
    });
    let service = service.map_err(bad_input)?;
    let name = args.served_name.unwrap_or_else(|| args.model.model.clone());
    greet(&listener, &model, &name, !keys.is_empty());
    let options = Options {
        seed: args.seed,
        max_samples: args.max_n as usize,
        timeout: Duration::from_secs(args.timeout.into()),
        keys,
        ..Options::new(name)
    };
    let server = Server::new(Arc::new(model), service, options);
    let limits = Limits {
        drain: Duration::from_secs(args.drain_seconds.into()),
        ..Limits::default()
    };
    let drained = runtime.block_on(async {
        let stop = async {
            signal().await;
            output::log(format_args!(
                "stopping: running answers have {} seconds to end; Ctrl-C again ends them now",
                limits.drain.as_secs()
            ));
        };
        let routes = guard(router(server.clone()), listener.hosts());
        laser_web::serve(listener, routes, limits, stop, signal()).await
    });
    server.drain(Duration::ZERO);
    // Connections that are cut off must not be waited for.
    runtime.shutdown_background();
    match drained {
        true => Ok(()),
        false => bail!("stopped before all answers had ended"),
    }
}

/// The keys of a file, or else of the environment.
///
/// # Errors
/// A file that cannot be read, or has none.
fn keys(file: Option<&Path>) -> Result<Keys, BadInput> {
    let (place, keys) = match file {
        Some(file) => {
            let place = format!("--api-key-file {}", file.display());
            let text = std::fs::read_to_string(file);
            let text = text.map_err(|e| BadInput(format!("{place}: {e}")))?;
            (place, Keys::read(&text))
        }
        None => match std::env::var(KEYS) {
            Ok(text) => (KEYS.to_owned(), Keys::read(&text.replace(',', "\n"))),
            Err(std::env::VarError::NotPresent) => return Ok(Keys::default()),
            Err(e) => return Err(BadInput(format!("{KEYS}: {e}"))),
        },
    };
    match keys.is_empty() {
        true => Err(BadInput(format!(
            "{place}: no key in it; at least one is expected, one on each line"
        ))),
        false => Ok(keys),
    }
}

/// Refuses caches that the machine has no memory for.
///
/// # Errors
/// What they take, and what lowers it.
fn check_memory(model: &LanguageModel, rows: usize) -> Result<(), BadInput> {
    let (c, context) = (&model.decoder.config, model.decoder.context());
    // Keys and values in 4 bytes.
    let token = 2 * 4 * c.layers * c.attention.kv_heads * c.attention.head_dim;
    let slots = model.cpu.threads() * rows;
    let bytes = (slots as u64)
        .saturating_mul(context as u64)
        .saturating_mul(token as u64);
    let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
    if let Some(available) = available_memory().filter(|a| bytes > *a) {
        return Err(BadInput(format!(
            "keys and values of {slots} responses of {context} tokens take {:.1} GiB, but only {:.1} GiB are free; lower --context or --rows",
            gib(bytes),
            gib(available)
        )));
    }
    output::log(format_args!(
        "{slots} responses of {context} tokens at once, {:.2} GiB for their keys and values",
        gib(bytes)
    ));
    Ok(())
}

/// Says where it listens and how to ask.
fn greet(listener: &Listener, model: &LanguageModel, name: &str, keys: bool) {
    let url = listener.url();
    let name = serde_json::Value::from(name);
    let key = match keys {
        true => " -H 'Authorization: Bearer KEY'",
        false => "",
    };
    let (path, prompt) = match model.text.has_template() {
        true => (
            "chat/completions",
            r#""messages": [{"role": "user", "content": "What is 17 * 3?"}]"#,
        ),
        false => ("completions", r#""prompt": "17*3=""#),
    };
    output::log(format_args!("listening on {url}; try"));
    output::log(format_args!(
        "  curl {url}/v1/{path}{key} -H 'Content-Type: application/json' -d '{{\"model\": {name}, {prompt}, \"max_tokens\": 64}}'"
    ));
}
