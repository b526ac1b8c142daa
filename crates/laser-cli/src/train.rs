//! `laser train`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, bail};
use laser_rollout::Monitor;
use laser_train::{BUILT_IN, ImitationPlan, Plan, Recipe, Run, RunOptions, Silent, built_in};

use crate::follow::Terminal;
use crate::{BadInput, dash, output, summary};

/// Trains a model: warm start, reinforcement learning, tests, report
///
/// Without a recipe it runs the built-in demo `laser`: a small model learns to solve problems from
/// scratch, improves by GRPO, learns by LaSeR to judge its own answers, and is tested before and
/// after. It needs no network and takes a few minutes on two cores.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  laser train                                     the demo, into runs/laser
  laser train grpo --seed 2                       the built-in recipe 'grpo', another seed
  laser train recipes/laser.toml --set self_reward.alpha=0.5 --set steps=300
  laser train grpo --out runs/grpo --base runs/laser/base     the same base model
  laser train --resume                            continue what was interrupted, or start it
  laser train --resume --time-budget 55           save and stop after 55 minutes
  laser train --replay runs/laser/dumps/step-40   repeat a step whose numbers broke down
  laser train --dash                              with a page that follows it in the browser
  laser train dapo --dry-run                      what it would do and cost")]
pub struct Args {
    /// A recipe file, or the name of a built-in recipe (a wrong name lists them)
    #[arg(default_value = "laser")]
    recipe: String,
    #[command(flatten)]
    options: Options,
    /// Repeat the step that a run stopped at because a number was not finite, and say which
    #[arg(long, value_name = "DUMP", exclusive = true)]
    replay: Option<PathBuf>,
}

/// What a run is started with, whatever it learns from.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the run [default: runs/NAME-OF-THE-RECIPE]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Seed of everything random (overrides the recipe)
    #[arg(long)]
    seed: Option<u64>,
    /// Change a key of the recipe; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Print the resolved recipe, the schedule and the measured cost, and stop
    #[arg(long, conflicts_with = "resume")]
    dry_run: bool,
    /// Continue the interrupted run in the folder; where there is none, start it
    #[arg(long)]
    resume: bool,
    /// Save and stop after so many minutes (overrides save.time_budget_minutes)
    #[arg(long, value_name = "MINUTES", allow_negative_numbers = true)]
    time_budget: Option<f64>,
    /// Base model of an earlier run with the same seed, model, warm start and tasks
    #[arg(long, value_name = "DIR")]
    base: Option<PathBuf>,
    /// Show this run and those beside it in the browser while it trains [default port: 7007, or a free one]
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true)]
    dash: Option<Option<u16>>,
    /// Threads [default: one per core]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    match &args.replay {
        Some(dump) => replay(dump, args.options.threads),
        None => {
            let recipe = read_recipe(&args.recipe, &args.options)?;
            execute("train", &args.recipe, &args.options, recipe)
        }
    }
}

/// Does what a recipe says, or tells what it would do. `command` and `name` are the words with
/// which it goes on.
pub fn execute(command: &str, name: &str, given: &Options, recipe: Recipe) -> Result<()> {
    let out = given
        .out
        .clone()
        .unwrap_or_else(|| Path::new("runs").join(&recipe.name));
    let monitor = Arc::new(Monitor::default());
    watch_interrupts(&monitor)?;
    let program = program(std::env::args_os().next());
    let options = RunOptions {
        out: out.clone(),
        resume: given.resume,
        base: given.base.clone(),
        threads: given.threads,
        resume_command: resume_command(&format!("{program} {command}"), name, given),
    };
    if given.dry_run {
        let toml = recipe.to_toml();
        let plan = Run::new(recipe.clone(), options, monitor, &mut Silent).plan()?;
        return output::data(format_args!("{toml}\n{}", cost(&recipe, &plan)));
    }
    if let Some(port) = given.dash {
        dash::beside(&out, port)?;
    }
    let mut terminal = Terminal::new(monitor.clone(), &recipe);
    terminal.header(&recipe, &out);
    let outcome = Run::new(recipe, options, monitor, &mut terminal).execute()?;
    let report = laser_report::write(&out)?;
    output::data(format_args!(
        "{}\nmodel   {}\nnumbers {}\nreport  {}",
        summary::text(&outcome),
        outcome.checkpoint.display(),
        out.join("summary.json").display(),
        report.display()
    ))
}

/// Repeats the step of a dump. That it fails again is what was asked for, and a success.
fn replay(dump: &Path, threads: usize) -> Result<()> {
    let monitor = Arc::new(Monitor::default());
    watch_interrupts(&monitor)?;
    let r = laser_train::replay(dump, threads, monitor)?;
    let Some(now) = &r.now else {
        bail!(
            "{}: {} step {} went through, but in the run it did not: {}",
            dump.display(),
            r.phase,
            r.step,
            r.then
        );
    };
    let same = match *now == r.then {
        true => "as in the run",
        false => "not as in the run",
    };
    output::data(format_args!(
        "{} step {}: {now} ({same})\nbefore it the largest weight was {:e}, in {}",
        r.phase, r.step, r.largest.1, r.largest.0
    ))
}

