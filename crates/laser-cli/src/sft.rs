//! `laser sft`.

use anyhow::Result;
use laser_train::Method;

use crate::BadInput;
use crate::train::{Options, execute, read_recipe};

/// Trains a model on written responses (supervised fine-tuning): training, tests, report
///
/// Without a recipe it runs the built-in recipe `sft`: a small fresh model learns the built-in
/// tasks from written solutions, in less than a minute on two cores. With model.path and a data table it
/// trains a model that is there on responses from files. Everything but what is learned from is as
/// with `laser train`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  laser sft                                       the built-in recipe 'sft', into runs/sft
  laser sft my.toml --set supervised.epochs=3     a recipe with base = \"sft\", three epochs
  laser sft my.toml --dry-run                     what it would do and cost
  laser sft my.toml --resume                      continue what was interrupted, or start it
  laser train --replay runs/sft/dumps/step-40     repeat a step whose numbers broke down")]
pub struct Args {
    /// A recipe file, or the name of a built-in recipe
    #[arg(default_value = "sft")]
    recipe: String,
    #[command(flatten)]
    options: Options,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let recipe = read_recipe(&args.recipe, &args.options)?;
    if recipe.method != Method::Supervised {
        let message = format!(
            "{name}: method = \"reinforce\": the recipe learns from rewards and not from written \
             responses; run it with `laser train {name}`, or set method = \"supervised\" (base = \"sft\" does)",
            name = args.recipe
        );
        return Err(BadInput(message).into());
    }
    execute("sft", &args.recipe, &args.options, recipe)
}
