"""From what was discovered to the plan. Pure; every decision of a migration is made here."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hyperpod_inference.api.errors import InputError
from hyperpod_inference.api.names import GROUP, OPERATOR_NAMESPACE
from hyperpod_inference.installation.compatibility import DEPENDENCIES as FLOORS
from hyperpod_inference.installation.compatibility import INFERENCE
from hyperpod_inference.migration import problems, values
from hyperpod_inference.migration.configuration import configuration, version_of
from hyperpod_inference.migration.controllers import brought
from hyperpod_inference.migration.dependencies import Dependency, absent, carried, role_of
from hyperpod_inference.migration.facts import Discovered
from hyperpod_inference.migration.notes import notes_of
from hyperpod_inference.migration.parts import OWN_CHART, REPLACED, Part, is_parent, own_source, parts
from hyperpod_inference.migration.plan import Plan
from hyperpod_inference.migration.roles import arn, new_roles
from hyperpod_inference.migration.selfhosted import leaves
from hyperpod_inference.migration.steps import (
    AnyStep,
    DropRecords,
    EditRecord,
    InstallAddon,
    MakeRole,
    RemoveObjects,
    ScaleDown,
    TagObject,
    TakeFinalizers,
    Verify,
)
from hyperpod_inference.migration.steps.tags import KEY, VALUE
from hyperpod_inference.migration.values import PARENT_KEYS, HelmValues

PAUSES = {
    Part.OPERATOR: "changes to endpoints are not acted on",
    Part.ALB: "load balancers are not changed",
    Part.KEDA: "nothing is scaled",
}


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
    if why := (*problems.of_the_start(found),):
        return Plan(cluster=account.cluster, region=account.region, problems=why)
    return _Planning(found, options).plan()


class _Planning:
    """One release, and what was decided about it."""

    def __init__(self, found: Discovered, options: Options) -> None:
        (self._release,) = found.releases
        self._found, self._options = found, options
        self._settings: HelmValues = values.read(self._release)
        self._version = options.version or version_of(found.account.addon_versions)
        self._parts = parts(self._release)
        self._missing = [] if options.skip_dependencies else [*absent(found)]
        self._adopted = [] if options.skip_dependencies else [*carried(found, self._release)]
        self._controllers = brought(found, self._release, self._settings)
        drivers = {
            each.part
            for each in (*self._missing, *self._adopted)
            if each.role and not role_of(each, self._settings, options.roles)
        }
        self._roles = new_roles(found, self._settings, self._controllers | drivers)

    def plan(self) -> Plan:
        """All of it."""
        found, release = self._found, self._release
        notes = (*notes_of(found, release, self._settings, self._controllers, self._adopted),)

        def made(**more: Any) -> Plan:
            return Plan(
                cluster=found.account.cluster,
                region=found.account.region,
                release=f"{release.namespace}/{release.name}",
                version=self._version,
                notes=notes,
                **more,
            )

        why = [
            *problems.of_the_settings(found, release, self._settings, self._version),
            *problems.of_the_floors(found),
            *problems.of_the_roles(found, self._roles),
        ]
        if why:
            return made(problems=tuple(why))
        try:
            return made(steps=(*self._steps(),))
        except InputError as error:
            return made(problems=error.lines)

    def _steps(self) -> Iterator[AnyStep]:
        """In this order, so that no two operators ever work against each other."""
        found = self._found
        for thing in found.aws_objects:
            if thing.tags is not None and thing.tags.get(KEY) != VALUE:
                yield TagObject(target=thing.id, of=thing.of)
        yield from self._roles.values()
        for dependency in self._missing:
            yield self._dependency(dependency)
        for dependency in self._adopted:
            yield self._removal(dependency.part, dependency.pauses)
            yield self._dependency(dependency)
        yield from self._scaled()
        own = self._release.chart == OWN_CHART
        if own:  # the add-on's objects have the same names, and selectors that cannot be changed
            yield self._removal(Part.OPERATOR, PAUSES[Part.OPERATOR])
            yield TakeFinalizers()  # after the webhook went, which would refuse the change
        yield self._inference()
        named = tuple(str(each) for each in found.endpoints)
        yield Verify(ready=tuple(str(each) for each in found.endpoints if each.ready), all=named)
        for part in REPLACED:
            if part in self._parts and not own:
                yield self._removal(part)
        yield from self._records()

    def _dependency(self, dependency: Dependency) -> InstallAddon:
        # Deleting cert-manager's add-on whole would delete its CRDs, and so every certificate.
        keeps = dependency.part is Part.CERT_MANAGER and dependency in self._adopted
        return InstallAddon(
            name=dependency.addon,
            version=FLOORS[dependency.addon],
            role_arn=self._role(dependency),
            preserve=keeps,
            namespace=dependency.addon if keeps else "",
            seconds=self._options.seconds,
        )

    def _role(self, dependency: Dependency) -> str:
        if given := role_of(dependency, self._settings, self._options.roles):
            return given
        made: MakeRole | None = self._roles.get(dependency.role_key)
        return arn(self._found.account, made.name) if made else ""

    def _inference(self) -> InstallAddon:
        return InstallAddon(
            name=INFERENCE,
            version=self._version,
            configuration=configuration(
                self._found.account, self._settings, self._roles, self._controllers, self._version
            ),
            namespace=OPERATOR_NAMESPACE,
            group=GROUP,
            seconds=self._options.seconds,
        )

    def _scaled(self) -> Iterator[ScaleDown]:
        """The operator first: it must not undo what its successor does."""
        there = {(each.namespace, each.name) for each in self._found.workloads}
        for part in REPLACED:
            for each in self._parts.get(part, ()):
                if each["kind"] == "Deployment" and (each["namespace"], each["name"]) in there:
                    yield ScaleDown(namespace=each["namespace"], name=each["name"], pauses=PAUSES[part])

    def _removal(self, part: Part, pauses: str = "") -> RemoveObjects:
        release = self._release
        objects = self._parts[part]
        if release.chart == OWN_CHART:
            objects = [each for each in objects if leaves(each)]
        return RemoveObjects(
            release=release.name,
            namespace=release.namespace,
            part=part.value,
            pauses=pauses,
            objects=tuple(objects),
        )

    def _records(self) -> Iterator[AnyStep]:
        release = self._release
        if is_parent(release):
            yield EditRecord(
                release=release.name,
                namespace=release.namespace,
                secret=release.secret,
                source=own_source(release),
                switch=PARENT_KEYS[0],
            )
        elif release.secret:
            yield DropRecords(release=release.name, namespace=release.namespace)
