"""Write math_verify.jsonl and math_verify_other.jsonl: math-verify's own published tests as data.

From a checkout of https://github.com/huggingface/Math-Verify (its `tests/` folder is imported; pytest,
sympy and math-verify have to be installed). Run:

    python tests/data/make_math_verify.py CHECKOUT tests/data

The parametrised tests are called with their comparison helper replaced by a recorder, so every option a
test passes (or leaves at its default) is read from the test itself. The few tests that are not "gold,
answer, equal?" are written out by hand below as one line for each assertion.
"""

import argparse
import importlib
import json
import pathlib
import sys

MODULES = ["all", "boxed", "numina_cases", "open_thoughts", "strict", "yujianll"]
PARAMETRISED, WHOLE_SUITE = 269, 283


def cases(module):
    """(test name, case number, test function, arguments by name) of a module's parametrised tests."""
    for name, test in vars(module).items():
        if not name.startswith("test_") or getattr(test, "__module__", "") != module.__name__:
            continue
        for mark in getattr(test, "pytestmark", []):
            names = [part.strip() for part in mark.args[0].split(",")]
            for number, values in enumerate(mark.args[1]):
                yield name.removeprefix("test_"), number, test, dict(zip(names, values))


def record(module, test, arguments):
    """What the test compares, and with which options."""
    seen = {}
    expected = arguments.get("expected", arguments.get("result"))

    def compare(gold, pred, match_types=("latex", "expr"), precision=6, strict=True,
                allow_set_relation_comp=False):
        seen.update(gold=gold, answer=pred, equal=bool(expected))
        if precision != 6:
            seen["decimal_places"] = precision
        if allow_set_relation_comp:
            seen["relations_as_sets"] = True
        if not strict:
            seen["ignore_variable_names"] = True
        seen["targets"] = list(match_types)
        return expected

    if hasattr(module, "compare_strings"):
        module.compare_strings = compare
    else:  # test_yujianll calls parse() and verify() with their defaults: LaTeX and plain expressions
        module.parse, module.verify = str, compare
    test(**arguments)
    return seen


def choices(module):
    """test_string_extraction: one letter is read out of a text."""
    for name, number, _, arguments in cases(module):
        config = arguments["config"]
        yield {
            "id": f"string_extraction/{name}/{number}", "kind": "choice", "text": arguments["pred"],
            "choices": list(config.strings), "lowercase": config.lowercase,
            "expect": arguments["expected"][0] if arguments["expected"] else None,
        }


def precision(number, gold, answer, places, equal, note):
    return {"id": f"all/precision/{number}", "kind": "precision", "gold": gold, "answer": answer,
            "decimal_places": places, "expect": equal, "note": note}


def config(name, number, text, expect, note, **options):
    return {"id": f"configs/{name}/{number}", "kind": "config", "text": text, "expect": expect,
            "options": options, "note": note}


def api(identifier, note):
    return {"id": identifier, "kind": "api", "text": None, "expect": None, "note": "Python API only: " + note}


VALUES = "compares SymPy values without parsing"
FIRST = "first match, no fallback to plain text"
BY_HAND = [
    precision(0, "1/3", "0.333", 3, True, VALUES),
    precision(1, "1/3", "0.333", 4, False, VALUES),
    precision(2, "1/3 + 1", "1.333", 3, True, VALUES),
    precision(3, "1/3 + 1", "1.333", 4, False, VALUES),
    precision(4, "$\\frac{1}{3}$", "0.3333$", 4, True, "parses both; the answer's $ is unbalanced"),
    config("boxed_match_priority", 0, "\\boxed{1}", "1", FIRST),
    config("boxed_match_priority", 1, "\\boxed{1}", None, FIRST + "; \\boxed{} is not looked for",
           boxed_match_priority=-1),
    config("boxed_match_priority", 2, "final answer is $9999$, \\boxed{1}", "9999",
           FIRST + "; an announced final answer comes before \\boxed{}", boxed_match_priority=100),
    config("normalization_config", 0, "$\\frac12$", None, FIRST, malformed_operators=False),
    config("normalization_config", 1, "$\\frac12$", "1/2", FIRST, malformed_operators=True),
    api("raise_on_error/verify_raise_on_error/0", "an exception inside the comparison makes verify() false"),
    api("raise_on_error/verify_raise_on_error/1", "raise_on_error=True lets that exception through"),
    api("timeout/timeout_expr/0", "a 5 s expression parse is cut by a 1 s signal alarm: nothing parsed"),
    api("timeout/timeout_latex/0", "a 5 s LaTeX parse is cut by a 1 s signal alarm: nothing parsed"),
    api("timeout/timeout_verify/0", "a 5 s comparison is cut by a 1 s signal alarm: not equal"),
]


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", help="a checkout of Math-Verify")
    parser.add_argument("out", type=pathlib.Path, help="the folder to write to")
    options = parser.parse_args()
    sys.path.insert(0, options.checkout)

    rows = []
    for short in MODULES:
        module = importlib.import_module(f"tests.test_{short}")
        for name, number, test, arguments in cases(module):
            rows.append({"id": f"{short}/{name}/{number}", **record(module, test, arguments)})
    other = BY_HAND + list(choices(importlib.import_module("tests.test_string_extraction")))
    tests = {row["id"] if row["kind"] == "choice" else row["id"].rsplit("/", 1)[0] for row in other}
    assert len(rows) == PARAMETRISED and len(rows) + len(tests) == WHOLE_SUITE, (len(rows), len(tests))
    write(options.out / "math_verify.jsonl", rows)
    write(options.out / "math_verify_other.jsonl", other)


if __name__ == "__main__":
    main()
