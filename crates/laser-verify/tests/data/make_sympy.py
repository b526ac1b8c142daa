"""Write sympy.jsonl: pairs of answers whose truth SymPy knows. Deterministic. Run:

    python tests/data/make_sympy.py tests/data/sympy.jsonl      # SymPy 1.14

A pair is an expression and a rewritten form of it (equal), or a form of it with one thing changed
(different). Pairs of formulas made by `pair` are checked numerically before they are written: equal
ones agree to 1e-12 at six points, changed ones differ by more than 1e-6 of the value at one. The
others (written by `put`) are right by the way they are built: a value that SymPy computed, or a
known identity, set or solution, against text for it.
"""

import json
import random
import sys

import sympy as sp
from sympy import E, I, Rational as R, cos, cot, exp, latex, log, pi, sin, sqrt, tan

x, y, a, b = sp.symbols("x y a b", real=True)
n, k, m = sp.symbols("n k m", positive=True, integer=True)
p, q = sp.symbols("p q", positive=True)

# Pairs of a kind and a truth, to keep the file small.
MOST = {"trig": 24, "sum": 40,
        "fraction/partial": 7, "radical/known": 20}

rng = random.Random(20250722)
out = []
seen = set()


def tex(expr, **options):
    return expr if isinstance(expr, str) else latex(expr, **options)


def put(kind, gold, answer, equal):
    gold, answer = tex(gold), tex(answer)
    # "Different" means different as mathematics, never only as text.
    if (gold, answer) in seen or gold == answer or len(gold + answer) > 320:
        return
    seen.add((gold, answer))
    out.append({"kind": kind, "gold": gold, "answer": answer, "equal": equal})


def points(names):
    for _ in range(6):
        yield {s: rng.randint(3, 12) if s.is_integer else
               R(rng.randint(1, 40) if s.is_positive else rng.randint(-40, 40) or 7, 13) for s in names}


def same(left, right):
    """Whether the two agree; None where a value is missing everywhere."""
    names = sorted(left.free_symbols | right.free_symbols, key=str)
    looked = False
    for point in points(names) if names else [{}]:
        try:
            l, r = (sp.N(side.subs(point).doit(), 40) for side in (left, right))
            l, r = complex(l), complex(r)
        except (TypeError, ValueError):
            continue
        if l != l or r != r:
            continue
        looked = True
        difference = abs(l - r)
        if difference > 1e-6 * max(1e-3, abs(l)):
            return False
        if difference > 1e-12 * max(1, abs(l)):
            return None
    return True if looked else None


def pair(kind, gold, answer, wrong=(), write=tex):
    """A rewritten form, and wrong ones, each confirmed."""
    if same(gold, answer) is True:
        put(kind, write(gold), write(answer), True)
    for other in wrong:
        if same(gold, other) is False:
            put(kind, write(gold), write(other), False)


def nonzero(limit):
    return rng.choice([-1, 1]) * rng.randint(1, limit)


def perturb(expr):
    """The expression with one integer in it moved by one, or with one function swapped."""
    swaps = {sin: cos, cos: sin, tan: cot, log: exp}
    spots = [s for s in sp.preorder_traversal(expr) if (s.is_Integer and s not in (-1,)) or s.func in swaps]
    if not spots:
        return expr + 1
    spot = rng.choice(spots)
    new = spot + rng.choice([-1, 1]) if spot.is_Integer else swaps[spot.func](*spot.args)
    state = [False]

    def walk(node):
        if node == spot and not state[0]:
            state[0] = True
            return new
        if not node.args:
            return node
        return node.func(*[walk(arg) for arg in node.args])

    try:
        return walk(expr)
    except (ValueError, ZeroDivisionError, TypeError):
        return expr + 1


# ------------------------------------------------------------------ numbers


