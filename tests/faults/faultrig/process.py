"""The operator under test as a process of its own: started by fork in milliseconds, killed for real."""

import itertools
import multiprocessing
import os
import re
import runpy
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from hyperpod_inference.api.settings import OperatorSettings

ENTRY = Path(__file__).with_name("entry.py")
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["pytest", "runpy", "hyperpod_inference.controllers.manager"])
_numbers = itertools.count(1)
LEASE = {"duration": 8.0, "deadline": 5.0, "retry": 1.0}
"""Seconds; half of production's, and no less: on a crowded machine one request may take a second."""


@dataclass
class OperatorProcess:
    """One operator that reaches the API server through `server`.

    bug: one of `entry.BUGS`. constants: by module and name, what they are here. clock: a file with the
    seconds by which its wall clock is wrong.
    """

    server: str
    directory: Path
    namespace: str
    elect: bool = False
    bug: str = ""
    silence: float = 3.0
    relist_pause: float = 1.0
    page_limit: int = 500
    version: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    clock: Path | None = None
    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def log(self) -> Path:
        """Its log file."""
        return self.directory / f"operator-{self.number}.log"

    @property
    def address(self) -> str:
        """Where it listens: a loopback address of its own."""
        return f"127.{os.getpid() % 200 + 20}.{self.number // 250}.{self.number % 250 + 1}"

    async def counted(self, *series: str) -> list[float]:
        """These series of its metrics; 0 for one that is not there, or when it does not listen yet."""
        url = f"http://{self.address}:{OperatorSettings.from_env({}).metrics_port}/metrics"
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                lines = (await response.text()).splitlines()
        except aiohttp.ClientError:
            lines = []
        found = dict(line.rpartition(" ")[::2] for line in lines if not line.startswith("#"))
        return [float(found.get(each, 0)) for each in series]

    def start(self) -> "OperatorProcess":
        """Start it; returns at once."""
        options = {
            "server": self.server,
            "log": str(self.log),
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
            "elect": self.elect,
            "lease": LEASE,
            "bug": self.bug,
            "silence": self.silence,
            "relist_pause": self.relist_pause,
            "address": self.address,
            "page_limit": self.page_limit,
            "version": self.version,
            "constants": self.constants,
            "clock": str(self.clock or ""),
            "environ": {
                "OPERATOR_NAMESPACE": self.namespace,
                "ENABLE_WEBHOOKS": "false",
                "AWS_REGION": "us-west-2",
                # An AWS of yours is nothing to the test.
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                **self.environ,
            },
        }
        self._process = _context.Process(
            target=runpy.run_path,
            args=(str(ENTRY),),
            kwargs={"init_globals": {"OPTIONS": options}, "run_name": "operator_under_test"},
            daemon=True,
        )
        self._process.start()
        return self

    def peak(self) -> float:
        """The largest resident set so far in MiB; 0 when it is gone."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return 0.0
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found[1]) / 1024 if found else 0.0

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self._process.kill()
        self._process.join(5)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self._process.is_alive() and self._process.pid:
            os.kill(self._process.pid, number)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.is_alive()

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative after a signal."""
        return self._process.exitcode
