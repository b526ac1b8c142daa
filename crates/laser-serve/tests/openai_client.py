"""Asks a server with the official `openai` client, unmodified.

    openai_client.py URL KEYED_URL BUSY_URL

The Rust test `the_official_client_is_served` (tests/api/official.rs) starts the servers: a model
that answers "=" with 1, 2 or 3 and goes on after "a" without end, in a context of 256 tokens. The
second asks for the key "alpha"; the queue of the third is full.
"""

import sys

import openai

url, keyed, busy = sys.argv[1:]
client = openai.OpenAI(base_url=url + "/v1", api_key="any", max_retries=0, timeout=30)


def chat(content, c=client, **more):
    messages = [{"role": "user", "content": content}]
    return c.chat.completions.create(model="tiny", messages=messages, **more)


def fails(error, call, *parts):
    try:
        call()
    except error as e:
        for part in parts:
            assert part in str(e), (part, str(e))
        return e
    raise AssertionError(f"no {error.__name__}")


# Chat: the self-reward of every choice, a seed that repeats it.
answer = chat("=", n=4)
assert len(answer.choices) == 4
for choice in answer.choices:
    assert choice.message.role == "assistant" and choice.message.content in ("1", "2", "3")
    assert choice.finish_reason == "stop"
    expected = {"1": 0.1, "2": 0.9, "3": 0.3}[choice.message.content]
    assert abs(choice.model_extra["self_reward"] - expected) < 1e-4, choice
    assert choice.model_extra["self_logprob"] < 0
assert answer.usage.completion_tokens == 8 and answer.usage.total_tokens == 9
again = chat("=", n=4, seed=answer.model_extra["laser_seed"])
assert [c.message.content for c in again.choices] == [c.message.content for c in answer.choices]

# What a client got can be sent back.
history = [{"role": "user", "content": "="}, answer.choices[0].message, {"role": "user", "content": "="}]
assert client.chat.completions.create(model="tiny", messages=history).choices[0].finish_reason == "stop"

# Cut off: no self-reward.
cut = chat("a", max_completion_tokens=3).choices[0]
assert (cut.message.content, cut.finish_reason, cut.model_extra["self_reward"]) == ("aaa", "length", None)

# Streams, of several choices and with usage.
texts, ends, usage = {}, {}, None
stream = chat("b", stream=True, n=2, seed=3, max_tokens=20, stream_options={"include_usage": True})
for chunk in stream:
    usage = chunk.usage or usage
    for choice in chunk.choices:
        texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
        if choice.finish_reason:
            ends[choice.index] = choice
whole = chat("b", n=2, seed=3, max_tokens=20)
assert [texts[i] for i in range(2)] == [c.message.content for c in whole.choices]
assert usage == whole.usage
assert all(e.finish_reason == "length" and e.model_extra["self_reward"] is None for e in ends.values())

# Log-probabilities.
content = chat("=", logprobs=True, top_logprobs=2, temperature=0).choices[0].logprobs.content
assert [t.token for t in content] == ["1", "<|end|>"] and bytes(content[0].bytes) == b"1"
assert abs(content[0].logprob - -0.6931472) < 1e-4
assert [t.token for t in content[0].top_logprobs] == ["1", "2"]

# Stop strings.
text = chat("b", seed=3, max_tokens=200).choices[0].message.content
stopped = chat("b", seed=3, max_tokens=200, stop=["dbd"]).choices[0]
assert stopped.message.content == text[: text.index("dbd")] and stopped.finish_reason == "stop"

# Completions: texts, ids, logprobs, streams.
done = client.completions.create(model="tiny", prompt=["=", "a"], max_tokens=4, logprobs=1)
assert [c.index for c in done.choices] == [0, 1] and done.choices[1].text == "aaaa"
assert done.choices[1].logprobs.text_offset == [0, 1, 2, 3]
ids = client.completions.create(model="tiny", prompt=[12], max_tokens=4, extra_body={"return_token_ids": True})
assert ids.choices[0].text == "aaaa" and ids.choices[0].model_extra["token_ids"] == [12] * 4
parts = client.completions.create(model="tiny", prompt="a", max_tokens=4, stream=True)
assert "".join(p.choices[0].text for p in parts) == "aaaa"

# Votes.
voted = chat("=", seed=1, extra_body={"laser": {"vote": "weighted", "n": 16}}).choices[0]
laser = voted.model_extra["laser"]
assert voted.message.content == laser["answer"] == "2" and laser["sampled"] == 16
early = chat("=", seed=1, extra_body={"laser": {"vote": "majority", "adaptive": True}}).choices[0]
assert early.model_extra["laser"]["sampled"] <= 8
silent = chat("=", extra_body={"laser": {"vote": "weighted", "abstain_below": 0.99}}).choices[0]
assert silent.message.content is None and "confidence" in silent.message.refusal
assert silent.model_extra["laser"]["abstained"] is True

# Models.
assert [m.id for m in client.models.list()] == ["tiny"]
assert client.models.retrieve("tiny").model_extra["max_model_len"] == 256

# Errors are the client's own classes.
e = fails(openai.BadRequestError, lambda: chat("=", temperature=5), "temperature")
assert e.param == "temperature" and e.type == "invalid_request_error"
e = fails(openai.BadRequestError, lambda: chat("a" * 300), "context")
assert e.code == "context_length_exceeded"
tool = {"type": "function", "function": {"name": "f"}}
e = fails(openai.BadRequestError, lambda: chat("=", tools=[tool]), "tools")
assert e.code == "unsupported_field" and e.param == "tools"
fails(openai.BadRequestError, lambda: chat("=", extra_body={"temprature": 1}), "temprature")
other = lambda: client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "="}])
assert fails(openai.NotFoundError, other, "tiny").code == "model_not_found"
fails(openai.NotFoundError, lambda: client.embeddings.create(model="tiny", input="a"))
wrong = openai.OpenAI(base_url=keyed + "/v1", api_key="wrong", max_retries=0)
assert fails(openai.AuthenticationError, lambda: chat("=", wrong)).code == "invalid_api_key"
right = openai.OpenAI(base_url=keyed + "/v1", api_key="alpha", max_retries=0)
assert chat("=", right).choices[0].finish_reason == "stop"
full = openai.OpenAI(base_url=busy + "/v1", api_key="any", max_retries=0)
e = fails(openai.RateLimitError, lambda: chat("=", full))
assert e.code == "queue_full" and e.response.headers["retry-after"] == "1"

print("openai", openai.__version__, "is served")
