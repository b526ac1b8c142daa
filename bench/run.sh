#!/usr/bin/env bash
# Measures this program against PyTorch and transformers, in turns on the same machine, and writes the table in
# docs/performance.md. The peers' environment lies in target/bench-venv (the first run downloads several GB).
#
#   bench/run.sh                          shape tiny, all cores
#   bench/run.sh --reps 9 --threads 1     further options go to bench/peers.py (see its --help)
#   SHAPE=small bench/run.sh              the other shape
#   PYTHON=python3.12 bench/run.sh        the Python that makes the environment
#
# Leave the machine otherwise idle while it runs. The JSON result is printed, and kept as target/bench-SHAPE.json.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

shape=${SHAPE:-tiny}
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

"$venv/bin/python" bench/peers.py --shape "$shape" --threads "$threads" --reps 5 --warmup 2 \
  --interleave "'$target/release/laser' bench --shape $shape --threads $threads --json" \
  --markdown docs/performance.md "$@" | tee "$target/bench-$shape.json"
