"""Checks the files of a run: every stable name is there, and the numbers are numbers."""

import json
import math
import sys
from pathlib import Path

run, steps = Path(sys.argv[1]), int(sys.argv[2])


def estimate(e, where):
    assert set(e) == {"value", "low", "high"}, where
    if e["value"] is not None:
        assert all(math.isfinite(e[k]) for k in e), where
        assert e["low"] - 1e-9 <= e["value"] <= e["high"] + 1e-9, (where, e)


summary = json.loads((run / "summary.json").read_text())
assert summary["steps"] == steps and summary["recipe"] == "laser"
assert summary["seconds"] > 0 and summary["tokens_per_second"]["rollout"] > 0
for model in ("base", "final"):
    m = summary[model]
    estimate(m["accuracy"], model)
    assert m["accuracy"]["value"] is not None
    for group in ("pass_at", "maj_at", "weighted_at", "best_at"):
        assert "8" in m[group], group
        for k, e in m[group].items():
            estimate(e, f"{model}.{group}.{k}")
    for name in ("f1", "tpr", "tnr", "auroc", "ece", "spearman_length"):
        estimate(m["self_verification"][name], name)

lines = [json.loads(l) for l in (run / "metrics.jsonl").read_text().splitlines()]
training = [l for l in lines if l.get("phase") != "sft"]
assert [l["step"] for l in training] == list(range(1, steps + 1))
for l in training:
    for key in ("reward/mean", "policy/entropy", "optim/grad_norm", "rollout/length_mean"):
        assert math.isfinite(l[key]), key
    assert l["policy/logprob_mismatch"] == 0.0, "sampled and recomputed log-probabilities differ"
    assert l["rollout/self_reward_token_sampled"] == 0
    assert l["tokens_per_second"]["rollout"] > 0 and l["time"] > 1e9
    assert l["policy/ratio_min"] <= l["policy/ratio_mean"] <= l["policy/ratio_max"]
    for warning in l.get("warnings", []):
        assert set(warning) == {"smell", "text"}, warning

# TFRecords: length, its CRC, data, its CRC. A version, a start, one for each step and test, and one
# for the test of the base model, which has a file of its own.
(events,) = (run / "tensorboard").iterdir()
assert events.name.startswith("events.out.tfevents.")
data, at, records = events.read_bytes(), 0, 0
while at < len(data):
    at += 16 + int.from_bytes(data[at:at + 8], "little")
    records += 1
evals = (run / "evals.jsonl").read_text().splitlines()
assert (at, records) == (len(data), 3 + len(lines) + len(evals)), (at, len(data), records)

for name in ("results.jsonl", "samples/step-3.jsonl"):
    rows = [json.loads(l) for l in (run / name).read_text().splitlines()]
    assert rows, name
    for key in ("prompt", "response", "gold", "extracted", "correct", "reward", "self_logprob",
                "self_reward", "advantage", "length", "finish"):
        assert key in rows[0], (name, key)

checkpoint = run / "checkpoints" / f"step-{steps}"
for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
             "model.safetensors", "laser.json", "trainer.json"):
    assert (checkpoint / name).exists(), name
page = (run / "report.html").read_text()
assert page.count("<svg") >= 6 and 'src="http' not in page and 'href="http' not in page
assert not list(run.rglob("*.partial"))
print(f"{run.name}: files and numbers are in order")
