"""Golden values of Co-Reward: labels by the vote of the other view, and GRPO's advantages of them.

    python make_co_reward.py            # writes co_reward.json beside this script
    python make_co_reward.py --check    # recomputes and compares; exit 1 where they differ

The rules of make.py hold. Answers are texts here, counted with a Counter, whose ties go to what was counted first.
"""

from collections import Counter

import numpy as np
import torch
from make import run


def vote(answers):
    there = [a for a in answers if a]
    return Counter(there).most_common(1)[0][0] if there else ""


def co_reward():
    rng = np.random.default_rng(921)
    cases = []
    for name, problems, size, words, missing in [
        ("plain", 6, 8, 3, 0.1),
        ("many_answers", 4, 6, 12, 0.3),
        ("hardly_any", 5, 4, 2, 0.8),
    ]:
        draw = lambda: "" if rng.random() < missing else str(rng.integers(0, words))
        views = [[draw() for _ in range(size)] for _ in range(2 * problems)]
        rewards, advantages = [], []
        for g, answers in enumerate(views):
            label = vote(views[g + 1 if g % 2 == 0 else g - 1])
            r = torch.tensor([float(label != "" and a == label) for a in answers], dtype=torch.float64)
            rewards.append(r.tolist())
            advantages.append(((r - r.mean()) / (r.std() + 1e-6)).tolist())
        cases.append({"name": name, "answers": views, "rewards": rewards, "advantages": advantages})
    return {"cases": cases}


if __name__ == "__main__":
    run([co_reward], __doc__)
