"""AWS's managed policies that an installation attaches: moto knows none of HyperPod's."""

from functools import cache
from typing import Any

from moto.iam.models import AWSManagedPolicy, IAMBackend

from hyperpod_inference.installation import roles
from hyperpod_inference.installation.roles import RoleSpec, statements
from hyperpod_inference.local.aws.replace import replace

SPECS = [each for each in vars(roles).values() if isinstance(each, RoleSpec) and each.aws_policy]
_PUBLISHED = "2026-01-01T00:00:00+00:00"


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
    data = {
        "DefaultVersionId": "v1",
        "Path": "/",
        "Document": document,
        "CreateDate": _PUBLISHED,
        "UpdateDate": _PUBLISHED,
    }
    return AWSManagedPolicy.from_data(str(spec.aws_policy), backend.account_id, backend.region_name, data)
