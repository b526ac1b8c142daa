"""Golden values of self-certainty and of the votes by its ranks.

    python make_certainty.py            # writes certainty.json beside this script
    python make_certainty.py --check    # recomputes it and compares; exit 1 where it differs

The rules of make.py hold: float64 by PyTorch, float32 inputs. The certainty is PyTorch's own KL divergence of the uniform
distribution from each position's, averaged; the votes are counted response by response. README.md describes the fields.
"""

import numpy as np
import torch
from make import f32, run


def divergence(row):
    logp = torch.log_softmax(torch.tensor(row, dtype=torch.float64), 0)
    uniform = torch.full_like(logp, 1 / len(row))
    return torch.nn.functional.kl_div(logp, uniform, reduction="sum")


def certainty():
    rng = np.random.default_rng(1702)
    cases = []
    for vocabulary, size, power in [(2, 3, 0.5), (7, 8, 0.3), (16, 8, 1.2), (5, 6, 0.0)]:
        logits = [[f32(rng.normal(0, 2, vocabulary)) for _ in range(rng.integers(1, 5))] for _ in range(size)]
        scores = [torch.stack([divergence(row) for row in rows]).mean().item() for rows in logits]
        answers = [str(a) if a < 3 else None for a in rng.integers(0, 4, size)]
        votes = [0.0] * size
        for i in range(size):
            rank = 1 + sum(scores[j] > scores[i] for j in range(size))
            votes[i] = (size - rank + 1) ** power if answers[i] is not None else 0.0
        totals = {}
        for answer, vote in zip(answers, votes):
            if answer is not None:
                totals[answer] = totals.get(answer, 0.0) + vote
        winner = max(totals, key=totals.get)  # the first of equal ones
        cases.append(
            {"power": power, "logits": logits, "certainty": scores, "answers": answers, "votes": votes, "winner": winner}
        )
    return {"cases": cases}


if __name__ == "__main__":
    run([certainty], __doc__)
