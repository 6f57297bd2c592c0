"""AWS's managed policies that an installation attaches: moto knows none of HyperPod's."""

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

from moto.iam.models import AWSManagedPolicy, IAMBackend

from hyperpod_inference.installation import roles
from hyperpod_inference.installation.roles import RoleSpec, statements
from hyperpod_inference.local.aws.replace import replace

SPECS = [each for each in vars(roles).values() if isinstance(each, RoleSpec) and each.aws_policy]
_PUBLISHED = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def install() -> None:
    """Let every account know them."""
    theirs = IAMBackend._init_managed_policies

    def known(backend: IAMBackend) -> dict[str, Any]:
        ours = (_policy(backend, spec) for spec in SPECS)
        return theirs(backend) | {policy.arn: policy for policy in ours}

    replace(IAMBackend, {"_init_managed_policies": known})


def _policy(backend: IAMBackend, spec: RoleSpec) -> AWSManagedPolicy:
    document = {"Version": "2012-10-17", "Statement": statements(spec.document) if spec.document else []}
    return AWSManagedPolicy(
        str(spec.aws_policy),
        account_id=backend.account_id,
        region=backend.region_name,
        default_version_id="v1",
        path="/",
        document=json.dumps(document),
        create_date=_PUBLISHED,
        update_date=_PUBLISHED,
    )
