"""What one concern adds to the model's pod, and how that is put into the container that is there."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from hyperpod_inference.render.identity import Manifest
from hyperpod_inference.status.parts import Arrangement


@dataclass(frozen=True, kw_only=True)
class Additions:
    """env, args, mounts: of the model container. volumes, annotations: of its pod.

    arrangements: what was decided, for the conditions.
    """

    env: tuple[Manifest, ...] = ()
    args: tuple[str, ...] = ()
    mounts: tuple[Manifest, ...] = ()
    volumes: tuple[Manifest, ...] = ()
    annotations: dict[str, str] = field(default_factory=dict)
    arrangements: tuple[Arrangement, ...] = ()


def extended(container: Manifest, added: Additions) -> Manifest:
    """The container with the additions at the ends of its lists."""
    lists: dict[str, Iterable[object]] = {
        "env": added.env,
        "args": added.args,
        "volumeMounts": added.mounts,
    }
    return container | {
        key: [*container.get(key, ()), *more] for key, more in lists.items() if container.get(key) or more
    }