/// Schedule and cost as comments, so that what is printed stays a recipe.
fn cost(recipe: &Recipe, plan: &Plan) -> String {
    let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    let mut text = String::from("# schedule\n");
    if let Some((steps, seconds)) = plan.warm_start {
        text += &format!(
            "#   warm start   {steps} steps of {} solutions, {seconds:.3} s each: {:.0} s\n",
            recipe.warm_start.batch_size,
            steps as f64 * seconds
        );
    }
    text += &match plan.imitation {
        Some(learned) => imitation_cost(plan, learned),
        None => reinforcement_cost(recipe, plan),
    };
    // Fresh weights end their responses by chance alone.
    let fresh = plan.warm_start.is_some() || recipe.model.path.is_empty();
    let bound = match fresh && plan.tests.0 > 0 {
        true => "; responses of fresh weights run to the limit, so this is an upper bound",
        false => "",
    };
    text += &format!(
        "#   in all       {:.0} s, measured on a few steps with the weights of the start{bound}\n",
        plan.total_seconds()
    );
    if let Some(data) = &plan.data {
        text += "# data\n";
        for line in data.lines() {
            text += &format!("#   {line}\n");
        }
    }
    let million = |n: usize| n as f64 / 1e6;
    text += &format!(
        "# memory\n#   {:.2} M parameters, {:.2} M of them trained\n",
        million(plan.parameters),
        million(plan.trained)
    );
    for share in &plan.memory.shares {
        text += &format!("#   {:>9.1} MiB  {}\n", mib(share.bytes), share.name);
    }
    let total = plan.memory.total();
    text += &format!("#   {:>9.1} MiB  in all", mib(total));
    if let Some(available) = plan.memory.available {
        text += &format!(" of {:.1} MiB that there are", mib(available));
    }
    if let Some(bytes) = plan.peak_bytes {
        text += &format!(
            "\n#   {:>9.1} MiB  were in use at most while measuring, the program itself included",
            mib(bytes)
        );
    }
    text.truncate(text.trim_end().len());
    text
}

fn reinforcement_cost(recipe: &Recipe, plan: &Plan) -> String {
    let [sampling, training] = plan.seconds;
    let groups = match (recipe.rollout.views, &recipe.correction) {
        (1, None) => String::new(),
        (1, Some(_)) => " x 2 attempts".into(),
        (views, _) => format!(" x {views} views"),
    };
    format!(
        "#   training     {} steps of {} prompts{} x {} samples = {} responses, {} update(s) each: {:.0} s\n\
         #   a step       {sampling:.3} s sampling at most {} tokens, {training:.3} s training\n\
         #   tests        {} responses: {:.0} s\n",
        plan.steps,
        recipe.rollout.prompts,
        groups,
        recipe.rollout.samples,
        plan.responses,
        plan.updates,
        plan.steps as f64 * (sampling + training),
        plan.sampled_tokens,
        plan.tests.0,
        plan.tests.1
    )
}

fn imitation_cost(plan: &Plan, learned: ImitationPlan) -> String {
    let [_, training] = plan.seconds;
    let mut text = format!(
        "#   training     {} steps of {} written responses: {:.0} s\n\
         #   a step       {training:.3} s; the first has {} tokens, prompts included\n",
        plan.steps,
        plan.responses,
        plan.steps as f64 * training,
        learned.tokens
    );
    if let Some(problems) = learned.problems {
        let seen = plan.steps as f64 * plan.responses as f64;
        text += &format!(
            "#   epochs       {:.2} over {problems} problems; one is {} steps\n",
            seen / problems as f64,
            problems.div_ceil(plan.responses)
        );
    }
    // Without answers nothing is sampled.
    let sampled = match plan.tests.0 {
        0 => String::new(),
        n => format!(", and {n} sampled responses"),
    };
    let seconds = plan.tests.1;
    text + &format!("#   tests        the loss of written responses{sampled}: {seconds:.0} s\n")
}

/// Reads a recipe file or a built-in recipe, with the settings of the command line.
pub fn read_recipe(name: &str, options: &Options) -> Result<Recipe> {
    let mut settings = options.settings.clone();
    settings.extend(options.seed.map(|s| format!("seed={s}")));
    let budget = options.time_budget;
    settings.extend(budget.map(|m| format!("save.time_budget_minutes={m:?}")));
    find_recipe(name, &settings)
}

/// Reads a recipe file or a built-in recipe, and changes keys of it.
pub fn find_recipe(name: &str, settings: &[String]) -> Result<Recipe> {
    if let Some(text) = built_in(name) {
        let file = format!("recipes/{name}.toml");
        return Ok(Recipe::parse(&file, text, settings)?);
    }
    let path = Path::new(name);
    if !path.exists() {
        let names: Vec<&str> = BUILT_IN.iter().map(|r| r.0).collect();
        let message = format!(
            "{name}: there is no such recipe file; the built-in recipes are {}",
            names.join(", ")
        );
        return Err(BadInput(message).into());
    }
    Ok(Recipe::load(path, settings)?)
}

