#!/usr/bin/env bash
# Writes a starting corpus: a few bodies that are read.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p corpus/request corpus/stop
cat >corpus/request/chat <<'EOF'
{"model": "m", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "What is 17 * 3?"}]}], "n": 2, "temperature": 0.7, "top_p": 0.9, "top_k": 20, "min_p": 0.05, "max_tokens": 64, "stop": ["\n\n", "Q:"], "seed": 1, "logprobs": true, "top_logprobs": 5, "stream": true, "stream_options": {"include_usage": true}, "chat_template_kwargs": {"enable_thinking": false}, "return_token_ids": true, "user": "u"}
EOF
cat >corpus/request/vote <<'EOF'
{"model": "m", "messages": [{"role": "user", "content": "1+1="}], "laser": {"vote": "weighted", "adaptive": {"error": 0.05, "max": 16}, "abstain_below": 0.3}}
EOF
cat >corpus/request/completion <<'EOF'
{"model": "m", "prompt": ["a", "b"], "n": 2, "logprobs": 2, "echo": false, "best_of": 1, "logit_bias": {}, "frequency_penalty": 0}
EOF
echo '{"model": "m", "prompt": [[1, 2], [3]], "max_tokens": 4}' >corpus/request/ids
printf 'ab|bc\na\nb\nxbc' >corpus/stop/two
