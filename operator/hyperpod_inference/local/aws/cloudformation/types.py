"""The resource types that the double adds to CloudFormation: what each makes, changes and removes.

A new type is a row in TYPES. Properties arrive resolved; the service's own operations, here or in moto, do
the work, so that what CloudFormation made is what `describe` shows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hyperpod_inference.local.aws import eks, sagemaker
from hyperpod_inference.local.aws.cloudformation import others
from hyperpod_inference.local.aws.cloudformation.convert import parameters, tags
from hyperpod_inference.local.aws.cloudformation.made import Made
from hyperpod_inference.local.aws.eks import clusters
from hyperpod_inference.local.aws.wire import Params
from hyperpod_inference.local.aws.world import World

_Create = Callable[[World, str, Params], Made]
_Update = Callable[[World, Made, Params], Made]
_Delete = Callable[[World, str], None]


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One type.

    Attributes:
        create: of the world, the generated name and the properties.
        update: of the world, what is there and the new properties.
        delete: of the world and the physical id.
        name: the property that names it, if one does.
    """

    create: _Create
    update: _Update
    delete: _Delete
    name: str = ""


def _create_addon(world: World, _name: str, properties: Params) -> Made:
    made = eks.OPERATIONS["CreateAddon"](world, parameters("eks", "CreateAddon", properties))["addon"]
    return Made(f"{made['clusterName']}|{made['addonName']}", {"Arn": made["addonArn"]})


def _update_addon(world: World, made: Made, properties: Params) -> Made:
    eks.OPERATIONS["UpdateAddon"](world, parameters("eks", "UpdateAddon", properties))
    return made


def _delete_addon(world: World, physical_id: str) -> None:
    cluster, name = physical_id.split("|")
    eks.OPERATIONS["DeleteAddon"](world, {"clusterName": cluster, "addonName": name})


def _create_access_entry(world: World, _name: str, properties: Params) -> Made:
    params = parameters("eks", "CreateAccessEntry", properties)
    entry = eks.OPERATIONS["CreateAccessEntry"](world, params)["accessEntry"]
    _policies(world, properties)
    return Made(
        f"{entry['clusterName']}|{entry['principalArn']}", {"AccessEntryArn": entry["accessEntryArn"]}
    )


def _update_access_entry(world: World, made: Made, properties: Params) -> Made:
    eks.OPERATIONS["UpdateAccessEntry"](world, parameters("eks", "UpdateAccessEntry", properties))
    world.access_entries[properties["ClusterName"], properties["PrincipalArn"]].policies.clear()
    _policies(world, properties)
    return made


def _policies(world: World, properties: Params) -> None:
    for policy in properties.get("AccessPolicies", []):
        wanted = {key: properties[key] for key in ("ClusterName", "PrincipalArn")} | policy
        params = parameters("eks", "AssociateAccessPolicy", wanted)
        eks.OPERATIONS["AssociateAccessPolicy"](world, params)


def _delete_access_entry(world: World, physical_id: str) -> None:
    cluster, _, principal = physical_id.partition("|")
    eks.OPERATIONS["DeleteAccessEntry"](world, {"clusterName": cluster, "principalArn": principal})


def _create_association(world: World, _name: str, properties: Params) -> Made:
    params = parameters("eks", "CreatePodIdentityAssociation", properties)
    made = eks.OPERATIONS["CreatePodIdentityAssociation"](world, params)["association"]
    attributes = {"AssociationArn": made["associationArn"], "AssociationId": made["associationId"]}
    return Made(f"{made['clusterName']}|{made['associationId']}", attributes)


def _update_association(world: World, made: Made, properties: Params) -> Made:
    identifier = made.attributes["AssociationId"]
    params = parameters("eks", "UpdatePodIdentityAssociation", properties | {"associationId": identifier})
    eks.OPERATIONS["UpdatePodIdentityAssociation"](world, params)
    return made


def _delete_association(world: World, physical_id: str) -> None:
    cluster, name = physical_id.split("|")
    eks.OPERATIONS["DeletePodIdentityAssociation"](world, {"clusterName": cluster, "associationId": name})


def _create_hyperpod(world: World, name: str, properties: Params) -> Made:
    params = parameters("sagemaker", "CreateCluster", {"ClusterName": name[:63]} | properties)
    arn = sagemaker.OPERATIONS["CreateCluster"](world, params)["ClusterArn"]
    return _hyperpod(world, arn)


def _update_hyperpod(world: World, made: Made, properties: Params) -> Made:
    params = parameters("sagemaker", "UpdateCluster", properties | {"ClusterName": made.physical_id})
    sagemaker.OPERATIONS["UpdateCluster"](world, params)
    return _hyperpod(world, made.physical_id)


def _hyperpod(world: World, arn: str) -> Made:
    described = sagemaker.OPERATIONS["DescribeCluster"](world, {"ClusterName": arn})
    attributes = {key: described[key] for key in ("ClusterArn", "ClusterName", "ClusterStatus")}
    return Made(
        arn, attributes | {"CreationTime": described["CreationTime"].isoformat(), "FailureMessage": ""}
    )


def _delete_hyperpod(world: World, physical_id: str) -> None:
    sagemaker.OPERATIONS["DeleteCluster"](world, {"ClusterName": physical_id})


def _create_eks_cluster(world: World, name: str, properties: Params) -> Made:
    cluster = clusters.create(world, name[:100], properties, tags(properties.get("Tags", [])))
    attributes: Mapping[str, Any] = clusters.attributes(cluster)
    return Made(cluster.name, dict(attributes))


def _update_eks_cluster(world: World, made: Made, properties: Params) -> Made:
    clusters.update(world, made.physical_id, properties, tags(properties.get("Tags", [])))
    return made


TYPES: Final[Mapping[str, ResourceType]] = {
    "AWS::EKS::Cluster": ResourceType(_create_eks_cluster, _update_eks_cluster, clusters.delete, "Name"),
    "AWS::EKS::Addon": ResourceType(_create_addon, _update_addon, _delete_addon),
    "AWS::EKS::AccessEntry": ResourceType(_create_access_entry, _update_access_entry, _delete_access_entry),
    "AWS::EKS::PodIdentityAssociation": ResourceType(
        _create_association, _update_association, _delete_association
    ),
    "AWS::SageMaker::Cluster": ResourceType(
        _create_hyperpod, _update_hyperpod, _delete_hyperpod, "ClusterName"
    ),
    "AWS::IAM::OIDCProvider": ResourceType(
        others.create_oidc_provider, others.update_oidc_provider, others.delete_oidc_provider
    ),
    "AWS::S3::BucketPolicy": ResourceType(
        others.create_bucket_policy, others.update_bucket_policy, others.delete_bucket_policy
    ),
    "AWS::EC2::SecurityGroupEgress": ResourceType(
        others.create_egress, others.update_egress, others.delete_egress
    ),
    "AWS::EC2::SubnetRouteTableAssociation": ResourceType(
        others.create_association, others.update_association, others.delete_association
    ),
    "AWS::KMS::Key": ResourceType(others.create_key, others.update_key, others.delete_key),
    "AWS::CDK::Metadata": ResourceType(others.create_metadata, others.keep, others.forget),
}
