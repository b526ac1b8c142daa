"""Measures PyTorch and transformers on this machine's CPU, alone or in turns with this project's own benchmark.

    python bench/peers.py --shape tiny                          peers only; one JSON object on standard output
    python bench/peers.py --shape tiny --threads 2 \\
        --interleave 'target/release/laser bench --shape tiny --threads 2 --json' \\
        --markdown docs/performance.md                          peers and ours in turns, with ratios and a table

Measurements, both in float32:
    train_step   PyTorch eager, a compact hand-written decoder (RMSNorm, RoPE, SwiGLU, grouped-query attention through
                 F.scaled_dot_product_attention, tied head): forward, cross-entropy on all tokens, backward,
                 gradient clipping at norm 1.0, AdamW (the fastest of its three implementations here)
    decode       transformers' `generate` on a LlamaForCausalLM of the same shape with random weights: sampling at
                 temperature 1 from the whole vocabulary, KV cache, no end-of-sequence token; prefill included

--interleave runs a shell command once per repetition, right after the peer's own repetition, so that a noisy machine
hits both alike. The command prints, as its last line or its whole output, a JSON object such as
    {"shape": "tiny", "threads": 2, "train_step": {"seconds": [0.2], "tokens": 4096},
                                    "decode":     {"seconds": [0.2], "tokens": 8192}}
A ratio is peer time / our time (for decode the same as our tok/s / peer tok/s, the tokens being equal): above 1 we are
faster. Each turn gives one ratio, with the median of `seconds` where the command took several samples.
Shapes, thread counts and token counts must agree, or the comparison is refused. An optional "dtype" in the command's
JSON (at the top or in a measurement) is shown in the table, because the peers are in float32.

--markdown FILE replaces the table between this shape's two marker comments in FILE; without them it is appended.
Needs the packages in bench/requirements.txt. bench/run.sh does the whole of it. Progress goes to standard error.
"""

import argparse
import datetime
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

MEASUREMENTS = ("train_step", "decode")


@dataclass(frozen=True)
class Shape:
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int
    train_batch: int
    train_length: int
    decode_batch: int
    prompt: int = 16
    new_tokens: int = 128

    @property
    def train_tokens(self):
        return self.train_batch * self.train_length

    @property
    def decode_tokens(self):
        return self.decode_batch * self.new_tokens


SHAPES = {
    "tiny": Shape(128, 4, 4, 4, 512, 64, train_batch=64, train_length=64, decode_batch=64),
    "small": Shape(512, 8, 8, 2, 1536, 8192, train_batch=8, train_length=256, decode_batch=16),
}


def say(text):
    print(text, file=sys.stderr, flush=True)


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


# --- the peers -----------------------------------------------------------------------------------------------------


def build_decoder(shape):
    import torch
    import torch.nn.functional as F
    from torch import nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.head_dim = shape.hidden // shape.heads
            self.widths = [shape.hidden, shape.kv_heads * self.head_dim, shape.kv_heads * self.head_dim]
            self.attn_norm = nn.RMSNorm(shape.hidden, eps=1e-6)
            self.ffn_norm = nn.RMSNorm(shape.hidden, eps=1e-6)
            self.qkv = nn.Linear(shape.hidden, sum(self.widths), bias=False)
            self.out = nn.Linear(shape.hidden, shape.hidden, bias=False)
            self.gate_up = nn.Linear(shape.hidden, 2 * shape.ffn, bias=False)
            self.down = nn.Linear(shape.ffn, shape.hidden, bias=False)

        def forward(self, x, cos, sin):
            b, t, _ = x.shape
            parts = self.qkv(self.attn_norm(x)).split(self.widths, dim=-1)
            q, k, v = (p.view(b, t, -1, self.head_dim).transpose(1, 2) for p in parts)
            a = F.scaled_dot_product_attention(
                rotate(q, cos, sin), rotate(k, cos, sin), v, is_causal=True, enable_gqa=shape.kv_heads != shape.heads
            )
            x = x + self.out(a.transpose(1, 2).reshape(b, t, -1))
            gate, up = self.gate_up(self.ffn_norm(x)).chunk(2, dim=-1)
            return x + self.down(F.silu(gate) * up)

    def rotate(x, cos, sin):
        low, high = x.chunk(2, dim=-1)
        return x * cos + torch.cat((-high, low), dim=-1) * sin

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(shape.vocab, shape.hidden)
            self.blocks = nn.ModuleList(Block() for _ in range(shape.layers))
            self.norm = nn.RMSNorm(shape.hidden, eps=1e-6)
            dim = shape.hidden // shape.heads
            angle = torch.outer(torch.arange(shape.train_length), 10000.0 ** (-torch.arange(0, dim, 2) / dim))
            self.register_buffer("cos", angle.cos().repeat(1, 2))
            self.register_buffer("sin", angle.sin().repeat(1, 2))
            for p in self.parameters():
                if p.dim() == 2:
                    nn.init.normal_(p, std=0.02)

        def forward(self, ids):
            x = self.embed(ids)
            for block in self.blocks:
                x = block(x, self.cos, self.sin)
            return F.linear(self.norm(x), self.embed.weight)

    return Decoder()


