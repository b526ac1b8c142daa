//! `laser report`.

use std::path::PathBuf;

use anyhow::Result;

use crate::output;

/// Makes report.html of a finished run anew, from the files in its folder
#[derive(clap::Args)]
#[command(after_help = "Example:\n  laser report runs/laser")]
pub struct Args {
    /// Folder of the run
    run: PathBuf,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    output::data(laser_report::write(&args.run)?.display())
}
