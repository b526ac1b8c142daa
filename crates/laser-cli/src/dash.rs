//! `laser dash`, and the same page beside a run that trains.

use std::future::pending;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use laser_dash::{Dash, DashError, router};
use laser_web::{Address, BindError, Limits, Listener, guard, serve, signal};
use tokio::runtime::{Builder, Runtime};

use crate::{BadInput, output};

/// The port without another word.
const PORT: u16 = 7007;

/// Follows runs in the browser: curves, responses, calibration, recipes
///
/// Serves one page about the runs in a folder (at most three levels down) or about one run: curves
/// of several runs over one another while they train, their responses, self-rewards of right and
/// wrong ones over time, differences of recipes, warnings. It reads, and changes nothing. It
/// listens on this machine alone unless --host says otherwise, and there is no password.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  laser dash runs                    all runs in runs/, at http://127.0.0.1:7007
  laser dash runs/laser --open       one run, in the browser at once
  laser dash runs --port 0           any free port
  ssh -L 7007:127.0.0.1:7007 there   then the page of that machine is at http://127.0.0.1:7007")]
pub struct Args {
    /// Folder with runs, or the folder of one run
    runs: PathBuf,
    /// Address to listen on; another one than loopback lets other machines read the runs
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port; 0 takes a free one
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let dash = open_folder(&args.runs)?;
    let runtime = runtime(Builder::new_multi_thread().worker_threads(2))?;
    runtime.block_on(async {
        let listener = bind(args.host, args.port).await?;
        let url = listener.url();
        output::log(format_args!(
            "{}: {url} (Ctrl-C ends it)",
            args.runs.display()
        ));
        if !args.host.is_loopback() {
            output::log("other machines can read these runs: there is no password");
        }
        if args.open {
            open(&url);
        }
        let app = guard(router(dash), listener.hosts());
        serve(listener, app, Limits::default(), signal(), signal()).await;
        Ok(())
    })
}

/// Serves the folder that holds `run` on loopback until the program ends, without keeping it from
/// ending: on a thread of its own, with one more for files. A wanted port that is taken is an
/// error; without one any free port will do.
pub fn beside(run: &Path, port: Option<u16>) -> Result<()> {
    let parent = match run.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(parent)
        .with_context(|| format!("{}: could not be made", parent.display()))?;
    let dash = open_folder(parent)?;
    let runtime = runtime(Builder::new_current_thread().max_blocking_threads(1))?;
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let listener = runtime.block_on(async {
        match port {
            Some(port) => bind(local, port).await,
            None => match bind(local, PORT).await {
                Ok(listener) => Ok(listener),
                Err(_) => bind(local, 0).await,
            },
        }
    })?;
    output::log(format_args!("dash     {}", listener.url()));
    let app = guard(router(dash), listener.hosts());
    std::thread::Builder::new()
        .name("dash".into())
        .spawn(move || {
            runtime.block_on(serve(
                listener,
                app,
                Limits::default(),
                pending(),
                pending(),
            ))
        })
        .context("could not start a thread for the page of runs")?;
    Ok(())
}

fn open_folder(folder: &Path) -> Result<Dash> {
    Dash::new(folder).map_err(|e| match e {
        DashError::Root { .. } => BadInput(e.to_string()).into(),
        e => e.into(),
    })
}

fn runtime(builder: &mut Builder) -> Result<Runtime> {
    builder
        .enable_all()
        .build()
        .context("could not start the threads that answer requests")
}

async fn bind(host: IpAddr, port: u16) -> Result<Listener> {
    Listener::bind(Address { host, port })
        .await
        .map_err(|e| match e {
            BindError::InUse(_) => BadInput(e.to_string()).into(),
            e => e.into(),
        })
}

/// Asks the desktop for a browser. Where there is none the address was printed.
fn open(url: &str) {
    let (program, first): (&str, &[&str]) = match std::env::consts::OS {
        "macos" => ("open", &[]),
        "windows" => ("cmd", &["/C", "start", ""]),
        _ => ("xdg-open", &[]),
    };
    let quiet = Stdio::null;
    let started = Command::new(program)
        .args(first)
        .arg(url)
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .spawn();
    if let Err(e) = started {
        output::log(format_args!(
            "could not open a browser with {program}: {e}; open the address yourself"
        ));
    }
}
