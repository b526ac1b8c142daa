"""Golden values of the algorithms beside GRPO: batch advantages, critic, policy losses, KL, weights, means, entropy.

    python make_algorithms.py            # writes its *.json files beside this script
    python make_algorithms.py --check    # recomputes them and compares; exit 1 where they differ

The rules of make.py hold: float64, gradients by PyTorch's autograd, float32 inputs away from kinks. Batches are padded
matrices with masks here, whereas laser-rl walks over single responses. README.md describes the fields.
"""

import math

import numpy as np
import torch
from make import MARGIN, f32, leaf, ragged, run

PAD = -1e3  # a number that shows if a mask forgets it


def padded(rows, fill=PAD):
    width = max(map(len, rows))
    return torch.tensor([row + [fill] * (width - len(row)) for row in rows], dtype=torch.float64)


def mask_of(rows):
    width = max(map(len, rows))
    return torch.tensor([[1.0] * len(row) + [0.0] * (width - len(row)) for row in rows], dtype=torch.float64)


def unpadded(matrix, rows):
    return [line[: len(row)].tolist() for line, row in zip(matrix, rows)]


def masked_whiten(x, mask):
    """Mean and unbiased variance over the mask, 1e-8 under the root."""
    kept = x[mask.bool()]
    return (x - kept.mean()) / torch.sqrt(kept.var(unbiased=True) + 1e-8) * mask


# --- advantages over a batch ---------------------------------------------------------------------------------------


def batch_advantages():
    rng = np.random.default_rng(11)
    cases = []
    for name, sizes, draw in (
        ("binary", (4, 8, 2, 1), lambda n: rng.integers(0, 2, n)),
        ("real", (3, 5, 4), lambda n: rng.normal(0.2, 1.3, n)),
        ("far_from_zero", (6, 2, 3, 3), lambda n: 50 + 0.1 * rng.normal(size=n)),
    ):
        groups = [f32(draw(n)) for n in sizes]
        lengths = [[int(v) for v in rng.integers(1, 9, n)] for n in sizes]
        out = {"name": name, "rewards": groups, "lengths": lengths}
        for key, baseline in (("reinforce_plus_plus", 0.0), ("reinforce_plus_plus_baseline", 1.0)):
            raw = [r - baseline * sum(g) / len(g) for g in groups for r in g]
            for suffix, counts in (("", [n for g in lengths for n in g]), ("_per_response", [1] * len(raw))):
                tokens = [[r] * n for r, n in zip(raw, counts)]
                white = masked_whiten(padded(tokens), mask_of(tokens))[:, 0].tolist()
                parts = iter(white)
                out[key + suffix] = [[next(parts) for _ in g] for g in groups]
        cases.append(out)
    return {"cases": cases}


# --- critic ----------------------------------------------------------------------------------------------------------


def gae_by_definition(rewards, values, gamma, lam, bootstrap):
    following = values[1:] + [bootstrap]
    delta = [r + gamma * n - v for r, n, v in zip(rewards, following, values)]
    return [sum((gamma * lam) ** (k - t) * delta[k] for k in range(t, len(delta))) for t in range(len(delta))]


