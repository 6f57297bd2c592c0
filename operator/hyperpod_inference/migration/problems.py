"""What must be fixed before a migration can begin, one sentence each with the remedy. Pure."""

import json
from collections.abc import Iterator

from hyperpod_inference.installation.compatibility import INFERENCE, check_addon_version, check_pair
from hyperpod_inference.installation.errors import PropertyError
from hyperpod_inference.migration.configuration import needs_cluster_arn
from hyperpod_inference.migration.facts import Account, Discovered
from hyperpod_inference.migration.helm import Release
from hyperpod_inference.migration.parts import CHARTS, OWN_CHART, PARENT_CHARTS
from hyperpod_inference.migration.steps import MakeRole
from hyperpod_inference.migration.values import HelmValues

SETTLED = frozenset({"deployed"})


def of_the_start(found: Discovered) -> Iterator[str]:
    """What keeps any plan from being made."""
    yield from found.denied
    yield from found.unreadable
    if not found.releases and not found.unreadable:
        yield (
            "No Helm release of the inference operator was found in any namespace, and no operator of this "
            f"project. Looked for charts {', '.join((*CHARTS, OWN_CHART))}, and for {PARENT_CHARTS[0]} with "
            "the operator enabled; see `helm list -A`."
        )
    if len(found.releases) > 1:
        listed = ", ".join(f"{each.namespace}/{each.name}" for each in found.releases)
        yield f"There are several releases of the operator: {listed}. Choose one with --helm-namespace."
    for release in found.releases:
        if release.status not in SETTLED:
            yield (
                f"Helm release {release.namespace}/{release.name} is {release.status!r}, not 'deployed'. "
                f"Finish or undo it first: `helm rollback {release.name} -n {release.namespace}`."
            )
    if addon := found.addons.get(INFERENCE):
        yield (
            f"The add-on {INFERENCE} {addon.version} exists already and is {addon.status}. "
            "Nothing is left to migrate; if an earlier migration was cut off, go on with --resume."
        )


def of_the_settings(found: Discovered, release: Release, settings: HelmValues, version: str) -> Iterator[str]:
    """What the values and the account lack for this version of the add-on."""
    account = found.account
    if settings.eks_cluster_name not in ("", account.cluster):
        yield (
            f"--cluster-name: got {account.cluster}, the release was installed for "
            f"{settings.eks_cluster_name}: the kubeconfig's context and the name must mean the same cluster."
        )
    if not account.known:
        yield (
            f"IAM has no OIDC provider for {account.issuer or 'this cluster'}: "
            f"`eksctl utils associate-iam-oidc-provider --cluster {account.cluster} --approve`."
        )
    yield from of_the_version("--addon-version", account, version)
    needed = {"executionRoleArn": settings.execution_role_arn, "tlsCertificateS3Bucket": settings.tls_bucket}
    if needs_cluster_arn(version):
        needed["hyperpodClusterArn"] = settings.hyperpod_cluster_arn
    for name, value in needed.items():
        if not value:
            yield f"The release has no {name}: {_way_to_set(release, name)} first."
    for key, value in settings.placement.items():
        expected = list if key == "tolerations" else dict
        if not isinstance(value, expected):
            kind = "list" if expected is list else "mapping"
            yield f"The release's {key}: got {value!r}, expected a {kind}: correct its values first."
    for field_name in ("execution_role_arn", "alb_role_arn", "keda_role_arn", "gated_model_role_arn"):
        arn = getattr(settings, field_name)
        if arn in settings.role_arns and arn and arn not in found.roles:
            yield f"The role {arn} of the release does not exist: create it, or correct the release's values."


def _way_to_set(release: Release, name: str) -> str:
    if release.chart != OWN_CHART:
        return f"`helm upgrade ... --reuse-values --set {name}=...`"
    return "set it and install the operator again, see `hyperpod-inference manifests --help`,"


def of_the_version(where: str, account: Account, version: str) -> Iterator[str]:
    """Why this version does not go to this cluster: what EKS offers, and the matrix."""
    if account.addon_versions and version not in account.addon_versions:
        yield (
            f"{where}: got {version}, EKS offers for Kubernetes {account.kubernetes}: "
            f"{', '.join(account.addon_versions)}."
        )
    try:
        check_pair(where, account.kubernetes, INFERENCE, version)
    except PropertyError as error:
        yield str(error)


def of_the_floors(found: Discovered) -> Iterator[str]:
    """Add-ons of the cluster that are too old for the inference add-on."""
    for name, addon in sorted(found.addons.items()):
        try:
            check_addon_version("cluster", name, addon.version)
        except PropertyError as error:
            yield f"{error} Update it first: `aws eks update-addon --addon-name {name}`."


def of_the_roles(found: Discovered, roles: dict[str, MakeRole]) -> Iterator[str]:
    """Names of roles that another cluster of the account has taken."""
    issuer = found.account.issuer
    for role in roles.values():
        trust = json.dumps(dict(found.taken[role.name].trust)) if role.name in found.taken else ""
        if "oidc-provider/" in trust and f"oidc-provider/{issuer}" not in trust:
            yield (
                f"The role {role.name} exists and trusts another cluster's service accounts: rename or "
                f"delete it, or it would be taken from that cluster. This one's issuer is {issuer}."
            )
