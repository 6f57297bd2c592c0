"""Which containers of a pod to start and stop next. Pure: the worker asks again after every change.

The kubelet's rules: init containers one after the other, a sidecar (an init container with restartPolicy
Always) only until it is started; then all containers at once; restarts by the pod's restartPolicy after a
back-off; when every container has ended for good, the sidecars are stopped in reverse order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hyperpod_inference.local.agent.containers import Container, is_sidecar

Body = Mapping[str, Any]
Containers = Mapping[str, Container]


@dataclass(frozen=True, slots=True)
class Plan:
    """The next step.

    Attributes:
        start: containers to start now.
        stop: containers to stop now.
        held: containers that wait for their back-off, with its end.
        finished: nothing runs and nothing will be started again.
    """

    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    held: tuple[tuple[str, datetime], ...] = ()
    finished: bool = False

    @property
    def wake(self) -> datetime | None:
        """When to ask again even if nothing happens."""
        return min((until for _, until in self.held), default=None)


def plan(pod: Body, containers: Containers, now: datetime) -> Plan:
    """The next step for a pod that is not being deleted."""
    initial, wanted = _wanted(pod, containers)
    if initial and failed_for_good(pod, containers):
        return _wind_down(pod, containers)
    if not initial and mains_done(pod, containers):
        return _wind_down(pod, containers)
    start: list[str] = []
    held: list[tuple[str, datetime]] = []
    for name in wanted:
        until = _held_until(containers[name], now)
        if until is None:
            start.append(name)
        else:
            held.append((name, until))
    return Plan(tuple(start), held=tuple(held))


def initialized(pod: Body, containers: Containers) -> bool:
    """Whether the init containers are through; it stays true once a main container ran."""
    return not _wanted(pod, containers)[0]


def _wanted(pod: Body, containers: Containers) -> tuple[bool, list[str]]:
    """Whether the pod still initializes, and who should run but does not."""
    wanted: list[str] = []
    mains = pod["spec"]["containers"]
    past = any(containers[each["name"]].ever_ran for each in mains)
    for spec in pod["spec"].get("initContainers") or ():
        container = containers[spec["name"]]
        if is_sidecar(spec):
            if not container.running:
                wanted.append(container.name)
            if not container.started and not past:
                return True, wanted
        elif not past and not _succeeded(container):
            return True, wanted if container.running else [*wanted, container.name]
    policy = pod["spec"].get("restartPolicy", "Always")
    return False, wanted + [each["name"] for each in mains if _should_run(containers[each["name"]], policy)]


def _succeeded(container: Container) -> bool:
    return container.ended is not None and container.ended.exit_code == 0


def _should_run(container: Container, policy: str) -> bool:
    if container.running:
        return False
    ended = container.ended
    return ended is None or policy == "Always" or (policy == "OnFailure" and ended.exit_code != 0)


def _held_until(container: Container, now: datetime) -> datetime | None:
    for backoff in (container.pull, container.crashes):
        if backoff.waits(now):
            return backoff.until
    return None


def failed_for_good(pod: Body, containers: Containers) -> bool:
    """Whether an init container failed in a pod that never restarts."""
    if pod["spec"].get("restartPolicy", "Always") != "Never":
        return False
    inits = (spec for spec in pod["spec"].get("initContainers") or () if not is_sidecar(spec))
    ends = (containers[spec["name"]].ended for spec in inits)
    return any(end is not None and end.exit_code != 0 for end in ends)


def mains_done(pod: Body, containers: Containers) -> bool:
    """Whether every main container has ended for good."""
    policy = pod["spec"].get("restartPolicy", "Always")
    mains = [containers[each["name"]] for each in pod["spec"]["containers"]]
    return all(not each.running and not _should_run(each, policy) for each in mains)


def _wind_down(pod: Body, containers: Containers) -> Plan:
    running = [spec["name"] for spec in pod["spec"].get("initContainers") or ()]
    running = [name for name in running if containers[name].running]
    return Plan(stop=tuple(running[-1:]), finished=not running)
