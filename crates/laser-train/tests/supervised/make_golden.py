"""Writes golden.json: the first supervised step on train.jsonl, computed by transformers and PyTorch.

    python crates/laser-train/tests/supervised/make_golden.py

The model is fixtures/qwen2. Each row is its prompt, as the model reads it, its response and an end token; the loss is
the mean cross entropy of response and end tokens over all rows, every row alone in a forward pass. `chat` puts the
prompt through the chat template and ends with <|im_end|>, `plain` takes it as it is and ends with <|endoftext|>.
Needs the packages in fixtures/requirements.txt.
"""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

here = Path(__file__).parent
folder = here.parents[3] / "fixtures" / "qwen2"
rows = [json.loads(line) for line in (here / "train.jsonl").read_text().splitlines()]
tokenizer = AutoTokenizer.from_pretrained(folder)


def ids(text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def step(chat):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>" if chat else "<|endoftext|>")
    total, tokens = 0.0, 0
    for row in rows:
        prompt = row["prompt"]
        if chat:
            turn = [{"role": "user", "content": prompt}]
            prompt = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        prompt, response = ids(prompt), ids(row["response"]) + [end]
        logits = model(torch.tensor([prompt + response])).logits[0, len(prompt) - 1 : -1].double()
        total = total + torch.nn.functional.cross_entropy(logits, torch.tensor(response), reduction="sum")
        tokens += len(response)
    loss = total / tokens
    loss.backward()
    norm = torch.sqrt(sum((p.grad.double() ** 2).sum() for p in model.parameters()))
    return {"loss": loss.item(), "grad_norm": norm.item(), "response_tokens": tokens, "end": end}


golden = {"chat": step(True), "plain": step(False)}
(here / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
