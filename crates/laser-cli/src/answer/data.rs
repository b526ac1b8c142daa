//! Which problems are asked.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use laser_data::{Chat, Columns, DataError, Format, Settings, Source, Wanted};
use laser_train::{LanguageModel, TestSet, TrainError};

use super::{Template, bad_input};
use crate::{BadInput, message, output};

/// The layouts that are known.
const FORMATS: [Format; 8] = [
    Format::Columns,
    Format::Gsm8k,
    Format::Math500,
    Format::Aime,
    Format::Amc,
    Format::Olympiadbench,
    Format::Deepmath,
    Format::Verl,
];

/// Whether prompts go through the chat template.
#[derive(Clone, Copy, clap::ValueEnum)]
enum ChatTemplate {
    /// If the model has one
    Auto,
    /// An error if it has none
    Yes,
    /// Plain text
    No,
}

/// Files of problems, and how a model is shown them.
#[derive(clap::Args)]
pub struct DataArgs {
    /// Problems: .jsonl, .json or .parquet; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    pub data: Vec<String>,
    /// Layout of the files
    #[arg(
        long,
        default_value = "columns",
        value_parser = PossibleValuesParser::new(FORMATS.map(Format::name)).map(format)
    )]
    format: Format,
    /// Which column holds what, such as prompt=question; ROLE is prompt, messages, answer, source
    /// or level, a.b is the key b in column a; may be repeated
    #[arg(long = "column", value_name = "ROLE=NAME", value_parser = column)]
    columns: Vec<(String, String)>,
    /// A text that problems are put into; {prompt} stands for the problem
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    template: String,
    /// A system message, in place of the file's own
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    system: String,
    /// Whether prompts go through the model's chat template
    #[arg(long, value_enum, default_value = "auto")]
    chat: ChatTemplate,
    #[command(flatten)]
    chat_template: Template,
    /// Take the first so many problems [default: all]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    limit: usize,
}

/// The format with a name; clap lets only these names through.
fn format(name: String) -> Format {
    let known = FORMATS.into_iter().find(|f| f.name() == name);
    known.unwrap_or_default()
}

fn column(text: &str) -> Result<(String, String), String> {
    let roles = ["prompt", "messages", "answer", "source", "level"];
    match text.split_once('=') {
        Some((role, name)) if roles.contains(&role) && !name.is_empty() => {
            Ok((role.into(), name.into()))
        }
        _ => Err(format!(
            "ROLE=NAME is expected, with ROLE one of {}",
            roles.join(", ")
        )),
    }
}

impl DataArgs {
    fn settings(&self) -> Result<Settings, BadInput> {
        let mut columns = Columns::default();
        for (role, name) in &self.columns {
            let column = match role.as_str() {
                "prompt" => &mut columns.prompt,
                "messages" => &mut columns.messages,
                "answer" => &mut columns.answer,
                "source" => &mut columns.source,
                _ => &mut columns.level,
            };
            if !column.is_empty() {
                let problem = format!("--column {role}: given twice, '{column}' and '{name}'");
                return Err(BadInput(problem));
            }
            column.clone_from(name);
        }
        Ok(Settings {
            test: self
                .data
                .iter()
                .map(|path| Source::from(path.as_str()))
                .collect(),
            format: self.format,
            columns,
            template: self.template.clone(),
            system: self.system.clone(),
            chat: match self.chat {
                ChatTemplate::Auto => Chat::Auto,
                ChatTemplate::Yes => Chat::Yes,
                ChatTemplate::No => Chat::No,
            },
            template_arguments: self.chat_template.arguments(),
            ..Settings::default()
        })
    }

    /// Reads the problems and says what was read and left out.
    ///
    /// # Errors
    /// Files that cannot be read or mapped.
    pub fn load(
        &self,
        model: &LanguageModel,
        wanted: Wanted,
        max_new_tokens: usize,
    ) -> anyhow::Result<TestSet> {
        let settings = self.settings()?;
        let mut set = TestSet::load(model, &settings, wanted, max_new_tokens).map_err(explain)?;
        output::log(set.report.to_string().trim_end());
        if self.limit > 0 {
            set.truncate(self.limit);
        }
        output::log(format_args!(
            "{} problems, {}",
            set.len(),
            match set.chat {
                true => "through the chat template",
                false => "as plain text",
            }
        ));
        Ok(set)
    }
}

/// The error of a missing column with the flag that names it.
fn explain(error: TrainError) -> anyhow::Error {
    match &error {
        TrainError::Data(DataError::MissingColumn { role, .. }) => {
            let role = *role;
            let text = message(&error.into());
            let flag =
                format!("here --column {role}=NAME does so, and --format knows common layouts");
            BadInput(format!("{text}; {flag}")).into()
        }
        _ => bad_input(error),
    }
}
