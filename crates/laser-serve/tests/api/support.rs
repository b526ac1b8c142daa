//! A model whose answers are known, a server around it, and a client.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use laser_rollout::ServiceOptions;
use laser_serve::{Options, Server, router};
use laser_train::{LanguageModel, ProductDtype};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// Tokens that are a character each.
const CHARACTERS: &str = "0123456789=;abcdefghijklmnopqrstuvwxyz?.\n ABCDEFGHIJ";
/// The end token, z_c, and one that fills the vocabulary up.
const SPECIAL: [&str; 3] = ["<|end|>", "<|z|>", "<|fill|>"];
/// Both the vocabulary and the width of the model.
const WIDTH: usize = 64;
/// Longest text.
pub const CONTEXT: usize = 150_000;

fn id(token: &str) -> usize {
    let special = SPECIAL.iter().position(|s| *s == token);
    let count = CHARACTERS.chars().count();
    special.map_or_else(
        || {
            CHARACTERS
                .chars()
                .position(|c| c.to_string() == token)
                .unwrap()
        },
        |i| count + i,
    )
}

/// p(next | last) of the tokens that follow a token; a text ends after any other.
///
/// `=` is followed by one of three answers, of which `1` is the likeliest and `2` has the highest
/// self-reward; `a` repeats itself without end; `b`, `c` and `d` follow each other at random.
fn followers(token: &str) -> Vec<(&'static str, f64)> {
    let end = |z: f64| vec![("<|end|>", 1.0 - z), ("<|z|>", z)];
    match token {
        "=" => vec![("1", 0.5), ("2", 0.3), ("3", 0.2)],
        "a" => vec![("a", 1.0)],
        "b" | "c" | "d" => vec![("b", 0.3), ("c", 0.3), ("d", 0.4)],
        // With β_v = 0.1 and c_ref = −12: 0.1, 0.9 and 0.3.
        "1" => end((-11f64).exp()),
        "2" => end((-3f64).exp()),
        "3" => end((-9f64).exp()),
        _ => end((-12f64).exp()),
    }
}

/// Writes a model that remembers one token: nothing happens in its only block, so the logits are
/// a table by the last token.
fn write_model(dir: &Path) {
    let tokens: Vec<String> = CHARACTERS.chars().map(String::from).collect();
    let tokens: Vec<String> = tokens
        .into_iter()
        .chain(SPECIAL.map(String::from))
        .collect();
    let (mut embedding, mut head) = (vec![0f32; WIDTH * WIDTH], vec![-40f32 / 8.0; WIDTH * WIDTH]);
    for (last, token) in tokens.iter().enumerate() {
        embedding[last * WIDTH + last] = 1.0;
        // The norm makes 8 of the 1.
        for (next, p) in followers(token) {
            head[id(next) * WIDTH + last] = p.ln() as f32 / 8.0;
        }
    }
    let zeros = |n: usize| vec![0f32; n];
    let ones = || vec![1f32; WIDTH];
    let block = |name: &str| format!("model.layers.0.{name}.weight");
    let tensors = [
        (
            "model.embed_tokens.weight".into(),
            vec![WIDTH, WIDTH],
            embedding,
        ),
        (block("input_layernorm"), vec![WIDTH], ones()),
        (block("self_attn.q_proj"), vec![2, WIDTH], zeros(2 * WIDTH)),
        (block("self_attn.k_proj"), vec![2, WIDTH], zeros(2 * WIDTH)),
        (block("self_attn.v_proj"), vec![2, WIDTH], zeros(2 * WIDTH)),
        (block("self_attn.o_proj"), vec![WIDTH, 2], zeros(2 * WIDTH)),
        (block("post_attention_layernorm"), vec![WIDTH], ones()),
        (block("mlp.gate_proj"), vec![2, WIDTH], zeros(2 * WIDTH)),
        (block("mlp.up_proj"), vec![2, WIDTH], zeros(2 * WIDTH)),
        (block("mlp.down_proj"), vec![WIDTH, 2], zeros(2 * WIDTH)),
        ("model.norm.weight".into(), vec![WIDTH], ones()),
        ("lm_head.weight".into(), vec![WIDTH, WIDTH], head),
    ];
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, shape, values) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|x: &f32| x.to_le_bytes()));
        header.insert(
            name,
            json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}),
        );
    }
    let header = Value::Object(header).to_string();
    let file = [
        &(header.len() as u64).to_le_bytes()[..],
        header.as_bytes(),
        &data,
    ]
    .concat();
    std::fs::write(dir.join("model.safetensors"), file).unwrap();
    let write =
        |name: &str, value: Value| std::fs::write(dir.join(name), value.to_string()).unwrap();
    write(
        "config.json",
        json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "float32",
            "vocab_size": WIDTH, "hidden_size": WIDTH, "intermediate_size": 2,
            "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1,
            "head_dim": 2, "hidden_act": "silu", "max_position_embeddings": CONTEXT,
            "rms_norm_eps": 1e-9, "rope_theta": 10000.0, "tie_word_embeddings": false,
            "eos_token_id": id("<|end|>"), "bos_token_id": null
        }),
    );
    let added = SPECIAL.map(|token| {
        json!({"id": id(token), "content": token, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true})
    });
    let vocab = tokens
        .iter()
        .enumerate()
        .map(|(i, t)| (t.clone(), json!(i)));
    let vocab: serde_json::Map<String, Value> = vocab.collect();
    write(
        "tokenizer.json",
        json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
            "normalizer": null, "pre_tokenizer": null, "post_processor": null,
            "decoder": {"type": "Fuse"},
            "model": {"type": "BPE", "dropout": null, "unk_token": null,
                "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
                "byte_fallback": false, "ignore_merges": false, "vocab": vocab, "merges": []}
        }),
    );
    write(
        "tokenizer_config.json",
        json!({
            "eos_token": "<|end|>",
            "chat_template": "{% if messages[0]['role'] == 'tool' %}{{ raise_exception('no tools here') }}{% endif %}{% for m in messages %}{{ m['content'] }}{% endfor %}{{ suffix }}"
        }),
    );
    write(
        "laser.json",
        json!({"token": "<|z|>", "token_id": id("<|z|>"), "beta_v": 0.1, "c_ref": -12.0,
            "position": "at_eos"}),
    );
}

