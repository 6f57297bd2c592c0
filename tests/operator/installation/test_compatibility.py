"""The compatibility matrix: which versions run together, and how a pair that does not is refused."""

from itertools import pairwise

import pytest

from hyperpod_inference.installation.compatibility import (
    DEPENDENCIES,
    INFERENCE,
    KUBERNETES_VERSIONS,
    MATRIX,
    RELEASES,
    at_least,
    check_addon_version,
    check_pair,
)
from hyperpod_inference.installation.errors import PropertyError


@pytest.mark.parametrize("kubernetes", KUBERNETES_VERSIONS)
@pytest.mark.parametrize("version", [release.version for release in RELEASES])
def test_each_release_runs_on_what_hyperpod_supports(kubernetes: str, version: str) -> None:
    check_pair("Addon", kubernetes, INFERENCE, version)


@pytest.mark.parametrize(
    ("kubernetes", "name", "version", "message"),
    [
        (
            "1.30",
            "metrics-server",
            "v0.8.0-eksbuild.1",
            r"versions\['metrics-server'\]: got 'v0.8.0-eksbuild.1 on Kubernetes 1.30', "
            r"expected a supported pair: metrics-server v0.7.0 and later on 1.28, .*; "
            r"metrics-server v0.8.0 and later on 1.31, 1.32",
        ),
        ("1.30", "cert-manager", "v1.19.0-eksbuild.1", "cert-manager v1.19.0 and later on 1.31"),
        (
            "1.35",
            INFERENCE,
            "v1.5.0-eksbuild.1",
            "on Kubernetes 1.35', expected a supported pair: amazon-sagemaker",
        ),
    ],
)
def test_an_unsupported_pair_is_refused_with_the_supported_ones(
    kubernetes: str, name: str, version: str, message: str
) -> None:
    with pytest.raises(PropertyError, match=message):
        check_pair("Addons", kubernetes, name, version)


@pytest.mark.parametrize(
    ("kubernetes", "name", "version"),
    [
        ("1.33", "metrics-server", None),
        (None, "metrics-server", "v0.8.0-eksbuild.1"),
        ("${Token[Version.1]}", "metrics-server", "v0.8.0-eksbuild.1"),
        ("1.30", "coredns", "v1.11.4-eksbuild.2"),
    ],
)
def test_what_is_not_known_passes(kubernetes: str | None, name: str, version: str | None) -> None:
    check_pair("Addons", kubernetes, name, version)


@pytest.mark.parametrize(("name", "floor"), [*DEPENDENCIES.items(), ("vpc-cni", "v1.18.3")])
def test_an_addon_below_its_floor_is_refused(name: str, floor: str) -> None:
    check_addon_version("Addons", name, floor)
    with pytest.raises(PropertyError, match=f"got 'v0.1.0-eksbuild.1', expected {floor} or later"):
        check_addon_version("Addons", name, "v0.1.0-eksbuild.1")


def test_rows_are_in_order_and_name_versions_that_hyperpod_has() -> None:
    for rows in MATRIX.values():
        assert all(at_least(later.since, earlier.since) for earlier, later in pairwise(rows))
        assert all(set(row.kubernetes) <= set(KUBERNETES_VERSIONS) and row.source for row in rows)
