"""The double as a process of its own: started, waited for, stopped."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from hyperpod_inference.local.errors import StartError

# It imports most of moto; a machine that does much else needs minutes.
_PATIENCE = 600.0


@contextmanager
def running(log: Path, *arguments: str) -> Iterator[Mapping[str, str]]:
    """The environment of a double's clients, for as long as the double runs.

    log: takes what it writes of itself. Raises StartError when it does not come up.
    """
    command = [sys.executable, "-m", "hyperpod_inference.local.aws", *arguments]
    with (
        log.open("w") as traces,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=traces, text=True) as process,
    ):
        try:
            yield _environment(process)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _environment(process: "subprocess.Popen[str]") -> Mapping[str, str]:
    assert process.stdout is not None  # noqa: S101 - a pipe, since we asked for one
    watch = Timer(_PATIENCE, process.kill)
    watch.start()
    try:
        line = process.stdout.readline()
    finally:
        watch.cancel()
    if not line:
        remedy = f"Run it alone: {sys.executable} -m hyperpod_inference.local.aws"
        raise StartError("AWS on loopback did not start", remedy)
    environment: dict[str, str] = json.loads(line)
    return {**_without_aws(os.environ), **environment}


def _without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """Nothing of a person's own AWS configuration reaches a client of the double."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}
