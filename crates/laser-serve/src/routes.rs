//! Who answers what.

use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Path, Request, State};
use axum::http::{HeaderValue, Response, header};
use axum::middleware::{self, Next};
use axum::routing::{get, post};
use laser_openai::ApiError;
use laser_openai::request;
use laser_openai::response::{Model, Usage};
use serde_json::json;

use crate::ask::{self, Ask};
use crate::form::{Endpoint, Form, Whole};
use crate::generation::Generation;
use crate::stream::Stream;
use crate::vote::elect;
use crate::{Server, body, reply};

/// The routes of a server, to be mounted wherever it listens. Where there are no API keys, clients
/// are told apart by [`axum::extract::ConnectInfo`], if it is there.
pub fn router(server: Server) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/completions", post(completions))
        .route("/v1/models", get(models))
        .route("/v1/models/{*id}", get(model))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .fallback(unknown)
        .method_not_allowed_fallback(other_method)
        .layer(middleware::from_fn_with_state(server.clone(), count))
        .with_state(server)
}

/// Counts what was answered.
async fn count(State(server): State<Server>, request: Request, next: Next) -> Response<Body> {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("other", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    server
        .metrics()
        .answered(&route, response.status().as_u16());
    response
}

async fn chat(State(server): State<Server>, request: Request) -> Response<Body> {
    answer(server, Endpoint::Chat, request).await
}

async fn completions(State(server): State<Server>, request: Request) -> Response<Body> {
    answer(server, Endpoint::Text, request).await
}

/// What is left to do for a request.
enum Rest {
    /// Nothing.
    Answered(Response<Body>),
    /// To send the answer as it comes.
    Chunks(Box<(Generation, Form, Ask)>),
}

async fn answer(server: Server, endpoint: Endpoint, request: Request) -> Response<Body> {
    // Dropped without `complete` when the client goes away.
    let mut in_flight = server.metrics().begin();
    match begin(&server, endpoint, request, in_flight.since).await {
        Ok(Rest::Chunks(rest)) => {
            let (generation, form, ask) = *rest;
            Stream {
                generation,
                form,
                vote: ask.settings.vote,
                prompt_tokens: ask.prompt_tokens,
                in_flight,
                sent: None,
            }
            .response()
        }
        Ok(Rest::Answered(response)) => {
            in_flight.complete();
            response
        }
        Err(error) => {
            in_flight.complete();
            reply::refusal(&error)
        }
    }
}

async fn begin(
    server: &Server,
    endpoint: Endpoint,
    request: Request,
    since: Instant,
) -> Result<Rest, ApiError> {
    let options = server.options();
    let (parts, body) = request.into_parts();
    let client = options.keys.client(&parts)?;
    let body = body::read(&parts.headers, body, options.max_body, options.body_timeout).await?;
    let asked = server.clone();
    // Long prompts take long to encode; other requests go on meanwhile.
    let read = tokio::task::spawn_blocking(move || match endpoint {
        Endpoint::Chat => ask::of_chat(&asked, client, request::chat(&body, &asked.limits())?),
        Endpoint::Text => {
            ask::of_completion(&asked, client, request::completion(&body, &asked.limits())?)
        }
    });
    let mut ask = read
        .await
        .map_err(|e| ApiError::internal(format!("reading the request: {e}")))??;
    let form = Form::new(server, endpoint, &ask.settings, ask.seed);
    let jobs = std::mem::take(&mut ask.jobs);
    let mut generation = Generation::start(server, jobs, &ask.settings.stop, since)?;
    if ask.settings.stream {
        return Ok(Rest::Chunks(Box::new((generation, form, ask))));
    }
    if let Some(vote) = ask.settings.vote {
        let elected = elect(&mut generation, &vote).await?;
        let usage = Usage::new(ask.prompt_tokens, elected.tokens);
        return Ok(Rest::Answered(form.whole(vec![elected.choice], usage)));
    }
    let mut choices = vec![Whole::default(); generation.len()];
    while let Some(update) = generation.next().await? {
        choices[update.choice].add(update.piece);
    }
    let usage = Usage::new(ask.prompt_tokens, generation.all_tokens());
    Ok(Rest::Answered(form.whole(choices, usage)))
}

fn served(server: &Server) -> Model {
    Model {
        id: server.options().name.clone(),
        object: "model",
        created: server.started(),
        owned_by: "laser",
        max_model_len: server.service().capacity(),
        self_reward: server.model().self_reward.is_some(),
    }
}

async fn models(State(server): State<Server>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    match server.options().keys.client(&parts) {
        Ok(_) => reply::json(&json!({"object": "list", "data": [served(&server)]})),
        Err(error) => reply::refusal(&error),
    }
}

async fn model(
    State(server): State<Server>,
    Path(id): Path<String>,
    request: Request,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let name = &server.options().name;
    match server.options().keys.client(&parts) {
        Ok(_) if id == *name => reply::json(&served(&server)),
        Ok(_) => reply::refusal(&ApiError::model_not_found(&id, name)),
        Err(error) => reply::refusal(&error),
    }
}

async fn health(State(server): State<Server>) -> Response<Body> {
    let load = server.service().load();
    reply::json(&json!({
        "status": "ok", "model": server.options().name, "rows": load.rows,
        "running": load.running, "waiting": load.waiting,
    }))
}

async fn metrics(State(server): State<Server>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    if let Err(error) = server.options().keys.client(&parts) {
        return reply::refusal(&error);
    }
    match server.metrics().text(server.service().load()) {
        Ok(text) => {
            let mut response = Response::new(Body::from(text));
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            let kind = HeaderValue::from_static(kind);
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        Err(error) => reply::refusal(&ApiError::internal(format!("metrics: {error}"))),
    }
}

async fn unknown(request: Request) -> Response<Body> {
    let path: String = request.uri().path().chars().take(100).collect();
    reply::refusal(&ApiError::unknown_path(format!(
        "there is no {path}; there are /v1/chat/completions, /v1/completions, /v1/models, /health and /metrics"
    )))
}

async fn other_method(request: Request) -> Response<Body> {
    reply::refusal(&ApiError::method(format!(
        "{} is not possible here; the header 'Allow' says what is",
        request.method()
    )))
}
