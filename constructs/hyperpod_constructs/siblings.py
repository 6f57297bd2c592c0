"""HyperPod's other add-ons, each a construct of its own: training operator, task governance, observability.

None is part of Quick Install; `HyperPodInference` makes those that are asked for, and an inference add-on
made beside them waits for task governance, whose webhook refuses other Deployments until it is ready.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import Aws, CfnOutput, Fn, Stack
from aws_cdk import aws_aps as aps
from aws_cdk import aws_eks as eks
from aws_cdk import aws_iam as iam
from constructs import Construct

from hyperpod_constructs.acknowledge import acknowledge
from hyperpod_constructs.role_reasons import REASONS, resource
from hyperpod_constructs.trust import associate, pod_identity_role
from hyperpod_inference.installation.addon_configuration import RESOLVE_CONFLICTS
from hyperpod_inference.installation.compatibility import (
    OBSERVABILITY,
    TASK_GOVERNANCE,
    TRAINING,
    check_pair,
    parse_version,
)
from hyperpod_inference.installation.observability import SCRAPE_SECONDS, MetricLevel, metrics
from hyperpod_inference.installation.quotas import ComputeQuota
from hyperpod_inference.installation.roles import OBSERVABILITY as OBSERVABILITY_ROLE
from hyperpod_inference.installation.roles import TRAINING_OPERATOR, RoleSpec
from hyperpod_inference.installation.values import WORKSPACE_ARN, check


class TrainingOperator(Construct):
    """The add-on that runs training jobs on HyperPod, with its role by Pod Identity.

    Args:
        cluster_name: of the EKS cluster; it runs eks-pod-identity-agent.
        version: default EKS's choice.
        role: default a new one with AWS's policy.
        kubernetes_version: for the compatibility matrix; default not checked.

    Attributes:
        role: the role.
        resource: the add-on.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster_name: str,
        version: str | None = None,
        role: iam.IRole | None = None,
        kubernetes_version: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        check_pair(self, kubernetes_version, TRAINING, version)
        self.role = role or _role(self, TRAINING_OPERATOR)
        # Standalone: from v1.2.1 on the add-on takes no association of its own.
        given = associate(
            self, "Association", cluster_name=cluster_name, account=TRAINING_OPERATOR.account, role=self.role
        )
        self.resource = _addon(self, TRAINING, cluster_name, version)
        self.resource.node.add_dependency(given)


