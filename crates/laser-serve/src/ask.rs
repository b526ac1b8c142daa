//! From a request to jobs for the sampler.

use laser_model::Message;
use laser_openai::ApiError;
use laser_openai::request::{Chat, Completion, Conversation, Prompt, Rule, Settings};
use laser_rollout::{Job, Request, Sampling};

use crate::Server;
use crate::server::fresh_seed;

/// A request that can be answered.
pub(crate) struct Ask {
    pub settings: Settings,
    /// The seed, given or drawn.
    pub seed: i64,
    /// One for each prompt.
    pub jobs: Vec<Job>,
    /// Tokens of all prompts.
    pub prompt_tokens: usize,
}

/// Jobs of a chat.
///
/// # Errors
/// Another model, a conversation that the template does not take, no room in the context.
pub(crate) fn of_chat(server: &Server, client: u64, chat: Chat) -> Result<Ask, ApiError> {
    let model = server.model();
    let (param, ids) = match chat.conversation {
        Conversation::Ids(ids) => ("prompt_ids", ids),
        Conversation::Messages {
            messages,
            arguments,
        } => {
            let message = |m: laser_openai::request::Message| Message {
                role: m.role,
                content: m.content,
            };
            let messages: Vec<Message> = messages.into_iter().map(message).collect();
            let ids = model.chat_prompt(&messages, &arguments);
            let wrong = |e| ApiError::field("messages", format!("'messages': {e}"));
            ("messages", ids.map_err(wrong)?)
        }
    };
    ask(server, client, param, chat.settings, vec![ids])
}

/// Jobs of a completion.
///
/// # Errors
/// Another model, a text that cannot be encoded, no room in the context.
pub(crate) fn of_completion(
    server: &Server,
    client: u64,
    completion: Completion,
) -> Result<Ask, ApiError> {
    let ids = |prompt: Prompt| match prompt {
        Prompt::Ids(ids) => Ok(ids),
        Prompt::Text(text) => {
            let ids = server.model().plain_prompt(&text);
            ids.map_err(|e| ApiError::field("prompt", format!("'prompt': {e}")))
        }
    };
    let prompts = completion.prompts.into_iter().map(ids);
    let prompts = prompts.collect::<Result<_, _>>()?;
    ask(server, client, "prompt", completion.settings, prompts)
}

fn ask(
    server: &Server,
    client: u64,
    param: &str,
    settings: Settings,
    prompts: Vec<Vec<u32>>,
) -> Result<Ask, ApiError> {
    let (model, options) = (server.model(), server.options());
    if settings.model != options.name {
        return Err(ApiError::model_not_found(&settings.model, &options.name));
    }
    let by_score = |v: &laser_openai::request::Vote| v.rule != Rule::Majority;
    if model.self_reward.is_none() && settings.vote.as_ref().is_some_and(by_score) {
        let message = "'laser.vote': the model has no self-reward (no laser.json) to weigh votes with; use \"majority\"";
        return Err(ApiError::field("laser.vote", message));
    }
    let sampling = Sampling {
        temperature: settings.temperature,
        top_p: settings.top_p,
        top_k: settings.top_k,
        min_p: settings.min_p,
        cautious: None,
    };
    let seed = settings.seed.unwrap_or_else(fresh_seed);
    let samples = settings.vote.map_or(settings.n, |v| v.samples);
    let job = |(index, prompt): (usize, Vec<u32>)| {
        let new = room(server, param, prompt.len(), settings.max_tokens)?;
        let wrong = |e| ApiError::field(param, format!("'{param}': {e}"));
        model.check_ids(&prompt, 0).map_err(wrong)?;
        Ok(Job {
            request: Request {
                prompt,
                samples,
                seed: vec![options.seed, seed as u64, index as u64],
            },
            generation: model.generation(sampling, new),
            top_logprobs: settings.logprobs.unwrap_or(0),
            client,
        })
    };
    let prompt_tokens = prompts.iter().map(Vec::len).sum();
    let jobs = prompts.into_iter().enumerate().map(job);
    Ok(Ask {
        jobs: jobs.collect::<Result<_, ApiError>>()?,
        settings,
        seed,
        prompt_tokens,
    })
}

/// Tokens for an answer: what is asked for, or else what is left of the context.
fn room(
    server: &Server,
    param: &str,
    prompt: usize,
    wanted: Option<usize>,
) -> Result<usize, ApiError> {
    let context = server.service().capacity();
    let left = context.saturating_sub(prompt);
    let new = wanted.unwrap_or(left);
    if new == 0 || new > left {
        let asked = match wanted {
            Some(n) => format!("{prompt} tokens of the prompt and {n} for the answer"),
            None => format!("{prompt} tokens of the prompt and at least one for the answer"),
        };
        let message = format!(
            "{asked} exceed the context of {context} tokens; shorten the prompt or lower 'max_tokens'"
        );
        return Err(ApiError::context_length(param, message));
    }
    Ok(new)
}
