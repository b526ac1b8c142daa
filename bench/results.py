"""Prints docs/results.md's table from finished runs. Usage: results.py FOLDER SEED…"""

import json
import sys
from pathlib import Path
from statistics import mean

folder, seeds = Path(sys.argv[1]), sys.argv[2:]
METRICS = {
    "accuracy (avg@16)": lambda m: m["accuracy"],
    "pass@8": lambda m: m["pass_at"]["8"],
    "maj@8": lambda m: m["maj_at"]["8"],
    "weighted maj@8": lambda m: m["weighted_at"]["8"],
    "weighted − maj @8": lambda m: m["weighted_minus_maj"]["8"],
    "best@8": lambda m: m["best_at"]["8"],
    "self-verification F1": lambda m: m["self_verification"]["f1"],
    "TPR": lambda m: m["self_verification"]["tpr"],
    "TNR": lambda m: m["self_verification"]["tnr"],
    "AUROC": lambda m: m["self_verification"]["auroc"],
    "ECE": lambda m: m["self_verification"]["ece"],
    "Spearman with length": lambda m: m["self_verification"]["spearman_length"],
}
COLUMNS = [("base", "laser", "base"), ("grpo", "grpo", "final"), ("laser", "laser", "final")]


def load(recipe, seed):
    return json.loads((folder / f"{recipe}-{seed}" / "summary.json").read_text())


runs = {(r, s): load(r, s) for r in ("laser", "grpo") for s in seeds}


def cell(e):
    if e["value"] is None:
        return "–"
    return f"{e['value']:.3f} [{e['low']:.3f}, {e['high']:.3f}]"


for seed in seeds:
    print(f"\n### Seed {seed}\n")
    print("| | base | grpo | laser |\n|---|---|---|---|")
    for name, get in METRICS.items():
        cells = [cell(get(runs[recipe, seed][model])) for _, recipe, model in COLUMNS]
        print(f"| {name} | " + " | ".join(cells) + " |")
    times = [f"{runs[r, seed]['seconds']:.0f} s" for r in ("grpo", "laser")]
    print(f"| whole run | | {times[0]} | {times[1]} |")

print("\n### Mean over seeds (smallest – largest)\n")
print("| | base | grpo | laser |\n|---|---|---|---|")
for name, get in METRICS.items():
    cells = []
    for _, recipe, model in COLUMNS:
        values = [get(runs[recipe, s][model])["value"] for s in seeds]
        known = [v for v in values if v is not None]
        cells.append(f"{mean(known):.3f} ({min(known):.3f} – {max(known):.3f})" if known else "–")
    print(f"| {name} | " + " | ".join(cells) + " |")
