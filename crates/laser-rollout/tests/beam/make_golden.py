"""Writes golden.json: what transformers' beam search finds on the models in fixtures/.

    python crates/laser-rollout/tests/beam/make_golden.py

`generate(num_beams=b, num_return_sequences=b, do_sample=False)` with the defaults early_stopping=False and
length_penalty=1.0, and once each with another length penalty. The models are random and would hardly end, so every
twelfth token is a stop token. z_c is suppressed; `zc` is log p(z_c) after the stop token of a response that ended.
Needs the packages in fixtures/requirements.txt.
"""

import json
import sys
from pathlib import Path

import torch

here = Path(__file__).parent
fixtures = here.parents[3] / "fixtures"
sys.path.insert(0, str(fixtures))
import pytorch as ref  # noqa: E402

NEW = 12
STOP = [*range(3, 723, 12), 763]
SETTINGS = [(2, 1.0), (4, 1.0), (5, 1.0), (4, 0.0), (3, 2.0)]


@torch.no_grad()
def search(model, zc, prompt, width, alpha):
    out = model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        num_beams=width,
        num_return_sequences=width,
        do_sample=False,
        early_stopping=False,
        length_penalty=alpha,
        max_new_tokens=NEW,
        eos_token_id=STOP,
        pad_token_id=767,
        suppress_tokens=[zc],
        return_dict_in_generate=True,
        output_scores=True,
    )
    found = []
    for sequence, score in zip(out.sequences.tolist(), out.sequences_scores.tolist()):
        ids = sequence[len(prompt) :]
        end = next((i + 1 for i, t in enumerate(ids) if t in STOP), None)
        ids = ids[:end] if end else ids
        logp = ref.distributions(model, prompt + ids)[-1, zc].item() if end else None
        found.append({"ids": ids, "score": ref.short(score), "zc": None if logp is None else ref.short(logp)})
    return found


golden = {"max_new_tokens": NEW, "stop": STOP, "cases": []}
for name in ["qwen2", "qwen3", "llama3"]:
    reference = ref.reference_of(name)
    model = ref.load(fixtures / name)
    zc = reference["self_reward_token"]
    prompts = [reference["greedy"]["prompt"], *(s["ids"][:9] for s in reference["sequences"][:2])]
    for prompt in prompts:
        for width, alpha in SETTINGS:
            found = search(model, zc, prompt, width, alpha)
            case = {"model": name, "zc": zc, "prompt": prompt, "width": width, "length_penalty": alpha, "found": found}
            golden["cases"].append(case)
lines = ",\n".join(json.dumps(c) for c in golden.pop("cases"))
(here / "golden.json").write_text(json.dumps(golden)[:-1] + ',\n"cases": [\n' + lines + "\n]}\n")
