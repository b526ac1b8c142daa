#!/usr/bin/env bash
# The tables of methods in docs/results.md: recipes from the same base model of a seed, with the
# same problems and number of steps, and what a step of each costs beside one of `grpo`. Run by hand:
# a run takes two to five minutes on two cores, the costs about ten seconds a recipe on an idle machine.
# Usage: bench/methods.sh runs SEED…    train what is not there yet, into runs/methods
#        bench/methods.sh costs         short runs of each recipe in turns with `grpo`
#        bench/methods.sh table SEED…   the tables, to standard output
# Environment: RECIPES (all below), OUT (runs/methods), LASER_BIN (target/release/laser, built first).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
if [ $# -eq 0 ]; then
    sed -n '2,9s/^# //p' "$0" >&2
    exit 2
fi
what=$1
shift
out=${OUT:-$root/runs/methods}
# `laser` makes the base model of a seed; `dpo` the guide of `tgdpo` and `rto`.
read -ra recipes <<<"${RECIPES:-laser grpo tempo thr tw_grpo pppo grpo_n sar co_reward par likelihood endogenous \
    spo grpo_lambda self_correction ssr_zero diversity_or_precision sdpo srpo dpo cream tgdpo rto cntp self_certainty}"

# The recipe whose run made the base model of a recipe. Two have one of their own, all others share `laser`'s.
base_of() {
    case $1 in
    laser | diversity_or_precision | self_correction) echo "$1" ;;
    *) echo laser ;;
    esac
}

# The options of a recipe beyond its file: the base model, and a guide where it needs one.
options() {
    local recipe=$1 seed=$2 from
    from=$(base_of "$recipe")
    [ "$what$from" = "runs$recipe" ] || echo "--base $out/$from-$seed/base"
    case $recipe in
    # Short runs have no tests, after which its prefixes would grow.
    pppo) [ "$what" != costs ] || echo "--set rollout.prefix.step=0" ;;
    tgdpo | rto) echo "--set guide.path=$out/dpo-$seed/checkpoints/step-200" ;;
    esac
}

if [ "$what" != table ] && [ -z "${LASER_BIN:-}" ]; then
    cargo build --release --manifest-path "$root/Cargo.toml" -p laser-cli >&2
    LASER_BIN=$root/target/release/laser
fi
case $what in
runs)
    for seed in "$@"; do
        for recipe in "${recipes[@]}"; do
            dir=$out/$recipe-$seed
            # What is done already stays; what was interrupted goes on where it was.
            [ -e "$dir/summary.json" ] && continue
            # Two recipes change tests alone: what they test is trained already.
            case $recipe in
            cntp) trained=laser ;;
            self_certainty) trained=grpo ;;
            *) trained= ;;
            esac
            if [ -n "$trained" ]; then
                "$LASER_BIN" eval --model "$out/$trained-$seed/checkpoints/step-200" --recipe "$recipe" \
                    --seed "$seed" --out "$dir" >/dev/null
                continue
            fi
            # shellcheck disable=SC2046
            "$LASER_BIN" train "$recipe" --seed "$seed" --out "$dir" --resume $(options "$recipe" "$seed") >&2
        done
    done
    ;;
costs)
    rm -rf "$out/costs"
    short=(--set steps=12 --set evaluation.every=0 --set evaluation.problems=8 --set save.samples_every=0)
    for recipe in "${recipes[@]}"; do
        # These change tests alone.
        case $recipe in cntp | self_certainty) continue ;; esac
        for name in grpo "$recipe"; do
            # shellcheck disable=SC2046
            "$LASER_BIN" train "$name" --seed 1 --out "$out/costs/$recipe/$name" $(options "$name" 1) \
                "${short[@]}" >&2
        done
    done
    ;;
table) python3 "$root/bench/methods.py" "$out" "${recipes[*]}" "$@" ;;
*)
    echo "methods.sh: $what is none of runs, costs, table" >&2
    exit 2
    ;;
esac
