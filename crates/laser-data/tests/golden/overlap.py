"""Random problems and their overlap, found the slow and obvious way. Prints overlap.json, which
src/overlap/tests.rs compares with. Needs Python 3 and nothing else."""

import json
import random

random.seed(20261121)
VOCABULARY = [f"w{i}" for i in range(400)]
words = lambda n: random.choices(VOCABULARY, k=n)
grams = lambda text: {tuple(text[i : i + 8]) for i in range(max(1, len(text) - 7))}

test = [words(random.randint(4, 20)) for _ in range(16)]
train = [words(random.randint(4, 20)) for _ in range(6)]
for text in test:
    for _ in range(2):
        start = random.randint(0, 4)
        end = len(text) - random.randint(0, 4)
        train.append(words(random.randint(0, 3)) + text[start:end] + words(random.randint(1, 3)))
train += [test[3], test[5], train[7], test[3]]
random.shuffle(train)

near = []
near_train = set()
for at, text in enumerate(test):
    shares = [len(grams(text) & grams(other)) / len(grams(text)) for other in train]
    found = [i for i, s in enumerate(shares) if s >= 0.5 and train[i] != text]
    near_train |= set(found)
    if found:
        best = max(found, key=lambda i: (shares[i], -i))
        near.append({"test": at, "train": best, "share": shares[best]})

print(
    json.dumps(
        {
            "train": [" ".join(text) for text in train],
            "test": [" ".join(text) for text in test],
            "duplicates": [i for i, text in enumerate(train) if text in train[:i]],
            "exact": [i for i, text in enumerate(train) if text in test],
            "near": near,
            "near_train": sorted(near_train),
        },
        indent=1,
    )
)
