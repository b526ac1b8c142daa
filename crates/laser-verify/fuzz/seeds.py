#!/usr/bin/env python3
"""Writes the starting corpus of every target from ../tests/data (a few hundred small files)."""

import hashlib
import json
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    pairs = []
    for name in ("math_verify", "math_verify_other", "hacking"):
        with open(HERE.parent / "tests" / "data" / f"{name}.jsonl", encoding="utf-8") as lines:
            cases = [json.loads(line) for line in lines]
        # The attacks repeat each text for several gold answers.
        step = 5 if name == "hacking" else 1
        pairs += [(c["gold"], c["answer"]) for c in cases[::step] if "gold" in c and "answer" in c]
    for gold, answer in pairs:
        write("verify", f"{gold}\n{answer}")
        write("extract", answer)
        write("parse", gold)
        if "$" not in answer:
            write("parse", answer)


def write(target: str, text: str) -> None:
    data = text.encode()
    if not data or len(data) > 4096:
        return
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


if __name__ == "__main__":
    main()
