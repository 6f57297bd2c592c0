"""What is said of parts inside the pods: set up and served, set up and not served yet, not possible."""

from typing import Any

import pytest

from hyperpod_inference.status.parts import Arrangement, Part


def _cache(*, works: bool) -> Arrangement:
    reason = "Configured" if works else "NotPossible"
    return Arrangement(
        part=Part.KV_CACHE, field="spec.kvCacheSpec", works=works, reason=reason, message="Words."
    )


@pytest.mark.parametrize(
    ("works", "ready", "status", "reason"),
    [
        (True, True, "True", "Configured"),
        (True, False, "False", "Progressing"),
        (False, True, "False", "NotPossible"),
        (False, False, "False", "NotPossible"),
    ],
)
def test_a_part_inside_the_pods_is_ready_with_them(
    world: Any, condition: Any, works: bool, ready: bool, status: str, reason: str
) -> None:
    arranged = {"arrangements": (_cache(works=works),)}
    observed = world.serving(**arranged) if ready else world.observed(pods=(world.pod(),), **arranged)
    found = condition(world.judged(observed), "KVCacheReady")
    assert (found["status"], found["reason"]) == (status, reason)
    assert found["message"].startswith("Words.")


def test_a_part_that_could_not_be_set_up_does_not_keep_the_endpoint_from_being_ready(
    world: Any, condition: Any
) -> None:
    judged = world.judged(world.serving(arrangements=(_cache(works=False),)))
    assert condition(judged, "Ready")["status"] == "True"
