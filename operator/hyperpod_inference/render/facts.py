"""What rendering needs to know beside the spec, and what it answers: plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hyperpod_inference.render.identity import Manifest
from hyperpod_inference.status.parts import NEVER_HOLDS, Arrangement, Dependency, NotBuilt, Part


@dataclass(frozen=True, kw_only=True)
class ClusterNetwork:
    """What EKS says of the cluster that the endpoints are in."""

    arn: str
    name: str
    vpc: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    cluster_security_group: str

    @property
    def lacking(self) -> str:
        """What SageMaker cannot do without, and EKS does not name; '' when it names all."""
        groups = self.security_groups or self.cluster_security_group
        return "" if groups and self.subnets else ("subnet" if groups else "security group")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was found out about the cluster before rendering; the defaults hold offline.

    scaled_deployments: "namespace/name" of the Deployments that an HPA or ScaledObject targets, so that
    their replica counts are not ours.
    assignable_service_accounts: names of the ServiceAccounts of the endpoint's namespace that carry the
    label sagemaker.amazonaws.com/user-assignable=true; None when nobody looked.
    absent_crds: names of the CustomResourceDefinitions of others that the API server does not serve.
    certificate_arn: the certificate that was imported into ACM for the endpoint, '' when there is none.
    certificate_bucket, certificate_keys: where its public part lies.
    load_balancer: host name of the endpoint's, '' before it has one.
    network: of the cluster, None when nobody asked EKS; network_problem: why EKS did not tell.
    registered: spec of the endpoint's SageMakerEndpointRegistration, empty when there is none.
    """

    scaled_deployments: frozenset[str] = frozenset()
    assignable_service_accounts: frozenset[str] | None = None
    absent_crds: frozenset[str] = frozenset()
    certificate_arn: str = ""
    certificate_bucket: str = ""
    certificate_keys: tuple[str, ...] = ()
    load_balancer: str = ""
    network: ClusterNetwork | None = None
    network_problem: str = ""
    registered: Mapping[str, Any] = field(default_factory=dict)

    def replicas(self, namespace: str, deployment: str, wanted: int) -> Manifest:
        """The field `replicas` of a Deployment's spec; empty while a scaler owns it."""
        return {} if f"{namespace}/{deployment}" in self.scaled_deployments else {"replicas": wanted}


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """manifests: the objects to apply, in this order. not_built: what the spec asks for beyond them.

    dependencies: kinds of others that the spec needs; objects of the absent ones are not among `manifests`.
    arrangements: what was decided for parts that live inside the model's pods.
    parts: by (kind, name), the part that an object belongs to beside the model's own workload and source.
    """

    manifests: tuple[Manifest, ...]
    not_built: tuple[NotBuilt, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    arrangements: tuple[Arrangement, ...] = ()
    parts: Mapping[tuple[str, str], Part] = field(default_factory=dict)

    @property
    def in_apply_order(self) -> tuple[Manifest, ...]:
        """The manifests as they are applied: what never keeps the endpoint from serving comes last.

        A refusal ends the way through the list, and one of the load balancer must not cost the workload.
        """
        last = [each for each in self.manifests if self._part(each) in NEVER_HOLDS]
        return (*(each for each in self.manifests if each not in last), *last)

    def _part(self, manifest: Manifest) -> Part | None:
        return self.parts.get((manifest["kind"], manifest["metadata"]["name"]))
