//! `laser methods`.

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use laser_train::METHODS;

use crate::output;

/// Lists the built-in recipes: kind of method, source, what it does, what it needs
///
/// A recipe is run by `laser train NAME`; docs/recipes has a page for each. The list goes to
/// standard output.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  laser methods\n  laser methods --json | jq -r '.[].name'")]
pub struct Args {
    /// As a JSON list of {"name", "kind", "source", "summary", "needs"}
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    if args.json {
        return output::data(serde_json::to_string_pretty(METHODS)?);
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["recipe", "kind", "source", "", "needs"]);
    for m in METHODS {
        table.add_row([m.name, m.kind, m.source, m.summary, m.needs]);
    }
    output::data(table.trim_fmt())
}
