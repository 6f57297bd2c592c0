"""What the local cluster's AWS account holds from the start: the bucket, the EKS cluster, its network.

On AWS the CDK app or the quick install makes these. Account and region are those of AWS on loopback.
"""

from dataclasses import dataclass
from typing import Any

from hyperpod_inference.cloud.session import Session
from hyperpod_inference.local.alb.names import BUCKET, CLUSTER
from hyperpod_inference.local.aws import ACCOUNT, REGION


@dataclass(frozen=True, slots=True)
class Network:
    """Where load balancers are put; the security groups are those of the EKS cluster."""

    vpc: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]


def furnish(session: Session) -> Network:
    """Fill an empty account. Raises botocore's errors."""
    place: Any = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    session.client("s3").create_bucket(Bucket=BUCKET, **place)
    network = _default(session.client("ec2"))
    session.client("eks").create_cluster(
        name=CLUSTER,
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/{CLUSTER}",
        resourcesVpcConfig={"subnetIds": [*network.subnets], "securityGroupIds": [*network.security_groups]},
    )
    return network


def _default(ec2: Any) -> Network:
    """The default VPC, which every account has."""
    default = [{"Name": "is-default", "Values": ["true"]}]
    vpc = str(ec2.describe_vpcs(Filters=default)["Vpcs"][0]["VpcId"])
    own = [{"Name": "vpc-id", "Values": [vpc]}]
    subnets = ec2.describe_subnets(Filters=own)["Subnets"]
    groups = ec2.describe_security_groups(Filters=own)["SecurityGroups"]
    return Network(
        vpc,
        tuple(sorted(str(each["SubnetId"]) for each in subnets)[:2]),
        tuple(str(each["GroupId"]) for each in groups),
    )
