"""Write labelled (gold, answer) pairs for comparing answer checkers.

From the gold answers of {math500,amc23,aime24,aime25,olympiadbench}/test.jsonl in DATA_DIR: rewritings that
are certainly the same mathematics (equal: true) and perturbations that certainly are not (equal: false).
From gsm8k/model_solutions.jsonl: four models' solutions with the human label of each. Run:

    python bench/verifier/pairs.py DATA_DIR OUT.jsonl

Everything that is not certain is skipped. Two guards watch the labels: `value` reads plain scalar LaTeX and
has to find each rewriting equal, and each changed scalar different, at three random points. Two runs write
the same file.
"""

import argparse
import cmath
import json
import math
import pathlib
import random
import re
from fractions import Fraction

SETS = ["math500", "amc23", "aime24", "aime25", "olympiadbench"]
MODELS = ["6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"]
INTEGER = re.compile(r"-?\d+")
NUMBER = re.compile(r"-?(\d+(\.\d+)?|\.\d+)")
FRACTION = re.compile(r"(-?)\\[dt]?frac\{(-?\d+)\}\{(\d+)\}")
THOUSANDS = re.compile(r"(\\\$)?-?\d{1,3}(,(\\!)?\s*\d{3})+")  # 58,500: a number, or a list?


# --- The value of plain scalar LaTeX -----------------------------------------------------------------

class Unsure(Exception):
    """The text is outside the small language that `value` reads."""


TOKEN = re.compile(r"\s*(?:(\d+\.?\d*|\.\d+)|\\(frac|sqrt|pi|cdot|times)(?![a-z])"
                   r"|([a-zA-Z])(?![a-zA-Z]{2})|([-+*/^(){}\[\]]))")


class Reader:
    """Recursive descent over numbers, one-letter variables, + - * / ^, \\frac, \\sqrt, \\pi and brackets."""

    def __init__(self, text, point):
        text = re.sub(r"\\left|\\right|\\[!,;]", "", text).replace("{,}", "")
        text = re.sub(r"\\[dt]frac", r"\\frac", text).strip()
        self.tokens, self.point, at = [], point, 0
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                raise Unsure(text)
            number, command, letter, sign = match.groups()
            self.tokens.append((number, "number") if number else (command, "command") if command
                               else (letter, "letter") if letter else (sign, "sign"))
            at = match.end()

    def peek(self):
        return self.tokens[0] if self.tokens else (None, "end")

    def take(self, text=None):
        token = self.peek()
        if token[1] == "end" or text is not None and token[0] != text:
            raise Unsure(token)
        return self.tokens.pop(0)

    def all(self):
        result = self.sum()
        if self.tokens:
            raise Unsure(self.tokens)
        return result

    def sum(self):
        sign = -1 if self.peek()[0] == "-" else 1
        if self.peek()[0] in ("+", "-"):
            self.take()
        result = sign * self.product()
        while self.peek()[0] in ("+", "-"):
            sign = -1 if self.take()[0] == "-" else 1
            result += sign * self.product()
        return result

    def product(self):
        result = self.power()
        while True:
            text, kind = self.peek()
            if text in ("*", "cdot", "times"):
                self.take()
                result *= self.power()
            elif text == "/":
                self.take()
                result /= self.power()
            elif kind == "number":  # juxtaposed numbers: "2 3"
                raise Unsure(text)
            elif kind in ("command", "letter") or text in ("(", "{"):
                result *= self.power()
            else:
                return result

    def power(self):
        base = self.atom()
        if self.peek()[0] == "^":
            self.take()
            base = cmath.exp(cmath.log(base) * self.argument()) if base else 0
        return base

    def argument(self):
        text, kind = self.peek()
        if kind == "number" and len(text) > 1:  # \frac12 takes one digit
            self.take()
            self.tokens.insert(0, (text[1:], "number"))
            return float(text[0])
        return self.atom()

    def atom(self):
        text, kind = self.take()
        if kind == "number":
            if self.peek()[0] == "frac":  # a mixed number, not a product
                raise Unsure(text)
            return complex(float(text))
        if kind == "letter":
            if self.peek()[0] == "(" and text in "fgpP":
                raise Unsure(text)
            return 1j if text == "i" else self.point[text]
        if text == "pi":
            return complex(math.pi)
        if text == "frac":
            return self.argument() / self.argument()
        if text == "sqrt":
            root = 2
            if self.peek()[0] == "[":
                self.take()
                root = self.sum()
                self.take("]")
            base = self.argument()
            return cmath.exp(cmath.log(base) / root) if base else 0
        if text in ("(", "{"):
            result = self.sum()
            self.take({"(": ")", "{": "}"}[text])
            return result
        raise Unsure(text)


