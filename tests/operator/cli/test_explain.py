"""`hyperpod-inference explain`: what a field means, without a cluster."""

import pytest
from click.testing import CliRunner, Result

from hyperpod_inference.cli.main import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments])


@pytest.mark.parametrize("name", ["iec", "IEC", "InferenceEndpointConfig", "inferenceendpointconfigs"])
def test_a_kind_has_many_names(name: str) -> None:
    assert "KIND:     InferenceEndpointConfig\n" in run(name).stdout


def test_a_block_is_told_with_its_fields_their_defaults_and_rules() -> None:
    told = run("iec.spec.kvCacheSpec").stdout
    assert "FIELD: kvCacheSpec <Object>" in told
    assert "  enableL1Cache <boolean>\n    Keep them in the host's memory. Default true.\n" in told
    assert "l2CacheBackend redis needs l2CacheLocalUrl" in told


def test_a_list_is_told_with_the_fields_of_its_items() -> None:
    told = run("igwc.spec.schedulers[0]").stdout
    assert "FIELD: schedulers <[]Object> -required-" in told
    assert "  modelName <string> -required-\n" in told


def test_a_leaf_is_told_with_what_it_may_hold() -> None:
    told = run("iec.spec.loadBalancer.routingAlgorithm").stdout
    assert "one of least_outstanding_requests, round_robin" in told
    assert 'default "least_outstanding_requests"' in told
    assert "FIELDS" not in told


def test_all_fields_below_are_listed_as_a_tree() -> None:
    told = run("jsm.spec.server", "--recursive").stdout
    assert "  validations <Object>\n    acceleratorPartitionValidation <boolean>\n" in told


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("iec.spec.kvCachSpec", "spec has no field 'kvCachSpec', did you mean kvCacheSpec?"),
        ("iec.spec.replicas.x", "spec.replicas has no fields, so no 'x'"),
        ("jumpstart.spec", "there is no kind 'jumpstart', did you mean JumpStartModel?"),
    ],
)
def test_a_wrong_path_is_told_with_the_nearest_right_one(path: str, said: str) -> None:
    result = run(path)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{path}: {said}")
