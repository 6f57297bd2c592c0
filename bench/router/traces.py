"""Load for the bench of choices, generated to published statistics.

`conversation` and `documents` have the mean lengths and shares of reusable prompt of the conversation and
the tool-and-agent trace of Mooncake (FAST'25): 12,035 tokens in and 343 out with 40 %, 8,596 in and 182 out
with 59 %. The traces themselves hold no text. `unique` shares nothing, `hot` all but a little: they are
there to catch a strategy that pays for what it cannot win.
"""

import random
import string
from dataclasses import dataclass, field

CHARACTERS_PER_TOKEN = 4


@dataclass
class Turn:
    """A message and the tokens that answer it."""

    text: str
    tokens: int
    wait: float
    """Seconds after the last answer of its session (after the begin of the trace for the first)."""


@dataclass
class Session:
    """Turns that follow each other; the answers become part of the next prompt."""

    turns: list[Turn] = field(default_factory=list)


def text(tokens: float, rng: random.Random) -> str:
    """Random letters, four a token."""
    return "".join(rng.choices(string.ascii_lowercase, k=max(int(tokens), 4) * CHARACTERS_PER_TOKEN))


def spread(mean: float, rng: random.Random, sigma: float = 0.7) -> float:
    """Log-normal around a mean."""
    return mean * rng.lognormvariate(-sigma * sigma / 2, sigma)


def conversation(requests: int, rng: random.Random) -> list[Session]:
    """Chats of four turns on the mean, from few kinds of system prompts."""
    systems = [text(600, rng) for _ in range(4)]
    made, number, at = [], 0, 0.0
    while number < requests:
        at += rng.expovariate(1.3)
        session = Session()
        while not session.turns or (rng.random() < 0.75 and len(session.turns) < 9):
            first = not session.turns
            own = text(spread(6_500 if first else 2_200, rng), rng)
            wait = at if first else rng.expovariate(1 / 6)
            session.turns.append(
                Turn((rng.choice(systems) if first else "") + own, int(spread(343, rng)) + 1, wait)
            )
        made.append(session)
        number += len(session.turns)
    return made


def documents(requests: int, rng: random.Random) -> list[Session]:
    """Questions about 60 long texts, some asked much more often than others."""
    texts = [text(spread(5_300, rng), rng) for _ in range(60)]
    weights = [1 / (rank + 1) for rank in range(len(texts))]
    made, at = [], 0.0
    for _ in range(requests):
        at += rng.expovariate(8.0)
        (shared,) = rng.choices(texts, weights)
        made.append(Session([Turn(shared + text(spread(3_300, rng), rng), int(spread(182, rng)) + 1, at)]))
    return made


def unique(requests: int, rng: random.Random) -> list[Session]:
    """Nothing shared."""
    made, at = [], 0.0
    for _ in range(requests):
        at += rng.expovariate(8.0)
        made.append(Session([Turn(text(spread(6_000, rng), rng), 32, at)]))
    return made


def hot(requests: int, rng: random.Random) -> list[Session]:
    """One long beginning for all."""
    shared, made, at = text(8_000, rng), [], 0.0
    for _ in range(requests):
        at += rng.expovariate(12.0)
        made.append(Session([Turn(shared + text(spread(3_000, rng), rng), 32, at)]))
    return made


TRACES = {"conversation": conversation, "documents": documents, "unique": unique, "hot": hot}
