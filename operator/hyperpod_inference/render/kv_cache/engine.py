"""Which model server the worker runs, what its command line says already, and whether more can be said.

Nothing in a spec names the server, so its image and command are read. What the user wrote is never changed:
flags are only ever added at the end, where they reach the server and nothing else.
"""

from enum import Enum
from itertools import pairwise
from pathlib import PurePosixPath

from hyperpod_inference.api.worker import Worker


class Engine(Enum):
    """The servers that are told apart; the value is how people write it."""

    VLLM = "vLLM"
    SGLANG = "SGLang"
    OTHER = "another server"


# Servers that take neither vLLM's nor SGLang's flags; matched against the image's name.
_OTHERS = (
    "text-generation-inference",
    "text-embeddings-inference",
    "tgi",
    "djl-inference",
    "djl-serving",
    "lmi",
    "tritonserver",
    "llama.cpp",
    "llama-cpp",
    "ollama",
    "tensorflow-serving",
    "torchserve",
)
_SHELLS = ("sh", "bash", "dash", "ash", "zsh")


def engine_of(worker: Worker) -> tuple[Engine, bool]:
    """The server, and whether anything says so: an unknown image counts as vLLM, as it does for AWS."""
    started = " ".join(_words(worker)[:4] if not _is_shell(worker) else _words(worker)).lower()
    image = worker.image.lower().partition("@")[0]
    for text in (started, image):
        if text is image and any(each in _image_words(image) for each in _OTHERS):
            return Engine.OTHER, True
        if "sglang" in text:
            return Engine.SGLANG, True
        if "vllm" in text or "lmcache" in text:
            return Engine.VLLM, True
    return Engine.VLLM, False


def flag(worker: Worker, *names: str) -> str | None:
    """The first of these flags that the command line holds, in any form (--a-b, --a_b, --a-b=c)."""
    text = " ".join(_words(worker)).replace("=", " ").replace("'", " ").replace('"', " ")
    given = {word.replace("_", "-") for word in text.split() if word.startswith("-")}
    return next((name for name in names if name in given), None)


def value_of(worker: Worker, name: str) -> str | None:
    """The value of a flag of the command line; None without it."""
    text = " ".join(_words(worker)).replace("=", " ").split()
    return next((value for word, value in pairwise(text) if word.replace("_", "-") == name), None)


def obstacle(worker: Worker) -> str | None:
    """Why flags cannot be added to the command line, as the start of a sentence; None when they can."""
    if _is_shell(worker):
        return "spec.worker starts the server through a shell, whose line is yours"
    if not _words(worker):
        return "spec.worker has neither command nor args, and arguments would replace the image's own"
    return None


def _words(worker: Worker) -> list[str]:
    return [*(worker.command or ()), *(worker.args or ())]


def _is_shell(worker: Worker) -> bool:
    words = _words(worker)
    if not words or PurePosixPath(words[0]).name not in _SHELLS:
        return False
    return any(word.startswith("-") and word.endswith("c") for word in words[1:3])


def _image_words(image: str) -> set[str]:
    """The parts of an image's name: 'a/huggingface-pytorch-tgi-inference:2.0' has tgi among them."""
    path, _, tag = image.rpartition(":") if ":" in image.rpartition("/")[2] else (image, "", "")
    whole = [*path.split("/"), tag]
    pieces = [piece for each in whole for piece in each.replace("_", "-").split("-")]
    return {*whole, *pieces}
