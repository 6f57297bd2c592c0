"""Where the custom resources live in the API; importing this makes them known to the client."""

from hyperpod_inference.api import names
from hyperpod_inference.api.kinds import KINDS
from hyperpod_inference.kube.resources import Resource, register

CUSTOM = {kind.kind: Resource(names.GROUP, kind.version, kind.plural, kind.kind) for kind in KINDS}
ENDPOINTS = CUSTOM[names.KIND_ENDPOINT]
JUMPSTART_MODELS = CUSTOM[names.KIND_JUMPSTART]
REGISTRATIONS = CUSTOM[names.KIND_REGISTRATION]
SERVED = (ENDPOINTS, JUMPSTART_MODELS)
"""What is deployed by the same reconciler."""
UNBUILT = tuple(resource for resource in CUSTOM.values() if resource not in (*SERVED, REGISTRATIONS))

register(*CUSTOM.values())
