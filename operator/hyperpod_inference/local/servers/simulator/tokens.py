"""Text to tokens and back: four bytes make a token, each message begins on a token of its own.

So a conversation's tokens are a prefix of its next turn's, as with a real chat template, and an answer that
comes back as a message has the tokens that were generated.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

BYTES_PER_TOKEN = 4
_WORDS = ("the ", "is a", " of ", "and ", "to b", "in t", "for ", "it. ")


class BadRequest(ValueError):  # noqa: N818 - an answer, not a fault of the program
    """The body cannot be served; the text says why."""


def prompt_tokens(body: Mapping[str, Any]) -> list[int]:
    """The tokens of a completion's `prompt` (text or tokens), or of a chat's `messages`.

    Raises:
        BadRequest: there is neither, or it has a wrong shape.
    """
    messages, prompt = body.get("messages"), body.get("prompt")
    if isinstance(messages, list) and messages:
        tokens: list[int] = []
        for message in messages:
            if not isinstance(message, dict):
                raise BadRequest(f"messages: got {type(message).__name__}, expected objects")
            tokens += tokenize(f"<|{message.get('role', 'user')}|>") + tokenize(_text(message.get("content")))
        return tokens + tokenize("<|assistant|>")
    if isinstance(prompt, str) and prompt:
        return tokenize(prompt)
    if isinstance(prompt, list) and prompt and all(isinstance(token, int) for token in prompt):
        return prompt
    raise BadRequest("expected 'messages' (a list of messages) or 'prompt' (text or a list of tokens)")


def _text(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content, sort_keys=True)


def tokenize(text: str) -> list[int]:
    """Four bytes of UTF-8 each; the last one is filled up with zeros."""
    data = text.encode("utf-8", "surrogatepass")
    return memoryview(data + bytes(-len(data) % BYTES_PER_TOKEN)).cast("I").tolist()


def answer(prompt: Sequence[int], count: int) -> list[str]:
    """The text of `count` tokens: always the same after the same prompt, four bytes each."""
    seed = hash(tuple(prompt[-64:]))
    return [_WORDS[(seed + at * 7 + at // 5) % len(_WORDS)] for at in range(count)]
