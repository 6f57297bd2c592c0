"""EKS access entries and the access policies associated with them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from moto.moto_api._internal import mock_random

from hyperpod_inference.local.aws.eks import clusters
from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.wire import Params
from hyperpod_inference.local.aws.world import World, page

_POLICY_PREFIX: Final = "arn:aws:eks::aws:cluster-access-policy/"
_POLICIES: Final = (
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
    "AmazonSagemakerHyperpodClusterPolicy",
    "AmazonSagemakerHyperpodInferenceMonitoringPolicy",
)
_TYPES: Final = (
    "STANDARD",
    "EC2_LINUX",
    "EC2_WINDOWS",
    "FARGATE_LINUX",
    "EC2",
    "HYBRID_LINUX",
    "HYPERPOD_LINUX",
)


@dataclass
class AccessEntry:
    """One principal's way into a cluster."""

    cluster: str
    principal: str
    arn: str
    created: datetime
    modified: datetime
    kind: str
    username: str
    groups: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """The `accessEntry` of EKS's answers."""
        return {
            "clusterName": self.cluster,
            "principalArn": self.principal,
            "kubernetesGroups": self.groups,
            "accessEntryArn": self.arn,
            "createdAt": self.created,
            "modifiedAt": self.modified,
            "tags": self.tags,
            "username": self.username,
            "type": self.kind,
        }


def create_access_entry(world: World, params: Params) -> Params:
    """Let a principal in."""
    cluster, principal = params["clusterName"], params["principalArn"]
    clusters.find(world, cluster)
    kind = params.get("type", "STANDARD")
    if kind not in _TYPES:
        raise AwsError("InvalidParameterException", f"The type {kind} is not one of {', '.join(_TYPES)}")
    if not principal.startswith("arn:"):
        message = f"The specified principalArn is invalid: invalid principal: {principal}"
        raise AwsError("InvalidParameterException", message)
    if (cluster, principal) in world.access_entries:
        message = "The specified access entry resource is already in use on this cluster."
        raise AwsError("ResourceInUseException", message, clusterName=cluster)
    now = world.clock()
    resource, _, name = principal.rpartition(":")[2].partition("/")
    entry = AccessEntry(
        cluster=cluster,
        principal=principal,
        arn=world.arn(
            "eks", f"access-entry/{cluster}/{resource}/{world.account}/{name}/{mock_random.uuid4()}"
        ),
        created=now,
        modified=now,
        kind=kind,
        username=str(params.get("username", principal)),
        groups=params.get("kubernetesGroups", []),
        tags=params.get("tags", {}),
    )
    world.access_entries[cluster, principal] = entry
    return {"accessEntry": entry.described()}


def describe_access_entry(world: World, params: Params) -> Params:
    """One principal's entry."""
    return {"accessEntry": _find(world, params).described()}


def list_access_entries(world: World, params: Params) -> Params:
    """The principals of a cluster, or those with one policy."""
    cluster, policy = params["clusterName"], params.get("associatedPolicyArn")
    clusters.find(world, cluster)
    entries = [e for e in world.access_entries.values() if e.cluster == cluster]
    names = sorted(e.principal for e in entries if policy is None or policy in e.policies)
    names, token = page(names, params.get("maxResults"), params.get("nextToken"))
    return {"accessEntries": names} | ({"nextToken": token} if token else {})


def update_access_entry(world: World, params: Params) -> Params:
    """Other groups or another user name."""
    entry = _find(world, params)
    entry.groups = params.get("kubernetesGroups", entry.groups)
    entry.username = params.get("username", entry.username)
    entry.modified = world.clock()
    return {"accessEntry": entry.described()}


def delete_access_entry(world: World, params: Params) -> Params:
    """Shut a principal out."""
    entry = _find(world, params)
    del world.access_entries[entry.cluster, entry.principal]
    return {}


def associate_access_policy(world: World, params: Params) -> Params:
    """Give an entry a policy in a scope."""
    entry, policy, scope = _find(world, params), params["policyArn"], params["accessScope"]
    if policy.removeprefix(_POLICY_PREFIX) not in _POLICIES:
        message = f"The policyArn parameter format is not valid: {policy}"
        raise AwsError("InvalidParameterException", message)
    if scope.get("type") == "namespace" and not scope.get("namespaces"):
        raise AwsError("InvalidParameterException", "Namespaces are required for a scope of type namespace")
    now = world.clock()
    before = entry.policies.get(policy)
    entry.policies[policy] = {
        "policyArn": policy,
        "accessScope": scope,
        "associatedAt": before["associatedAt"] if before else now,
        "modifiedAt": now,
    }
    return _of(entry) | {"associatedAccessPolicy": entry.policies[policy]}


def disassociate_access_policy(world: World, params: Params) -> Params:
    """Take a policy from an entry."""
    entry = _find(world, params)
    if entry.policies.pop(params["policyArn"], None) is None:
        raise AwsError("ResourceNotFoundException", "No association was found for the specified policyArn")
    return {}


def list_associated_access_policies(world: World, params: Params) -> Params:
    """The policies of an entry."""
    entry = _find(world, params)
    policies, token = page(list(entry.policies.values()), params.get("maxResults"), params.get("nextToken"))
    return _of(entry) | {"associatedAccessPolicies": policies} | ({"nextToken": token} if token else {})


def list_access_policies(_world: World, params: Params) -> Params:
    """The policies that EKS offers."""
    names, token = page(_POLICIES, params.get("maxResults"), params.get("nextToken"))
    policies = [{"name": name, "arn": _POLICY_PREFIX + name} for name in names]
    return {"accessPolicies": policies} | ({"nextToken": token} if token else {})


def _find(world: World, params: Params) -> AccessEntry:
    cluster, principal = params["clusterName"], params["principalArn"]
    clusters.find(world, cluster)
    entry = world.access_entries.get((cluster, principal))
    if entry is None:
        message = f"The specified principalArn could not be found: {principal}"
        raise AwsError("ResourceNotFoundException", message, clusterName=cluster)
    return entry


def _of(entry: AccessEntry) -> Params:
    return {"clusterName": entry.cluster, "principalArn": entry.principal}


OPERATIONS: Final = {
    "CreateAccessEntry": create_access_entry,
    "DescribeAccessEntry": describe_access_entry,
    "ListAccessEntries": list_access_entries,
    "UpdateAccessEntry": update_access_entry,
    "DeleteAccessEntry": delete_access_entry,
    "AssociateAccessPolicy": associate_access_policy,
    "DisassociateAccessPolicy": disassociate_access_policy,
    "ListAssociatedAccessPolicies": list_associated_access_policies,
    "ListAccessPolicies": list_access_policies,
}
