"""Compare two checkers on the pairs of pairs.py, side by side, as Markdown.

OURS and PEER are JSON lines of {"verdict": "equal"|"different"|"unparseable", "extracted": …, "seconds": …}
in the order of PAIRS; where every line has an "id" (as peer.py writes), lines are matched by it instead, and
only pairs that both have judged are counted. Run:

    python bench/verifier/report.py PAIRS OURS PEER [--out TABLE.md] [--disagreements FILE] [--most N]

Recall: the share of equal pairs judged equal. False accepts: the share of different pairs judged equal.
"""

import argparse
import json
import pathlib
import random
from collections import defaultdict


def load(path, pairs):
    """A checker's results by pair id."""
    with path.open(encoding="utf-8") as lines:
        results = [json.loads(line) for line in lines]
    if all("id" in result for result in results):
        return {result["id"]: result for result in results}
    if len(results) != len(pairs):
        raise SystemExit(f"{path}: {len(results)} results without ids for {len(pairs)} pairs")
    return {pair["id"]: result for pair, result in zip(pairs, results)}


def accepts(pairs, results):
    return sum(results[pair["id"]]["verdict"] == "equal" for pair in pairs)


def share(part, whole):
    return f"{100 * part / whole:.2f} %" if whole else "–"


def rates(pairs, results):
    """recall, false accepts, as text."""
    same = [pair for pair in pairs if pair["equal"]]
    other = [pair for pair in pairs if not pair["equal"]]
    return share(accepts(same, results), len(same)), share(accepts(other, results), len(other))


def totals(pairs, results):
    """One column of the table of totals."""
    true = accepts([pair for pair in pairs if pair["equal"]], results)
    false = accepts([pair for pair in pairs if not pair["equal"]], results)
    unread = sum(results[pair["id"]]["verdict"] == "unparseable" for pair in pairs)
    times = sorted(results[pair["id"]]["seconds"] for pair in pairs)
    at = [1000 * times[min(len(times) - 1, int(part * len(times)))] for part in (0.5, 0.99, 1)]
    # "identity" is the gold as it stands, LaTeX without delimiters, which math-verify does not claim to read.
    marked = [pair for pair in pairs if pair["equal"] and pair["rewriting"] != "identity"]
    return {
        "precision": share(true, true + false),
        "recall": share(true, sum(pair["equal"] for pair in pairs)),
        "recall without identity": share(accepts(marked, results), len(marked)),
        "false accepts": share(false, sum(not pair["equal"] for pair in pairs)),
        "unparseable": share(unread, len(pairs)),
    }, dict(zip(["pairs/s", "p50, ms", "p99, ms", "max, ms"], [len(times) / max(sum(times), 1e-12), *at]))


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def report(pairs, ours, peer):
    groups = defaultdict(list)
    for pair in pairs:
        groups[pair["set"], pair["rewriting"]].append(pair)
        groups["all sets", pair["rewriting"]].append(pair)
        groups[pair["set"], "all"].append(pair)
    (our_rates, our_times), (peer_rates, peer_times) = totals(pairs, ours), totals(pairs, peer)
    text = f"## Totals, {len(pairs)} pairs\n\n"
    text += table(["", "ours", "peer"], [[name, our_rates[name], peer_rates[name]] for name in our_rates])
    text += "\n## Speed\n\n"
    text += table(["", "ours", "peer", "ours / peer"],
                  [[name, f"{our_times[name]:.4g}", f"{peer_times[name]:.4g}",
                    f"{our_times[name] / max(peer_times[name], 1e-12):.4g}"] for name in our_times])
    for title, chosen in (("Sets", lambda key: key[1] == "all"),
                          ("Rewritings", lambda key: key[0] == "all sets" and key[1] not in SOLUTIONS),
                          ("Sets and rewritings", lambda key: "all" not in (key[0][:3], key[1]))):
        text += f"\n## {title}\n\n"
        rows = []
        for key in sorted(filter(chosen, groups)):
            (recall, false), (peer_recall, peer_false) = rates(groups[key], ours), rates(groups[key], peer)
            rows.append([*key, len(groups[key]), recall, peer_recall, false, peer_false])
        text += table(["set", "rewriting", "pairs", "recall, ours", "recall, peer",
                       "false accepts, ours", "false accepts, peer"], rows)
    return text


SOLUTIONS = {"6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"}  # GSM8K's models


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("pairs", "ours", "peer"):
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, help="write the Markdown here as well")
    parser.add_argument("--disagreements", type=pathlib.Path, help="write pairs the two judge differently")
    parser.add_argument("--most", type=int, default=500, help="at most so many disagreements")
    options = parser.parse_args()
    with options.pairs.open(encoding="utf-8") as lines:
        pairs = [json.loads(line) for line in lines]
    ours, peer = load(options.ours, pairs), load(options.peer, pairs)
    pairs = [pair for pair in pairs if pair["id"] in ours and pair["id"] in peer]
    text = report(pairs, ours, peer)
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    if options.disagreements:
        apart = [pair for pair in pairs if (ours[pair["id"]]["verdict"] == "equal")
                 != (peer[pair["id"]]["verdict"] == "equal")]
        apart = sorted(random.Random(0).sample(apart, min(options.most, len(apart))), key=lambda pair: pair["id"])
        with options.disagreements.open("w", encoding="utf-8") as out:
            for pair in apart:
                mine, theirs = ours[pair["id"]], peer[pair["id"]]
                wrong = "peer" if (mine["verdict"] == "equal") == pair["equal"] else "ours"
                out.write(json.dumps({"wrong": wrong, **pair, "ours": mine["verdict"],
                                      "ours_extracted": mine.get("extracted"), "peer": theirs["verdict"],
                                      "peer_extracted": theirs.get("extracted")}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