def critic():
    rng = np.random.default_rng(12)
    cases = []
    for name, lengths, gamma, lam, clip in (
        ("usual", [6, 1, 9, 4], 1.0, 0.95, 0.2),
        ("discounted", [3, 7, 2], 0.9, 0.8, 0.25),
        ("rewards_alone", [5, 8], 1.0, 1.0, None),
        ("critic_alone", [4, 6, 1], 0.99, 0.0, 0.1),
    ):
        gamma, lam = f32(gamma), f32(lam)
        rewards = ragged(rng, lengths, -0.2, 0.3)
        old = ragged(rng, lengths, -1.0, 1.0)
        bootstrap = [f32(rng.normal()) if i % 2 else 0.0 for i in range(len(lengths))]
        advantages = [gae_by_definition(r, v, gamma, lam, b) for r, v, b in zip(rewards, old, bootstrap)]
        returns = [[a + v for a, v in zip(*rows)] for rows in zip(advantages, old)]
        targets = [f32(row) for row in returns]
        given = [f32(row) for row in advantages]
        mask = [[bool(b) for b in rng.random(n) < 0.7] for n in lengths]
        white = masked_whiten(padded(given), mask_of(given))
        masked = masked_whiten(padded(given), padded([[float(b) for b in row] for row in mask], 0.0))

        # Near the clip's edge, or where the two squares are equal, f32 and f64 could take different branches.
        clip = None if clip is None else f32(clip)
        values = []
        for row, goals in zip(old, targets):
            new = []
            for v, goal in zip(row, goals):
                x = f32(v + rng.normal(0, 0.5))
                edge = None if clip is None else v + max(-clip, min(clip, x - v))
                while clip is not None and (
                    abs(abs(x - v) - clip) < MARGIN or (edge != x and abs((edge - goal) ** 2 - (x - goal) ** 2) < MARGIN)
                ):
                    x = f32(x + 4 * MARGIN)
                    edge = v + max(-clip, min(clip, x - v))
                new.append(x)
            values.append(new)
        x = padded(values).requires_grad_()
        o, target, m = padded(old), padded(targets), mask_of(values)
        plain = (x - target) ** 2
        near = plain if clip is None else (o + torch.clamp(x - o, -clip, clip) - target) ** 2
        # torch.max halves the gradient on a tie, where both squares are the same function anyway.
        loss = 0.5 * (torch.max(plain, near) * m).sum() / m.sum()
        loss.backward()
        clipped = int(((near > plain) & m.bool()).sum())
        assert clip is None or clipped, name
        flat = [torch.tensor([v for row in rows for v in row], dtype=torch.float64) for rows in (values, targets)]
        cases.append(
            {
                "name": name,
                "gamma": gamma,
                "lambda": lam,
                "clip": clip,
                "rewards": rewards,
                "old_values": old,
                "bootstrap": bootstrap,
                "advantages": advantages,
                "returns": returns,
                "given": given,
                "mask": mask,
                "whitened": unpadded(white, given),
                "whitened_within_mask": unpadded(masked, given),
                "targets": targets,
                "values": values,
                "loss": loss.item(),
                "dvalues": unpadded(x.grad, values),
                "clipped": clipped,
                "explained_variance": (1 - (flat[1] - flat[0]).var() / flat[1].var()).item(),
            }
        )
    return {"cases": cases}


# --- policy losses -------------------------------------------------------------------------------------------------

LOSSES = [
    {"ppo_clip": {"clip_low": 0.25, "clip_high": 0.375, "dual_clip": 2.0}},
    {"ppo_clip": {"clip_low": 0.25, "clip_high": 0.25, "dual_clip": None}},
    {"gspo": {"clip_low": 0.0625, "clip_high": 0.09375}},
    {"gspo_token": {"clip_low": 0.0625, "clip_high": 0.09375}},
    {"cispo": {"clip_low": None, "clip_high": 0.25}},
    {"cispo": {"clip_low": 0.5, "clip_high": 0.25}},
    "reinforce",
]
TOKEN_KINKS = [0.5, 0.75, 1.25, 1.375, 2.0]
SEQUENCE_KINKS = [0.9375, 1.09375]


def surrogate(loss, logp, old, a, mask):
    """Per-token loss and whether a token is clipped, on padded matrices."""
    name = loss if isinstance(loss, str) else next(iter(loss))
    cfg = {} if isinstance(loss, str) else loss[name]
    log_ratio = torch.where(mask.bool(), logp - old, torch.zeros_like(logp))
    if name == "reinforce":
        return -a * logp, torch.zeros_like(mask).bool()
    if name == "cispo":
        ratio = log_ratio.exp()
        low = 0.0 if cfg["clip_low"] is None else 1 - cfg["clip_low"]
        bounded = ratio.clamp(low, 1 + cfg["clip_high"]).detach()
        return -bounded * a * logp, bounded != ratio
    if name == "ppo_clip":
        ratio = log_ratio.exp()
    else:
        mean = log_ratio.sum(-1, keepdim=True) / mask.sum(-1, keepdim=True)
        ratio = mean.exp().expand_as(logp)
        if name == "gspo_token":
            ratio = ratio.detach() * (logp - logp.detach()).exp()
    plain = -a * ratio
    bounded = -a * ratio.clamp(1 - cfg["clip_low"], 1 + cfg["clip_high"])
    value, clipped = torch.maximum(plain, bounded), bounded > plain
    if cfg.get("dual_clip") is not None:
        clipped = clipped | ((a < 0) & (ratio > cfg["dual_clip"]))
        value = torch.where(a < 0, torch.minimum(value, -a * cfg["dual_clip"]), value)
    return value, clipped


