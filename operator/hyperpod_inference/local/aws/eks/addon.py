"""An add-on of a cluster, which changes with the clock: CREATING, then ACTIVE or what it was told."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the next change of an add-on ends: a status of EKS, and the issue that it shows."""

    status: str
    code: str
    message: str
    resources: tuple[str, ...] = ()

    def issue(self) -> dict[str, Any]:
        """As `health.issues` carries it."""
        return {"code": self.code, "message": self.message, "resourceIds": list(self.resources)}


@dataclass
class Addon:
    """One installed add-on. `status` and `ends` describe the change in progress, if `due` lies ahead."""

    name: str
    cluster: str
    version: str
    arn: str
    owner: str
    namespace: str
    created: datetime
    modified: datetime
    status: str
    due: datetime
    ends: Outcome | None = None
    role: str | None = None
    configuration: str | None = None
    associations: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    def begin(self, status: str, now: datetime, due: datetime, ends: Outcome | None) -> None:
        """Start a change that ends at `due`, in ACTIVE or as `ends` says."""
        self.status, self.modified, self.due, self.ends = status, now, due, ends

    def status_at(self, now: datetime) -> str:
        """The status that EKS shows."""
        if now < self.due:
            return self.status
        return self.ends.status if self.ends else "ACTIVE"

    def gone(self, now: datetime) -> bool:
        """Whether its deletion is done."""
        return self.status == "DELETING" and now >= self.due and self.ends is None

    def described(self, now: datetime) -> dict[str, Any]:
        """The `addon` of EKS's answers."""
        issues = [self.ends.issue()] if self.ends and now >= self.due else []
        described = {
            "addonName": self.name,
            "clusterName": self.cluster,
            "status": self.status_at(now),
            "addonVersion": self.version,
            "health": {"issues": issues},
            "addonArn": self.arn,
            "createdAt": self.created,
            "modifiedAt": self.modified,
            "tags": self.tags,
            "owner": self.owner,
            "publisher": "eks",
            "namespaceConfig": {"namespace": self.namespace},
            "podIdentityAssociations": list(self.associations),
        }
        if self.role:
            described["serviceAccountRoleArn"] = self.role
        if self.configuration:
            described["configurationValues"] = self.configuration
        return described


@dataclass(frozen=True, slots=True)
class AddonUpdate:
    """One UpdateAddon, as DescribeUpdate shows it."""

    id: str
    addon: tuple[str, str]
    created: datetime
    due: datetime
    params: tuple[tuple[str, str], ...]
    ends: Outcome | None

    def described(self, now: datetime) -> dict[str, Any]:
        """The `update` of EKS's answers."""
        failed = now >= self.due and self.ends is not None
        status = "InProgress" if now < self.due else "Failed" if failed else "Successful"
        errors = []
        if failed and self.ends:
            errors = [
                {
                    "errorCode": self.ends.code,
                    "errorMessage": self.ends.message,
                    "resourceIds": list(self.ends.resources),
                }
            ]
        return {
            "id": self.id,
            "status": status,
            "type": "AddonUpdate",
            "params": [{"type": kind, "value": value} for kind, value in self.params],
            "createdAt": self.created,
            "errors": errors,
        }
