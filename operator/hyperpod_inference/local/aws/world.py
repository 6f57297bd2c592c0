"""What the double remembers of one account and region beside moto, and the clock that its states follow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from hyperpod_inference.local.aws.errors import AwsError

if TYPE_CHECKING:
    from hyperpod_inference.local.aws.eks.access import AccessEntry
    from hyperpod_inference.local.aws.eks.addon import Addon, AddonUpdate, Outcome
    from hyperpod_inference.local.aws.eks.pod_identity import Association
    from hyperpod_inference.local.aws.sagemaker.clusters import HyperPodCluster
    from hyperpod_inference.local.aws.sagemaker.endpoints import Change
    from hyperpod_inference.local.aws.sagemaker.hub_content import HubModel

T = TypeVar("T")
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Settings:
    """What every new world starts with; see :class:`World`."""

    clock: Clock = utc_now
    transition: timedelta = timedelta(0)
    hub: "Mapping[str, HubModel]" = field(default_factory=dict)
    url: Callable[[], str] = lambda: "http://localhost"


@dataclass
class World:
    """One account and region.

    Args:
        account: 12 digits.
        region: such as us-west-2.
        clock: what time it is; states change when it passes their due time.
        transition: how long a state such as CREATING lasts.
        hub: the models of the public hub, by id.
        url: where the double itself is reached.
        addon_outcomes: by cluster and add-on, how its next change ends instead of ACTIVE.
        conflicting: by add-on, objects that the clusters hold already and others own.
        endpoint_failures: by SageMaker endpoint, why its next change fails.
        hosts: by the DNS name of a load balancer, the address where it really listens.
        targets: by the ARN of a target group, what tells each target's state, as `healthy`.
    """

    account: str
    region: str
    clock: Clock = utc_now
    transition: timedelta = timedelta(0)
    hub: "dict[str, HubModel]" = field(default_factory=dict)
    url: Callable[[], str] = lambda: "http://localhost"
    addons: "dict[tuple[str, str], Addon]" = field(default_factory=dict)
    addon_outcomes: "dict[tuple[str, str], Outcome]" = field(default_factory=dict)
    conflicting: dict[str, tuple[str, ...]] = field(default_factory=dict)
    addon_updates: "dict[str, AddonUpdate]" = field(default_factory=dict)
    access_entries: "dict[tuple[str, str], AccessEntry]" = field(default_factory=dict)
    associations: "dict[tuple[str, str], Association]" = field(default_factory=dict)
    hyperpod_clusters: "dict[str, HyperPodCluster]" = field(default_factory=dict)
    endpoint_changes: "dict[str, Change]" = field(default_factory=dict)
    endpoint_failures: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, tuple[str, int]] = field(default_factory=dict)
    targets: dict[str, Callable[[], Mapping[tuple[str, int], str]]] = field(default_factory=dict)
    access_configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    api_servers: dict[str, tuple[str, str]] = field(default_factory=dict)
    bucket_policies: dict[str, object] = field(default_factory=dict)
    egress_rules: dict[str, dict[str, Any]] = field(default_factory=dict)

    def due(self) -> datetime:
        """When a change that begins now is done."""
        return self.clock() + self.transition

    def arn(self, service: str, resource: str) -> str:
        """An ARN in this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


def page(
    items: Sequence[T], limit: int | None, token: str | None, *, code: str = "InvalidParameterException"
) -> tuple[list[T], str | None]:
    """One page of `items` and the token of the next; AwsError with `code` for a token that is not ours."""
    start = 0
    if token is not None:
        if not token.isdigit() or int(token) > len(items):
            raise AwsError(code, f"Invalid token: {token}")
        start = int(token)
    end = start + (limit or 100)
    return list(items[start:end]), str(end) if end < len(items) else None


class Worlds:
    """Every world of the process. One, since moto's state is one for each process too."""

    def __init__(self) -> None:
        self._worlds: dict[tuple[str, str], World] = {}
        self.settings: Settings = Settings()

    def of(self, account: str, region: str) -> World:
        """The world of an account and region, made when it is first asked for."""
        key = (account, region)
        if key not in self._worlds:
            self._worlds[key] = World(
                account,
                region,
                clock=self.settings.clock,
                transition=self.settings.transition,
                hub=dict(self.settings.hub),
                url=self.settings.url,
            )
        return self._worlds[key]

    def reset(self, settings: Settings) -> None:
        """Forget everything; what comes next follows `settings`."""
        self._worlds.clear()
        self.settings = settings


WORLDS = Worlds()
