//! Load on a server: many clients that stream at once, for a while.
//!
//! `load HOST:PORT MODEL [--clients 64] [--seconds 60] [--tokens 256] [--prompt TEXT] [--pid PID]`
//! prints a line of JSON: answers, errors, tokens per second, the median and the 99th percentile of
//! the time to the first token and between tokens, in milliseconds, and with `--pid` the server's
//! resident memory after 10 seconds and at the end. Tokens that arrive together, because they were
//! sampled faster than they were sent, have no time between them. `bench/serve.sh` runs it in turns with batched
//! decoding of the same prompts and lengths without a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// What is asked.
struct Plan {
    address: String,
    model: String,
    clients: usize,
    time: Duration,
    tokens: usize,
    prompt: String,
    pid: Option<u32>,
}

/// What a client saw.
#[derive(Default)]
struct Seen {
    answers: u64,
    errors: Vec<String>,
    tokens: u64,
    first: Vec<Duration>,
    between: Vec<Duration>,
}

fn plan() -> Result<Plan, String> {
    let mut words = std::env::args().skip(1);
    let mut next = |what: &str| words.next().ok_or_else(|| format!("{what} is missing"));
    let mut plan = Plan {
        address: next("HOST:PORT")?,
        model: next("MODEL")?,
        clients: 64,
        time: Duration::from_secs(60),
        tokens: 256,
        prompt: "17+5*3-6=".into(),
        pid: None,
    };
    while let Ok(flag) = next("") {
        let value = next(&flag)?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|e| format!("{flag} {value}: {e}"))
        };
        match flag.as_str() {
            "--clients" => plan.clients = number()? as usize,
            "--seconds" => plan.time = Duration::from_secs(number()?),
            "--tokens" => plan.tokens = number()? as usize,
            "--prompt" => plan.prompt = value,
            "--pid" => plan.pid = Some(number()? as u32),
            _ => return Err(format!("{flag} is not known")),
        }
    }
    Ok(plan)
}

fn main() -> Result<(), String> {
    let plan = Arc::new(plan()?);
    // One thread: the server needs the others.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|e| e.to_string())?;
    println!("{}", runtime.block_on(load(plan)));
    Ok(())
}

async fn load(plan: Arc<Plan>) -> Value {
    let began = Instant::now();
    let seeds = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..plan.clients)
        .map(|_| tokio::spawn(client(plan.clone(), seeds.clone(), began)))
        .collect();
    tokio::time::sleep(Duration::from_secs(10).min(plan.time)).await;
    let early = plan.pid.and_then(resident);
    let mut all = Seen::default();
    for client in clients {
        match client.await {
            Ok(seen) => {
                all.answers += seen.answers;
                all.tokens += seen.tokens;
                all.errors.extend(seen.errors);
                all.first.extend(seen.first);
                all.between.extend(seen.between);
            }
            Err(e) => all.errors.push(e.to_string()),
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    json!({
        "clients": plan.clients, "seconds": seconds, "answers": all.answers,
        "errors": all.errors.len(), "first_errors": all.errors.iter().take(3).collect::<Vec<_>>(),
        "tokens": all.tokens, "tokens_per_second": all.tokens as f64 / seconds,
        "first_token_ms": percentiles(all.first), "between_tokens_ms": percentiles(all.between),
        "resident_mib_at_10s": early, "resident_mib_at_end": plan.pid.and_then(resident),
    })
}

/// Asks again and again on one connection until the time is over; the last answer is read to its
/// end.
async fn client(plan: Arc<Plan>, seeds: Arc<AtomicU64>, began: Instant) -> Seen {
    let mut seen = Seen::default();
    let mut connection = None;
    while began.elapsed() < plan.time {
        if let Err(e) = answer(&plan, &seeds, &mut connection, &mut seen).await {
            seen.errors.push(e);
            connection = None;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    seen
}

async fn answer(
    plan: &Plan,
    seeds: &AtomicU64,
    connection: &mut Option<BufReader<TcpStream>>,
    seen: &mut Seen,
) -> Result<(), String> {
    let text = |e: std::io::Error| e.to_string();
    let stream = match connection {
        Some(open) => open,
        None => connection.insert(BufReader::new(
            TcpStream::connect(&plan.address).await.map_err(text)?,
        )),
    };
    let body = json!({
        "model": plan.model, "prompt": plan.prompt, "max_tokens": plan.tokens, "stream": true,
        "seed": seeds.fetch_add(1, Ordering::Relaxed), "stream_options": {"include_usage": true},
    })
    .to_string();
    let head = format!(
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let asked = Instant::now();
    stream
        .write_all((head + &body).as_bytes())
        .await
        .map_err(text)?;
    let (mut last, mut line) = (None, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await.map_err(text)? == 0 {
            return Err("the connection ended in an answer".into());
        }
        let line = line.trim_end();
        if line.starts_with("HTTP/") && !line.contains(" 200 ") {
            return Err(line.to_owned());
        }
        let Some(event) = line.strip_prefix("data: ") else {
            continue;
        };
        if event == "[DONE]" {
            // The last chunk of the body is empty, and so is the line after it.
            let mut rest = String::new();
            while rest.trim_end() != "0" {
                rest.clear();
                if stream.read_line(&mut rest).await.map_err(text)? == 0 {
                    return Err("the connection ended after an answer".into());
                }
            }
            stream.read_line(&mut rest).await.map_err(text)?;
            seen.answers += 1;
            return Ok(());
        }
        if event.starts_with("{\"error\"") {
            return Err(event.to_owned());
        }
        let now = Instant::now();
        // Only the last event needs to be understood: the others are a token each.
        if event.contains("\"choices\":[]") {
            let event: Value = serde_json::from_str(event).map_err(|e| e.to_string())?;
            seen.tokens += event["usage"]["completion_tokens"].as_u64().unwrap_or(0);
        } else {
            match last {
                None => seen.first.push(now - asked),
                Some(last) => seen.between.push(now - last),
            }
            last = Some(now);
        }
    }
}

/// Median, 99th percentile and the largest, in milliseconds.
fn percentiles(mut times: Vec<Duration>) -> Value {
    times.sort_unstable();
    let at = |share: f64| {
        let i = (times.len() as f64 * share) as usize;
        times
            .get(i.min(times.len().saturating_sub(1)))
            .map(|t| t.as_secs_f64() * 1e3)
    };
    json!({"p50": at(0.5), "p99": at(0.99), "max": at(1.0)})
}

/// Resident memory of a process, MiB.
fn resident(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}
