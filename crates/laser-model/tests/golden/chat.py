"""Chat templates as transformers renders them, for tests/chat.rs.

Run from the repository's root with transformers 5.23 installed:
    python crates/laser-model/tests/golden/chat.py
Writes chat.json: for every template of templates/ and every conversation the rendered text and
its ids, or the error that the template raised; and plain texts as the tokenizer encodes them.
The tokenizer is read from tokenizer.json as it is, not rebuilt by a class for the model's type.
The templates are this project's own, written for the formats that their names say.
"""

import json
from datetime import datetime
from pathlib import Path

from tokenizers import processors
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).parent
FIXTURES = HERE.parents[3] / "fixtures"
TOKENIZERS = {"qwen2_5": "qwen2", "qwen3": "qwen3", "llama3": "llama3", "mistral": "llama3", "features": "qwen3"}


def turns(*pairs):
    return [{"role": role, "content": content} for role, content in pairs]


CONVERSATIONS = {
    "question": turns(("user", "What is 2 + 2?")),
    "system": turns(("system", " Be brief. \n"), ("user", "Hi")),
    "turns": turns(("user", "One"), ("assistant", "Two"), ("user", "Three"), ("assistant", "Four"), ("user", "Five")),
    "system_turns": turns(("system", "S"), ("user", "a"), ("assistant", "b"), ("user", "c")),
    "empty": turns(("user", ""), ("assistant", ""), ("user", "")),
    "spaces": turns(("system", "\n\t x"), ("user", "  two\n\nlines \n"), ("assistant", "\n\n y \n"),
                    ("user", "\u00a0z\u2003\u001c")),
    "unicode": turns(("user", "Zähle: 三, четыре, 🙂👩‍👩‍👧 e\u0301 \u200b\r\nend\u2028")),
    "markup": turns(("user", "{{ bos_token }} {% raise %} {# c #} <|im_end|> \\n \"q\" <b>&amp;</b> {% generation %}")),
    "think": turns(("user", "q"), ("assistant", "<think>\nIt is\n4.\n</think>\n\n4"), ("user", "and?"),
                   ("assistant", "<think>\nmore\n</think>\n\n\n8 ")),
    "think_then_user": turns(("user", "q"), ("assistant", "<think>hm</think>a"), ("user", "go on")),
    "last_assistant": turns(("user", "q"), ("assistant", "half an ans")),
    "tool_response": turns(("user", "q"), ("assistant", "<think>\nx\n</think>\n\ncall"),
                           ("user", "<tool_response>\n1\n</tool_response>"), ("assistant", "done")),
    "same_role_twice": turns(("user", "q"), ("user", "r")),
    "unknown_role": turns(("user", "q"), ("judge", "r")),
    "late_system": turns(("user", "q"), ("assistant", "a"), ("system", "late"), ("user", "r")),
}
DATE = {"date_string": "21 Nov 2026"}
# Keys in the order of the alphabet, in which the tests read them.
TOOLS = {"tools": [{"about": "a < b & \"c\" é", "name": "add", "take": {"a": 1.5, "b": [True, None, 1e16, 1e-5]}}]}


def cases(template):
    base = DATE if template == "llama3" else {}
    for name, conversation in CONVERSATIONS.items():
        for prompt in (False, True):
            yield name, conversation, prompt, base
    question = CONVERSATIONS["system"]
    if template == "qwen3":
        for flag in (False, True):
            yield "system", question, True, {"enable_thinking": flag}
    if template in ("qwen2_5", "llama3"):
        yield "system", question, True, base | TOOLS
    if template == "llama3":
        yield "system", question, True, base | {"bos_token": "<bos>"}


def render(template, source, tokenizer):
    out = []
    for name, conversation, prompt, arguments in cases(template):
        case = {"conversation": name, "add_generation_prompt": prompt, "arguments": arguments}
        options = {"chat_template": source, "add_generation_prompt": prompt} | arguments
        try:
            case["text"] = tokenizer.apply_chat_template(conversation, tokenize=False, **options)
            case["ids"] = tokenizer.apply_chat_template(conversation, return_dict=False, **options)
        except Exception as error:
            case["error"] = str(error)
        out.append(case)
    return out


def plain():
    llama = PreTrainedTokenizerFast.from_pretrained(FIXTURES / "llama3")
    texts = ["", "Hello world", " <|begin_of_text|>x"]
    out = [{"setting": "none", "text": t, "ids": llama(t)["input_ids"]} for t in texts]
    bos = ("<|begin_of_text|>", llama.bos_token_id)
    llama.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos[0]} $A", pair=f"{bos[0]} $A $B", special_tokens=[bos])
    out += [{"setting": "post_processor", "text": t, "ids": llama(t)["input_ids"]} for t in texts]
    for name, keys in [("add_bos_token", {"add_bos_token": True}),
                       ("add_both", {"add_bos_token": True, "add_eos_token": True})]:
        llama = PreTrainedTokenizerFast.from_pretrained(FIXTURES / "llama3", **keys)
        out += [{"setting": name, "text": t, "ids": llama(t)["input_ids"]} for t in texts]
    return out


MOMENT = datetime(2026, 3, 5, 7, 8, 9)
FORMATS = ["%d %b %Y", "%Y-%m-%d", "%B %d, %Y", "%A %-d/%m/%y %H:%M:%S", "%I:%M %p", "%j %a %%", "%e"]
tokenizers = {name: PreTrainedTokenizerFast.from_pretrained(FIXTURES / name) for name in set(TOKENIZERS.values())}
templates = {}
for template, name in TOKENIZERS.items():
    source = (HERE / "templates" / f"{template}.jinja").read_text()
    templates[template] = {"fixture": name, "cases": render(template, source, tokenizers[name])}
golden = {
    "conversations": CONVERSATIONS,
    "templates": templates,
    "plain": plain(),
    "dates": [[f, MOMENT.strftime(f)] for f in FORMATS],
}
(HERE / "chat.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
