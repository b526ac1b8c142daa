"""Golden values of SSR-Zero: judgements in words, the rewards read from them, and GRPO's advantages.

    python make_ssr_zero.py            # writes self_judge.json beside this script
    python make_ssr_zero.py --check    # recomputes it and compares; exit 1 where it differs

The rules of make.py hold. README.md describes the fields.
"""

import torch
from make import run


def rating(words):
    """The last number, found by scanning backwards, over 100 and within 0 and 1; None without a digit. Of "/100" the rest."""
    words = words.replace("/100", "")
    end = len(words)
    while end > 0 and not words[end - 1].isdigit():
        end -= 1
    if end == 0:
        return None
    start = end
    while start > 0 and words[start - 1].isdigit():
        start -= 1
    if start > 1 and words[start - 1] == "." and words[start - 2].isdigit():
        start -= 1
        while start > 0 and words[start - 1].isdigit():
            start -= 1
    return min(max(float(words[start:end]) / 100, 0.0), 1.0)


def self_judge():
    cases = []
    for name, judgements in [
        ("mixed", ["85", "Score: 85", "none", "150", "2 of 3 steps hold, so 62.5", "80-85", "40/100."]),
        ("equal", ["70", "I say 70.", "score=70", "70/100"]),
    ]:
        ratings = [rating(words) for words in judgements]
        r = torch.tensor([x if x is not None else 0.0 for x in ratings], dtype=torch.float64)
        advantages = (r - r.mean()) / (r.std(unbiased=True) + 1e-6)
        if name == "equal":
            advantages = torch.zeros_like(r)
        cases.append(
            {"name": name, "judgements": judgements, "ratings": ratings, "advantages": advantages.tolist()}
        )
    return {"cases": cases}


if __name__ == "__main__":
    run([self_judge], __doc__)
