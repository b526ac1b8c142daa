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
    /// Problems: .jsonl, .json or .parquet; may be repeated. Behind the file's name may stand what
    /// holds for it alone: ,format=NAME ,name=SOURCE (its name in tables) and, of laser eval, ,n=N
    #[arg(long, value_name = "FILE[,KEY=VALUE]", value_parser = DataFile::parse)]
    pub data: Vec<DataFile>,
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

/// A file of problems and what holds for it alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataFile {
    /// Its path.
    pub path: String,
    /// Responses to each of its problems.
    pub n: Option<usize>,
    format: Option<Format>,
    name: String,
}

impl DataFile {
    fn parse(text: &str) -> Result<Self, String> {
        let mut file = DataFile::default();
        let mut path = text;
        // From the back, because a path may have commas.
        while let Some((before, last)) = path.rsplit_once(',') {
            let Some((key, value)) = last.split_once('=') else {
                break;
            };
            match key {
                "format" => {
                    let known = FORMATS.into_iter().find(|f| f.name() == value);
                    let names = FORMATS.map(Format::name).join(", ");
                    file.format = Some(known.ok_or(format!("format={value}: one of {names}"))?);
                }
                "name" if !value.is_empty() => file.name = value.into(),
                "n" => {
                    let n = value.parse().ok().filter(|n| (1..=65_536).contains(n));
                    let expected = "a number from 1 to 65536 is expected";
                    file.n = Some(n.ok_or(format!("n={value}: {expected}"))?);
                }
                _ => {
                    let known = "format=NAME, name=SOURCE and n=N";
                    return Err(format!("{last}: behind a file {known} are known"));
                }
            }
            path = before;
        }
        file.path = path.into();
        Ok(file)
    }
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
    /// The files' paths.
    pub fn paths(&self) -> Vec<&str> {
        self.data.iter().map(|f| f.path.as_str()).collect()
    }

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
                .map(|file| Source {
                    format: file.format,
                    name: file.name.clone(),
                    ..Source::from(file.path.as_str())
                })
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
        if self.data.is_empty() {
            let problem = "--data FILE is missing: a file of problems";
            return Err(BadInput(problem.into()).into());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_for_one_file_stands_behind_its_name() {
        let file = DataFile::parse("a,b/test.jsonl,format=aime,name=aime25,n=32").unwrap();
        let expected = DataFile {
            path: "a,b/test.jsonl".into(),
            n: Some(32),
            format: Some(Format::Aime),
            name: "aime25".into(),
        };
        assert_eq!(file, expected);
        assert_eq!(DataFile::parse("x.jsonl").unwrap().path, "x.jsonl");
        for (text, part) in [
            ("x.jsonl,n=0", "n=0: a number from 1"),
            ("x.jsonl,format=gsm", "gsm8k"),
            ("x.jsonl,k=2", "format=NAME, name=SOURCE and n=N"),
            ("x.jsonl,name=", "name="),
        ] {
            let error = DataFile::parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
