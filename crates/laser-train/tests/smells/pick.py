"""Makes healthy.jsonl: python pick.py RUN/metrics.jsonl

Keeps the metrics that smells.rs looks at, of the first 60 steps of reinforcement learning.
"""

import json
import re
import sys
from pathlib import Path

here = Path(__file__).parent
source = (here / "../../src/smells.rs").read_text()
keys = re.findall(r'"(\w+/\w+)",\n', source.split("const KEYS")[1].split("];")[0])
lines = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
with open(here / "healthy.jsonl", "w") as out:
    for line in [line for line in lines if line.get("phase") != "sft"][:60]:
        picked = {k: round(v, 5) if isinstance(v := line[k], float) else v for k in keys}
        print(json.dumps(picked, separators=(",", ":")), file=out)