ADAMW_KINDS = {"for-loop": {"foreach": False, "fused": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}


def fastest_adamw(model):
    """Times AdamW's three implementations on this model with gradients present; leaves the weights nearly as they were."""
    import torch

    medians = {}
    for kind, options in ADAMW_KINDS.items():
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, **options)
        for _ in range(3):
            optimizer.step()
        medians[kind] = statistics.median(timed(optimizer.step) for _ in range(9))
    return min(medians, key=medians.get), medians


def train_step_peer(shape):
    """A closure that does one optimizer step, and notes about it."""
    import torch
    import torch.nn.functional as F

    torch.manual_seed(0)
    model = build_decoder(shape)
    ids = torch.randint(shape.vocab, (shape.train_batch, shape.train_length + 1))
    inputs, targets = ids[:, :-1].contiguous(), ids[:, 1:].reshape(-1)

    def gradients():
        logits = model(inputs)
        F.cross_entropy(logits.view(-1, shape.vocab), targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)

    gradients()
    kind, medians = fastest_adamw(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, **ADAMW_KINDS[kind])

    def step():
        optimizer.zero_grad(set_to_none=True)
        gradients()
        optimizer.step()

    notes = {
        "what": f"PyTorch eager f32, AdamW {kind}",
        "parameters": sum(p.numel() for p in model.parameters()),
        "adamw": kind,
        "adamw_median_seconds": medians,
    }
    return step, notes


