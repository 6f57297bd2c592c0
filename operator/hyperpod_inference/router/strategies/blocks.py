"""A prompt as a chain of block hashes: two prompts share as many leading hashes as they share blocks.

The first `FINE` blocks are small; later ones are `COARSE` times as long, because a hash costs the same
whatever its length, and a beginning of a hundred blocks need not be known to the byte. Sizes are counted in
small blocks.
"""

import xxhash

from hyperpod_inference.router.prompt import field, prompt_start

FINE, COARSE = 64, 4


def chain(body: bytes, block_bytes: int, salt: int) -> list[int]:
    """The hashes of the whole blocks of the prompt in `body`; each includes all before it, and the model.

    `salt` differs in each process, so that nobody can prepare prompts whose hashes collide. What would
    happen then is only a worse choice of replica.
    """
    start = prompt_start(body)
    size = len(body)
    if size - start < block_bytes:
        return []
    digest = xxhash.xxh3_64_intdigest
    model = field(body, "model")
    link = digest(model, salt) if model else salt
    hashes: list[int] = []
    append, view = hashes.append, memoryview(body)
    fine = min(start + FINE * block_bytes, size)
    for at in range(start, fine - block_bytes + 1, block_bytes):
        link = digest(view[at : at + block_bytes], link)
        append(link)
    step = COARSE * block_bytes
    for at in range(fine, size - step + 1, step):
        link = digest(view[at : at + step], link)
        append(link)
    return hashes


def units(blocks: int) -> int:
    """The size of so many leading blocks, in small blocks."""
    return blocks if blocks <= FINE else FINE + (blocks - FINE) * COARSE


def whole(size: float) -> int:
    """How many leading blocks fit into a size in small blocks."""
    return int(size) if size <= FINE else FINE + int(size - FINE) // COARSE


def short_key(body: bytes, block_bytes: int) -> int:
    """What stands for a prompt in consistent hashing: its first block, whole or not; no salt, so that all
    router processes agree."""
    start = prompt_start(body)
    return xxhash.xxh3_64_intdigest(body[start : start + block_bytes])
