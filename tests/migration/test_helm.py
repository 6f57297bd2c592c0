"""Helm's own record of a release, read without helm."""

import base64
import gzip
from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.kube.client import ListResult
from hyperpod_inference.migration.asking import Asking
from hyperpod_inference.migration.helm import UnreadableRelease, body_of, decode, encode, newest, overlaid
from hyperpod_inference.migration.releases import releases
from hyperpod_inference.migration.world import World

Make = Callable[..., Any]


def test_a_release_is_read_from_its_secret(release: Make) -> None:
    found = release()
    assert (found.name, found.namespace, found.revision, found.status) == (
        "hyperpod-inference-operator",
        "kube-system",
        1,
        "deployed",
    )
    assert (found.chart_version, found.app_version) == ("2.2.2", "3.2")
    assert [each["kind"] for each in found.objects()][:2] == ["ServiceAccount", "Service"]


def test_the_values_of_the_user_lie_over_those_of_the_chart(release: Make) -> None:
    computed = release().computed
    assert computed["alb"] == {
        "enabled": True,
        "vpcId": "vpc-1",
        "serviceAccount": {"create": True, "roleArn": "arn:aws:iam::111122223333:role/alb"},
    }
    assert computed["image"] == {"tag": "v3.2"}


def test_null_takes_a_value_of_the_chart_away_as_it_does_for_helm() -> None:
    assert overlaid({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": None}, "d": [4]}) == {
        "a": {"c": 2},
        "d": [4],
    }


def test_the_newest_revision_of_each_release_counts(release: Make) -> None:
    revisions = [release(version=number) for number in (2, 10, 9)]
    assert [each.revision for each in newest(revisions).values()] == [10]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"release": "%%%"},
        {"release": base64.b64encode(b"not base64 again \xff").decode()},
        {"release": base64.b64encode(base64.b64encode(b"\x1f\x8bbroken")).decode()},
        {"release": base64.b64encode(base64.b64encode(gzip.compress(b"{}"))).decode()},
        {"release": base64.b64encode(base64.b64encode(gzip.compress(b"[1]"))).decode()},
    ],
)
def test_what_is_no_release_is_named_with_its_secret(release_secret: Make, data: dict[str, str]) -> None:
    broken = release_secret() | {"data": data}
    with pytest.raises(UnreadableRelease, match=r"Secret kube-system/sh\.helm\.release\.v1\."):
        decode(broken)


def test_values_that_are_no_mapping_are_named(release_secret: Make) -> None:
    broken = release_secret()
    broken["data"] = {"release": encode(body_of(broken) | {"config": ["a"]})}
    with pytest.raises(UnreadableRelease, match="its values are a list, not a mapping"):
        decode(broken)


async def test_a_manifest_that_is_not_yaml_is_named_and_another_charts_is_not_even_read(
    release_secret: Make,
) -> None:
    secrets = [release_secret(), release_secret(chart="somebody-elses", name="else")]
    for each in secrets:
        each["data"] = {"release": encode(body_of(each) | {"manifest": "---\na: [\n"})}

    class Cluster:
        async def list(self, resource: Any, *_: Any, **__: Any) -> ListResult:
            return ListResult(secrets if resource.kind == "Secret" else [], "1")

    nothing: Any = None
    client: Any = Cluster()
    world = World(client=client, eks=nothing, iam=nothing, tagging=nothing, now=lambda: 0.0)
    found, unreadable = await releases(Asking(world), "")
    assert [each.name for each in found] == ["hyperpod-inference-operator"]
    (why,) = unreadable
    assert why.startswith(
        "Secret kube-system/sh.helm.release.v1.hyperpod-inference-operator.v1: its manifest"
    )
