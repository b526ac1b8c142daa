"""Golden values of self-distillation: the divergence of student and teacher, weighted token by token.

    python make_distillation.py            # writes distillation.json beside this script
    python make_distillation.py --check    # recomputes it and compares; exit 1 where it differs

The rules of make.py hold: float64 by PyTorch, float32 inputs. The loss starts from the student's logits over the whole
vocabulary, and the gradient is autograd's by them. README.md describes the fields.
"""

import numpy as np
import torch
from make import f32, leaf, run


def divergence(kind, alpha, p, q):
    kl = lambda a, b: (a * (a.log() - b.log())).sum()
    if kind == "forward":
        return kl(q, p)
    if kind == "reverse":
        return kl(p, q)
    m = (1 - alpha) * p + alpha * q
    return (1 - alpha) * kl(p, m) + alpha * kl(q, m)


def distillation():
    rng = np.random.default_rng(2604)
    cases = []
    for name, vocabulary, kind, alpha, k, support, beta in [
        ("js", 6, "jensen_shannon", 0.5, 6, "whole", 1.0),
        ("js_tail", 12, "jensen_shannon", 0.5, 4, "tail", 1.0),
        ("js_uneven_tail", 12, "jensen_shannon", 0.2, 4, "tail", 0.0),
        ("js_renormalised", 12, "jensen_shannon", 0.5, 4, "renormalised", 0.0),
        ("forward_tail", 9, "forward", None, 3, "tail", 0.5),
        ("forward_renormalised", 9, "forward", None, 3, "renormalised", 0.0),
        ("reverse", 6, "reverse", None, 6, "whole", 0.0),
        ("reverse_tail", 9, "reverse", None, 3, "tail", 0.0),
        ("reverse_renormalised", 9, "reverse", None, 3, "renormalised", 0.0),
        ("sampled", 9, "sampled", None, 0, "whole", 1.0),
    ]:
        tokens, cap = 4, 2.0
        spread = lambda: torch.tensor(rng.normal(0.0, 1.5, (tokens, vocabulary)), dtype=torch.float64)
        student = leaf(f32(torch.log_softmax(spread(), 1)))
        teacher = torch.tensor(f32(torch.log_softmax(spread(), 1)), dtype=torch.float64)
        logp, logq = torch.log_softmax(student, 1), torch.log_softmax(teacher, 1)
        drawn = [int(t) for t in rng.integers(0, vocabulary, tokens)]
        picked = logp[range(tokens), drawn]
        # One ratio beyond the cap, the others well below it.
        old = f32(picked.detach().numpy() + np.array([0.3, -1.5, 0.0, -0.4]))
        entropy = -(logq.exp() * logq).sum(1)
        weight = torch.exp(-beta * entropy)
        weight = weight / weight.mean()
        ratio = torch.exp(picked - torch.tensor(old)).clamp(max=cap)
        ids, losses = [], []
        for t in range(tokens):
            top = torch.topk(logp[t].detach(), k).indices
            ids.append(top.tolist())
            if kind == "sampled":
                gap = picked[t] - logq[t, drawn[t]]
                losses.append(gap.detach() * picked[t])
                continue
            p, q = logp[t, top].exp(), logq[t, top].exp()
            if support == "tail":
                p, q = (torch.cat([x, (1 - x.sum())[None]]) for x in (p, q))
            if support == "renormalised":
                p, q = p / p.sum(), q / q.sum()
            losses.append(divergence(kind, alpha, p, q))
        loss = ((weight * ratio).detach() * torch.stack(losses)).sum() / tokens
        loss.backward()
        cases.append(
            {
                "name": name,
                "divergence": {kind: {"alpha": alpha}} if alpha is not None else kind,
                "support": support,
                "cap": cap,
                "beta": beta,
                "student": student.detach().tolist(),
                "teacher": teacher.tolist(),
                "drawn": drawn,
                "ids": ids,
                "old": old,
                "entropy": entropy.tolist(),
                "weights": weight.tolist(),
                "loss": loss.item(),
                "dlogits": student.grad.tolist(),
            }
        )
    return {"cases": cases}


if __name__ == "__main__":
    run([distillation], __doc__)
