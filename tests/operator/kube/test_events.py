"""Events: repeats are counted, floods are combined, failures are swallowed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hyperpod_inference.kube.errors import AlreadyExists, Forbidden
from hyperpod_inference.kube.events import SIMILAR_LIMIT, SIMILAR_WINDOW, EventRecorder

ABOUT = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "ns", "uid": "u", "resourceVersion": "3"},
}


class Memory:
    """Events as the API server keeps them."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.refuse = False

    async def request(self, method: str, path: str, *, body: dict[str, Any], **_: float) -> None:
        assert (method, path) == ("POST", "/api/v1/namespaces/ns/events")
        if self.refuse:
            raise Forbidden(403)
        if body["metadata"]["name"] in self.events:
            raise AlreadyExists(409)
        self.events[body["metadata"]["name"]] = body

    async def get(self, resource: Any, name: str, namespace: str) -> dict[str, Any]:
        return self.events[name]

    async def patch(self, resource: Any, name: str, namespace: str, body: Any, content_type: str) -> None:
        self.events[name] |= body


@pytest.fixture
def memory() -> Memory:
    return Memory()


class Now:
    """A clock of dates."""

    value = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.value


def recorder(memory: Any, now: Now | None = None) -> EventRecorder:
    return EventRecorder(memory, "operator", now=now or Now())


async def test_the_same_news_raises_a_count(memory: Memory) -> None:
    for _ in range(3):
        await recorder(memory).record(ABOUT, "Warning", "Broken", "it broke")  # a new process each time
    (event,) = memory.events.values()
    assert (event["count"], event["type"], event["reason"]) == (3, "Warning", "Broken")
    assert event["involvedObject"]["uid"] == "u"


async def test_different_news_are_different_events(memory: Memory) -> None:
    one = recorder(memory)
    await one.record(ABOUT, "Warning", "Broken", "it broke")
    await one.record(ABOUT, "Normal", "Mended", "it works")
    assert len(memory.events) == 2


async def test_a_flood_of_messages_is_combined(memory: Memory) -> None:
    one = recorder(memory)
    for number in range(SIMILAR_LIMIT + 5):
        await one.record(ABOUT, "Warning", "Broken", f"message {number}")
    assert len(memory.events) == SIMILAR_LIMIT + 1
    combined = [event for event in memory.events.values() if event["message"].startswith("(combined")]
    assert [event["count"] for event in combined] == [5]
    assert combined[0]["message"].endswith("message 14")


async def test_a_flood_is_forgotten_after_its_window(memory: Memory) -> None:
    now = Now()
    one = recorder(memory, now)
    for number in range(SIMILAR_LIMIT):
        await one.record(ABOUT, "Warning", "Broken", f"message {number}")
    now.value = now.value + SIMILAR_WINDOW + timedelta(seconds=1)
    await one.record(ABOUT, "Warning", "Broken", "later")
    assert "later" in [event["message"] for event in memory.events.values()]


async def test_an_event_that_cannot_be_written_holds_nothing_up(
    memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    memory.refuse = True
    await recorder(memory).record(ABOUT, "Warning", "Broken", "it broke")
    assert "event Broken about p not written" in caplog.text
