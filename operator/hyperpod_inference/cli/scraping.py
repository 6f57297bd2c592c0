"""Reads what `top` shows: endpoints, their pods, and each pod's metrics through the API server.

Pods are reached by the API server's proxy, so no Prometheus and no port-forward is needed; the caller needs
`get` on `pods/proxy`.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

from hyperpod_inference.api import names
from hyperpod_inference.controllers.caches import CHILD_SELECTOR
from hyperpod_inference.controllers.kinds import SERVED
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import ApiError, NotFound
from hyperpod_inference.kube.resources import NODES, PODS, Body
from hyperpod_inference.live import Look, Page, Row, added, page, rows, sources

AT_ONCE = 16
"""Pods that are asked at the same time."""


class Watched:
    """Looks at a cluster again and again; each `rows()` compares with the look before.

    unread: why no pod's metrics could be read, '' when they could or there are none.
    """

    def __init__(self, client: Client, namespace: str | None) -> None:
        self._client, self._namespace = client, namespace
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._before: Look | None = None
        self.unread = ""

    async def rows(self) -> list[Row]:
        """The endpoints now; the first call knows no rates. Raises ApiError."""
        endpoints: list[Body] = []
        for kind in SERVED:
            with suppress(NotFound):  # not installed
                endpoints += (await self._client.list(kind, self._namespace)).items
        pods = (await self._client.list(PODS, self._namespace, label_selector=CHILD_SELECTOR)).items
        nodes = (await self._client.list(NODES)).items
        after = await self._look(pods)
        before, self._before = self._before or Look(at=after.at), after
        return rows(endpoints, pods, _types(nodes), before, after)

    async def _look(self, pods: Sequence[Body]) -> Look:
        self.unread = ""
        wanted = [(pod, source) for pod in pods for source in sources(pod)]
        answers = await asyncio.gather(*(self._page(pod, *source) for pod, source in wanted))
        found: dict[tuple[str, str], list[Page]] = {}
        for (pod, _), answer in zip(wanted, answers, strict=True):
            if answer is not None:
                metadata = pod["metadata"]
                found.setdefault((metadata["namespace"], metadata["name"]), []).append(answer)
        return Look(at=time.monotonic(), pages={key: added(each) for key, each in found.items()})

    async def _page(self, pod: Body, port: int, where: str) -> Page | None:
        metadata = pod["metadata"]
        path = PODS.path(metadata["namespace"], f"{metadata['name']}:{port}", f"proxy{where}")
        async with self._gate:
            try:
                return page(await self._client.text(path))
            except (ApiError, ValueError) as error:
                self.unread = self.unread or str(error)
                return None


def _types(nodes: Sequence[Body]) -> dict[str, str]:
    labels = {node["metadata"]["name"]: node["metadata"].get("labels") or {} for node in nodes}
    return {
        name: each[names.NODE_INSTANCE_TYPE]
        for name, each in labels.items()
        if names.NODE_INSTANCE_TYPE in each
    }
