//! What `config.json` may ask for, and what is refused.

use laser_model::checkpoint::WeightType;
use laser_model::{Architecture, ModelConfig, ModelError, RopeScaling};
use serde_json::{Value, json};

fn base(model_type: &str) -> Value {
    json!({
        "model_type": model_type, "vocab_size": 16, "hidden_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "intermediate_size": 8,
        "max_position_embeddings": 8192, "sliding_window": null
    })
}

fn read(model_type: &str, change: Value) -> Result<ModelConfig, ModelError> {
    let Value::Object(mut raw) = base(model_type) else {
        unreachable!()
    };
    let Value::Object(change) = change else {
        panic!("a change is an object")
    };
    raw.extend(change);
    // A key that is to be missing.
    raw.retain(|_, v| v != "missing");
    ModelConfig::from_json(&raw)
}

#[test]
fn every_option_that_would_change_the_result_is_refused_with_key_and_value() {
    for (model_type, change, expected) in [
        ("gpt2", json!({}), "model_type: 'gpt2'"),
        (
            "llama",
            json!({"model_type": "missing"}),
            "model_type: it is missing",
        ),
        (
            "llama",
            json!({"model_type": 3}),
            "model_type: 3 is not a string",
        ),
        (
            "llama",
            json!({"hidden_act": "gelu"}),
            "hidden_act: \"gelu\"",
        ),
        (
            "llama",
            json!({"attention_bias": true}),
            "attention_bias: true",
        ),
        ("llama", json!({"mlp_bias": true}), "mlp_bias: true"),
        (
            "llama",
            json!({"attention_dropout": 0.1}),
            "attention_dropout: 0.1",
        ),
        ("llama", json!({"pretraining_tp": 2}), "pretraining_tp: 2"),
        (
            "llama",
            json!({"num_local_experts": 8}),
            "num_local_experts: 8",
        ),
        ("qwen3", json!({"num_experts": 128}), "num_experts: 128"),
        (
            "qwen3",
            json!({"moe_intermediate_size": 768}),
            "moe_intermediate_size: 768",
        ),
        (
            "llama",
            json!({"logits_scaling": 8.0}),
            "logits_scaling: 8.0",
        ),
        (
            "llama",
            json!({"final_logit_softcapping": 30.0}),
            "final_logit_softcapping: 30.0",
        ),
        (
            "llama",
            json!({"quantization_config": {"bits": 4}}),
            "quantization_config: {\"bits\":4}",
        ),
        (
            "llama",
            json!({"architectures": ["LlamaForSequenceClassification"]}),
            "architectures: [\"LlamaForSequenceClassification\"]",
        ),
        (
            "llama",
            json!({"tie_word_embeddings": "yes"}),
            "tie_word_embeddings: \"yes\" is not true or false",
        ),
        (
            "llama",
            json!({"vocab_size": 0}),
            "vocab_size: 0 is not a positive integer",
        ),
        (
            "llama",
            json!({"vocab_size": null}),
            "vocab_size: a positive integer is required",
        ),
        (
            "llama",
            json!({"num_key_value_heads": 3}),
            "num_key_value_heads: 3 does not divide",
        ),
        ("llama", json!({"head_dim": 7}), "head_dim: 7 is odd"),
        (
            "llama",
            json!({"head_dim": null, "hidden_size": 17}),
            "num_attention_heads: 2 does not divide",
        ),
        (
            "llama",
            json!({"torch_dtype": "int8"}),
            "torch_dtype: 'int8' is not a floating-point type",
        ),
        ("llama", json!({"dtype": 16}), "dtype: 16 is not a string"),
        (
            "qwen2",
            json!({"layer_types": ["full_attention"]}),
            "layer_types: 1 entries",
        ),
        (
            "qwen2",
            json!({"layer_types": ["full_attention", "linear_attention"]}),
            "layer_types: \"linear_attention\"",
        ),
        (
            "qwen2",
            json!({"layer_types": ["full_attention", "sliding_attention"]}),
            "layer_types: \"sliding_attention\" without",
        ),
    ] {
        let error = read(model_type, change.clone()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{change}: {error}");
    }
}

#[test]
fn rotary_keys_that_are_not_computed_are_refused_with_key_and_value() {
    let llama3 = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 4.0, "high_freq_factor": 4.0});
    for (change, expected) in [
        (
            json!({"rope_scaling": {"rope_type": "longrope", "factor": 2.0}}),
            "rope_scaling.rope_type: 'longrope'",
        ),
        (
            json!({"rope_scaling": {"type": "su"}}),
            "rope_scaling.type: 'su'",
        ),
        (
            json!({"rope_parameters": {"rope_type": "proportional"}}),
            "rope_parameters.rope_type: 'proportional'",
        ),
        (
            json!({"rope_scaling": "linear"}),
            "rope_scaling: \"linear\" is not an object",
        ),
        (
            json!({"rope_scaling": {"type": "linear"}}),
            "rope_scaling.factor: rope type 'linear' needs",
        ),
        (
            json!({"rope_scaling": {"type": "linear", "factor": "4"}}),
            "rope_scaling.factor: \"4\" is not a positive number",
        ),
        (
            json!({"rope_scaling": {"type": "linear", "factor": 4, "mscale": 1.0}}),
            "rope_scaling.mscale: rope type 'linear' does not read this key",
        ),
        (
            json!({"rope_scaling": {"type": "dynamic"}}),
            "rope_scaling.factor: rope type 'dynamic' needs",
        ),
        (
            json!({"rope_scaling": {"type": "yarn"}}),
            "rope_scaling.factor: rope type 'yarn' needs",
        ),
        (
            json!({"rope_scaling": {"type": "yarn", "factor": 4, "beta_fast": -1}}),
            "rope_scaling.beta_fast: -1 is negative",
        ),
        (
            json!({"rope_scaling": {"type": "yarn", "factor": 4, "truncate": 1}}),
            "rope_scaling.truncate: 1 is not true or false",
        ),
        (
            json!({"rope_scaling": {"type": "yarn", "factor": 4, "mscale": 1, "mscale_all_dim": -20}}),
            "rope_scaling.mscale_all_dim: it makes the attention factor",
        ),
        (
            json!({"rope_scaling": llama3}),
            "rope_scaling.high_freq_factor: 4 must be more than",
        ),
        (
            json!({"rope_parameters": {"full_attention": {"rope_type": "default"}}}),
            "rope_parameters.full_attention: rotary parameters by layer",
        ),
        (
            json!({"partial_rotary_factor": 0.5}),
            "partial_rotary_factor: 0.5",
        ),
        (
            json!({"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.25}}),
            "rope_parameters.partial_rotary_factor: 0.25",
        ),
        (
            json!({"rope_theta": -1.0}),
            "rope_theta: -1 must be more than 1",
        ),
        (
            json!({"rope_theta": 1.0}),
            "rope_theta: 1 must be more than 1",
        ),
        (
            json!({"rope_scaling": {"type": "linear", "factor": 4}, "rope_parameters": {"rope_theta": 1e4}}),
            "rope_scaling: it contradicts rope_parameters",
        ),
    ] {
        let error = read("llama", change.clone()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{change}: {error}");
    }
}

#[test]
fn harmless_values_of_refused_keys_are_accepted() {
    let config = read(
        "llama",
        json!({
            "pretraining_tp": 1, "attention_bias": false, "mlp_bias": null, "attention_dropout": null,
            "quantization_config": null, "num_experts": 0, "partial_rotary_factor": 1.0,
            "layer_types": ["full_attention", "full_attention"], "rope_scaling": null,
            "architectures": ["LlamaForCausalLM"], "tie_word_embeddings": null,
            "rope_parameters": {"rope_theta": 5e5, "rope_type": "default", "factor": null}
        }),
    )
    .unwrap();
    assert_eq!(config.rope.theta, 5e5);
    assert_eq!(config.rope.scaling, RopeScaling::Default);
    assert!(!config.tied);
}

#[test]
fn a_sliding_window_in_force_bounds_the_length() {
    let sliding = "sliding_attention";
    for (model_type, change, positions) in [
        ("mistral", json!({}), 8192),
        ("mistral", json!({"sliding_window": 1024}), 1024),
        ("mistral", json!({"sliding_window": 9999}), 8192),
        ("mistral", json!({"sliding_window": "missing"}), 4096),
        ("llama", json!({"sliding_window": "missing"}), 8192),
        ("llama", json!({"sliding_window": 1024}), 1024),
        (
            "qwen2",
            json!({"sliding_window": 1024, "use_sliding_window": false}),
            8192,
        ),
        ("qwen2", json!({"sliding_window": 1024}), 8192),
        // With no list of layers, those from max_window_layers = 28 on have the window.
        (
            "qwen2",
            json!({"sliding_window": 1024, "use_sliding_window": true}),
            8192,
        ),
        (
            "qwen2",
            json!({"sliding_window": 1024, "use_sliding_window": true, "max_window_layers": 1}),
            1024,
        ),
        (
            "qwen3",
            json!({"sliding_window": 1024, "use_sliding_window": true,
            "layer_types": ["full_attention", sliding]}),
            1024,
        ),
        (
            "qwen3",
            json!({"sliding_window": 1024, "use_sliding_window": true,
            "layer_types": ["full_attention", "full_attention"]}),
            8192,
        ),
    ] {
        let config = read(model_type, change.clone()).unwrap();
        assert_eq!(config.max_positions, positions, "{model_type} {change}");
    }
}

#[test]
fn missing_heads_have_the_defaults_of_their_family() {
    let missing = |n: usize| {
        json!({"num_attention_heads": n, "hidden_size": 64, "num_key_value_heads": "missing",
        "head_dim": "missing"})
    };
    for (model_type, heads, kv_heads, head_dim) in [
        ("llama", 4, 4, 16),
        ("mistral", 16, 8, 4),
        ("qwen2", 32, 32, 2),
        ("qwen3", 32, 32, 128),
    ] {
        let shape = read(model_type, missing(heads)).unwrap().attention;
        let got = (shape.heads, shape.kv_heads, shape.head_dim);
        assert_eq!(got, (heads, kv_heads, head_dim), "{model_type}");
    }
}

#[test]
fn mistral_is_a_llama_without_biases_and_head_norms() {
    let config = read("mistral", json!({})).unwrap();
    assert_eq!(config.architecture, Architecture::Mistral);
    assert!(!config.qkv_bias() && !config.qk_norm());
}

#[test]
fn the_saved_type_is_read_in_both_spellings() {
    for (change, expected) in [
        (json!({}), None),
        (
            json!({"torch_dtype": "bfloat16"}),
            Some(WeightType::Bfloat16),
        ),
        (
            json!({"dtype": "float16", "torch_dtype": "float32"}),
            Some(WeightType::Float16),
        ),
        (
            json!({"dtype": null, "torch_dtype": "torch.float32"}),
            Some(WeightType::Float32),
        ),
        (json!({"dtype": "float64"}), None),
    ] {
        assert_eq!(
            read("llama", change.clone()).unwrap().stored_dtype,
            expected,
            "{change}"
        );
    }
}

#[test]
fn models_with_the_shapes_of_published_ones_have_their_number_of_parameters() {
    let qwen2_5 = json!({
        "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643,
        "eos_token_id": 151645, "hidden_act": "silu", "hidden_size": 896, "intermediate_size": 4864,
        "max_position_embeddings": 32768, "max_window_layers": 21, "model_type": "qwen2",
        "num_attention_heads": 14, "num_hidden_layers": 24, "num_key_value_heads": 2,
        "rms_norm_eps": 1e-6, "rope_theta": 1e6, "sliding_window": 32768, "tie_word_embeddings": true,
        "torch_dtype": "bfloat16", "use_mrope": false, "use_sliding_window": false, "vocab_size": 151936
    });
    let qwen3 = json!({
        "attention_bias": false, "head_dim": 128, "hidden_act": "silu", "hidden_size": 1024,
        "intermediate_size": 3072, "max_position_embeddings": 40960, "max_window_layers": 28,
        "model_type": "qwen3", "num_attention_heads": 16, "num_hidden_layers": 28,
        "num_key_value_heads": 8, "rms_norm_eps": 1e-6, "rope_scaling": null, "rope_theta": 1_000_000,
        "sliding_window": null, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
        "use_sliding_window": false, "vocab_size": 151936
    });
    let llama3_2 = json!({
        "attention_bias": false, "eos_token_id": [128001, 128008, 128009], "head_dim": 64,
        "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 8192,
        "max_position_embeddings": 131072, "mlp_bias": false, "model_type": "llama",
        "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8,
        "pretraining_tp": 1, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "tie_word_embeddings": true,
        "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192, "rope_type": "llama3"},
        "torch_dtype": "bfloat16", "vocab_size": 128256
    });
    let mistral = json!({
        "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336,
        "max_position_embeddings": 32768, "model_type": "mistral", "num_attention_heads": 32,
        "num_hidden_layers": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-5, "rope_theta": 1e6,
        "sliding_window": null, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
        "vocab_size": 32768
    });
    for (raw, parameters, positions) in [
        (qwen2_5, 494_032_768, 32768),
        (qwen3, 596_049_920, 40960),
        (llama3_2, 1_235_814_400, 131072),
        (mistral, 7_248_023_552, 32768),
    ] {
        let config = ModelConfig::from_json(raw.as_object().unwrap()).unwrap();
        assert_eq!(config.parameters(), parameters, "{raw}");
        assert_eq!(config.max_positions, positions, "{raw}");
        assert_eq!(config.stored_dtype, Some(WeightType::Bfloat16), "{raw}");
    }
}
