"""EKS clusters: moto keeps them; here is what it does not say of them, and what CloudFormation makes.

DescribeCluster also carries the access configuration, and the address and authority of a real API server when
one stands behind the cluster (`World.api_servers`), so that `aws eks update-kubeconfig` works.
"""

from collections.abc import Mapping
from typing import Any, Final

from moto.core.exceptions import ServiceException
from moto.ec2.models import ec2_backends
from moto.eks.models import eks_backends

from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.wire import Params, service_model
from hyperpod_inference.local.aws.world import World

_DEFAULT_ACCESS: Final = {"authenticationMode": "CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": True}


def find(world: World, name: str) -> Any:
    """moto's cluster of that name; ResourceNotFoundException without one."""
    cluster = _backend(world).clusters.get(name)
    if cluster is None:
        message = f"No cluster found for name: {name}."
        raise AwsError("ResourceNotFoundException", message, clusterName=name)
    return cluster


def create(world: World, name: str, properties: Params, tags: dict[str, str]) -> Any:
    """A cluster by CloudFormation's properties, with the security group that EKS makes for one."""
    network = _network(properties["ResourcesVpcConfig"])
    network |= _security_group(world, name, network)
    try:
        cluster = _backend(world).create_cluster(
            name=name,
            role_arn=properties["RoleArn"],
            resources_vpc_config=network,
            version=properties.get("Version"),
            logging=_logging(properties),
            encryption_config=_encryption(properties),
            tags=tags,
        )
    except ServiceException as error:
        raise AwsError("InvalidRequestException", str(error)) from error
    world.access_configs[name] = _access(properties)
    return cluster


def update(world: World, name: str, properties: Params, tags: dict[str, str]) -> None:
    """What CloudFormation can change in place."""
    cluster = find(world, name)
    cluster.version = properties.get("Version", cluster.version)
    cluster.logging = _logging(properties)
    cluster.resources_vpc_config |= _network(properties["ResourcesVpcConfig"])
    cluster.tags = tags
    world.access_configs[name] = _access(properties)


def delete(world: World, name: str) -> None:
    """A cluster and its security group. EKS refuses as long as it has add-ons only when they are changing."""
    cluster = find(world, name)
    _backend(world).delete_cluster(name)
    group = cluster.resources_vpc_config.get("clusterSecurityGroupId")
    if group:
        ec2_backends[world.account][world.region].delete_security_group(group_id=group)
    world.access_configs.pop(name, None)
    for kept in (world.addons, world.access_entries, world.associations):
        for key in [key for key in kept if key[0] == name]:
            del kept[key]


def attributes(cluster: Any) -> Mapping[str, Any]:
    """What `Fn::GetAtt` gives."""
    encryption = cluster.encryption_config
    return {
        "Arn": cluster.arn,
        "Id": cluster.name,
        "OpenIdConnectIssuerUrl": cluster.identity["oidc"]["issuer"],
        "ClusterSecurityGroupId": cluster.resources_vpc_config.get("clusterSecurityGroupId", ""),
        "Endpoint": cluster.endpoint,
        "CertificateAuthorityData": cluster.certificate_authority["data"],
        "EncryptionConfigKeyArn": encryption[0]["provider"]["keyArn"] if encryption else "",
    }


def describe_cluster(world: World, params: Params) -> Params:
    """moto's cluster, its access configuration, and the API server behind it if there is one."""
    cluster = find(world, params["name"])
    described = {
        "name": cluster.name,
        "arn": cluster.arn,
        "createdAt": cluster.created_at,
        "version": cluster.version,
        "endpoint": cluster.endpoint,
        "roleArn": cluster.role_arn,
        "resourcesVpcConfig": cluster.resources_vpc_config,
        "kubernetesNetworkConfig": cluster.kubernetes_network_config,
        "logging": cluster.logging,
        "identity": cluster.identity,
        "status": cluster.status,
        "certificateAuthority": cluster.certificate_authority,
        "platformVersion": cluster.platformVersion,
        "tags": cluster.tags,
        "encryptionConfig": cluster.encryption_config,
        "accessConfig": world.access_configs.get(cluster.name, _DEFAULT_ACCESS),
    }
    if server := world.api_servers.get(cluster.name):
        described |= {"endpoint": server[0], "certificateAuthority": {"data": server[1]}}
    shape: Any = service_model("eks").shape_for("Cluster")
    return {"cluster": {k: v for k, v in described.items() if k in shape.members and v is not None}}


def _backend(world: World) -> Any:
    return eks_backends[world.account][world.region]


def _network(given: Params) -> Params:
    network = {key[0].lower() + key[1:]: value for key, value in given.items()}
    return {"endpointPublicAccess": True, "endpointPrivateAccess": False} | network


def _security_group(world: World, name: str, network: Params) -> Params:
    ec2 = ec2_backends[world.account][world.region]
    vpc = ec2.get_subnet(network["subnetIds"][0]).vpc_id
    description = "EKS created security group applied to ENI that is attached to EKS control plane"
    group = ec2.create_security_group(f"eks-cluster-sg-{name}", description, vpc_id=vpc)
    return {"clusterSecurityGroupId": group.id, "vpcId": vpc}


def _logging(properties: Params) -> Params:
    enabled = properties.get("Logging", {}).get("ClusterLogging", {}).get("EnabledTypes", [])
    every = ("api", "audit", "authenticator", "controllerManager", "scheduler")
    on = [entry["Type"] for entry in enabled]
    off = [kind for kind in every if kind not in on]
    groups = ((on, True), (off, False))
    return {"clusterLogging": [{"types": kinds, "enabled": is_on} for kinds, is_on in groups if kinds]}


def _encryption(properties: Params) -> list[Params]:
    return [
        {"resources": entry["Resources"], "provider": {"keyArn": entry["Provider"]["KeyArn"]}}
        for entry in properties.get("EncryptionConfig", [])
    ]


def _access(properties: Params) -> Params:
    given = properties.get("AccessConfig", {})
    return _DEFAULT_ACCESS | {key[0].lower() + key[1:]: value for key, value in given.items()}


OPERATIONS: Final = {"DescribeCluster": describe_cluster}
