"""A real model engine with vLLM's command line: llama.cpp (PyPI `xllamacpp`) behind a thin HTTP front.

Runs in the role of vLLM, LMI, TGI and deep learning container images on local nodes. The native server speaks
the OpenAI API on a Unix socket; `front` adds what those images have and llama.cpp lacks (/ping, /invocations,
vLLM's metric names) and listens on the pod's address. One thread, so that several replicas fit on a laptop.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperpod_inference.local.servers import front

logger = logging.getLogger("llamacpp")

DEFAULT_MODEL = "/opt/ml/model"
DEFAULT_PORT = 8000
CONTEXT_LIMIT = 2048
"""Tokens. A longer --max-model-len is lowered to it: each 1,000 tokens cost 23 MB per replica."""
SLOTS = 2
EXIT_NO_WEIGHTS = 3
# The model's own generation defaults, which vLLM would read from generation_config.json.
TEMPERATURE, TOP_P = 0.2, 0.9


class NoWeights(Exception):  # noqa: N818 - an answer for the user
    """There is nothing to serve; the text says where was looked and what is expected."""


@dataclass(frozen=True, slots=True)
class Options:
    """What of a vLLM command line matters here."""

    model: str
    names: tuple[str, ...]
    port: int
    context: int
    address: str
    ignored: tuple[str, ...] = ()


def parse(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Read vLLM's command line, and the variables by which LMI and TGI images are configured."""
    parser = argparse.ArgumentParser(prog="vllm serve", allow_abbrev=False)
    parser.add_argument("model_tag", nargs="?")
    parser.add_argument("--model")
    parser.add_argument("--served-model-name", nargs="+")
    parser.add_argument("--port", type=int)
    parser.add_argument("--host")
    parser.add_argument("--max-model-len", type=int)
    known, ignored = parser.parse_known_args(_without_values(arguments))
    model = known.model or known.model_tag or environ.get("MODEL_ID") or environ.get("HF_MODEL_ID")
    model = model or environ.get("OPTION_MODEL_ID") or DEFAULT_MODEL
    port = known.port or int(environ.get("SERVING_PORT") or environ.get("PORT") or DEFAULT_PORT)
    asked = known.max_model_len or CONTEXT_LIMIT
    return Options(
        model=model,
        names=tuple(known.served_model_name or [model]),
        port=port,
        context=min(asked, CONTEXT_LIMIT),
        address=environ.get("HYPERPOD_LOCAL_POD_IP") or "127.0.0.1",
        ignored=tuple(ignored),
    )


_KNOWN = frozenset(("--model", "--served-model-name", "--port", "--host", "--max-model-len"))


def _without_values(arguments: Sequence[str]) -> list[str]:
    """Join each unknown flag with its value, so that the value is not taken for the model's name."""
    result: list[str] = []
    for argument in arguments:
        unknown = bool(result) and result[-1].startswith("--") and result[-1].split("=")[0] not in _KNOWN
        if unknown and "=" not in result[-1] and not argument.startswith("-"):
            result[-1] += f"={argument}"
        else:
            result.append(argument)
    return result


def find_weights(model: str) -> Path:
    """The GGUF file at or under the model path; raises NoWeights."""
    path = Path(model)
    if path.is_file():
        return path
    found = sorted(path.rglob("*.gguf")) if path.is_dir() else []
    if found:
        return found[0]
    if not path.is_dir():
        raise NoWeights(
            f"no model at {model}: local nodes serve weights from a volume (s3, fsx or a PVC) and do not "
            "download any"
        )
    held = ", ".join(sorted(each.name for each in path.iterdir())[:10]) or "nothing"
    raise NoWeights(f"no *.gguf file under {model}, which holds {held}: the local engine reads GGUF weights")


def start_engine(weights: Path, options: Options, socket: Path) -> Any:
    """Load the model and serve it on a Unix socket from a native thread; returns the server to keep."""
    import xllamacpp  # type: ignore[import-untyped]  # here because it is 100 MB of native code

    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.hostnames = [str(socket)]
    params.model_alias = set(options.names)
    params.n_ctx = options.context
    params.n_parallel, params.kv_unified = SLOTS, True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_threads_http = 2 + SLOTS
    params.endpoint_metrics, params.ui = True, False
    params.sampling.temp, params.sampling.top_p = TEMPERATURE, TOP_P
    return xllamacpp.Server(params)


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stdout)
    options = parse(arguments, environ)
    if options.ignored:
        logger.info("ignored, without a meaning for this engine: %s", " ".join(options.ignored))
    try:
        weights = find_weights(options.model)
    except NoWeights as error:
        logger.error("%s", error)
        return EXIT_NO_WEIGHTS
    logger.info("loading %s, context of %d tokens", weights, options.context)
    with tempfile.TemporaryDirectory() as directory:
        socket = Path(directory) / "engine.sock"
        # Until the front listens nothing needs a gentle end.
        engine = start_engine(weights, options, socket)
        asyncio.run(_serve(options, socket))
        logger.info("leaving")
        sys.stdout.flush()
        # The engine's destructor waits for running requests; SIGTERM has given them their time.
        del engine
    return 0


async def _serve(options: Options, socket: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with front.running(options.address, options.port, socket, options.names[0]):
        logger.info("serving %s on http://%s:%d", ", ".join(options.names), options.address, options.port)
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