def rationals():
    for _ in range(25):
        r = R(nonzero(90), rng.randint(2, 60))
        if r.q == 1:
            continue
        factor = rng.randint(2, 9)
        put("rational", r, rf"\frac{{{r.p * factor}}}{{{r.q * factor}}}", True)
        put("rational", r, f"{r.p}/{r.q}", True)
        put("rational", r, rf"\frac{{{r.p + 1}}}{{{r.q}}}", False)
        if abs(r) > 1 and r.q > 1 and r > 0:
            whole = r.p // r.q
            put("rational/mixed", r, rf"{whole}\frac{{{r.p - whole * r.q}}}{{{r.q}}}", True)
        decimal = R(nonzero(999), 10 ** rng.randint(1, 3))
        if decimal.q != 1:
            put("rational/decimal", decimal, str(float(decimal)), True)
            put("rational/decimal", decimal, str(round(float(decimal) + 0.001, 4)), False)


def radicals():
    for _ in range(25):
        a_, b_, c_ = nonzero(7), nonzero(5), rng.choice([2, 3, 5, 6, 7, 11])
        nested = a_ ** 2 + b_ ** 2 * c_
        value = abs(a_ + b_ * sqrt(c_))
        value = value if value.is_positive is not False else -value
        inner = sp.expand((a_ + b_ * sqrt(c_)) ** 2)
        write = rf"\sqrt{{{latex(inner)}}}"
        denested = sp.sqrtdenest(sqrt(inner))
        put("radical/nested", denested, write, True)
        put("radical/nested", denested, rf"\sqrt{{{latex(inner + 1)}}}", False)
        d_ = rng.choice([2, 3, 5, 7])
        gold = R(nonzero(6), rng.randint(1, 6)) / (a_ + b_ * sqrt(d_))
        pair("radical/rationalised", gold, sp.radsimp(gold), [perturb(sp.radsimp(gold))])
        gold = sum(nonzero(5) * sqrt(rng.choice([2, 3, 5])) * rng.randint(1, 4) for _ in range(3)) + nonzero(5)
        square = sp.expand(gold ** 2)
        put("radical/square", square, rf"\left({latex(gold)}\right)^{{2}}", True)
        put("radical/square", square, rf"\left({latex(-gold + 1)}\right)^{{2}}",
            same(square, (1 - gold) ** 2) is True)
        root = rng.choice([3, 4, 5])
        base = rng.randint(2, 9)
        put("radical/index", sp.root(base, root) * 2, rf"\sqrt[{root}]{{{base * 2 ** root}}}", True)
        put("radical/index", sp.root(base, root) * 2, rf"\sqrt[{root}]{{{base * 2 ** root + 1}}}", False)
    for left, right, truth in [
        (sp.cbrt(2 + sqrt(5)), (1 + sqrt(5)) / 2, True), (sp.cbrt(7 + 5 * sqrt(2)), 1 + sqrt(2), True),
        (sp.cbrt(2 + sqrt(5)), (1 + sqrt(5)) / 3, False),
        (sqrt(2 + sqrt(3)), (sqrt(6) + sqrt(2)) / 2, True), (sqrt(2 - sqrt(3)), (sqrt(6) - sqrt(2)) / 2, True),
        (sqrt(2 - sqrt(3)), (sqrt(6) + sqrt(2)) / 2, False),
        (sin(pi / 5), sqrt(10 - 2 * sqrt(5)) / 4, True), (cos(pi / 5), (1 + sqrt(5)) / 4, True),
        (sin(pi / 8), sqrt(2 - sqrt(2)) / 2, True), (tan(pi / 8), sqrt(2) - 1, True),
        (tan(pi / 12), 2 - sqrt(3), True), (tan(pi / 12), 2 + sqrt(3), False),
        (sin(pi / 18) * sin(5 * pi / 18) * sin(7 * pi / 18), R(1, 8), True),
        (cos(pi / 7) - cos(2 * pi / 7) + cos(3 * pi / 7), R(1, 2), True),
        (cos(pi / 7) - cos(2 * pi / 7) + cos(3 * pi / 7), R(1, 3), False),
    ]:
        with sp.evaluate(False):
            put("radical/known", right, left, truth)
    for _ in range(15):
        r, t = R(rng.randint(1, 9), rng.randint(2, 5)), R(rng.randint(1, 9), rng.randint(2, 5))
        put("power/rational", p ** (r + t), rf"p^{{{latex(r)}}} \cdot p^{{{latex(t)}}}", True)
        # (p^2)^(3/2) is |p|^3 where nobody says that p is positive.
        if r.p % 2:
            put("power/rational", p ** (r * t), rf"\left(p^{{{latex(r)}}}\right)^{{{latex(t)}}}", True)
        if r * t != r + t:
            put("power/rational", p ** (r + t), rf"p^{{{latex(r)}}} \cdot p^{{{latex(t + 1)}}}", False)
        base = rng.choice([2, 3, 5])
        c = rng.randint(1, 4)
        put("power/symbolic", base ** (n + c), rf"{base ** c} \cdot {base}^{{n}}", True)
        put("power/symbolic", base ** (n + c), rf"{base ** c + 1} \cdot {base}^{{n}}", False)
        put("power/symbolic", (base ** 2) ** n, rf"{base}^{{2n}}", True)
        put("power/symbolic", R(1, base) ** n, rf"{base}^{{-n}}", True)


