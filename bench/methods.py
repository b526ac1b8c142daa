"""Prints the tables of methods from finished runs. Usage: methods.py FOLDER "RECIPE…" SEED…

Accuracy is averaged over the seeds; its interval, and that of the difference from `grpo`, is
bootstrapped over the test problems, which all runs share: it says how far another choice of
problems would move the mean of these seeds, not how far other seeds would.
"""

import json
import random
import sys
from pathlib import Path
from statistics import mean, median

folder, recipes, seeds = Path(sys.argv[1]), sys.argv[2].split(), sys.argv[3:]
RESAMPLES = 2000


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def accuracies(recipe, seed):
    """Share of right responses to each test problem, in the order of the problems."""
    found = {}
    for line in lines(folder / f"{recipe}-{seed}" / "results.jsonl"):
        found.setdefault(line["prompt"], []).append(line["correct"])
    return {prompt: mean(right) for prompt, right in found.items()}


def interval(values):
    rng = random.Random(1)
    means = sorted(mean(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return means[RESAMPLES * 25 // 1000], means[RESAMPLES * 975 // 1000]


def spread(values, digits=3, sign=""):
    known = [v for v in values if v is not None]
    if not known:
        return "–"
    if len(known) == 1:
        return f"{known[0]:{sign}.{digits}f}"
    return f"{mean(known):{sign}.{digits}f} ({min(known):{sign}.{digits}f} – {max(known):{sign}.{digits}f})"


def summary(recipe, seed):
    found = json.loads((folder / f"{recipe}-{seed}" / "summary.json").read_text())
    # Of a run, or of an evaluation.
    return found.get("final") or found["metrics"]


def length(recipe, seed):
    path = folder / f"{recipe}-{seed}" / "metrics.jsonl"
    if not path.exists():
        return None
    rows = lines(path)
    return mean([r["rollout/length_mean"] for r in rows if "rollout/length_mean" in r][-20:])


def done(recipe):
    return [s for s in seeds if (folder / f"{recipe}-{s}" / "summary.json").exists()]


print("| recipe | seeds | accuracy (avg@16) | difference from `grpo` | pass@8 | maj@8 | weighted − maj @8 | F1 of the score | AUROC | length |")
print("|---|---|---|---|---|---|---|---|---|---|")
for recipe in recipes:
    with_runs = [s for s in done(recipe) if s in done("grpo")]
    if not with_runs:
        continue
    own = [accuracies(recipe, s) for s in with_runs]
    plain = [accuracies("grpo", s) for s in with_runs]
    per_problem = [mean(a[p] for a in own) for p in own[0]]
    gains = [mean(a[p] - b[p] for a, b in zip(own, plain)) for p in own[0]]
    (low, high), (worse, better) = interval(per_problem), interval(gains)
    finals = [summary(recipe, s) for s in with_runs]
    judged = [f["self_verification"] for f in finals]
    cells = [
        f"[`{recipe}`](recipes/{recipe}.md)",
        " ".join(with_runs),
        f"{mean(per_problem):.3f} [{low:.3f}, {high:.3f}]",
        "–" if recipe == "grpo" else f"{mean(gains):+.3f} [{worse:+.3f}, {better:+.3f}]",
        spread([f["pass_at"]["8"]["value"] for f in finals]),
        spread([f["maj_at"]["8"]["value"] for f in finals]),
        spread([f["weighted_minus_maj"]["8"]["value"] for f in finals], sign="+"),
        spread([j["f1"]["value"] for j in judged]),
        spread([j["auroc"]["value"] for j in judged]),
        spread([length(recipe, s) for s in with_runs], digits=1),
    ]
    print("| " + " | ".join(cells) + " |")

print("\n| recipe | tokens sampled per step | seconds of a step | × `grpo` | peak memory, MiB |")
print("|---|---|---|---|---|")


def cost(path):
    # The first two steps warm the memory up.
    rows = [r for r in lines(path / "metrics.jsonl") if "rollout" in r.get("seconds", {})][2:]
    seconds = [r["seconds"]["rollout"] + r["seconds"]["train"] for r in rows]
    return mean(r["tokens"]["rollout"] for r in rows), median(seconds), max(r["memory/peak"] for r in rows)


for recipe in recipes:
    here = folder / "costs" / recipe
    if (here / recipe / "summary.json").exists():
        tokens, seconds, memory = cost(here / recipe)
        ratio = seconds / cost(here / "grpo")[1]
        print(f"| `{recipe}` | {tokens:.0f} | {seconds:.2f} | {ratio:.2f} | {memory / 2**20:.0f} |")
