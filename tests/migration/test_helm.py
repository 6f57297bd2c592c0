"""Helm's own record of a release, read without helm."""

import base64
import gzip
from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.migration.helm import UnreadableRelease, decode, newest, overlaid

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
