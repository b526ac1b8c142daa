"""How the cost of training and decoding grows with batch, length and prompt: tables and plots.

    python bench/growth.py target/release/laser --threads 2 --markdown docs/performance.md --plots docs/growth.svg

Runs `laser bench` on the shapes tiny and small, one amount of work after the other changed, the others held, and
compares each point with the one before: an exponent of 1 is growth in proportion, 2 that of attention alone. Takes
about five minutes on two cores; leave the machine otherwise idle. Needs nothing but Python.
"""

import argparse
import json
import math
import subprocess
import sys
from html import escape
from pathlib import Path

# Measurement, what grows, its option, its values, what is held.
SERIES = [
    ("train_step", "sequences", "--batch", (1, 2, 4, 8, 16), ("--length", "64")),
    ("train_step", "tokens of one sequence", "--length", (64, 128, 256, 512, 1024, 2048), ("--batch", "1")),
    ("decode", "responses", "--batch", (1, 2, 4, 8, 16, 32, 64), ("--length", "64")),
    ("decode", "tokens of a response", "--length", (32, 64, 128, 256, 512, 1024), ("--batch", "8")),
    ("decode", "tokens of the prompt", "--prompt", (16, 64, 256, 1024), ("--batch", "8", "--length", "16")),
]
SHAPES = ("tiny", "small")
COLOURS = {"tiny": "#1f77b4", "small": "#d62728"}


def measure(laser, shape, threads, name, options):
    command = [laser, "bench", "--shape", shape, "--threads", str(threads), "--only", name, "--json"]
    command += ["--warmup", "1", "--reps", "3", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"exit status {done.returncode} from: {' '.join(command)}")
    found = json.loads(done.stdout)[name]
    # The least of few: what a shared machine adds is never negative.
    return min(found["seconds"]), found["tokens"]


def exponents(points):
    """Of each point against the one before."""
    pairs = zip(points, points[1:])
    return [None] + [math.log(b[1] / a[1]) / math.log(b[0] / a[0]) for a, b in pairs]


def table(results):
    lines = []
    for (name, grows, _, values, held), by_shape in results:
        lines += [f"{name.replace('_', ' ')}, {' '.join(held)}:", ""]
        head = [grows]
        for shape in SHAPES:
            head += [f"{shape}: seconds", "tokens/s", "exponent"]
        lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        columns = {shape: (points, exponents(points)) for shape, points in by_shape.items()}
        for i, value in enumerate(values):
            row = [str(value)]
            for points, exponent in columns.values():
                _, seconds, tokens = points[i]
                row += [f"{seconds:.4f}", f"{tokens / seconds:,.0f}", "" if exponent[i] is None else f"{exponent[i]:.2f}"]
            lines.append("| " + " | ".join(row) + " |")
        lines.append("")
    return "\n".join(lines).rstrip()


def plot(x0, y0, series, by_shape):
    """Seconds against what grows, both in powers of two, in a box of 260 by 200 at (x0, y0)."""
    name, grows, _, values, _ = series
    xs = [math.log2(v) for v in values]
    ys = [math.log2(p[1]) for points in by_shape.values() for p in points]
    low, high = math.floor(min(ys)), math.ceil(max(ys))
    px = lambda v: x0 + 260 * (math.log2(v) - xs[0]) / (xs[-1] - xs[0])
    py = lambda s: y0 + 200 - 200 * (math.log2(s) - low) / (high - low)
    out = [f'<rect x="{x0}" y="{y0}" width="260" height="200" fill="none" stroke="#999"/>']
    out.append(f'<text x="{x0 + 130}" y="{y0 - 8}" text-anchor="middle">{escape(name.replace("_", " "))}: seconds</text>')
    out.append(f'<text x="{x0 + 130}" y="{y0 + 234}" text-anchor="middle">{escape(grows)}</text>')
    for v in values:
        out.append(f'<text x="{px(v):.1f}" y="{y0 + 216}" text-anchor="middle">{v}</text>')
    for e in range(low, high + 1, max(1, (high - low) // 5)):
        out.append(f'<text x="{x0 - 6}" y="{py(2.0**e) + 4:.1f}" text-anchor="end">{2.0**e:.3g}</text>')
        out.append(f'<line x1="{x0}" x2="{x0 + 260}" y1="{py(2.0**e):.1f}" y2="{py(2.0**e):.1f}" stroke="#eee"/>')
    for shape, points in by_shape.items():
        path = " ".join(f"{px(v):.1f},{py(s):.1f}" for v, s, _ in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[shape]}" stroke-width="2"/>')
        # In proportion, from the first point on.
        v, s, _ = points[0]
        end = min(values[-1] / v, 2.0**high / s)
        out.append(
            f'<line x1="{px(v):.1f}" y1="{py(s):.1f}" x2="{px(v * end):.1f}" y2="{py(s * end):.1f}" '
            f'stroke="{COLOURS[shape]}" stroke-dasharray="3 3"/>'
        )
    return out


def plots(results):
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="1020" height="590" font-family="sans-serif" font-size="12">']
    out.append('<rect width="1020" height="590" fill="white"/>')
    for i, (series, by_shape) in enumerate(results):
        out += plot(60 + 335 * (i % 3), 40 + 280 * (i // 3), series, by_shape)
    for i, (shape, colour) in enumerate(COLOURS.items()):
        out.append(f'<text x="760" y="{400 + 20 * i}" fill="{colour}">{shape}</text>')
    out.append('<text x="760" y="440" fill="#555">dotted: in proportion</text></svg>')
    return "\n".join(out) + "\n"


def write_between(path, text):
    begin, end = "<!-- growth: begin (written by bench/growth.py) -->", "<!-- growth: end -->"
    old = path.read_text()
    start, stop = old.find(begin), old.find(end)
    if not 0 <= start < stop:
        sys.exit(f"{path} lacks the two lines {begin} and {end}")
    path.write_text(old[:start] + f"{begin}\n{text}\n" + old[stop:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("laser", help="the program")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--markdown", type=Path, help="write the tables between the two markers of this file")
    parser.add_argument("--plots", type=Path, help="write the plots as SVG")
    args = parser.parse_args()
    results = []
    for series in SERIES:
        name, grows, option, values, held = series
        by_shape = {}
        for shape in SHAPES:
            by_shape[shape] = []
            for value in values:
                seconds, tokens = measure(args.laser, shape, args.threads, name, [*held, option, str(value)])
                by_shape[shape].append((value, seconds, tokens))
                print(f"{shape} {name}, {grows} {value}: {seconds:.4f} s", file=sys.stderr)
        results.append((series, by_shape))
    if args.plots:
        args.plots.write_text(plots(results))
    if args.markdown:
        write_between(args.markdown, table(results))
    else:
        print(table(results))


if __name__ == "__main__":
    main()
