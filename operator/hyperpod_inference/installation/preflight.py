"""Is the account ready for the inference add-on? Facts in, findings out; `cloud/account.py` reads the facts.

Each finding says what was looked for, whether it is there, and what to do if not. A fact that could not be
read, for
want of a permission, is a finding too: nothing passes unseen.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import urlparse

from hyperpod_inference.installation.addons import DEPENDENCY_ADDONS
from hyperpod_inference.installation.compatibility import (
    FLOORS,
    INFERENCE,
    KUBERNETES_VERSIONS,
    REGIONS,
    at_least,
)
from hyperpod_inference.installation.roles import ADDON_ROLES, DRIVER_ROLES, RoleSpec
from hyperpod_inference.installation.settings import StackSettings
from hyperpod_inference.installation.trust import AUDIENCE


class Verdict(StrEnum):
    """What is known of one prerequisite."""

    OK = "ok"
    MISSING = "missing"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One prerequisite: what it is, whether it holds, what was found, and what to do next if it does not."""

    check: str
    verdict: Verdict
    message: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """A fact that could not be read, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role: its trust policy, decoded, and the names of its attached policies."""

    trust: Mapping[str, Any]
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Addon:
    """An installed add-on."""

    version: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the account holds. None: it is not there. :class:`Unread`: it could not be read.

    Attributes:
        region: in which all of it was looked for.
        cluster: EKS's DescribeCluster.
        hyperpod: SageMaker's DescribeCluster.
        oidc_providers: issuer without its scheme, to its client ids.
        roles: by key of the role.
        bucket_region: of the TLS bucket.
        addons: by name.
        versions: of the inference add-on that EKS offers for the cluster.
        s3_route_tables: ids that gateway endpoints to S3 in the VPC cover.
        subnet_route_tables: subnet of the cluster to its route table.
        tagged_subnets: those tagged for internal load balancers.
    """

    region: str
    cluster: Mapping[str, Any] | Unread | None
    hyperpod: Mapping[str, Any] | Unread | None = None
    oidc_providers: Mapping[str, Sequence[str]] | Unread = field(default_factory=dict)
    roles: Mapping[str, Role | Unread | None] = field(default_factory=dict)
    bucket_region: str | Unread | None = None
    addons: Mapping[str, Addon] | Unread = field(default_factory=dict)
    versions: Sequence[str] | Unread = ()
    s3_route_tables: Sequence[str] | Unread = ()
    subnet_route_tables: Mapping[str, str] | Unread = field(default_factory=dict)
    tagged_subnets: Sequence[str] | Unread = ()


def judge(settings: StackSettings, facts: Facts) -> list[Finding]:
    """Every prerequisite, in the order in which they build on each other."""
    return [finding for check in _CHECKS for finding in check(settings, facts)]


def ready(findings: Sequence[Finding]) -> bool:
    """Whether nothing stands in the way."""
    return all(finding.verdict is Verdict.OK for finding in findings)


Findings = Iterator[Finding]


def _cluster(settings: StackSettings, facts: Facts) -> Findings:
    name, cluster = f"EKS cluster {settings.eks_cluster_name}", facts.cluster
    if isinstance(cluster, Unread):
        yield _unread(name, cluster)
        return
    if cluster is None:
        yield Finding(
            name, Verdict.MISSING, f"there is none in {facts.region}", "Create it, or name another region."
        )
        return
    status = str(cluster.get("status"))
    yield _held(name, status == "ACTIVE", f"status {status}", "Wait until it is ACTIVE.")
    version = str(cluster.get("version"))
    allowed = ", ".join(KUBERNETES_VERSIONS)
    yield _held(
        "Kubernetes version",
        version in KUBERNETES_VERSIONS,
        version,
        f"HyperPod supports {allowed}: upgrade.",
    )
    mode = str(cluster.get("accessConfig", {}).get("authenticationMode"))
    fix = (
        f"aws eks update-cluster-config --name {settings.eks_cluster_name} "
        "--access-config authenticationMode=API_AND_CONFIG_MAP"
    )
    yield _held("authentication mode", mode in ("API", "API_AND_CONFIG_MAP"), mode, fix)


def _region(settings: StackSettings, facts: Facts) -> Findings:
    fix = "The operator's images are published in: " + ", ".join(sorted(REGIONS))
    yield _held("region", facts.region in REGIONS, facts.region, fix)


def _hyperpod(settings: StackSettings, facts: Facts) -> Findings:
    name, cluster = f"HyperPod cluster {settings.hyperpod_cluster_arn}", facts.hyperpod
    if isinstance(cluster, Unread):
        yield _unread(name, cluster)
    elif cluster is None:
        yield Finding(
            name, Verdict.MISSING, "there is none", "aws sagemaker list-clusters shows those that are."
        )
    else:
        status = str(cluster.get("ClusterStatus"))
        yield _held(name, status == "InService", f"status {status}", "Wait until it is InService.")
        arn = cluster.get("Orchestrator", {}).get("Eks", {}).get("ClusterArn")
        own = _of(facts.cluster, "arn")
        if arn and own:
            fix = "The add-on goes to the EKS cluster that orchestrates the HyperPod cluster."
            yield _held("orchestrator", arn == own, str(arn), fix)


def _provider(settings: StackSettings, facts: Facts) -> Findings:
    issuer = _issuer(facts)
    if issuer is None:
        return
    fix = f"eksctl utils associate-iam-oidc-provider --cluster {settings.eks_cluster_name} --approve"
    if isinstance(facts.oidc_providers, Unread):
        yield _unread("OIDC provider", facts.oidc_providers)
    elif issuer not in facts.oidc_providers:
        yield Finding("OIDC provider", Verdict.MISSING, f"IAM knows none for {issuer}", fix)
    else:
        audiences = facts.oidc_providers[issuer]
        more = f"Add the client id {AUDIENCE} to the provider."
        yield _held("OIDC provider", AUDIENCE in audiences, ", ".join(audiences) or "no client ids", more)


def _roles(settings: StackSettings, facts: Facts) -> Findings:
    for spec in (*ADDON_ROLES, *DRIVER_ROLES.values()):
        if spec.key in facts.roles:
            yield from _role(spec, facts.roles[spec.key], _issuer(facts))


def _role(spec: RoleSpec, role: Role | Unread | None, issuer: str | None) -> Findings:
    name = f"role {spec.key}"
    if isinstance(role, Unread):
        yield _unread(name, role)
    elif role is None:
        yield Finding(
            name, Verdict.MISSING, "there is none", f"Let the CDK or Terraform make it: {spec.description}."
        )
    else:
        if issuer:
            subject = spec.account.subject
            fix = f"Let {subject} take it through {issuer}: the service account cannot assume it now."
            yield _held(f"{name}: trust", trusts(role.trust, issuer, subject), subject, fix)
        for service in spec.services:
            fix = f"Let the service {service} take it as well."
            yield _held(f"{name}: service", _takes(role.trust, service), service, fix)
        if spec.aws_policy:
            fix = f"aws iam attach-role-policy --policy-arn arn:aws:iam::aws:policy/{spec.aws_policy}"
            attached = ", ".join(role.policies) or "none attached"
            yield _held(f"{name}: policy", spec.aws_policy in role.policies, attached, fix)


def _bucket(settings: StackSettings, facts: Facts) -> Findings:
    name, region = f"TLS bucket {settings.tls_bucket_name}", facts.bucket_region
    if isinstance(region, Unread):
        yield _unread(name, region)
    elif region is None:
        yield Finding(name, Verdict.MISSING, "there is none", f"aws s3 mb s3://{settings.tls_bucket_name}")
    else:
        yield _held(name, region == facts.region, region, f"It has to be in {facts.region}.")


def _dependencies(settings: StackSettings, facts: Facts) -> Findings:
    if isinstance(facts.addons, Unread):
        yield _unread("add-ons", facts.addons)
        return
    for name in DEPENDENCY_ADDONS:
        floor, addon = FLOORS[name], facts.addons.get(name)
        create = (
            f"aws eks create-addon --cluster-name {settings.eks_cluster_name} --addon-name {name} "
            f"--addon-version {floor}"
        )
        if addon is None:
            yield Finding(f"add-on {name}", Verdict.MISSING, "not installed", create)
            continue
        enough = at_least(addon.version, floor)
        yield _held(f"add-on {name}", enough, addon.version, f"Update it to {floor} or later.")
        fix = f"aws eks describe-addon --addon-name {name} says why."
        yield _held(f"add-on {name}: status", addon.status == "ACTIVE", addon.status, fix)


def _inference(settings: StackSettings, facts: Facts) -> Findings:
    wanted = settings.inference_version
    if isinstance(facts.versions, Unread):
        yield _unread("version of the inference add-on", facts.versions)
    else:
        offered = ", ".join(facts.versions) or "none"
        fix = f"EKS offers for this cluster: {offered}."
        yield _held("version of the inference add-on", wanted in facts.versions, wanted, fix)
    if not isinstance(facts.addons, Unread) and INFERENCE in facts.addons:
        found = facts.addons[INFERENCE]
        fix = "It is installed already: aws eks update-addon, with the whole configuration."
        yield Finding("inference add-on", Verdict.WRONG, f"{found.version}, {found.status}", fix)


def _s3_endpoint(settings: StackSettings, facts: Facts) -> Findings:
    name = "S3 gateway endpoint"
    for fact in (facts.s3_route_tables, facts.subnet_route_tables):
        if isinstance(fact, Unread):
            yield _unread(name, fact)
            return
    assert not isinstance(facts.s3_route_tables, Unread)  # noqa: S101 - told above
    assert not isinstance(facts.subnet_route_tables, Unread)  # noqa: S101
    tables = facts.subnet_route_tables
    bare = sorted(subnet for subnet, table in tables.items() if table not in facts.s3_route_tables)
    if not tables:
        return
    fix = (
        f"aws ec2 create-vpc-endpoint --service-name com.amazonaws.{facts.region}.s3 with the route tables "
        "of the EKS subnets: SageMaker's containers fetch the CA certificate through it."
    )
    found = "no route to it from " + ", ".join(bare) if bare else f"{len(tables)} subnets reach it"
    verdict = Verdict.OK if not bare else Verdict.WRONG if facts.s3_route_tables else Verdict.MISSING
    yield Finding(name, verdict, found, fix if bare else "")


def _subnet_tags(settings: StackSettings, facts: Facts) -> Findings:
    if isinstance(facts.tagged_subnets, Unread):
        yield _unread("subnet tags", facts.tagged_subnets)
    elif not isinstance(facts.subnet_route_tables, Unread) and facts.subnet_route_tables:
        fix = (
            "Tag the subnets of your instances kubernetes.io/role/internal-elb=1: load balancers look for it."
        )
        tagged = ", ".join(facts.tagged_subnets)
        yield _held("subnet tags", bool(tagged), tagged or "none has kubernetes.io/role/internal-elb", fix)


_STANDING: Final[tuple[Callable[[StackSettings, Facts], Findings], ...]] = (
    _region,
    _cluster,
    _hyperpod,
    _provider,
    _roles,
    _bucket,
    _s3_endpoint,
    _subnet_tags,
)
"""What has to go on holding once all is installed."""
_CHECKS: Final = (*_STANDING, _dependencies, _inference)


def standing(settings: StackSettings, facts: Facts) -> list[Finding]:
    """What holds, or not, of a running installation; nothing is said of what the settings do not name."""
    unset: dict[Callable[[StackSettings, Facts], Findings], bool] = {
        _hyperpod: not settings.hyperpod_cluster_arn,
        _bucket: not settings.tls_bucket_name,
    }
    checks = [check for check in _STANDING if not unset.get(check)]
    return [finding for check in checks for finding in check(settings, facts)]


def dependencies(settings: StackSettings, facts: Facts) -> list[Finding]:
    """The add-ons that the inference add-on needs."""
    return list(_dependencies(settings, facts))


def trusts(trust: Mapping[str, Any], issuer: str, subject: str) -> bool:
    """Whether a service account with `subject` may take the role through the issuer's provider."""
    return any(_allows(each, issuer, subject) for each in _listed(trust.get("Statement")))


