"""EKS Pod Identity associations: which role a service account's pods get."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from moto.moto_api._internal import mock_random

from hyperpod_inference.local.aws.eks import clusters
from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.wire import Params
from hyperpod_inference.local.aws.world import World, page

_ID_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass
class Association:
    """One service account's role. `owner` is the ARN of the add-on that made it, if one did."""

    id: str
    arn: str
    cluster: str
    namespace: str
    service_account: str
    role: str
    created: datetime
    modified: datetime
    owner: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """As the list shows it."""
        summary = {
            "clusterName": self.cluster,
            "namespace": self.namespace,
            "serviceAccount": self.service_account,
            "associationArn": self.arn,
            "associationId": self.id,
        }
        return summary | ({"ownerArn": self.owner} if self.owner else {})

    def described(self) -> dict[str, Any]:
        """The `association` of EKS's answers."""
        return self.summary() | {
            "roleArn": self.role,
            "tags": self.tags,
            "createdAt": self.created,
            "modifiedAt": self.modified,
            **self.options,
        }


def associate(
    world: World,
    cluster: str,
    namespace: str,
    service_account: str,
    role: str,
    *,
    owner: str | None = None,
    tags: dict[str, str] | None = None,
    options: dict[str, Any] | None = None,
) -> Association:
    """A new association; an owner's own is updated. ResourceInUseException when another has the account."""
    now = world.clock()
    for other in world.associations.values():
        if (other.cluster, other.namespace, other.service_account) == (cluster, namespace, service_account):
            if owner is not None and other.owner == owner:
                other.role, other.modified = role, now
                return other
            message = "Association already exists: " + other.id
            raise AwsError("ResourceInUseException", message, clusterName=cluster)
    name = "a-" + "".join(mock_random.choice(_ID_LETTERS) for _ in range(17))
    association = Association(
        id=name,
        arn=world.arn("eks", f"podidentityassociation/{cluster}/{name}"),
        cluster=cluster,
        namespace=namespace,
        service_account=service_account,
        role=role,
        created=now,
        modified=now,
        owner=owner,
        tags=tags or {},
        options=options or {},
    )
    world.associations[cluster, name] = association
    return association


def create_pod_identity_association(world: World, params: Params) -> Params:
    """Give a service account a role."""
    clusters.find(world, params["clusterName"])
    if ":role/" not in params["roleArn"]:
        raise AwsError("InvalidParameterException", f"Role ARN is not valid: {params['roleArn']}")
    association = associate(
        world,
        params["clusterName"],
        params["namespace"],
        params["serviceAccount"],
        params["roleArn"],
        tags=params.get("tags"),
        options=_options(params),
    )
    return {"association": association.described()}


def describe_pod_identity_association(world: World, params: Params) -> Params:
    """One association."""
    return {"association": _find(world, params).described()}


def list_pod_identity_associations(world: World, params: Params) -> Params:
    """The associations of a cluster, of one namespace or service account when asked."""
    clusters.find(world, params["clusterName"])
    found = [
        association.summary()
        for association in world.associations.values()
        if association.cluster == params["clusterName"]
        and params.get("namespace") in (None, association.namespace)
        and params.get("serviceAccount") in (None, association.service_account)
    ]
    found, token = page(found, params.get("maxResults"), params.get("nextToken"))
    return {"associations": found} | ({"nextToken": token} if token else {})


def update_pod_identity_association(world: World, params: Params) -> Params:
    """Another role."""
    association = _find(world, params)
    association.role = params.get("roleArn", association.role)
    association.options |= _options(params)
    association.modified = world.clock()
    return {"association": association.described()}


def delete_pod_identity_association(world: World, params: Params) -> Params:
    """Take the role away."""
    association = _find(world, params)
    del world.associations[association.cluster, association.id]
    return {"association": association.described()}


def _options(params: Params) -> dict[str, Any]:
    return {key: params[key] for key in ("disableSessionTags", "targetRoleArn", "policy") if key in params}


def _find(world: World, params: Params) -> Association:
    cluster, name = params["clusterName"], params["associationId"]
    clusters.find(world, cluster)
    association = world.associations.get((cluster, name))
    if association is None:
        message = f"The Association: {name} does not exist in Cluster: {cluster}"
        raise AwsError("ResourceNotFoundException", message, clusterName=cluster)
    return association


OPERATIONS: Final = {
    "CreatePodIdentityAssociation": create_pod_identity_association,
    "DescribePodIdentityAssociation": describe_pod_identity_association,
    "ListPodIdentityAssociations": list_pod_identity_associations,
    "UpdatePodIdentityAssociation": update_pod_identity_association,
    "DeletePodIdentityAssociation": delete_pod_identity_association,
}
