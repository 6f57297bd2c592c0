"""What the local cluster's AWS account holds from the start: bucket, EKS cluster, network, and roles.

On AWS the CDK app or the quick install makes these. Account and region are those of AWS on loopback.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from hyperpod_inference.cloud.session import Session
from hyperpod_inference.installation.roles import (
    ALB_CONTROLLER,
    EXECUTION,
    KEDA_OPERATOR,
    RoleSpec,
    statements,
)
from hyperpod_inference.installation.trust import AUDIENCE, ServiceAccount, irsa_trust, pod_identity_trust
from hyperpod_inference.local.alb import names
from hyperpod_inference.local.alb.names import BUCKET, CLUSTER
from hyperpod_inference.local.aws import ACCOUNT, REGION
from hyperpod_inference.local.network import ISSUER

ROLES: Final[tuple[tuple[RoleSpec, str, tuple[ServiceAccount, ...]], ...]] = (
    (EXECUTION, names.ROLE, (EXECUTION.account,)),
    (
        ALB_CONTROLLER,
        names.CONTROLLER_ROLE,
        (ALB_CONTROLLER.account, ServiceAccount(namespace=names.NAMESPACE, name=names.NAME)),
    ),
)
"""Roles that pods get by Pod Identity: their ARNs here, and whose pods."""


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
    for spec, arn, accounts in ROLES:
        _role(session, spec, arn, pod_identity_trust(spec.services, ACCOUNT))
        for account in accounts:
            session.client("eks").create_pod_identity_association(
                clusterName=CLUSTER, namespace=account.namespace, serviceAccount=account.name, roleArn=arn
            )
    provider = session.client("iam").create_open_id_connect_provider(
        Url=f"https://{ISSUER}", ClientIDList=[AUDIENCE], ThumbprintList=["0" * 40]
    )
    trust = irsa_trust(KEDA_OPERATOR.account).replace("${Issuer}", ISSUER)
    trust = trust.replace("${Provider}", str(provider["OpenIDConnectProviderArn"]))
    _role(session, KEDA_OPERATOR, names.KEDA_ROLE, trust)
    return network


def _role(session: Session, spec: RoleSpec, arn: str, trust: str) -> None:
    """As the constructs make it."""
    iam, name = session.client("iam"), arn.rpartition("/")[2]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    if spec.aws_policy:
        iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/{spec.aws_policy}")
    elif spec.document:
        document = {"Version": "2012-10-17", "Statement": statements(spec.document)}
        iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=json.dumps(document))


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