/// The first interrupt asks the run to save and stop, the second stops at once.
fn watch_interrupts(monitor: &Arc<Monitor>) -> Result<()> {
    let monitor = monitor.clone();
    ctrlc::set_handler(move || {
        if monitor.cancel.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        output::log(
            "\ninterrupted: finishing the micro-step and saving; interrupt again to stop at once",
        );
    })
    .context("could not watch for interrupts")
}

/// How the program was called, in a shell's words; a program that cargo built is run by cargo.
fn program(argv0: Option<OsString>) -> String {
    let path = PathBuf::from(argv0.unwrap_or_else(|| "laser".into()));
    match path
        .parent()
        .is_some_and(|p| p.iter().any(|f| f == "target"))
    {
        true => "cargo run --release --".into(),
        false => quote(&path.display().to_string()),
    }
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// The command line of this run, with `--resume`; `program` is that of the program and its command.
fn resume_command(program: &str, recipe: &str, args: &Options) -> String {
    let mut command = format!("{program} {} --resume", quote(recipe));
    let mut add = |flag: &str, value: String| command += &format!(" {flag} {}", quote(&value));
    if let Some(out) = &args.out {
        add("--out", out.display().to_string());
    }
    if let Some(seed) = args.seed {
        add("--seed", seed.to_string());
    }
    for setting in &args.settings {
        add("--set", setting.clone());
    }
    if let Some(minutes) = args.time_budget {
        add("--time-budget", minutes.to_string());
    }
    if let Some(base) = &args.base {
        add("--base", base.display().to_string());
    }
    if args.threads > 0 {
        add("--threads", args.threads.to_string());
    }
    match args.dash {
        Some(Some(port)) => command += &format!(" --dash={port}"),
        Some(None) => command += " --dash",
        None => {}
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use laser_train::TrainError;

    #[derive(Parser)]
    struct Wrapper {
        #[command(flatten)]
        args: Args,
    }

    fn parse(words: &[&str]) -> Args {
        Wrapper::parse_from(std::iter::once(&"train").chain(words)).args
    }

    fn read(args: &Args) -> Result<Recipe> {
        read_recipe(&args.recipe, &args.options)
    }

    #[test]
    fn the_built_in_recipes_are_valid_and_share_base_and_budget() {
        let laser = read(&parse(&["laser"])).unwrap();
        let grpo = read(&parse(&["grpo"])).unwrap();
        assert_eq!(laser, read(&parse(&[])).unwrap());
        assert_eq!(laser, laser_train::Recipe::default());
        assert_eq!(
            (
                laser.self_reward.alpha > 0.0,
                grpo.self_reward.alpha,
                grpo.self_reward.tau
            ),
            (true, 0.0, 0.0)
        );
        // All else is the same, so that a comparison compares the method.
        let mut same = grpo.clone();
        same.name = laser.name.clone();
        same.self_reward = laser.self_reward.clone();
        assert_eq!(laser, same);
    }

    #[test]
    fn the_resume_command_repeats_what_was_asked() {
        let args = parse(&[
            "grpo",
            "--out",
            "my runs/a",
            "--seed",
            "3",
            "--set",
            "tasks=[{a='b'}]",
            "--dash=7008",
        ]);
        let command = resume_command("laser train", &args.recipe, &args.options);
        assert!(
            command.starts_with("laser train grpo --resume --out 'my runs/a' --seed 3 --set '"),
            "{command}"
        );
        assert!(command.ends_with(" --dash=7008"), "{command}");
    }

    #[test]
    fn the_resume_command_calls_the_program_as_it_was_called() {
        for (argv0, words) in [
            ("laser", "laser"),
            ("./laser", "./laser"),
            ("/opt/my tools/laser", "'/opt/my tools/laser'"),
            ("/usr/bin/target", "/usr/bin/target"),
            ("target/release/laser", "cargo run --release --"),
            (
                "/home/me/laser/target/debug/laser",
                "cargo run --release --",
            ),
        ] {
            assert_eq!(program(Some(argv0.into())), words);
        }
        assert_eq!(program(None), "laser");
        let program = program(Some("target/release/laser".into()));
        let command = resume_command(&format!("{program} train"), "laser", &parse(&[]).options);
        assert_eq!(command, "cargo run --release -- train laser --resume");
    }

    #[test]
    fn a_missing_recipe_names_the_built_in_ones() {
        let e = read(&parse(&["nope.toml"])).unwrap_err();
        assert!(e.downcast_ref::<BadInput>().is_some() && e.to_string().contains("laser, grpo"));
        let e = read(&parse(&["--set", "x=1"])).unwrap_err();
        assert!(e.downcast_ref::<TrainError>().unwrap().is_bad_input());
    }
}
