"""The AWS account of a running installation: what of the preflight's rules must go on holding."""

import json
from typing import Any

import pytest

from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.diagnosis import account, cause
from hyperpod_inference.diagnosis.account import installation_of
from hyperpod_inference.installation.compatibility import DEPENDENCIES, INFERENCE, RELEASES
from hyperpod_inference.installation.preflight import Addon, Facts, Finding, Role, Unread
from hyperpod_inference.installation.roles import EXECUTION
from hyperpod_inference.installation.trust import irsa_trust

ISSUER = "oidc.eks.us-west-2.amazonaws.com/id/EXAMPLE"
ROLE = "arn:aws:iam::111122223333:role/SageMakerHyperPodInference-example"
SETTINGS = installation_of(
    OperatorSettings(region="us-west-2", eks_cluster_name="inference", execution_role_arn=ROLE)
)
NEWEST = RELEASES[-1].version


def _trust(issuer: str = ISSUER) -> dict[str, Any]:

    text = irsa_trust(EXECUTION.account, EXECUTION.services).replace("${Issuer}", issuer)
    made: dict[str, Any] = json.loads(
        text.replace("${Provider}", f"arn:aws:iam::111122223333:oidc-provider/{issuer}")
    )
    return made


def _facts(**changes: Any) -> Facts:
    cluster = {
        "status": "ACTIVE",
        "version": "1.33",
        "accessConfig": {"authenticationMode": "API"},
        "identity": {"oidc": {"issuer": f"https://{ISSUER}"}},
    }
    sound: dict[str, Any] = {
        "region": "us-west-2",
        "cluster": cluster,
        "oidc_providers": {ISSUER: ["sts.amazonaws.com"]},
        "roles": {"execution": Role(_trust(), (str(EXECUTION.aws_policy),))},
    }
    return Facts(**(sound | changes))


def _managed(status: str = "ACTIVE", version: str = NEWEST) -> dict[str, Addon]:
    needed = {name: Addon(floor, "ACTIVE") for name, floor in DEPENDENCIES.items()}
    return needed | {INFERENCE: Addon(version, status)}


def _cause(facts: Facts) -> Finding:
    found = cause(account(SETTINGS, facts))
    assert found is not None
    return found


def test_an_account_without_the_add_on_needs_none_of_its_dependencies() -> None:
    assert cause(account(SETTINGS, _facts())) is None


def test_a_managed_installation_is_sound() -> None:
    findings = account(SETTINGS, _facts(addons=_managed()))
    assert [each for each in findings if each.verdict != "ok"] == []


def test_a_newer_add_on_is_advice() -> None:
    findings = account(SETTINGS, _facts(addons=_managed(version="v1.5.0-eksbuild.1")))
    assert cause(findings) is None
    assert f"{NEWEST} is out" in findings[-1].fix


def test_a_role_that_trusts_another_cluster_is_the_cause() -> None:
    other = _trust("oidc.eks.us-west-2.amazonaws.com/id/ANOTHER")
    found = _cause(_facts(roles={"execution": Role(other, (str(EXECUTION.aws_policy),))}))
    assert found.check == "role execution: trust"
    assert ISSUER in found.fix


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        ("CREATE_FAILED", "13 free places"),
        ("DEGRADED", "describe-addon"),
        ("UPDATING", "Wait until it is ACTIVE"),
    ],
)
def test_an_add_on_that_is_not_active_is_the_cause(status: str, fix: str) -> None:
    found = _cause(_facts(addons=_managed(status)))
    assert found.check == f"add-on {INFERENCE}"
    assert status in found.message
    assert fix in found.fix


def test_a_dependency_that_failed_is_the_cause() -> None:
    found = _cause(_facts(addons=_managed() | {"cert-manager": Addon("v1.18.2-eksbuild.2", "DEGRADED")}))
    assert found.check == "add-on cert-manager: status"


def test_add_ons_that_may_not_be_read_are_said_so() -> None:
    findings = account(SETTINGS, _facts(addons=Unread("AccessDenied: eks:ListAddons")))
    assert cause(findings) is None
    assert [each.message for each in findings if each.verdict == "unknown"] == [
        "AccessDenied: eks:ListAddons"
    ]


def test_the_bucket_is_looked_for_where_the_operator_has_one() -> None:
    named = OperatorSettings(
        eks_cluster_name="inference", tls_certificate_output_s3_uri="s3://hyperpod-tls-x/y"
    )
    settings = installation_of(named)
    assert settings.tls_bucket_name == "hyperpod-tls-x"
    found = cause(account(settings, _facts()))
    assert found is not None and found.check == "TLS bucket hyperpod-tls-x"
