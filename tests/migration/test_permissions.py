"""What the caller may not do in AWS is told all at once, and what nobody can know is said to be so."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hyperpod_inference.cloud.errors import CloudError, Denied
from hyperpod_inference.cloud.roles import Iam
from hyperpod_inference.migration.facts import AwsObject, Discovered
from hyperpod_inference.migration.permissions import checked
from hyperpod_inference.migration.planning import Options, plan

Found = Callable[..., Discovered]
CALLER = "arn:aws:iam::111122223333:role/platform/admin"
CERTIFICATE = "arn:aws:acm:us-west-2:111122223333:certificate/1"
OBJECT = "s3://hyperpod-tls-example/chat.pem"


class Judge:
    """IAM that refuses some actions, and is unsure of others."""

    def __init__(self, *refused: str, unsure: str = "", error: CloudError | None = None) -> None:
        self.asked: dict[str, set[str]] = {}
        self._refused, self._unsure, self._error = set(refused), unsure, error

    def principal(self, caller: str) -> str:
        return "" if caller.endswith(":root") else CALLER

    def denied(self, principal: str, actions: set[str], resource: str) -> tuple[set[str], set[str]]:
        assert principal == CALLER
        if self._error:
            raise self._error
        self.asked.setdefault(resource, set()).update(actions)
        return actions & self._refused, actions & {self._unsure}


async def judged(found: Discovered, judge: Judge) -> Any:
    iam: Any = judge
    made = plan(found, Options())
    assert made.problems == ()
    return await checked(made, found.account, iam)


@pytest.fixture
def found(discovered: Found) -> Discovered:
    """A cluster whose migration writes in every service."""
    things = tuple(AwsObject(id=each, of="x", tags={}) for each in (CERTIFICATE, OBJECT))
    base = discovered(aws_objects=things, csi_drivers=frozenset({"s3.csi.aws.com"}))
    return replace(
        base, account=replace(base.account, caller="arn:aws:sts::111122223333:assumed-role/admin/me")
    )


async def test_each_write_of_the_plan_is_asked_about_with_its_own_resource(found: Discovered) -> None:
    judge = Judge()
    made = await judged(found, judge)
    assert (made.problems, len(made.steps) > 5) == ((), True)
    asked = judge.asked
    assert asked["arn:aws:s3:::hyperpod-tls-example/chat.pem"] == {"s3:PutObjectTagging"}
    assert asked[CERTIFICATE] == {"acm:AddTagsToCertificate", "acm:RemoveTagsFromCertificate"}
    fsx = "arn:aws:iam::111122223333:role/SageMakerHP-FSx-abcdefgh-addon"
    assert {"iam:CreateRole", "iam:DeleteRole", "iam:PassRole"} <= asked[fsx]
    assert "eks:CreateAddon" in asked["arn:aws:eks:us-west-2:111122223333:cluster/example"]


async def test_all_that_is_refused_is_told_at_once_and_nothing_is_planned(found: Discovered) -> None:
    made = await judged(found, Judge("iam:CreateRole", "eks:CreateAddon", "s3:PutObjectTagging"))
    assert made.steps == ()
    for action in ("iam:CreateRole", "eks:CreateAddon", "s3:PutObjectTagging"):
        assert any(f"AWS does not let you {action} on" in each for each in made.problems)
    assert all(CALLER in each for each in made.problems)


async def test_what_depends_on_the_request_is_a_note_and_no_problem(found: Discovered) -> None:
    made = await judged(found, Judge(unsure="iam:CreateRole"))
    assert made.problems == ()
    assert any("not known before it is tried: iam:CreateRole on" in note for note in made.notes)


async def test_who_may_not_ask_gets_a_note(found: Discovered) -> None:
    refusal = Denied("iam:SimulatePrincipalPolicy", "AccessDenied", "not you")
    made = await judged(found, Judge(error=refusal))
    assert (made.problems, len(made.steps) > 5) == ((), True)
    assert any("iam:SimulatePrincipalPolicy: AccessDenied" in note for note in made.notes)


async def test_the_root_user_has_no_policies_to_judge(found: Discovered) -> None:
    root = replace(found, account=replace(found.account, caller="arn:aws:iam::111122223333:root"))
    made = await judged(root, Judge("iam:CreateRole"))
    assert made.problems == ()
    assert any("IAM judges roles and users only" in note for note in made.notes)


@pytest.mark.parametrize(
    ("caller", "principal"),
    [
        ("arn:aws:iam::111122223333:user/path/me", "arn:aws:iam::111122223333:user/path/me"),
        ("arn:aws:sts::111122223333:assumed-role/admin/me", CALLER),
        ("arn:aws:iam::111122223333:root", ""),
        ("arn:aws:sts::111122223333:federated-user/me", ""),
    ],
)
def test_a_session_counts_as_its_role_path_included(caller: str, principal: str) -> None:
    class Client:
        def get_role(self, RoleName: str) -> Any:  # noqa: N803 - AWS's spelling
            assert RoleName == "admin"
            return {"Role": {"Arn": CALLER}}

    class Session:
        def client(self, _service: str) -> Any:
            return Client()

    session: Any = Session()
    assert Iam(session).principal(caller) == principal
