"""Measures PyTorch, transformers and TRL on this machine's CPU, alone or in turns with this project's own benchmark.

    python bench/peers.py --shape tiny                          peers only; one JSON object on standard output
    python bench/peers.py --shape tiny --only decode            one measurement
    python bench/peers.py --shape tiny --threads 2 \\
        --interleave 'target/release/laser bench --shape tiny --threads 2 --only {only} --dtype {dtype} --json' \\
        --markdown docs/performance.md                          peers and ours in turns, with ratios and a table

Measurements:
    train_step_float32   PyTorch eager, a compact hand-written decoder (RMSNorm, RoPE, SwiGLU, grouped-query attention
                         through F.scaled_dot_product_attention, tied head): forward, cross-entropy on all tokens,
                         backward, gradient clipping at norm 1.0, AdamW (the fastest of its implementations here)
    train_step_bfloat16  the same step in bfloat16 with float32 master weights, in the faster of the two plain ways:
                         torch.autocast, or a bfloat16 copy of the model for forward and backward
    decode               transformers' `generate` on a LlamaForCausalLM of the same shape with random weights: sampling
                         at temperature 1 from the whole vocabulary, KV cache, no end-of-sequence token; prefill
                         included; float32 or bfloat16, the faster
    grpo_step            TRL's GRPOTrainer, one whole optimizer step: rollout with transformers' `generate`, a reward
                         computed from the text (a checksum), log-probabilities, backward, AdamW; groups of 8 responses
                         that never end early, no reference model, one pass; all responses in one batch, no gradient
                         checkpointing (faster); the model loaded in float32, with bf16=True or not, the faster.
                         Also the peak resident memory of the process that does it ("grpo_memory"), and that of the
                         same step with gradient checkpointing, TRL's default

Each measurement of a peer has a process of its own, so that its memory is its own, and is finished before the next
one begins. Where there is a choice, all candidates are timed in warm-up, and the fastest is measured.

--interleave is a shell command, run once per repetition right after the peer's own repetition, so that a noisy machine
hits both alike. {only} in it becomes train_step, decode or grpo_step, {dtype} becomes float32 or bfloat16. It prints,
as its last line or its whole output, a JSON object such as
    {"shape": "tiny", "threads": 2, "dtype": "float32",
     "grpo_step": {"seconds": [0.9], "tokens": 8192, "peak_bytes": 200000000}}
A ratio of times is peer / ours: above 1 we are faster. The ratio of memory is ours / peer's: below 1 we need less. Each
turn gives one ratio, with the median of `seconds` where the command took several samples. Shapes, thread counts, types
and token counts (trained, or sampled) must agree, or the comparison is refused.

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
import tempfile
import threading
import time
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path


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
    new_tokens: int
    responses: int
    response_tokens: int
    prompt: int = 16
    group: int = 8


SHAPES = {
    "tiny": Shape(
        128, 4, 4, 4, 512, 64,
        train_batch=64, train_length=64, decode_batch=64, new_tokens=128,
        responses=128, response_tokens=64,
    ),
    "small": Shape(
        512, 8, 8, 2, 1536, 8192,
        train_batch=8, train_length=256, decode_batch=16, new_tokens=128,
        responses=32, response_tokens=128,
    ),
    "qwen2.5-0.5b": Shape(
        896, 24, 14, 2, 4864, 151936,
        train_batch=2, train_length=256, decode_batch=8, new_tokens=32,
        responses=8, response_tokens=32,
    ),
}
OVERRIDES = ("train_batch", "train_length", "decode_batch", "new_tokens", "responses", "response_tokens", "prompt")


@dataclass(frozen=True)
class Measurement:
    # What our own command calls it.
    only: str
    # The candidates of the peer, as (type, way).
    ways: tuple
    # The types in which ours is timed in warm-up.
    dtypes: tuple
    # The ratio aimed at, per shape.
    targets: dict


def targets(*values):
    return dict(zip(SHAPES, values, strict=True))


BOTH = ("float32", "bfloat16")
MEASUREMENTS = {
    "train_step_float32": Measurement("train_step", (("float32", "plain"),), ("float32",), targets(1.4, 1.2, 1.2)),
    "train_step_bfloat16": Measurement(
        "train_step", (("bfloat16", "autocast"), ("bfloat16", "copy")), ("bfloat16",), targets(1.9, 1.3, 1.3)
    ),
    "decode": Measurement("decode", (("float32", "plain"), ("bfloat16", "plain")), BOTH, targets(4, 4, 2.5)),
    "grpo_step": Measurement("grpo_step", (("float32", "plain"), ("bfloat16", "plain")), BOTH, targets(4, 3, 2.5)),
}
MEMORY_TARGET = 0.5


def tokens_of(shape, only):
    return {
        "train_step": shape.train_batch * shape.train_length,
        "decode": shape.decode_batch * shape.new_tokens,
        "grpo_step": shape.responses * shape.response_tokens,
    }[only]


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
        # In the type of the activations: under autocast, float32 tables would turn the whole of attention to float32.
        return x * cos.to(x.dtype) + torch.cat((-high, low), dim=-1) * sin.to(x.dtype)

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
# Above this many parameters one sample of each must do, and foreach, whose temporaries are as large as the model, is
# left out.
LARGE_MODEL = 100_000_000


def fastest_adamw(parameters):
    """Times AdamW's implementations on these parameters with gradients present; leaves the weights nearly as they were."""
    import torch

    large = sum(p.numel() for p in parameters) > LARGE_MODEL
    medians = {}
    for kind, options in ADAMW_KINDS.items():
        if large and kind == "foreach":
            continue
        optimizer = torch.optim.AdamW(parameters, lr=1e-6, **options)
        for _ in range(1 if large else 3):
            optimizer.step()
        medians[kind] = statistics.median(timed(optimizer.step) for _ in range(1 if large else 9))
        del optimizer
    return min(medians, key=medians.get), medians


