"""The data file of the Terraform module: `python -m hyperpod_inference.installation.terraform FILE` writes
it.

The module in `terraform/` creates what this file says, so that its roles, statements, add-ons and versions
are those of the constructs. `make terraform` writes it again after a change.
"""

import json
import sys
from pathlib import Path
from typing import Any

from hyperpod_inference.api.names import TAG_CREATED_BY
from hyperpod_inference.installation import observability
from hyperpod_inference.installation.addon_configuration import RESOLVE_CONFLICTS
from hyperpod_inference.installation.bucket import LOG_BUCKET, TLS_BUCKET
from hyperpod_inference.installation.compatibility import (
    DEFAULT_INFERENCE_VERSION,
    DEPENDENCIES,
    INFERENCE,
    KUBERNETES_VERSIONS,
    OBSERVABILITY,
    TASK_GOVERNANCE,
    TRAINING,
)
from hyperpod_inference.installation.roles import (
    ADDON_ROLES,
    DRIVER_ROLES,
    TRAINING_OPERATOR,
    RoleSpec,
    statements,
)
from hyperpod_inference.installation.roles import OBSERVABILITY as COLLECTOR
from hyperpod_inference.installation.trust import AUDIENCE, irsa_trust, pod_identity_trust


def definition() -> dict[str, Any]:
    """The content of `terraform/definition.json`."""
    return {
        "addon": {
            "name": INFERENCE,
            "version": DEFAULT_INFERENCE_VERSION,
            "resolve_conflicts": RESOLVE_CONFLICTS,
        },
        "audience": AUDIENCE,
        "dependencies": dict(DEPENDENCIES),
        "driver_roles": {name: spec.key for name, spec in DRIVER_ROLES.items()},
        "kubernetes_versions": list(KUBERNETES_VERSIONS),
        "log_bucket": LOG_BUCKET.to_dict(),
        "observability": {"name": OBSERVABILITY, "metrics": observability.metrics()},
        "pod_identity_roles": {
            spec.key: _pod_role(spec, path)
            for spec, path in ((TRAINING_OPERATOR, "/"), (COLLECTOR, "/service-role/"))
        },
        "roles": {spec.key: _role(spec) for spec in (*ADDON_ROLES, *DRIVER_ROLES.values())},
        "tags": dict([TAG_CREATED_BY]),
        "task_governance": TASK_GOVERNANCE,
        "tls_bucket": TLS_BUCKET.to_dict(),
        "training_operator": TRAINING,
    }


def _role(spec: RoleSpec) -> dict[str, Any]:
    own = spec.document if not spec.aws_policy else None
    return {
        "description": spec.description,
        "name_prefix": spec.name_prefix,
        "trust": irsa_trust(spec.account, spec.services),
        "aws_policy": spec.aws_policy,
        "statements": statements(own) if own else None,
    }


def _pod_role(spec: RoleSpec, path: str) -> dict[str, Any]:
    return {
        "description": spec.description,
        "path": path,
        "trust": pod_identity_trust(spec.services),
        "aws_policy": spec.aws_policy,
        "namespace": spec.account.namespace,
        "service_account": spec.account.name,
    }


def text() -> str:
    """The file's text."""
    return json.dumps(definition(), indent=2) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
