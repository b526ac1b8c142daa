//! `laser chat`.

mod input;
mod interrupt;
mod line;
mod look;
mod session;
mod settings;
mod vote;

use anyhow::Result;
use laser_rollout::ServiceOptions;

use crate::answer::{ModelArgs, SamplingArgs, Template, bad_input};
use crate::{BadInput, output};
use input::Input;
use interrupt::Interrupts;
use line::{HELP, Line};
use look::Look;
use session::Session;
use settings::Settings;

/// Tokens of a conversation where --context does not say: memory for them is taken at the start.
const CONTEXT: usize = 4096;
/// Responses of a vote that are sampled at once, at least.
const ROWS: usize = 4;

/// Talks with a model, and shows how sure it is of each answer
///
/// An answer is shown as it is sampled, and after it the self-reward of laser.json, its
/// log p(z_c), its tokens and the speed. A model with a chat template reads the whole conversation
/// so far; one without reads each line by itself, as a text to go on from.
///
/// Commands at the prompt:
///   /vote [N] [QUESTION]  answer the question, or the last one again, by a vote of N answers
///   /retry                answer the last question again
///   /system [TEXT]        put a system message before the conversation, or take it away
///   /set [KEY=VALUE]      change a setting of sampling, or show them
///   /clear                forget the conversation
///   /save FILE            write the conversation as JSON lines
///   /help                 show the commands
///   /quit                 end
///
/// Ctrl-C stops an answer; at the prompt it ends, as Ctrl-D does. Without a terminal lines are read
/// from standard input. Answers go to standard output, all else to standard error; a line that
/// cannot be followed is told and left out, and the status is 2 in the end.
///
/// A conversation has at most 4096 tokens, or those of --context.
#[allow(
    rustdoc::broken_intra_doc_links,
    reason = "help that is shown as it is written"
)]
#[derive(clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  laser chat --model runs/laser/checkpoints/step-200
  laser chat --model org/name --defaults model --template-arg enable_thinking=false
  printf '1+1=\\n/vote 4\\n' | laser chat --model runs/laser/base"
)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    template: Template,
    #[command(flatten)]
    sampling: SamplingArgs,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let model = args.model.load()?;
    let settings = Settings {
        sampling: args.sampling.sampling(&model.defaults)?,
        max_new_tokens: args.sampling.max_new_tokens(),
        seed: args.sampling.seed(),
    };
    let context = model.decoder.context();
    let capacity = match args.model.context {
        0 => context.min(CONTEXT),
        _ => context,
    };
    let options = ServiceOptions {
        threads: 0,
        rows: ROWS.div_ceil(model.cpu.threads()),
        capacity,
        queue: 1,
    };
    let service = model.serve(options).map_err(bad_input)?;
    let mut session = Session {
        interrupts: Interrupts::watch()?,
        look: Look::of_stdout(),
        arguments: args.template.arguments(),
        system: None,
        messages: Vec::new(),
        asked: 0,
        service,
        settings,
        model,
    };
    output::log(match session.model.text.has_template() {
        true => format!("a conversation may have {capacity} tokens"),
        false => {
            "the model has no chat template: each line is a text to go on from, by itself".into()
        }
    });
    output::log(format_args!(
        "{}. /help shows the commands",
        settings.words()
    ));
    let mut input = Input::open()?;
    let mut refused = 0;
    while let Some(line) = input.next()? {
        match follow(&mut session, &line) {
            Ok(true) => {}
            Ok(false) => break,
            // What the user asked for is wrong, and can be asked otherwise.
            Err(e) if e.downcast_ref::<BadInput>().is_some() => {
                output::log(format_args!("error: {e}"));
                refused += 1;
            }
            Err(e) => return Err(e),
        }
    }
    if refused > 0 && matches!(input, Input::Lines(_)) {
        let lines = if refused == 1 { "line" } else { "lines" };
        return Err(BadInput(format!("{refused} {lines} could not be followed")).into());
    }
    Ok(())
}

/// Does what a line asks for; whether to go on.
fn follow(session: &mut Session, line: &str) -> Result<bool> {
    match Line::read(line).map_err(BadInput)? {
        Line::Empty => {}
        Line::Quit => return Ok(false),
        Line::Help => output::log(HELP),
        Line::Ask(question) => session.ask(Some(question), None)?,
        Line::Vote(n, question) => session.ask(question, Some(n))?,
        Line::Retry => session.ask(None, None)?,
        Line::Clear => session.messages.clear(),
        Line::Save(path) => session.save(&path)?,
        Line::Set(None) => output::log(session.settings.words()),
        Line::Set(Some((key, value))) => {
            session.settings.set(&key, &value).map_err(BadInput)?;
            output::log(session.settings.words());
        }
        Line::System(text) => {
            if !session.model.text.has_template() {
                let why = "/system: the model has no chat template, so there is no place for a system message";
                return Err(BadInput(why.into()).into());
            }
            session.system = text;
        }
    }
    Ok(true)
}
