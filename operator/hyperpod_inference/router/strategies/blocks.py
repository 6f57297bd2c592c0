"""A prompt as a chain of block hashes: two prompts share as many leading hashes as they share blocks."""

import xxhash

from hyperpod_inference.router.prompt import field, prompt_start


def chain(body: bytes, block_bytes: int, salt: int) -> list[int]:
    """The hashes of the whole blocks of the prompt in `body`; each includes all before it, and the model.

    `salt` differs in each process, so that nobody can prepare prompts whose hashes collide. What would
    happen then is only a worse choice of replica.
    """
    digest = xxhash.xxh3_64_intdigest
    start = prompt_start(body)
    model = field(body, "model")
    link = digest(model, salt) if model else salt
    hashes = []
    for at in range(start, len(body) - block_bytes + 1, block_bytes):
        link = digest(body[at : at + block_bytes], link)
        hashes.append(link)
    return hashes


def short_key(body: bytes, block_bytes: int) -> int:
    """What stands for a prompt in consistent hashing: its first block, whole or not; no salt, so that all
    router processes agree."""
    start = prompt_start(body)
    return xxhash.xxh3_64_intdigest(body[start : start + block_bytes])
