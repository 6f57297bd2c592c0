"""What the local cluster's AWS account holds from the start: the bucket, the EKS cluster, its network, roles.

On AWS the CDK app or the quick install makes these. Account and region are those of AWS on loopback.
"""

import json
from dataclasses import dataclass
from typing import Any

from hyperpod_inference.cloud.session import Session
from hyperpod_inference.installation.roles import KEDA_OPERATOR, RoleSpec, statements
from hyperpod_inference.installation.trust import AUDIENCE, irsa_trust
from hyperpod_inference.local.alb.names import BUCKET, CLUSTER, KEDA_ROLE
from hyperpod_inference.local.aws import ACCOUNT, REGION
from hyperpod_inference.local.network import ISSUER


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
    iam = session.client("iam")
    url = f"https://{ISSUER}"
    provider = iam.create_open_id_connect_provider(
        Url=url, ClientIDList=[AUDIENCE], ThumbprintList=["0" * 40]
    )
    _role(iam, KEDA_ROLE, KEDA_OPERATOR, str(provider["OpenIDConnectProviderArn"]))
    return network


def _role(iam: Any, arn: str, spec: RoleSpec, provider: str) -> None:
    """A role for a service account of the cluster (IRSA), as the constructs make it."""
    name = arn.rpartition("/")[2]
    trust = irsa_trust(spec.account).replace("${Issuer}", ISSUER).replace("${Provider}", provider)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    document = {"Version": "2012-10-17", "Statement": statements(spec.document) if spec.document else []}
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(document))


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
