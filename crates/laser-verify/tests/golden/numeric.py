#!/usr/bin/env python3
"""Golden values for tests/numeric.rs: writes numeric.jsonl next to this script. Needs mpmath.

An expression is a JSON tree, read here and by the test alike: an integer, the name of a constant
or variable, or [operator, argument, ...]. The variables are exact rationals, POINT below.
Run it as: python3 tests/golden/numeric.py
"""

import json
import pathlib

from mpmath import mp, mpc, mpf

mp.dps = 400

POINT = {"x": ("3/7", "0"), "y": ("-5/2", "0"), "z": ("2/3", "-5/4"), "w": ("-7/5", "1/9")}


def rational(text):
    above, _, below = text.partition("/")
    return mpf(above) / mpf(below or 1)


CONSTANTS = {"pi": mp.pi, "e": mp.e, "i": mpc(0, 1)}
CONSTANTS |= {k: mpc(rational(re), rational(im)) for k, (re, im) in POINT.items()}

FUNCTIONS = {
    "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "cot": mp.cot, "sec": mp.sec, "csc": mp.csc,
    "arcsin": mp.asin, "arccos": mp.acos, "arctan": mp.atan,
    "arccot": lambda z: mp.pi / 2 - mp.atan(z),
    "arcsec": lambda z: mp.acos(1 / z), "arccsc": lambda z: mp.asin(1 / z),
    "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh, "coth": mp.coth, "sech": mp.sech,
    "csch": mp.csch, "arsinh": mp.asinh, "arcosh": mp.acosh, "artanh": mp.atanh, "exp": mp.exp,
    "log": lambda z, b=None: mp.log(z) if b is None else mp.log(z) / mp.log(b),
    "abs": mp.fabs, "arg": mp.arg, "re": mp.re, "im": mp.im, "conj": mp.conj,
    "floor": mp.floor, "ceil": mp.ceil, "factorial": mp.factorial, "double": mp.fac2,
    "binomial": mp.binomial, "mod": lambda a, b: mp.mpf(mp.re(a)) % mp.re(b),
    "max": lambda *a: max(map(mp.re, a)), "min": lambda *a: min(map(mp.re, a)),
    "sign": mp.sign, "-": lambda z: -z, "/": lambda a, b: a / b,
    "percent": lambda z: z / 100, "degrees": lambda z: z * mp.pi / 180,
    "+": lambda *a: mp.fsum(a), "*": lambda *a: mp.fprod(a),
}  # fmt: skip


def value(tree, real, scope):
    if isinstance(tree, int):
        return mpf(tree)
    if isinstance(tree, str):
        return scope[tree] if tree in scope else +CONSTANTS[tree]
    name, *arguments = tree
    if name in ("sum", "prod"):
        variable, lower, upper, body = arguments
        terms = [value(body, real, {**scope, variable: mpf(k)}) for k in range(lower, upper + 1)]
        return mp.fsum(terms) if name == "sum" else mp.fprod(terms)
    arguments = [value(a, real, scope) for a in arguments]
    if name == "root":
        z, n = arguments
        if real and mp.re(z) < 0 and n % 2 == 1:
            return -mp.root(-z, int(n))
        return mp.exp(mp.log(z) / n) if z else mpf(0)
    if name == "^":
        z, n = arguments
        if mp.isint(n):
            return mp.mpmathify(z) ** int(mp.re(n))
        if real and mp.re(z) < 0:  # used with the exponent 2/3 only
            return mp.exp(mp.log(-z) * n)
        return mp.exp(n * mp.log(z))
    return FUNCTIONS[name](*arguments)


def sqrt(tree):
    return ["root", tree, 2]


