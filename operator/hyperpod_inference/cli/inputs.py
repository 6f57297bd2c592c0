"""The endpoints in the files that a person names, for the commands that work on endpoints."""

from collections.abc import Iterable

from hyperpod_inference.api.documents import Document, load
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.jumpstart import JumpStartModel
from hyperpod_inference.api.parse import Problem


def deployments(files: Iterable[str]) -> list[tuple[Document, InferenceEndpointConfig | JumpStartModel]]:
    """Every document of the files that serves a model. Raises InputError, also for other kinds."""
    found: list[tuple[Document, InferenceEndpointConfig | JumpStartModel]] = []
    for document in (document for file in files for document in load(file)):
        resource = document.parse()
        if not isinstance(resource, InferenceEndpointConfig | JumpStartModel):
            only = "InferenceEndpointConfig or JumpStartModel, the kinds that this version renders"
            raise document.error(Problem("kind", repr(resource.kind), only))
        found.append((document, resource))
    return found


def endpoints(files: Iterable[str]) -> list[tuple[Document, InferenceEndpointConfig]]:
    """Every document of the files with the endpoint that it is. Raises InputError, also for other kinds."""
    found = []
    for document in (document for file in files for document in load(file)):
        resource = document.parse()
        if not isinstance(resource, InferenceEndpointConfig):
            only = "InferenceEndpointConfig, the one kind that this version renders"
            raise document.error(Problem("kind", repr(resource.kind), only))
        found.append((document, resource))
    return found