def train_step_peer(shape, dtype, way):
    """A closure that does one optimizer step, and notes about it."""
    import torch
    import torch.nn.functional as F

    torch.manual_seed(0)
    model = build_decoder(shape)
    ids = torch.randint(shape.vocab, (shape.train_batch, shape.train_length + 1))
    inputs, targets = ids[:, :-1].contiguous(), ids[:, 1:].reshape(-1)
    parameters = list(model.parameters())
    weights = sum(p.numel() for p in parameters)
    masters = parameters
    if way == "copy":
        masters = [p.detach().clone() for p in parameters]
        model.bfloat16()

    def gradients():
        with torch.autocast("cpu", torch.bfloat16, enabled=way == "autocast"):
            logits = model(inputs)
        F.cross_entropy(logits.view(-1, shape.vocab).float(), targets).backward()
        if way == "copy":
            for p, master in zip(parameters, masters, strict=True):
                master.grad, p.grad = p.grad.float(), None
        torch.nn.utils.clip_grad_norm_(masters, 1.0)

    gradients()
    kind, medians = fastest_adamw(masters)
    optimizer = torch.optim.AdamW(masters, lr=1e-4, weight_decay=0.01, **ADAMW_KINDS[kind])
    optimizer.zero_grad(set_to_none=True)

    def step():
        gradients()
        optimizer.step()
        if way == "copy":
            with torch.no_grad():
                torch._foreach_copy_(parameters, masters)
        # At the end, so that a process that waits for its turn holds no gradients.
        optimizer.zero_grad(set_to_none=True)

    how = {"plain": "", "autocast": ", autocast over f32 weights", "copy": ", bf16 copy of f32 weights"}[way]
    notes = {
        "what": f"PyTorch eager{how}, AdamW {kind}",
        "parameters": weights,
        "adamw": kind,
        "adamw_median_seconds": medians,
    }
    return step, notes


def llama(shape, length):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        intermediate_size=shape.ffn,
        vocab_size=shape.vocab,
        max_position_embeddings=length,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    return LlamaForCausalLM(config).float()


def decode_peer(shape, dtype, way):
    """A closure that generates one batch, and notes about it."""
    import torch

    model = llama(shape, shape.prompt + shape.new_tokens).eval().to(getattr(torch, dtype))
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

    return generate, {"what": f"transformers generate, {model.config._attn_implementation} attention"}


def word_tokenizer(vocab):
    """One word per token, and an end-of-sequence token past the model's vocabulary, so that it is never sampled."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    words = {f"w{i}": i for i in range(vocab)} | {"<eos>": vocab}
    tokenizer = Tokenizer(WordLevel(words, unk_token="w0"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    # No token is padding either: all prompts have one length, and all responses.
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<eos>", padding_side="left")


class LastTurn(Exception):
    """Standard input has ended: how the trainer's loop is left."""


