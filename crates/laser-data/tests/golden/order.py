"""The order of eight problems in epoch 0 of seed 7, computed without laser: SplitMix64, Lemire's
bounded integers, Fisher and Yates. Prints GOLDEN of src/dataset.rs."""

MASK = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def order(words, n):
    state = 0
    for word in words:
        state = mix(((state + GAMMA) & MASK) ^ mix((word + GAMMA) & MASK))

    def below(bound):
        nonlocal state
        while True:
            state = (state + GAMMA) & MASK
            product = mix(state) * bound
            if product & MASK >= (1 << 64) % bound:
                return product >> 64

    items = list(range(n))
    for last in range(n - 1, 0, -1):
        other = below(last + 1)
        items[last], items[other] = items[other], items[last]
    return items


# The first word is the text "epoch_or" as bytes, then the seed and the epoch.
print(order([int.from_bytes(b"epoch_or", "big"), 7, 0], 8))
