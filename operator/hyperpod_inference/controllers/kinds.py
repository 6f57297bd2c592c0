"""Where the custom resources live in the API; importing this makes them known to the client."""

from hyperpod_inference.api import names
from hyperpod_inference.api.kinds import KINDS
from hyperpod_inference.kube.resources import Resource, register

CUSTOM = {kind.kind: Resource(names.GROUP, kind.version, kind.plural, kind.kind) for kind in KINDS}
ENDPOINTS = CUSTOM[names.KIND_ENDPOINT]
UNBUILT = tuple(resource for kind, resource in CUSTOM.items() if kind != names.KIND_ENDPOINT)

register(*CUSTOM.values())