def complexes():
    for _ in range(25):
        z = nonzero(6) + nonzero(6) * I
        w = nonzero(5) + nonzero(5) * I
        quotient = sp.expand_complex(z / w)
        put("complex/quotient", quotient, rf"\frac{{{latex(z)}}}{{{latex(w)}}}", True)
        put("complex/quotient", quotient, rf"\frac{{{latex(sp.conjugate(z))}}}{{{latex(w)}}}",
            sp.expand_complex(sp.conjugate(z) / w) == quotient)
        product = sp.expand(z * w)
        put("complex/product", product, rf"\left({latex(z)}\right)\left({latex(w)}\right)", True)
        angle = R(rng.randint(1, 11), 6)
        radius = rng.randint(1, 6)
        polar = sp.expand_complex(radius * exp(I * pi * angle))
        put("complex/polar", polar, rf"{radius} e^{{{latex(angle * pi)} i}}", True)
        put("complex/polar", polar, rf"{radius}\left(\cos {latex(angle * pi)} + i \sin {latex(angle * pi)}\right)", True)
        put("complex/polar", polar, rf"{radius}\left(\cos {latex(angle * pi)} - i \sin {latex(angle * pi)}\right)",
            angle == 1)
        put("complex/modulus", abs(z), rf"\left|{latex(z)}\right|", True)
        put("complex/power", sp.expand(z ** 3), rf"\left({latex(z)}\right)^{{3}}", True)
        put("complex/power", sp.expand(z ** 3) + 1, rf"\left({latex(z)}\right)^{{3}}", False)


def logarithms():
    for _ in range(15):
        u, v, c = rng.randint(2, 9), rng.randint(2, 9), rng.randint(2, 4)
        pair("log", log(u * v ** c), log(u) + c * log(v, evaluate=False),
             [log(u) + (c + 1) * log(v), log(u) - c * log(v)])
        put("log/base", R(c), rf"\log_{{{u}}} {u ** c}", True)
        put("log/base", R(c), rf"\log_{{{u}}} {u ** c + 1}", False)
        put("log/base", log(u) / log(u + v), rf"\frac{{1}}{{\log_{{{u}}} {u + v}}}", True)
        put("log/base", log(u) / log(u + v), rf"\log_{{{u}}} {u + v}", False)
        pair("log/symbolic", log(p * q ** c), log(p) + c * log(q), [c * log(p) + log(q)])
        pair("log/symbolic", log(p / q), log(p) - log(q), [log(p) + log(q)])
        pair("exp", exp(c * x + u), exp(u) * exp(x) ** c, [exp(u) * exp(x) ** (c + 1), exp(x ** c + u)])
        put("exp", u ** c, rf"e^{{{c} \ln {u}}}", True)
        put("exp", u ** c, rf"e^{{{c + 1} \ln {u}}}", False)
        pair("exp/hyperbolic", sp.sinh(x), (exp(x) - exp(-x)) / 2, [(exp(x) + exp(-x)) / 2])
        pair("exp/hyperbolic", sp.cosh(c * x), (exp(c * x) + exp(-c * x)) / 2, [(exp(c * x) - exp(c * x)) / 2])


