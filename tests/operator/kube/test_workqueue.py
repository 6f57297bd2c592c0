"""The queue's promises: no item twice at once, none lost, back-off per item."""

import asyncio
from collections.abc import Callable

import pytest

from hyperpod_inference.kube.metrics import Metrics, QueueMetrics
from hyperpod_inference.kube.workqueue import QueueShutDown, WorkQueue


class Timer:
    """One call that waits for the clock."""

    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at, self.call, self.cancelled = at, call, False

    def when(self) -> float:
        return self.at

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """Time by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def __call__(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(self.now + delay, call))
        return self.timers[-1]

    def advance(self, seconds: float) -> None:
        self.now += seconds
        due = [timer for timer in self.timers if timer.at <= self.now and not timer.cancelled]
        self.timers = [timer for timer in self.timers if timer.at > self.now]
        for timer in due:
            timer.call()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue[str]:
    return WorkQueue(clock=clock, call_later=clock.call_later)


async def test_adding_twice_is_one_piece_of_work(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.add("a")
    assert len(queue) == 1


async def test_items_come_in_the_order_in_which_they_were_added(queue: WorkQueue[str]) -> None:
    for item in "cab":
        queue.add(item)
    assert [await queue.get() for _ in range(3)] == ["c", "a", "b"]


async def test_an_item_added_while_it_is_worked_on_runs_once_more_and_not_at_once(
    queue: WorkQueue[str],
) -> None:
    queue.add("a")
    taken = await queue.get()
    for _ in range(3):
        queue.add("a")
    assert len(queue) == 0
    queue.done(taken)
    assert len(queue) == 1
    queue.done(await queue.get())
    assert len(queue) == 0


async def test_failures_of_one_item_double_its_pause_up_to_five_minutes(queue: WorkQueue[str]) -> None:
    pauses = [queue.add_failed("a") for _ in range(20)]
    assert pauses[:4] == [0.005, 0.01, 0.02, 0.04]
    assert pauses[-1] == 300
    assert queue.add_failed("b") == 0.005


async def test_success_resets_the_pause(queue: WorkQueue[str]) -> None:
    queue.add_failed("a")
    queue.forget("a")
    assert queue.add_failed("a") == 0.005


async def test_what_the_server_asked_for_is_the_shortest_pause(queue: WorkQueue[str]) -> None:
    assert queue.add_failed("a", at_least=7.0) == 7.0


@pytest.mark.parametrize(("first", "second"), [(5.0, 20.0), (20.0, 5.0)])
async def test_of_several_delays_the_earliest_counts(
    first: float, second: float, queue: WorkQueue[str], clock: Clock
) -> None:
    queue.add_after("a", first)
    queue.add_after("a", second)
    clock.advance(4.9)
    assert len(queue) == 0
    clock.advance(0.2)
    assert len(queue) == 1
    await queue.get()
    queue.done("a")
    clock.advance(60)
    assert len(queue) == 0


async def test_a_delay_of_nothing_is_now(queue: WorkQueue[str]) -> None:
    queue.add_after("a", 0)
    assert len(queue) == 1


async def test_shutdown_sends_every_waiting_worker_home(queue: WorkQueue[str]) -> None:
    workers = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.shutdown()
    results = await asyncio.gather(*workers, return_exceptions=True)
    assert [type(result) for result in results] == [QueueShutDown] * 3


async def test_after_shutdown_nothing_is_taken_or_given(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add("waiting")
    queue.add_after("later", 1)
    queue.shutdown()
    queue.add("too late")
    clock.advance(10)
    with pytest.raises(QueueShutDown):
        await queue.get()
    assert len(queue) == 0


async def test_the_metrics_carry_controller_runtimes_names(clock: Clock) -> None:
    metrics = Metrics()
    observer = QueueMetrics(metrics, "endpoint")
    queue: WorkQueue[str] = WorkQueue(clock=clock, call_later=clock.call_later, observer=observer)
    observer.watch(queue.processing_for)
    queue.add("a")
    queue.add("b")
    await queue.get()
    queue.add_failed("c")
    clock.advance(2.0)
    text = metrics.expose().decode()
    labels = '{controller="endpoint",name="endpoint"}'
    for line in (
        f"workqueue_depth{labels} 2.0",
        f"workqueue_adds_total{labels} 3.0",
        f"workqueue_retries_total{labels} 1.0",
        f"workqueue_unfinished_work_seconds{labels} 2.0",
        f"workqueue_longest_running_processor_seconds{labels} 2.0",
        f"workqueue_queue_duration_seconds_count{labels} 1.0",
    ):
        assert line in text
