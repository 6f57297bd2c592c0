"""The whole plan for one endpoint, as a value and as JSON data."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from hyperpod_inference.render.plan.objects import Action, ObjectPlan
from hyperpod_inference.render.plan.seats import Seats
from hyperpod_inference.status.parts import Arrangement, NotBuilt


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """Pods are replaced one by one, each new one beside the old ones; fits: there is room for the first."""

    replicas: int
    fits: bool


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The pods of one Deployment.

    Attributes:
        replicas: how many there would be; needs: what all of them ask for together.
        seats: where the replicas that have no place yet would go.
        rollout: None when no pod restarts.
        preference: why the order of instance types is not certain.
    """

    name: str
    replicas: int
    needs: Mapping[str, Decimal]
    seats: Seats
    rollout: Rollout | None
    preference: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class EndpointPlan:
    """What applying one endpoint would do.

    resource: the endpoint itself; objects: what the operator makes of it, workloads: the Deployments among
    them; not_built: what it asks for and this version does not build; arrangements: what was decided for
    parts inside the pods.
    """

    resource: ObjectPlan
    objects: tuple[ObjectPlan, ...]
    workloads: tuple[Workload, ...]
    not_built: tuple[NotBuilt, ...]
    arrangements: tuple[Arrangement, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything would be written."""
        return any(each.action is not Action.KEEP for each in (self.resource, *self.objects))


def as_json(plan: EndpointPlan) -> dict[str, Any]:
    """The plan as JSON data with camelCase keys; amounts are numbers in their base units (bytes, cores)."""
    data: dict[str, Any] = _data(plan)
    return {"changed": plan.changed} | data


def _data(value: Any) -> Any:
    """Only the plan's own names become camelCase: the values of changed fields are shown as they are."""
    if is_dataclass(value) and not isinstance(value, type):
        return {_camel(field.name): _data(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value if isinstance(value, str) else value.name
    if isinstance(value, list | tuple):
        return [_data(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _data(each) for key, each in value.items()}
    return _number(value) if isinstance(value, Decimal) else value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
