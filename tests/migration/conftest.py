"""Helm releases of the operator as Helm writes them, and what a discovery finds around one."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
import yaml

from hyperpod_inference.cloud.roles import Role
from hyperpod_inference.migration.facts import Account, Discovered, Workload
from hyperpod_inference.migration.helm import decode, encode

Body = dict[str, Any]

NAME = "hyperpod-inference-operator"
ARN = "arn:aws:iam::111122223333:role/"
ISSUER = "oidc.eks.us-west-2.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
DEFAULTS: Body = {
    "executionRoleArn": "",
    "tlsCertificateS3Bucket": "",
    "image": {"tag": "v3.2"},
    "alb": {"enabled": True, "serviceAccount": {"create": False, "roleArn": ""}},
    "keda": {"enabled": True, "podIdentity": {"aws": {"irsa": {"enabled": True, "roleArn": ""}}}},
}
VALUES: Body = {
    "executionRoleArn": f"{ARN}service-role/SageMakerHyperPodInference-old",
    "tlsCertificateS3Bucket": "s3://hyperpod-tls-example",
    "region": "us-west-2",
    "eksClusterName": "example",
    "hyperpodClusterArn": "arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234",
    "alb": {"vpcId": "vpc-1", "serviceAccount": {"create": True, "roleArn": f"{ARN}alb"}},
    "keda": {"podIdentity": {"aws": {"irsa": {"roleArn": f"{ARN}keda"}}}},
    "s3": {"enabled": True, "serviceAccountRoleArn": f"{ARN}s3"},
}


def deployment(namespace: str, name: str, replicas: int = 1) -> Body:
    """A Deployment that Helm installed; its pods wait."""
    labels = {"app.kubernetes.io/name": name}
    pod = {"containers": [{"name": "manager", "image": "hyperpod-local/sleep:1", "args": ["infinity"]}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels | {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {
                "meta.helm.sh/release-name": NAME,
                "meta.helm.sh/release-namespace": "kube-system",
            },
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": pod | {"terminationGracePeriodSeconds": 0},
            },
        },
    }


def manifest() -> list[Body]:
    """What the public chart installs: the operator, its load balancer controller, KEDA."""
    return [body for _, body in sourced()]


def sourced() -> list[tuple[str, Body]]:
    """The same, each after the folder of the chart that it comes from."""
    bodies: list[Body] = [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": f"{NAME}-controller-manager", "namespace": "hyperpod-inference-system"},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": f"{NAME}-conversion-webhook", "namespace": "hyperpod-inference-system"},
            "spec": {"ports": [{"port": 443}], "selector": {"app.kubernetes.io/name": NAME}},
        },
        deployment("hyperpod-inference-system", f"{NAME}-controller-manager"),
        deployment("kube-system", f"{NAME}-alb", 2),
        deployment("kube-system", "keda-operator"),
    ]
    return list(zip(("", "", "", "charts/alb/", "charts/keda/"), bodies, strict=True))


def written(chart: str, objects: Iterable[tuple[str, Body]]) -> str:
    """Manifests as Helm stores them: each below the template that it comes from."""
    return "".join(
        f"---\n# Source: {chart}/{folder}templates/all.yaml\n{yaml.safe_dump(body)}"
        for folder, body in objects
    )


def release_body(values: Mapping[str, Any] = VALUES, **changes: Any) -> Body:
    """A release as Helm stores it; `chart`, `status`, `version`, `defaults`, `objects` can be changed."""
    chart = changes.get("chart", NAME)
    return {
        "name": changes.get("name", NAME),
        "namespace": "kube-system",
        "version": changes.get("version", 1),
        "info": {"status": changes.get("status", "deployed")},
        "chart": {
            "metadata": {"name": chart, "version": "2.2.2", "appVersion": "3.2"},
            "values": changes.get("defaults", DEFAULTS),
        },
        "config": dict(values),
        "manifest": written(chart, changes.get("objects", sourced())),
    }


def secret(body: Body) -> Body:
    """The Secret that holds a release."""
    labels = {
        "owner": "helm",
        "name": body["name"],
        "status": body["info"]["status"],
        "version": str(body["version"]),
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "helm.sh/release.v1",
        "metadata": {
            "name": f"sh.helm.release.v1.{body['name']}.v{body['version']}",
            "namespace": body["namespace"],
            "labels": labels,
        },
        "data": {"release": encode(body)},
    }


@pytest.fixture
def release() -> Callable[..., Any]:
    """release(values, **changes): a decoded release."""
    return lambda values=VALUES, **changes: decode(secret(release_body(values, **changes)))


@pytest.fixture
def release_secret() -> Callable[..., Body]:
    """release_secret(values, **changes): the Secret of a release."""
    return lambda values=VALUES, **changes: secret(release_body(values, **changes))


@pytest.fixture
def values() -> Body:
    """The values that the release was installed with; a copy to change."""
    copied: Body = json.loads(json.dumps(VALUES))
    return copied


@pytest.fixture
def discovered(release: Callable[..., Any]) -> Callable[..., Discovered]:
    """discovered(**changes): what is found around one release when all is well."""

    def of(**changes: Any) -> Discovered:
        queries = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "aps:QueryMetrics"}]}
        account = Account(
            cluster="example",
            region="us-west-2",
            partition="aws",
            account="111122223333",
            kubernetes="1.33",
            issuer=ISSUER,
            known=True,
            addon_versions=("v1.5.0-eksbuild.1", "v1.4.0-eksbuild.1"),
        )
        roles = [
            Role(arn=VALUES["executionRoleArn"], name="SageMakerHyperPodInference-old", trust={}),
            Role(arn=f"{ARN}alb", name="alb", trust={}, attached=("arn:aws:iam::111122223333:policy/alb",)),
            Role(arn=f"{ARN}keda", name="keda", trust={}, inline={"metrics": queries}),
        ]
        given: dict[str, Any] = {
            "account": account,
            "releases": (release(),),
            "roles": {role.arn: role for role in roles},
            "csi_drivers": frozenset({"s3.csi.aws.com", "fsx.csi.aws.com"}),
            "crds": frozenset({"certificates.cert-manager.io"}),
            "workloads": tuple(
                Workload(namespace=namespace, name=name, replicas=1, release=NAME)
                for namespace, name in (
                    ("kube-system", "keda-operator"),
                    ("kube-system", f"{NAME}-alb"),
                    ("hyperpod-inference-system", f"{NAME}-controller-manager"),
                )
            ),
        }
        return Discovered(**given | changes)

    return of