# ----------------------------------------------------------------- formulas


def polynomials():
    for _ in range(30):
        factors = [nonzero(4) * x + nonzero(7) for _ in range(rng.randint(2, 4))]
        product = sp.Mul(*factors, evaluate=False)
        expanded = sp.expand(sp.Mul(*factors))
        pair("polynomial", expanded, product, [perturb(sp.Mul(*factors)), perturb(expanded)])
        if rng.random() < 0.5:
            put("polynomial/plain", expanded, str(product), True)
            put("polynomial/plain", expanded, str(perturb(expanded)), False)
        f = nonzero(4) * x ** 2 + nonzero(5) * x * y + nonzero(6) * y ** 2 + nonzero(3)
        g = nonzero(3) * x - nonzero(5) * y
        pair("polynomial/two", sp.expand(f * g), f * g, [f * (g + 1), perturb(sp.expand(f * g))])
        shuffled = list(sp.Add.make_args(sp.expand(f * g)))
        rng.shuffle(shuffled)
        text = " + ".join(f"({latex(term)})" for term in shuffled)
        put("polynomial/order", sp.expand(f * g), text, True)
        r = sp.Add(*[R(nonzero(5), 1) / (x - root) for root in rng.sample(range(-5, 6), 3)])
        pair("fraction/partial", sp.together(r), r, [perturb(r)])
        pair("fraction/cancel", sp.factor(sp.together(r)), sp.expand(sp.numer(sp.together(r))) / sp.expand(sp.denom(sp.together(r))),
             [perturb(sp.factor(sp.together(r)))])
        if rng.random() < 0.3:
            put("fraction/plain", sp.together(r), str(r), True)


def trigonometry():
    laws = [
        lambda u, v: (sin(2 * u), 2 * sin(u) * cos(u), [2 * sin(u), sin(u) * cos(u)]),
        lambda u, v: (cos(2 * u), 1 - 2 * sin(u) ** 2, [1 - 2 * cos(u) ** 2, 1 - sin(u) ** 2]),
        lambda u, v: (cos(2 * u), 2 * cos(u) ** 2 - 1, [2 * cos(u) ** 2 + 1]),
        lambda u, v: (sin(u) ** 2, (1 - cos(2 * u)) / 2, [(1 + cos(2 * u)) / 2]),
        lambda u, v: (sin(u) + sin(v), 2 * sin((u + v) / 2) * cos((u - v) / 2), [2 * cos((u + v) / 2) * sin((u - v) / 2)]),
        lambda u, v: (cos(u) - cos(v), -2 * sin((u + v) / 2) * sin((u - v) / 2), [2 * sin((u + v) / 2) * sin((u - v) / 2)]),
        lambda u, v: (sin(u) * cos(v), (sin(u + v) + sin(u - v)) / 2, [(sin(u + v) - sin(u - v)) / 2]),
        lambda u, v: (sin(3 * u), 3 * sin(u) - 4 * sin(u) ** 3, [3 * sin(u) + 4 * sin(u) ** 3]),
        lambda u, v: (tan(u) ** 2 + 1, sp.sec(u) ** 2, [sp.csc(u) ** 2, sp.sec(u)]),
        lambda u, v: (tan(2 * u), 2 * tan(u) / (1 - tan(u) ** 2), [2 * tan(u) / (1 + tan(u) ** 2)]),
        lambda u, v: (tan(u / 2), sin(u) / (1 + cos(u)), [sin(u) / (1 - cos(u))]),
        lambda u, v: (tan(u / 2), (1 - cos(u)) / sin(u), [(1 + cos(u)) / sin(u)]),
        lambda u, v: (sin(u + pi / 6), sqrt(3) * sin(u) / 2 + cos(u) / 2, [sqrt(3) * cos(u) / 2 + sin(u) / 2]),
        lambda u, v: (sqrt(2) * sin(u + pi / 4), sin(u) + cos(u), [sin(u) - cos(u)]),
        lambda u, v: (cos(u) ** 4 - sin(u) ** 4, cos(2 * u), [sin(2 * u)]),
        lambda u, v: (cot(u), cos(u) / sin(u), [sin(u) / cos(u)]),
    ]
    for law in laws:
        for u, v in [(x, y), (2 * x, 3 * x), (a, 2 * b)]:
            with sp.evaluate(False):
                left, right, wrong = law(u, v)
            pair("trig", left, right, wrong)
            if u == x and rng.random() < 0.5:
                put("trig/plain", left, str(right), True)
    for left, right in [(sp.atan(x) + sp.acot(x), pi / 2), (sp.asin(R(1, 2)), pi / 6), (sp.asin(x) + sp.acos(x), pi / 2),
                        (4 * sp.atan(R(1, 5)) - sp.atan(R(1, 239)), pi / 4), (sp.atan(2) + sp.atan(3), 3 * pi / 4),
                        (sp.sin(sp.acos(x)), sqrt(1 - x ** 2)), (sp.cos(sp.atan(x)), 1 / sqrt(1 + x ** 2)),
                        (sp.acos(R(1, 3)), pi - sp.acos(-R(1, 3)))]:
        put("trig/inverse", right, left, True)
        put("trig/inverse", right + 1, left, False)


