"""Golden values of the losses of written responses.

    python make_supervised.py            # writes supervised.json beside this script
    python make_supervised.py --check    # recomputes it and compares; exit 1 where it differs

The rules of make.py hold: float64 by PyTorch, float32 inputs. The loss is written down over the whole vocabulary, from
logits, and the gradient is autograd's by the logits. README.md describes the fields.
"""

import numpy as np
import torch
from make import f32, leaf, run


def supervised():
    rng = np.random.default_rng(2251)
    cases = []
    for name, vocabulary, beta, near, far, k in [
        ("cross_entropy", 7, 0.0, 0.0, 0.0, 3),
        ("precise", 9, -0.25, 0.0, 0.0, 3),
        ("flat", 9, 0.5, 0.0, 0.0, 3),
        ("tail", 11, 0.0, 0.0, -0.1, 4),
        ("near", 11, -0.25, 0.1, 0.0, 4),
        ("both", 6, 0.5, -0.2, 0.3, 5),
    ]:
        positions = 5
        z = torch.tensor(f32(rng.normal(0.0, 2.0, (positions, vocabulary))), dtype=torch.float64)
        # The program starts from float32 log-probabilities: take those as the logits.
        logits = leaf(f32(torch.log_softmax(z, 1)))
        targets = [int(t) for t in rng.integers(0, vocabulary, positions)]
        logp = torch.log_softmax(logits, 1)
        p = logp.exp()
        loss = 0.0
        for t, x in enumerate(targets):
            top = set(torch.topk(logp[t].detach(), k).indices.tolist()) - {x}
            rest = set(range(vocabulary)) - top - {x}
            reward = (1 / p[t, x]) ** ((1 - p[t, x]) ** beta)
            loss = loss - (p[t, x] * reward).detach() * logp[t, x]
            loss = loss - near * p[t, sorted(top)].sum() - far * p[t, sorted(rest)].sum()
        loss = loss / positions
        loss.backward()
        cases.append(
            {
                "name": name,
                "beta": beta,
                "near": near,
                "far": far,
                "top_k": k,
                "logp": logits.detach().tolist(),
                "targets": targets,
                "loss": loss.item(),
                "dlogits": logits.grad.tolist(),
            }
        )
    return {"cases": cases}


if __name__ == "__main__":
    run([supervised], __doc__)
