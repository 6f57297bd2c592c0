"""The roles of the add-on, made from those of the Helm release. Pure.

The service accounts change their names and namespaces, so each old role's trust would refuse the new pods.
New roles leave the old ones as they are, which is what makes the way back safe.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hyperpod_inference.api.names import TAG_CREATED_BY, TLS_BUCKET_PREFIX
from hyperpod_inference.installation.roles import (
    ALB_CONTROLLER,
    EXECUTION,
    JUMPSTART_GATED_MODEL,
    KEDA_OPERATOR,
    RoleSpec,
)
from hyperpod_inference.installation.trust import irsa_trust
from hyperpod_inference.migration.facts import Account, Discovered
from hyperpod_inference.migration.steps.roles import MakeRole
from hyperpod_inference.migration.values import HelmValues

ROLE_NAME_LIMIT = 64


def new_roles(found: Discovered, settings: HelmValues) -> dict[str, MakeRole]:
    """The roles to make, by the key of their specification."""
    return dict(_roles(found, settings))


def mark(account: Account, settings: HelmValues) -> str:
    """What tells the roles of one cluster from those of another in the same account."""
    return (settings.hyperpod_cluster_arn.rpartition("/")[2] or account.cluster)[:8]


def arn(account: Account, name: str) -> str:
    """The ARN of a role without a path."""
    return f"arn:{account.partition}:iam::{account.account}:role/{name}"


def _roles(found: Discovered, settings: HelmValues) -> Iterator[tuple[str, MakeRole]]:
    account, tail = found.account, mark(found.account, settings)
    yield _made(
        account, EXECUTION, f"SageMakerHyperPodInference-{tail}-execution-role", _execution(found, settings)
    )
    if settings.gated_model_role_arn:
        yield _made(account, JUMPSTART_GATED_MODEL, f"js-gated-role-{tail}", {})
    # Inline policies as well as attached ones: some installations gave KEDA's role nothing else.
    if settings.alb_enabled:
        old = found.roles[settings.alb_role_arn]
        yield _made(account, ALB_CONTROLLER, f"SageMakerHP-ALB-{tail}-addon", old.inline, old.attached)
    if settings.keda_enabled:
        old = found.roles[settings.keda_role_arn]
        yield _made(account, KEDA_OPERATOR, f"SageMakerHP-KEDA-{tail}-addon", old.inline, old.attached)


def _made(
    account: Account,
    spec: RoleSpec,
    name: str,
    inline: Mapping[str, Mapping[str, Any]],
    attached: tuple[str, ...] = (),
) -> tuple[str, MakeRole]:
    managed = (f"arn:{account.partition}:iam::aws:policy/{spec.aws_policy}",) if spec.aws_policy else ()
    text = irsa_trust(spec.account, spec.services)
    provider = f"arn:{account.partition}:iam::{account.account}:oidc-provider/{account.issuer}"
    trust = json.loads(text.replace("${Provider}", provider).replace("${Issuer}", account.issuer))
    return spec.key, MakeRole(
        name=name[:ROLE_NAME_LIMIT],
        of=f"service account {spec.account.namespace}/{spec.account.name}",
        trust=trust,
        attached=(*managed, *attached),
        inline={name: dict(document) for name, document in inline.items()},
        tags=dict([TAG_CREATED_BY]),
    )


def _execution(found: Discovered, settings: HelmValues) -> dict[str, dict[str, Any]]:
    """What AWS's managed policy leaves out: custom certificates, and buckets of other names."""
    partition = found.account.partition
    certificates = _allow(
        ["acm:DescribeCertificate", "acm:GetCertificate"], [f"arn:{partition}:acm:*:*:certificate/*"]
    )
    policies = {"CustomCertificates": certificates}
    others = sorted(
        bucket for bucket in found.buckets | {settings.tls_bucket} if not bucket.startswith(TLS_BUCKET_PREFIX)
    )
    if others:
        actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject", "s3:PutObjectTagging"]
        policies["TLSBucketsAccess"] = _allow(
            actions, [f"arn:{partition}:s3:::{bucket}/*" for bucket in others]
        )
    return policies


def _allow(actions: list[str], resources: list[str]) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return {"Version": "2012-10-17", "Statement": [statement]}