def decode_peer(shape):
    """A closure that generates one batch, and notes about it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.set_verbosity_error()
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        intermediate_size=shape.ffn,
        vocab_size=shape.vocab,
        max_position_embeddings=shape.prompt + shape.new_tokens,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    model = LlamaForCausalLM(config).float().eval()
    prompt = torch.randint(shape.vocab, (shape.decode_batch, shape.prompt))
    mask = torch.ones_like(prompt)

    def generate():
        with torch.inference_mode():
            out = model.generate(
                prompt,
                attention_mask=mask,
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                use_cache=True,
                eos_token_id=None,
                pad_token_id=0,
                min_new_tokens=shape.new_tokens,
                max_new_tokens=shape.new_tokens,
            )
        if out.shape != (shape.decode_batch, shape.prompt + shape.new_tokens):
            sys.exit(f"generate returned shape {tuple(out.shape)}: the token count would be wrong")

    notes = {"what": f"transformers generate f32, {config._attn_implementation} attention"}
    return generate, notes


# --- ours ----------------------------------------------------------------------------------------------------------


def last_json_object(text):
    for candidate in (text, *reversed(text.splitlines())):
        try:
            value = json.loads(candidate)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value
    return None


def run_ours(command, timeout, threads):
    env = {**os.environ, "RAYON_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    try:
        done = subprocess.run(command, shell=True, env=env, timeout=timeout, stdout=subprocess.PIPE, text=True)
    except subprocess.TimeoutExpired:
        sys.exit(f"--interleave: no answer within {timeout:.0f} s (--timeout) from: {command}")
    if done.returncode:
        sys.exit(f"--interleave: exit status {done.returncode} from: {command}")
    result = last_json_object(done.stdout)
    if result is None:
        sys.exit(f"--interleave: no JSON object on standard output of: {command}\nit printed: {done.stdout[-500:]!r}")
    return result


def check_ours(ours, shape_name, threads, tokens):
    """Refuses what cannot be compared: another shape, thread count or amount of work."""
    for key, expected in (("shape", shape_name), ("threads", threads)):
        if key in ours and ours[key] != expected:
            sys.exit(f"--interleave: the command measured {key} {ours[key]!r}, the peers {expected!r}")
    for name, count in tokens.items():
        if name not in ours:
            sys.exit(f"--interleave: the command's JSON has no measurement {name!r} (leave it out with --only)")
        seconds = ours[name].get("seconds") if isinstance(ours[name], dict) else None
        usable = isinstance(seconds, list) and seconds and all(isinstance(s, (int, float)) and 0 < s < math.inf for s in seconds)
        if not usable:
            sys.exit(f"--interleave: {name}.seconds is to be a list of positive numbers, not {seconds!r}")
        if ours[name].get("tokens") != count:
            sys.exit(f"--interleave: {name}.tokens is {ours[name].get('tokens')!r}, the peers process {count} tokens")


# --- results -------------------------------------------------------------------------------------------------------


def cpu_model():
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    return found.group(1).strip() if found else platform.processor() or platform.machine()


def cores_available():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def commit():
    def git(*args):
        return subprocess.run(["git", *args], capture_output=True, text=True, cwd=Path(__file__).parent)

    head = git("rev-parse", "--short", "HEAD")
    if head.returncode:
        return "none"
    # The table that this run writes is no change of the code.
    dirty = git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":(exclude,top)docs").stdout.strip()
    return head.stdout.strip() + (" with changes" if dirty else "")


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def summary(seconds, tokens, **notes):
    median = statistics.median(seconds)
    return {**notes, "tokens": tokens, "seconds": seconds, "median_seconds": median, "tokens_per_second": tokens / median}


def table(result):
    shape, machine, versions = result["settings"], result["machine"], result["versions"]
    ours = result.get("ours")
    work = {
        "train_step": f"train step, {shape['train_batch']}×{shape['train_length']} tokens",
        "decode": f"decode, batch {shape['decode_batch']}, {shape['prompt']} + {shape['new_tokens']} tokens",
    }
    lines = [
        f"Shape `{result['shape']}`: hidden {shape['hidden']}, {shape['layers']} layers, {shape['heads']} heads "
        f"({shape['kv_heads']} kv), ffn {shape['ffn']}, vocab {shape['vocab']}. {machine['cpu']}, {machine['threads']} "
        f"threads; torch {versions['torch']}, transformers {versions['transformers']}; commit {result['commit']}, "
        f"{result['date']}. Medians; repetitions: {result['reps']}" + (", taken in turns." if ours else "."),
        "",
    ]
    head = ["", "peer", "peer seconds", "peer tok/s"]
    if ours:
        head += ["laser seconds", "laser tok/s", "ratio: median (min–max)"]
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, peer in result["peers"].items():
        row = [work[name], peer["what"], f"{peer['median_seconds']:.3f}", f"{peer['tokens_per_second']:,.0f}"]
        if ours:
            own, ratio = ours[name], result["ratios"][name]
            row += [
                f"{own['median_seconds']:.3f}" + (f" ({own['dtype']})" if "dtype" in own else ""),
                f"{own['tokens_per_second']:,.0f}",
                f"**{ratio['median']:.2f}** ({ratio['min']:.2f}–{ratio['max']:.2f})",
            ]
        lines.append("| " + " | ".join(row) + " |")
    if ours:
        lines += ["", "A ratio above 1: laser is faster."]
    return "\n".join(lines)


def write_table(path, shape_name, text):
    begin, end = f"<!-- peers {shape_name}: begin (written by bench/peers.py) -->", f"<!-- peers {shape_name}: end -->"
    block = f"{begin}\n{text}\n{end}"
    old = path.read_text() if path.exists() else ""
    start, stop = old.find(begin), old.find(end)
    if start >= 0 and stop > start:
        new = old[:start] + block + old[stop + len(end) :]
    elif begin in old or end in old:
        sys.exit(f"--markdown: {path} has only one of the markers of shape {shape_name}, or has them in the wrong order")
    else:
        new = (old.rstrip("\n") + "\n\n" if old.strip() else "") + block + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(new)


# --------------------------------------------------------------------------------------------------------------------


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="tiny")
    parser.add_argument("--threads", type=positive, default=cores_available(), help="default: all cores this process may use")
    parser.add_argument("--reps", type=positive, default=5)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--only", choices=MEASUREMENTS, help="one measurement instead of both")
    for field in ("train_batch", "train_length", "decode_batch", "prompt", "new_tokens"):
        parser.add_argument("--" + field.replace("_", "-"), type=positive, help="overrides the shape's value")
    parser.add_argument("--interleave", metavar="CMD", help="shell command that prints our measurements as JSON")
    parser.add_argument("--timeout", type=float, default=600, help="seconds one run of CMD may take (default 600)")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the table into FILE")
    return parser.parse_args()


def main():
    args = arguments()
    overrides = {f: getattr(args, f) for f in Shape.__dataclass_fields__ if getattr(args, f, None) is not None}
    shape = replace(SHAPES[args.shape], **overrides)
    # OpenMP reads this once, when torch is imported: hence the imports inside the functions.
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    import torch

    torch.set_num_threads(args.threads)
    makers = {"train_step": train_step_peer, "decode": decode_peer}
    tokens = {"train_step": shape.train_tokens, "decode": shape.decode_tokens}
    names = [args.only] if args.only else list(MEASUREMENTS)
    tokens = {name: tokens[name] for name in names}
    work, notes = {}, {}
    for name in names:
        work[name], notes[name] = makers[name](shape)
        for _ in range(args.warmup):
            say(f"{name}: warm-up {timed(work[name]):.3f} s")
    if args.interleave:
        for _ in range(min(args.warmup, 1)):
            check_ours(run_ours(args.interleave, args.timeout, args.threads), args.shape, args.threads, tokens)

    peers = {name: [] for name in names}
    ours = {name: [] for name in names}
    ratios = {name: [] for name in names}
    dtypes = {}
    for rep in range(args.reps):
        for name in names:
            peers[name].append(timed(work[name]))
        line = [f"{name} {peers[name][-1]:.3f} s" for name in names]
        if args.interleave:
            got = run_ours(args.interleave, args.timeout, args.threads)
            check_ours(got, args.shape, args.threads, tokens)
            for name in names:
                ours[name] += got[name]["seconds"]
                dtype = got[name].get("dtype", got.get("dtype"))
                if dtype:
                    dtypes[name] = {"dtype": dtype}
                ratios[name].append(peers[name][-1] / statistics.median(got[name]["seconds"]))
            line += [f"{name} ratio {ratios[name][-1]:.2f}" for name in names]
        say(f"repetition {rep + 1}/{args.reps}: " + ", ".join(line))

    result = {
        "shape": args.shape,
        "settings": asdict(shape),
        "machine": {"cpu": cpu_model(), "cores": cores_available(), "threads": args.threads},
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "transformers": version("transformers")},
        "commit": commit(),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "reps": args.reps,
        "peers": {name: summary(peers[name], tokens[name], **notes[name]) for name in names},
    }
    if args.interleave:
        result["command"] = args.interleave
        result["ours"] = {name: summary(ours[name], tokens[name], **dtypes.get(name, {})) for name in names}
        result["ratios"] = {name: {**spread(r), "all": r} for name, r in ratios.items()}
    if args.markdown:
        write_table(args.markdown, args.shape, table(result))
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
