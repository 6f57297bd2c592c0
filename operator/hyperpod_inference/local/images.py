"""Which local program stands for a container image.

The table is all the "registry" that local nodes have: an image that is not in it gives ErrImagePull with the
list of those that are. The operator's image is the real operator, the
router's the real router; model server images run a real engine
(`servers.llamacpp`) with their own command line.
"""

import fnmatch
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_PYTHON = (sys.executable, "-m")
_CLI = (sys.executable, "-c", "from hyperpod_inference.cli.main import main; main()")
_ROUTER = (sys.executable, "-c", "from hyperpod_inference.router.main import main; main()")
_COLLECTOR = (*_PYTHON, "hyperpod_inference.local.servers.collector")
_LLAMA = (*_PYTHON, "hyperpod_inference.local.servers.llamacpp")
_ALB = (*_PYTHON, "hyperpod_inference.local.alb")
_SIMULATOR = (*_PYTHON, "hyperpod_inference.local.servers.simulator")
_BOX = (*_PYTHON, "hyperpod_inference.local.servers.box")

# Command lines that model server images are started with, and what runs instead.
_ENGINE_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "vllm serve": _LLAMA,
    "python3 -m vllm.entrypoints.openai.api_server": _LLAMA,
    "python -m vllm.entrypoints.openai.api_server": _LLAMA,
}


@dataclass(frozen=True, slots=True)
class Image:
    """A program in the role of an image.

    Attributes:
        pattern: of repository and tag, with `*`; the registry host in front may be anything.
        entrypoint: what runs unless the pod sets `command`.
        arguments: the image's default arguments, used when the pod sets neither command nor args.
        commands: command lines inside the image by which people start its program, and what runs for them.
        note: one line for people.
    """

    pattern: str
    entrypoint: tuple[str, ...]
    note: str
    arguments: tuple[str, ...] = ()
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def argv(self, command: Sequence[str], args: Sequence[str]) -> list[str]:
        """The command line for a container with this image and the pod's command and args."""
        if not command:
            return [*self.entrypoint, *(args or self.arguments)]
        line = [*command, *args]
        for known, replacement in self.commands.items():
            prefix = known.split()
            if line[: len(prefix)] == prefix:
                return [*replacement, *line[len(prefix) :]]
        return line


class UnknownImage(Exception):  # noqa: N818 - an answer, not a fault of the program
    """No local program stands for this image; the text lists the known ones."""


def _box(name: str, note: str) -> Image:
    return Image(f"hyperpod-local/{name}:*", (*_BOX, name), note, commands={name: (*_BOX, name)})


def _engine(pattern: str, note: str) -> Image:
    return Image(pattern, _LLAMA, note, commands=_ENGINE_COMMANDS)


TABLE: tuple[Image, ...] = (
    Image(
        "hyperpod-inference/operator:*",
        _CLI,
        "the operator itself",
        commands={"hyperpod-inference": _CLI},
    ),
    Image(
        "hyperpod-inference/sidecar:*",
        _ROUTER,
        "the data plane itself, beside a model",
        commands={"hyperpod-router": _ROUTER},
    ),
    Image(
        "otel/opentelemetry-collector-contrib:*",
        _COLLECTOR,
        "a small stand-in that scrapes and offers Prometheus metrics by the same configuration",
    ),
    Image(
        "hyperpod-inference/router:*",
        _ROUTER,
        "the router itself",
        commands={"hyperpod-router": _ROUTER},
    ),
    _engine("vllm/vllm-openai:*", "llama.cpp with vLLM's command line"),
    _engine("lmcache/vllm-openai:*", "llama.cpp with vLLM's command line"),
    _engine("deepjavalibrary/djl-serving:*", "llama.cpp in the role of LMI"),
    _engine("djl-inference:*", "llama.cpp in the role of the LMI deep learning container"),
    _engine("huggingface-pytorch-tgi-inference:*", "llama.cpp in the role of TGI"),
    _engine("huggingface/text-generation-inference:*", "llama.cpp in the role of TGI"),
    _engine("vllm:*", "llama.cpp in the role of the vLLM deep learning container"),
    _engine("hyperpod-local/llamacpp:*", "llama.cpp"),
    Image(
        "hyperpod-local/simulator:*",
        _SIMULATOR,
        "vLLM's face over a cost model: real prefix cache and KV events, no weights",
        commands={"vllm serve": _SIMULATOR},
    ),
    Image("hyperpod-local/alb:*", _ALB, "load balancers and AWS on loopback: `local up --with alb`"),
    Image("registry.k8s.io/pause:*", (*_BOX, "sleep"), "waits", ("infinity",)),
    Image("pause:*", (*_BOX, "sleep"), "waits", ("infinity",)),
    _box("sleep", "waits: sleep SECONDS|infinity"),
    _box("crash", "writes lines, then exits with a code: crash [--code N] [--after SECONDS] [LINE...]"),
    _box("http-sink", "logs what is POSTed, a line each, and answers {}: http-sink [--port N]"),
    _box("http-echo", "answers HTTP: http-echo [--port N] [--text TEXT] [--unready-file PATH]"),
)

_REFERENCE = re.compile(r"(?P<name>.+?)(?::(?P<tag>[\w][\w.-]*))?(?:@(?P<digest>sha256:[0-9a-f]+))?")


def find(reference: str, table: Sequence[Image] = TABLE) -> Image:
    """The program for an image reference, whatever registry host it names.

    Raises:
        UnknownImage: no entry matches.
    """
    names = _names(reference)
    for image in table:
        if any(fnmatch.fnmatchcase(name, image.pattern) for name in names):
            return image
    known = ", ".join(image.pattern for image in table)
    raise UnknownImage(
        f'no local program stands for image "{reference}"; local nodes know: {known}. '
        "Use one of these, or see hyperpod_inference/local/images.py"
    )


def _names(reference: str) -> list[str]:
    """`host/a/b:tag` also as `a/b:tag` and, for a registry host, without it; no tag counts as latest."""
    match = _REFERENCE.fullmatch(reference)
    name, tag = (match["name"], match["tag"] or "latest") if match else (reference, "latest")
    host, _, rest = name.partition("/")
    names = [f"{name}:{tag}"]
    if rest and ("." in host or ":" in host or host == "localhost"):
        names.append(f"{rest}:{tag}")
    return names


def show(argv: Sequence[str]) -> str:
    """A command line as text."""
    return shlex.join(argv)
