"""The flow log of the VPC in `network.py`: who talked to whom, kept in CloudWatch Logs."""

from typing import TYPE_CHECKING, Final

from aws_cdk import Aws, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from hyperpod_constructs.later import Bindings

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_logs as logs
else:
    ec2, logs = Bindings("aws_ec2"), Bindings("aws_logs")

_WRITE: Final = (
    "logs:CreateLogStream",
    "logs:DescribeLogStreams",
    "logs:PutLogEvents",
)


class FlowLog(Construct):
    """All traffic of a VPC, accepted and rejected, in one log group.

    Args:
        vpc_id: the VPC.
        encryption_key: encrypts the log group, and its policy is extended for that; default a key owned by
            CloudWatch Logs.
        retention_days: how long records stay, of the spans that CloudWatch knows; default one year.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc_id: str,
        encryption_key: kms.IKey | None = None,
        retention_days: int = 365,
    ) -> None:
        super().__init__(scope, construct_id)
        self.log_group = logs.CfnLogGroup(
            Construct(self, "LogGroup"),
            "Resource",
            retention_in_days=retention_days,
            kms_key_id=encryption_key.key_arn if encryption_key else None,
        )
        self.log_group.apply_removal_policy(RemovalPolicy.RETAIN)
        if encryption_key is not None:
            _let_logs_use(encryption_key)
        ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_id=vpc_id,
            resource_type="VPC",
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=self._group_arn(),
            deliver_logs_permission_arn=self._role().role_arn,
            max_aggregation_interval=600,
        )

    def _group_arn(self) -> str:
        """The log group's ARN without the `:*` that CloudFormation's own attribute ends with."""
        return Stack.of(self).format_arn(service="logs", resource=f"log-group:{self.log_group.ref}")

    def _role(self) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            description="Writes the VPC's flow log",
            assumed_by=iam.ServicePrincipal(
                "vpc-flow-logs.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            ),
        )
        iam.ManagedPolicy(
            self,
            "Write",
            statements=[iam.PolicyStatement(actions=list(_WRITE), resources=[self.log_group.attr_arn])],
            roles=[role],
        )
        return role


def _let_logs_use(key: kms.IKey) -> None:
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="CloudWatchLogs",
            principals=[iam.ServicePrincipal(f"logs.{Aws.REGION}.amazonaws.com")],
            actions=[
                "kms:Encrypt*",
                "kms:Decrypt*",
                "kms:ReEncrypt*",
                "kms:GenerateDataKey*",
                "kms:Describe*",
            ],
            resources=["*"],
            conditions={
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": (
                        f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:*"
                    )
                }
            },
        )
    )
