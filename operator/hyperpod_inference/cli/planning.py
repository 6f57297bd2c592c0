"""Reads what `plan` needs from a live cluster and puts the plan together; writes nothing.

What the readings mean is decided in `render.plan`; `dry_run` asks the API server what would become of each
object.
"""

import contextlib
from collections.abc import Mapping
from typing import Any, cast

from hyperpod_inference.api import names
from hyperpod_inference.api.documents import Document
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.errors import InputError
from hyperpod_inference.api.parse import InvalidResource, parse
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cli.dry_run import admitted, child, without_notes
from hyperpod_inference.controllers.caches import CHILD_KINDS, OPTIONAL_KINDS, owner_selector, scaler_targets
from hyperpod_inference.controllers.kinds import ENDPOINTS, REGISTRATIONS
from hyperpod_inference.kube.apply import identity_of
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import BadRequest, Forbidden, Invalid, NotFound
from hyperpod_inference.kube.resources import (
    CRDS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    NODES,
    PODS,
    SCALED_OBJECTS,
    Body,
    Resource,
)
from hyperpod_inference.render import Facts, Rendered, deployments, render
from hyperpod_inference.render.placement import distinct
from hyperpod_inference.render.plan.objects import ObjectPlan, compared, deleted
from hyperpod_inference.render.plan.order import only_a_preference
from hyperpod_inference.render.plan.room import needs, rooms
from hyperpod_inference.render.plan.seats import seats, total
from hyperpod_inference.render.plan.summary import EndpointPlan, Rollout, Workload
from hyperpod_inference.status.tls import certificate_of

PLANNED = "planned"


class Planner:
    """Plans endpoints one after the other; each one finds the room that those before it leave.

    note: what a person should know about the operator of the cluster, empty when all is as expected.
    """

    def __init__(
        self, client: Client, settings: OperatorSettings, note: str, nodes: list[Body], pods: list[Body]
    ) -> None:
        self._client, self._settings, self.note = client, settings, note
        self._nodes, self._pods = nodes, pods

    @classmethod
    async def of(cls, client: Client) -> "Planner":
        """A planner for the cluster as it is now. Raises ApiError."""
        settings, note = await _operator(client)
        nodes, pods = (await client.list(NODES)).items, (await client.list(PODS)).items
        return cls(client, settings, note, nodes, pods)

    async def plan(self, document: Document) -> EndpointPlan:
        """What applying the endpoint would do.

        Raises:
            InputError: the API server or the operator would not take the endpoint.
            ApiError: the cluster could not be asked.
        """
        wanted = _placed(document.body, self._client.config.namespace)
        live = await self._live(wanted)
        try:
            stored = await admitted(self._client, wanted, live)
        except (Invalid, BadRequest, Forbidden, NotFound) as error:
            raise InputError(f"{document.file}:{document.line}: {error.message}") from None
        endpoint = _endpoint(stored, exists=live is not None)
        try:
            rendered = render(endpoint, self._settings, await self._facts(endpoint, live or {}))
        except InvalidResource as invalid:
            raise document.error(*invalid.problems) from None
        resource = compared(without_notes(live) if live else None, without_notes(stored))
        return await self._children(endpoint, rendered, resource)

    async def _children(
        self, endpoint: InferenceEndpointConfig, rendered: Rendered, resource: ObjectPlan
    ) -> EndpointPlan:
        objects, workloads = [], []
        for manifest in rendered.manifests:
            planned, would_be = await child(self._client, manifest)
            objects.append(planned)
            if manifest["kind"] == DEPLOYMENTS.kind:
                workloads.append(self._workload(endpoint, would_be, restarts=planned.restarts_pods))
        objects += [deleted(obj) for obj in await self._unwanted(endpoint, rendered)]
        return EndpointPlan(
            resource=resource,
            objects=tuple(objects),
            workloads=tuple(workloads),
            not_built=rendered.not_built,
            arrangements=rendered.arrangements,
        )

    def _workload(self, endpoint: InferenceEndpointConfig, deployment: Body, *, restarts: bool) -> Workload:
        """What a Deployment's replicas need and where they would go; they hold their places from here on."""
        spec, replicas = deployment["spec"]["template"]["spec"], deployment["spec"].get("replicas", 1)
        own = [pod for pod in self._pods if _is_bound(pod) and _selects(deployment, pod)]
        now = rooms(self._nodes, self._pods)
        if restarts:  # replaced pods make room for their successors; others keep their place
            self._pods = [pod for pod in self._pods if pod not in own]
        after = rooms(self._nodes, self._pods)
        model = deployment["metadata"]["namespace"] == endpoint.metadata.namespace
        types = distinct(endpoint.spec.instance_types or ()) if model else ()
        need, staying = needs(spec), 0 if restarts else len(own)
        beside = seats(spec, 1, types, now)
        placed = seats(spec, max(replicas - staying, 0), types, after)
        self._pods = [*self._pods, *(_placeholder(deployment, node) for node in placed.nodes)]
        return Workload(
            name=deployment["metadata"]["name"],
            replicas=replicas,
            needs=total(need, replicas),
            seats=placed,
            rollout=Rollout(replicas=len(own), fits=bool(beside.nodes)) if restarts and own else None,
            preference=only_a_preference(types, spec, placed.asked, after),
        )

    async def _unwanted(self, endpoint: InferenceEndpointConfig, rendered: Rendered) -> list[Body]:
        """The live objects of this endpoint that it would not have any more."""
        wanted = {identity_of(manifest) for manifest in rendered.manifests}
        selector = owner_selector(endpoint.metadata.namespace, endpoint.metadata.name)
        found: list[Body] = []
        for resource in (*CHILD_KINDS, *OPTIONAL_KINDS):
            with contextlib.suppress(NotFound):  # nobody installed this kind
                found += (await self._client.list(resource, label_selector=selector)).items
        leaving = [obj for obj in found if obj["metadata"].get("deletionTimestamp")]
        return [obj for obj in found if obj not in leaving and identity_of(obj) not in wanted]

    async def _live(self, wanted: Body) -> Body | None:
        return await self._found(ENDPOINTS, wanted["metadata"]["name"], wanted["metadata"]["namespace"])

    async def _facts(self, endpoint: InferenceEndpointConfig, live: Body) -> Facts:
        found: set[str] = set()
        for namespace, name in deployments(endpoint, self._settings):
            scalers = (await self._client.list(HORIZONTAL_POD_AUTOSCALERS, namespace)).items
            found |= {target for scaler in scalers for target in scaler_targets(scaler)}
            if await self._found(SCALED_OBJECTS, names.scaled_object_name(name), namespace):
                found.add(f"{namespace}/{name}")
        certificate = certificate_of(live.get("status") or {})
        metadata = endpoint.metadata
        registered = await self._found(REGISTRATIONS, metadata.name, metadata.namespace) or {}
        return Facts(
            scaled_deployments=frozenset(found),
            absent_crds=await self._absent_crds(),
            certificate_arn=certificate.arn,
            certificate_bucket=certificate.bucket,
            certificate_keys=certificate.keys,
            registered=registered.get("spec") or {},
        )

    async def _absent_crds(self) -> frozenset[str]:
        """The definitions that others have not installed here."""
        wanted = OPTIONAL_KINDS.values()
        return frozenset([crd for crd in wanted if await self._found(CRDS, crd) is None])

    async def _found(self, resource: Resource, name: str, namespace: str | None = None) -> Body | None:
        try:
            return await self._client.get(resource, name, namespace)
        except NotFound:
            return None


