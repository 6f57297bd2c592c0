"""The network of an EKS cluster, as EKS tells it."""

from hyperpod_inference.cloud.errors import translated
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.render.facts import ClusterNetwork


class Networks:
    """Of the clusters of one account and region. Calls block, and raise CloudError."""

    def __init__(self, session: Session) -> None:
        self._client = session.client("eks")

    def of(self, cluster: str) -> ClusterNetwork:
        """That of a cluster. Raises Missing."""
        with translated("eks:DescribeCluster"):
            body = self._client.describe_cluster(name=cluster)["cluster"]
        network = body.get("resourcesVpcConfig") or {}
        return ClusterNetwork(
            arn=body["arn"],
            name=body["name"],
            vpc=network.get("vpcId", ""),
            subnets=tuple(network.get("subnetIds") or ()),
            security_groups=tuple(network.get("securityGroupIds") or ()),
            cluster_security_group=network.get("clusterSecurityGroupId", ""),
        )
