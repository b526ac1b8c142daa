//! Chat text and its ids against transformers (`golden/chat.py`), and what is said of templates
//! that fail.

use std::collections::BTreeMap;
use std::path::PathBuf;

use laser_model::{Message, Text};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
struct Golden {
    conversations: BTreeMap<String, Vec<Message>>,
    templates: BTreeMap<String, Rendered>,
    plain: Vec<Plain>,
}

#[derive(Deserialize)]
struct Rendered {
    fixture: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    conversation: String,
    add_generation_prompt: bool,
    arguments: Map<String, Value>,
    text: Option<String>,
    ids: Option<Vec<u32>>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Plain {
    setting: String,
    text: String,
    ids: Vec<u32>,
}

fn file(path: &str) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    std::fs::read(root.join(path)).unwrap()
}

fn golden() -> Golden {
    serde_json::from_slice(&file("tests/golden/chat.json")).unwrap()
}

/// The tokenizer of a fixture under another template.
fn text(fixture: &str, template: &[u8]) -> Text {
    let part = |name: &str| file(&format!("../../fixtures/{fixture}/{name}"));
    let config = part("tokenizer_config.json");
    Text::from_parts(&part("tokenizer.json"), Some(&config), Some(template)).unwrap()
}

fn user(content: &str) -> Vec<Message> {
    vec![Message {
        role: "user".into(),
        content: content.into(),
    }]
}

#[test]
fn every_template_renders_every_conversation_to_the_bytes_and_ids_of_transformers() {
    let golden = golden();
    assert_eq!(golden.templates.len(), 5);
    for (name, rendered) in &golden.templates {
        let source = file(&format!("tests/golden/templates/{name}.jinja"));
        let text = text(&rendered.fixture, &source);
        for case in &rendered.cases {
            let at = format!(
                "{name}, {}, {}, {:?}",
                case.conversation, case.add_generation_prompt, case.arguments
            );
            let messages = &golden.conversations[&case.conversation];
            let got = text.render_with(messages, case.add_generation_prompt, &case.arguments);
            match (&case.text, &case.error) {
                (Some(expected), _) => {
                    let got = got.unwrap_or_else(|e| panic!("{at}: {e}"));
                    assert_eq!(got, *expected, "{at}");
                    assert_eq!(Some(text.encode(&got).unwrap()), case.ids, "{at}");
                }
                (None, Some(error)) => {
                    let got = got.expect_err(&at).to_string();
                    let line = got.strip_prefix("chat template, line ");
                    let (line, what) = line.and_then(|l| l.split_once(": ")).expect(&got);
                    assert!(line.parse::<u32>().is_ok(), "{got}");
                    assert_eq!(what, error, "{at}");
                }
                (None, None) => panic!("{at}: neither text nor error"),
            }
        }
    }
}

#[test]
fn the_date_of_today_is_there_for_templates_that_ask_for_it() {
    let source = file("tests/golden/templates/llama3.jinja");
    let rendered = text("llama3", &source).render(&user("Hi"), true).unwrap();
    let today = jiff::Zoned::now();
    let days = [today.yesterday().unwrap(), today];
    let dates = days.map(|d| format!("Today: {}\n", d.strftime("%d %b %Y")));
    assert!(dates.iter().any(|d| rendered.contains(d)), "{rendered}");
}

#[test]
fn plain_text_gets_the_special_tokens_that_transformers_adds() {
    let bos = "<|begin_of_text|>";
    for case in golden().plain {
        let mut tokenizer: Value =
            serde_json::from_slice(&file("../../fixtures/llama3/tokenizer.json")).unwrap();
        let mut config: Value =
            serde_json::from_slice(&file("../../fixtures/llama3/tokenizer_config.json")).unwrap();
        match case.setting.as_str() {
            "none" => {}
            "post_processor" => {
                let text = json!({"Sequence": {"id": "A", "type_id": 0}});
                let first = json!({"SpecialToken": {"id": bos, "type_id": 0}});
                tokenizer["post_processor"] = json!({
                    "type": "TemplateProcessing", "single": [first, text], "pair": [first, text],
                    "special_tokens": {bos: {"id": bos, "ids": [762], "tokens": [bos]}}
                });
            }
            "add_bos_token" => config["add_bos_token"] = json!(true),
            "add_both" => {
                config["add_bos_token"] = json!(true);
                config["add_eos_token"] = json!(true);
            }
            other => panic!("{other}"),
        }
        let (tokenizer, config) = (tokenizer.to_string(), config.to_string());
        let text = Text::from_parts(tokenizer.as_bytes(), Some(config.as_bytes()), None).unwrap();
        let at = format!("{}: '{}'", case.setting, case.text);
        assert_eq!(text.encode_plain(&case.text).unwrap(), case.ids, "{at}");
        let without: Vec<u32> = match case.setting.as_str() {
            "none" => case.ids,
            "add_both" => case.ids[1..case.ids.len() - 1].to_vec(),
            _ => case.ids[1..].to_vec(),
        };
        assert_eq!(text.encode(&case.text).unwrap(), without, "{at}");
    }
}

#[test]
fn texts_are_neither_cut_nor_filled_up() {
    let mut tokenizer: Value =
        serde_json::from_slice(&file("../../fixtures/qwen3/tokenizer.json")).unwrap();
    tokenizer["truncation"] = json!({"direction": "Right", "max_length": 2,
        "strategy": "LongestFirst", "stride": 0});
    tokenizer["padding"] = json!({"strategy": {"Fixed": 64}, "direction": "Right",
        "pad_to_multiple_of": null, "pad_id": 763, "pad_type_id": 0, "pad_token": "<|endoftext|>"});
    let cut = Text::from_parts(tokenizer.to_string().as_bytes(), None, None).unwrap();
    let whole = text("qwen3", b"");
    let ids = whole.encode("What is the sum of all numbers?").unwrap();
    assert!(ids.len() > 2);
    assert_eq!(cut.encode("What is the sum of all numbers?").unwrap(), ids);
}

