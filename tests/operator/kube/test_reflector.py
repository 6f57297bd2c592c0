"""The watch-fault table, against a server that does exactly what each row says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Required, TypedDict

import pytest

from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.reflector import BACKOFF_CAP, Reflector, backoff
from hyperpod_inference.kube.resources import PODS
from hyperpod_inference.kube.store import Store

Changes = list[tuple[str, str]]
ERROR_410 = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}
ERROR_500 = {"type": "ERROR", "object": {"kind": "Status", "code": 500, "reason": "InternalError"}}


class Half:
    """A random source that is none."""

    def random(self) -> float:
        return 0.5


class Reflection:
    """A running reflector, what it reported, and how long it wanted to pause."""

    def __init__(self, client: Client, **options: Any) -> None:
        self.changes: Changes = []
        self.pauses: list[float] = []
        self.store = Store()
        self.reflector = Reflector(
            client, PODS, store=self.store, on_change=self.changed, sleep=self.sleep, rng=Half(), **options
        )

    def changed(self, kind: str, old: Any, new: Any) -> None:
        self.changes.append((kind, (new or old)["metadata"]["name"]))

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    @property
    def names(self) -> set[str]:
        return {pod["metadata"]["name"] for pod in self.store.list()}


@asynccontextmanager
async def reflecting(client: Client, **options: Any) -> AsyncIterator[Reflection]:
    reflection = Reflection(client, **options)
    task = asyncio.create_task(reflection.reflector.run())
    try:
        yield reflection
        assert not task.done(), "the reflector must never end by itself"
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def event(kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": obj}


async def test_lists_then_follows_changes(api: Any, client: Client, pod: Any, until: Any) -> None:
    api.lists = [api.page(pod("a"), pod("b"))]
    api.watches = [
        api.stream(
            event("MODIFIED", pod("a", 11)), event("ADDED", pod("c", 12)), event("DELETED", pod("b", 13))
        )
    ]
    async with reflecting(client) as seen:
        await until(lambda: len(seen.changes) == 5)
    assert seen.changes == [
        ("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("ADDED", "c"), ("DELETED", "b")
    ]  # fmt: skip
    assert api.queries(watch=True)[0]["resourceVersion"] == "10"
    assert api.queries(watch=True)[0]["allowWatchBookmarks"] == "true"
    assert 300 <= int(api.queries(watch=True)[0]["timeoutSeconds"]) <= 600


@pytest.mark.parametrize("form", ["event", "status"])
async def test_what_vanished_during_a_410_is_reported_deleted(
    form: str, api: Any, client: Client, pod: Any, until: Any
) -> None:
    gone = api.stream(ERROR_410) if form == "event" else api.status(410, "Expired")
    api.lists = [api.page(pod("ghost"), pod("stays")), api.page(pod("stays"), pod("new", 20), version="20")]
    api.watches = [gone]
    async with reflecting(client) as seen:
        await until(lambda: seen.names == {"stays", "new"})
    assert ("DELETED", "ghost") in seen.changes
    assert seen.changes.count(("ADDED", "stays")) == 1
    assert len(api.queries(watch=False)) == 2


async def test_a_server_that_always_says_410_is_not_listed_in_a_hot_loop(
    api: Any, client: Client, pod: Any, until: Any
) -> None:
    api.lists = [api.page(pod("a"))]
    api.watches = [api.status(410, "Gone")] * 4
    async with reflecting(client) as seen:
        await until(lambda: len(seen.pauses) == 4)
    assert all(pause >= 9 for pause in seen.pauses)


@pytest.mark.parametrize(
    "rubbish",
    [b"{not json}\n", b'["a list"]\n', b'{"type":"ADDED"}\n', b'{"type":"ADDED","obj'],
    ids=["malformed", "not an object", "no object", "truncated"],
)
async def test_a_broken_line_restarts_the_watch_where_it_was(
    rubbish: bytes, api: Any, client: Client, pod: Any, until: Any
) -> None:
    api.lists = [api.page(pod("a"))]
    api.watches = [
        api.stream(event("ADDED", pod("b", 15)), rubbish, close=True),
        api.stream(event("ADDED", pod("c", 16))),
    ]
    async with reflecting(client) as seen:
        await until(lambda: seen.names == {"a", "b", "c"})
    assert [query["resourceVersion"] for query in api.queries(watch=True)] == ["10", "15"]
    assert len(api.queries(watch=False)) == 1


async def test_a_line_of_two_megabytes_arrives(api: Any, client: Client, pod: Any, until: Any) -> None:
    large = pod("large", 11) | {"spec": {"filler": "x" * 2**21}}
    api.lists = [api.page()]
    api.watches = [api.stream(event("ADDED", large))]
    async with reflecting(client) as seen:
        await until(lambda: seen.names == {"large"})


async def test_bookmarks_move_the_place_where_a_watch_resumes(
    api: Any, client: Client, pod: Any, until: Any
) -> None:
    api.lists = [api.page(pod("a"))]
    api.watches = [api.stream(event("BOOKMARK", {"metadata": {"resourceVersion": "99"}}), close=True)]
    async with reflecting(client):
        await until(lambda: len(api.queries(watch=True)) == 2)
    assert api.queries(watch=True)[1]["resourceVersion"] == "99"


async def test_a_silent_watch_is_ended_and_resumed(api: Any, client: Client, pod: Any, until: Any) -> None:
    api.lists = [api.page(pod("a"))]
    api.watches = [api.stream(), api.stream(event("ADDED", pod("b", 11)))]
    async with reflecting(client, silence=0.05) as seen:
        await until(lambda: seen.names == {"a", "b"})
    assert seen.pauses == []
    assert len(api.queries(watch=False)) == 1


@pytest.mark.parametrize("where", ["list", "watch"])
async def test_retry_after_wins_over_the_back_off(
    where: str, api: Any, client: Client, pod: Any, until: Any
) -> None:
    busy = api.status(429, "TooManyRequests", {"Retry-After": "7"})
    api.lists = [*([busy] if where == "list" else []), api.page(pod("a"))]
    api.watches = [busy] if where == "watch" else []
    async with reflecting(client) as seen:
        await until(lambda: len(seen.pauses) == 1 and bool(seen.names))
    assert 7 <= seen.pauses[0] < 8


@pytest.mark.parametrize("form", ["event", "status"])
async def test_server_errors_back_off_and_end_in_a_new_list(
    form: str, api: Any, client: Client, pod: Any, until: Any
) -> None:
    broken = api.status(500) if form == "status" else api.stream(ERROR_500)
    api.lists = [api.page(pod("ghost")), api.page(version="30")]
    api.watches = [broken] * 5
    async with reflecting(client) as seen:
        await until(lambda: ("DELETED", "ghost") in seen.changes)
        assert seen.reflector.error is None
    assert seen.pauses == pytest.approx([0.15, 0.3, 0.6, 1.2, 2.4])


async def test_a_410_in_the_middle_of_a_paged_list_reads_it_again_in_one_piece(
    api: Any, client: Client, pod: Any, until: Any
) -> None:
    api.lists = [
        api.page(pod("old"), token="next"),
        api.status(410, "Expired"),
        api.page(pod("a"), pod("b"), version="40"),
    ]
    async with reflecting(client) as seen:
        await until(lambda: len(api.queries(watch=True)) == 1)
    assert seen.names == {"a", "b"}
    assert [query.get("limit") for query in api.queries(watch=False)] == ["500", "500", None]
    assert api.queries(watch=True)[0]["resourceVersion"] == "40"


async def test_all_pages_are_read(api: Any, client: Client, pod: Any, until: Any) -> None:
    api.lists = [api.page(pod("a"), token="t1"), api.page(pod("b"), token="t2"), api.page(pod("c"))]
    async with reflecting(client) as seen:
        await until(lambda: len(seen.names) == 3)
    assert [query.get("continue") for query in api.queries(watch=False)] == [None, "t1", "t2"]


async def test_an_object_made_anew_unseen_is_a_delete_and_an_add(
    api: Any, client: Client, pod: Any, until: Any
) -> None:
    api.lists = [api.page(pod("a", uid="one")), api.page(pod("a", 25, uid="two"), version="25")]
    api.watches = [api.status(410)]
    async with reflecting(client) as seen:
        await until(lambda: len(seen.changes) == 3)
    assert seen.changes == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a")]


async def test_replays_of_older_versions_change_nothing(
    api: Any, client: Client, pod: Any, until: Any
) -> None:
    api.lists = [api.page(pod("a", 10))]
    api.watches = [
        api.stream(
            event("MODIFIED", pod("a", 5)), event("DELETED", pod("a", 6)), event("ADDED", pod("z", 11))
        )
    ]
    async with reflecting(client) as seen:
        await until(lambda: "z" in seen.names)
    assert seen.changes == [("ADDED", "a"), ("ADDED", "z")]


class Named(TypedDict, total=False):
    """A shape: of a pod, where it runs and what it is called."""

    metadata: Required[dict[str, Any]]
    spec: Required[dict[str, str]]


async def test_a_shape_says_what_is_kept_of_an_object(api: Any, client: Client, pod: Any, until: Any) -> None:
    api.lists = [api.page(pod("a", 10) | {"spec": {"nodeName": "n"}, "status": {"phase": "Running"}})]
    later = pod("b", 11) | {"spec": {"nodeName": "n"}, "status": {"phase": "Pending"}}
    api.watches = [api.stream(event("ADDED", later))]
    async with reflecting(client, shape=Named) as seen:
        await until(lambda: "b" in seen.names)
    assert [sorted(each) for each in seen.store.list()] == [
        ["apiVersion", "kind", "metadata", "spec"],  # put back: a list's items do not say what they are
        ["metadata", "spec"],
    ]


async def test_a_bookmark_need_not_have_the_shape(api: Any, client: Client, pod: Any, until: Any) -> None:
    mark = {"kind": "Pod", "metadata": {"resourceVersion": "15"}, "spec": None}
    placed = {"spec": {"nodeName": "n"}}
    api.lists = [api.page(pod("a", 10) | placed)]
    api.watches = [api.stream(event("BOOKMARK", mark), event("ADDED", pod("b", 16) | placed))]
    async with reflecting(client, shape=Named) as seen:
        await until(lambda: "b" in seen.names)
    assert (seen.pauses, len(api.queries(watch=True))) == ([], 1)


@pytest.mark.parametrize("way", ["list", "watch"])
async def test_an_object_that_a_reader_chokes_on_holds_up_no_other(
    way: str, api: Any, client: Client, pod: Any, until: Callable[..., Any]
) -> None:
    objects = [pod("broken", 11), pod("fine", 12)]
    api.lists = [api.page(*objects, version="12")] if way == "list" else [api.page(version="10")]
    api.watches = [api.stream(*(event("ADDED", each) for each in objects))] if way == "watch" else []
    async with reflecting(client) as seen:
        told: list[str] = []

        def chokes(kind: str, old: Any, new: Any) -> None:
            if new["metadata"]["name"] == "broken":
                raise RuntimeError("a bug")
            told.append(new["metadata"]["name"])

        seen.reflector._on_change = chokes
        await until(lambda: told == ["fine"])
        await seen.reflector.synced()
    assert len(api.queries(watch=False)) == 1


async def test_a_replay_of_what_was_seen_brings_nothing_back(
    api: Any, client: Client, pod: Any, until: Callable[..., Any]
) -> None:
    gone = event("DELETED", pod("a", 12))
    replayed = (event("ADDED", pod("a", 10)), event("MODIFIED", pod("a", 11)), gone)
    api.lists = [api.page(pod("a", 10))]
    api.watches = [api.stream(event("MODIFIED", pod("a", 11)), gone, *replayed, event("ADDED", pod("z", 13)))]
    async with reflecting(client) as seen:
        await until(lambda: "z" in seen.names)
    assert seen.changes == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a"), ("ADDED", "z")]


async def test_cached_objects_are_stripped(api: Any, client: Client, pod: Any, until: Any) -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "mine": "1"}
    api.lists = [api.page(pod("a", managedFields=[{}], annotations=annotations))]
    async with reflecting(client) as seen:
        await until(lambda: bool(seen.names))
    cached = seen.store.get("ns", "a")
    assert cached is not None
    assert "managedFields" not in cached["metadata"]
    assert cached["metadata"]["annotations"] == {"mine": "1"}
    assert cached["kind"] == "Pod"


@pytest.mark.parametrize(
    ("failures", "retry_after", "least", "most"),
    [(0, None, 0.1, 0.2), (3, None, 0.8, 1.6), (50, None, 15, BACKOFF_CAP), (50, 2.0, 2.0, 2.2)],
)
def test_back_off_grows_to_its_cap(
    failures: int, retry_after: float | None, least: float, most: float
) -> None:
    assert least <= backoff(failures, Half(), retry_after) <= most
