"""Golden values of selection and abstention, computed without any code of laser-rl.

    python make_selection.py            # writes selection.json beside this script
    python make_selection.py --check    # recomputes and compares; exit 1 where they differ

Votes by visiting every combination, expectations over ties by visiting every order, binomial bounds by SciPy. Scores are
exactly representable in float32. README.md describes the fields.
"""

import argparse
import itertools
import json
import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.stats import beta, binom

HERE = Path(__file__).resolve().parent
POWER = 0.5
COVERAGES = 20


def first_largest(rows, votes):
    """Index into rows of the first answer whose key has the largest sum; rows are (key, correct, score)."""
    totals = {}
    for (key, _, _), v in zip(rows, votes):
        if key is not None:
            totals.setdefault(key, []).append(v)
    # Rounded sums, so that equal sums of other orders are equal.
    totals = {key: round(math.fsum(v), 9) for key, v in totals.items()}
    if not totals:
        return 0
    best = max(totals.values())
    return next(i for i, r in enumerate(rows) if r[0] is not None and totals[r[0]] == best)


def majority(rows):
    return first_largest(rows, [1] * len(rows))


def weighted(rows, raw):
    w = [0.0 if s is None else (s if raw else min(1.0, max(0.0, s))) for _, _, s in rows]
    keyed = [x for x, r in zip(w, rows) if r[0] is not None]
    return first_largest(rows, w) if any(keyed) else majority(rows)


def order(rows):
    return sorted(range(len(rows)), key=lambda i: (rows[i][2] is None, -(rows[i][2] or 0.0), i))


def borda(rows, power):
    votes = [0.0] * len(rows)
    for rank, i in enumerate(order(rows), start=1):
        votes[i] = (len(rows) - rank + 1) ** power
    return first_largest(rows, votes)


def at_k(rows, k):
    hits = Counter()
    subsets = [list(s) for s in itertools.combinations(rows, k)]
    for s in subsets:
        hits["pass"] += any(r[1] for r in s)
        hits["maj"] += s[majority(s)][1]
        hits["weighted"] += s[weighted(s, False)][1]
        hits["weighted_raw"] += s[weighted(s, True)][1]
        hits["best"] += s[order(s)[0]][1]
        hits["borda"] += s[borda(s, POWER)][1]
    names = ("pass", "maj", "weighted", "weighted_raw", "best", "borda")
    return {"k": k, **{name: hits[name] / len(subsets) for name in names}}


def votes(rng):
    cases = []
    for name, n, keys in (("few_keys", 9, 3), ("many_keys", 8, 6), ("two_keys", 12, 2), ("one_answer", 1, 2), ("large", 17, 4)):
        rows = []
        for _ in range(n):
            key = int(rng.integers(0, keys + 1))
            score = None if rng.random() < 0.15 else float(np.float32(rng.integers(-2, 10) / 8))
            rows.append((None if key == keys else f"k{key}", key == 0, score))
        ks = [k for k in (1, 2, 3, 5, 8, n) if k <= n]
        out = {"name": name, "keys": [r[0] for r in rows], "correct": [r[1] for r in rows], "scores": [r[2] for r in rows]}
        out["at"] = [at_k(rows, k) for k in sorted(set(ks))]
        cases.append(out)
    return cases


def area(correct):
    """AURC of answers in this order."""
    wrong = np.cumsum([not c for c in correct])
    return float(np.mean(wrong / np.arange(1, len(correct) + 1)))


def areas(rng):
    cases = []
    for name, n, levels in (("no_ties", 8, 1000), ("ties", 7, 3), ("all_equal", 6, 1), ("single", 1, 5)):
        confidence = [float(c) / 8 for c in rng.integers(0, levels, n)]
        correct = [bool(b) for b in rng.random(n) < 0.6]
        # Every order that the confidences allow.
        orders = [p for p in itertools.permutations(range(n)) if all(confidence[a] >= confidence[b] for a, b in zip(p, p[1:]))]
        aurc = float(np.mean([area([correct[i] for i in p]) for p in orders]))
        oracle = area(sorted(correct, reverse=True))
        cases.append({"name": name, "confidence": confidence, "correct": correct, "aurc": aurc, "excess": aurc - oracle})
    return cases


def bounds():
    out = []
    for n, wrong in ((1, 0), (10, 0), (10, 3), (57, 0), (200, 11), (1000, 100), (5000, 4999), (20000, 3)):
        for level in (0.05, 0.0025):
            out.append({"answered": n, "wrong": wrong, "level": level, "bound": float(beta.ppf(1 - level, wrong + 1, n - wrong))})
    return out


def thresholds(rng):
    cases = []
    for name, n, precision in (("easy", 400, 0.8), ("hard", 300, 0.9), ("impossible", 200, 0.999)):
        confidence = [float(c) / 64 for c in rng.integers(0, 64, n)]
        correct = [bool(rng.random() < 0.5 + c / 2) for c in confidence]
        ranked = sorted(confidence, reverse=True)
        found = None
        for step in range(COVERAGES, 0, -1):
            m = n * step // COVERAGES
            above = ranked[m] if m < n else -math.inf
            kept = [y for c, y in zip(confidence, correct) if c > above]
            wrong = len(kept) - sum(kept)
            if kept and binom.cdf(wrong, len(kept), 1 - precision) <= 0.05 / COVERAGES:
                found = {"above": None if m == n else above, "answered": len(kept), "wrong": wrong}
                break
        cases.append({"name": name, "confidence": confidence, "correct": correct, "precision": precision, "delta": 0.05, "found": found})
    return cases


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    rng = np.random.default_rng(20)
    made = {"cases": votes(rng), "areas": areas(rng), "bounds": bounds(), "thresholds": thresholds(rng)}
    text = json.dumps(made, separators=(",", ":")).replace("},{", "},\n{") + "\n"
    path = HERE / "selection.json"
    if not check:
        path.write_text(text)
    elif path.read_text() != text:
        sys.exit("selection.json differs")


if __name__ == "__main__":
    main()