#[test]
fn a_template_that_cannot_be_parsed_or_rendered_is_named_with_its_line() {
    let parts = |source: &str| {
        let tokenizer = file("../../fixtures/qwen3/tokenizer.json");
        Text::from_parts(&tokenizer, None, Some(source.as_bytes()))
    };
    for (source, expected) in [
        ("a\n{% if %}", "chat template, line 2: syntax error"),
        ("a\nb\n{{ 'x }}", "chat template, line 3: syntax error"),
        (
            "{% unknown %}",
            "chat template, line 1: syntax error: unknown statement",
        ),
    ] {
        let error = parts(source).err().expect(source).to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    for (source, expected) in [
        (
            "a\n{{ nothing() }}",
            "chat template, line 2: unknown function",
        ),
        (
            "{{ messages[0].content.no_method() }}",
            "chat template, line 1: unknown method",
        ),
        (
            "{{ messages | no_filter }}",
            "chat template, line 1: unknown filter",
        ),
        (
            "\n\n{{ undefined_name.key }}",
            "chat template, line 3: undefined value",
        ),
        (
            "{{ messages | tojson(indent=-1) }}",
            "chat template, line 1: tojson: indent = -1",
        ),
        (
            "{{ messages | tojson(depth=1) }}",
            "chat template, line 1: too many arguments",
        ),
        (
            "{{ strftime_now('%') }}",
            "chat template, line 1: strftime_now: ",
        ),
        ("{{ raise_exception('no') }}", "chat template, line 1: no"),
    ] {
        let error = match parts(source) {
            Ok(text) => text.render(&user("x"), true).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert!(error.starts_with(expected), "{source}: {error}");
    }
}

#[test]
fn what_cannot_be_rendered_is_refused_with_the_reason() {
    let message = |e: laser_model::ModelError| e.to_string();
    let without = Text::from_parts(&file("../../fixtures/qwen3/tokenizer.json"), None, None);
    let error = message(without.unwrap().render(&user("x"), true).unwrap_err());
    assert!(
        error.starts_with("the checkpoint has no chat template"),
        "{error}"
    );
    let with = text("qwen3", b"x");
    let error = message(with.render(&[], true).unwrap_err());
    assert!(
        error.starts_with("a conversation without messages"),
        "{error}"
    );
    let arguments = Map::from_iter([("messages".to_owned(), json!([]))]);
    let error = message(with.render_with(&user("x"), true, &arguments).unwrap_err());
    assert!(error.starts_with("template argument 'messages'"), "{error}");
}

#[test]
fn the_default_of_named_templates_is_taken_and_the_file_goes_first() {
    let tokenizer = file("../../fixtures/qwen3/tokenizer.json");
    let read = |config: Value, file: Option<&[u8]>| {
        let text = Text::from_parts(&tokenizer, Some(config.to_string().as_bytes()), file)?;
        text.render(&user("x"), true)
    };
    let named = |names: &[&str]| {
        let list = names
            .iter()
            .map(|n| json!({"name": n, "template": format!("as {n}")}));
        json!({"chat_template": list.collect::<Vec<_>>()})
    };
    assert_eq!(
        read(named(&["tool_use", "default"]), None).unwrap(),
        "as default"
    );
    assert_eq!(
        read(json!({"chat_template": "plain"}), None).unwrap(),
        "plain"
    );
    assert_eq!(read(named(&["rag"]), Some(b"file")).unwrap(), "file");
    for (config, expected) in [
        (
            named(&["tool_use", "rag"]),
            "no template is named 'default', there are: 'tool_use', 'rag'",
        ),
        (json!({"chat_template": [1]}), "1 is not {name, template}"),
        (
            json!({"chat_template": 1}),
            "it is neither a text nor a list",
        ),
    ] {
        let error = read(config, None).unwrap_err().to_string();
        let expected = format!("tokenizer_config.json: chat_template: {expected}");
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn special_tokens_of_older_checkpoints_come_from_their_own_file() {
    let dir = tempfile::tempdir().unwrap();
    let write =
        |name: &str, content: &[u8]| std::fs::write(dir.path().join(name), content).unwrap();
    write(
        "tokenizer.json",
        &file("../../fixtures/qwen3/tokenizer.json"),
    );
    write(
        "chat_template.jinja",
        b"{{ bos_token }}{{ eos_token }}{{ image_token }}",
    );
    write(
        "tokenizer_config.json",
        br#"{"bos_token": "<old>", "image_token": "<i>"}"#,
    );
    write(
        "special_tokens_map.json",
        br#"{"bos_token": {"content": "<s>"}, "eos_token": "</s>"}"#,
    );
    let render = || Text::load(dir.path())?.render(&user("x"), true);
    assert_eq!(render().unwrap(), "<s></s>");
    write(
        "tokenizer_config.json",
        br#"{"bos_token": "<new>", "added_tokens_decoder": {}}"#,
    );
    assert_eq!(render().unwrap(), "<new>");
    write("tokenizer_config.json", b"[]");
    let error = render().unwrap_err().to_string();
    assert!(
        error.contains("tokenizer_config.json: not a JSON object"),
        "{error}"
    );
}
