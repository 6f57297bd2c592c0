"""Leader election on a virtual clock: two candidates, one record, one broken way to it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hyperpod_inference.kube.errors import AlreadyExists, Conflict, NotFound, ServerError, TransportError
from hyperpod_inference.kube.lease import Elector, LeadershipLost, LeaseTimes

Body = dict[str, Any]
TIMES = LeaseTimes(duration=15, deadline=10, retry=3)  # a deadline that is no multiple of the retry


class Record:
    """The Lease as the API server keeps it."""

    def __init__(self) -> None:
        self.lease: Body | None = None
        self.version = 0

    def put(self, lease: Body) -> Body:
        self.version += 1
        self.lease = lease | {"metadata": lease["metadata"] | {"resourceVersion": str(self.version)}}
        return self.lease

    @property
    def spec(self) -> Body:
        assert self.lease is not None
        return dict(self.lease["spec"])


class Path:
    """One candidate's way to the API server; `fault` breaks it."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.fault: Callable[[], Awaitable[None]] | None = None

    async def _pass(self) -> None:
        await asyncio.sleep(0.01)
        if self.fault is not None:
            await self.fault()

    async def get(self, *_: object) -> Body:
        await self._pass()
        if self.record.lease is None:
            raise NotFound(404)
        return self.record.lease

    async def create(self, _: object, body: Body) -> Body:
        await self._pass()
        if self.record.lease is not None:
            raise AlreadyExists(409)
        return self.record.put(body)

    async def replace(self, _: object, body: Body) -> Body:
        await self._pass()
        if body["metadata"].get("resourceVersion") != str(self.record.version):
            raise Conflict(409)
        return self.record.put(body)


async def hang() -> None:
    await asyncio.Event().wait()


async def reset() -> None:
    raise TransportError("connection reset")


async def broken() -> None:
    raise ServerError(500)


class Candidate:
    """A process: an elector, and when its work began and ended."""

    def __init__(self, record: Record, name: str) -> None:
        self.clock = asyncio.get_running_loop().time
        self.path = Path(record)
        client: Any = self.path
        self.elector = Elector(client, "ns", "lease", name, times=TIMES, clock=self.clock)
        self.began: float | None = None
        self.ended: float | None = None
        self.finish = asyncio.Event()
        self.task = asyncio.create_task(self.elector.run(self.work))

    async def work(self) -> None:
        self.began = self.clock()
        try:
            await self.finish.wait()
        finally:
            self.ended = self.clock()

    async def stop(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, LeadershipLost):
            await self.task


@pytest.mark.parametrize("fault", [hang, reset, broken])
def test_a_leader_cut_off_stops_before_the_other_one_starts(virtually: Any, fault: Any) -> None:
    async def scenario() -> None:
        record = Record()
        a = Candidate(record, "a")
        await asyncio.sleep(5)
        b = Candidate(record, "b")
        await asyncio.sleep(20)
        assert a.elector.still_leader()
        assert b.began is None
        a.path.fault = fault
        cut = a.clock()
        await asyncio.sleep(60)
        assert isinstance(a.task.exception(), LeadershipLost)
        assert a.ended is not None and b.began is not None
        assert a.ended - cut <= TIMES.deadline + 1
        assert a.ended < b.began
        assert b.began - cut <= TIMES.duration + 2 * TIMES.retry + 1
        assert record.spec["leaseTransitions"] == 1
        await b.stop()

    virtually(scenario())


def test_a_graceful_end_hands_over_within_a_retry(virtually: Any) -> None:
    async def scenario() -> None:
        record = Record()
        a = Candidate(record, "a")
        await asyncio.sleep(3)
        b = Candidate(record, "b")
        await asyncio.sleep(3)
        a.finish.set()
        await a.task
        assert a.ended is not None
        await asyncio.sleep(4)
        assert b.began is not None and b.began - a.ended <= 1.2 * TIMES.retry + 0.1
        await b.stop()
        assert record.spec["holderIdentity"] == ""

    virtually(scenario())