def serve_grpo(shape, dtype, way, turns):
    """Lets TRL's trainer run, one optimizer step per turn."""
    import random

    from datasets import Dataset
    from transformers import TrainerCallback
    from transformers.trainer_callback import PrinterCallback
    from trl import GRPOConfig, GRPOTrainer

    model = llama(shape, shape.prompt + shape.response_tokens)
    draw = random.Random(0)
    # Enough prompts that the trainer's data loader begins anew only rarely.
    prompts = [
        " ".join(f"w{draw.randrange(shape.vocab)}" for _ in range(shape.prompt))
        for _ in range(64 * shape.responses // shape.group)
    ]
    seen = {}

    def reward(prompts, completions, completion_ids, **_):
        lengths = {len(ids) for ids in completion_ids}
        if lengths != {shape.response_tokens} or len(completions) != shape.responses:
            sys.exit(f"TRL made {len(completions)} responses of lengths {sorted(lengths)}: the token count would be wrong")
        seen["rewards"] = [zlib.crc32(text.encode()) / 2**32 for text in completions]
        return seen["rewards"]

    class Steps(TrainerCallback):
        def on_train_begin(self, args, state, control, **_):
            how = ", gradient checkpointing" if way == "checkpointing" else ""
            turns.ready(what=f"TRL GRPOTrainer with transformers generate{how}, AdamW fused")

        def on_step_begin(self, args, state, control, **_):
            if not turns.wait():
                raise LastTurn
            seen.clear()
            self.start = time.perf_counter()

        def on_step_end(self, args, state, control, **_):
            seconds = time.perf_counter() - self.start
            if len(set(seen.get("rewards", []))) < 2:
                sys.exit("TRL's step had no differing rewards: there was nothing to learn from")
            turns.answer(seconds)

    with tempfile.TemporaryDirectory() as directory:
        config = GRPOConfig(
            output_dir=directory,
            use_cpu=True,
            bf16=dtype == "bfloat16",
            gradient_checkpointing=way == "checkpointing",
            per_device_train_batch_size=shape.responses,
            gradient_accumulation_steps=1,
            num_generations=shape.group,
            max_completion_length=shape.response_tokens,
            num_iterations=1,
            beta=0.0,
            temperature=1.0,
            top_p=1.0,
            top_k=0,
            optim="adamw_torch_fused",
            learning_rate=1e-6,
            lr_scheduler_type="constant",
            max_grad_norm=1.0,
            max_steps=1_000_000,
            dataloader_pin_memory=False,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = GRPOTrainer(
            model,
            reward_funcs=reward,
            args=config,
            train_dataset=Dataset.from_dict({"prompt": prompts}),
            processing_class=word_tokenizer(shape.vocab),
            callbacks=[Steps()],
        )
        trainer.remove_callback(PrinterCallback)
        try:
            trainer.train()
        except LastTurn:
            pass


# --- a peer's process ----------------------------------------------------------------------------------------------


def peak_bytes():
    """The most memory this process has had resident."""
    try:
        found = re.search(r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.M)
    except OSError:
        found = None
    if found:
        return int(found.group(1)) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Turns:
    """The worker's end: a line that says it is ready; then, for each line on standard input, one line with a repetition."""

    def __init__(self):
        # The libraries print to standard output; that is for the answers alone.
        self.out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def write(self, **values):
        self.out.write(json.dumps(values) + "\n")
        self.out.flush()

    def ready(self, **notes):
        from importlib.metadata import version

        import torch

        versions = {name: version(name) for name in ("transformers", "trl", "accelerate")}
        self.write(notes=notes, versions={"torch": torch.__version__, **versions})

    def wait(self):
        return bool(sys.stdin.readline())

    def answer(self, seconds):
        self.write(seconds=seconds, peak_bytes=peak_bytes())


def work(args, shape):
    """Does one measurement of a peer, when asked to, until standard input ends."""
    turns = Turns()
    import torch

    torch.set_num_threads(args.threads)
    only = MEASUREMENTS[args.worker].only
    if only == "grpo_step":
        return serve_grpo(shape, args.dtype, args.way, turns)
    repetition, notes = {"train_step": train_step_peer, "decode": decode_peer}[only](shape, args.dtype, args.way)
    turns.ready(**notes)
    while turns.wait():
        turns.answer(timed(repetition))


class Worker:
    """This program's end of a peer's process."""

    def __init__(self, name, way, args, shape):
        self.name, self.dtype, self.way, self.timeout = name, *way, args.timeout
        command = [sys.executable, __file__, "--shape", args.shape, "--threads", str(args.threads)]
        for field in OVERRIDES:
            command += ["--" + field.replace("_", "-"), str(getattr(shape, field))]
        command += ["--worker", name, "--dtype", self.dtype, "--way", self.way]
        env = {
            **os.environ,
            # OpenMP reads this once, when torch is imported.
            "OMP_NUM_THREADS": str(args.threads),
            # One process forks no other here, and nothing is to be downloaded or reported.
            "TOKENIZERS_PARALLELISM": "false",
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_VERBOSITY": "error",
            "PYTHONWARNINGS": "ignore",
        }
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = self.read()
        self.notes, self.versions = ready["notes"], ready["versions"]

    def __str__(self):
        return f"{self.name} ({self.dtype}" + (")" if self.way == "plain" else f", {self.way})")

    def read(self):
        late = threading.Timer(self.timeout, self.process.kill)
        late.start()
        line = self.process.stdout.readline()
        late.cancel()
        if not line:
            status = self.process.wait()
            why = " (killed: no memory left, or --timeout)" if status == -9 else ""
            sys.exit(f"{self}: the peer's process ended with status {status}{why}")
        return json.loads(line)

    def repeat(self):
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # read() says what happened to the process
        return self.read()

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


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


def run_ours(args, only, dtype, tokens):
    command = args.interleave.replace("{only}", only).replace("{dtype}", dtype)
    env = {**os.environ, "RAYON_NUM_THREADS": str(args.threads), "OMP_NUM_THREADS": str(args.threads)}
    try:
        done = subprocess.run(command, shell=True, env=env, timeout=args.timeout, stdout=subprocess.PIPE, text=True)
    except subprocess.TimeoutExpired:
        sys.exit(f"--interleave: no answer within {args.timeout:.0f} s (--timeout) from: {command}")
    if done.returncode:
        sys.exit(f"--interleave: exit status {done.returncode} from: {command}")
    result = last_json_object(done.stdout)
    if result is None:
        sys.exit(f"--interleave: no JSON object on standard output of: {command}\nit printed: {done.stdout[-500:]!r}")
    return check_ours(result, {"shape": args.shape, "threads": args.threads, "dtype": dtype}, only, tokens)


def check_ours(ours, expected, only, tokens):
    """Our measurement out of the command's JSON; refuses what cannot be compared: other settings or amounts of work."""
    for key, value in expected.items():
        if ours.get(key) != value:
            sys.exit(f"--interleave: the command measured {key} {ours.get(key)!r}, asked for was {value!r}")
    own = ours.get(only)
    if not isinstance(own, dict):
        sys.exit(f"--interleave: the command's JSON has no measurement {only!r} (leave it out with --only)")

    def positive_number(value):
        return isinstance(value, (int, float)) and 0 < value < math.inf

    seconds = own.get("seconds")
    if not (isinstance(seconds, list) and seconds and all(map(positive_number, seconds))):
        sys.exit(f"--interleave: {only}.seconds is to be a list of positive numbers, not {seconds!r}")
    if own.get("tokens") != tokens:
        sys.exit(f"--interleave: {only}.tokens is {own.get('tokens')!r}, the peers process {tokens} tokens")
    if not positive_number(own.get("peak_bytes")):
        sys.exit(f"--interleave: {only}.peak_bytes is to be a positive number, not {own.get('peak_bytes')!r}")
    return own


# --- taking turns --------------------------------------------------------------------------------------------------


def warm_up(worker, count):
    """The shortest of some repetitions; None where none were asked for."""
    seconds = [worker.repeat()["seconds"] for _ in range(count)]
    if seconds:
        say(f"{worker}: warm-up " + ", ".join(f"{s:.3f}" for s in seconds) + " s")
    return min(seconds, default=None)


def fastest_worker(name, args, shape):
    """The fastest candidate's process, warmed up, and the seconds of all candidates."""
    ways = MEASUREMENTS[name].ways
    tried = {}
    # A choice needs two repetitions: the first one includes what happens only once.
    count = max(args.warmup, 2) if len(ways) > 1 else args.warmup
    for way in ways:
        worker = Worker(name, way, args, shape)
        tried[way] = warm_up(worker, count)
        if way == ways[-1] and (len(ways) == 1 or tried[way] == min(tried.values())):
            break
        # Closed before the next one begins: two of them might not fit into memory.
        worker.close()
    else:
        worker = Worker(name, min(tried, key=tried.get), args, shape)
        warm_up(worker, args.warmup)
    return worker, [{"dtype": d, "way": w, "seconds": s} for (d, w), s in tried.items() if s is not None]


def fastest_dtype(name, args, tokens):
    """Ours: the type to measure, and the seconds of all candidates; each is run once, which also warms up."""
    measurement, tried = MEASUREMENTS[name], {}
    if len(measurement.dtypes) > 1 or args.warmup:
        for dtype in measurement.dtypes:
            tried[dtype] = statistics.median(run_ours(args, measurement.only, dtype, tokens)["seconds"])
        say(f"{name}: laser, warm-up: " + ", ".join(f"{d} {s:.3f} s" for d, s in tried.items()))
    dtype = min(tried, key=tried.get) if tried else measurement.dtypes[0]
    return dtype, [{"dtype": d, "seconds": s} for d, s in tried.items()]


def measure(name, args, shape):
    """One measurement from warm-up to ratios."""
    only = MEASUREMENTS[name].only
    tokens = tokens_of(shape, only)
    worker, tried = fastest_worker(name, args, shape)
    with worker:
        if args.interleave:
            dtype, ours_tried = fastest_dtype(name, args, tokens)
        peer = {"seconds": [], "peak_bytes": []}
        ours = {"seconds": [], "peak_bytes": []}
        ratios, memory_ratios = [], []
        for rep in range(args.reps):
            turn = worker.repeat()
            for key, values in peer.items():
                values.append(turn[key])
            line = f"{worker}: repetition {rep + 1}/{args.reps}: {turn['seconds']:.3f} s"
            if args.interleave:
                own = run_ours(args, only, dtype, tokens)
                ours["seconds"] += own["seconds"]
                ours["peak_bytes"].append(own["peak_bytes"])
                ratios.append(turn["seconds"] / statistics.median(own["seconds"]))
                memory_ratios.append(own["peak_bytes"] / turn["peak_bytes"])
                line += f", laser {statistics.median(own['seconds']):.3f} s ({dtype}), ratio {ratios[-1]:.2f}"
            say(line)
    result = {
        "tokens": tokens,
        "peer": {"dtype": worker.dtype, **worker.notes, **summary(peer, tokens), "candidates": tried},
    }
    if args.interleave:
        target = MEASUREMENTS[name].targets[args.shape]
        result["ours"] = {"dtype": dtype, **summary(ours, tokens), "candidates": ours_tried}
        result["ratio"] = {**spread(ratios), "target": target, "reached": statistics.median(ratios) >= target}
        result["memory_ratio"] = spread(memory_ratios)
    if only == "grpo_step":
        result["checkpointing"] = checkpointing(name, worker.dtype, args, shape)
    return result, worker.versions


def checkpointing(name, dtype, args, shape):
    """TRL's default saves memory and costs time: what the process needs then, from two steps."""
    with Worker(name, (dtype, "checkpointing"), args, shape) as worker:
        worker.repeat()
        turn = worker.repeat()
        say(f"{worker}: {turn['seconds']:.3f} s, {gibibytes(turn['peak_bytes'])}")
        return {"dtype": dtype, **worker.notes, **turn}


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
    return {"min": min(values), "median": statistics.median(values), "max": max(values), "all": values}


def summary(taken, tokens):
    median = statistics.median(taken["seconds"])
    return {**taken, "median_seconds": median, "tokens_per_second": tokens / median}


def gibibytes(count):
    return f"{count / 2**30:.2f} GiB"


def verdict(sign, target, reached):
    return f"{sign} {target:g}: " + ("reached" if reached else "not reached")


def table(result):
    shape, machine, versions = result["settings"], result["machine"], result["versions"]
    in_turns = "command" in result
    grpo = f"{shape['responses']} responses of {shape['prompt']} + {shape['response_tokens']} tokens"
    titles = {
        "train_step_float32": f"train step in float32, {shape['train_batch']}×{shape['train_length']} tokens",
        "train_step_bfloat16": f"train step in bfloat16, {shape['train_batch']}×{shape['train_length']} tokens",
        "decode": f"decode, batch {shape['decode_batch']}, {shape['prompt']} + {shape['new_tokens']} tokens",
        "grpo_step": f"GRPO step, {grpo}",
    }
    lines = [
        f"Shape `{result['shape']}`: hidden {shape['hidden']}, {shape['layers']} layers, {shape['heads']} heads "
        f"({shape['kv_heads']} kv), ffn {shape['ffn']}, vocab {shape['vocab']}. {machine['cpu']}, {machine['threads']} "
        f"threads; " + ", ".join(f"{k} {v}" for k, v in versions.items() if k != "python") + f"; commit "
        f"{result['commit']}, {result['date']}. Medians; repetitions: {result['reps']}"
        + (", taken in turns." if in_turns else "."),
        "",
    ]
    head = ["", "peer", "peer took"]
    if in_turns:
        head += ["laser took", "ratio: median (min–max)", "target"]
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]

    def row(title, peer, peer_value, own=None, ratio=None, target=None):
        cells = [title, f"{peer['what']}; {peer['dtype']}", peer_value]
        if in_turns:
            cells += [f"{own[1]} ({own[0]['dtype']})", ratio, target]
        lines.append("| " + " | ".join(cells) + " |")

    def ratio_text(ratio):
        return f"**{ratio['median']:.2f}** ({ratio['min']:.2f}–{ratio['max']:.2f})"

    for name, got in result["measurements"].items():
        peer, own = got["peer"], got.get("ours")
        extra = []
        if in_turns:
            ratio = got["ratio"]
            target = verdict("≥", ratio["target"], ratio["reached"])
            extra = [(own, f"{own['median_seconds']:.3f} s"), ratio_text(ratio), target]
        row(titles[name], peer, f"{peer['median_seconds']:.3f} s", *extra)
    for got in result["measurements"].values():
        if "checkpointing" not in got:
            continue
        peer, default, own = got["peer"], got["checkpointing"], got.get("ours")
        extra, default_extra = [], []
        if in_turns:
            peak, ratio = max(own["peak_bytes"]), got["memory_ratio"]
            shown = (own, gibibytes(peak))
            extra = [shown, ratio_text(ratio), verdict("≤", MEMORY_TARGET, ratio["median"] <= MEMORY_TARGET)]
            ratio = peak / default["peak_bytes"]
            default_extra = [shown, f"**{ratio:.2f}**", verdict("≤", MEMORY_TARGET, ratio <= MEMORY_TARGET)]
        row("peak resident memory of the GRPO step", peer, gibibytes(max(peer["peak_bytes"])), *extra)
        row("the same", default, f"{gibibytes(default['peak_bytes'])} ({default['seconds']:.3f} s a step)", *default_extra)

    if in_turns:
        lines += ["", "Ratios of times are peer / laser: above 1, laser is faster. Those of memory are laser / peer."]
    slower = []
    for name, got in result["measurements"].items():
        for side, label in (("peer", "peer"), ("ours", "laser")):
            candidates = got.get(side, {}).get("candidates", [])
            if len(candidates) > 1:
                times = (
                    f"{c['dtype']}{'' if c.get('way', 'plain') == 'plain' else ' ' + c['way']} {c['seconds']:.3f} s"
                    for c in candidates
                )
                slower.append(f"{name}, {label}: " + ", ".join(times))
    if slower:
        lines += ["", "Candidates, as timed in warm-up; the fastest is measured. " + "; ".join(slower) + "."]
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
    parser.add_argument("--warmup", type=int, default=2, help="repetitions before; where there is a choice, at least 2")
    parser.add_argument("--only", choices=MEASUREMENTS, nargs="+", help="these measurements instead of all")
    for field in OVERRIDES:
        parser.add_argument("--" + field.replace("_", "-"), type=positive, help="overrides the shape's value")
    parser.add_argument("--interleave", metavar="CMD", help="shell command that prints our measurement as JSON")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds a run of CMD or of a peer may take (default 1800)")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the table into FILE")
    # How this program calls itself for a peer's process.
    parser.add_argument("--worker", choices=MEASUREMENTS, help=argparse.SUPPRESS)
    parser.add_argument("--dtype", choices=BOTH, help=argparse.SUPPRESS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    args = arguments()
    overrides = {field: getattr(args, field) for field in OVERRIDES if getattr(args, field) is not None}
    shape = replace(SHAPES[args.shape], **overrides)
    if shape.responses % shape.group:
        sys.exit(f"--responses: {shape.responses} is no multiple of the group size, {shape.group}")
    if args.worker:
        return work(args, shape)

    measurements, versions = {}, {}
    for name in MEASUREMENTS:
        if name in (args.only or MEASUREMENTS):
            measurements[name], versions = measure(name, args, shape)
    result = {
        "shape": args.shape,
        "settings": asdict(shape),
        "machine": {"cpu": cpu_model(), "cores": cores_available(), "threads": args.threads},
        "versions": {"python": platform.python_version(), **versions},
        "commit": commit(),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "reps": args.reps,
        **({"command": args.interleave} if args.interleave else {}),
        "measurements": measurements,
    }
    if args.markdown:
        write_table(args.markdown, args.shape, table(result))
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
