"""What the supervisor is asked to start, handed over as a JSON file in the state directory.

Written by `cluster` on the host, read by `supervisor` inside the namespace, which also finds there which of
its descriptors are which.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

# Descriptors that the supervisor is born with.
API_LISTENER = 3
FRONT_DOOR_LISTENER = 4
LIFELINE = 5
LOCK = 6
BALANCER_LISTENER = 7
AWS_LISTENER = 8

# What `up` writes into the lifeline to let the cluster outlive it.
STAY = b"stay\n"


@dataclass(frozen=True, slots=True)
class Plan:
    """`commands` maps a component's name to the beginning of its command line; `ip` is the tool's path.

    The ports are the host's. Behind the last two something answers once `local.alb` runs in the cluster.
    """

    commands: Mapping[str, tuple[str, ...]]
    source: str
    ip: str
    api_port: int
    front_door_port: int
    nodes: str | None = None
    node_names: tuple[str, ...] = ()
    balancer_port: int = 0
    aws_port: int = 0

    def write(self, path: Path) -> None:
        """Write the plan where the supervisor will read it."""
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """The plan in a file that `write` made."""
        fields = json.loads(path.read_text())
        commands = {name: tuple(words) for name, words in fields.pop("commands").items()}
        return cls(commands=commands, node_names=tuple(fields.pop("node_names")), **fields)
