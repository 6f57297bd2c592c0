"""Which controllers the add-on is to bring, and which belong to somebody else. Pure."""

from collections.abc import Iterator

from hyperpod_inference.migration.facts import Discovered, Workload
from hyperpod_inference.migration.helm import Release
from hyperpod_inference.migration.parts import Part, parts
from hyperpod_inference.migration.values import HelmValues

# Of a controller: what its Deployment is called, by whoever installed it.
NAMES = {
    Part.ALB: ("aws-load-balancer-controller", "hyperpod-inference-operator-alb"),
    Part.KEDA: ("keda-operator",),
}


def brought(found: Discovered, release: Release, settings: HelmValues) -> set[Part]:
    """The controllers that the add-on is to bring.

    One that the release switched off stays off, one that it installed is replaced. Where the release does not
    say, the add-on needs one, so it brings it unless another is there.
    """
    installed, said = parts(release), {Part.ALB: settings.alb_enabled, Part.KEDA: settings.keda_enabled}
    made = set()
    for part, switch in said.items():
        there = any(each.name in NAMES[part] for each in others(found, release))
        if switch is not False and (part in installed or not there):
            made.add(part)
    return made


def others(found: Discovered, release: Release) -> Iterator[Workload]:
    """Controllers that the release did not install."""
    own = {(each["namespace"], each["name"]) for group in parts(release).values() for each in group
           if each["kind"] == "Deployment"}  # fmt: skip
    for each in found.workloads:
        if any(each.name in names for names in NAMES.values()) and (each.namespace, each.name) not in own:
            yield each
