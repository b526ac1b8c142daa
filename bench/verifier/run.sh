#!/usr/bin/env bash
# Measures `laser verify` against math-verify on the same pairs of gold and answer, in turns on the same machine.
#
#   bench/verifier/run.sh DATA_DIR            three rounds
#   ROUNDS=5 bench/verifier/run.sh DATA_DIR   more of them
#   PYTHON=python3.12 bench/verifier/run.sh … the Python that makes the environment
#
# DATA_DIR holds math500, amc23, aime24, aime25, olympiadbench and gsm8k, as pairs.py says. Prints the tables of
# docs/verifier.md; everything is kept in target/bench-verifier. Leave the machine otherwise idle.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,9p' "${BASH_SOURCE[0]}" >&2; exit 2; }
data=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target=${CARGO_TARGET_DIR:-target}
out=$target/bench-verifier
venv=$target/bench-verifier-venv
mkdir -p "$out"
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r bench/verifier/requirements.txt
cargo build --release --quiet --bin laser
laser=$target/release/laser

python3 bench/verifier/pairs.py "$data" "$out/pairs.jsonl"
rm -f "$out"/peer-* "$out"/ours-* "$out"/log-*
for round in $(seq "${ROUNDS:-3}"); do
    "$venv/bin/python" bench/verifier/peer.py "$out/pairs.jsonl" "$out/peer-$round.jsonl" >/dev/null
    for threads in 1 $(nproc); do
        "$laser" verify --input "$out/pairs.jsonl" --output "$out/ours-$threads-$round.jsonl" \
            --timing --threads "$threads" 2>"$out/log-$threads-$round.txt"
    done
done
python3 bench/verifier/report.py "$out/pairs.jsonl" "$out" --threads "$(nproc)" \
    --out "$out/table.md" --disagreements "$out/disagreements.jsonl"
