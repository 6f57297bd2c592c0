"""Which kinds exist and where they live: the one place that turns a kind into a URL path.

The kinds that code names are constants here; custom resources are added with `register`, and the client asks
the API server about any other kind that it is to apply.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]
"""An object as JSON holds it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API server serves it: `Resource("apps", "v1", "deployments", "Deployment")`."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """The URL path of an object, or of a collection without `name` (all namespaces without `namespace`).

        Raises:
            ValueError: a name of a namespaced kind came without its namespace.
        """
        if self.namespaced and name is not None and not namespace:
            raise ValueError(f"{self.kind} {name!r} lives in a namespace, and none was given")
        parts = ["/apis" if self.group else "/api", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


def _of(api_version: str, plural: str, kind: str, namespaced: bool = True) -> Resource:
    group, _, version = api_version.rpartition("/")
    return Resource(group, version, plural, kind, namespaced)


PODS = _of("v1", "pods", "Pod")
NODES = _of("v1", "nodes", "Node", namespaced=False)
SERVICES = _of("v1", "services", "Service")
ENDPOINTS = _of("v1", "endpoints", "Endpoints")
EVENTS = _of("v1", "events", "Event")
CONFIG_MAPS = _of("v1", "configmaps", "ConfigMap")
SECRETS = _of("v1", "secrets", "Secret")
SERVICE_ACCOUNTS = _of("v1", "serviceaccounts", "ServiceAccount")
PERSISTENT_VOLUMES = _of("v1", "persistentvolumes", "PersistentVolume", namespaced=False)
PERSISTENT_VOLUME_CLAIMS = _of("v1", "persistentvolumeclaims", "PersistentVolumeClaim")
NAMESPACES = _of("v1", "namespaces", "Namespace", namespaced=False)
DEPLOYMENTS = _of("apps/v1", "deployments", "Deployment")
DAEMON_SETS = _of("apps/v1", "daemonsets", "DaemonSet")
REPLICA_SETS = _of("apps/v1", "replicasets", "ReplicaSet")
ENDPOINT_SLICES = _of("discovery.k8s.io/v1", "endpointslices", "EndpointSlice")
POD_DISRUPTION_BUDGETS = _of("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget")
INGRESSES = _of("networking.k8s.io/v1", "ingresses", "Ingress")
INGRESS_CLASSES = _of("networking.k8s.io/v1", "ingressclasses", "IngressClass", namespaced=False)
LEASES = _of("coordination.k8s.io/v1", "leases", "Lease")
HORIZONTAL_POD_AUTOSCALERS = _of("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
SCALED_OBJECTS = _of("keda.sh/v1alpha1", "scaledobjects", "ScaledObject")
_DEFINITIONS, _HOOKS = "apiextensions.k8s.io/v1", "admissionregistration.k8s.io/v1"
CRDS = _of(_DEFINITIONS, "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
VALIDATING_WEBHOOK_CONFIGURATIONS = _of(
    _HOOKS, "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", namespaced=False
)
MUTATING_WEBHOOK_CONFIGURATIONS = _of(
    _HOOKS, "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", namespaced=False
)
API_SERVICES = _of("apiregistration.k8s.io/v1", "apiservices", "APIService", namespaced=False)
CSI_DRIVERS = _of("storage.k8s.io/v1", "csidrivers", "CSIDriver", namespaced=False)

_known: dict[tuple[str, str], Resource] = {
    (resource.api_version, resource.kind): resource
    for resource in list(globals().values())
    if isinstance(resource, Resource)
}


def register(*resources: Resource) -> None:
    """Make kinds known to `resource_for`; registering the same one twice is harmless.

    Raises:
        ValueError: another resource is already registered under the same apiVersion and kind.
    """
    for resource in resources:
        known = _known.setdefault((resource.api_version, resource.kind), resource)
        if known != resource:
            raise ValueError(f"{resource.api_version} {resource.kind} is already registered as {known}")


def resource_for(body: Mapping[str, Any]) -> Resource:
    """The resource of a manifest, by its `apiVersion` and `kind`.

    Raises:
        LookupError: the manifest names neither, or a kind that nobody registered.
    """
    api_version, kind = body.get("apiVersion"), body.get("kind")
    found = _known.get((str(api_version), str(kind)))
    if found is not None:
        return found
    versions = sorted(version for version, known_kind in _known if known_kind == kind)
    hint = f"known for this kind: {', '.join(versions)}" if versions else "add it with register()"
    raise LookupError(f"no resource for apiVersion {api_version!r}, kind {kind!r}; {hint}")


def discovered(served: Mapping[str, Any], kind: str) -> Resource | None:
    """The resource of `kind` in the answer to `GET /apis/GROUP/VERSION`, registered; None without it."""
    group, _, version = str(served.get("groupVersion")).rpartition("/")
    for each in served.get("resources") or []:
        if each["kind"] == kind and "/" not in each["name"]:
            found = Resource(group, version, each["name"], kind, each["namespaced"])
            register(found)
            return found
    return None
