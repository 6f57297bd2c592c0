"""What a container that cannot run now shows: the kubelet's words for each reason. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hyperpod_inference.local.agent.backoff import Backoff, Policy
from hyperpod_inference.local.agent.containers import Container, Terminated, Waiting

Body = Mapping[str, Any]
Told = tuple[str, str, str]
"""An Event: type, reason, message."""


def pull_failed(image: str, message: str) -> tuple[Waiting, list[Told]]:
    """No program stands for the image."""
    told = [
        ("Warning", "Failed", f'Failed to pull image "{image}": {message}'),
        ("Warning", "Failed", "Error: ErrImagePull"),
    ]
    return Waiting("ErrImagePull", message), told


def config_failed(message: str) -> tuple[Waiting, list[Told]]:
    """Something the container refers to is not there."""
    return Waiting("CreateContainerConfigError", message), [("Warning", "Failed", f"Error: {message}")]


def next_look(backoff: Backoff, now: datetime, policy: Policy) -> Backoff:
    """When to look again for an image or a reference: unlike a crash, not at once."""
    return replace(backoff, failures=max(backoff.failures, 1)).after(now, timedelta(0), policy)


def held(pod: Body, container: Container, image: str, policy: Policy) -> tuple[Waiting, list[Told]] | None:
    """What to show while a back-off lasts; None if the state says enough already.

    The first back-off of an unknown image still shows ErrImagePull, later ones ImagePullBackOff.
    """
    state, metadata = container.state, pod["metadata"]
    if isinstance(state, Waiting) and state.reason == "ErrImagePull" and container.pull.failures > 2:
        message = f'Back-off pulling image "{image}": ErrImagePull: {state.message}'
        told = ("Normal", "BackOff", f'Back-off pulling image "{image}"')
        return Waiting("ImagePullBackOff", message), [told]
    if not isinstance(state, Terminated):
        return None
    name = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
    who = f"container={container.name} pod={name}"
    delay = span(policy.delay(container.crashes.failures))
    waiting = Waiting("CrashLoopBackOff", f"back-off {delay} restarting failed {who}")
    return waiting, [("Warning", "BackOff", f"Back-off restarting failed {who}")]


def span(seconds: float) -> str:
    """10s, 1m20s, 5m0s: as Go writes durations."""
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{minutes:g}m{rest:g}s" if minutes else f"{rest:g}s"