# ----------------------------------------------------- counting, sums, calculus


def sums():
    cases = [
        (r"\sum_{k=1}^{n} k", n * (n + 1) / 2), (r"\sum_{k=1}^{n} k^2", n * (n + 1) * (2 * n + 1) / 6),
        (r"\sum_{k=1}^{n} k^3", n ** 2 * (n + 1) ** 2 / 4), (r"\sum_{k=0}^{n} 2^k", 2 ** (n + 1) - 1),
        (r"\sum_{k=1}^{n} (2k-1)", n ** 2), (r"\sum_{k=0}^{n} \binom{n}{k}", 2 ** n),
        (r"\sum_{k=1}^{n} \frac{1}{k(k+1)}", n / (n + 1)), (r"\sum_{k=0}^{n} k \binom{n}{k}", n * 2 ** (n - 1)),
        (r"\prod_{k=1}^{n} k", sp.factorial(n)), (r"\prod_{k=1}^{n} \frac{k+1}{k}", n + 1),
        (r"\sum_{k=1}^{n} k \cdot k!", sp.factorial(n + 1) - 1), (r"\binom{n}{2}", n * (n - 1) / 2),
        (r"\binom{n}{3}", n * (n - 1) * (n - 2) / 6), (r"\frac{(n+1)!}{n!}", n + 1), (r"\frac{n!}{(n-2)!}", n * (n - 1)),
        (r"\binom{2n}{n}", sp.factorial(2 * n) / sp.factorial(n) ** 2), (r"\binom{n}{2}+\binom{n}{1}", n * (n + 1) / 2),
        (r"\cos(n\pi)", (-1) ** n), (r"(-1)^{2n}", sp.Integer(1)), (r"(-1)^{n+2}", (-1) ** n),
        (r"\frac{1+(-1)^n}{2}", (1 + cos(pi * n)) / 2),
    ]
    for text, closed in cases:
        put("sum", closed, text, True)
        put("sum", text, closed, True)
        put("sum", sp.factor(closed + 1) if closed.is_polynomial() else closed + 1, text, False)
        put("sum", closed.subs(n, n + 2) + 1, text, False)
    for _ in range(15):
        lo, hi, c = rng.randint(0, 3), rng.randint(5, 12), rng.randint(1, 4)
        value = sp.summation(c * k ** 2 + k, (k, lo, hi))
        put("sum/number", value, rf"\sum_{{k={lo}}}^{{{hi}}} \left({c} k^2 + k\right)", True)
        put("sum/number", value, rf"\sum_{{k={lo}}}^{{{hi + 1}}} \left({c} k^2 + k\right)", False)
        put("counting", sp.binomial(hi, lo + 1), rf"\binom{{{hi}}}{{{lo + 1}}}", True)
        put("counting", sp.binomial(hi, lo + 1), rf"\frac{{{hi}!}}{{{lo + 1}! \cdot {hi - lo - 1}!}}", True)
        put("counting", sp.binomial(hi, lo + 1), rf"\frac{{{hi}!}}{{{lo + 1}!}}", sp.factorial(hi - lo - 1) == 1)
        f = nonzero(4) * x ** 3 + nonzero(5) * x + nonzero(6)
        value = sp.integrate(f, (x, lo, hi))
        put("integral", value, rf"\int_{{{lo}}}^{{{hi}}} \left({latex(f)}\right) \, dx", True)
        put("integral", value, rf"\int_{{{lo}}}^{{{hi}}} \left({latex(f + 1)}\right) \, dx", False)
        put("integral/symbolic", sp.expand(sp.integrate(f, (x, 0, a))), rf"\int_{{0}}^{{a}} \left({latex(f)}\right) dx", True)
        g = (nonzero(4) * x ** 2 + nonzero(5) * x + 1) / (nonzero(4) * x ** 2 + nonzero(3))
        put("limit", sp.limit(g, x, sp.oo), rf"\lim_{{x \to \infty}} {latex(g)}", True)
        put("limit", sp.limit(g, x, sp.oo) + 1, rf"\lim_{{x \to \infty}} {latex(g)}", False)
        h = sp.expand((x - lo) * (x + c)) / (x - lo)
        put("limit", lo + c, rf"\lim_{{x \to {lo}}} {latex(h)}", True)
        put("limit", lo + c + 1, rf"\lim_{{x \to {lo}}} {latex(h)}", False)


