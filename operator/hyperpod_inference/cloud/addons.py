"""EKS: the cluster and its add-ons."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hyperpod_inference.cloud.errors import Missing, translated
from hyperpod_inference.cloud.session import Session

CREATED_BY = {"CreatedBy": "HyperPodInference"}


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What EKS says of a cluster. issuer: of its OIDC tokens, without https://."""

    name: str
    arn: str
    version: str
    status: str
    issuer: str
    endpoint: str


@dataclass(frozen=True, kw_only=True)
class Addon:
    """An add-on of a cluster. issues: what EKS finds wrong with it, one sentence each."""

    name: str
    version: str
    status: str
    configuration: Mapping[str, Any] = field(default_factory=dict)
    issues: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


class Eks:
    """The calls; each blocks, and raises CloudError."""

    def __init__(self, session: Session, cluster: str) -> None:
        self._client, self._cluster = session.client("eks"), cluster

    @property
    def region(self) -> str:
        """The region that is asked."""
        return str(self._client.meta.region_name)

    def cluster(self) -> Cluster:
        """The cluster itself; raises Missing."""
        with translated("eks:DescribeCluster"):
            body = self._client.describe_cluster(name=self._cluster)["cluster"]
        issuer = ((body.get("identity") or {}).get("oidc") or {}).get("issuer", "")
        return Cluster(
            name=body["name"],
            arn=body["arn"],
            version=body.get("version", ""),
            status=body.get("status", ""),
            issuer=issuer.removeprefix("https://"),
            endpoint=body.get("endpoint", ""),
        )

    def addons(self) -> dict[str, Addon]:
        """Every add-on of the cluster, by name."""
        with translated("eks:ListAddons"):
            pages = self._client.get_paginator("list_addons").paginate(clusterName=self._cluster)
            names = [name for page in pages for name in page["addons"]]
        found = ((name, self.addon(name)) for name in names)
        return {name: addon for name, addon in found if addon is not None}

    def addon(self, name: str) -> Addon | None:
        """One add-on, None when the cluster has none of that name."""
        try:
            with translated("eks:DescribeAddon"):
                body = self._client.describe_addon(clusterName=self._cluster, addonName=name)["addon"]
        except Missing:
            return None
        return Addon(
            name=body["addonName"],
            version=body.get("addonVersion", ""),
            status=body["status"],
            configuration=_document(body.get("configurationValues")),
            issues=tuple(_issues(body.get("health") or {})),
            tags=body.get("tags") or {},
        )

    def versions(self, name: str, kubernetes: str) -> tuple[str, ...]:
        """The versions of an add-on that this version of Kubernetes takes, the newest first."""
        with translated("eks:DescribeAddonVersions"):
            pages = self._client.get_paginator("describe_addon_versions").paginate(
                addonName=name, kubernetesVersion=kubernetes
            )
            found = [each for page in pages for addon in page["addons"] for each in addon["addonVersions"]]
        return tuple(each["addonVersion"] for each in found)

    def create(
        self, name: str, version: str, configuration: Mapping[str, Any] | None, role_arn: str = ""
    ) -> None:
        """Begin to create an add-on that takes over what is there; raises Exists."""
        given: dict[str, Any] = {"addonVersion": version} if version else {}
        if configuration:
            given["configurationValues"] = json.dumps(configuration, sort_keys=True)
        if role_arn:
            given["serviceAccountRoleArn"] = role_arn
        with translated("eks:CreateAddon"):
            self._client.create_addon(
                clusterName=self._cluster,
                addonName=name,
                resolveConflicts="OVERWRITE",
                tags=CREATED_BY,
                **given,
            )

    def update(self, name: str, version: str, configuration: Mapping[str, Any]) -> None:
        """Begin to bring an add-on to a version and configuration, which replaces the one before as a whole.

        What others changed in its objects stays. Raises Exists while another change is going on.
        """
        with translated("eks:UpdateAddon"):
            self._client.update_addon(
                clusterName=self._cluster,
                addonName=name,
                addonVersion=version,
                configurationValues=json.dumps(configuration, sort_keys=True),
                resolveConflicts="PRESERVE",
            )

    def delete(self, name: str, *, preserve: bool) -> None:
        """Begin to delete an add-on; `preserve` leaves its objects in the cluster. Gone already is fine."""
        try:
            with translated("eks:DeleteAddon"):
                self._client.delete_addon(clusterName=self._cluster, addonName=name, preserve=preserve)
        except Missing:
            return


def _document(text: str | None) -> dict[str, Any]:
    return dict(json.loads(text)) if text else {}


def _issues(health: Mapping[str, Any]) -> Iterator[str]:
    for issue in health.get("issues") or ():
        yield f"{issue.get('code', '')}: {issue.get('message', '')}"