/// How a test's server differs from the usual one.
pub struct Setup {
    pub rows: usize,
    pub queue: usize,
    pub capacity: usize,
    pub self_reward: bool,
    pub options: Options,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            rows: 16,
            queue: 64,
            capacity: 256,
            self_reward: true,
            options: Options::new("tiny"),
        }
    }
}

/// A server with what tests compare it to.
pub struct Fixture {
    pub server: Server,
    pub router: Router,
    pub model: Arc<LanguageModel>,
    _dir: TempDir,
}

impl Setup {
    /// Serves the model whose answers are known.
    pub fn start(self) -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        write_model(dir.path());
        if !self.self_reward {
            std::fs::remove_file(dir.path().join("laser.json")).unwrap();
        }
        self.serve(dir)
    }

    /// Serves the checkpoint `fixtures/qwen2`, of which every eighth token ends a response.
    pub fn start_qwen(self) -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/qwen2");
        for name in [
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
        ] {
            std::fs::copy(source.join(name), dir.path().join(name)).unwrap();
        }
        let eos: Vec<u32> = (1..760).step_by(8).chain([765]).collect();
        let defaults = json!({"eos_token_id": eos}).to_string();
        std::fs::write(dir.path().join("generation_config.json"), defaults).unwrap();
        let laser =
            json!({"token": "<|vision_start|>", "token_id": 766, "beta_v": 0.1, "c_ref": -9.0});
        std::fs::write(dir.path().join("laser.json"), laser.to_string()).unwrap();
        self.serve(dir)
    }

    fn serve(self, dir: TempDir) -> Fixture {
        let name = dir.path().to_str().unwrap();
        let model = Arc::new(LanguageModel::load(name, None, 0, 1, ProductDtype::Float32).unwrap());
        let service = model.serve(ServiceOptions {
            threads: 1,
            rows: self.rows,
            capacity: self.capacity,
            queue: self.queue,
        });
        let server = Server::new(model.clone(), service.unwrap(), self.options);
        Fixture {
            router: router(server.clone()),
            server,
            model,
            _dir: dir,
        }
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/json",
            "{self:?}"
        );
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The error, of which everything must be there.
    #[track_caller]
    pub fn error(&self) -> Value {
        let error = self.json()["error"].clone();
        assert!(
            error["message"].as_str().is_some_and(|m| !m.is_empty()),
            "{self:?}"
        );
        assert!(
            error["type"].is_string() && error["code"].is_string(),
            "{self:?}"
        );
        assert!(error.as_object().unwrap().contains_key("param"), "{self:?}");
        error
    }

    /// The chunks of a stream, which must end as one does.
    #[track_caller]
    pub fn chunks(&self) -> Vec<Value> {
        let kind = self.headers[header::CONTENT_TYPE].to_str().unwrap();
        assert!(kind.starts_with("text/event-stream"), "{self:?}");
        let events = self.text.strip_suffix("data: [DONE]\n\n");
        let events = events.unwrap_or_else(|| panic!("no end: {self:?}"));
        events
            .split_terminator("\n\n")
            .map(|e| serde_json::from_str(e.strip_prefix("data: ").unwrap()).unwrap())
            .collect()
    }
}

impl Fixture {
    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 30).await.unwrap();
        Reply {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(post(path, body.to_string())).await
    }

    /// A chat of one message.
    pub async fn chat(&self, content: &str, more: Value) -> Reply {
        let body = json!({"model": "tiny", "messages": [{"role": "user", "content": content}]});
        self.post("/v1/chat/completions", &merged(body, more)).await
    }

    pub async fn complete(&self, prompt: Value, more: Value) -> Reply {
        let body = json!({"model": "tiny", "prompt": prompt});
        self.post("/v1/completions", &merged(body, more)).await
    }
}

pub fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    request.body(body.into()).unwrap()
}

pub fn merged(mut body: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}
