"""Leader election by a Lease, safe when the API hangs: at most one process acts at any time.

The leader counts from the moment *before* its last successful renewal was sent; when that is a deadline
ago it stops, before the lease runs out for others. A follower never compares clocks: it measures, on its own
monotonic clock, for how long the record has not changed. Times in the Lease are only for people to read.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import ApiError, Conflict, NotFound
from hyperpod_inference.kube.reflector import Random
from hyperpod_inference.kube.resources import LEASES, Body

logger = logging.getLogger(__name__)

CANCEL_PATIENCE = 1.0


class LeadershipLost(Exception):  # noqa: N818 - reads as what happened
    """The lease could not be renewed in time, or somebody else holds it: the process must end."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds: how long a lease lasts for others, how long the leader trusts it, and between two tries."""

    duration: float = 15.0
    deadline: float = 10.0
    retry: float = 2.0

    def __post_init__(self) -> None:
        if not self.retry < self.deadline < self.duration:
            raise ValueError(f"need retry < deadline < duration, got {self}")


DEFAULT_TIMES = LeaseTimes()


class Elector:
    """One candidate for one Lease; `identity` must be unique to this process."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        *,
        times: LeaseTimes = DEFAULT_TIMES,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: Random = random,  # the module has the same function
    ) -> None:
        self.identity = identity
        self._client, self._namespace, self._name, self._times = client, namespace, name, times
        self._clock, self._sleep, self._rng = clock, sleep, rng
        self._renewed_at = float("-inf")  # when the last successful renewal was sent
        self._lease: Body | None = None  # as last seen
        self._seen_at = float("-inf")  # when it was first seen like this
        self._leading = False

    def still_leader(self) -> bool:
        """Whether this process may write now."""
        return self._leading and self._remaining() > 0

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Wait to be elected, then run `lead` and renew until it returns; the lease is then released.

        Cancelling this cancels `lead` and releases the lease too.

        Raises:
            LeadershipLost: the lease was lost; `lead` has been cancelled.
        """
        await self._acquire()
        logger.info("became leader as %s", self.identity)
        work = asyncio.ensure_future(lead())
        renewal = asyncio.ensure_future(self._renew_until_lost())
        try:
            await asyncio.wait({work, renewal}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
            else:
                renewal.result()
        finally:
            await _cancelled(work)
            await _cancelled(renewal)
            await self._release()

    async def _acquire(self) -> None:
        while not await self._attempt(self._times.retry):
            await self._sleep(self._times.retry * (1 + 0.2 * self._rng.random()))
        self._leading = True

    async def _renew_until_lost(self) -> None:
        while True:
            await self._sleep(min(self._times.retry, max(self._remaining(), 0)))
            remaining = self._remaining()
            if remaining <= 0:
                self._leading = False
                raise LeadershipLost(f"the lease was not renewed within {self._times.deadline} s")
            if not await self._attempt(min(self._times.retry, remaining)) and self._held_by_another():
                self._leading = False
                raise LeadershipLost(f"the lease is held by {_holder(self._lease)}")

    def _remaining(self) -> float:
        return self._times.deadline - (self._clock() - self._renewed_at)

    def _held_by_another(self) -> bool:
        return _holder(self._lease) not in ("", self.identity)

    async def _attempt(self, limit: float) -> bool:
        """Take or renew the lease if that is allowed, within `limit` seconds; False means try again later."""
        started = self._clock()
        try:
            async with asyncio.timeout(limit):
                if not await self._take():
                    return False
        except (ApiError, TimeoutError) as error:
            logger.log(logging.WARNING if self._leading else logging.DEBUG, "lease not written: %r", error)
            self._forget_version()
            return False
        self._renewed_at = started
        return True

    async def _take(self) -> bool:
        if not self._leading or self._lease is None:
            try:
                self._saw(await self._client.get(LEASES, self._name, self._namespace))
            except NotFound:
                self._saw(await self._client.create(LEASES, self._record(None)))
                return True
        if self._held_by_another() and not self._expired():
            return False
        self._saw(await self._client.replace(LEASES, self._record(self._lease)))
        return True

    def _saw(self, lease: Body) -> None:
        if self._lease is None or lease.get("spec") != self._lease.get("spec"):
            self._seen_at = self._clock()
        self._lease = lease

    def _forget_version(self) -> None:
        """A leader reads the lease again after a failed write; what a follower saw stays its yardstick."""
        if self._leading:
            self._lease = None

    def _expired(self) -> bool:
        spec = (self._lease or {}).get("spec") or {}
        return self._clock() - self._seen_at >= float(
            spec.get("leaseDurationSeconds") or self._times.duration
        )

    def _record(self, previous: Body | None, holder: str | None = None) -> Body:
        """The Lease to write: over `previous` (its resourceVersion makes the write conditional), or new."""
        spec = dict((previous or {}).get("spec") or {})
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        holder = self.identity if holder is None else holder
        if holder and _holder(previous) != holder:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = (spec.get("leaseTransitions") or 0) + (1 if previous else 0)
        spec |= {"holderIdentity": holder, "renewTime": now}
        spec["leaseDurationSeconds"] = max(round(self._times.duration), 1) if holder else 1
        metadata = (previous or {}).get("metadata") or {"name": self._name, "namespace": self._namespace}
        return {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata, "spec": spec}

    async def _release(self) -> None:
        """Let the next candidate in at once; only while the lease is surely ours."""
        mine, self._leading = self.still_leader(), False
        if not mine:
            return
        try:
            async with asyncio.timeout(self._times.retry):
                while not await self._given_back():
                    pass
            logger.info("released the lease")
        except (ApiError, TimeoutError) as error:
            logger.warning("could not release the lease, it will run out: %r", error)

    async def _given_back(self) -> bool:
        """False: written in between, by a renewal of ours that was cut off on its way; try again.

        For the same reason the lease is read anew: what the last renewal was told may be out of date.
        """
        lease = await self._client.get(LEASES, self._name, self._namespace)
        if _holder(lease) == self.identity:
            try:
                await self._client.replace(LEASES, self._record(lease, holder=""))
            except Conflict:
                return False
        return True


def _holder(lease: Body | None) -> str:
    return str(((lease or {}).get("spec") or {}).get("holderIdentity") or "")


async def _cancelled(task: "asyncio.Future[None]") -> None:
    """Cancel, and do not wait for ever: a task that clings to life cannot write, `still_leader` is False."""
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=CANCEL_PATIENCE)
    for each in done:
        each.cancelled() or each.exception()  # mark it as seen
