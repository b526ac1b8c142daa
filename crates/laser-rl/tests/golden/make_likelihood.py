"""Golden values of likelihood-based rewards: the two-term loss on a tiny softmax model.

    python make_likelihood.py            # writes likelihood.json beside this script
    python make_likelihood.py --check    # recomputes it and compares; exit 1 where it differs

The rules of make.py hold: float64 by PyTorch, float32 inputs. The model is a table of logits, one row for each token before:
log π(b | a) = log_softmax(table[a])[b]. The loss is written down from its definition and differentiated by autograd with
respect to the table, through the thoughts and through the answer. README.md describes the fields.
"""

import numpy as np
import torch
from make import f32, leaf, run


def log_likelihood(table, before, tokens):
    path = [before] + tokens
    return torch.stack([torch.log_softmax(table[a], 0)[b] for a, b in zip(path, path[1:])])


def reward(kind, terms):
    if kind in ("log_prob", "jepo"):
        return terms.sum()
    if kind == "avg_log_prob":
        return terms.mean()
    if kind == "prob":
        return torch.exp(terms.sum())
    return torch.exp(terms).mean()


def likelihood():
    rng = np.random.default_rng(1207)
    cases = []
    for kind in ["log_prob", "avg_log_prob", "prob", "avg_prob", "jepo"]:
        vocabulary, size, weight = 6, 4, 0.5
        table = leaf(f32(rng.normal(0, 1, (vocabulary, vocabulary))))
        thoughts = [[int(t) for t in rng.integers(0, vocabulary, rng.integers(1, 6))] for _ in range(size)]
        answer = [int(t) for t in rng.integers(0, vocabulary, 3)]
        policy = [log_likelihood(table, 0, z).sum() for z in thoughts]
        gold = [log_likelihood(table, z[-1], answer) for z in thoughts]
        rewards = torch.stack([reward(kind, g) for g in gold])
        if kind == "jepo":
            p = torch.exp(rewards)
            rest = torch.stack([torch.cat([p[:i], p[i + 1 :]]).mean() for i in range(size)])
            advantages = torch.log(p.mean()) - torch.log(rest)
            second = torch.log(p.mean())
        else:
            advantages = torch.stack([r - (rewards.sum() - r) / (size - 1) for r in rewards])
            second = rewards.sum()
        first = (advantages.detach() * torch.stack(policy)).sum()
        loss = -(first + weight * second) / size
        loss.backward()
        cases.append(
            {
                "kind": kind,
                "weight": weight,
                "table": table.detach().tolist(),
                "thoughts": thoughts,
                "answer": answer,
                "rewards": (advantages if kind == "jepo" else rewards).tolist(),
                "advantages": advantages.tolist(),
                "second": (-weight * second / size).item(),
                "dtable": table.grad.tolist(),
            }
        )
    return {"cases": cases}


if __name__ == "__main__":
    run([likelihood], __doc__)
