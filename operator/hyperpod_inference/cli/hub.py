"""The JumpStart hub for the commands that ask it: a document by id, or what would have been right."""

from hyperpod_inference.api.problems import nearest
from hyperpod_inference.cloud.hub import PUBLIC_HUB, Hub
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.render.hub_document import HubDocument, parse_document

_ADVISED = 3


def open_hub(region: str | None, name: str = PUBLIC_HUB) -> Hub:
    """A hub of a region, None: the environment's. Raises CloudError."""
    return Hub(Session(region), name)


def document(hub: Hub, model_id: str, version: str | None) -> HubDocument:
    """A model's document. Raises CloudError, InvalidResource for a document that cannot be read."""
    found, text = hub.document(model_id, version)
    return parse_document(model_id, found, text)


def unknown(hub: Hub, model_id: str, version: str | None) -> str:
    """What to say of a model that was not found: the nearest ids, or that it is the version."""
    known = [each.model_id for each in hub.models()]
    if model_id in known:
        return f"{model_id} has no version {version}: leave the version out for the newest"
    close = ", ".join(nearest(model_id, known)[:_ADVISED])
    return f"the hub has no model {model_id!r}. The nearest: {close}"
