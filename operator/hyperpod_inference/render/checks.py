"""What only the operator can refuse: rules over its settings, the cluster, and what it creates.

Rules over the spec alone live in `api.rules` and are checked at admission; these here are checked before
anything is rendered. Each problem names the field, what came, what is allowed and what to do.
"""

from collections.abc import Callable, Iterator

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import Problem
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.facts import Facts
from hyperpod_inference.render.kv_cache.engine import obstacle

USER_ASSIGNABLE = "sagemaker.amazonaws.com/user-assignable=true"
Check = Callable[[InferenceEndpointConfig, OperatorSettings, Facts], Iterator[Problem]]


def problems(
    endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts
) -> tuple[Problem, ...]:
    """Everything that keeps this endpoint from being rendered."""
    return tuple(problem for check in _CHECKS for problem in check(endpoint, settings, facts))


def _source(endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts) -> Iterator[Problem]:
    source = endpoint.spec.model_source_config
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


def _roles(endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts) -> Iterator[Problem]:
    """Each role of pdSpec has arguments of its own, which must reach the server."""
    why = obstacle(endpoint.spec.worker) if endpoint.spec.pd_spec else None
    if why is not None:
        yield Problem(
            path="spec.worker.args",
            got=None,
            allowed=f"a command line to which pdSpec can add each role's arguments, but {why}",
            fix="write the server's program in spec.worker.command and its arguments in spec.worker.args",
        )


_CHECKS: tuple[Check, ...] = (_source, _account, _roles)
