"""Every status holds only fields of the published schema: AWS's client drops a status with any other."""

from typing import Any

import pytest

from hyperpod_inference.api.crd import crds
from hyperpod_inference.status import NotBuilt, Part

World = Any
NEVER_BY_DEFAULT = {"inferenceGateway", "dataCaptureStatus", "dnsStatus", "endpoints", "tlsCertificate"}


def _schema() -> dict[str, Any]:
    (crd,) = [each for each in crds() if each["spec"]["names"]["kind"] == "InferenceEndpointConfig"]
    (version,) = [each for each in crd["spec"]["versions"] if each["name"] == "v1"]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    return found


def _unknown(value: Any, schema: dict[str, Any], path: str = "status") -> list[str]:
    if isinstance(value, list):
        return [each for item in value for each in _unknown(item, schema["items"], path + "[]")]
    if not isinstance(value, dict):
        return []
    known = schema["properties"]
    missing = [f"{path}.{name} is required" for name in schema.get("required", ()) if name not in value]
    strange = [f"{path}.{name} is unknown" for name in value if name not in known]
    nested = [
        e for name, v in value.items() if name in known for e in _unknown(v, known[name], f"{path}.{name}")
    ]
    return missing + strange + nested


@pytest.mark.parametrize("moment", ["first", "starting", "crashing", "serving", "refused", "deleted"])
def test_a_status_holds_only_fields_of_the_schema(world: World, moment: str) -> None:
    mirrored = [{"type": "Available", "status": "True", "lastUpdateTime": "2026-11-23T12:00:00Z", "extra": 1}]
    missing = tuple(NotBuilt(part=part, field="spec", message="Not there.") for part in Part)[2:]
    crash = world.pod(containerStatuses=[world.container(state={"terminated": {"exitCode": 1}})])
    deployment = world.deployment(1, 1, conditions=mirrored, unheardOf=3)
    observed = {
        "first": world.observed(deployment=None, services=(), claims=()),
        "starting": world.observed(pods=(world.pod(),), not_built=missing),
        "crashing": world.observed(pods=(crash,)),
        "serving": world.serving(deployment=deployment, not_built=missing),
        "refused": world.observed(problems=("spec.x: wrong",)),
        "deleted": world.serving(),
    }[moment]
    metadata = {"deletionTimestamp": "2026-11-23T12:00:00Z"} if moment == "deleted" else {}
    status = world.judged(observed, metadata=metadata, metrics={"enabled": True})
    assert _unknown(status, _schema()) == []
    assert NEVER_BY_DEFAULT.isdisjoint(status)
    assert status["state"] in _schema()["properties"]["state"]["enum"]
    assert {"name", "lastUpdated", "deploymentObjectOverallState"} <= status["deploymentStatus"].keys()
