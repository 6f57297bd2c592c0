"""JumpStartModel: the hub says what to run, and from there it is an endpoint like any other.

The hub is asked in threads, once for each version of a model: what a version says never changes. Without
`spec.model.modelVersion` the newest one is taken when the model is first deployed, and kept: a version that
AWS publishes later would restart pods that serve.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, cast

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.jumpstart import JumpStartModel
from hyperpod_inference.api.parse import AnyResource
from hyperpod_inference.api.problems import InvalidResource, Problem
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cloud.errors import Missing
from hyperpod_inference.kube.resources import Body
from hyperpod_inference.render.hub_document import HubDocument
from hyperpod_inference.render.jumpstart import as_endpoint

LOOK_AGAIN = 600.0
"""Seconds until a model that was refused is looked at again: what was missing may be published."""
NEWEST_FOR = 60.0
"""Seconds for which an answer to "the newest" holds: until the Deployment says which one it was."""
REMEMBERED = 500
"""Documents that are kept, of some 10 KB each."""


class Hub(Protocol):
    """What is asked of a hub; `cloud.hub.Hub` is one. Its calls block."""

    def document(self, model_id: str, version: str | None = None) -> HubDocument:
        """The document of a model. Raises CloudError, InvalidResource."""

    def missed(self, model_id: str, version: str | None) -> Problem:
        """What was wrong about a model that was not found."""


OpenHub = Callable[[str, str], Hub]
"""From a region ('': the environment's) and a hub's name."""


def open_hub(region: str, name: str) -> Hub:
    """AWS's. Raises CloudError."""
    from hyperpod_inference.cloud import hub, session  # boto3 is large, and most clusters never need it

    return hub.Hub(session.Session(region or None), name)


@dataclass(frozen=True, kw_only=True)
class FromHub:
    """Makes endpoints of JumpStartModels: what the endpoints' reconciler calls to `understand` one."""

    settings: OperatorSettings
    open: OpenHub = open_hub
    clock: Callable[[], float] = time.monotonic
    hubs: dict[str, Hub] = field(default_factory=dict)
    known: dict[tuple[str, str, str], tuple[float, HubDocument]] = field(default_factory=dict)

    async def __call__(self, resource: AnyResource, running: Body | None) -> InferenceEndpointConfig:
        """The endpoint. Raises InvalidResource for a model that cannot be served, CloudError."""
        model = cast(JumpStartModel, resource)
        source = model.spec.model
        kept = kept_version(source.model_id, running)
        version = source.model_version or kept
        try:
            document = await self._document(source.model_hub_name, source.model_id, version)
        except Missing:
            if kept and version == kept:  # the hub withdrew what runs: that is no reason to stop it
                raise
            hub = self.hubs[source.model_hub_name]
            problem = await asyncio.to_thread(hub.missed, source.model_id, version)
            raise InvalidResource((problem,)) from None
        return as_endpoint(model, document, self.settings)

    async def _document(self, hub_name: str, model_id: str, version: str | None) -> HubDocument:
        asked = (hub_name, model_id, version or "")
        until, document = self.known.get(asked, (0.0, None))
        if document is not None and self.clock() < until:
            return document
        document = await asyncio.to_thread(self._ask, hub_name, model_id, version)
        while len(self.known) >= REMEMBERED:
            del self.known[next(iter(self.known))]
        self.known[(hub_name, model_id, document.version)] = (float("inf"), document)
        if not version:
            self.known[asked] = (self.clock() + NEWEST_FOR, document)
        return document

    def _ask(self, hub_name: str, model_id: str, version: str | None) -> HubDocument:
        if hub_name not in self.hubs:
            self.hubs[hub_name] = self.open(self.settings.region, hub_name)
        return self.hubs[hub_name].document(model_id, version)


def kept_version(model_id: str, running: Body | None) -> str | None:
    """The version that a Deployment serves, if it serves this model."""
    annotations = (running or {"metadata": {}})["metadata"].get("annotations") or {}
    served, _, version = annotations.get(names.ANNOTATION_HUB_MODEL, "").partition("/")
    return version if version and served == model_id else None
