"""From what was discovered to the plan. Pure; every decision of a migration is made here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hyperpod_inference.api.errors import InputError
from hyperpod_inference.installation.compatibility import DEPENDENCIES as FLOORS
from hyperpod_inference.installation.compatibility import INFERENCE
from hyperpod_inference.migration import values
from hyperpod_inference.migration.configuration import configuration, needs_cluster_arn, version_of
from hyperpod_inference.migration.facts import Discovered, Workload
from hyperpod_inference.migration.helm import Release
from hyperpod_inference.migration.plan import Plan
from hyperpod_inference.migration.roles import new_roles
from hyperpod_inference.migration.steps import (
    AnyStep,
    DropRecords,
    InstallAddon,
    RemoveObjects,
    ScaleDown,
    TagObject,
    Verify,
)
from hyperpod_inference.migration.steps.tags import KEY, VALUE
from hyperpod_inference.migration.values import HelmValues

SETTLED = frozenset({"deployed"})


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """An add-on that the inference add-on needs.

    sign: the CSIDriver or CRD by which it is known to be there. role: the field of HelmValues that holds its
    role, '' when it needs none. flag: the option that gives it by hand.
    """

    addon: str
    sign: str
    role: str = ""
    flag: str = ""


DEPENDENCIES = (
    Dependency(
        addon="aws-mountpoint-s3-csi-driver",
        sign="s3.csi.aws.com",
        role="s3_role_arn",
        flag="--s3-mountpoint-role-arn",
    ),
    Dependency(
        addon="aws-fsx-csi-driver", sign="fsx.csi.aws.com", role="fsx_role_arn", flag="--fsx-role-arn"
    ),
    Dependency(addon="cert-manager", sign="certificates.cert-manager.io"),
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the person asked for. version: of the add-on, '' for the newest that the cluster takes.

    roles: ARNs given by hand, by the field of HelmValues that they stand for.
    """

    version: str = ""
    skip_dependencies: bool = False
    roles: dict[str, str] = field(default_factory=dict)
    seconds: float = 1800.0


def plan(found: Discovered, options: Options) -> Plan:
    """The plan, or what must be fixed first."""
    account = found.account
    problems = [*_problems(found)]
    if problems:
        return Plan(cluster=account.cluster, region=account.region, problems=tuple(problems))
    release = found.releases[0]
    settings = values.read(release)
    version = options.version or version_of(account.addon_versions)
    problems = [*_unset(found, settings, version, options)]
    head = {
        "cluster": account.cluster,
        "region": account.region,
        "release": f"{release.namespace}/{release.name}",
    }
    notes = (*_notes(found, release, settings),)
    if problems:
        return Plan(**head, version=version, problems=tuple(problems), notes=notes)
    try:
        steps = tuple(_steps(found, release, settings, version, options))
    except InputError as error:
        return Plan(**head, version=version, problems=error.lines, notes=notes)
    return Plan(**head, version=version, steps=steps, notes=notes)


