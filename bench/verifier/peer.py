"""Judge the pairs of pairs.py with math-verify 0.9.0, in one thread, as its documentation says to.

The gold gets `$` around it when it has no delimiters (math-verify reads LaTeX only inside some), the answer
is parsed as it is; then verify(gold, answer). Writes one line a pair: id, verdict ("equal", "different",
"unparseable": nothing was read from the gold or the answer), the exception if one came out, and the
seconds. Run, in an environment with math-verify:

    python bench/verifier/peer.py PAIRS.jsonl OUT.jsonl [--every K] [--limit N]

A second run goes on after the last line of OUT.jsonl.
"""

import argparse
import json
import logging
import pathlib
import re
import time

from math_verify import parse, verify

DELIMITED = re.compile(r"(?<!\\)\$|\\\(|\\\[|\\boxed")


def judge(pair):
    """Verdict, what was read from the answer, exception, seconds."""
    gold = pair["gold"] if DELIMITED.search(pair["gold"]) else f"${pair['gold']}$"
    start, error, extracted = time.perf_counter(), None, None
    try:
        expected, given = parse(gold), parse(pair["answer"])
        extracted = str(given[-1]) if given else None
        verdict = "equal" if verify(expected, given) else "different" if expected and given else "unparseable"
    except Exception as exception:  # the peer's own failure is what is being recorded
        verdict, error = "unparseable", repr(exception)
    return {"id": pair["id"], "verdict": verdict, "extracted": extracted, "error": error,
            "seconds": round(time.perf_counter() - start, 6)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--every", type=int, default=1, help="judge one pair in K")
    parser.add_argument("--limit", type=int, help="stop after N new pairs")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # math-verify logs each time-out

    with options.pairs.open(encoding="utf-8") as lines:
        pairs = [json.loads(line) for line in lines][::options.every]
    done = len(options.out.read_text(encoding="utf-8").splitlines()) if options.out.exists() else 0
    judge({"id": "", "gold": "1", "answer": "$1$"})  # the first call loads the grammar
    with options.out.open("a", encoding="utf-8") as out:
        for pair in pairs[done:][:options.limit]:
            out.write(json.dumps(judge(pair), ensure_ascii=False) + "\n")
            out.flush()

    with options.out.open(encoding="utf-8") as lines:
        results = [json.loads(line) for line in lines]
    if not results:
        return
    times = sorted(result["seconds"] for result in results)
    at = lambda share: 1000 * times[min(len(times) - 1, int(share * len(times)))]
    print(f"{len(times)} of {len(pairs)} pairs, {len(times) / sum(times):.1f} pairs/s; "
          f"p50 {at(0.5):.2f} ms, p99 {at(0.99):.2f} ms, max {at(1):.1f} ms; "
          f"{sum(bool(result['error']) for result in results)} exceptions")


if __name__ == "__main__":
    main()
