#!/usr/bin/env bash
# Memory and time of a GRPO + LaSeR step on a model of Qwen2.5-0.5B's shape with random weights, by
# an adapter and fully. Needs about 8 GB of disk.
#
#     bench/half_billion.sh GSM8K_DIR      (a folder with train.jsonl and test.jsonl)
set -euo pipefail
data=$(realpath "$1")
cd "$(dirname "$0")/.."
cargo build --release --quiet
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cargo run --release --quiet -p laser-train --example random_model -- "$out/model"
for rank in 16 0; do
    target/release/laser train bench/half_billion.toml --out "$out/run" --set "model.path=$out/model" \
        --set "data.train=['$data/train.jsonl']" --set "data.test=['$data/test.jsonl']" --set lora.rank=$rank >/dev/null
    python3 - "$rank" "$out/run/metrics.jsonl" <<'EOP'
import json, sys
rank, file = sys.argv[1:]
m = json.loads(open(file).readline())
tokens, seconds = m["tokens"], m["seconds"]
print(f"lora.rank = {rank}: largest memory {m['memory/peak'] / 2**30:.2f} GiB, "
      f"{seconds['rollout']:.1f} s for {tokens['rollout']} sampled tokens, {seconds['train']:.1f} s for {tokens['train']} trained")
EOP
    rm -rf "$out/run"
done
