"""Golden values of PAR: rewards as the probability of beating reference responses.

    python make_par.py            # writes par.json beside this script
    python make_par.py --check    # recomputes it and compares; exit 1 where it differs

The rules of make.py hold. The slope is autograd's. README.md describes the fields.
"""

import numpy as np
import torch
from make import f32, leaf, run


def par():
    rng = np.random.default_rng(921)
    cases = []
    for name, size, references, scale in [("one", 8, 1, 1.0), ("several", 6, 4, 0.5), ("steep", 5, 2, 6.0)]:
        rewards, others = f32(rng.normal(0.0, 1.5, size)), f32(rng.normal(0.0, 1.0, references))
        r = leaf(rewards)
        shaped = torch.sigmoid(scale * (r[:, None] - torch.tensor(others, dtype=torch.float64)[None, :])).mean(1)
        shaped.sum().backward()
        advantages = (shaped - shaped.mean()) / (shaped.std(unbiased=True) + 1e-6)
        cases.append(
            {
                "name": name,
                "scale": scale,
                "rewards": rewards,
                "references": others,
                "shaped": shaped.tolist(),
                "slope": r.grad.tolist(),
                "grpo": advantages.tolist(),
            }
        )
    return {"cases": cases}


if __name__ == "__main__":
    run([par], __doc__)