def _problems(found: Discovered) -> Iterator[str]:
    """What keeps any plan from being made."""
    yield from found.denied
    yield from found.unreadable
    if not found.releases and not found.unreadable:
        yield (
            "No Helm release of the inference operator was found in any namespace. "
            f"Looked for charts {', '.join(values.CHARTS)}, and for {values.PARENT_CHART} with the operator "
            "enabled; see `helm list -A`."
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


def _unset(found: Discovered, settings: HelmValues, version: str, options: Options) -> Iterator[str]:
    """What the values and the cluster lack for this version of the add-on."""
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
    if account.addon_versions and version not in account.addon_versions:
        yield (
            f"--addon-version: got {version}, EKS offers for Kubernetes {account.kubernetes}: "
            f"{', '.join(account.addon_versions)}."
        )
    needed = {"executionRoleArn": settings.execution_role_arn, "tlsCertificateS3Bucket": settings.tls_bucket}
    if needs_cluster_arn(version):
        needed["hyperpodClusterArn"] = settings.hyperpod_cluster_arn
    if settings.alb_enabled:
        needed["alb.serviceAccount.roleArn"] = settings.alb_role_arn
    if settings.keda_enabled:
        needed["keda.podIdentity.aws.irsa.roleArn"] = settings.keda_role_arn
    for name, value in needed.items():
        if not value:
            yield f"The release has no {name}: `helm upgrade ... --reuse-values --set {name}=...` first."
    for field_name in ("execution_role_arn", "alb_role_arn", "keda_role_arn", "gated_model_role_arn"):
        arn = getattr(settings, field_name)
        if arn and arn not in found.roles:
            yield f"The role {arn} of the release does not exist: create it, or correct the release's values."
    if not options.skip_dependencies:
        for dependency in _absent(found):
            if dependency.role and not _role(dependency, settings, options):
                yield f"{dependency.addon} is missing and no role is known for it: give {dependency.flag}."


def _notes(found: Discovered, release: Release, settings: HelmValues) -> Iterator[str]:
    for dropped in settings.dropped:
        yield f"not carried over, the add-on has no place for it: {dropped}"
    for name in ("keda-operator", "aws-load-balancer-controller", "hyperpod-inference-operator-alb"):
        for each in found.workloads:
            if each.name == name and each.release != release.name:
                yield f"left alone: Deployment {each.namespace}/{name}, which this release did not install"
    for thing in found.aws_objects:
        if thing.tags is None:
            yield f"{thing.id} (of {thing.of}) is not tagged: {thing.error}"


def _steps(
    found: Discovered, release: Release, settings: HelmValues, version: str, options: Options
) -> Iterator[AnyStep]:
    """In this order, so that no two operators ever work against each other."""
    for thing in found.aws_objects:
        if thing.tags is not None and thing.tags.get(KEY) != VALUE:
            yield TagObject(target=thing.id, of=thing.of)
    roles = new_roles(found, settings)
    yield from roles.values()
    if not options.skip_dependencies:
        for dependency in _absent(found):
            yield InstallAddon(
                name=dependency.addon,
                version=FLOORS[dependency.addon],
                role_arn=_role(dependency, settings, options),
                preserve=False,
                seconds=options.seconds,
            )
    yield from _scaled(found.workloads, release)
    yield InstallAddon(
        name=INFERENCE,
        version=version,
        configuration=configuration(found.account, settings, roles, version),
        operator=True,
        seconds=options.seconds,
    )
    named = tuple(str(each) for each in found.endpoints)
    yield Verify(ready=tuple(str(each) for each in found.endpoints if each.ready), all=named)
    yield RemoveObjects(release=release.name, namespace=release.namespace, objects=_references(release))
    yield DropRecords(release=release.name, namespace=release.namespace)


def _scaled(workloads: Iterable[Workload], release: Release) -> Iterator[ScaleDown]:
    """The operator first: it must not undo what its successor does."""
    pauses = {
        "controller-manager": "changes to endpoints are not acted on",
        "-alb": "load balancers are not changed",
        "keda": "nothing is scaled",
    }
    for mark, what in pauses.items():
        for each in workloads:
            if each.release == release.name and mark in each.name:
                yield ScaleDown(namespace=each.namespace, name=each.name, pauses=what)


def _absent(found: Discovered) -> Iterator[Dependency]:
    """Dependencies that nobody installed, be it as an add-on, by Helm or otherwise."""
    for dependency in DEPENDENCIES:
        if dependency.addon not in found.addons and dependency.sign not in found.csi_drivers | found.crds:
            yield dependency


def _role(dependency: Dependency, settings: HelmValues, options: Options) -> str:
    """The role given by hand, else the one that the release had for the driver; '' for none."""
    if not dependency.role:
        return ""
    return options.roles.get(dependency.role) or str(getattr(settings, dependency.role))


def _references(release: Release) -> tuple[dict[str, str], ...]:
    return tuple(
        {
            "apiVersion": each["apiVersion"],
            "kind": each["kind"],
            "namespace": each["metadata"].get("namespace") or "",
            "name": each["metadata"]["name"],
        }
        for each in release.objects()
    )
