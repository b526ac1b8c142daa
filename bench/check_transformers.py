"""Compares log-probabilities that this project wrote with those that transformers computes from the same folder.

    python bench/check_transformers.py MODEL LINES
    python bench/check_transformers.py MODEL LINES --adapter ADAPTER --bound 1e-4

MODEL is a Hugging Face folder with safetensors weights, in one file or sharded, of any dtype; ADAPTER a folder that PEFT
can load on top of it. The computation is in f32 from what is stored. LINES is a file of JSON lines (- is standard input):
    {"ids": [50, 11, 7], "logprobs": [-1.25, -0.5]}
where logprobs[i] is the natural log of p(ids[i+1] | ids[..=i]), so one number less than ids. Other keys are ignored. The
log-probability of z_c after a response is the last one of a line whose last id is z_c.

Prints the largest difference and where it is, with the mean. Exit status 0 within the bound, 1 above it, 2 for bad usage
or bad input, which is a folder whose tensors do not fit its configuration too.
Needs the packages in fixtures/requirements.txt (peft only with --adapter); no network. Its test is
    python -m unittest bench/test_check_transformers.py
"""

import argparse
import json
import math
import os
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # a mistyped folder is an error and not the name of a model to download

import torch
from transformers import AutoModelForCausalLM


class BadInput(Exception):
    """What is wrong, where, and what was expected."""


def load(folder: Path):
    """The model of `folder` in f32; refused unless every weight comes from its files and every tensor is used."""
    if not (folder / "config.json").is_file():
        raise BadInput(f"{folder}: no config.json; expected a Hugging Face model folder")
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    except Exception as error:  # transformers raises many kinds for a bad folder
        raise BadInput(f"{folder}: transformers cannot load it: {error}") from error
    wrong = {what: sorted(map(str, found)) for what, found in info.items() if found}
    if wrong:
        raise BadInput(f"{folder}: the weights do not fit config.json: {wrong}")
    return model.eval()


def adapt(model, folder: Path):
    """`model` with the adapter of `folder`; refused unless PEFT takes exactly the tensors of its file."""
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (folder / name).is_file():
            raise BadInput(f"{folder}: no {name}; expected a folder as PEFT saves it")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Found missing adapter keys")  # looked at below
            adapted = PeftModel.from_pretrained(model, folder).eval()
    except Exception as error:  # PEFT too
        raise BadInput(f"{folder}: PEFT cannot load it: {error}") from error
    with safe_open(folder / "adapter_model.safetensors", framework="pt") as file:
        stored = set(file.keys())
    wanted = set(get_peft_model_state_dict(adapted))
    if stored != wanted:
        raise BadInput(
            f"{folder}: adapter_model.safetensors does not fit adapter_config.json: "
            f"missing {sorted(wanted - stored)}, not known {sorted(stored - wanted)}"
        )
    return adapted


def parse(text: str, vocab: int) -> tuple[list[int], list[float]]:
    """The ids and log-probabilities of a line."""
    try:
        line = json.loads(text)
        ids, logprobs = line["ids"], line["logprobs"]
        well_typed = all(type(i) is int for i in ids) and all(type(x) in (int, float) for x in logprobs)
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f'expected {{"ids": [...], "logprobs": [...]}}: {type(error).__name__} {error}') from error
    if not well_typed:
        raise BadInput("ids must be integers and logprobs numbers")
    if len(ids) < 2 or len(logprobs) != len(ids) - 1:
        raise BadInput(f"{len(ids)} ids need {max(len(ids) - 1, 1)} logprobs, and there are {len(logprobs)}")
    beyond = [i for i in ids if not 0 <= i < vocab]
    if beyond:
        raise BadInput(f"id {beyond[0]} is not in the vocabulary of {vocab}")
    return ids, logprobs


@torch.no_grad()
def recompute(model, ids: list[int]) -> list[float]:
    logp = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0].float(), dim=-1)
    return logp[torch.arange(len(ids) - 1), torch.tensor(ids[1:])].tolist()


def compare(model, file, where: str) -> tuple[float, str, float, int]:
    """The largest difference, its place, the sum of all, and their number. A number that is not finite is infinitely off."""
    largest, place, total, count = -1.0, "", 0.0, 0
    for number, text in enumerate(file, start=1):
        if not text.strip():
            continue
        try:
            ids, logprobs = parse(text, model.config.vocab_size)
        except BadInput as error:
            raise BadInput(f"{where}, line {number}: {error}") from error
        for i, (got, expected) in enumerate(zip(logprobs, recompute(model, ids), strict=True)):
            difference = abs(got - expected)
            if not math.isfinite(difference):
                difference = math.inf
            if difference > largest:
                largest = difference
                place = f"line {number}, logprobs[{i}]: {got:.7f} written, {expected:.7f} by transformers"
            total += difference
            count += 1
    if count == 0:
        raise BadInput(f"{where}: no lines; expected at least one")
    return largest, place, total, count


def positive(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("lines", metavar="LINES")
    parser.add_argument("--adapter", type=Path, help="an adapter's folder; MODEL is its base")
    parser.add_argument("--bound", type=positive, default=1e-4, help="largest difference allowed (default 1e-4)")
    options = parser.parse_args(arguments)
    try:
        with sys.stdin if options.lines == "-" else open(options.lines, encoding="utf-8") as file:
            model = load(options.model)
            if options.adapter is not None:
                model = adapt(model, options.adapter)
            largest, place, total, count = compare(model, file, options.lines)
    except (BadInput, OSError, UnicodeDecodeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    within = largest <= options.bound
    print(f"{count} log-probabilities, largest difference {largest:.3e}, mean {total / count:.3e}")
    print(f"largest at {place}")
    print(f"{'within' if within else 'ABOVE'} the bound of {options.bound:.1e}")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
