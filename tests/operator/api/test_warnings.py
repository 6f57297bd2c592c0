"""What is told and not refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperpod_inference.api.model_size import weights_size
from hyperpod_inference.api.parse import parse
from hyperpod_inference.api.warnings import warnings, warnings_about
from hyperpod_inference.webhook.validation import MAX_WARNING

Body = dict[str, Any]
CaseBody = Callable[[Body, str], Body]
CASES = yaml.safe_load((Path(__file__).parent / "warnings.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["field"])
def test_what_is_odd_is_told_with_its_field_and_what_to_write(case_body: CaseBody, case: Body) -> None:
    told = warnings(parse(case_body(case, "bad")))
    assert any(case["said"] in each.message for each in told if each.path == case["field"]), told


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["field"])
def test_no_warning_is_so_long_that_an_api_server_would_cut_it(case_body: CaseBody, case: Body) -> None:
    assert max(map(len, warnings_about(parse(case_body(case, "bad"))))) <= MAX_WARNING


@pytest.mark.parametrize(
    "kind", ["InferenceEndpointConfig", "JumpStartModel", "SageMakerEndpointRegistration"]
)
def test_a_plain_resource_gives_no_warning(body: Callable[..., Body], kind: str) -> None:
    assert warnings(parse(body(kind))) == ()


def test_what_aws_own_client_sends_by_itself_gives_no_warning(
    body: Callable[..., Body], sent_by_client: Body
) -> None:
    assert warnings(parse(body(**sent_by_client))) == ()


def test_a_gateway_is_told_what_a_later_operator_may_refuse(body: Callable[..., Body]) -> None:
    (told,) = warnings(parse(body("InferenceGatewayConfig")))
    assert str(told).startswith("spec.tls: AWS's operator may refuse")
    assert warnings(parse(body("InferenceGatewayConfig", tls={}))) == ()


@pytest.mark.parametrize(
    ("name", "gib"),
    [
        ("Llama-3.1-70B-Instruct", 130),
        ("llama-3-70b-awq", 33),
        ("qwen2.5-0.5b", 1),
        ("Mixtral-8x7B", 104),
        ("deepseek-r1-671b-fp8", 625),
        ("gpt-oss", None),
        ("my-model-8bit", None),
        ("a7bc", None),
    ],
)
def test_a_name_tells_the_size_of_the_weights_or_nothing(name: str, gib: int | None) -> None:
    size = weights_size(name)
    assert (size and round(size.gib)) == gib
