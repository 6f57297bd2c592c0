"""What creating a resource leaves: its physical id (`Ref`) and its attributes (`Fn::GetAtt`)."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Made:
    """A resource that exists."""

    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)
