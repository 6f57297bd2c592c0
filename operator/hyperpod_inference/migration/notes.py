"""What a person should know about a plan: what is left alone, what is not carried over. Pure."""

from collections.abc import Collection, Iterator

from hyperpod_inference.installation.roles import EXECUTION
from hyperpod_inference.migration.controllers import others
from hyperpod_inference.migration.dependencies import Dependency
from hyperpod_inference.migration.facts import Discovered
from hyperpod_inference.migration.helm import Release
from hyperpod_inference.migration.parts import OWN_CHART, REPLACED, Part, parts
from hyperpod_inference.migration.values import HelmValues


def notes_of(
    found: Discovered,
    release: Release,
    settings: HelmValues,
    controllers: Collection[Part],
    adopted: Collection[Dependency],
) -> Iterator[str]:
    """One sentence each. controllers: those that the add-on brings. adopted: what becomes an add-on."""
    for dropped in settings.dropped:
        yield f"not carried over, the add-on has no place for it: {dropped}"
    yield from _of_roles(found, settings, controllers)
    for each in others(found, release):
        yield f"left alone: Deployment {each.namespace}/{each.name}, which this release did not install"
    for part, objects in parts(release).items():
        if part not in (*REPLACED, *(each.part for each in adopted)):
            yield f"left alone: {len(objects)} objects of {part.value} that the release installed"
    for thing in found.aws_objects:
        if thing.tags is None:
            yield f"{thing.id} (of {thing.of}) is not tagged: {thing.error}"
    if release.chart == OWN_CHART:
        yield (
            "AWS's operator takes over what this project's made. It is closed: what it does to routers, "
            "caches and certificates that it did not make itself is not known here."
        )


def _of_roles(found: Discovered, settings: HelmValues, controllers: Collection[Part]) -> Iterator[str]:
    named = {Part.ALB: settings.alb_role_arn, Part.KEDA: settings.keda_role_arn}
    for part in sorted(controllers):
        if not named[part]:
            yield f"the release names no role for {part.value}: a new one gets what AWS publishes for it"
    if old := found.roles.get(settings.execution_role_arn):
        extra = [*(each.rpartition("/")[2] for each in old.attached), *old.inline]
        extra = [each for each in extra if each != EXECUTION.aws_policy]
        if extra:
            yield (
                f"the new execution role gets {EXECUTION.aws_policy} and the TLS buckets; of the old one, "
                f"{old.name}, these policies stay behind: {', '.join(extra)}"
            )