def matrices():
    for _ in range(12):
        A = sp.Matrix(2, 2, lambda *_: nonzero(5))
        B = sp.Matrix(2, 2, lambda *_: nonzero(5))
        put("matrix/product", A * B, latex(A) + latex(B), True)
        put("matrix/product", A * B, latex(B) + latex(A), A * B == B * A)
        put("matrix/sum", A + 2 * B, latex(A) + "+ 2" + latex(B), True)
        wrong = A + 2 * B
        wrong[1, 0] += 1
        put("matrix/sum", wrong, latex(A) + "+ 2" + latex(B), False)
        put("matrix/power", A ** 2, latex(A) + "^{2}", True)
        put("matrix/transpose", A.T, latex(A) + "^{T}", True)
        put("matrix/transpose", A, latex(A) + "^{T}", A == A.T)
        C = sp.Matrix(3, 3, lambda *_: nonzero(4))
        put("matrix/determinant", C.det(), rf"\det {latex(C)}", True)
        put("matrix/determinant", C.det(), latex(C, mat_delim="", mat_str="vmatrix"), True)
        put("matrix/determinant", C.det() + 1, rf"\det {latex(C)}", False)
        if A.det():
            put("matrix/inverse", A.inv(), latex(A) + "^{-1}", True)
            put("matrix/inverse", A.inv(), rf"\frac{{1}}{{{A.det()}}}" + latex(A.adjugate()), True)
            put("matrix/inverse", A.inv(), rf"\frac{{1}}{{{A.det() + 1 or 7}}}" + latex(A.adjugate()), False)
        v = [nonzero(9) for _ in range(3)]
        column = sp.Matrix(v)
        put("matrix/vector", column, "(" + ", ".join(map(str, v)) + ")", True)
        put("matrix/vector", "(" + ", ".join(map(str, v)) + ")", rf"\langle {v[0]}, {v[1]}, {v[2]} \rangle", True)
        if v[0] != v[1]:
            put("matrix/vector", column, f"({v[1]}, {v[0]}, {v[2]})", False)


