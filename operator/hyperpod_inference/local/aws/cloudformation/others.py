"""Resource types outside EKS and SageMaker: OIDC providers, bucket policies, routes, rules, keys."""

from typing import Any, Final

from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends

from hyperpod_inference.local.aws.cloudformation.made import Made
from hyperpod_inference.local.aws.wire import Params
from hyperpod_inference.local.aws.world import World

_NO_THUMBPRINT: Final = "0" * 40


def create_oidc_provider(world: World, _name: str, properties: Params) -> Made:
    """AWS::IAM::OIDCProvider, in moto's IAM."""
    provider = _iam(world).create_open_id_connect_provider(
        url=properties["Url"],
        thumbprint_list=properties.get("ThumbprintList", [_NO_THUMBPRINT]),
        client_id_list=properties.get("ClientIdList", []),
        tags=properties.get("Tags", []),
    )
    return Made(provider.arn, {"Arn": provider.arn})


def update_oidc_provider(world: World, made: Made, properties: Params) -> Made:
    """Other clients and tags; another URL is another provider."""
    provider = _iam(world).open_id_providers[made.physical_id]
    provider.client_id_list = properties.get("ClientIdList", [])
    provider.tags = {tag["Key"]: tag for tag in properties.get("Tags", [])}
    return made


def delete_oidc_provider(world: World, physical_id: str) -> None:
    """Remove it."""
    _iam(world).delete_open_id_connect_provider(physical_id)


def create_bucket_policy(world: World, _name: str, properties: Params) -> Made:
    """AWS::S3::BucketPolicy, kept aside.

    moto does not evaluate aws:SecureTransport: with the policy in its hands it would deny every request,
    since all of them come over HTTP here.
    """
    world.bucket_policies[properties["Bucket"]] = properties["PolicyDocument"]
    return Made(properties["Bucket"])


def update_bucket_policy(world: World, made: Made, properties: Params) -> Made:
    """Another document, or another bucket."""
    world.bucket_policies.pop(made.physical_id, None)
    return create_bucket_policy(world, "", properties)


def delete_bucket_policy(world: World, physical_id: str) -> None:
    """Remove it."""
    world.bucket_policies.pop(physical_id, None)


def create_egress(world: World, name: str, properties: Params) -> Made:
    """AWS::EC2::SecurityGroupEgress, in moto's EC2."""
    ec2_backends[world.account][world.region].authorize_security_group_egress(**_rule(properties))
    made = Made(name)
    world.egress_rules[name] = properties
    return made


def update_egress(world: World, made: Made, properties: Params) -> Made:
    """Every property of a rule is its identity: the old one goes, the new one comes."""
    delete_egress(world, made.physical_id)
    return create_egress(world, made.physical_id, properties)


def delete_egress(world: World, physical_id: str) -> None:
    """Remove it."""
    properties = world.egress_rules.pop(physical_id)
    ec2_backends[world.account][world.region].revoke_security_group_egress(**_rule(properties))


def create_association(world: World, _name: str, properties: Params) -> Made:
    """AWS::EC2::SubnetRouteTableAssociation: moto's own model of it associates nothing."""
    ec2 = ec2_backends[world.account][world.region]
    identifier = ec2.associate_route_table(properties["RouteTableId"], subnet_id=properties["SubnetId"])
    return Made(identifier, {"Id": identifier})


def update_association(world: World, made: Made, properties: Params) -> Made:
    """Another table is another association."""
    delete_association(world, made.physical_id)
    return create_association(world, "", properties)


def delete_association(world: World, physical_id: str) -> None:
    """Remove it."""
    ec2_backends[world.account][world.region].disassociate_route_table(physical_id)


def create_key(world: World, _name: str, properties: Params) -> Made:
    """AWS::KMS::Key, in moto's KMS, whose own model stumbles over CloudFormation's tags."""
    key = kms_backends[world.account][world.region].create_key(
        policy=properties["KeyPolicy"],
        key_usage="ENCRYPT_DECRYPT",
        key_spec="SYMMETRIC_DEFAULT",
        description=properties.get("Description", ""),
        tags=[{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.get("Tags", [])],
    )
    key.key_rotation_status = properties.get("EnableKeyRotation", False)
    return Made(key.id, {"Arn": key.arn, "KeyId": key.id})


def update_key(world: World, made: Made, properties: Params) -> Made:
    """Another policy, description or rotation."""
    key = kms_backends[world.account][world.region].keys[made.physical_id]
    key.policy = properties["KeyPolicy"]
    key.description = properties.get("Description", "")
    key.key_rotation_status = properties.get("EnableKeyRotation", False)
    return made


def delete_key(world: World, physical_id: str) -> None:
    """A key is never gone at once."""
    kms_backends[world.account][world.region].schedule_key_deletion(physical_id, 30)


def create_metadata(_world: World, name: str, _properties: Params) -> Made:
    """AWS::CDK::Metadata: nothing."""
    return Made(name)


def keep(_world: World, made: Made, _properties: Params) -> Made:
    """An update that changes nothing."""
    return made


def forget(_world: World, _physical_id: str) -> None:
    """A deletion of what is nothing."""


def _rule(properties: Params) -> dict[str, Any]:
    destination = properties.get("DestinationSecurityGroupId")
    cidr = properties.get("CidrIp")
    return {
        "group_name_or_id": properties["GroupId"],
        "ip_protocol": str(properties["IpProtocol"]),
        "from_port": str(properties.get("FromPort", -1)),
        "to_port": str(properties.get("ToPort", -1)),
        "ip_ranges": [{"CidrIp": cidr}] if cidr else [],
        "source_groups": [{"GroupId": destination}] if destination else [],
    }


def _iam(world: World) -> Any:
    return iam_backends[world.account]["aws"]