POINTS = [{letter: random.Random(f"{number}{letter}").uniform(0.6, 2.4) for letter in
           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"} for number in range(3)]


def value(text):
    """The value of `text` at three points, or None where it cannot be read."""
    try:
        return [complex(Reader(text, point).all()) for point in POINTS]
    except (Unsure, ZeroDivisionError, OverflowError, ValueError):
        return None


def near(one, other):
    return all(abs(a - b) <= 1e-10 * max(abs(a), abs(b)) for a, b in zip(one, other))


def differ(one, other):
    """Certainly different: both can be read, and no point has the same value."""
    one, other = value(one), value(other)
    return bool(one and other) and all(abs(a - b) > 1e-6 * max(abs(a), abs(b), 1e-6) for a, b in zip(one, other))


# --- Taking LaTeX apart ------------------------------------------------------------------------------

def plain(gold):
    """No words: nothing in text mode, no currency, no run of letters outside a command."""
    without_commands = re.sub(r"\\(?!text|mbox)[a-zA-Z]+|pmatrix", "", gold)
    return not re.search(r"\\(text|mbox)|\\\$|[a-zA-Z]{3}", without_commands)


def bare(gold):
    return re.sub(r"\\left(?![a-z])|\\right(?![a-z])", "", gold).strip()


def split(text, separators):
    """`text` at its top-level separators, which start the parts they precede."""
    parts, depth = [""], 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        if char in separators and depth == 0:
            parts.append("")
        parts[-1] += char
    return parts


def entries(text):
    """The entries of a top-level comma list."""
    first, *rest = split(text, ",")
    return [part.strip() for part in [first] + [part[1:] for part in rest]]


def container(gold):
    """(opening, entries, closing): of brackets, \\{…\\} or a bare list, or None."""
    if THOUSANDS.fullmatch(gold) or not plain(gold) or "pmatrix" in gold:
        return None
    if gold.startswith(r"\{") and gold.endswith(r"\}") and len(entries(gold)) == 1:
        return r"\{", entries(gold[2:-2]), r"\}"
    if gold[0] in "([" and gold[-1] in ")]" and closes_last(gold) and len(entries(gold[1:-1])) > 1:
        return gold[0], entries(gold[1:-1]), gold[-1]
    return ("", entries(gold), "") if len(entries(gold)) > 1 else None


def closes_last(text):
    """The first bracket is closed by the last one."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if depth == 0:
            return at == len(text) - 1
    return False


def balanced(text):
    """As many round and square brackets open as close: [0,1) counts."""
    return sum(map(text.count, "([")) == sum(map(text.count, ")]"))


def join(opening, parts, closing):
    return f"{opening}{', '.join(parts)}{closing}"


# --- Rewritings: the same mathematics ----------------------------------------------------------------

def rewritings(gold, problem):
    """(name, answer without its \\boxed{}) of every rewriting that certainly fits."""
    yield from numbers(gold)
    maths = plain(gold) and not THOUSANDS.fullmatch(gold)
    if maths and not re.search(r"\d\s+\d", gold):
        yield "spaces_removed", re.sub(r"\s+", lambda space: " " if re.search(r"\\[a-zA-Z]+$", gold[:space.start()])
                                       and re.match("[a-zA-Z]", gold[space.end():]) else "", gold)
    if maths:
        yield "spaces_added", re.sub(r"([=,]|(?<=[\w)}])\s*\+)", r" \1 ", gold)
    if re.search(r"\\frac(?![a-z])", gold):
        yield "dfrac", re.sub(r"\\frac(?![a-z])", r"\\dfrac", gold)
        yield "tfrac", re.sub(r"\\frac(?![a-z])", r"\\tfrac", gold)
    if r"\dfrac" in gold:
        yield "dfrac", gold.replace(r"\dfrac", r"\frac")
    if r"\left" in gold and not re.search(r"\\left[a-z]", gold):
        yield "left_right", bare(gold)
    elif maths and re.search(r"[(\[]", gold) and balanced(gold) and r"\sqrt[" not in gold:
        yield "left_right", re.sub(r"[)\]]", r"\\right\g<0>", re.sub(r"[(\[]", r"\\left\g<0>", gold))
    if re.search(r"\\frac\{\d\}\{\d\}(?!\d)", gold):
        yield "malformed_frac", re.sub(r"\\frac\{(\d)\}\{(\d)\}(?!\s*\d)", r"\\frac\1\2", gold)
    if maths:
        yield from arithmetic(gold)
        yield from orders(gold, problem)


def numbers(gold):
    fraction = FRACTION.fullmatch(gold)
    slash = re.fullmatch(r"(-?\d+)/(\d+)", gold)
    if fraction:
        sign, above, below = fraction.groups()
        if not sign or not above.startswith("-"):
            yield "slash", f"{sign}{above}/{below}"
            exact = Fraction(f"{sign}{above}") / int(below)
            digits = next((n for n in range(13) if (exact * 10**n).denominator == 1), None)
            if digits:
                shown = f"{abs(int(exact * 10**digits)):0{digits + 1}d}"
                yield "decimal", ("-" if exact < 0 else "") + f"{shown[:-digits]}.{shown[-digits:]}"
    elif slash:
        yield "slash", rf"\frac{{{slash[1]}}}{{{slash[2]}}}"
    if INTEGER.fullmatch(gold):
        yield "point_zero", gold + ".0"
        if abs(int(gold)) >= 1000:
            for separator in (",", "{,}", r"\,"):
                yield "thousands", f"{int(gold):,}".replace(",", separator)
    elif NUMBER.fullmatch(gold):
        exact = Fraction(gold)
        sign = "-" if exact < 0 else ""
        yield "decimal", rf"{sign}\frac{{{abs(exact.numerator)}}}{{{exact.denominator}}}"
    if NUMBER.fullmatch(gold):
        yield "unit", gold + r" \text{ cm}"
    if NUMBER.fullmatch(gold) or fraction:
        yield "x_equals", "x=" + gold


def arithmetic(gold):
    """Roots as powers and a written multiplication sign."""
    def power(root):
        before = gold[:root.start()].rstrip()[-1:]
        times = r" \cdot " if before.isdigit() or before in ("}", ")") else ""
        return f"{times}{root[1]}^{{1/2}}" if times or before in ("", *"+-=({[,") else root[0]
    if not re.search(r"\\sqrt(\[|\{[^}]*\}\s*\^)|\\(log|ln|sin|cos|tan)|_", gold):
        rewritten = re.sub(r"\\sqrt\{(\d+)\}", power, gold)
        if rewritten != gold:
            yield "sqrt_as_power", rewritten
    if not re.search(r"\\frac\s*\d|_|\\(log|ln|sin|cos|tan|binom)", gold):
        rewritten = re.sub(r"(\d)\s*(?=\\sqrt|\\pi|[a-zA-Z](?![a-zA-Z]))", r"\1 \\cdot ", gold)
        if rewritten != gold:
            yield "cdot", rewritten


UNSUMMED = re.compile(r"[<>,|&]|\\(begin|pm|mp|in|cup|leq?|geq?|leqslant|geqslant|ne|lfloor|lceil)(?![a-z])")


def orders(gold, problem):
    """The order of terms, of elements and of the parts of a union."""
    inside = bare(gold)
    if inside == gold and gold.count("=") <= 1 and not UNSUMMED.search(gold):
        sides = [reverse_terms(side) for side in gold.split("=")]
        if "=".join(sides) != gold:
            yield "terms_reordered", "=".join(sides)
    held = container(inside)
    if held and held[0] in ("", r"\{"):
        opening, parts, closing = held
        asked_for_all = held[0] or re.search(r"\ball\b", problem)
        alike = len({"=" in part for part in parts}) == 1  # not "x=1, 2"
        if asked_for_all and alike and len(set(parts)) == len(parts):
            turned = join(opening, parts[::-1], closing)
            if not THOUSANDS.fullmatch(turned):
                yield "elements_reordered", turned
    parts = re.split(r"\\cup", inside)
    if len(parts) == 2:
        yield "union_reordered", rf"{parts[1].strip(' .')} \cup {parts[0].strip()}"


def reverse_terms(side):
    """a - b + c as c - b + a."""
    terms = split(side.replace("^-", "^\0"), "+-")
    if "^\0" in "".join(terms) or len(terms) < 2 or any(not term.strip("+- ") for term in terms[1:]):
        return side
    terms = [term.strip() for term in terms if term.strip()]
    if len(terms) < 2:
        return side
    signed = [term if term[0] in "+-" else "+" + term for term in terms][::-1]
    return " ".join(f"{term[0]} {term[1:].strip()}" for term in signed).removeprefix("+ ")


# --- Perturbations: other mathematics ----------------------------------------------------------------

def perturbations(gold, rng):
    """(name, answer without its \\boxed{}) of perturbations whose value is certainly another one."""
    gold = bare(gold)
    degrees = re.fullmatch(r"(\d+)(\^\{?\\circ\}?)", gold)
    based = re.fullmatch(r"(\d*)(\d)(_\{?(\d)\}?)", gold)
    letter = re.fullmatch(r"\\text\{\(([A-E])\)\}", gold)
    equation = re.fullmatch(r"([a-zA-Z](?:\([a-zA-Z]\))?\s*=\s*)([^=,]+)", gold)
    if degrees:
        yield "literal_changed", f"{int(degrees[1]) + rng.choice([-1, 1])}{degrees[2]}"
    elif based:
        yield "literal_changed", f"{based[1]}{(int(based[2]) + 1) % int(based[4])}{based[3]}"
    elif letter:
        yield "choice_changed", rf"\text{{({rng.choice(sorted(set('ABCDE') - set(letter[1])))})}}"
    elif equation:
        for name, changed in scalar(equation[2], rng):
            yield name, equation[1] + changed
    elif THOUSANDS.fullmatch(gold) or not plain(gold) or r"\pm" in gold:
        return
    elif "pmatrix" in gold:
        yield from matrix(gold, rng)
    elif r"\cup" in gold:
        yield from union(gold)
    else:
        prefix = re.match(r"x \\in (?=[(\[])", gold)
        start = prefix[0] if prefix else ""
        held = container(gold[len(start):])
        if held:
            for name, changed in contained(*held, rng):
                yield name, start + changed
        else:
            yield from scalar(gold, rng)


def scalar(gold, rng):
    """One integer changed, the sign flipped, the fraction turned over."""
    for changed in rng_sample(literals(gold, rng), 3, rng):
        yield "literal_changed", changed
    flipped = flip(gold)
    if differ(gold, flipped):
        yield "sign_flipped", flipped
    fraction = FRACTION.fullmatch(gold)
    if fraction and not fraction[2].startswith("-") and fraction[2] != "0":
        inverted = rf"{fraction[1]}\frac{{{fraction[3]}}}{{{fraction[2]}}}"
        if differ(gold, inverted):
            yield "fraction_inverted", inverted


def flip(gold):
    if len(split(gold, "+-")) == 1:
        return "-" + gold
    if gold.startswith("-") and len(split(gold[1:], "+-")) == 1:
        return gold[1:].strip()
    return f"-({gold})"


def literals(gold, rng):
    """`gold` with one of its integers one off or with one digit changed, where that changes the value."""
    if re.search(r"\\frac\s*\d|\\sqrt\s*\d", gold):
        return []
    found = []
    for match in re.finditer(r"\d+", gold):
        old = match[0]
        at = rng.randrange(len(old))
        digit = old[:at] + rng.choice(sorted(set("123456789") - set(old[at]))) + old[at + 1:]
        news = [str(int(old) + 1), str(abs(int(old) - 1)), digit]
        for new in news if old == gold.lstrip("-") else [rng.choice(news)]:
            changed = gold[:match.start()] + new + gold[match.end():]
            if differ(gold, changed):
                found.append(changed)
    return sorted(set(found))


def rng_sample(items, most, rng):
    return sorted(rng.sample(items, min(most, len(items))))


def changed_entry(parts, rng):
    """`parts` with one of them changed, or None."""
    for at in rng.sample(range(len(parts)), len(parts)):
        held = container(parts[at])
        if held:
            inner = changed_entry(held[1], rng)
            options = [join(held[0], inner, held[2])] if inner and held[0] else []
        else:
            options = literals(parts[at], rng) + ([flip(parts[at])] if differ(parts[at], flip(parts[at])) else [])
        options = [option for option in options if option not in parts and not any(
            value(part) and value(option) and not differ(part, option) for part in parts)]
        if options:
            return parts[:at] + [rng.choice(options)] + parts[at + 1:]
    return None


def distinct(parts):
    """Every two parts certainly differ."""
    if all(container(part) for part in parts):
        return len({part.replace(" ", "") for part in parts}) == len(parts)
    return all(differ(one, other) for at, one in enumerate(parts) for other in parts[:at])


def contained(opening, parts, closing, rng):
    """A tuple, an interval, a set or a list of values with one thing about it changed."""
    changed = changed_entry(parts, rng)
    unordered = opening in ("", r"\{")
    if changed and (not unordered or distinct(parts)) and not THOUSANDS.fullmatch(join(opening, changed, closing)):
        yield "entry_changed", join(opening, changed, closing)
    if unordered:
        if distinct(parts) and len(parts) > 1:
            gone = rng.randrange(len(parts))
            yield "element_dropped", join(opening, parts[:gone] + parts[gone + 1:], closing)
            if all(INTEGER.fullmatch(part) for part in parts):
                added = join(opening, parts + [str(max(map(int, parts)) + rng.randint(1, 9))], closing)
                yield "element_added", added
            if all(held and held[0] == "(" for held in map(container, parts)):
                inner = swapped(container(parts[0])[1])
                if inner:
                    yield "entries_swapped", join(opening, [join("(", inner, ")")] + parts[1:], closing)
        return
    if len(parts) == 2:
        flipped = endpoint(opening, parts, closing)
        if flipped:
            yield "endpoint_flipped", flipped
    if (opening, closing) == ("(", ")") and not any(r"\infty" in part for part in parts):
        inner = swapped(parts)
        if inner:
            yield "entries_swapped", join(opening, inner, closing)


def swapped(parts):
    for at in range(len(parts) - 1):
        if differ(parts[at], parts[at + 1]):
            return parts[:at] + [parts[at + 1], parts[at]] + parts[at + 2:]
    return None


def endpoint(opening, parts, closing):
    """A half-open interval from an open or closed one, or the reverse, at a finite end."""
    ends = [value(part) for part in parts]
    if not all(end or r"\infty" in part for end, part in zip(ends, parts)):
        return None
    if all(ends) and not ends[0][0].real < ends[1][0].real:
        return None
    if ends[0]:
        return join({"(": "[", "[": "("}[opening], parts, closing)
    if ends[1]:
        return join(opening, parts, {")": "]", "]": ")"}[closing])
    return None


def union(gold):
    pieces = [part.strip() for part in gold.split(r"\cup")]
    held = container(pieces[0])
    flipped = held and held[0] in ("(", "[") and endpoint(*held)
    if flipped and len(pieces) == 2 and container(pieces[1]):
        yield "endpoint_flipped", rf"{flipped} \cup {pieces[1]}"
        yield "element_dropped", pieces[1]


def matrix(gold, rng):
    """A column vector or matrix of numbers with one number changed."""
    body = re.fullmatch(r"\\begin\{pmatrix\}(.*)\\end\{pmatrix\}", gold)
    if body:
        places = list(re.finditer(r"-?\d+(/\d+)?", body[1]))
        place = rng.choice(places)
        options = literals(place[0], rng)
        if options:
            yield "entry_changed", (r"\begin{pmatrix}" + body[1][:place.start()] + rng.choice(options)
                                    + body[1][place.end():] + r"\end{pmatrix}")


# --- Files -------------------------------------------------------------------------------------------

def boxed(answer):
    return rf"The final answer is $\boxed{{{answer}}}$."


def of_gold(name, row, gold, problem):
    """The labelled pairs of one gold answer."""
    rng = random.Random(f"{name}/{row}")
    seen = set()

    def pair(rewriting, answer, equal):
        number = sum(1 for key in seen if key[0] == rewriting)
        seen.add((rewriting, answer))
        suffix = f"/{number}" if number else ""
        return {"set": name, "id": f"{name}/{row}/{rewriting}{suffix}", "gold": gold, "answer": answer,
                "equal": equal, "rewriting": rewriting}

    yield pair("identity", gold, True)
    yield pair("boxed", rf"Adding these up, we get the answer: \boxed{{{gold}}}", True)
    yield pair("dollars", f"The answer is ${gold}$.", True)
    for rewriting, answer in rewritings(gold, problem):
        if answer == gold or (rewriting, boxed(answer)) in seen:
            continue
        before, after = value(gold), value(answer)
        assert not (before and after) or near(before, after), (rewriting, gold, answer)
        yield pair(rewriting, boxed(answer), True)
    for rewriting, answer in perturbations(gold, rng):
        if (rewriting, boxed(answer)) not in seen:
            assert answer.replace(" ", "") != gold.replace(" ", ""), (rewriting, gold)
            yield pair(rewriting, boxed(answer), False)


def of_gsm8k(path):
    for row, line in enumerate(path.open(encoding="utf-8")):
        problem = json.loads(line)
        gold = problem["ground_truth"].rsplit("A: ", 1)[1].strip()
        for model in MODELS:
            yield {"set": "gsm8k", "id": f"gsm8k/{row}/{model}", "model": model, "gold": gold,
                   "answer": problem[model]["solution"], "equal": problem[model]["is_correct"],
                   "rewriting": model}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=pathlib.Path, help="the folder with the data sets")
    parser.add_argument("out", type=pathlib.Path, help="the JSON lines to write")
    options = parser.parse_args()
    with options.out.open("w", encoding="utf-8") as out:
        def write(pair):
            out.write(json.dumps(pair, ensure_ascii=False) + "\n")
        for name in SETS:
            for row, line in enumerate((options.data / name / "test.jsonl").open(encoding="utf-8")):
                problem = json.loads(line)
                for pair in of_gold(name, row, str(problem["answer"]), problem["problem"]):
                    write(pair)
        for pair in of_gsm8k(options.data / "gsm8k" / "model_solutions.jsonl"):
            write(pair)


if __name__ == "__main__":
    main()