def _allows(statement: Mapping[str, Any], issuer: str, subject: str) -> bool:
    federated = _listed(statement.get("Principal", {}).get("Federated"))
    if statement.get("Effect") != "Allow" or not any(str(arn).endswith(f"/{issuer}") for arn in federated):
        return False
    condition = statement.get("Condition", {})
    asked = [
        (operator, pattern)
        for operator, keys in condition.items()
        for key, patterns in keys.items()
        if key == f"{issuer}:sub"
        for pattern in _listed(patterns)
    ]
    return not asked or any(_matches(operator, pattern, subject) for operator, pattern in asked)


def _matches(operator: str, pattern: str, subject: str) -> bool:
    """As IAM compares; a subject that is a pattern itself has to be covered by a pattern at least as wide."""
    if operator == "StringEquals":
        return pattern == subject
    return operator == "StringLike" and fnmatchcase(subject, pattern.replace("[", "[[]"))


def _takes(trust: Mapping[str, Any], service: str) -> bool:
    return any(
        service in _listed(each.get("Principal", {}).get("Service"))
        for each in _listed(trust.get("Statement"))
        if each.get("Effect") == "Allow"
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _issuer(facts: Facts) -> str | None:
    url = _of(facts.cluster, "identity", "oidc", "issuer")
    return None if url is None else urlparse(url).netloc + urlparse(url).path


def _of(value: Any, *path: str) -> str | None:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return None if value is None else str(value)


def _held(check: str, holds: bool, found: str, fix: str) -> Finding:
    return Finding(check, Verdict.OK if holds else Verdict.WRONG, found, "" if holds else fix)


def _unread(check: str, fact: Unread) -> Finding:
    return Finding(check, Verdict.UNKNOWN, fact.reason, "Give the caller the permission, or look by hand.")


def as_json(findings: Sequence[Finding]) -> str:
    """For machines."""
    rows = [
        {"check": each.check, "verdict": str(each.verdict), "found": each.message, "fix": each.fix}
        for each in findings
    ]
    return json.dumps({"ready": ready(findings), "findings": rows}, indent=2)
