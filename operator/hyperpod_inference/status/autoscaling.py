"""The verdict on scaling: what KEDA says of the ScaledObject, and the kinds that others have to install."""

from collections.abc import Mapping
from typing import Any

from hyperpod_inference.api import conditions
from hyperpod_inference.status.observed import Observed
from hyperpod_inference.status.parts import Dependency, Part
from hyperpod_inference.status.verdict import Verdict, count, no, sentence, yes


def dependencies(observed: Observed) -> dict[str, Verdict]:
    """DependenciesReady, of an endpoint that needs a kind of somebody else's."""
    if not observed.dependencies:
        return {}
    missing = [each for each in observed.dependencies if not each.present]
    if missing:
        told = no(conditions.DEPENDENCY_MISSING, " ".join(map(_missing, missing)))
    else:
        found = ", ".join(each.crd for each in observed.dependencies)
        told = yes(conditions.DEPENDENCIES_FOUND, f"Installed, as this endpoint needs: {found}.")
    return {conditions.DEPENDENCIES_READY: told}


def autoscaling(observed: Observed) -> dict[str, Verdict]:
    """AutoscalingReady, of an endpoint with a trigger that measures something."""
    needed = [each for each in observed.dependencies if each.part is Part.AUTOSCALING]
    if not needed:
        return {}
    missing = [each for each in needed if not each.present]
    told = no(conditions.DEPENDENCY_MISSING, _missing(missing[0])) if missing else _scaled(observed)
    return {conditions.AUTOSCALING_READY: told}


def _missing(dependency: Dependency) -> str:
    asked = f"CustomResourceDefinition {dependency.crd} is not installed"
    return (
        f"{asked}, and {dependency.part.value} needs it. {dependency.advice} It is noticed within a minute."
    )


def _scaled(observed: Observed) -> Verdict:
    scaler = observed.scaled_object
    if scaler is None:
        return no(conditions.NOT_CREATED, "The ScaledObject does not exist yet; the operator is creating it.")
    name = f"ScaledObject {scaler['metadata']['name']}"
    said = conditions.find(scaler.get("status", {}).get("conditions", ()), "Ready")
    if said is None or said.get("status") == "Unknown":
        waiting = f"KEDA has not judged {name} yet. If it stays so, look whether keda-operator runs."
        return no(conditions.PROGRESSING, waiting)
    if said["status"] != "True":
        cause = sentence(str(said.get("message") or said.get("reason") or "It gives no reason"))
        return no(conditions.SCALER_NOT_READY, f"KEDA does not scale by {name}: {cause} {_next_step(name)}")
    return yes(conditions.AVAILABLE, _bounds(scaler["spec"]))


def _bounds(spec: Mapping[str, Any]) -> str:
    low, high = spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", 100)
    triggers = count(len(spec.get("triggers", ())), "trigger")
    return f"KEDA keeps between {low} and {high} replicas, by {triggers}."


def _next_step(name: str) -> str:
    return f"Its events say more: kubectl describe {name.replace(' ', '/', 1).lower()}."
