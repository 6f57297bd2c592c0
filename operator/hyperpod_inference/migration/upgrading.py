"""The plan that brings the add-on to another version. Pure; the steps run as those of a migration do."""

from collections.abc import Iterator
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.cloud.addons import Addon
from hyperpod_inference.installation.compatibility import (
    CONFIGURATION_SINCE,
    INFERENCE,
    KUBERNETES_VERSIONS,
    RELEASES,
    at_least,
    check_inference_version,
)
from hyperpod_inference.installation.errors import PropertyError
from hyperpod_inference.installation.roles import EXECUTION
from hyperpod_inference.migration import problems
from hyperpod_inference.migration.configuration import needs_cluster_arn
from hyperpod_inference.migration.dependencies import absent
from hyperpod_inference.migration.facts import Discovered
from hyperpod_inference.migration.plan import Plan
from hyperpod_inference.migration.steps import UpdateAddon, Verify

GATEWAY_SINCE = CONFIGURATION_SINCE["inference_gateway"]
GATEWAY_CONTROLLER = "inference-gateway-controller"


def upgrade(found: Discovered, to: str, *, seconds: float, cluster_arn: str = "") -> Plan:
    """The plan, what must be fixed first, or a plan without steps where that version runs already.

    to: version of the add-on. seconds: for EKS to make it work. cluster_arn: of the HyperPod cluster, for a
    configuration that lacks it.
    """
    addon = found.addons.get(INFERENCE)
    head = {
        "command": "upgrade",
        "cluster": found.account.cluster,
        "region": found.account.region,
        "installed": addon.version if addon else "",
        "version": to,
    }
    why = [*found.denied, *_problems(found, to, addon, cluster_arn)]
    if addon is None or why:
        return Plan.model_validate(head | {"problems": why})
    configuration = _configuration(addon, cluster_arn)
    if addon.version == to and configuration == addon.configuration:
        return Plan.model_validate(head | {"notes": [f"the add-on is {to} already: nothing to do"]})
    steps = [
        UpdateAddon(name=INFERENCE, version=to, configuration=configuration, seconds=seconds),
        Verify(
            ready=tuple(str(each) for each in found.endpoints if each.ready),
            all=tuple(str(each) for each in found.endpoints),
            deployments=(names.OPERATOR_NAME, *_gateway(configuration)),
        ),
    ]
    return Plan.model_validate(head | {"notes": [*_notes(found, to, addon)], "steps": steps})


def _problems(found: Discovered, to: str, addon: Addon | None, cluster_arn: str) -> Iterator[str]:
    account = found.account
    if addon is None:
        yield (
            f"The cluster {account.cluster} has no add-on {INFERENCE}: install it with the command of "
            "`hyperpod-inference install addon-json`, or move to it with `hyperpod-inference migrate`."
        )
        return
    try:
        check_inference_version("upgrade", to)
        older = not at_least(to, addon.version)
    except PropertyError as error:
        yield f"--to: {error}"
        return
    if older:
        yield (
            f"--to: got {to}, the cluster runs {addon.version}: the CRDs of an older version would drop "
            "fields that are in use. After an upgrade, `upgrade --rollback DIR` leads back."
        )
    yield from problems.of_the_version("--to", account, to)
    if account.kubernetes not in KUBERNETES_VERSIONS:
        yield (
            f"The cluster runs Kubernetes {account.kubernetes}; HyperPod supports "
            f"{', '.join(KUBERNETES_VERSIONS)}."
        )
    if addon.status != "ACTIVE" or addon.issues:
        issues = f" ({'; '.join(addon.issues)})" if addon.issues else ""
        yield (
            f"The add-on is {addon.status}{issues}: put that right first, or nobody could tell afterwards "
            "what the upgrade broke."
        )
    yield from problems.of_the_floors(found)
    for dependency in absent(found):
        yield f"{dependency.addon} is missing: `aws eks create-addon --addon-name {dependency.addon}`."
    if needs_cluster_arn(to) and not _configuration(addon, cluster_arn).get("hyperpodClusterArn"):
        yield (
            f"{to} needs the ARN of the HyperPod cluster, and the add-on's configuration has none: "
            "give --hyperpod-cluster-arn."
        )
    arn = str(addon.configuration.get("executionRoleArn") or "")
    if arn not in found.roles:
        yield f"The execution role {arn or '(none)'} of the add-on does not exist: correct its configuration."


def _configuration(addon: Addon, cluster_arn: str) -> dict[str, Any]:
    """The whole document: EKS replaces it, so what is not written is lost."""
    return dict(addon.configuration) | ({"hyperpodClusterArn": cluster_arn} if cluster_arn else {})


def _notes(found: Discovered, to: str, addon: Addon) -> Iterator[str]:
    for release in RELEASES:
        if not at_least(addon.version, release.version) and at_least(to, release.version):
            yield f"{release.version} (operator {release.operator}) brings: {release.brings}"
    if at_least(to, GATEWAY_SINCE) and "inferenceGateway" not in addon.configuration:
        yield (
            "the configuration does not say whether the inference gateway is on; the add-on's own default "
            "applies from v2.0.0"
        )
    for role in found.roles.values():
        if not any(each.endswith(f"/{EXECUTION.aws_policy}") for each in role.attached):
            yield (
                f"the role {role.name} has not {EXECUTION.aws_policy}: newer operators need more actions "
                "than older ones, and a policy of your own has to follow"
            )
    for endpoint in found.endpoints:
        if not endpoint.ready and endpoint.kind != names.KIND_REGISTRATION:
            yield f"{endpoint} serves nothing now, so its state is not held against the upgrade"


def _gateway(configuration: dict[str, Any]) -> tuple[str, ...]:
    on = (configuration.get("inferenceGateway") or {}).get("enabled")
    return (GATEWAY_CONTROLLER,) if on else ()
