"""HyperPod clusters, whole: moto's lose the orchestrator and ask for what EKS clusters do not have."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from moto.moto_api._internal import mock_random

from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.wire import Params
from hyperpod_inference.local.aws.world import World, page

_ID_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
# What DescribeCluster repeats of CreateCluster and UpdateCluster.
_KEPT: Final = (
    "VpcConfig",
    "Orchestrator",
    "NodeRecovery",
    "TieredStorageConfig",
    "NodeProvisioningMode",
    "ClusterRole",
    "RestrictedInstanceGroupsConfig",
)
_GROUP_KEPT: Final = (
    "InstanceGroupName",
    "InstanceType",
    "LifeCycleConfig",
    "ExecutionRole",
    "InstanceStorageConfigs",
    "OnStartDeepHealthChecks",
    "TrainingPlanArn",
    "OverrideVpcConfig",
    "ScheduledUpdateConfig",
)


@dataclass
class HyperPodCluster:
    """One cluster; `groups` by name, as they were given; nodes are numbered within a group."""

    name: str
    arn: str
    created: datetime
    status: str
    due: datetime
    settings: dict[str, Any]
    groups: dict[str, dict[str, Any]]
    tags: dict[str, str] = field(default_factory=dict)

    def status_at(self, now: datetime) -> str:
        """The status that SageMaker shows."""
        return self.status if now < self.due else "InService"

    def described(self, now: datetime) -> dict[str, Any]:
        """DescribeCluster's answer."""
        described: dict[str, Any] = {
            "ClusterArn": self.arn,
            "ClusterName": self.name,
            "ClusterStatus": self.status_at(now),
            "CreationTime": self.created,
            "InstanceGroups": [self._group(group, now) for group in self.groups.values()],
            **{key: self.settings[key] for key in _KEPT if key in self.settings},
        }
        if scaling := self.settings.get("AutoScaling"):
            described["AutoScaling"] = {**scaling, "Status": "InService"}
        return described

    def _group(self, group: dict[str, Any], now: datetime) -> dict[str, Any]:
        count = group["InstanceCount"]
        return {
            **{key: group[key] for key in _GROUP_KEPT if key in group},
            "ThreadsPerCore": group.get("ThreadsPerCore", 2),
            "CurrentCount": 0 if self.status == "Creating" and now < self.due else count,
            "TargetCount": count,
            "Status": self.status_at(now),
        }

    def nodes(self, now: datetime) -> list[dict[str, Any]]:
        """The instances, as ListClusterNodes shows them."""
        if self.status == "Creating" and now < self.due:
            return []
        return [
            {
                "InstanceGroupName": name,
                "InstanceId": f"i-{self.created:%H%M%S}{index:011x}",
                "InstanceType": group["InstanceType"],
                "LaunchTime": self.created,
                "InstanceStatus": {"Status": "Running", "Message": ""},
                "PrivateDnsHostname": f"ip-10-0-{index // 200}-{index % 200 + 10}.ec2.internal",
            }
            for index, (name, group) in enumerate(
                (name, group) for name, group in self.groups.items() for _ in range(group["InstanceCount"])
            )
        ]


def create_cluster(world: World, params: Params) -> Params:
    """A cluster with its instance groups."""
    name = params["ClusterName"]
    if name in world.hyperpod_clusters:
        raise AwsError("ResourceInUse", f"Resource Already Exists: Cluster with name {name} already exists.")
    groups = _groups(params)
    if "Orchestrator" in params and "VpcConfig" not in params:
        raise AwsError("ValidationException", "VpcConfig is required when the orchestrator is EKS.")
    identifier = "".join(mock_random.choice(_ID_LETTERS) for _ in range(12))
    now = world.clock()
    cluster = HyperPodCluster(
        name=name,
        arn=world.arn("sagemaker", f"cluster/{identifier}"),
        created=now,
        status="Creating",
        due=world.due(),
        settings=params,
        groups=groups,
        tags={tag["Key"]: tag["Value"] for tag in params.get("Tags", [])},
    )
    world.hyperpod_clusters[name] = cluster
    return {"ClusterArn": cluster.arn}


