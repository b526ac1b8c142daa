//! Fields of OpenAI's that are known: those that change nothing, and those that are not supported.

use serde_json::{Value, json};

use super::fields::Fields;
use crate::ApiError;

/// Fields that by their nature change no answer, whatever their value: they name who asks, or
/// where an answer is remembered.
const WITHOUT_EFFECT: [&str; 5] = [
    "user",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
];

/// Fields that are not supported, the values at which they ask for nothing, and what to do.
fn unsupported() -> [(&'static str, Vec<Value>, &'static str); 21] {
    const TOOLS: &str = "tools are not supported; leave it out and describe the tools in a message";
    const PENALTY: &str = "penalties are not supported; leave it out or send 0";
    const TEXT: &str = "only text is read and written; leave it out";
    const EFFORT: &str =
        "leave it out; if the chat template has such a switch, use 'chat_template_kwargs'";
    [
        ("tools", vec![json!([])], TOOLS),
        ("tool_choice", vec![json!("none"), json!("auto")], TOOLS),
        (
            "parallel_tool_calls",
            vec![json!(true), json!(false)],
            TOOLS,
        ),
        ("functions", vec![json!([])], TOOLS),
        ("function_call", vec![json!("none"), json!("auto")], TOOLS),
        (
            "response_format",
            vec![json!({"type": "text"})],
            "only {\"type\": \"text\"} is supported",
        ),
        (
            "logit_bias",
            vec![json!({})],
            "biases are not supported; leave it out",
        ),
        ("frequency_penalty", vec![json!(0), json!(0.0)], PENALTY),
        ("presence_penalty", vec![json!(0), json!(0.0)], PENALTY),
        (
            "best_of",
            vec![json!(1)],
            "use 'laser': {\"vote\": \"best\", \"n\": …}, which chooses by the self-reward",
        ),
        (
            "suffix",
            vec![json!("")],
            "the model cannot fill in a gap; leave it out",
        ),
        (
            "echo",
            vec![json!(false)],
            "prompts are not repeated; leave it out (laser score gives log-probabilities of a prompt)",
        ),
        ("audio", vec![], TEXT),
        ("modalities", vec![json!(["text"])], TEXT),
        ("web_search_options", vec![], TEXT),
        (
            "prediction",
            vec![],
            "predicted outputs are not supported; leave it out",
        ),
        ("reasoning_effort", vec![], EFFORT),
        ("verbosity", vec![], EFFORT),
        (
            "store",
            vec![json!(false)],
            "nothing is kept here; leave it out or send false",
        ),
        (
            "service_tier",
            vec![json!("auto"), json!("default")],
            "there is one tier; leave it out",
        ),
        ("stream_options", vec![], "it needs 'stream': true"),
    ]
}

/// Removes the fields that ask for nothing.
///
/// # Errors
/// A known field that is not supported, with the remedy.
pub(super) fn refuse(fields: &mut Fields) -> Result<(), ApiError> {
    for name in WITHOUT_EFFECT {
        fields.untaken().remove(name);
    }
    for (name, harmless, remedy) in unsupported() {
        match fields.untaken().remove(name) {
            None | Some(Value::Null) => {}
            Some(value) if harmless.contains(&value) => {}
            Some(_) => {
                let message = format!("'{name}' is not supported with this value: {remedy}");
                return Err(ApiError::unsupported(name, message));
            }
        }
    }
    Ok(())
}
