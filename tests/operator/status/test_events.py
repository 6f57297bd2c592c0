"""Events tell of turns, once, and not of waiting."""

from typing import Any

from hyperpod_inference.status import NotBuilt, Part, events

World = Any


def test_the_first_status_tells_what_holds_and_what_is_not_built(world: World) -> None:
    missing = NotBuilt(part=Part.TLS, field="spec.tlsConfig", message="No certificate is issued.")
    told = events(None, world.judged(world.observed(not_built=(missing,))))
    assert [(each.type, each.reason) for each in told] == [
        ("Normal", "Valid"),
        ("Normal", "ClaimBound"),
        ("Warning", "NotBuilt"),
    ]


def test_nothing_new_is_nothing_told(world: World) -> None:
    status = world.judged(world.serving())
    assert events(status, status) == ()


def test_a_crash_and_the_recovery_are_told(world: World) -> None:
    crashed = world.pod(containerStatuses=[world.container(state={"terminated": {"exitCode": 1}})])
    before = world.judged(world.observed())
    broken = world.judged(world.observed(pods=(crashed,), previous_status=before))
    (warning,) = events(before, broken)
    assert (warning.type, warning.reason) == ("Warning", "CrashLoop")
    healed = world.judged(world.serving(previous_status=broken), after=60)
    assert [(each.type, each.reason) for each in events(broken, healed)] == [
        ("Normal", "Available"),
        ("Normal", "Available"),
    ]


def test_a_probe_that_fails_while_the_model_loads_is_no_event(world: World) -> None:
    loading = world.pod(containerStatuses=[world.container(state={"running": {}})])
    probe = world.event("Unhealthy", "Readiness probe failed: connection refused")
    before = world.judged(world.observed())
    assert events(before, world.judged(world.observed(pods=(loading,), events=(probe,)))) == ()


def test_another_wording_of_the_same_reason_is_no_event(world: World) -> None:
    def crashed(times: int) -> Any:
        state = world.container(state={"terminated": {"exitCode": 1}}, restartCount=times)
        return world.judged(world.observed(pods=(world.pod(containerStatuses=[state]),)))

    assert events(crashed(1), crashed(2)) == ()


def test_a_long_message_fits_the_api(world: World) -> None:
    status = world.judged(world.observed(problems=("spec.x: " + "y" * 5000,)))
    assert {len(each.message) for each in events(None, status)} == {1024}