def describe_cluster(world: World, params: Params) -> Params:
    """One cluster, by name or ARN."""
    return find(world, params["ClusterName"]).described(world.clock())


def list_clusters(world: World, params: Params) -> Params:
    """The clusters."""
    now = world.clock()
    summaries = [
        {
            "ClusterArn": cluster.arn,
            "ClusterName": cluster.name,
            "CreationTime": cluster.created,
            "ClusterStatus": cluster.status_at(now),
        }
        for cluster in list(world.hyperpod_clusters.values())
        if params.get("NameContains", "") in cluster.name and not _gone(world, cluster)
    ]
    found, token = page(
        summaries, params.get("MaxResults"), params.get("NextToken"), code="ValidationException"
    )
    return {"ClusterSummaries": found} | ({"NextToken": token} if token else {})


def update_cluster(world: World, params: Params) -> Params:
    """Other groups or settings."""
    cluster = find(world, params["ClusterName"])
    now = world.clock()
    if cluster.status_at(now) != "InService":
        message = f"Cluster {cluster.name} is {cluster.status_at(now)}; it must be InService to be updated."
        raise AwsError("ConflictException", message)
    if "InstanceGroups" in params:
        cluster.groups |= _groups(params)
    for name in params.get("InstanceGroupsToDelete", []):
        if cluster.groups.pop(name, None) is None:
            raise AwsError("ValidationException", f"Instance group {name} does not exist.")
    cluster.settings |= {key: params[key] for key in (*_KEPT, "AutoScaling") if key in params}
    cluster.status, cluster.due = "Updating", world.due()
    return {"ClusterArn": cluster.arn}


def delete_cluster(world: World, params: Params) -> Params:
    """Remove a cluster."""
    cluster = find(world, params["ClusterName"])
    cluster.status, cluster.due = "Deleting", world.due()
    return {"ClusterArn": cluster.arn}


def list_cluster_nodes(world: World, params: Params) -> Params:
    """The instances of a cluster."""
    nodes = find(world, params["ClusterName"]).nodes(world.clock())
    part = params.get("InstanceGroupNameContains", "")
    nodes = [node for node in nodes if part in node["InstanceGroupName"]]
    nodes, token = page(nodes, params.get("MaxResults"), params.get("NextToken"), code="ValidationException")
    return {"ClusterNodeSummaries": nodes} | ({"NextToken": token} if token else {})


def describe_cluster_node(world: World, params: Params) -> Params:
    """One instance of a cluster."""
    cluster = find(world, params["ClusterName"])
    for node in cluster.nodes(world.clock()):
        if node["InstanceId"] == params.get("NodeId"):
            return {"NodeDetails": node | {"ThreadsPerCore": 2}}
    raise AwsError("ResourceNotFound", f"Node {params.get('NodeId')} was not found in {cluster.name}.")


def find(world: World, name_or_arn: str) -> HyperPodCluster:
    """The cluster of that name or ARN; ResourceNotFound without one."""
    for cluster in list(world.hyperpod_clusters.values()):
        if name_or_arn in (cluster.name, cluster.arn) and not _gone(world, cluster):
            return cluster
    raise AwsError("ResourceNotFound", f"Cluster with name or ARN {name_or_arn} was not found.")


def _gone(world: World, cluster: HyperPodCluster) -> bool:
    if cluster.status == "Deleting" and world.clock() >= cluster.due:
        world.hyperpod_clusters.pop(cluster.name, None)
        return True
    return False


def _groups(params: Params) -> dict[str, dict[str, Any]]:
    groups = {group["InstanceGroupName"]: group for group in params.get("InstanceGroups", [])}
    if not groups and "RestrictedInstanceGroups" not in params:
        raise AwsError("ValidationException", "At least one instance group is required.")
    if len(groups) < len(params.get("InstanceGroups", [])):
        raise AwsError("ValidationException", "Instance group names must be unique within a cluster.")
    return groups


OPERATIONS: Final = {
    "CreateCluster": create_cluster,
    "DescribeCluster": describe_cluster,
    "ListClusters": list_clusters,
    "UpdateCluster": update_cluster,
    "DeleteCluster": delete_cluster,
    "ListClusterNodes": list_cluster_nodes,
    "DescribeClusterNode": describe_cluster_node,
}
