"""Workers: one bad key never stops another, and what failed is tried again."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from hyperpod_inference.controllers.controller import Controller, Result
from hyperpod_inference.kube.errors import ServerError, TooManyRequests
from hyperpod_inference.kube.metrics import Metrics
from hyperpod_inference.kube.store import Key

GOOD, BAD = ("ns", "good"), ("ns", "bad")


async def worked(
    reconcile: Callable[[Key], Awaitable[Result]], until: Callable[[], bool], *keys: Key
) -> Metrics:
    """Run a controller over these keys until the condition holds."""
    metrics = Metrics()
    controller = Controller("endpoint", reconcile, metrics, workers=2)
    for key in keys:
        controller.queue.add(key)
    running = asyncio.create_task(controller.run())
    async with asyncio.timeout(10):
        while not until():  # noqa: ASYNC110 - bounded polling
            await asyncio.sleep(0.002)
    controller.queue.shutdown()
    await running
    return metrics


async def test_a_key_that_fails_is_tried_again_while_others_go_on() -> None:
    seen: Counter[Key] = Counter()

    async def reconcile(key: Key) -> Result:
        seen[key] += 1
        if key == BAD and seen[BAD] == 1:
            raise ServerError(500, message="told to fail")
        if key == BAD and seen[BAD] == 2:
            raise ValueError("a bug")
        return Result()

    metrics = await worked(reconcile, lambda: seen[BAD] == 3 and seen[GOOD] == 1, BAD, GOOD)
    text = metrics.expose().decode()
    assert 'controller_runtime_reconcile_total{controller="endpoint",result="success"} 2.0' in text
    assert 'controller_runtime_reconcile_errors_total{controller="endpoint"} 2.0' in text
    assert 'controller_runtime_max_concurrent_reconciles{controller="endpoint"} 2.0' in text
    assert 'controller_runtime_active_workers{controller="endpoint"} 0.0' in text


def test_errors_are_told_as_none_before_the_first_one() -> None:
    async def reconcile(_: Key) -> Result:
        return Result()

    metrics = Metrics()
    Controller("endpoint", reconcile, metrics)
    assert 'controller_runtime_reconcile_errors_total{controller="endpoint"} 0.0' in metrics.expose().decode()


async def test_a_key_that_gets_further_each_time_does_not_wait_longer_each_time() -> None:
    """Without that, twelve failures on the way would take twenty seconds."""
    seen: Counter[Key] = Counter()

    async def reconcile(key: Key) -> Result:
        seen[key] += 1
        if seen[key] <= 12:
            error = ServerError(500, message="told to fail")
            error.progress = True
            raise error
        return Result()

    await worked(reconcile, lambda: seen[BAD] == 13, BAD)


async def test_a_result_can_ask_for_another_look() -> None:
    seen: Counter[Key] = Counter()

    async def reconcile(key: Key) -> Result:
        seen[key] += 1
        return Result(requeue_after=0.001) if seen[key] == 1 else Result()

    await worked(reconcile, lambda: seen[GOOD] == 2, GOOD)


async def test_one_key_is_never_reconciled_twice_at_once() -> None:
    running: Counter[Key] = Counter()
    most = 0
    done = 0
    controller: Controller

    async def reconcile(key: Key) -> Result:
        nonlocal most, done
        running[key] += 1
        most = max(most, running[key])
        controller.queue.add(key)
        await asyncio.sleep(0.001)
        running[key] -= 1
        done += 1
        return Result()

    controller = Controller("endpoint", reconcile, Metrics(), workers=3)
    controller.queue.add(GOOD)
    task = asyncio.create_task(controller.run())
    async with asyncio.timeout(10):
        while done < 5:  # noqa: ASYNC110 - bounded polling
            await asyncio.sleep(0.002)
    controller.queue.shutdown()
    await task
    assert most == 1


async def test_the_wait_that_a_server_asks_for_is_kept() -> None:
    calls = 0

    async def reconcile(key: Key) -> Result:
        nonlocal calls
        calls += 1
        raise TooManyRequests(429, retry_after=3600)

    await worked(reconcile, lambda: calls == 1, GOOD)
    assert calls == 1


async def test_changes_are_mapped_to_keys_before_and_after() -> None:
    async def nothing(key: Key) -> Result:
        return Result()

    controller = Controller("endpoint", nothing, Metrics())
    changed = controller.on_change(lambda obj: [("ns", obj["owner"])])
    changed("MODIFIED", {"owner": "before"}, {"owner": "after"})
    assert [await controller.queue.get() for _ in range(2)] == [("ns", "before"), ("ns", "after")]
