//! `laser`: the command line.

mod answer;
mod bench;
mod calibrate;
mod chat;
mod eval;
mod export;
mod follow;
mod generate;
mod jsonl;
mod output;
mod report;
mod responses;
mod score;
mod screen;
mod sft;
mod summary;
mod sweep;
mod train;
mod verify;

use clap::{Parser, Subcommand};

/// Post-trains a language model to reason and to know when it is right.
///
/// Data goes to standard output, progress and logs to standard error. Exit status: 0 done,
/// 1 failed or interrupted, 2 bad usage or bad input.
#[derive(Parser)]
#[command(name = "laser", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(train::Args),
    Sft(sft::Args),
    Export(export::Args),
    Report(report::Args),
    Verify(verify::Args),
    Bench(bench::Args),
    Score(score::Args),
    Generate(generate::Args),
    Chat(chat::Args),
    Eval(eval::Args),
    Sweep(sweep::Args),
    Calibrate(calibrate::Args),
}

/// An error that is the user's input's fault, as opposed to the program's or the machine's.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct BadInput(String);

fn main() {
    let result = match Cli::parse().command {
        Command::Train(args) => train::run(args),
        Command::Sft(args) => sft::run(args),
        Command::Export(args) => export::run(args),
        Command::Report(args) => report::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Score(args) => score::run(args),
        Command::Generate(args) => generate::run(args),
        Command::Chat(args) => chat::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Sweep(args) => sweep::run(args),
        Command::Calibrate(args) => calibrate::run(args),
    };
    if let Err(e) = result {
        output::log(format_args!("error: {}", message(&e)));
        let bad_input = e.downcast_ref::<BadInput>().is_some()
            || e.downcast_ref::<laser_train::TrainError>()
                .is_some_and(laser_train::TrainError::is_bad_input);
        std::process::exit(if bad_input { 2 } else { 1 });
    }
}

/// The error and its causes, without those that its text already holds.
fn message(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text += &format!(": {cause}");
        }
    }
    text
}
