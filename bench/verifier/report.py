"""Compare `laser verify` with math-verify on the pairs of pairs.py, side by side, as Markdown.

DIR is what run.sh leaves: peer-ROUND.jsonl, ours-THREADS-ROUND.jsonl (JSON lines with "id", "verdict" and
"seconds") and log-THREADS-ROUND.txt. Verdicts are those of round 1 and have to be the same in every round and
with every number of threads; times are the round's whose sum is the median. Run:

    python bench/verifier/report.py PAIRS DIR [--threads N] [--out TABLE.md] [--disagreements FILE] [--most N]

Recall: the share of equal pairs judged equal. False accepts: the share of different pairs judged equal.
"""

import argparse
import json
import pathlib
import random
import re
import statistics
from collections import defaultdict


def load(directory, name):
    """A checker's results by pair id, from the round with the median time."""
    rounds = []
    for path in sorted(directory.glob(f"{name}-*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            rounds.append([json.loads(line) for line in lines])
    if not rounds:
        raise SystemExit(f"{directory}: no {name}-*.jsonl; run bench/verifier/run.sh")
    verdicts = [[result["verdict"] for result in results] for results in rounds]
    if any(other != verdicts[0] for other in verdicts):
        raise SystemExit(f"{name}: the rounds disagree about verdicts")
    rounds.sort(key=lambda results: sum(result["seconds"] for result in results))
    return {result["id"]: result for result in rounds[len(rounds) // 2]}


def walls(directory, threads):
    """Pairs per second of whole runs of ours, reading and writing included, by the logs."""
    found = []
    for path in sorted(directory.glob(f"log-{threads}-*.txt")):
        found += [float(rate.replace(",", "")) for rate in
                  re.findall(r"([\d,.]+) pairs/s", path.read_text(encoding="utf-8"))]
    return sorted(found)


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
    parser.add_argument("pairs", type=pathlib.Path)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2, help="the larger number of threads that was run")
    parser.add_argument("--out", type=pathlib.Path, help="write the Markdown here as well")
    parser.add_argument("--disagreements", type=pathlib.Path, help="write pairs the two judge differently")
    parser.add_argument("--most", type=int, default=500, help="at most so many disagreements")
    options = parser.parse_args()
    with options.pairs.open(encoding="utf-8") as lines:
        pairs = [json.loads(line) for line in lines]
    ours, peer = load(options.directory, "ours-1"), load(options.directory, "peer")
    parallel = load(options.directory, f"ours-{options.threads}")
    if any(parallel[key]["verdict"] != result["verdict"] for key, result in ours.items()):
        raise SystemExit("the verdicts depend on the number of threads")
    pairs = [pair for pair in pairs if pair["id"] in ours and pair["id"] in peer]
    text = report(pairs, ours, peer)
    one, many = (walls(options.directory, threads) for threads in (1, options.threads))
    if one and many:
        text += (f"\nWhole runs of `laser verify`, reading and writing included: {statistics.median(one):,.0f} pairs/s "
                 f"on 1 thread ({one[0]:,.0f}–{one[-1]:,.0f}), {statistics.median(many):,.0f} on {options.threads} "
                 f"({many[0]:,.0f}–{many[-1]:,.0f}): {statistics.median(many) / statistics.median(one):.2f} times.\n")
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