def off_policy_rows(rng, lengths, spread, shift):
    """Old and new log-probs, away from every kink of a token's and of a sequence's ratio."""
    old = ragged(rng, lengths, -4.0, -1.5)
    new = []
    for i, row in enumerate(old):
        while True:
            move = rng.normal(0, spread, len(row)) + (shift if i % 2 else -shift) * rng.random()
            candidate = f32([o + d for o, d in zip(row, move)])
            d = [n - o for n, o in zip(candidate, row)]
            mean = math.exp(sum(d) / len(d))
            if all(abs(math.exp(x) - k) > MARGIN for x in d for k in TOKEN_KINKS) and all(
                abs(mean - k) > MARGIN for k in SEQUENCE_KINKS
            ):
                break
        new.append(candidate)
    return old, new


def policy_losses():
    rng = np.random.default_rng(13)
    cases = []
    seen = {}
    for name, lengths, spread, shift in (
        ("usual", [5, 1, 8, 3, 4], 0.3, 0.3),
        ("far", [2, 7, 4, 6], 0.9, 0.4),
        ("near", [6, 3, 1, 5], 0.02, 0.15),
    ):
        old, new = off_policy_rows(rng, lengths, spread, shift)
        outcome = f32([(-1) ** (i // 2) * (0.3 + rng.random()) for i in range(len(lengths))])
        per_token = ragged(rng, lengths, -1.5, 1.5)
        weight = ragged(rng, lengths, 0.0, 2.0)
        weight[0][0] = 0.0
        mask = mask_of(new)
        old_t = padded(old)
        results = []
        for loss in LOSSES:
            for with_tokens in (False, True):
                rows = per_token if with_tokens else [[a] * n for a, n in zip(outcome, lengths)]
                x = padded(new).requires_grad_()
                value, clipped = surrogate(loss, x, old_t, padded(rows), mask)
                w = padded(weight) if with_tokens else torch.ones_like(mask)
                total = (value * w * mask).sum() / mask.sum()
                total.backward()
                count = int((clipped & mask.bool()).sum())
                seen[str(loss)] = seen.get(str(loss), 0) + count
                results.append(
                    {
                        "loss": loss,
                        "per_token": with_tokens,
                        "value": total.item(),
                        "clipped": count,
                        "dlogp": unpadded(x.grad, new),
                    }
                )
        inputs = {"logp": new, "old_logp": old, "outcome": outcome, "per_token": per_token, "weight": weight}
        cases.append({"name": name} | inputs | {"results": results})
    assert all(seen[str(loss)] for loss in LOSSES if loss != "reinforce"), seen
    return {"cases": cases}


# --- KL: straight-through gradients, and in the reward ------------------------------------------------------------------


def kl_forms():
    rng = np.random.default_rng(14)
    cases = []
    for name, lengths, spread, coefficient in (("usual", [4, 1, 6], 0.3, 0.05), ("far", [5, 3], 2.0, 0.001), ("near", [7, 2], 1e-3, 1.0)):
        logp = ragged(rng, lengths, -6.0, -0.5)
        ref = [f32([v + d for v, d in zip(row, rng.normal(0, spread, len(row)))]) for row in logp]
        out = {"name": name, "logp": logp, "ref_logp": ref, "coefficient": coefficient}
        for kind, of in (("k1_plus", lambda d: d), ("k3_plus", lambda d: torch.expm1(-d) + d)):
            x = padded(logp).requires_grad_()
            d = torch.where(mask_of(logp).bool(), x - padded(ref), torch.zeros_like(x))
            square = 0.5 * d**2
            value = of(d).detach() + square - square.detach()
            value.sum().backward()
            rewards = -coefficient * value.detach()
            out[kind] = {"value": value.sum().item(), "dlogp": unpadded(x.grad, logp), "rewards": unpadded(rewards, logp)}
        cases.append(out)
    return {"cases": cases}


# --- importance weights ----------------------------------------------------------------------------------------------


def importance_weights():
    rng = np.random.default_rng(15)
    bounds = [{"truncate": {"max": 1.5}}, {"mask": {"low": 0.5, "high": 2.0}}, {"reject": {"low": 0.75, "high": 1.25}}]
    kinks = [1.5, 0.5, 2.0, 0.75, 1.25]
    cases = []
    for name, lengths, spread in (("usual", [6, 1, 9, 4], 0.5), ("near", [8, 3, 5], 0.05), ("long", [40, 12], 0.25)):
        sampler = ragged(rng, lengths, -5.0, -1.0)
        trainer = []
        for row in sampler:
            while True:
                new = f32([v + d for v, d in zip(row, rng.normal(0, spread, len(row)))])
                d = [n - o for n, o in zip(new, row)]
                if all(abs(math.exp(r) - k) > MARGIN for r in [*d, sum(d), sum(d) / len(d)] for k in kinks):
                    break
            trainer.append(new)
        mask = mask_of(sampler)
        log_ratio = (padded(trainer) - padded(sampler)) * mask
        ratios = {
            "token": log_ratio.exp(),
            "product": log_ratio.exp().prod(-1, keepdim=True).expand_as(mask),
            "geometric_mean": (log_ratio.sum(-1, keepdim=True) / mask.sum(-1, keepdim=True)).exp().expand_as(mask),
        }
        results = []
        for level, r in ratios.items():
            for bound in bounds:
                (kind, cfg), = bound.items()
                if kind == "truncate":
                    weight, touched = r.clamp(max=cfg["max"]), r > cfg["max"]
                else:
                    inside = (r >= cfg["low"]) & (r <= cfg["high"])
                    weight, touched = (r if kind == "mask" else torch.ones_like(r)) * inside, ~inside
                kept = weight[mask.bool()]
                results.append(
                    {
                        "rule": {"level": level, "bound": bound},
                        "weights": unpadded(weight, sampler),
                        "bounded": int(touched[mask.bool()].sum()),
                        "mean": kept.mean().item(),
                        "max": kept.max().item(),
                        "min": kept.min().item(),
                        "effective_sample_size": (kept.sum() ** 2 / (kept**2).sum()).item() if kept.any() else 0.0,
                    }
                )
        flat = log_ratio[mask.bool()].abs()
        cases.append(
            {
                "name": name,
                "trainer": trainer,
                "sampler": sampler,
                "mismatch": flat.mean().item(),
                "mismatch_max": flat.max().item(),
                "results": results,
            }
        )
    return {"cases": cases}


# --- aggregation -----------------------------------------------------------------------------------------------------


def aggregation():
    rng = np.random.default_rng(16)
    cases = []
    for name, lengths in (("usual", [5, 1, 8, 3]), ("with_empty", [4, 0, 7, 0, 2]), ("one", [6]), ("equal", [3, 3, 3])):
        width = max(lengths)
        mask = torch.tensor([[1.0] * n + [0.0] * (width - n) for n in lengths], dtype=torch.float64)
        constant = int(rng.integers(10, 100))
        out = {"name": name, "lengths": lengths, "constant": constant, "scales": []}
        for mode in ("token_mean", "sequence_mean_token_mean", "sequence_mean_token_sum", {"constant": {"tokens": constant}}):
            x = leaf(rng.normal(size=mask.shape).tolist())
            sums, counts = (x * mask).sum(-1), mask.sum(-1)
            if mode == "token_mean":
                loss = x[mask.bool()].mean()
            elif mode == "sequence_mean_token_mean":
                loss = (sums[counts > 0] / counts[counts > 0]).mean()
            elif mode == "sequence_mean_token_sum":
                loss = sums[counts > 0].mean()
            else:
                loss = (sums / constant).mean()
            loss.backward()
            # The derivative by a token's loss is the scale of its sequence.
            out["scales"].append({"mode": mode, "values": x.grad.max(-1).values.tolist()})
        cases.append(out)
    return {"cases": cases}


# --- entropy -----------------------------------------------------------------------------------------------------------


def entropy():
    rng = np.random.default_rng(17)
    cases = []
    for name, rows in (
        ("usual", [rng.normal(0, 2, n) for n in (7, 3, 12)]),
        ("sharp", [rng.normal(0, 30, n) for n in (5, 9)]),
        ("flat", [np.full(4, 2.5), 1e-3 * rng.normal(size=6), np.array([3.0])]),
        ("large_logits", [1e4 + rng.normal(0, 1, 5)]),
    ):
        rows = [f32(row) for row in rows]
        results = []
        for row in rows:
            x = leaf(row)
            h = torch.distributions.Categorical(logits=x).entropy()
            h.backward()
            results.append({"entropy": h.item(), "gradient": x.grad.tolist()})
        cases.append({"name": name, "logits": rows, "results": results})
    return {"cases": cases}


# --------------------------------------------------------------------------------------------------------------------

TOPICS = [batch_advantages, critic, policy_losses, kl_forms, importance_weights, aggregation, entropy]

if __name__ == "__main__":
    run(TOPICS, __doc__)
