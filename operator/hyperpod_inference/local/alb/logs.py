"""Writes the access logs of one load balancer: gathers lines, and puts them into S3."""

import asyncio
import contextlib
import gzip
import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from hyperpod_inference.local.alb.access_log import Entry, Place, line

logger = logging.getLogger(__name__)

Put = Callable[[str, str, bytes], None]
"""Puts an object: bucket, key, content. Blocks; raises OSError."""
MOST_LINES = 100_000
"""Kept while S3 refuses them; the oldest go first. ELB delivers on a best-effort basis too."""


class AccessLogs:
    """address: of this node of the load balancer. seconds: between two objects."""

    def __init__(
        self,
        place: Place,
        put: Put,
        *,
        address: str,
        seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._place, self._put, self._address, self._seconds, self._now = place, put, address, seconds, now
        self._lines: list[str] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Write from now on."""
        self._task = asyncio.create_task(self._run())

    def add(self, entry: Entry) -> None:
        """Keep one request's line for the next object."""
        self._lines.append(line(entry))
        del self._lines[:-MOST_LINES]

    async def close(self) -> None:
        """Write what is left."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.flush()

    async def flush(self) -> None:
        """Write the lines that are kept as one object; they stay kept when S3 refuses them."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        key = self._place.key(self._now(), self._address, secrets.token_hex(4))
        content = gzip.compress("".join(f"{each}\n" for each in lines).encode())
        try:
            await asyncio.to_thread(self._put, self._place.bucket, key, content)
        except OSError as error:
            logger.warning("access logs are kept back: %s", error)
            self._lines = [*lines, *self._lines][-MOST_LINES:]

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            await self.flush()
