"""Events: written once, counted on repeats, without ever being read."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.local.agent import events
from hyperpod_inference.local.agent.events import News, Recorder

POD = {
    "metadata": {"name": "web", "namespace": "n", "uid": "u", "resourceVersion": "7"},
    "spec": {"nodeName": "node-1"},
}


class FakeClient:
    """Remembers what was created and patched; `expired` makes the next patch find nothing."""

    def __init__(self) -> None:
        self.created: list[dict[str, Any]] = []
        self.patched: list[dict[str, Any]] = []
        self.expired = False

    async def create(self, _: Any, body: dict[str, Any]) -> None:
        self.created.append(body)

    async def patch(self, _: Any, name: str, namespace: str, body: dict[str, Any], kind: str) -> None:
        if self.expired:
            raise NotFound(404, "NotFound", "gone")
        self.patched.append(body | {"name": name})


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


async def test_repeats_raise_the_count_of_one_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "GATHER", 0.01)
    client = FakeClient()
    recorder = Recorder(cast(Client, client), lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    task = asyncio.create_task(recorder.run())
    recorder.tell(News(POD, "Warning", "Unhealthy", "no answer", "spec.containers{main}"))
    await until(lambda: client.created)
    for _ in range(5):
        recorder.tell(News(POD, "Warning", "Unhealthy", "no answer", "spec.containers{main}"))
    await until(lambda: client.patched)
    assert [each["count"] for each in client.patched] == [6]
    assert client.patched[0]["name"] == client.created[0]["metadata"]["name"]
    client.expired = True
    recorder.tell(News(POD, "Warning", "Unhealthy", "no answer", "spec.containers{main}"))
    await until(lambda: len(client.created) == 2)
    task.cancel()


def test_an_event_names_the_pod_its_container_and_the_node() -> None:
    news = News(POD, "Normal", "Started", "Started container main", "spec.containers{main}")
    body = events.event(news, "1", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert body["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": "web",
        "namespace": "n",
        "uid": "u",
        "resourceVersion": "7",
        "fieldPath": "spec.containers{main}",
    }
    assert body["source"] == {"component": "kubelet", "host": "node-1"}
    assert body["firstTimestamp"] == "2026-01-02T03:04:05Z"
