"""This project's own operator as a release, also where kubectl applied it and Helm knows nothing. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings, SettingsError
from hyperpod_inference.migration.helm import Release
from hyperpod_inference.migration.parts import OWN_CHART

COMPONENT = "controller-manager"
SELECTOR = f"{names.LABEL_PART_OF}={OWN_CHART},{names.LABEL_COMPONENT}={COMPONENT}"
"""The objects of our charts that run the operator, and what routers need."""
# Routers go on with these, and models that ask for the strict scheduler with that.
STRICT_SCHEDULER = "hyperpod-inference-scheduler"
KEPT = frozenset({names.ROUTER_SERVICE_ACCOUNT, names.ROUTER_ROLE})


def is_ours(deployment: Mapping[str, Any]) -> bool:
    """Whether a Deployment is our operator, which AWS's has the name of."""
    metadata = deployment["metadata"]
    labels = metadata.get("labels") or {}
    return (
        metadata["name"] == names.OPERATOR_NAME
        and labels.get(names.LABEL_PART_OF) == OWN_CHART
        and labels.get(names.LABEL_COMPONENT) == COMPONENT
    )


def as_release(deployment: Mapping[str, Any], objects: Iterable[Mapping[str, Any]]) -> Release:
    """What kubectl applied, as a release: settings from the container's environment, objects as they live.

    `secret` is '', as there is no record. Raises ValueError for an environment that it cannot read.
    """
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    given = {each["name"]: str(each.get("value") or "") for each in container.get("env") or ()}
    try:
        settings = OperatorSettings.from_env(given)
    except SettingsError as error:
        raise ValueError(f"Deployment {names.OPERATOR_NAME}: {error}") from error
    values = {
        "executionRoleArn": settings.execution_role_arn,
        "tlsCertificateOutputS3Uri": settings.tls_certificate_output_s3_uri,
        "eksClusterName": settings.eks_cluster_name,
        "hyperpodClusterArn": settings.hyperpod_cluster_arn,
        "gatedModelDownloadRoleArn": settings.gated_model_download_role_arn,
        "enableCustomServiceAccounts": settings.enable_custom_service_accounts,
    }
    return Release(
        name=OWN_CHART,
        namespace=deployment["metadata"]["namespace"],
        revision=1,
        status="deployed",
        chart=OWN_CHART,
        chart_version=deployment["metadata"]["labels"].get("app.kubernetes.io/version", ""),
        app_version=str(container["image"]).rpartition(":")[2],
        values={"settings": values},
        defaults={},
        manifest=yaml.safe_dump_all([_bare(each) for each in objects]),
        secret="",
    )


def leaves(reference: Mapping[str, str]) -> bool:
    """Whether an object of our charts goes before the add-on comes."""
    name = reference["name"]
    return reference["kind"] != "PodMonitor" and name not in KEPT and not name.startswith(STRICT_SCHEDULER)


def _bare(body: Mapping[str, Any]) -> dict[str, Any]:
    """As much of an object as names it; the backup holds the rest."""
    metadata = {key: body["metadata"][key] for key in ("name", "namespace") if key in body["metadata"]}
    return {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": metadata}
