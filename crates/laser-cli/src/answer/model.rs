//! Which model is asked.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use laser_train::{LanguageModel, ProductDtype, TrainError};

use crate::{BadInput, message, output};

/// The model and the machine.
#[derive(clap::Args)]
pub struct ModelArgs {
    /// A model folder, a checkpoint of a run, an adapter folder, or a hub name org/name
    #[arg(long, value_name = "DIR")]
    pub model: String,
    /// Branch, tag or commit of a hub name [default: main]
    #[arg(long)]
    pub revision: Option<String>,
    /// Longest text with its response, in tokens [default: what the model was made for]
    #[arg(
        long,
        value_name = "TOKENS",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub context: usize,
    /// Threads [default: one per core]; no result depends on them
    #[arg(
        long,
        default_value_t = 0,
        hide_default_value = true,
        value_parser = clap::value_parser!(u16).range(..=1024)
    )]
    pub threads: u16,
    /// How products read the weight matrices; bfloat16 halves what is read for a token
    #[arg(long, default_value = "float32", value_name = "float32|bfloat16", value_parser = dtype)]
    pub dtype: ProductDtype,
}

/// The value of `--dtype`.
pub fn dtype(text: &str) -> Result<ProductDtype, String> {
    match text {
        "float32" => Ok(ProductDtype::Float32),
        "bfloat16" => Ok(ProductDtype::Bfloat16),
        _ => Err("float32 and bfloat16 are the types".into()),
    }
}

impl ModelArgs {
    /// Reads the model and says what it is.
    ///
    /// # Errors
    /// What [`LanguageModel::load`] refuses.
    pub fn load(&self) -> anyhow::Result<LanguageModel> {
        let threads = usize::from(self.threads);
        let model = LanguageModel::load(
            &self.model,
            self.revision.as_deref(),
            self.context,
            threads,
            self.dtype,
        )
        .map_err(bad_input)?;
        let score = match &model.self_reward {
            Some(t) => format!(
                "self-reward {} · (log p({}) − ({}))",
                t.rule.beta_v, t.token, t.rule.c_ref
            ),
            None => "no laser.json, so no self-reward".into(),
        };
        output::log(format_args!(
            "{}: {:.2} M parameters, context {} tokens, {score}",
            self.model,
            model.decoder.config.parameters() as f64 / 1e6,
            model.decoder.context()
        ));
        if model.eos.is_empty() {
            output::log(
                "warning: neither generation_config.json nor config.json has an eos_token_id, so no response can end",
            );
        }
        Ok(model)
    }
}

/// What a model refuses about its files or what it is asked is the user's to mend, unless the
/// machine failed.
pub fn bad_input(error: TrainError) -> anyhow::Error {
    match error {
        TrainError::Backend(_) | TrainError::Rollout(_) => error.into(),
        error => BadInput(message(&error.into())).into(),
    }
}

/// A bar over `total` of something, or a spinner for 0; hidden where it would stand between the
/// lines of the results.
pub fn progress(total: usize, unit: &str) -> ProgressBar {
    match std::io::stdout().is_terminal() {
        true => ProgressBar::hidden(),
        false => bar(total, unit),
    }
}

/// The same where no results are written meanwhile; hidden without a terminal.
pub fn bar(total: usize, unit: &str) -> ProgressBar {
    let (bar, style) = match total {
        0 => (
            ProgressBar::no_length(),
            format!("{{spinner}} {{pos}} {unit}, {{elapsed}}"),
        ),
        n => (
            ProgressBar::new(n as u64),
            format!("{{bar:30}} {{pos}}/{{len}} {unit}  {{elapsed}} gone, {{eta}} left"),
        ),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar.with_style(
        ProgressStyle::with_template(&style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}
