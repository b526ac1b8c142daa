"""Rotary embeddings as transformers computes them, for tests/rope.rs.

Run from the repository's root with torch, transformers 5.23 and safetensors installed:
    python crates/laser-model/tests/golden/rope.py
Writes rope.json (inverse frequencies, attention factor, some rows of the table) and
variants.json (log-probabilities of the checkpoint fixtures/llama3 under other configurations).
"""

import json
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

HERE = Path(__file__).parent
FIXTURE = HERE.parents[3] / "fixtures" / "llama3"

# (keys of config.json beside the base ones)
CASES = [
    {"head_dim": 128, "rope_theta": 1e6},
    {"head_dim": 16},
    {"head_dim": 16, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5}, "rope_theta": 7.0},
    # linear
    {"rope_scaling": {"type": "linear", "factor": 4.0}, "rope_theta": 1e4},
    {"rope_scaling": {"rope_type": "linear", "factor": 2}, "rope_theta": 1e6, "head_dim": 32},
    {"rope_parameters": {"rope_type": "linear", "factor": 8.5, "rope_theta": 5e5}, "head_dim": 16},
    # dynamic
    {"rope_scaling": {"type": "dynamic", "factor": 2.0}},
    {"rope_scaling": {"rope_type": "dynamic", "factor": 4.0}, "rope_theta": 1e6, "head_dim": 32},
    {"rope_parameters": {"rope_type": "dynamic", "factor": 3.0, "rope_theta": 5e5}, "head_dim": 16},
    # llama3
    {"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                      "original_max_position_embeddings": 8192}, "rope_theta": 5e5, "head_dim": 128,
     "max_position_embeddings": 131072},
    {"rope_parameters": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                         "original_max_position_embeddings": 8192, "rope_theta": 5e5},
     "max_position_embeddings": 131072},
    {"rope_scaling": {"type": "llama3", "factor": 4, "low_freq_factor": 2, "high_freq_factor": 6}, "head_dim": 16,
     "max_position_embeddings": 256},
    # yarn
    {"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768},
     "rope_theta": 1e6, "head_dim": 128, "max_position_embeddings": 131072},
    {"rope_parameters": {"rope_type": "yarn", "factor": 16.0, "rope_theta": 1e4, "beta_fast": 16, "beta_slow": 2}},
    {"rope_scaling": {"rope_type": "yarn", "factor": 40, "original_max_position_embeddings": 4096, "beta_fast": 32,
                      "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 0.8}, "max_position_embeddings": 16384},
    {"rope_scaling": {"rope_type": "yarn", "factor": 8.0, "attention_factor": 1.25, "truncate": False},
     "rope_theta": 2e5, "head_dim": 32},
    {"rope_scaling": {"rope_type": "yarn", "factor": None, "original_max_position_embeddings": 512, "mscale": 0.5},
     "head_dim": 32, "max_position_embeddings": 2048},
    {"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64},
     "original_max_position_embeddings": 1024, "head_dim": 16},
    {"rope_scaling": {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 4, "beta_fast": 0},
     "head_dim": 8},
]
BASE = {
    "model_type": "llama", "vocab_size": 8, "hidden_size": 128, "intermediate_size": 8, "num_hidden_layers": 1,
    "num_attention_heads": 2, "max_position_embeddings": 4096,
}


def config_of(raw):
    raw = json.loads(json.dumps(raw))
    return AutoConfig.for_model(raw.pop("model_type"), **raw)


def rope_case(change):
    raw = BASE | change
    config = config_of(raw)
    rope = LlamaRotaryEmbedding(config)
    top = config.max_position_embeddings - 1
    positions = [0, 1, 7, 100, top // 2, top]
    cos, sin = rope(torch.zeros(1), torch.tensor([positions]))
    half = cos.shape[-1] // 2
    return {
        "config": raw,
        "inverse_frequencies": rope.inv_freq.tolist(),
        "attention_factor": rope.attention_scaling,
        "positions": positions,
        "cos": cos[0, :, :half].tolist(),
        "sin": sin[0, :, :half].tolist(),
    }


VARIANTS = {
    "linear": {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}},
    "yarn": {"rope_parameters": {"rope_type": "yarn", "factor": 8.0, "rope_theta": 1e4,
                                 "original_max_position_embeddings": 32}},
    "dynamic": {"rope_parameters": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 1e4}},
    # The window is as long as the longest sequence.
    "mistral": {"model_type": "mistral", "sliding_window": 91,
                "rope_parameters": {"rope_type": "default", "rope_theta": 1e4}},
}


@torch.no_grad()
def variant(change):
    raw = json.loads((FIXTURE / "config.json").read_text()) | change
    model = AutoModelForCausalLM.from_pretrained(FIXTURE, config=config_of(raw), dtype=torch.float32,
                                                 attn_implementation="eager")
    model.eval()
    out = []
    for s in json.loads((FIXTURE / "reference.json").read_text())["sequences"]:
        ids = torch.tensor(s["ids"])
        logp = model(ids[None]).logits[0].log_softmax(-1)
        out.append(logp[:-1].gather(1, ids[1:, None])[:, 0].tolist())
    return {"change": change, "logprobs": out}


def shortest(x):
    """Numbers with the digits that an f32 needs."""
    if isinstance(x, float):
        return float(f"{x:.9g}")
    if isinstance(x, list):
        return [shortest(v) for v in x]
    if isinstance(x, dict):
        return {k: v if k in ("config", "change", "attention_factor") else shortest(v) for k, v in x.items()}
    return x


def write(name, value):
    (HERE / name).write_text(json.dumps(shortest(value), separators=(",", ":")) + "\n")


write("rope.json", [rope_case(c) for c in CASES])
write("variants.json", {k: variant(c) for k, c in VARIANTS.items()})
