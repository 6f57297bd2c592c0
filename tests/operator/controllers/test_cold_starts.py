"""How long pods took to their first Ready: by stage, each once, and only what this process watched."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from hyperpod_inference.api import names
from hyperpod_inference.controllers.caches import Caches
from hyperpod_inference.controllers.cold_starts import ColdStarts, stages

Body = dict[str, Any]
OWN = {"namespace": "team-a", "resource_name": "chat", "resource_type": "inference-endpoint"}


def pod(*, ready: bool = True, restarts: int = 0, uid: str = "1", **labels: str) -> Body:
    """Created at 00:00; on a node after 5 s, initialized after 65 s, Ready after 185 s."""
    times = {"PodScheduled": "00:00:05", "Initialized": "00:01:05", "Ready": "00:03:05"}
    said = {"PodScheduled": True, "Initialized": True, "Ready": ready}
    owner = {
        names.LABEL_OWNER_KIND: names.KIND_ENDPOINT,
        names.LABEL_OWNER_NAMESPACE: "team-a",
        names.LABEL_OWNER_NAME: "chat",
    }
    return {
        "metadata": {
            "name": f"chat-{uid}",
            "namespace": "team-a",
            "uid": uid,
            "labels": owner | labels,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {},
        "status": {
            "conditions": [
                {"type": kind, "status": str(said[kind]), "lastTransitionTime": f"2026-01-01T{time}Z"}
                for kind, time in times.items()
            ],
            "containerStatuses": [{"restartCount": restarts}],
        },
    }


@pytest.fixture
def caches() -> Caches:
    made = Caches()
    made.endpoints.put({"metadata": {"name": "chat", "namespace": "team-a"}})
    return made


@pytest.fixture
def starts(caches: Caches) -> ColdStarts:
    return ColdStarts([caches], lambda: True)


def sums(starts: ColdStarts) -> dict[str, tuple[float, float]]:
    """Stage to (how many, seconds)."""
    registry = CollectorRegistry()
    registry.register(starts)

    def value(ending: str, stage: str) -> float:
        labels = OWN | {"stage": stage}
        return registry.get_sample_value(f"{names.METRIC_COLD_START}_{ending}", labels) or 0.0

    found = {stage: (value("count", stage), value("sum", stage)) for stage in ("scheduling", "init")}
    found |= {stage: (value("count", stage), value("sum", stage)) for stage in ("server", "total")}
    return {stage: pair for stage, pair in found.items() if pair[0]}


ONE_START = {"scheduling": (1, 5), "init": (1, 60), "server": (1, 120), "total": (1, 185)}


def test_the_conditions_of_a_pod_say_where_the_time_went() -> None:
    assert stages(pod()) == {"scheduling": 5, "init": 60, "server": 120, "total": 185}


def test_a_stage_that_is_not_told_is_left_out() -> None:
    without = pod()
    without["status"]["conditions"] = [
        each for each in without["status"]["conditions"] if each["type"] != "Initialized"
    ]
    assert stages(without) == {"scheduling": 5, "total": 185}
    assert stages(pod(ready=False)) == {"scheduling": 5, "init": 60}
    assert stages({"metadata": {}, "status": {}}) == {}


def test_a_pod_counts_when_it_is_ready_for_the_first_time(starts: ColdStarts) -> None:
    new, ready, lapsed = pod(ready=False), pod(), pod(ready=False)
    starts.on_change("ADDED", None, new)
    assert sums(starts) == {}
    starts.on_change("MODIFIED", new, ready)
    starts.on_change("MODIFIED", ready, lapsed)
    starts.on_change("MODIFIED", lapsed, pod())
    assert sums(starts) == ONE_START


@pytest.mark.parametrize("first", [pod(), pod(ready=False, restarts=1)], ids=["ready", "restarted"])
def test_what_was_there_before_this_process_does_not_count(starts: ColdStarts, first: Body) -> None:
    starts.on_change("ADDED", None, first)
    starts.on_change("MODIFIED", first, pod())
    assert sums(starts) == {}


def test_a_pod_that_crashed_on_its_way_counts_whole(starts: ColdStarts) -> None:
    starts.on_change("ADDED", None, pod(ready=False))
    starts.on_change("MODIFIED", pod(ready=False), pod(restarts=2))
    assert sums(starts) == ONE_START


@pytest.mark.parametrize("component", [names.COMPONENT_ROUTER, names.COMPONENT_NODE_CACHE])
def test_only_pods_that_serve_the_model_count(starts: ColdStarts, component: str) -> None:
    labels = {names.LABEL_COMPONENT: component}
    starts.on_change("ADDED", None, pod(ready=False, **labels))
    starts.on_change("MODIFIED", pod(ready=False, **labels), pod(**labels))
    assert sums(starts) == {}


def test_the_buckets_are_cumulative(starts: ColdStarts) -> None:
    for uid in ("1", "2"):
        starts.on_change("ADDED", None, pod(ready=False, uid=uid))
        starts.on_change("MODIFIED", pod(ready=False, uid=uid), pod(uid=uid))
    registry = CollectorRegistry()
    registry.register(starts)
    found = {
        le: registry.get_sample_value(f"{names.METRIC_COLD_START}_bucket", OWN | {"stage": "init", "le": le})
        for le in ("30.0", "60.0", "120.0", "+Inf")
    }
    assert found == {"30.0": 0, "60.0": 2, "120.0": 2, "+Inf": 2}


def test_stages_are_told_empty_before_the_first_start_so_that_it_is_an_increase(starts: ColdStarts) -> None:
    registry = CollectorRegistry()
    registry.register(starts)
    empty = {
        stage: registry.get_sample_value(
            f"{names.METRIC_COLD_START}_bucket", OWN | {"stage": stage, "le": "+Inf"}
        )
        for stage in ONE_START
    }
    assert empty == dict.fromkeys(ONE_START, 0)


def test_an_endpoint_that_is_gone_is_forgotten(starts: ColdStarts, caches: Caches) -> None:
    starts.on_change("ADDED", None, pod(ready=False))
    starts.on_change("MODIFIED", pod(ready=False), pod())
    starts.on_change("DELETED", pod(), None)
    caches.endpoints.remove(("team-a", "chat"))
    assert sums(starts) == {}
    caches.endpoints.put({"metadata": {"name": "chat", "namespace": "team-a"}})
    assert sums(starts) == {}


def test_only_the_leader_tells(caches: Caches) -> None:
    leading = [False]
    starts = ColdStarts([caches], lambda: leading[0])
    starts.on_change("ADDED", None, pod(ready=False))
    starts.on_change("MODIFIED", pod(ready=False), pod())
    assert sums(starts) == {}
    leading[0] = True
    assert sums(starts) == ONE_START