REAL = [
    ["/", sqrt(["+", sqrt(11), sqrt(194)]), ["+", 15, ["*", 2, sqrt(33)]]],
    "pi", "e", sqrt(2), ["root", -8, 3], ["root", ["-", 20], 3], ["root", 7, 5], ["root", 3, 17],
    ["root", ["^", 10, 50], 7], ["^", -8, ["/", 2, 3]], ["^", 2, ["/", 1, 2]],
    ["^", "pi", "e"], ["^", "e", "pi"], ["^", "x", "y"], ["^", 3, 100], ["^", "pi", 1000],
    ["^", "pi", -1000], ["^", ["+", 1, ["/", 1, 1000]], 1000], ["^", 2, ["^", 10, -12]],
    ["sin", 1], ["cos", 1], ["tan", 1], ["cot", "x"], ["sec", "x"], ["csc", "y"],
    ["sin", ["/", 22, 7]], ["sin", ["^", 10, 30]], ["cos", ["-", ["^", 10, 40]]],
    ["sin", ["^", 10, -40]], ["tan", ["^", 7, -50]], ["cos", ["^", 10, -40]],
    ["sin", ["degrees", 30]], ["cos", ["/", "pi", 7]], ["tan", ["/", "pi", 3]], ["sin", "y"],
    ["arcsin", "x"], ["arccos", "x"], ["arctan", "x"], ["arccot", "x"], ["arccot", "y"],
    ["arcsec", "y"], ["arccsc", "y"], ["arctan", ["^", 10, 30]], ["arctan", ["^", 10, -30]],
    ["arcsin", ["/", 99999, 100000]], ["arccos", ["/", -99999, 100000]], ["arctan", "y"],
    ["arcsin", ["^", 3, -60]], ["arctan", ["-", ["/", 9, 10]]], ["arccos", ["/", 1, 2]],
    ["sinh", "x"], ["cosh", "y"], ["tanh", "x"], ["coth", "y"], ["sech", "x"], ["csch", "y"],
    ["sinh", ["^", 10, -30]], ["tanh", 50], ["sinh", -300],
    ["arsinh", "y"], ["arsinh", ["^", 10, -20]], ["arcosh", 3], ["arcosh", ["/", 1001, 1000]],
    ["artanh", "x"], ["artanh", ["^", 10, -25]],
    ["exp", "y"], ["exp", ["^", 10, -20]], ["exp", 100000], ["exp", ["-", 5000]],
    ["log", 2], ["log", "x"], ["log", ["+", 1, ["^", 10, -30]]], ["log", ["^", 10, 300]],
    ["log", 10, 2], ["log", 27, 9], ["log", ["/", 3, 4]], ["log", ["/", 3, 2]],
    ["abs", ["+", "pi", -4]], ["floor", ["*", 1000, "pi"]], ["ceil", ["exp", 10]],
    ["floor", ["-", ["/", 7, 2]]], ["mod", ["exp", 5], "pi"], ["mod", -7, 3], ["max", "pi", "e", 3],
    ["min", sqrt(2), ["/", 7, 5]], ["sign", ["+", "e", -3]], ["factorial", 50], ["double", 15],
    ["binomial", 100, 37], ["percent", 28], ["sum", "k", 1, 60, ["/", 1, ["^", "k", 2]]],
    ["prod", "k", 1, 20, ["cos", ["/", 1, "k"]]], ["sum", "k", 0, 40, ["/", 1, ["factorial", "k"]]],
    ["+", ["root", ["+", 10, ["*", 6, sqrt(3)]], 3], ["root", ["+", 10, ["-", ["*", 6, sqrt(3)]]], 3]],
    ["+", ["^", "x", 3], ["*", -2, "x", "y"], ["/", 1, "y"]],
]  # fmt: skip

COMPLEX = [
    ["*", "z", "w"], ["/", "z", "w"], ["^", "z", 7], ["^", "w", -20], ["^", "z", "w"],
    ["^", "i", "i"], ["^", -2, ["/", 1, 3]], ["^", "w", ["/", 2, 5]], ["^", "z", sqrt(2)],
    sqrt("z"), sqrt("w"), sqrt(-2), sqrt(["*", 2, "i"]), ["root", "w", 3], ["root", -5, 4],
    ["exp", "z"], ["exp", ["*", "i", "pi"]], ["exp", ["*", 100, "w"]], ["log", "z"], ["log", "w"],
    ["log", -3], ["log", "i"], ["log", ["-", "i"]], ["log", "z", "w"],
    ["sin", "z"], ["cos", "z"], ["tan", "w"], ["cot", "z"], ["sec", "w"], ["csc", "z"],
    ["sinh", "z"], ["cosh", "w"], ["tanh", "z"], ["coth", "w"], ["sech", "z"], ["csch", "w"],
    ["sin", ["*", "i", 2]], ["tan", ["*", 50, "w"]],
    ["arcsin", "z"], ["arccos", "w"], ["arctan", "z"], ["arctan", "w"], ["arccot", "z"],
    ["arcsec", "w"], ["arccsc", "z"], ["arsinh", "z"], ["arsinh", "w"], ["arcosh", "z"],
    ["arcosh", "w"], ["artanh", "z"], ["artanh", "w"], ["arsinh", ["*", 1000000, "w"]],
    ["arcsin", ["*", 1000, "z"]], ["arctan", ["*", 2, "i"]], ["arccos", "x"], ["arcosh", "x"],
    ["abs", "z"], ["arg", "w"], ["re", ["^", "z", 2]], ["im", ["exp", "w"]], ["conj", "z"],
    ["sum", "k", 0, 30, ["/", ["^", "z", "k"], ["factorial", "k"]]],
]  # fmt: skip

# Written long enough for 1024 bits.
LONG = ["pi", "e", ["sin", 1], ["log", 2], ["arctan", "x"], ["exp", "y"], ["arcsin", "z"], ["tan", "w"],
        ["^", "z", "w"], ["root", 7, 5], ["log", "z"], ["tanh", "x"], ["sin", ["^", 10, 30]],
        ["arccos", ["/", -99999, 100000]], sqrt("w")]  # fmt: skip


def main():
    path = pathlib.Path(__file__).with_name("numeric.jsonl")
    with path.open("w", encoding="utf-8") as out:
        for domain, trees in (("real", REAL), ("complex", COMPLEX)):
            for tree in trees:
                digits = 325 if tree in LONG else 60
                result = mp.mpc(value(tree, domain == "real", {}))
                row = {"domain": domain, "tree": tree, "digits": digits}
                for name, part in (("re", result.real), ("im", result.imag)):
                    row[name] = mp.nstr(part, digits, min_fixed=1, max_fixed=0)
                print(json.dumps(row, separators=(",", ":")), file=out)


if __name__ == "__main__":
    main()
