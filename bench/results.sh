#!/usr/bin/env bash
# The comparison in docs/results.md: the recipes `laser` and `grpo` from the same base model for
# three seeds. Writes runs to runs/results and the table to standard output. Six runs of a
# few minutes each. Usage: bench/results.sh [SEEDS…]
set -euo pipefail
cd "$(dirname "$0")/.."
seeds=("$@")
[ $# -gt 0 ] || seeds=(1 2 3)
cargo build --release
for seed in "${seeds[@]}"; do
    for recipe in laser grpo; do
        dir="runs/results/$recipe-$seed"
        # The base model is made once per seed; both recipes start from it.
        base=(--base "runs/results/laser-$seed/base")
        [ "$recipe" = laser ] && base=()
        [ -e "$dir/summary.json" ] && continue
        target/release/laser train "recipes/$recipe.toml" --seed "$seed" --out "$dir" "${base[@]}" >&2
    done
done
python3 bench/results.py runs/results "${seeds[@]}"
