"""Golden values for laser-rl, computed without any of its code.

    pip install -r requirements.txt
    python make.py            # writes the *.json files beside this script
    python make.py --check    # recomputes them and compares; exit 1 where they differ

Everything is computed in float64 by PyTorch (gradients by its autograd), scikit-learn and SciPy, on inputs that are
exactly representable in float32, so that an f32 program starts from the very same numbers. Inputs stay at least
`MARGIN` away from every kink (clip bounds, gates, bin edges), so that f32 and f64 take the same branch.
README.md describes the fields.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

MARGIN = 1e-3
HERE = Path(__file__).resolve().parent


def f32(x):
    """The nearest float32, as Python floats (float64 that print in full)."""
    return np.asarray(x, dtype=np.float32).astype(np.float64).tolist()


def ragged(rng, lengths, low, high):
    return [f32(rng.uniform(low, high, n)) for n in lengths]


def leaf(values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def split(flat, lengths):
    return [part.tolist() for part in torch.split(flat, lengths)]


def flatten(rows):
    return [x for row in rows for x in row]


# --- advantages ----------------------------------------------------------------------------------------------------


def grpo(r):
    std = r.std(unbiased=True) if len(r) > 1 else torch.zeros((), dtype=r.dtype)
    return (r - r.mean()) / (std + 1e-6)


def dr_grpo(r):
    return r - r.mean()


def rloo(r):
    if len(r) == 1:
        return torch.zeros_like(r)
    return torch.stack([r[i] - torch.cat([r[:i], r[i + 1 :]]).mean() for i in range(len(r))])


def advantages():
    rng = np.random.default_rng(1)
    batches = {
        "binary_rewards": [f32(rng.integers(0, 2, n)) for n in (8, 8, 4, 1, 2, 8)] + [[1.0] * 5, [0.0] * 3],
        "real_rewards": [f32(rng.normal(0.3, 1.5, n)) for n in (3, 7, 1, 2, 16)],
        # 0.1 and 0.7 have no short binary form: a mean summed in f32 misses them by an ulp, which 1e-6 magnifies.
        "constant_rewards": [f32([0.1] * 7), f32([0.7] * 3), f32([-2.5] * 4), f32([0.3]), f32([1e-3] * 11)],
        "small_and_large_spread": [f32(0.5 + 1e-3 * rng.normal(size=6)), f32(100 * rng.normal(size=5)), f32([0, 0, 0, 1])],
    }
    cases = []
    for name, groups in batches.items():
        out = {"name": name, "rewards": groups}
        for rule in (grpo, dr_grpo, rloo):
            out[rule.__name__] = [
                [0.0] * len(g) if len(set(g)) == 1 else rule(torch.tensor(g, dtype=torch.float64)).tolist() for g in groups
            ]
        cases.append(out)
    return {"epsilon": 1e-6, "cases": cases}


# --- PPO clip ------------------------------------------------------------------------------------------------------


def off_kinks(old, new, kinks):
    """Moves log-probs whose ratio exp(new - old) is near a kink; returns float32 values."""
    out = []
    for o, n in zip(old, new):
        while any(abs(math.exp(n - o) - k) < MARGIN for k in kinks):
            n = f32(n - 4 * MARGIN)
        out.append(n)
    return out


def ppo_clip_case(rng, name, lengths, adv, low, high, dual, spread):
    low, high, dual = f32(low), f32(high), None if dual is None else f32(dual)
    old = ragged(rng, lengths, -6.0, -0.01)
    kinks = [1 - low, 1 + high, 3.0]
    new = [
        off_kinks(o, [f32(min(x + d, -1e-4)) for x, d in zip(o, rng.normal(0, spread, len(o)))], kinks) if spread else list(o)
        for o in old
    ]
    logp = leaf(flatten(new))
    old_t = torch.tensor(flatten(old), dtype=torch.float64)
    a = torch.tensor(np.repeat(adv, lengths), dtype=torch.float64)
    ratio = torch.exp(logp - old_t)
    per_token = torch.maximum(-a * ratio, -a * torch.clamp(ratio, 1 - low, 1 + high))
    if dual is not None:
        per_token = torch.where(a < 0, torch.minimum(per_token, -a * dual), per_token)
    loss = per_token.sum() / len(logp)
    loss.backward()
    r = ratio.detach()
    branches = {
        "clipped_high": int(((a > 0) & (r > 1 + high)).sum()),
        "clipped_low": int(((a < 0) & (r < 1 - low)).sum()),
        "dual_clipped": 0 if dual is None else int(((a < 0) & (r > dual)).sum()),
        "outside_but_not_clipped": int((((a > 0) & (r < 1 - low)) | ((a < 0) & (r > 1 + high) & (r < 3.0))).sum()),
    }
    if spread:
        for branch, count in branches.items():
            assert count or (branch == "dual_clipped" and dual is None), f"{name}: no token is {branch}"
    return {
        "name": name,
        "clip_low": low,
        "clip_high": high,
        "dual_clip": dual,
        "logp": new,
        "old_logp": old,
        "advantages": adv,
        "loss": loss.item(),
        "dlogp": split(logp.grad, lengths),
        "tokens_by_branch": branches,
    }


def ppo_clip():
    rng = np.random.default_rng(2)
    cases = []
    for name, lengths, low, high, spread in (
        ("symmetric", [5, 1, 12, 3, 8, 20, 11, 2], 0.2, 0.2, 0.8),
        ("clip_higher", [17, 4, 9, 1, 25, 6, 13], 0.2, 0.28, 0.8),
        ("narrow", [3, 30, 8, 2, 19, 15], 0.05, 0.1, 0.9),
        ("on_policy", [4, 1, 7, 10], 0.2, 0.2, 0.0),
    ):
        adv = rng.normal(0, 1.2, len(lengths))
        adv[0] = -abs(adv[0]) - 0.25
        adv[1] = 0.0
        adv[2] = abs(adv[2]) + 0.25
        adv = f32(adv)
        seed = int(rng.integers(1 << 30))
        for dual in (None, 3.0):
            tag = "no_dual_clip" if dual is None else "dual_clip"
            case = ppo_clip_case(np.random.default_rng(seed), f"{name}_{tag}", lengths, adv, low, high, dual, spread)
            cases.append(case)
    return {"cases": cases}


# --- KL penalties --------------------------------------------------------------------------------------------------

KL = {
    "k1": lambda logp, ref: logp - ref,
    "k2": lambda logp, ref: 0.5 * (logp - ref) ** 2,
    "k3": lambda logp, ref: torch.expm1(ref - logp) - (ref - logp),
    "abs": lambda logp, ref: (logp - ref).abs(),
}


def kl():
    rng = np.random.default_rng(3)
    cases = []
    for name, lengths, spread in (
        ("usual", [6, 1, 14, 9], 0.3),
        ("far", [11, 3, 1, 8, 5], 2.5),
        ("near", [7, 12, 2], 1e-3),
        ("equal", [4, 1, 3], 0.0),
    ):
        logp = ragged(rng, lengths, -8.0, -0.01)
        ref = [f32([min(x + d, -1e-4) for x, d in zip(row, rng.normal(0, spread, len(row)))]) if spread else row for row in logp]
        out = {"name": name, "logp": logp, "ref_logp": ref}
        for kind, penalty in KL.items():
            x = leaf(flatten(logp))
            value = penalty(x, torch.tensor(flatten(ref), dtype=torch.float64))
            value.sum().backward()
            out[kind] = {"value": split(value.detach(), lengths), "dlogp": split(x.grad, lengths)}
        cases.append(out)
    return {"cases": cases}


# --- LaSeR: the regression of the self-reward on the label -----------------------------------------------------------


def laser_mse_case(name, labels, finished, zc, beta_v, c_ref, alpha, balanced):
    beta_v, c_ref, alpha, zc = f32(beta_v), f32(c_ref), f32(alpha), f32(zc)
    r = torch.tensor(labels, dtype=torch.float64)
    done = torch.tensor(finished)
    x = leaf(zc)
    right, wrong = done & (r == 1), done & (r == 0)
    n, n_c, n_i = int(done.sum()), int(right.sum()), int(wrong.sum())
    w = torch.zeros_like(r)
    if balanced:
        w[right] = n / (2 * n_c) if n_c else 0.0
        w[wrong] = n / (2 * n_i) if n_i else 0.0
    else:
        w[done] = 1.0
    score = beta_v * (x - c_ref)
    loss = alpha / n * (w[done] * (score[done] - r[done]) ** 2).sum() if n else (0.0 * x).abs().sum()
    loss.backward()
    return {
        "name": name,
        "labels": labels,
        "finished": finished,
        "zc_logprob": zc,
        "beta_v": beta_v,
        "c_ref": c_ref,
        "alpha": alpha,
        "balanced": balanced,
        "weights": w.tolist(),
        "scores": score.detach().tolist(),
        "loss": loss.item(),
        "dzc_logprob": x.grad.tolist(),
    }


def laser_mse():
    rng = np.random.default_rng(4)

    def batch(n, p_right, p_finished, beta_v, c_ref):
        labels = [float(v) for v in rng.random(n) < p_right]
        finished = [bool(v) for v in rng.random(n) < p_finished]
        # The score scatters around the label, beyond [0, 1] too: nothing clamps it inside the loss.
        zc = [min(c_ref + (y + e) / beta_v, -1e-3) for y, e in zip(labels, rng.normal(0, 0.6, n))]
        return labels, finished, zc

    cases = []
    for name, n, p_right, p_finished, beta_v, c_ref, alpha in (
        ("mixed", 24, 0.5, 0.8, 0.1, -23.0, 0.1),
        ("mostly_wrong", 40, 0.15, 0.7, 0.1, -25.0, 0.1),
        ("mostly_right_other_constants", 17, 0.85, 0.9, 0.2, -28.5, 0.5),
        ("all_finished", 9, 0.6, 1.1, 0.1, -23.0, 1.0),
    ):
        labels, finished, zc = batch(n, p_right, p_finished, beta_v, c_ref)
        for balanced in (True, False):
            tag = "balanced" if balanced else "unbalanced"
            cases.append(laser_mse_case(f"{name}_{tag}", labels, finished, zc, beta_v, c_ref, alpha, balanced))
    for name, labels, finished in (
        ("only_right", [1.0] * 5, [True, True, False, True, True]),
        ("only_wrong", [0.0] * 4, [True, False, True, True]),
        ("right_ones_all_truncated", [1.0, 0.0, 1.0, 0.0, 0.0], [False, True, False, True, True]),
        ("none_finished", [1.0, 0.0, 0.0], [False] * 3),
    ):
        zc = rng.normal(-18, 4, len(labels))
        cases.append(laser_mse_case(name, labels, finished, zc, 0.1, -23.0, 0.1, True))
    return {"cases": cases}


# --- LaSeR: verifier advantages mixed with self-reward advantages ---------------------------------------------------


def mix_group(rng, scores, finished, rewards, tau, gate):
    scores = f32(scores)
    a_v = f32(grpo(torch.tensor(rewards, dtype=torch.float64)).tolist())
    done = torch.tensor(finished)
    s = torch.tensor(scores, dtype=torch.float64).clamp(0, 1)
    out = torch.tensor(a_v, dtype=torch.float64)
    std = s[done].std(unbiased=True) if done.sum() > 1 else torch.zeros((), dtype=s.dtype)
    assert abs(std - gate) > MARGIN or std == gate == 0, "std too near to the gate"
    mixed = bool(std > gate)
    if mixed:
        a_s = (s - s[done].mean()) / std
        out = torch.where(done, (1 - tau) * out + tau * a_s, out)
    return {
        "scores": scores,
        "finished": finished,
        "verifier_advantages": a_v,
        "score_std": std.item(),
        "mixed": mixed,
        "advantages": out.tolist(),
    }


def mixed_advantages():
    rng = np.random.default_rng(5)

    def bits(n, p):
        return [bool(b) for b in rng.random(n) < p]

    def random_group(n, spread, p_finished=0.8):
        rewards = [float(b) for b in bits(n, 0.5)]
        scores = [y * 0.6 + 0.2 + e for y, e in zip(rewards, rng.normal(0, spread, n))]
        return scores, bits(n, p_finished), rewards

    cases = []
    for name, tau, gate, groups in (
        ("usual", 0.1, 0.1, [random_group(8, 0.4) for _ in range(4)]),
        ("strong_mix", 0.5, 0.1, [random_group(n, 0.5) for n in (4, 16, 6)]),
        ("scores_alone", 1.0, 0.05, [random_group(n, 0.3) for n in (5, 8, 12)]),
        ("no_mix", 0.0, 0.1, [random_group(8, 0.4) for _ in range(2)]),
        (
            "gates_and_truncation",
            0.1,
            0.1,
            [
                ([0.52, 0.5, 0.49, 0.55], [True] * 4, [1.0, 0.0, 0.0, 1.0]),  # spread below the gate
                ([1.7, 2.5, 1.2, 9.0], [True] * 4, [1.0, 0.0, 1.0, 1.0]),  # equal once clamped
                ([0.9, 0.1, 0.8, 0.2], [True, False, False, False], [1.0, 0.0, 1.0, 0.0]),  # one finished
                ([0.9, 0.1, 0.8], [False] * 3, [1.0, 0.0, 0.0]),  # none finished
                ([0.6], [True], [1.0]),  # a group of one
                ([0.5, 0.5, 0.9, 0.45], [True, True, False, True], [1.0, 0.0, 1.0, 0.0]),  # only a truncated one differs
                ([-3.0, 0.2, 0.7, 4.0, 0.4], [True, True, False, True, True], [0.0, 0.0, 1.0, 1.0, 1.0]),
                ([0.1, 0.9, 0.8, 0.3], [True] * 4, [1.0] * 4),  # all right: only the scores speak
                ([0.1, 0.9, 0.8, 0.3], [True] * 4, [0.0] * 4),  # all wrong: likewise
            ],
        ),
        ("gate_of_zero", 0.1, 0.0, [([1.5, 1.0, 3.0], [True] * 3, [1.0, 0.0, 1.0]), ([0.25, 0.5, 0.75], [True] * 3, [1.0, 0.0, 1.0])]),
    ):
        tau, gate = f32(tau), f32(gate)
        cases.append({"name": name, "tau": tau, "std_threshold": gate, "groups": [mix_group(rng, *g, tau, gate) for g in groups]})
    return {"cases": cases}


# --- metrics -------------------------------------------------------------------------------------------------------


def auroc(scores, labels):
    pos = [s for s, y in zip(scores, labels) if y]
    neg = [s for s, y in zip(scores, labels) if not y]
    if not pos or not neg:
        return None
    pairs = sum((p > n) + 0.5 * (p == n) for p in pos for n in neg) / (len(pos) * len(neg))
    value = float(roc_auc_score(labels, scores))
    assert abs(value - pairs) < 1e-12
    return value


def ece(scores, labels, bins=15):
    p = np.clip(scores, 0, 1)
    inner = np.arange(1, bins) / bins
    assert np.abs(p[:, None] - inner[None, :]).min() > MARGIN / 10, "a score lies on a bin edge"
    which = np.digitize(p, inner)
    y = np.asarray(labels, dtype=np.float64)
    return float(sum((which == b).mean() * abs(p[which == b].mean() - y[which == b].mean()) for b in range(bins) if (which == b).any()))


def self_verification(scores, labels, threshold=0.5):
    """TPR, TNR and their harmonic mean; a class that is absent has no rate."""
    judged = [s > threshold for s in scores]
    right = [j for j, y in zip(judged, labels) if y]
    wrong = [not j for j, y in zip(judged, labels) if not y]
    tpr = sum(right) / len(right) if right else None
    tnr = sum(wrong) / len(wrong) if wrong else None
    f1 = None if tpr is None or tnr is None else 0.0 if tpr + tnr == 0 else 2 * tpr * tnr / (tpr + tnr)
    return tpr, tnr, f1


def spearman(a, b):
    if len(set(a)) < 2 or len(set(b)) < 2:
        return None
    return float(spearmanr(a, b).statistic)


def pass_at_k(n, c, k):
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def metrics():
    rng = np.random.default_rng(6)

    def off_edges(scores):
        edges = np.append(np.arange(1, 15) / 15, 0.5)
        return [s + 5e-3 if np.abs(s - edges).min() < MARGIN else s for s in scores]

    def random_case(n, p, spread, digits=None):
        labels = [bool(b) for b in rng.random(n) < p]
        scores = [0.2 + 0.5 * y + e for y, e in zip(labels, rng.normal(0, spread, n))]
        scores = np.round(scores, digits).tolist() if digits else scores
        lengths = [int(v) for v in np.round(40 - 20 * np.array(scores) + rng.normal(0, 12, n)).clip(1)]
        return f32(off_edges(scores)), labels, lengths

    batches = {
        "continuous": random_case(120, 0.5, 0.3),
        "many_ties": random_case(90, 0.35, 0.3, 1),
        "small_mostly_right": random_case(11, 0.8, 0.4, 2),
        "overlapping": random_case(60, 0.5, 1.2),
        "perfect": ([0.9, 1.0, 0.75, 0.1, 0.0], [True, True, True, False, False], [3, 9, 4, 12, 12]),
        "inverted": ([0.9, 1.0, 0.75, 0.1, 0.0], [False, False, False, True, True], [30, 9, 4, 2, 2]),
        "threshold_is_strict": ([0.5, 0.75, 0.5, 0.25], [True, True, False, False], [5, 5, 6, 2]),
        "constant_scores": ([0.25] * 6, [True, False, False, True, False, True], [4, 8, 1, 9, 9, 2]),
        "only_right": ([0.9, 0.25, 1.75], [True] * 3, [7, 7, 7]),
        "only_wrong": ([0.9, 0.25, -0.75], [False] * 3, [2, 1, 3]),
    }
    cases = []
    for name, (scores, labels, lengths) in batches.items():
        scores = f32(scores)
        tpr, tnr, f1 = self_verification(scores, labels)
        cases.append(
            {
                "name": name,
                "scores": scores,
                "labels": labels,
                "lengths": lengths,
                "auroc": auroc(scores, labels),
                "ece": ece(scores, labels),
                "spearman_length": spearman(scores, lengths),
                "tpr": tpr,
                "tnr": tnr,
                "f1": f1,
            }
        )
    problems = []
    for n, count in ((8, 6), (32, 8), (200, 5), (1, 2)):
        correct = sorted({0, n} | {int(v) for v in rng.integers(0, n + 1, count)})
        for k in sorted({1, 2, 4, 8, n // 2, n} & set(range(1, n + 1))):
            problems.append({"n": n, "k": k, "correct": correct, "pass_at_k": [pass_at_k(n, c, k) for c in correct]})
    return {"bins": 15, "threshold": 0.5, "cases": cases, "pass_at_k": problems}


# --------------------------------------------------------------------------------------------------------------------

TOPICS = [advantages, ppo_clip, kl, laser_mse, mixed_advantages, metrics]


def text_of(topic):
    """One case per line: short in a diff, and no number loses a digit."""
    out = []
    for key, value in topic.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n".join("    " + json.dumps(row, allow_nan=False) for row in value)
            out.append(f"  {json.dumps(key)}: [\n{rows}\n  ]")
        else:
            out.append(f"  {json.dumps(key)}: {json.dumps(value, allow_nan=False)}")
    return "{\n" + ",\n".join(out) + "\n}\n"


def differ(a, b):
    """Whether two parsed JSON values differ by more than the last digits of a float64."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() != b.keys() or any(differ(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) != len(b) or any(differ(x, y) for x, y in zip(a, b))
    if isinstance(a, float) and isinstance(b, float):
        return not math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    return a != b


def run(topics, description):
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    check = parser.parse_args().check
    torch.set_num_threads(1)
    bad = []
    for make in topics:
        path = HERE / f"{make.__name__}.json"
        text = text_of(make())
        if not check:
            path.write_text(text)
        elif not path.exists() or differ(json.loads(text), json.loads(path.read_text())):
            bad.append(path.name)
    if bad:
        sys.exit(f"differ from what {Path(sys.argv[0]).name} computes: {', '.join(bad)}")


if __name__ == "__main__":
    run(TOPICS, __doc__)
