"""What was found out about a cluster and its account before anything is planned: frozen plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hyperpod_inference.cloud.addons import Addon
from hyperpod_inference.cloud.roles import Role
from hyperpod_inference.migration.helm import Release


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A Deployment that the plan may scale. release: the Helm release that installed it, '' for none."""

    namespace: str
    name: str
    replicas: int
    release: str = ""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A resource of the API and how it does."""

    kind: str
    namespace: str
    name: str
    state: str = ""
    ready: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class AwsObject:
    """Something in AWS that the operator made for an endpoint.

    id: an ARN, or s3://BUCKET/KEY. of: the resource it belongs to, KIND NAMESPACE/NAME. tags: as they are,
    None when they could not be read; `error` says why.
    """

    id: str
    of: str
    tags: Mapping[str, str] | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Account:
    """The cluster as AWS sees it. issuer: of OIDC, without https://; known: IAM has a provider for it.

    caller: ARN of who asks. addon_versions: of the inference add-on, those that this Kubernetes version
    takes, the newest first.
    """

    cluster: str
    region: str
    partition: str
    account: str
    kubernetes: str
    issuer: str
    known: bool
    caller: str = ""
    addon_versions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Discovered:
    """Everything that the plan is made from.

    releases: the newest revision of every release that installed the operator. addons, roles: by name and by
    ARN. taken: roles that have a name that would be given, by name. csi_drivers, crds: names of those in the
    cluster. buckets, model_buckets: TLS buckets that resources name, and those they load models from.
    denied: what the caller may not do, one line each.
    """

    account: Account
    releases: tuple[Release, ...] = ()
    unreadable: tuple[str, ...] = ()
    addons: Mapping[str, Addon] = field(default_factory=dict)
    roles: Mapping[str, Role] = field(default_factory=dict)
    taken: Mapping[str, Role] = field(default_factory=dict)
    workloads: tuple[Workload, ...] = ()
    csi_drivers: frozenset[str] = frozenset()
    crds: frozenset[str] = frozenset()
    endpoints: tuple[Endpoint, ...] = ()
    aws_objects: tuple[AwsObject, ...] = ()
    buckets: frozenset[str] = frozenset()
    model_buckets: frozenset[str] = frozenset()
    denied: tuple[str, ...] = ()
