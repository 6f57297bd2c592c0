"""What EKS does for Pod Identity, on the local cluster: a webhook that tells pods where their role is.

A pod whose service account has an association gets the variables that AWS's SDKs look for, and a token for
the agent (`aws.pod_identity_agent`). It fails open, as on EKS: a pod that is made while nobody answers has no
role.
"""

import base64
import json
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from hyperpod_inference.installation.trust import POD_IDENTITY_SERVICE
from hyperpod_inference.kube.client import JSON_PATCH, Client
from hyperpod_inference.local.alb import names
from hyperpod_inference.local.aws import REGION
from hyperpod_inference.local.aws.pod_identity_agent import (
    TOKEN_FILE,
    TOKEN_MOUNT,
    TOKEN_SECONDS,
    VOLUME,
    variables,
)
from hyperpod_inference.webhook.authority import new_authority, sign
from hyperpod_inference.webhook.certificates import Material
from hyperpod_inference.webhook.tls import ServingContext

Body = dict[str, Any]
WEBHOOK: Final = "pod-identity-webhook"
PATH: Final = "/mutate"
CONFIGURATIONS: Final = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
LIFE: Final = timedelta(days=3650)
"""Of the certificate: this cluster ends before."""


def volume() -> Body:
    """A pod's token for the agent."""
    token = {"audience": POD_IDENTITY_SERVICE, "expirationSeconds": TOKEN_SECONDS, "path": TOKEN_FILE}
    return {"name": VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}}


def environment() -> list[Body]:
    """What containers are told."""
    told = {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, **variables()}
    return [{"name": name, "value": value} for name, value in told.items()]


def mount() -> Body:
    """Where containers find the token."""
    return {"name": VOLUME, "mountPath": TOKEN_MOUNT, "readOnly": True}


def injected(pod: Body) -> list[Body]:
    """The JSON patch of a pod that has a role; what it says itself stays."""
    spec = pod["spec"]
    changed = dict(spec)
    if VOLUME not in {each["name"] for each in spec.get("volumes") or ()}:
        changed["volumes"] = [*(spec.get("volumes") or ()), volume()]
    for kind in ("containers", "initContainers"):
        if spec.get(kind):
            changed[kind] = [_told(each) for each in spec[kind]]
    return [{"op": "replace", "path": "/spec", "value": changed}] if changed != spec else []


def _told(container: Body) -> Body:
    has = {each["name"] for each in container.get("env") or ()}
    env = [*(container.get("env") or ()), *(each for each in environment() if each["name"] not in has)]
    mounts = [*(container.get("volumeMounts") or ())]
    mounted = VOLUME in {each["name"] for each in mounts}
    return container | {"env": env, "volumeMounts": mounts if mounted else [*mounts, mount()]}


def review(asked: Mapping[str, Any], has_role: Callable[[str, str], bool]) -> Body:
    """The answer to an AdmissionReview of a pod. has_role: of namespace and service account."""
    request = asked["request"]
    pod = request["object"]
    account = pod["spec"].get("serviceAccountName") or "default"
    answer: Body = {"uid": request["uid"], "allowed": True}
    patch = injected(pod) if has_role(request["namespace"], account) else []
    if patch:
        encoded = base64.b64encode(json.dumps(patch).encode()).decode()
        answer |= {"patchType": "JSONPatch", "patch": encoded}
    return {"apiVersion": asked["apiVersion"], "kind": asked["kind"], "response": answer}


def application(has_role: Callable[[str, str], bool]) -> web.Application:
    """The webhook."""

    async def mutate(request: web.Request) -> web.Response:
        return web.json_response(review(await request.json(), has_role))

    served = web.Application()
    served.router.add_post(PATH, mutate)
    return served


def certificate() -> tuple[ssl.SSLContext, bytes]:
    """What the webhook serves with, and whom the API server has to trust for it; both new."""
    now = datetime.now(UTC)
    authority = new_authority(WEBHOOK, now)
    leaf = sign(authority, [f"{names.NAME}.{names.NAMESPACE}.svc"], now, LIFE)
    serving = ServingContext()
    serving.load(Material(authority.certificates, b"", leaf.certificate, leaf.key))
    return serving.context, authority.certificates


async def publish(client: Client, authority: bytes) -> None:
    """Have the API server ask, and trust whom it asks. Raises ApiError."""
    bundle = base64.b64encode(authority).decode()
    patch = [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]
    await client.request("PATCH", f"{CONFIGURATIONS}/{WEBHOOK}", body=patch, content_type=JSON_PATCH)


async def is_asked(client: Client) -> bool:
    """Whether a pod of this program's own account would get its role: it is asked, and nothing is made."""
    container = {"name": "asked", "image": "registry.k8s.io/pause:3"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "asked-", "namespace": names.NAMESPACE},
        "spec": {"serviceAccountName": names.NAME, "containers": [container]},
    }
    path = f"/api/v1/namespaces/{names.NAMESPACE}/pods"
    made = await client.request("POST", path, params={"dryRun": "All"}, body=pod)
    return VOLUME in {each["name"] for each in made["spec"].get("volumes") or ()}
