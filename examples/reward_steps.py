"""A reward of one's own: the share of the written steps that are right.

Reads a JSON object per line and writes {"id": …, "reward": number} for each, until its input ends.
Messages belong on standard error. Try it:

    echo '{"id": 0, "response": "2+3=5;5*2=11;#11"}' | python3 examples/reward_steps.py
"""

import json
import re
import sys

STEP = re.compile(r"(\d+)([+\-*/])(\d+)=(\d+)")


def right(a, sign, b, result):
    a, b, result = int(a), int(b), int(result)
    # A division is right if it has no remainder.
    return {"+": a + b == result, "-": a - b == result, "*": a * b == result, "/": result * b == a}[sign]


def reward(response):
    steps = STEP.findall(response)
    return sum(right(*step) for step in steps) / len(steps) if steps else 0.0


for line in sys.stdin:
    item = json.loads(line)
    # Flushed, because the answer is waited for.
    print(json.dumps({"id": item["id"], "reward": reward(item["response"])}), flush=True)