class TaskGovernance(Construct):
    """The add-on that queues tasks and shares a cluster between teams (Kueue).

    Compute quotas are no CloudFormation resources: each becomes an output, the command that makes it.

    Args:
        cluster_name: of the EKS cluster.
        hyperpod_cluster_arn: whose compute the quotas share out.
        version: default EKS's choice.
        quotas: what each team may use; default none.

    Attributes:
        resource: the add-on.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster_name: str,
        hyperpod_cluster_arn: str,
        version: str | None = None,
        quotas: Sequence[ComputeQuota] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self.resource = _addon(self, TASK_GOVERNANCE, cluster_name, version)
        for quota in quotas:
            body = Stack.of(self).to_json_string(quota.to_cli(hyperpod_cluster_arn))
            CfnOutput(
                self,
                f"Quota{quota.name}",
                value=f"aws sagemaker create-compute-quota --cli-input-json '{body}'",
                description=f"Makes the compute quota of team {quota.team}",
            )


@dataclass(frozen=True, kw_only=True)
class GrafanaWorkspace:
    """A Grafana workspace that exists, for AWS's dashboards.

    Args:
        name: of the workspace.
        arn: of the workspace.
    """

    name: str
    arn: str

    def __post_init__(self) -> None:
        check(type(self).__name__, "arn", self.arn, WORKSPACE_ARN)


@dataclass(frozen=True, kw_only=True)
class ObservabilityProps:
    """What :class:`Observability` collects, and where it puts it.

    Args:
        prometheus_arn: a workspace of Amazon Managed Prometheus that exists; default a new one.
        grafana: a Grafana workspace that exists; default none, metrics only. A new one needs IAM Identity
            Center.
        version: default EKS's choice.
        scrape_interval_seconds: default 30.
        training, task_governance, scaling, custom, node, accelerated_compute, network: levels of the groups
            of metrics; defaults basic, network disabled. Inference is always basic.
        logs: also send the logs of the containers; default False.
    """

    prometheus_arn: str | None = None
    grafana: GrafanaWorkspace | None = None
    version: str | None = None
    scrape_interval_seconds: int = SCRAPE_SECONDS
    training: MetricLevel = MetricLevel.BASIC
    task_governance: MetricLevel = MetricLevel.BASIC
    scaling: MetricLevel = MetricLevel.BASIC
    custom: MetricLevel = MetricLevel.BASIC
    node: MetricLevel = MetricLevel.BASIC
    accelerated_compute: MetricLevel = MetricLevel.BASIC
    network: MetricLevel = MetricLevel.DISABLED
    logs: bool = False

    def __post_init__(self) -> None:
        check(type(self).__name__, "prometheus_arn", self.prometheus_arn, WORKSPACE_ARN)


_DEFAULTS: Final = ObservabilityProps()


class Observability(Construct):
    """The add-on that collects the metrics of a HyperPod cluster into Amazon Managed Prometheus.

    Args:
        cluster_name: of the EKS cluster; it runs eks-pod-identity-agent.
        hyperpod_cluster_arn: the HyperPod cluster; only it may use the role.
        props: default a new workspace and basic metrics.
        role: default a new one that writes to the workspace only.

    Attributes:
        workspace_arn: of the Prometheus workspace.
        role: the collector's role.
        resource: the add-on.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster_name: str,
        hyperpod_cluster_arn: str,
        props: ObservabilityProps = _DEFAULTS,
        role: iam.IRole | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.workspace_arn = props.prometheus_arn or self._workspace().attr_arn
        policy: iam.ManagedPolicy | None = None
        if role is None:
            role, policy = self._role()
        self.role = role
        document = _observability_document(props, self.workspace_arn)
        self.resource = _addon(
            self,
            OBSERVABILITY,
            cluster_name,
            props.version,
            configuration=Stack.of(self).to_json_string(document),
            identities=[
                eks.CfnAddon.PodIdentityAssociationProperty(
                    role_arn=self.role.role_arn, service_account=OBSERVABILITY_ROLE.account.name
                )
            ],
        )
        if policy is not None:
            self.resource.node.add_dependency(policy)

    def _workspace(self) -> aps.CfnWorkspace:
        return aps.CfnWorkspace(self, "Workspace", alias="hyperpod-inference")

    def _role(self) -> tuple[iam.Role, iam.ManagedPolicy]:
        role = pod_identity_role(
            self, "Role", path="/service-role/", description=OBSERVABILITY_ROLE.description
        )
        group = f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:/aws/sagemaker/Clusters/*"
        policy = iam.ManagedPolicy(
            role,
            "Write",
            roles=[role],
            statements=[
                iam.PolicyStatement(
                    sid="Metrics", actions=["aps:RemoteWrite"], resources=[self.workspace_arn]
                ),
                iam.PolicyStatement(
                    sid="Logs",
                    actions=[
                        "logs:CreateLogGroup",
                        "logs:CreateLogStream",
                        "logs:DescribeLogGroups",
                        "logs:DescribeLogStreams",
                        "logs:PutLogEvents",
                        "logs:PutRetentionPolicy",
                    ],
                    resources=[group],
                ),
            ],
        )
        finding = "logs:<AWS::Region>:<AWS::AccountId>:log-group:/aws/sagemaker/Clusters/*"
        acknowledge(role, resource(finding), "The add-on names a log group for each of its sources.")
        return role, policy


def _observability_document(props: ObservabilityProps, workspace_arn: str) -> dict[str, Any]:
    workspace_id = Fn.select(1, Fn.split("/", workspace_arn))
    endpoint = f"https://aps-workspaces.{Aws.REGION}.{Aws.URL_SUFFIX}/workspaces/{workspace_id}/"
    levels = {
        "trainingMetrics": props.training,
        "taskGovernanceMetrics": props.task_governance,
        "scalingMetrics": props.scaling,
        "customMetrics": props.custom,
        "nodeMetrics": props.node,
        "acceleratedComputeMetrics": props.accelerated_compute,
        "networkMetrics": props.network,
    }
    document: dict[str, Any] = {
        "ampWorkspace": {"prometheusEndpoint": endpoint, "arn": workspace_arn},
        "metricsProvider": metrics(levels, props.scrape_interval_seconds),
        "logging": {"enabled": props.logs},
    }
    if props.grafana is not None:
        document["amgWorkspace"] = {"workspaceName": props.grafana.name, "arn": props.grafana.arn}
    return document


def _role(scope: Construct, spec: RoleSpec) -> iam.Role:
    assert spec.aws_policy  # noqa: S101 - of the rows used here
    role = pod_identity_role(
        scope,
        "Role",
        description=spec.description,
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(spec.aws_policy)],
    )
    for finding, reason in REASONS[spec.key].items():
        acknowledge(role, finding, reason)
    return role


def _addon(
    scope: Construct,
    name: str,
    cluster_name: str,
    version: str | None,
    *,
    configuration: str | None = None,
    identities: Sequence[eks.CfnAddon.PodIdentityAssociationProperty] = (),
) -> eks.CfnAddon:
    if version is not None:
        parse_version(scope, "version", version)
    return eks.CfnAddon(
        scope,
        "Addon",
        addon_name=name,
        addon_version=version,
        cluster_name=cluster_name,
        configuration_values=configuration,
        pod_identity_associations=list(identities) or None,
        resolve_conflicts=RESOLVE_CONFLICTS,
    )
