"""This project's own operator on the cluster, in place of AWS's add-on.

The CDK makes what is AWS's: the roles, the bucket, the dependency add-ons. The operator's Kubernetes
objects come from `hyperpod_charts`, and reach the cluster by the command that this construct puts out, with
the stack's own values in it; a pipeline runs it after `cdk deploy`, or a GitOps tool takes the files. No
Lambda applies them. AWS's add-on brings a load balancer controller and KEDA along; here you install them,
with the roles made here.
"""

from typing import Any, Final

from aws_cdk import Aws, CfnOutput
from constructs import Construct

from hyperpod_constructs.roles import InferenceRoles

_APPLY: Final = "hyperpod-inference manifests | kubectl apply --server-side -f -"


class SelfHostedOperator(Construct):
    """The command that installs the operator from the charts.

    Args:
        cluster_name: of the EKS cluster.
        hyperpod_cluster_arn: of the HyperPod cluster.
        tls_bucket: name of the bucket for certificates.
        roles: of the installation.
        cloudwatch_metrics: the operator tells CloudWatch of its endpoints and of itself; default False. AWS's
            managed policy for its role allows that.

    Attributes:
        environment: the operator's settings, as the charts read them; values may be tokens.
        command: writes the manifests and applies them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster_name: str,
        hyperpod_cluster_arn: str,
        tls_bucket: str,
        roles: InferenceRoles,
        cloudwatch_metrics: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        from hyperpod_inference.api.settings import OperatorSettings

        asked: dict[str, Any] = {"enable_cloudwatch_metrics": True} if cloudwatch_metrics else {}
        # Not validated: the values are tokens, and the operator validates them when they are known.
        settings = OperatorSettings.model_construct(
            region=Aws.REGION,
            execution_role_arn=roles.execution.role_arn,
            gated_model_download_role_arn=roles.jumpstart_gated_model.role_arn,
            eks_cluster_name=cluster_name,
            hyperpod_cluster_arn=hyperpod_cluster_arn,
            tls_certificate_output_s3_uri=f"s3://{tls_bucket}",
            **asked,
        )
        given = settings.model_fields_set
        aliases = {name: str(field.alias) for name, field in OperatorSettings.model_fields.items()}
        self.environment = dict(sorted((aliases[name], _text(getattr(settings, name))) for name in given))
        variables = " ".join(f"{name}={value}" for name, value in self.environment.items())
        self.command = f"{variables} {_APPLY}"
        CfnOutput(self, "Command", value=self.command, description="Installs the operator from the charts")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
