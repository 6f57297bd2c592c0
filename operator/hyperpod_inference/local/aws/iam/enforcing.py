"""Who calls, and whether the role's policies allow it; and who may take a role by a web identity.

A caller with the double's own keys is the account's owner, whom nothing is refused. One that took a role may
do what the role's policies say, in AWS's words where it may not.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.iam.policy import Statement, listed, permits, said
from hyperpod_inference.local.aws.iam.requests import checks
from hyperpod_inference.local.aws.iam.trust import claims, trusts
from hyperpod_inference.local.aws.wire import Request
from hyperpod_inference.local.aws.world import World

_KEY: Final = re.compile(r"Credential=([^/]+)/")
_TAKING: Final = b"Action=AssumeRoleWithWebIdentity"


def enforce(world: World, action: str, request: Request, headers: Mapping[str, str]) -> None:
    """Let a call pass, or raise AwsError with AWS's words. headers: of WSGI."""
    if not headers.get("HTTP_AUTHORIZATION") and _TAKING in request.body:
        _take(world, parse_qs(request.body.decode()))
        return
    key = _KEY.search(headers.get("HTTP_AUTHORIZATION", ""))
    session = _session(world, key[1]) if key else None
    if session is None or action.startswith("sts:"):
        return
    statements = [*_statements(world, session.role_arn.rpartition("/")[2])]
    common: Mapping[str, tuple[str, ...]] = {
        "aws:PrincipalAccount": (world.account,),
        "aws:ResourceAccount": (world.account,),
    }
    for check in checks(world, action, request, headers.get("HTTP_X_AMZ_TAGGING", "")):
        if not permits(statements, check.action, check.resource, {**common, **check.context}):
            code = "AccessDenied" if action.startswith("s3:") else "AccessDeniedException"
            raise AwsError(
                code,
                f"User: {session.arn} is not authorized to perform: {check.action} on resource:"
                f" {check.resource} because no identity-based policy allows the {check.action} action",
                status=403 if action.startswith("s3:") else 400,
            )


def _session(world: World, key: str) -> Any:
    """The taking of a role that gave out this key; None for any other key."""
    return sts_backends[world.account]["aws"].get_assumed_role_from_access_key(key)


def _statements(world: World, role: str) -> Iterator[Statement]:
    iam = iam_backends[world.account]["aws"]
    try:
        found: Any = iam.get_role(role)
    except Exception:  # moto's, of many kinds: a role that is gone may nothing
        return
    managed = (version for policy in found.managed_policies.values() for version in policy.versions)
    for document in (*found.policies.values(), *(each.document for each in managed if each.is_default)):
        yield from said(document)


def _take(world: World, asked: Mapping[str, list[str]]) -> None:
    """Whether a token may take a role: by the role's trust policy, of an issuer that IAM knows."""
    role, token = asked["RoleArn"][0].rpartition("/")[2], claims(asked["WebIdentityToken"][0])
    issuer = str(token.get("iss", "")).removeprefix("https://")
    context = {
        f"{issuer}:sub": (str(token.get("sub", "")),),
        f"{issuer}:aud": tuple(listed(token.get("aud", ()))),
    }
    provider = f"arn:aws:iam::{world.account}:oidc-provider/{issuer}"
    action = "sts:AssumeRoleWithWebIdentity"
    known = provider in iam_backends[world.account]["aws"].open_id_providers
    if not known or not trusts(world, role, action, ("Federated", provider), context):
        raise AwsError("AccessDenied", f"Not authorized to perform {action}", status=403)