# -------------------------------------------------------- sets and relations


def interval(low, high, left, right):
    return ("(" if left else "[") + f"{tex(low)}, {tex(high)}" + (")" if right else "]")


def sets():
    oo = r"\infty"
    for _ in range(20):
        items = rng.sample(range(-9, 10), rng.randint(2, 4))
        gold = sp.FiniteSet(*items)
        rng.shuffle(items)
        text = ", ".join(map(str, items))
        put("set", gold, rf"\{{{text}\}}", True)
        put("set", gold, text, True)
        put("set", gold, ", ".join(f"x={item}" for item in items), True)
        put("set", gold, rf"\{{{', '.join(map(str, items[1:]))}\}}", False)
        put("set", gold, rf"\{{{text}, 11\}}", False)
        c, d = sorted(rng.sample(range(-9, 10), 2))
        if d - c < 3:
            d = c + 3
        put("interval", interval(c, d, 1, 0), rf"\left({2 * c}/2, {latex(sqrt(d * d) if d > 0 else sp.Integer(d))}\right]", True)
        put("interval", interval(c, d, 1, 0), interval(c, d, 0, 0), False)
        put("interval", interval(c, d, 0, 0), interval(c, d, 1, 1), False)
        put("interval/union", interval(c, c + 2, 0, 0) + r"\cup" + interval(c + 1, d, 1, 0), interval(c, d, 0, 0), True)
        put("interval/union", interval(c, c + 2, 0, 1) + r"\cup" + interval(c + 2, d, 1, 0), interval(c, d, 0, 0), False)
        put("interval/minus", rf"(-{oo}, {c}) \cup ({c}, {oo})", rf"\mathbb{{R}} \setminus \{{{c}\}}", True)
        put("interval/minus", rf"(-{oo}, {c}) \cup ({c}, {oo})", rf"\mathbb{{R}} \setminus \{{{c + 1}\}}", False)
        put("interval/meet", interval(c, d, 0, 1) + r"\cap" + interval(c + 1, d + 3, 0, 0), interval(c + 1, d, 0, 1), True)
        # Inequalities as gold, their solution as answer.
        s = rng.randint(1, 5)
        put("inequality/linear", f"{latex(s * x + s * c)} > 0", rf"({-c}, {oo})", True)
        put("inequality/linear", rf"{s}x \le {s * c}", rf"(-{oo}, {c}]", True)
        put("inequality/linear", rf"{s}x \le {s * c}", rf"(-{oo}, {c})", False)
        put("inequality/linear", rf"-{s}x < {s * c}", f"x > {-c}", True)
        put("inequality/linear", rf"-{s}x < {s * c}", f"x < {-c}", False)
        quadratic = latex(sp.expand((x - c) * (x - d)))
        put("inequality/quadratic", f"{quadratic} < 0", interval(c, d, 1, 1), True)
        put("inequality/quadratic", rf"{quadratic} \le 0", interval(c, d, 0, 0), True)
        put("inequality/quadratic", rf"{quadratic} \le 0", interval(c, d, 1, 1), False)
        put("inequality/quadratic", rf"{quadratic} \ge 0", rf"(-{oo}, {c}] \cup [{d}, {oo})", True)
        put("inequality/quadratic", rf"{quadratic} > 0", rf"x < {c} \text{{ or }} x > {d}", True)
        put("inequality/quadratic", rf"{quadratic} > 0", interval(c, d, 1, 1), False)
        put("inequality/quadratic", rf"{quadratic} < 0", f"{c} < x < {d}", True)
        centre, radius = R(c + d, 2), R(d - c, 2)
        put("inequality/absolute", rf"\left|{latex(x - centre)}\right| < {latex(radius)}", interval(c, d, 1, 1), True)
        put("inequality/absolute", rf"\left|{latex(x - centre)}\right| < {latex(radius)}", interval(c, d, 0, 1), False)
        put("inequality/absolute", rf"\left|{latex(x - centre)}\right| \ge {latex(radius)}",
            rf"(-{oo}, {c}] \cup [{d}, {oo})", True)
        put("inequality/quotient", rf"\frac{{{latex(x - c)}}}{{{latex(x - d)}}} \ge 0", rf"(-{oo}, {c}] \cup ({d}, {oo})", True)
        put("inequality/quotient", rf"\frac{{{latex(x - c)}}}{{{latex(x - d)}}} \ge 0", rf"(-{oo}, {c}] \cup [{d}, {oo})", False)
        put("inequality/builder", interval(c, d, 0, 1), rf"\{{x \in \mathbb{{R}} \mid {c} \le x < {d}\}}", True)
        put("inequality/builder", interval(c, d, 0, 1), rf"\{{x \in \mathbb{{Z}} \mid {c} \le x < {d}\}}", False)


