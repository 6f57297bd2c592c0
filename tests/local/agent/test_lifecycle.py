"""What to start and stop next, as tables over the states of a pod's containers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hyperpod_inference.local.agent import lifecycle
from hyperpod_inference.local.agent.backoff import Backoff, Policy
from hyperpod_inference.local.agent.containers import Container, Running, Terminated, Waiting, restored

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def pod(
    policy: str = "Always", inits: tuple[str, ...] = (), mains: tuple[str, ...] = ("main",)
) -> dict[str, Any]:
    """A pod; an init container named `side…` is a sidecar."""
    init = [
        {"name": name, "image": "i", **({"restartPolicy": "Always"} if name.startswith("side") else {})}
        for name in inits
    ]
    main = [{"name": name, "image": "i"} for name in mains]
    spec = {"restartPolicy": policy, "initContainers": init, "containers": main}
    return {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": spec}


def state(name: str, text: str) -> Container:
    """`-` never ran, `up` runs and is started, `slow` runs with its startup probe pending; or a code."""
    if text == "-":
        return Container(name)
    if text in ("up", "slow"):
        return Container(name, Running(NOW), started=text == "up", ready=text == "up")
    return Container(name, Terminated(int(text), "r", "", NOW, NOW))


def states(**texts: str) -> dict[str, Container]:
    return {name: state(name, text) for name, text in texts.items()}


@pytest.mark.parametrize(
    ("a_pod", "now", "start", "stop", "finished"),
    [
        # containers without init containers start together
        (pod(mains=("a", "b")), {"a": "-", "b": "-"}, ("a", "b"), (), False),
        (pod(mains=("a", "b")), {"a": "up", "b": "-"}, ("b",), (), False),
        (pod(), {"main": "up"}, (), (), False),
        # init containers one after the other
        (pod(inits=("one", "two")), {"one": "-", "two": "-", "main": "-"}, ("one",), (), False),
        (pod(inits=("one", "two")), {"one": "up", "two": "-", "main": "-"}, (), (), False),
        (pod(inits=("one", "two")), {"one": "0", "two": "-", "main": "-"}, ("two",), (), False),
        (pod(inits=("one", "two")), {"one": "0", "two": "0", "main": "-"}, ("main",), (), False),
        # a failing init container is tried again, unless the pod never restarts
        (pod(inits=("one",)), {"one": "1", "main": "-"}, ("one",), (), False),
        (pod("OnFailure", ("one",)), {"one": "1", "main": "-"}, ("one",), (), False),
        (pod("Never", ("one",)), {"one": "1", "main": "-"}, (), (), True),
        # a sidecar is waited for until it is started, and then runs on
        (pod(inits=("side", "one")), {"side": "-", "one": "-", "main": "-"}, ("side",), (), False),
        (pod(inits=("side", "one")), {"side": "slow", "one": "-", "main": "-"}, (), (), False),
        (pod(inits=("side", "one")), {"side": "up", "one": "-", "main": "-"}, ("one",), (), False),
        (pod(inits=("side",)), {"side": "1", "main": "up"}, ("side",), (), False),
        (pod("Never", ("side",)), {"side": "0", "main": "up"}, ("side",), (), False),
        # init containers are not repeated once the pod runs
        (pod(inits=("one",)), {"one": "0", "main": "1"}, ("main",), (), False),
        # restarts by policy
        (pod("Always"), {"main": "0"}, ("main",), (), False),
        (pod("OnFailure"), {"main": "1"}, ("main",), (), False),
        (pod("OnFailure"), {"main": "0"}, (), (), True),
        (pod("Never"), {"main": "1"}, (), (), True),
        (pod("Never", mains=("a", "b")), {"a": "0", "b": "up"}, (), (), False),
        # when all is done, sidecars stop in reverse order, one at a time
        (
            pod("Never", ("side1", "side2")),
            {"side1": "up", "side2": "up", "main": "0"},
            (),
            ("side2",),
            False,
        ),
        (pod("Never", ("side1", "side2")), {"side1": "up", "side2": "0", "main": "0"}, (), ("side1",), False),
        (pod("Never", ("side1",)), {"side1": "0", "main": "0"}, (), (), True),
    ],
)
def test_the_next_step_follows_from_the_containers_states(
    a_pod: dict[str, Any], now: dict[str, str], start: tuple[str, ...], stop: tuple[str, ...], finished: bool
) -> None:
    plan = lifecycle.plan(a_pod, states(**now), NOW)
    assert (plan.start, plan.stop, plan.finished) == (start, stop, finished)


def test_a_container_in_back_off_is_held_until_its_end() -> None:
    until = NOW + timedelta(seconds=10)
    waiting = Container("main", Waiting("CrashLoopBackOff"), crashes=Backoff(2, until))
    plan = lifecycle.plan(pod(), {"main": waiting}, NOW)
    assert (plan.start, plan.held, plan.wake) == ((), (("main", until),), until)
    assert lifecycle.plan(pod(), {"main": waiting}, until).start == ("main",)


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (1, 0), (2, 10), (3, 20), (4, 40), (6, 160), (7, 300), (60, 300)]
)
def test_restarts_wait_twice_as_long_each_time_up_to_five_minutes(failures: int, seconds: float) -> None:
    assert Policy().delay(failures) == seconds


def test_a_long_run_resets_the_back_off() -> None:
    policy = Policy(base=10, cap=300)
    crashed = Backoff(6, None)
    assert crashed.after(NOW, timedelta(seconds=599), policy).failures == 7
    assert crashed.after(NOW, timedelta(seconds=600), policy).failures == 1


def test_a_running_container_counts_as_ended_after_the_agents_restart() -> None:
    a_pod = pod()
    a_pod["status"] = {
        "containerStatuses": [
            {
                "name": "main",
                "restartCount": 2,
                "containerID": "hyperpod-local://x",
                "state": {"running": {"startedAt": "2026-01-02T03:00:00Z"}},
                "lastState": {},
            }
        ]
    }
    container = restored(a_pod, a_pod["spec"]["containers"][0], NOW)
    assert isinstance(container.state, Terminated)
    assert (container.state.exit_code, container.restarts) == (137, 2)
    assert "agent was restarted" in container.state.message
    assert lifecycle.plan(a_pod, {"main": container}, NOW).start == ("main",)
