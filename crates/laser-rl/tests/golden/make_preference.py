"""Golden values of learning from pairs and of a guide's token rewards.

    python make_preference.py            # writes its *.json files beside this script
    python make_preference.py --check    # recomputes them and compares; exit 1 where they differ

The rules of make.py hold: float64 by PyTorch, float32 inputs, gradients by autograd, rank correlations by SciPy.
README.md describes the fields.
"""

import numpy as np
import torch
import torch.nn.functional as F
from make import f32, leaf, ragged, run
from scipy.stats import kendalltau


def tensor(rows):
    return torch.tensor(rows, dtype=torch.float64)


def loss_of(pair, beta, alpha, c):
    """The loss of a batch of pairs: their mean. The guide's reward is a constant, and enters as the method defines it."""
    new = {side: leaf(pair[side]["logp"]) for side in ("chosen", "rejected")}
    sums = {}
    for side, sign in (("chosen", 1.0), ("rejected", -1.0)):
        reference = tensor(pair[side]["reference"])
        guided = beta * (tensor(pair[side]["guide"]) - reference)
        sums[side] = (beta * (1 + sign * alpha * guided) * (new[side] - reference)).sum()
    margin = sums["chosen"] - sums["rejected"]
    loss = -c * F.logsigmoid(margin) - (1 - c) * F.logsigmoid(-margin)
    loss.backward()
    return {
        "beta": beta,
        "alpha": alpha,
        "consistency": c,
        "margin": margin.item(),
        "loss": loss.item(),
        "dchosen": new["chosen"].grad.tolist(),
        "drejected": new["rejected"].grad.tolist(),
    }


def preference():
    rng = np.random.default_rng(1306)
    cases = []
    for name, lengths, spread in [("near", (6, 4), 0.1), ("far", (3, 8), 2.0), ("single", (1, 1), 1.0), ("long", (20, 17), 0.5)]:
        pair = {}
        for side, n in zip(("chosen", "rejected"), lengths):
            reference = ragged(rng, [n], -3.0, -0.1)[0]
            pair[side] = {
                "reference": reference,
                "logp": f32(np.asarray(reference) + rng.uniform(-spread, spread, n)),
                "guide": f32(np.asarray(reference) + rng.uniform(-spread, spread, n)),
            }
        pair["results"] = [
            loss_of(pair, beta, alpha, c)
            for beta, alpha, c in [
                (0.1, 0.0, 1.0),
                (0.5, 0.0, 0.75),
                (0.1, 0.0, 0.5),
                (1.0, 0.0, 0.0),
                (0.1, 0.5, 1.0),
                (0.5, 1.5, 0.75),
            ]
        ]
        cases.append({"name": name, **pair})
    return {"cases": cases}


def rankings():
    rng = np.random.default_rng(1307)
    cases = []
    for name, size, levels in [("continuous", 8, 0), ("ties", 8, 3), ("pair", 2, 0), ("constant", 5, 1), ("many", 20, 6)]:
        draw = lambda: f32(rng.normal(size=size)) if levels == 0 else f32(rng.integers(0, levels, size))
        now, before = draw(), draw()
        tau = kendalltau(now, before).statistic
        tau = None if np.isnan(tau) else float(tau)
        cases.append({"name": name, "now": now, "before": before, "tau": tau, "consistency": None if tau is None else (tau + 1) / 2})
    return {"cases": cases}


def token_rewards():
    rng = np.random.default_rng(1308)
    cases = []
    for name, beta, clip, kl, gamma, lam in [
        ("paper", 0.05, 0.05, 0.01, 1.0, 0.95),
        ("unclamped", 0.5, 0.0, 0.05, 0.99, 0.9),
        ("off", 0.0, 0.05, 0.01, 1.0, 1.0),
    ]:
        responses = []
        for n in (1, 5, 9):
            base, guide, old = (ragged(rng, [n], -3.0, -0.1)[0] for _ in range(3))
            values, outcome = f32(rng.normal(0.4, 0.3, n)), float(rng.integers(0, 2))
            dense = beta * (tensor(guide) - tensor(base))
            if clip > 0:
                dense = torch.clamp(dense, -clip, clip)
            rewards = dense - kl * (tensor(old) - tensor(base))
            rewards[-1] += outcome
            following = torch.cat([tensor(values)[1:], torch.zeros(1, dtype=torch.float64)])
            delta = rewards + gamma * following - tensor(values)
            advantages = torch.stack([sum((gamma * lam) ** k * delta[t + k] for k in range(n - t)) for t in range(n)])
            responses.append(
                {
                    "base": base,
                    "guide": guide,
                    "old": old,
                    "values": values,
                    "outcome": outcome,
                    "dense": dense.tolist(),
                    "rewards": rewards.tolist(),
                    "advantages": advantages.tolist(),
                    "returns": (advantages + tensor(values)).tolist(),
                }
            )
        cases.append({"name": name, "beta": beta, "clip": clip, "kl": kl, "gamma": gamma, "lambda": lam, "responses": responses})
    return {"cases": cases}


if __name__ == "__main__":
    run([preference, rankings, token_rewards], __doc__)
