"""The roles of the add-on, made from those of the Helm release. Pure.

The service accounts change their names and namespaces, so each old role's trust would refuse the new pods.
New roles leave the old ones as they are, which is what makes the way back safe.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from hyperpod_inference.api.names import TAG_CREATED_BY, TLS_BUCKET_PREFIX
from hyperpod_inference.installation.roles import (
    ALB_CONTROLLER,
    EXECUTION,
    FSX_CSI_DRIVER,
    JUMPSTART_GATED_MODEL,
    KEDA_OPERATOR,
    S3_CSI_DRIVER,
    RoleSpec,
    statements,
)
from hyperpod_inference.installation.trust import irsa_trust
from hyperpod_inference.migration.facts import Account, Discovered
from hyperpod_inference.migration.parts import Part
from hyperpod_inference.migration.steps.roles import MakeRole
from hyperpod_inference.migration.values import HelmValues

ROLE_NAME_LIMIT = 64


def new_roles(found: Discovered, settings: HelmValues, parts: Collection[Part]) -> dict[str, MakeRole]:
    """The roles to make for these parts of the add-on and its drivers, by the key of their specification."""
    return dict(_roles(found, settings, parts))


def role_names(account: Account, settings: HelmValues) -> dict[str, str]:
    """What the roles would be called, by the key of their specification."""
    tail = mark(account, settings)
    names = {
        EXECUTION: f"SageMakerHyperPodInference-{tail}-execution-role",
        JUMPSTART_GATED_MODEL: f"js-gated-role-{tail}",
        ALB_CONTROLLER: f"SageMakerHP-ALB-{tail}-addon",
        KEDA_OPERATOR: f"SageMakerHP-KEDA-{tail}-addon",
        S3_CSI_DRIVER: f"SageMakerHP-S3-{tail}-addon",
        FSX_CSI_DRIVER: f"SageMakerHP-FSx-{tail}-addon",
    }
    return {spec.key: name[:ROLE_NAME_LIMIT] for spec, name in names.items()}


def mark(account: Account, settings: HelmValues) -> str:
    """What tells the roles of one cluster from those of another in the same account."""
    return (settings.hyperpod_cluster_arn.rpartition("/")[2] or account.cluster)[:8]


def arn(account: Account, name: str) -> str:
    """The ARN of a role without a path."""
    return f"arn:{account.partition}:iam::{account.account}:role/{name}"


def _roles(
    found: Discovered, settings: HelmValues, parts: Collection[Part]
) -> Iterator[tuple[str, MakeRole]]:
    account, names = found.account, role_names(found.account, settings)

    def made(
        spec: RoleSpec, inline: Mapping[str, Mapping[str, Any]], attached: tuple[str, ...] = ()
    ) -> tuple[str, MakeRole]:
        return spec.key, _made(account, spec, names[spec.key], inline, attached)

    yield made(EXECUTION, _execution(found, settings))
    if settings.gated_model_role_arn:
        yield made(JUMPSTART_GATED_MODEL, {})
    for part, spec, arn_before in (
        (Part.ALB, ALB_CONTROLLER, settings.alb_role_arn),
        (Part.KEDA, KEDA_OPERATOR, settings.keda_role_arn),
    ):
        if part not in parts:
            continue
        # Inline policies as well as attached ones: some installations gave KEDA's role nothing else.
        if old := found.roles.get(arn_before):
            yield made(spec, old.inline, old.attached)
        else:
            yield made(spec, {"Published": _published(str(spec.document), account.partition)})
    if Part.S3 in parts:
        yield made(S3_CSI_DRIVER, {"Buckets": _mounting(found, settings)})
    if Part.FSX in parts:
        yield made(FSX_CSI_DRIVER, {})


def _made(
    account: Account,
    spec: RoleSpec,
    name: str,
    inline: Mapping[str, Mapping[str, Any]],
    attached: tuple[str, ...],
) -> MakeRole:
    managed = (f"arn:{account.partition}:iam::aws:policy/{spec.aws_policy}",) if spec.aws_policy else ()
    text = irsa_trust(spec.account, spec.services)
    provider = f"arn:{account.partition}:iam::{account.account}:oidc-provider/{account.issuer}"
    trust = json.loads(text.replace("${Provider}", provider).replace("${Issuer}", account.issuer))
    return MakeRole(
        name=name,
        of=f"service account {spec.account.namespace}/{spec.account.name}",
        trust=trust,
        attached=tuple(dict.fromkeys((*managed, *attached))),
        inline={name: dict(document) for name, document in inline.items()},
        tags=dict([TAG_CREATED_BY]),
    )


def _published(document: str, partition: str) -> dict[str, Any]:
    text = json.dumps(statements(document)).replace('"arn:aws:', f'"arn:{partition}:')
    return {"Version": "2012-10-17", "Statement": json.loads(text)}


def _mounting(found: Discovered, settings: HelmValues) -> dict[str, Any]:
    """Models are read; the TLS bucket, which the chart's own volume mounts, may be written as well."""
    account = found.account
    models = found.model_buckets | {f"sagemaker-{account.region}-{account.account}"}
    of = {name: f"arn:{account.partition}:s3:::{name}" for name in sorted(models | {settings.tls_bucket})}
    writing = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"]
    allowed = (
        (["s3:ListBucket"], list(of.values())),
        (["s3:GetObject"], [f"{each}/*" for each in of.values()]),
        (writing, [f"{of[settings.tls_bucket]}/*"]),
    )
    made = [{"Effect": "Allow", "Action": actions, "Resource": resources} for actions, resources in allowed]
    return {"Version": "2012-10-17", "Statement": made}


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
