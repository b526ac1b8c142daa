use super::*;

fn read(toml: &str) -> Result<Settings, String> {
    toml::from_str(toml).map_err(|e| e.to_string())
}

fn refused(toml: &str) -> String {
    read(toml).unwrap().check().unwrap_err().to_string()
}

#[test]
fn an_empty_table_is_the_default() {
    assert_eq!(read("").unwrap(), Settings::default());
    assert!(Settings::default().is_empty());
    Settings::default().check().unwrap();
}

#[test]
fn settings_survive_being_written_and_read() {
    let settings = read(
        r#"
        train = ["a.jsonl", { path = "b.parquet", format = "verl", name = "b" }]
        test = [{ path = "c.json", columns = { answer = "gold" } }]
        format = "gsm8k"
        template = "{prompt} Go."
        system = "S"
        chat = false
        max_prompt_tokens = 9
        shuffle = false
        overlap = "refuse"
        near_overlap = "drop"
        duplicates = "keep"
        max_rows = 3
        columns = { prompt = "a.b" }
        template_arguments = { enable_thinking = false }
        "#,
    )
    .unwrap();
    settings.check().unwrap();
    assert_eq!(settings.train[0], Source::from("a.jsonl"));
    assert_eq!(settings.train[1].format, Some(Format::Verl));
    assert_eq!(settings.test[0].columns.answer, "gold");
    assert_eq!(settings.chat, Chat::No);
    assert_eq!(read(&toml::to_string(&settings).unwrap()), Ok(settings));
    let default = Settings::default();
    assert_eq!(read(&toml::to_string(&default).unwrap()), Ok(default));
}

#[test]
fn formats_have_the_names_that_recipes_use() {
    for format in [
        Format::Columns,
        Format::Gsm8k,
        Format::Math500,
        Format::Aime,
        Format::Amc,
        Format::Olympiadbench,
        Format::Deepmath,
        Format::Verl,
    ] {
        let settings = read(&format!("format = \"{format}\"")).unwrap();
        assert_eq!(settings.format, format);
    }
}

#[test]
fn chat_is_auto_or_a_truth_value() {
    for (toml, chat) in [
        ("\"auto\"", Chat::Auto),
        ("true", Chat::Yes),
        ("false", Chat::No),
    ] {
        assert_eq!(read(&format!("chat = {toml}")).unwrap().chat, chat);
    }
    let e = read("chat = \"no\"").unwrap_err();
    assert!(e.contains("\"auto\", true or false"), "{e}");
}

#[test]
fn an_unknown_key_is_refused_with_its_line_even_in_a_file_entry() {
    let e =
        read("shuffle = true\ntrain = [\n  { path = \"a\", formt = \"verl\" },\n]").unwrap_err();
    assert!(e.contains("line 3") && e.contains("formt"), "{e}");
    let e = read("\ntran = []").unwrap_err();
    assert!(e.contains("line 2") && e.contains("tran"), "{e}");
}

#[test]
fn a_template_without_a_place_for_the_prompt_is_refused() {
    let e = refused("template = \"Solve it.\"");
    assert!(
        e.starts_with("data.template = \"Solve it.\": must contain {prompt}"),
        "{e}"
    );
}

#[test]
fn shares_out_of_range_or_besides_test_files_are_refused() {
    for share in ["-0.1", "1.0", "nan"] {
        let e = refused(&format!("train = [\"a\"]\ntest_fraction = {share}"));
        assert!(e.contains("at least 0 and below 1"), "{e}");
    }
    let e = refused("train = [\"a\"]\ntest = [\"b\"]\ntest_fraction = 0.1");
    assert!(e.contains("leave data.test out"), "{e}");
    let e = refused("test_fraction = 0.1");
    assert!(e.contains("names no file"), "{e}");
}

#[test]
fn a_conversation_and_a_prompt_at_once_are_refused() {
    let both = "columns = { prompt = \"a\", messages = \"b\" }";
    for toml in [
        both.to_owned(),
        format!("train = [{{ path = \"a\", {both} }}]"),
    ] {
        let e = refused(&toml);
        assert!(e.starts_with("data.columns.messages = \"b\""), "{e}");
    }
}

#[test]
fn a_files_columns_come_before_those_of_the_table() {
    let columns = |prompt: &str, messages: &str, answer: &str| Columns {
        prompt: prompt.into(),
        messages: messages.into(),
        answer: answer.into(),
        ..Columns::default()
    };
    let table = columns("p", "", "a");
    assert_eq!(columns("", "", "").or(&table), table);
    assert_eq!(columns("q", "", "").or(&table), columns("q", "", "a"));
    // A conversation takes the place of the prompt.
    assert_eq!(columns("", "m", "").or(&table), columns("", "m", "a"));
}
