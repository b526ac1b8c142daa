"""Golden values of PPPO: the clipped surrogate on the first tokens of responses whose continuations are counted.

    python make_pppo.py            # writes prefix.json beside this script
    python make_pppo.py --check    # recomputes it and compares; exit 1 where it differs

The rules of make.py hold. README.md describes the fields.
"""

import numpy as np
import torch
from make import f32, leaf, ragged, run, split

LOW, HIGH = 0.2, 0.28


def prefix():
    rng = np.random.default_rng(931)
    cases = []
    for name, lengths, share, continuations in [
        ("start", [10, 26, 6, 40, 13, 20, 7, 33], 0.15, 8),
        ("end", [10, 20, 31, 5], 0.35, 4),
        ("whole", [4, 9, 6], 1.0, 0),
    ]:
        correct = rng.integers(0, 2, len(lengths))
        correct[0], correct[1] = 1, 0
        continued = rng.integers(0, continuations + 1, len(lengths))
        rewards = torch.tensor(correct + continued, dtype=torch.float64)
        advantages = (rewards - rewards.mean()) / (rewards.std(unbiased=True) + 1e-6)
        # Shares here are multiples of 1/100, so that the product's floor is exact in integers.
        prefixes = [min(n, max(1, round(100 * share) * n // 100)) for n in lengths]
        old = ragged(rng, lengths, -2.0, -0.1)
        # Within the bounds of the clip, or well beyond them.
        steps = [rng.choice([-0.5, -0.1, 0.1, 0.5], n) for n in lengths]
        new = [f32(np.asarray(o) + s) for o, s in zip(old, steps)]
        results = {}
        for denominator, tokens in [("all", sum(lengths)), ("kept", sum(prefixes))]:
            logp = leaf([x for row in new for x in row])
            ratio = torch.exp(logp - torch.tensor([x for row in old for x in row], dtype=torch.float64))
            a = torch.cat([advantages[i].expand(n) for i, n in enumerate(lengths)])
            mask = torch.tensor([float(t < prefixes[i]) for i, n in enumerate(lengths) for t in range(n)])
            term = torch.maximum(-a * ratio, -a * torch.clamp(ratio, 1 - LOW, 1 + HIGH))
            loss = (term * mask).sum() / tokens
            loss.backward()
            results[denominator] = {"loss": loss.item(), "dlogp": split(logp.grad, lengths)}
        cases.append(
            {
                "name": name,
                "share": share,
                "lengths": lengths,
                "prefixes": prefixes,
                "correct": correct.tolist(),
                "continued": continued.tolist(),
                "rewards": rewards.tolist(),
                "advantages": advantages.tolist(),
                "logp": new,
                "old_logp": old,
                **results,
            }
        )
    return {"cases": cases}


if __name__ == "__main__":
    run([prefix], __doc__)
