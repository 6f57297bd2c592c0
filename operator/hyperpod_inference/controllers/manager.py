"""One operator process: starts its parts in order, leads, and stops them in order.

Caches fill and health answers before this process leads; workers start when it does. SIGTERM lets running
reconciles end, then gives the lease away, so that a successor starts at once.
"""

import asyncio
import logging
import uuid
from contextlib import AsyncExitStack
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.controllers.serving import exposition, health, serving
from hyperpod_inference.controllers.wiring import Operator, now
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import ClusterConfig
from hyperpod_inference.kube.lease import DEFAULT_TIMES, Elector, LeaseTimes
from hyperpod_inference.kube.metrics import Metrics
from hyperpod_inference.webhook.keeper import Keeper
from hyperpod_inference.webhook.server import application as webhook

logger = logging.getLogger(__name__)

USER_AGENT = f"hyperpod-inference/{names.VERSION}"
DRAIN_SECONDS = 5.0
"""How long running reconciles may take to end after SIGTERM; with the rest of the way down, under 10 s."""
SYNC_PATIENCE = 30.0
"""Seconds to wait for a cache that will not fill before going on without it."""


async def run(
    settings: OperatorSettings,
    config: ClusterConfig,
    *,
    stop: asyncio.Event,
    leader_elect: bool = True,
    bind_address: str = "127.0.0.1",
    times: LeaseTimes = DEFAULT_TIMES,
) -> None:
    """Run the operator until `stop` is set.

    Raises:
        LeadershipLost: the lease was lost; the process must end, so that it starts afresh as a follower.
        CannotListen: a port is taken.
    """
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        # The lease and the webhook have a client which may write while this process does not lead.
        common_client = await stack.enter_async_context(Client(config, USER_AGENT, on_answer=metrics.counted))
        elector = Elector(
            common_client, settings.namespace, names.OPERATOR_LEASE, _identity(settings), times=times
        )
        fence = {"may_write": elector.still_leader} if leader_elect else {}
        client = Client(config, USER_AGENT, on_answer=metrics.counted, **fence)
        operator = Operator(await stack.enter_async_context(client), settings, metrics)
        keeper = Keeper(common_client, settings.namespace, now) if settings.enable_webhooks else None
        for application, port in (
            (health(lambda: _complaint(operator, keeper)), settings.health_port),
            (exposition(metrics), settings.metrics_port),
        ):
            await stack.enter_async_context(serving(application, bind_address, port))
        if keeper is not None:
            tls = keeper.serving.context
            await stack.enter_async_context(serving(webhook(), bind_address, settings.webhook_port, tls))
        await _run(operator, elector if leader_elect else None, keeper, stop)


async def _run(
    operator: Operator, elector: Elector | None, keeper: Keeper | None, stop: asyncio.Event
) -> None:
    running = [each.run() for each in (*operator.essential, *operator.helpful)]
    if keeper is not None:
        running += [keeper.reflector.run(), keeper.run()]
    reflecting = [asyncio.ensure_future(each) for each in running]
    work = lead(operator, stop) if elector is None else elector.run(lambda: lead(operator, stop))
    leading, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({leading, stopping, *reflecting}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set() and (elector is None or elector.still_leader()):
            await leading  # drains, and gives the lease away
        for task in (leading, *reflecting):
            if task.done():
                task.result()
    finally:
        await _end(leading, stopping, *reflecting)


async def lead(operator: Operator, stop: asyncio.Event) -> None:
    """Work as the leader until `stop`, then let running reconciles end."""
    stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    await _wait_for_caches(operator, stopping)
    operator.leading = True
    operator.metrics.leader.labels(names.OPERATOR_LEASE).set(1)
    working: asyncio.Future[Any] = asyncio.gather(*(each.run() for each in operator.controllers))
    telling = asyncio.ensure_future(operator.cloudwatch.run()) if operator.cloudwatch else None
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for controller in operator.controllers:
            controller.queue.shutdown()
        await asyncio.wait_for(working, DRAIN_SECONDS)
    except TimeoutError:
        logger.warning("reconciles did not end within %.0f s; they were interrupted", DRAIN_SECONDS)
    finally:
        operator.leading = False
        operator.metrics.leader.labels(names.OPERATOR_LEASE).set(0)
        stopping.cancel()
        working.cancel()
        if telling is not None:
            telling.cancel()


async def _wait_for_caches(operator: Operator, stopping: "asyncio.Future[Any]") -> None:
    """Wait for the essential caches, but not for ever: one forbidden kind must not stop the rest."""
    # Whoever does not know of a scaler would set the replicas back to the spec's number.
    tried = (each.tried() for each in (*operator.optional, operator.scalers))

    async def all_of_them() -> None:  # a bare gather that is cancelled logs its own end as an error
        await asyncio.gather(*(each.synced() for each in operator.essential), *tried)

    filled = asyncio.ensure_future(all_of_them())
    ended = {filled, stopping}
    done, _ = await asyncio.wait(ended, timeout=SYNC_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    filled.cancel()
    if not done:
        logger.warning("working without a complete view of: %s", ", ".join(operator.unsynced()))


async def _end(*tasks: "asyncio.Future[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=1.0)


def _complaint(operator: Operator, keeper: Keeper | None) -> str | None:
    if missing := operator.unsynced():
        return f"waiting for the first list of {', '.join(missing)}"
    if keeper is not None and not keeper.serving.is_loaded:
        return f"the webhook has no certificate yet: waiting for Secret {names.WEBHOOK_SECRET}"
    return None


def _identity(settings: OperatorSettings) -> str:
    """Unique to this process: a restarted container keeps its pod's name."""
    return f"{settings.pod_name or names.OPERATOR_NAME}_{uuid.uuid4()}"
