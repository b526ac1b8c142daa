#!/usr/bin/env bash
# What more compute at test time buys: votes over k, temperature and beam width, for a base model,
# the same after GRPO and after LaSeR, on the test problems of the demo. Run by hand.
# Usage: bench/scaling.sh BASE GRPO LASER OUT
#   BASE, GRPO, LASER  model folders, such as runs/laser/base and runs/laser/checkpoints/step-200
#   OUT                a new folder: an evaluation of each model, scaling.md (the table for
#                      docs/results.md) and scaling.html (the plots)
# Environment: RECIPE (laser), PROBLEMS (512), SEED (1), LASER_BIN (target/release/laser, built first).
set -euo pipefail
if [ $# -ne 4 ]; then
    sed -n '2,9s/^# //p' "$0" >&2
    exit 2
fi
models=("$1" "$2" "$3")
names=(base grpo laser)
out=$4
root=$(cd "$(dirname "$0")/.." && pwd)
if [ -z "${LASER_BIN:-}" ]; then
    cargo build --release --manifest-path "$root/Cargo.toml"
    LASER_BIN=$root/target/release/laser
fi
for i in 0 1 2; do
    dir=$out/${names[$i]}
    # What is done already stays, so that an interrupted script goes on where it was.
    [ -e "$dir/summary.json" ] && continue
    "$LASER_BIN" eval --model "${models[$i]}" --recipe "${RECIPE:-laser}" --problems "${PROBLEMS:-512}" \
        --seed "${SEED:-1}" --n 32 --sweep k=1..32 --sweep temperature=0.4,0.6,0.8,1.0,1.2 \
        --sweep beam=1..8 --out "$dir" >/dev/null
done
"$LASER_BIN" sweep "${names[@]/#/$out/}" --out "$out/scaling.html" >"$out/scaling.md"
echo "$out/scaling.md"
echo "$out/scaling.html"
