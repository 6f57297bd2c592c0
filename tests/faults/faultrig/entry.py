"""What runs in the operator's process under test: the real composition root, with the test's settings.

Executed by path in a forked server process, with OPTIONS in its globals. The seeded bugs are put in here, by
patching, so that nothing of them is in the product.
"""

import asyncio
import importlib
import logging
import os
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.controllers import manager, wiring
from hyperpod_inference.kube import apply, client, events, lease, reflector
from hyperpod_inference.kube.config import ClusterConfig, no_token
from hyperpod_inference.kube.lease import Elector, LeadershipLost, LeaseTimes

OPTIONS: dict[str, Any]


def no_ghost_removal() -> None:
    """A list no longer removes what is not in it."""

    def replace(self: Any, fresh: Any) -> None:
        for obj in fresh.values():
            self._observed(obj)

    reflector.Reflector._replace = replace  # type: ignore[method-assign]


def delete_without_precondition() -> None:
    """Whatever bears the name is deleted."""

    async def delete(self: Any, resource: Any, metadata: Any) -> None:
        await self._client.delete(resource, metadata["name"], metadata.get("namespace"))

    apply.Applier._delete = delete  # type: ignore[method-assign]


def renew_without_deadline() -> None:
    """A renewal may take as long as it likes, and who was elected leads until told otherwise."""
    Elector._remaining = lambda self: self._times.deadline  # type: ignore[method-assign]

    async def attempt(self: Any, limit: float) -> bool:
        started = time.monotonic()
        try:
            if not await self._take():
                return False
        except lease.ApiError:
            self._forget_version()
            return False
        self._renewed_at = started
        return True

    Elector._attempt = attempt  # type: ignore[method-assign]


BUGS = {
    each.__name__: each for each in (no_ghost_removal, delete_without_precondition, renew_without_deadline)
}


def other_wall_clock(file: Path) -> None:
    """The wall clock is wrong by the seconds that a file holds at the moment; the monotonic one is right."""
    right = time.time

    def wrong_by() -> float:
        return float(file.read_text() or 0)

    class Skewed(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=wrong_by())

    def now() -> datetime:
        return Skewed.now(lease.UTC)

    time.time = lambda: right() + wrong_by()
    lease.datetime = Skewed  # type: ignore[misc]
    events.EventRecorder.__init__.__kwdefaults__["now"] = now
    wiring.now = manager.now = now


def main(options: dict[str, Any]) -> None:
    """Run until SIGTERM; the exit status is the command's."""
    logging.basicConfig(filename=options["log"], level=logging.DEBUG, force=True, format=options["format"])
    for library in ("asyncio", "boto3", "botocore", "urllib3"):
        logging.getLogger(library).setLevel(logging.INFO)
    if options["bug"]:
        BUGS[options["bug"]]()
    # What is minutes in production must be seconds here.
    reflector.Reflector.__init__.__kwdefaults__["silence"] = options["silence"]
    reflector.RELIST_PAUSE = options["relist_pause"]
    client.PAGE_LIMIT = options["page_limit"]
    for path, value in options["constants"].items():
        module, _, name = path.rpartition(".")
        setattr(importlib.import_module(module), name, value)
    if options["clock"]:
        other_wall_clock(Path(options["clock"]))
    os.environ.update(options["environ"])  # botocore looks there
    names.VERSION = options["version"] or names.VERSION
    settings = OperatorSettings.from_env(options["environ"])
    config = ClusterConfig(options["server"], None, no_token)
    Path(options["log"]).touch()

    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        times = LeaseTimes(**options["lease"])
        await manager.run(
            settings,
            config,
            stop=stop,
            leader_elect=options["elect"],
            bind_address=options["address"],
            times=times,
        )

    try:
        asyncio.run(run())
    except LeadershipLost as error:
        logging.error("%s", error)
        raise SystemExit(1) from error


main(OPTIONS)  # noqa: F821 - put there by process.py