@pytest.mark.parametrize("late", [0, 0.015])
def test_a_renewal_cut_off_by_the_end_does_not_keep_the_lease(virtually: Any, late: float) -> None:
    """The server applies it all the same, before the end reads the lease or between reading and writing."""

    async def scenario() -> None:
        record = Record()
        a = Candidate(record, "a")
        await asyncio.sleep(5)
        a.path.fault = hang
        await asyncio.sleep(TIMES.retry)  # a renewal is on its way
        a.path.fault = None
        before = record.lease
        assert before is not None
        asyncio.get_running_loop().call_later(late, record.put, before)
        await a.stop()
        assert record.spec["holderIdentity"] == ""

    virtually(scenario())


def test_short_faults_cost_nothing(virtually: Any) -> None:
    async def scenario() -> None:
        record = Record()
        a = Candidate(record, "a")
        await asyncio.sleep(5)
        for _ in range(5):
            a.path.fault = broken
            await asyncio.sleep(6)
            a.path.fault = None
            await asyncio.sleep(6)
        assert a.elector.still_leader()
        assert record.spec["leaseTransitions"] == 0
        await a.stop()

    virtually(scenario())


def test_a_write_that_took_effect_without_an_answer_is_no_loss(virtually: Any) -> None:
    async def scenario() -> None:
        record = Record()
        a = Candidate(record, "a")
        await asyncio.sleep(5)
        assert record.lease is not None
        record.put(record.lease)  # as if an earlier renewal had been applied, its answer lost
        await asyncio.sleep(30)
        assert a.elector.still_leader()
        await a.stop()

    virtually(scenario())


def test_a_deleted_lease_is_made_again_by_its_leader(virtually: Any) -> None:
    async def scenario() -> None:
        record = Record()
        a = Candidate(record, "a")
        await asyncio.sleep(5)
        record.lease = None
        record.version += 1
        await asyncio.sleep(30)
        assert a.elector.still_leader()
        assert record.spec["holderIdentity"] == "a"
        await a.stop()

    virtually(scenario())


def test_a_lease_given_to_another_by_hand_ends_the_leader(virtually: Any) -> None:
    async def scenario() -> None:
        record = Record()
        a = Candidate(record, "a")
        await asyncio.sleep(5)
        assert record.lease is not None
        record.put(record.lease | {"spec": record.spec | {"holderIdentity": "somebody"}})
        await asyncio.sleep(6)
        assert isinstance(a.task.exception(), LeadershipLost)
        assert record.spec["holderIdentity"] == "somebody"

    virtually(scenario())


def test_clocks_in_the_record_are_never_believed(virtually: Any) -> None:
    async def scenario() -> None:
        record = Record()
        old = "1999-01-01T00:00:00.000000Z"
        spec = {
            "holderIdentity": "other",
            "leaseDurationSeconds": 15,
            "renewTime": old,
            "leaseTransitions": 3,
        }
        record.put({"metadata": {"name": "lease", "namespace": "ns"}, "spec": spec | {"renewTime": old}})
        a = Candidate(record, "a")
        await asyncio.sleep(14)
        assert a.began is None
        await asyncio.sleep(6)
        assert a.began is not None
        assert record.spec["leaseTransitions"] == 4
        await a.stop()

    virtually(scenario())


def test_a_paused_process_may_not_write_when_it_wakes(virtually: Any) -> None:
    async def scenario() -> None:
        record = Record()
        a = Candidate(record, "a")
        await asyncio.sleep(5)
        real, paused_for = a.clock, 30.0
        a.elector._clock = lambda: real() + paused_for
        assert not a.elector.still_leader()
        await a.stop()

    virtually(scenario())


def test_work_that_fails_releases_the_lease_and_raises(virtually: Any) -> None:
    async def scenario() -> None:
        record = Record()
        client: Any = Path(record)

        async def fail() -> None:
            raise RuntimeError("a bug")

        with pytest.raises(RuntimeError, match="a bug"):
            clock = asyncio.get_running_loop().time
            await Elector(client, "ns", "lease", "a", times=TIMES, clock=clock).run(fail)
        assert record.spec["holderIdentity"] == ""

    virtually(scenario())


@pytest.mark.parametrize("times", [(15, 15, 2), (15, 10, 10), (5, 10, 2)])
def test_times_that_cannot_be_safe_are_refused(times: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="retry < deadline < duration"):
        LeaseTimes(*times)
