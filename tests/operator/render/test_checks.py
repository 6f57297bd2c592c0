"""What only the operator can refuse, and what it says."""

from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import InvalidResource
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import Facts, render

Endpoints = Callable[..., InferenceEndpointConfig]
ACCOUNTS = OperatorSettings(enable_custom_service_accounts=True)


def _refusal(endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts) -> str:
    with pytest.raises(InvalidResource) as refused:
        render(endpoint, settings, facts)
    (problem,) = refused.value.problems
    return str(problem)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"kubernetes": {"serviceAccountName": "reader"}},
            "enableCustomServiceAccounts: true",
        ),
        (
            {
                "modelSourceConfig": {
                    "modelSourceType": "fsx",
                    "fsxStorage": {"fileSystemId": "fs-1", "dnsName": "fs-1.example"},
                }
            },
            "spec.modelSourceConfig.fsxStorage.mountName: missing",
        ),
    ],
)
def test_a_refusal_names_the_field_what_came_and_what_to_do(
    endpoint: Endpoints, given: dict[str, Any], said: str
) -> None:
    assert said in _refusal(endpoint(**given), OperatorSettings(), Facts())


def test_the_operators_own_account_is_refused(endpoint: Endpoints) -> None:
    given = endpoint(kubernetes={"serviceAccountName": ACCOUNTS.service_account_name})
    assert "the operator's own" in _refusal(given, ACCOUNTS, Facts())


def test_an_account_must_be_labelled_by_an_administrator(endpoint: Endpoints) -> None:
    given = endpoint(kubernetes={"serviceAccountName": "reader"})
    told = _refusal(given, ACCOUNTS, Facts(assignable_service_accounts=frozenset({"other"})))
    assert "kubectl label serviceaccount reader -n team-a" in told
    assert render(given, ACCOUNTS, Facts(assignable_service_accounts=frozenset({"reader"}))).manifests
