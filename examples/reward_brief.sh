#!/bin/sh
# A reward of one's own in plain sh: 1 for a response of at most 20 tokens, else 0.
# Reads a JSON object per line and writes {"id": …, "reward": number} for each. Try it:
#   echo '{"id":0,"response":"#5","length":3}' | sh examples/reward_brief.sh

limit=${1:-20}
while IFS= read -r line; do
    # The first field is the id and the last the length; quotes in texts are escaped, so that no
    # text looks like them.
    id=${line#*'"id":'}
    id=${id%%[!0-9]*}
    length=${line##*'"length":'}
    length=${length%%[!0-9]*}
    [ "$length" -le "$limit" ] && reward=1 || reward=0
    printf '{"id": %s, "reward": %s}\n' "$id" "$reward"
done
