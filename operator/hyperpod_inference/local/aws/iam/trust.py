"""Who may take a role: what its trust policy says of a principal, and what a service account's token says."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Literal

from moto.iam.models import iam_backends

from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.iam.policy import Context, conditions_hold, listed, said
from hyperpod_inference.local.aws.world import World

Kind = Literal["Federated", "Service"]


def trusts(world: World, role: str, action: str, principal: tuple[Kind, str], context: Context) -> bool:
    """Whether the trust policy of a role, by its name, lets the principal take it; False without the role."""
    iam = iam_backends[world.account]["aws"]
    try:
        trust = said(iam.get_role(role).assume_role_policy_document)
    except Exception:  # moto's: there is no such role
        return False
    kind, who = principal
    return any(
        each["Effect"] == "Allow"
        and action in listed(each["Action"])
        and who in listed((each.get("Principal") or {}).get(kind, ()))
        and conditions_hold(each.get("Condition") or {}, context)
        for each in trust
    )


def claims(token: str) -> Mapping[str, Any]:
    """What a JWT says; its signature is not checked. Raises AwsError where it is none."""
    try:
        payload = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error):
        raise AwsError("InvalidIdentityToken", "The token is no JWT", status=400) from None
    return found if isinstance(found, dict) else {}
