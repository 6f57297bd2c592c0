"""The peer: kopf operators that do nothing with what they see. `HANDLERS` in the environment chooses one.

event      a handler for each change of an endpoint or pod
index      the same, and kopf's cache of both
stateful   kopf's own way, on.create and on.update of endpoints; a handler for each change of a pod
"""

import os
from typing import Any

import kopf

GROUP, VERSION, PLURAL = "inference.sagemaker.aws.amazon.com", "v1", "inferenceendpointconfigs"
OURS = {"deploying-service": "hyperpod-inference"}
HANDLERS = os.environ["HANDLERS"]


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    """No Events of kopf's own, and no finalizer."""
    settings.posting.enabled = False


@kopf.on.event("v1", "pods", labels=OURS)
def on_pod(**_: Any) -> None:
    """A pod changed."""


if HANDLERS == "stateful":

    @kopf.on.create(GROUP, VERSION, PLURAL)
    @kopf.on.update(GROUP, VERSION, PLURAL)
    def on_endpoint_state(**_: Any) -> None:
        """An endpoint is new or changed."""
else:

    @kopf.on.event(GROUP, VERSION, PLURAL)
    def on_endpoint(**_: Any) -> None:
        """An endpoint changed."""


if HANDLERS == "index":

    @kopf.index("v1", "pods", labels=OURS)
    def pods(name: str, labels: dict[str, str], **_: Any) -> dict[str | None, str]:
        """Pods by endpoint."""
        return {labels.get("app"): name}

    @kopf.index(GROUP, VERSION, PLURAL)
    def endpoints(name: str, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Endpoints by name."""
        return {name: body}