def _placed(body: Mapping[str, Any], namespace: str) -> Body:
    """The manifest with a namespace: its own, else that of the kubeconfig's context."""
    return {**body, "metadata": {"namespace": namespace} | body["metadata"]}


def _endpoint(stored: Body, *, exists: bool) -> InferenceEndpointConfig:
    """The endpoint as the operator would read it; the uid that a dry run made up is left out."""
    metadata = {key: value for key, value in stored["metadata"].items() if exists or key != "uid"}
    return cast(InferenceEndpointConfig, parse({**stored, "metadata": metadata}, tolerant=True))


def _is_bound(pod: Body) -> bool:
    ended = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    return bool(pod["spec"].get("nodeName")) and not ended


def _selects(deployment: Body, pod: Body) -> bool:
    wanted: Mapping[str, str] = deployment["spec"]["selector"]["matchLabels"]
    same_namespace = pod["metadata"].get("namespace") == deployment["metadata"]["namespace"]
    return bool(same_namespace and wanted.items() <= (pod["metadata"].get("labels") or {}).items())


def _placeholder(deployment: Body, node: str) -> Body:
    """A pod that is only planned: it takes its place from those that are planned next."""
    metadata = {"name": PLANNED, "namespace": deployment["metadata"]["namespace"]}
    return {"metadata": metadata, "spec": deployment["spec"]["template"]["spec"] | {"nodeName": node}}


async def _operator(client: Client) -> tuple[OperatorSettings, str]:
    """The installed operator's settings, from its Deployment's environment, and what is odd about it."""
    where = f"{names.OPERATOR_NAMESPACE}/{names.OPERATOR_NAME}"
    try:
        deployment = await client.get(DEPLOYMENTS, names.OPERATOR_NAME, names.OPERATOR_NAMESPACE)
    except NotFound:
        return OperatorSettings(), f"no operator runs as {where}; planned for one with default settings"
    containers = deployment["spec"]["template"]["spec"]["containers"]
    environ = {each["name"]: each["value"] for each in containers[0].get("env") or () if each.get("value")}
    tag = containers[0]["image"].partition("@")[0].rpartition(":")[2]
    same = tag == names.VERSION
    note = "" if same else f"the operator in the cluster is {tag}, this command is {names.VERSION}"
    return OperatorSettings.from_env(environ), note
