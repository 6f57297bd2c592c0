"""What only the operator can refuse: rules over its settings, the cluster, and what it creates.

Rules over the spec alone live in `api.rules` and are checked at admission; these here are checked before
anything is rendered. Each problem names the field, what came, what is allowed and what to do.
"""

import re
from collections.abc import Callable, Iterator

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import Problem
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.container import SHM_VOLUME
from hyperpod_inference.render.facts import Facts

# Volumes that the operator makes, or that AWS's makes: a manifest must work with both.
RESERVED_VOLUMES = (
    "gated-model-downloader-configmap",
    "lmcache-config",
    names.PREFETCH_VOLUME,
    "parallel-copy-configmap",
    SHM_VOLUME,
)
USER_ASSIGNABLE = "sagemaker.amazonaws.com/user-assignable=true"
# The name becomes a Service and a container, which allow less than the resource itself.
_DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")

Check = Callable[[InferenceEndpointConfig, OperatorSettings, Facts], Iterator[Problem]]


def problems(
    endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts
) -> tuple[Problem, ...]:
    """Everything that keeps this endpoint from being rendered."""
    return tuple(problem for check in _CHECKS for problem in check(endpoint, settings, facts))


def _name(endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts) -> Iterator[Problem]:
    name = endpoint.metadata.name
    if not _DNS_LABEL.fullmatch(name):
        yield Problem(
            path="metadata.name",
            got=repr(name),
            allowed="at most 63 lower-case letters, digits and '-', beginning with a letter",
            fix="its Service and its containers carry this name: create it under another one",
        )


def _volumes(
    endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts
) -> Iterator[Problem]:
    given = (endpoint.spec.kubernetes.volumes or ()) if endpoint.spec.kubernetes else ()
    for index, volume in enumerate(given):
        if volume.name in RESERVED_VOLUMES:
            yield Problem(
                path=f"spec.kubernetes.volumes[{index}].name",
                got=repr(volume.name),
                allowed=f"any name but {', '.join(RESERVED_VOLUMES)}",
                fix="the operator makes that volume itself: rename yours",
            )


def _mount(endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts) -> Iterator[Problem]:
    name = endpoint.spec.worker.model_volume_mount.name
    if name in RESERVED_VOLUMES:
        yield Problem(
            path="spec.worker.modelVolumeMount.name",
            got=repr(name),
            allowed=f"any name but {', '.join(RESERVED_VOLUMES)}",
            fix="the operator makes that volume itself: choose another name, e.g. model-weights",
        )


def _source(endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts) -> Iterator[Problem]:
    source = endpoint.spec.model_source_config
    if source.model_source_type == "kubernetesVolume" and source.model_location:
        yield Problem(
            path="spec.modelSourceConfig.modelLocation",
            got=repr(source.model_location),
            allowed="nothing beside modelSourceType kubernetesVolume",
            fix="point the volume itself at the directory, and remove modelLocation",
        )
    if source.model_source_type == "fsx" and source.fsx_storage:
        storage = source.fsx_storage
        for field, value in (("dnsName", storage.dns_name), ("mountName", storage.mount_name)):
            if not value:
                yield Problem(
                    path=f"spec.modelSourceConfig.fsxStorage.{field}",
                    got=None,
                    allowed="the file system's own, which this version does not look up",
                    fix=f"see `aws fsx describe-file-systems --file-system-ids {storage.file_system_id}`",
                )


def _account(
    endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts
) -> Iterator[Problem]:
    """Whoever creates an endpoint could borrow any account's rights: an administrator names the allowed."""
    account = endpoint.spec.kubernetes.service_account_name if endpoint.spec.kubernetes else None
    if not account:
        return
    allowed, fix = "", None
    if not settings.enable_custom_service_accounts:
        allowed = "nothing: custom service accounts are not enabled"
        fix = "set enableCustomServiceAccounts: true in the add-on's configuration"
    elif account == settings.service_account_name:
        allowed = "any account but the operator's own"
        fix = "create one for the model"
    elif facts.assignable_service_accounts is not None and account not in facts.assignable_service_accounts:
        allowed = f"an account of namespace {endpoint.metadata.namespace} labelled {USER_ASSIGNABLE}"
        fix = f"`kubectl label serviceaccount {account} -n {endpoint.metadata.namespace} {USER_ASSIGNABLE}`"
    if allowed:
        yield Problem(path="spec.kubernetes.serviceAccountName", got=repr(account), allowed=allowed, fix=fix)


_CHECKS: tuple[Check, ...] = (_name, _volumes, _mount, _source, _account)
