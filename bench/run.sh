#!/usr/bin/env bash
# Measures this program against PyTorch, transformers and TRL, in turns on the same machine, and writes the tables in
# docs/performance.md. The peers' environment lies in target/bench-venv (the first run downloads several GB).
#
#   bench/run.sh                              all three shapes, one after the other, all cores
#   bench/run.sh --reps 9 --threads 1         further options go to bench/peers.py (see its --help)
#   SHAPE=small bench/run.sh                  one shape: tiny, small or qwen2.5-0.5b
#   SHAPE=tiny bench/run.sh --only decode     one measurement; the shape's table then holds only that one
#   PYTHON=python3.12 bench/run.sh            the Python that makes the environment
#
# Leave the machine otherwise idle while it runs. With the shape qwen2.5-0.5b, PyTorch's training step takes 11 GB, and
# 6 GB of weights and moments stay while ours takes its turn. A JSON result is printed per shape, and kept as
# target/bench-SHAPE.json.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

read -ra shapes <<<"${SHAPE:-tiny small qwen2.5-0.5b}"
target=${CARGO_TARGET_DIR:-target}
venv=$target/bench-venv
cores=$(nproc)

# Both sides get one thread count: --threads is read here too, and passed on to our own command.
threads=$cores
previous=
for argument in "$@"; do
  case $argument in --threads=*) threads=${argument#--threads=} ;; esac
  if [ "$previous" = --threads ]; then threads=$argument; fi
  previous=$argument
done

[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r bench/requirements.txt
cargo build --release --bin laser

# peers.py fills in {only} and {dtype} for each measurement. Each turn of ours is a new process: it warms up by itself,
# and its few repetitions stay close in time to the peer's one.
for shape in "${shapes[@]}"; do
  ours="'$target/release/laser' bench --shape $shape --threads $threads --warmup 1 --reps 3"
  "$venv/bin/python" bench/peers.py --shape "$shape" --threads "$threads" --reps 5 --warmup 2 \
    --interleave "$ours --only {only} --dtype {dtype} --json" \
    --markdown docs/performance.md "$@" | tee "$target/bench-$shape.json"
done
