"""Golden values of Token Hidden Reward: a token's influence on the correct responses, and the advantages it leaves.

    python make_thr.py            # writes thr.json beside this script
    python make_thr.py --check    # recomputes it and compares; exit 1 where it differs

The rules of make.py hold. A small recurrent model reads the tokens; its states feed a head with all of its vocabulary.
The influence is an inner product of two gradients of the head's weights, both by autograd, without the factors g and h.
With the ids of the group alone it is the double loop over pairs of tokens. README.md describes the fields.
"""

import numpy as np
import torch
from make import MARGIN, f32, grpo, ragged, run, split

P, Q = 5, 4  # ids and width


def states(rng, ids):
    """Normalised states of a recurrent model, the one before each token; rounded to float32."""
    embed, turn = rng.normal(size=(P, Q)), rng.normal(size=(Q, Q))
    state, rows = rng.normal(size=Q), []
    for token in ids:
        rows.append(state / np.sqrt((state**2).mean()))
        state = np.tanh(turn @ state + embed[token])
    return torch.tensor(f32(rows), dtype=torch.float64)


def influence(weight, hidden, ids, correct):
    """(2r − 1) ⟨∂ log π(token), ∂ Σ_i mean log π(correct response i)⟩, derivatives by the head's weights."""
    logp = [torch.log_softmax(h @ weight.T, -1)[torch.arange(len(y)), y] for h, y in zip(hidden, ids)]
    goal = sum(row.mean() for row, right in zip(logp, correct) if right)
    (toward,) = torch.autograd.grad(goal, weight, retain_graph=True)
    rows = []
    for row, right in zip(logp, correct):
        each = [torch.autograd.grad(x, weight, retain_graph=True)[0] for x in row]
        rows.append([(2 * right - 1) * float((one * toward).sum()) for one in each])
    return rows


def pairs(weight, hidden, ids, correct, used):
    """The definition on the ids `used`, pair after pair."""
    errors = []
    for h, y in zip(hidden, ids):
        probabilities = torch.softmax(h @ weight.T, -1).detach()
        errors.append((torch.eye(P, dtype=torch.float64)[y] - probabilities)[:, used])
    rows = []
    for j, right in enumerate(correct):
        row = []
        for k in range(len(ids[j])):
            total = 0.0
            for i in [i for i, c in enumerate(correct) if c]:
                for t in range(len(ids[i])):
                    total += float(errors[i][t] @ errors[j][k] * (hidden[i][t] @ hidden[j][k])) / len(ids[i])
            row.append((2 * right - 1) * total)
        rows.append(row)
    return rows


def threshold(rule, rows, correct):
    means = [np.mean(row) for row, right in zip(rows, correct) if right]
    return {"least_mean": min, "mean": np.mean, "value": lambda _: 1.0}[rule](means)


def thr():
    rng = np.random.default_rng(1)
    cases = []
    for name, lengths, correct, used in [
        ("mixed", [3, 4, 2, 3], [True, False, True, False], [0, 1, 2, 4]),
        ("one_right", [2, 5, 3], [False, True, False], [0, 3]),
    ]:
        # Only ids of `used` are drawn; the model gives the others probability as well.
        ids = [[int(used[t]) for t in rng.integers(0, len(used), n)] for n in lengths]
        hidden = [states(rng, y) for y in ids]
        weight = torch.tensor(f32(rng.normal(size=(P, Q))), dtype=torch.float64, requires_grad=True)
        rows = influence(weight, hidden, ids, correct)
        advantages = grpo(torch.tensor(correct, dtype=torch.float64))
        old = ragged(rng, lengths, -2.0, -0.1)
        new = [f32(np.asarray(row) + rng.uniform(-0.05, 0.05, len(row))) for row in old]
        results = []
        for rule, beta, p in [(None, 0.0, 0.1), ("least_mean", 1.0, 0.1), ("mean", 0.5, -0.1), ("value", 1.0, 0.0)]:
            tau = -np.inf if rule is None else beta * threshold(rule, rows, correct)
            size = np.abs(np.concatenate(rows))
            assert (np.abs(size - tau) > MARGIN).all() and (size > MARGIN).all()
            credited = [
                [float(abs(x) > tau) * (1 + p * np.sign(x)) * float(a) for x in row] for row, a in zip(rows, advantages)
            ]
            logp = torch.tensor([x for row in new for x in row], dtype=torch.float64, requires_grad=True)
            flat_old = torch.tensor([x for row in old for x in row], dtype=torch.float64)
            flat = torch.tensor([a for row in credited for a in row], dtype=torch.float64)
            loss = -(torch.exp(logp - flat_old) * flat).sum() / sum(lengths)
            loss.backward()
            results.append(
                {
                    "threshold": rule and {rule: beta},
                    "p": p,
                    "advantages": credited,
                    "loss": loss.item(),
                    "dlogp": split(logp.grad, lengths),
                }
            )
        distributions = [torch.log_softmax(h @ weight.T, -1).detach() for h in hidden]
        cases.append(
            {
                "name": name,
                "vocabulary": P,
                "width": Q,
                "ids": ids,
                "correct": correct,
                "hidden": [h.flatten().tolist() for h in hidden],
                "distributions": [f32(rows.flatten()) for rows in distributions],
                "influence": rows,
                "columns": used,
                "restricted": pairs(weight, hidden, ids, correct, used),
                "logp": new,
                "old_logp": old,
                "results": results,
            }
        )
    return {"cases": cases}


if __name__ == "__main__":
    run([thr], __doc__)
