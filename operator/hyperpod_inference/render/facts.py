"""What rendering needs to know beside the spec, and what it answers: plain values."""

from dataclasses import dataclass

from hyperpod_inference.render.identity import Manifest
from hyperpod_inference.status.parts import Arrangement, Dependency, NotBuilt


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was found out about the cluster before rendering; the defaults hold offline.

    scaler_owns_replicas: an HPA or ScaledObject targets the Deployment, so its replica count is not ours.
    assignable_service_accounts: names of the ServiceAccounts of the endpoint's namespace that carry the
    label sagemaker.amazonaws.com/user-assignable=true; None when nobody looked.
    absent_crds: names of the CustomResourceDefinitions of others that the API server does not serve.
    """

    scaler_owns_replicas: bool = False
    assignable_service_accounts: frozenset[str] | None = None
    absent_crds: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """manifests: the objects to apply, in this order. not_built: what the spec asks for beyond them.

    dependencies: kinds of others that the spec needs; objects of the absent ones are not among `manifests`.
    arrangements: what was decided for parts that live inside the model's pods.
    """

    manifests: tuple[Manifest, ...]
    not_built: tuple[NotBuilt, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    arrangements: tuple[Arrangement, ...] = ()
