"""Golden values of SCoRe's two stages: rewards of two attempts, their advantages, and the loss with its gradient.

    python make_self_correction.py            # writes self_correction.json beside this script
    python make_self_correction.py --check    # recomputes and compares; exit 1 where they differ

The rules of make.py hold. The objective is written down as in the paper, turn by turn, and differentiated by autograd.
"""

import numpy as np
import torch
from make import f32, leaf, run, split


def grpo(r):
    return (r - r.mean()) / (r.std() + 1e-6)


def self_correction():
    rng = np.random.default_rng(922)
    cases = []
    for name, stage, alpha, beta_1, beta_2 in [
        ("stage_one", 1, 10.0, 0.01, 0.1),
        ("stage_one_without_kl", 1, 10.0, 0.0, 0.0),
        ("stage_two", 2, 10.0, 0.01, 0.1),
        ("two_turns_alone", 2, 0.0, 0.01, 0.1),
    ]:
        size = 6
        r1, r2 = (torch.tensor(rng.integers(0, 2, size), dtype=torch.float64) for _ in range(2))
        r1[:4], r2[:4] = torch.tensor([0.0, 0, 1, 1]), torch.tensor([0.0, 1, 0, 1])
        shaped = r2 if stage == 1 else r2 + alpha * (r2 - r1)
        lengths = [[int(n) for n in rng.integers(2, 6, size)] for _ in range(2)]
        flat = lengths[0] + lengths[1]
        old = f32(rng.uniform(-2.0, -0.1, sum(flat)))
        # Within the clip's bounds, so that the surrogate is the plain product.
        logp = leaf(f32(np.asarray(old) + rng.uniform(-0.05, 0.05, sum(flat))))
        reference = f32(np.asarray(old) + rng.uniform(-0.4, 0.4, sum(flat)))
        ratio = torch.exp(logp - torch.tensor(old, dtype=torch.float64))
        gap = torch.tensor(reference, dtype=torch.float64) - logp
        k3 = torch.exp(gap) - gap - 1
        ends = np.cumsum(flat).tolist()
        spans = [slice(end - n, end) for n, end in zip(flat, ends)]
        first, second = spans[:size], spans[size:]
        gain = sum(a * ratio[s].sum() for a, s in zip(grpo(shaped), second)) - beta_1 * sum(k3[s].sum() for s in second)
        if stage == 1:
            gain = gain - beta_2 * sum(k3[s].sum() for s in first)
        else:
            gain = gain + sum(a * ratio[s].sum() for a, s in zip(grpo(r1), first)) - beta_1 * sum(k3[s].sum() for s in first)
        loss = -gain / sum(flat)
        loss.backward()
        cases.append(
            {
                "name": name,
                "stage": stage,
                "alpha": alpha,
                "beta_1": beta_1,
                "beta_2": beta_2,
                "first": r1.tolist(),
                "second": r2.tolist(),
                "shaped": shaped.tolist(),
                "advantages": [grpo(r1).tolist(), grpo(shaped).tolist()],
                "logp": split(logp.detach(), flat),
                "old_logp": split(torch.tensor(old), flat),
                "reference": split(torch.tensor(reference), flat),
                "loss": loss.item(),
                "dlogp": split(logp.grad, flat),
            }
        )
    return {"cases": cases}


if __name__ == "__main__":
    run([self_correction], __doc__)
