"""Golden values of the self-rewarding methods: shapings of rewards and credits of tokens.

    python make_methods.py            # writes its *.json files beside this script
    python make_methods.py --check    # recomputes them and compares; exit 1 where they differ

The rules of make.py hold: float64 by PyTorch, float32 inputs. The values of prefixes are computed from their definition,
one comparison of slices per (response, prefix, sibling), and the policy loss on the credited advantages by autograd over a
padded batch. README.md describes the fields.
"""

import numpy as np
import torch
from make import f32, leaf, ragged, run, split


def group(rng, size, vocabulary, length):
    """Responses that share prefixes now and then; each ends with the stop token 0."""
    return [[int(t) for t in rng.integers(1, 1 + vocabulary, rng.integers(1, length))] + [0] for _ in range(size)]


def value(ids, rewards, i, t):
    same = [rewards[j] for j in range(len(ids)) if ids[j][:t] == ids[i][:t] and len(ids[j]) >= t]
    return torch.stack(same).mean()


def tempo(ids, rewards, by):
    r = torch.tensor(rewards, dtype=torch.float64)
    td = [torch.stack([value(ids, r, i, t + 1) - value(ids, r, i, t) for t in range(len(ids[i]))]) for i in range(len(ids))]
    std = r.std(unbiased=False) + 1e-6
    if by == "rewards":
        return [(r[i] - r.mean()) / std + td[i] / std for i in range(len(ids))]
    moved = torch.cat(td)
    moved = moved[moved != 0]
    return [(r[i] - r.mean()) / std + td[i] / (moved.std(unbiased=True) + 1e-6) for i in range(len(ids))]


def credit():
    rng = np.random.default_rng(913)
    cases = []
    for name, size, vocabulary, length, by in [
        ("bushy", 8, 2, 7, "rewards"),
        ("sparse", 8, 9, 12, "rewards"),
        ("pair", 2, 2, 5, "rewards"),
        ("by_differences", 8, 2, 9, "differences"),
    ]:
        ids = group(rng, size, vocabulary, length)
        rewards = f32(rng.choice([0.0, 1.0, 0.25], size))
        rewards[0], rewards[1] = 1.0, 0.0
        lengths = [len(row) for row in ids]
        old = ragged(rng, lengths, -2.0, -0.1)
        # Within the clip's bounds, so that the gradient is that of the plain product.
        new = [f32(np.asarray(row) + rng.uniform(-0.05, 0.05, len(row))) for row in old]
        advantages = tempo(ids, rewards, by)
        logp = leaf([x for row in new for x in row])
        flat_old = torch.tensor([x for row in old for x in row], dtype=torch.float64)
        loss = -(torch.exp(logp - flat_old) * torch.cat(advantages)).sum() / sum(lengths)
        loss.backward()
        cases.append(
            {
                "name": name,
                "by": by,
                "ids": ids,
                "rewards": rewards,
                "advantages": [a.tolist() for a in advantages],
                "negative_only": [torch.clamp(a, max=0).tolist() for a in advantages],
                "logp": new,
                "old_logp": old,
                "loss": loss.item(),
                "dlogp": split(logp.grad, lengths),
            }
        )
    return {"cases": cases}


def shaping():
    rng = np.random.default_rng(914)
    cases = []
    for name, problems, size, share, alpha, tau in [
        ("paper", 10, 8, 0.2, 0.6, 0.1),
        ("all", 5, 6, 1.0, 0.2, 0.0),
        ("none", 4, 4, 0.0, 0.9, 1.0),
    ]:
        correct = torch.tensor(rng.random((problems, size)) < rng.random((problems, 1)))
        lengths = torch.tensor(rng.integers(5, 60, (problems, size)), dtype=torch.float64)
        scores = torch.tensor(f32(rng.normal(0.5, 0.4, (problems, size))), dtype=torch.float64)
        rewards = correct.double()
        rank = torch.argsort(rewards.mean(1), descending=True, stable=True)
        shaped = rewards.clone()
        for p in rank[: int(np.ceil(share * problems))]:
            right = lengths[p][correct[p]]
            if len(right) == 0:
                continue
            std = right.std(unbiased=False)
            z = (right - right.mean()) / std if std > 0 else torch.zeros_like(right)
            shaped[p, correct[p]] = 1 - alpha * torch.sigmoid(z)
        gap = scores[:, :, None] - scores[:, None, :]
        wins = torch.sigmoid(gap / tau) if tau > 0 else 0.5 * (torch.sign(gap) + 1)
        wins = wins * (1 - torch.eye(size, dtype=torch.float64))
        tokens = [[int(n) for n in row] for row in lengths]
        policy, blank, reference = ([f32(rng.uniform(-3.0, -0.01, n)) for n in tokens[0]] for _ in range(3))
        perplexity = lambda row: torch.exp(-torch.tensor(row, dtype=torch.float64).mean())
        sar = [float(torch.clamp((perplexity(b) - perplexity(p)) / perplexity(b), min=-1.0)) for p, b in zip(policy, blank)]
        cases.append(
            {
                "name": name,
                "policy": policy,
                "blank": blank,
                "reference": reference,
                "self_aligned": sar,
                "endogenous": [float(torch.tensor(row, dtype=torch.float64).sum()) for row in reference],
                "share": share,
                "alpha": alpha,
                "temperature": tau,
                "correct": correct.tolist(),
                "lengths": lengths.long().tolist(),
                "scores": scores.tolist(),
                "grpo_lambda": shaped.tolist(),
                "win_rate": (wins.sum(2) / (size - 1)).tolist(),
            }
        )
    return {"cases": cases}


if __name__ == "__main__":
    run([credit, shaping], __doc__)
