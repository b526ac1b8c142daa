#!/usr/bin/env bash
# 64 streaming clients on a server, in turns with batched decoding of the same prompt and lengths
# without one: `bench/serve.sh MODEL [SECONDS] [CLIENTS]`. Needs `cargo build --release` and
# `cargo build --release -p laser-serve --example load`; TARGET names their folder.
set -euo pipefail
cd "$(dirname "$0")/.."
model=$1 seconds=${2:-60} clients=${3:-64}
bin=${TARGET:-target/release}
tokens=${TOKENS:-256} prompt=${PROMPT:-17+5*3-6=}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
threads=$(nproc)
rows=$(((clients + threads - 1) / threads))
# As many responses as take about a third of the server's time, in as many rows.
python3 -c 'import json, sys; print("\n".join([json.dumps({"prompt": sys.argv[1]})] * int(sys.argv[2])))' \
    "$prompt" "$((clients * 32))" >"$work/prompts.jsonl"
offline() {
    "$bin/laser" generate --model "$model" --input "$work/prompts.jsonl" --max-new-tokens "$tokens" --seed "$1" \
        >/dev/null 2>"$work/generate" || { cat "$work/generate" >&2; exit 1; }
    echo "offline $1: $(grep -o '[0-9]* tokens/s' "$work/generate")"
}
"$bin/laser" serve --model "$model" --served-name bench --port 0 --rows "$rows" --queue 1024 --context "${CONTEXT:-128}" 2>"$work/log" &
server=$!
for _ in $(seq 600); do
    url=$(grep -o 'listening on http://[0-9.:]*' "$work/log" | cut -d/ -f3) && break
    kill -0 "$server" || { cat "$work/log" >&2; exit 1; }
    sleep 0.1
done
for turn in 1 2 3; do
    offline "$turn"
    echo "server  $turn: $("$bin/examples/load" "$url" bench --clients "$clients" --seconds "$((seconds / 3))" \
        --tokens "$tokens" --prompt "$prompt" --pid "$server")"
done
offline 4
