"""`migrate` as a command: what it asks, what it refuses, and what it leaves behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hyperpod_inference.cli import migrate, migrating
from hyperpod_inference.cli.main import main
from hyperpod_inference.cloud.errors import Denied
from hyperpod_inference.kube.client import ListResult
from hyperpod_inference.migration.plan import Plan
from hyperpod_inference.migration.steps import TagObject
from hyperpod_inference.migration.world import World

Call = Callable[..., Result]
FIRST, SECOND = "s3://hyperpod-tls-example/a.pem", "s3://hyperpod-tls-example/b.pem"
PLAN = Plan(
    cluster="example",
    region="us-west-2",
    release="kube-system/hyperpod-inference-operator",
    version="v1.5.0-eksbuild.1",
    steps=tuple(TagObject(target=each, of="InferenceEndpointConfig team/chat") for each in (FIRST, SECOND)),
)


class Tags:
    """Tags of two objects; `broken` cannot be written."""

    def __init__(self) -> None:
        self.now: dict[str, dict[str, str]] = {FIRST: {"team": "a"}, SECOND: {}}
        self.broken = ""

    def read(self, id: str) -> dict[str, str]:
        return dict(self.now[id])

    def write(self, id: str, tags: dict[str, str]) -> None:
        if id == self.broken:
            raise Denied("s3:PutObjectTagging", "AccessDenied", "not you")
        self.now[id] = dict(tags)


class Empty:
    """A cluster without resources."""

    async def list(self, _resource: Any) -> ListResult:
        return ListResult([], "1")


@pytest.fixture
def tags() -> Tags:
    return Tags()


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tags: Tags, tmp_path: Path) -> Call:
    """call(*arguments, input, plan): `migrate` with a plan of two steps, its journal under tmp_path."""

    def run(*arguments: str, input: str = "", plan: Plan = PLAN) -> Result:
        async def world_of(*_: Any) -> World:
            nothing: Any = None
            tagging: Any = tags
            empty: Any = Empty()
            return World(client=empty, eks=nothing, iam=nothing, tagging=tagging, now=lambda: 0.0)

        async def planner(*_: Any) -> Plan:
            return plan

        monkeypatch.setattr(migrating, "world_of", world_of)
        monkeypatch.setattr(migrate, "_plan", planner)
        return CliRunner().invoke(main, ["migrate", "--backup-dir", str(tmp_path), *arguments], input=input)

    return run


UNTOUCHED = {FIRST: {"team": "a"}, SECOND: {}}
TAGGED = {
    FIRST: {"team": "a", "CreatedBy": "HyperPodInference"},
    SECOND: {"CreatedBy": "HyperPodInference"},
}
ON = ("--cluster-name", "example")


def test_without_anybody_to_ask_nothing_is_changed(call: Call, tags: Tags, tmp_path: Path) -> None:
    result = call(*ON)
    assert (result.exit_code, "Do these 2 steps now?" in result.output) == (1, True)
    assert (tags.now, [*tmp_path.iterdir()]) == (UNTOUCHED, [])


def test_who_says_no_finds_everything_as_it_was(call: Call, tags: Tags, tmp_path: Path) -> None:
    result = call(*ON, input="n\n")
    assert result.exit_code == 1
    assert (tags.now, [*tmp_path.iterdir()]) == (UNTOUCHED, [])


@pytest.mark.parametrize("flag", ["--yes", "--auto-approve"])
def test_with_yes_nothing_is_asked(call: Call, tags: Tags, flag: str) -> None:
    result = call(*ON, flag)
    assert (result.exit_code, "now?" in result.output) == (0, False)
    assert tags.now == TAGGED


def test_step_by_step_asks_before_each_step_and_a_no_leaves_a_way_on_and_back(
    call: Call, tags: Tags, tmp_path: Path
) -> None:
    result = call(*ON, "--step-by-step", "--rollback-on-failure", input="y\ny\nn\n")
    assert result.output.count("Do it?") == 2
    assert (result.exit_code, tags.now) == (1, {FIRST: TAGGED[FIRST], SECOND: {}})
    (journal,) = tmp_path.iterdir()
    assert f"migrate --resume {journal}" in result.output
    assert call("--resume", str(journal)).exit_code == 0
    assert tags.now == TAGGED
    assert call("--rollback", str(journal)).exit_code == 0
    assert tags.now == UNTOUCHED


def test_a_failure_leads_back_by_itself_where_that_was_asked_for(call: Call, tags: Tags) -> None:
    tags.broken = SECOND
    result = call(*ON, "--yes", "--rollback-on-failure")
    assert result.exit_code == 1
    assert "Everything is as it was before." in result.output
    assert "Error: s3:PutObjectTagging: AccessDenied: not you" in result.output
    assert tags.now == UNTOUCHED


def test_without_a_cluster_nothing_is_asked_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("no session may be made")

    monkeypatch.setattr("hyperpod_inference.cloud.session.Session.__init__", refuse)
    result = CliRunner().invoke(main, ["migrate", "--yes"])
    assert (result.exit_code, "--cluster-name is needed" in result.output) == (2, True)


def test_what_must_be_fixed_first_ends_with_its_own_status(call: Call, tags: Tags) -> None:
    plan = Plan(cluster="example", region="us-west-2", problems=("No Helm release of it was found.",))
    for flags in ([], ["--check"], ["--dry-run"], ["--yes"]):
        result = call(*ON, *flags, plan=plan)
        assert (result.exit_code, tags.now) == (3, UNTOUCHED)
        assert "FIX FIRST: No Helm release of it was found." in result.output


def test_a_check_and_a_dry_run_of_a_good_plan_change_nothing(call: Call, tags: Tags, tmp_path: Path) -> None:
    for flag in ("--check", "--dry-run"):
        assert call(*ON, flag).exit_code == 0
    assert (tags.now, [*tmp_path.iterdir()]) == (UNTOUCHED, [])


def test_programs_get_the_plan_as_json(call: Call) -> None:
    made = json.loads(call(*ON, "--dry-run", "-o", "json").stdout)
    assert [step["id"] for step in made["steps"]] == [f"tag/{FIRST}", f"tag/{SECOND}"]
    assert all(step["undoneBy"] for step in made["steps"])


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--resume", "a", "--rollback", "b"), 2, "--resume goes on and --rollback goes back"),
        (("--resume", "nowhere"), 2, "nowhere holds no migration"),
        ((*ON, "--timeout", "0"), 2, "--timeout"),
        ((*ON, "--no-such-flag"), 2, "No such option"),
    ],
)
def test_input_that_cannot_be_used_is_named(
    call: Call, tags: Tags, arguments: tuple[str, ...], status: int, words: str
) -> None:
    result = call(*arguments)
    assert (result.exit_code, words in result.output) == (status, True), result.output
    assert tags.now == UNTOUCHED


def test_the_journal_of_the_other_command_is_not_taken(call: Call, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(PLAN.model_copy(update={"command": "upgrade"}).model_dump_json())
    result = call("--rollback", str(tmp_path))
    assert (result.exit_code, "belongs to `upgrade`, not to `migrate`" in result.output) == (2, True)


def test_a_backup_directory_that_cannot_be_made_is_named_before_anything_changes(
    call: Call, tags: Tags, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    result = call(*ON, "--yes", "--backup-dir", str(tmp_path / "file" / "below"))
    assert (result.exit_code, "--backup-dir" in result.output) == (2, True)
    assert tags.now == UNTOUCHED


def test_every_flag_of_awss_script_is_understood(call: Call) -> None:
    flags = ["--auto-approve", "--step-by-step", "--skip-dependencies-migration"]
    values = ["--cluster-name", "--region", "--helm-namespace", "--s3-mountpoint-role-arn", "--fsx-role-arn"]
    given = [each for name in values for each in (name, "x")]
    assert call(*given, *flags, "--dry-run").exit_code == 0
