"""The EKS Pod Identity agent: pods ask it for credentials, and it asks EKS Auth, with their token.

On EKS it runs on every node, at an address that every pod reaches and no other machine. AWS's SDKs ask it
where AWS_CONTAINER_CREDENTIALS_FULL_URI says so, with the token of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from hyperpod_inference.cloud.errors import CloudError, Missing, is_passing, translated
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.local.network import IDENTITY_AGENT

PORT: Final = 80
PATH: Final = "/v1/credentials"
URL: Final = f"http://{IDENTITY_AGENT}{PATH}"
TOKEN_MOUNT: Final = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"  # noqa: S105 - a place
TOKEN_FILE: Final = "eks-pod-identity-token"  # noqa: S105 - a name
TOKEN_SECONDS: Final = 86400
VOLUME: Final = "eks-pod-identity-token"


def variables() -> dict[str, str]:
    """What a pod's containers are told."""
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": URL,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": f"{TOKEN_MOUNT}/{TOKEN_FILE}",
    }


def application(session: Session, cluster: str) -> web.Application:
    """Answers pods of a cluster; `session` has the node's credentials."""

    async def credentials(request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").strip()
        if not token:
            return web.Response(status=400, text="no Authorization header\n")
        try:
            found = await asyncio.to_thread(_taken, session, cluster, token)
        except CloudError as error:
            status = 503 if is_passing(error) else 404 if isinstance(error, Missing) else 403
            return web.Response(status=status, text=f"{error}\n")
        return web.json_response(found)

    served = web.Application()
    served.router.add_get(PATH, credentials)
    return served


def _taken(session: Session, cluster: str, token: str) -> Mapping[str, Any]:
    with translated("eks-auth:AssumeRoleForPodIdentity"):
        answer = session.client("eks-auth").assume_role_for_pod_identity(clusterName=cluster, token=token)
    made = answer["credentials"]
    expires: datetime = made["expiration"]
    return {
        "AccessKeyId": made["accessKeyId"],
        "SecretAccessKey": made["secretAccessKey"],
        "Token": made["sessionToken"],
        "AccountId": answer["assumedRoleUser"]["arn"].split(":")[4],
        "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
