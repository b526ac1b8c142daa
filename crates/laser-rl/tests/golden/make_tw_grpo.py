"""Golden values of TW-GRPO: how much a group's distributions differ at each position, and the loss with these weights.

    python make_tw_grpo.py            # writes tw_grpo.json beside this script
    python make_tw_grpo.py --check    # recomputes it and compares; exit 1 where it differs

The rules of make.py hold. The weights stand outside the clipped surrogate, as in the paper, and everything is computed on
padded tensors [responses, positions, vocabulary]. README.md describes the fields.
"""

import numpy as np
import torch
from make import MARGIN, f32, grpo, run

CLIP_LOW, CLIP_HIGH = 0.2, 0.28


def tw_grpo():
    rng = np.random.default_rng(2505)
    cases = []
    for name, lengths, vocabulary, spread, alpha in [
        ("ragged", [4, 6, 2], 5, 1.0, 1.7),
        ("one_length", [4, 4], 3, 1.0, 1.4),
        # Log-probabilities so far apart that their differences are bounded at 11.
        ("bounded", [3, 2, 4], 4, 20.0, 1.7),
    ]:
        size, most = len(lengths), max(lengths)
        mask = torch.arange(most)[None, :] < torch.tensor(lengths)[:, None]
        logits = torch.tensor(rng.normal(size=(size, most, vocabulary)) * spread, dtype=torch.float64)
        rows = torch.tensor(f32(torch.log_softmax(logits, -1)), dtype=torch.float64)
        rows[~mask] = -np.log(vocabulary)
        gap = rows.mean(0, keepdim=True) - rows
        assert ((gap.abs() - 11).abs() > MARGIN).all() and (gap.abs().max() > 11) == (name == "bounded")
        gap = gap.clamp(-11, 11)
        divergence = (torch.exp(gap) - gap - 1).sum(-1).mean(0)
        low, high = divergence.min(), divergence.max()
        weights = 1 + (alpha - 1) * (divergence - low) / (high - low + 1e-8)
        rewards = [1.0] + [0.0] * (size - 1)
        advantages = grpo(torch.tensor(rewards, dtype=torch.float64))[:, None]
        old = torch.tensor(f32(rng.uniform(-2.0, -0.1, (size, most))), dtype=torch.float64)
        # Beyond the bounds of the clip on both sides.
        new = torch.tensor(f32(old.numpy() + rng.uniform(-0.5, 0.5, (size, most))), dtype=torch.float64)
        new.requires_grad_(True)
        ratio = torch.exp(new - old)
        for bound in (1 - CLIP_LOW, 1 + CLIP_HIGH):
            assert ((ratio - bound).abs()[mask] > MARGIN).all()
        clipped = ratio.clamp(1 - CLIP_LOW, 1 + CLIP_HIGH)
        surrogate = weights * torch.minimum(ratio * advantages, clipped * advantages)
        loss = -(surrogate * mask).sum() / mask.sum()
        loss.backward()
        ragged = lambda table: [row[:n].tolist() for row, n in zip(table, lengths)]
        cases.append(
            {
                "name": name,
                "vocabulary": vocabulary,
                "alpha": alpha,
                "clip_low": CLIP_LOW,
                "clip_high": CLIP_HIGH,
                "rewards": rewards,
                "distributions": [row[:n].flatten().tolist() for row, n in zip(rows, lengths)],
                "divergence": divergence.tolist(),
                "weights": weights.tolist(),
                "logp": ragged(new.detach()),
                "old_logp": ragged(old),
                "loss": loss.item(),
                "dlogp": ragged(new.grad),
            }
        )
    return {"cases": cases}


if __name__ == "__main__":
    run([tw_grpo], __doc__)