def equations():
    for _ in range(20):
        u, v, w = nonzero(6), nonzero(6), nonzero(9)
        line = u * x + v * y
        s = nonzero(4)
        put("equation/line", f"{latex(line)} = {w}", f"{latex(s * line - s * w)} = 0", True)
        put("equation/line", f"{latex(line)} = {w}", f"y = {latex(sp.expand((w - u * x) / sp.Integer(v)))}", True)
        put("equation/line", f"{latex(line)} = {w}", f"y = {latex(sp.expand((w + u * x) / sp.Integer(v)))}", False)
        put("equation/line", f"{latex(line)} = {w}", f"{latex(s * line)} = {s * w + 1}", False)
        r = rng.randint(2, 6)
        circle = (x - u) ** 2 + (y - v) ** 2
        put("equation/circle", f"{latex(circle)} = {r * r}", f"{latex(sp.expand(circle - r * r))} = 0", True)
        put("equation/circle", f"{latex(circle)} = {r * r}", f"{latex(sp.expand(circle - r * r))} = 1", False)
        put("equation/conic", rf"\frac{{x^2}}{{{u * u}}} + \frac{{y^2}}{{{v * v}}} = 1", f"{v * v}x^2 + {u * u}y^2 = {u * u * v * v}", True)
        if u * u != v * v:
            put("equation/conic", rf"\frac{{x^2}}{{{u * u}}} + \frac{{y^2}}{{{v * v}}} = 1", f"{u * u}x^2 + {v * v}y^2 = {u * u * v * v}", False)
        put("equation/inequality", f"{latex(line)} < {w}", f"{latex(-2 * line)} > {-2 * w}", True)
        put("equation/inequality", f"{latex(line)} < {w}", f"{latex(-2 * line)} < {-2 * w}", False)
        root = sqrt(rng.choice([2, 3, 5, 7]))
        put("plusminus", rf"\{{{latex(u - root)}, {latex(u + root)}\}}", rf"{u} \pm {latex(root)}", True)
        put("plusminus", rf"x = {u} \pm {latex(root)}", rf"{latex(u - root)}, {latex(u + root)}", True)
        put("plusminus", rf"x = {u} \pm {latex(root)}", rf"{-u} \pm {latex(root)}", False)
        put("plusminus", rf"x = {u} \pm {latex(root)}", latex(u + root), False)
        put("roots", rf"x = {u} \text{{ or }} x = {u + 3}", rf"\{{{u + 3}, {u}\}}", True)
        put("roots", rf"x = {u} \text{{ or }} x = {u + 3}", rf"\{{{u + 2}, {u}\}}", False)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for make in (rationals, radicals, complexes, logarithms, polynomials, trigonometry, sums, matrices, sets, equations):
        make()
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        for kind in dict.fromkeys(line["kind"] for line in out):
            for truth in (True, False):
                lines = [line for line in out if line["kind"] == kind and line["equal"] is truth]
                for at, line in enumerate(rng.sample(lines, min(len(lines), MOST.get(kind, 9)))):
                    name = f"{kind}/{'same' if truth else 'other'}/{at}"
                    line = {"id": name, "gold": line["gold"], "answer": line["answer"], "equal": truth}
                    file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
