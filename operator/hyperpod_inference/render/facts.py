"""What rendering needs to know beside the spec, and what it answers: plain values."""

from dataclasses import dataclass

from hyperpod_inference.render.identity import Manifest
from hyperpod_inference.status.parts import NotBuilt


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was found out about the cluster before rendering; the defaults hold offline.

    scaler_owns_replicas: an HPA or ScaledObject targets the Deployment, so its replica count is not ours.
    assignable_service_accounts: names of the ServiceAccounts of the endpoint's namespace that carry the
    label sagemaker.amazonaws.com/user-assignable=true; None when nobody looked.
    """

    scaler_owns_replicas: bool = False
    assignable_service_accounts: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """manifests: the objects to apply, in this order. not_built: what the spec asks for beyond them."""

    manifests: tuple[Manifest, ...]
    not_built: tuple[NotBuilt, ...] = ()
