"""EKS Auth: a pod's token for the credentials of the role that its service account is associated with."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moto.sts.models import sts_backends

from hyperpod_inference.installation.trust import POD_IDENTITY_SERVICE
from hyperpod_inference.local.aws.eks.pod_identity import Association
from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.iam.policy import listed
from hyperpod_inference.local.aws.iam.trust import Kind, claims, trusts
from hyperpod_inference.local.aws.wire import Params
from hyperpod_inference.local.aws.world import World

LIFE: Final = timedelta(hours=6)
"""Of the credentials, as on EKS."""


def assume_role_for_pod_identity(world: World, params: Params) -> Params:
    """Credentials of the associated role."""
    namespace, account = _account(params["token"], world.clock())
    association = _association(world, params["clusterName"], namespace, account)
    role = association.role
    context = {"aws:SourceAccount": (world.account,)}
    service: tuple[Kind, str] = ("Service", POD_IDENTITY_SERVICE)
    wanted = ("sts:AssumeRole", "sts:TagSession")
    if not all(trusts(world, role.rpartition("/")[2], each, service, context) for each in wanted):
        words = "Unauthorized Exception! EKS does not have permissions to assume the associated role."
        raise AwsError("AccessDeniedException", words)
    taken: Any = sts_backends[world.account]["aws"].assume_role(
        region_name=world.region,
        role_session_name=f"eks-{association.cluster}-{account}"[:64],
        role_arn=role,
        policy="",
        duration=int(LIFE.total_seconds()),
        external_id="",
    )
    return {
        "subject": {"namespace": namespace, "serviceAccount": account},
        "audience": POD_IDENTITY_SERVICE,
        "podIdentityAssociation": {
            "associationArn": association.arn,
            "associationId": association.id,
        },
        "assumedRoleUser": {"arn": taken.arn, "assumeRoleId": taken.user_id},
        "credentials": {
            "accessKeyId": taken.access_key_id,
            "secretAccessKey": taken.secret_access_key,
            "sessionToken": taken.session_token,
            "expiration": taken.expiration.replace(tzinfo=UTC),  # by the clock that the SDK goes by
        },
    }


def _account(token: str, now: datetime) -> tuple[str, str]:
    """Namespace and name of the service account whose pod has the token. Raises AwsError."""
    try:
        said = claims(token)
    except AwsError as error:
        raise AwsError("InvalidTokenException", error.message) from None
    if POD_IDENTITY_SERVICE not in listed(said.get("aud", ())):
        raise AwsError("InvalidTokenException", f"The token's audience is not {POD_IDENTITY_SERVICE}")
    if now >= datetime.fromtimestamp(float(said.get("exp", 0)), UTC):
        raise AwsError("ExpiredTokenException", "The token has expired")
    kind, _, who = str(said.get("sub", "")).partition("serviceaccount:")
    namespace, _, name = who.partition(":")
    if kind != "system:" or not name:
        raise AwsError("InvalidTokenException", "The token is not of a service account")
    return namespace, name


def _association(world: World, cluster: str, namespace: str, account: str) -> Association:
    for each in world.associations.values():
        if (each.cluster, each.namespace, each.service_account) == (cluster, namespace, account):
            return each
    words = f"No association found for service account {namespace}/{account} in cluster {cluster}"
    raise AwsError("ResourceNotFoundException", words)


OPERATIONS: Final = {"AssumeRoleForPodIdentity": assume_role_for_pod_identity}
