"""The documented weaknesses of AWS's script, W1 to W18: each has a test that ours does not have it.

The table in docs/migration.md names them; some are tests of other files.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.api.crd import crds
from hyperpod_inference.cloud.addons import Eks
from hyperpod_inference.cloud.roles import Iam
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.migration import endpoints
from hyperpod_inference.migration.aws_objects import ingress_names
from hyperpod_inference.migration.engine import back
from hyperpod_inference.migration.facts import Discovered
from hyperpod_inference.migration.journal import Journal
from hyperpod_inference.migration.planning import Options, plan
from hyperpod_inference.migration.steps import InstallAddon, MakeRole, RemoveObjects, ScaleDown, Step
from hyperpod_inference.migration.world import OutOfTime, World

Found = Callable[..., Discovered]
Make = Callable[..., Any]
ROOT = Path(__file__).parents[2]
RESOURCE: dict[str, Any] = {
    "kind": "JumpStartModel",
    "metadata": {"name": "llama", "namespace": "team"},
    "spec": {"tlsConfig": {"tlsCertificateOutputS3Uri": "s3://hyperpod-tls-a/x"}},
    "status": {
        "tlsCertificate": {
            "certificateARN": "arn:aws:acm:us-west-2:111122223333:certificate/1",
            "tlsCertificateOutputS3Bucket": "hyperpod-tls-b",
            "tlsCertificateS3Keys": ["llama/ca.pem"],
        }
    },
}


class Recording:
    """A client of anything: `answers` by method, what it was asked in `calls`."""

    def __init__(self, **answers: Any) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._answers = answers

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**given: Any) -> Any:
            self.calls.append((name, given))
            answer = self._answers.get(name, {})
            return answer.pop(0) if isinstance(answer, list) else answer

        return call


class OneClient:
    """A session whose services are all this client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def client(self, _service: str) -> Any:
        return self._client


def session(client: Any) -> Any:
    return OneClient(client)


def world(**parts: Any) -> World:
    times = iter(range(0, 1_000_000, 30))

    async def pause(_seconds: float) -> None:
        await asyncio.sleep(0)

    given: dict[str, Any] = dict.fromkeys(("client", "eks", "iam", "tagging")) | parts
    return World(**given, now=lambda: float(next(times)), pause=pause)


def test_w01_jumpstart_models_are_asked_for_by_the_name_that_the_crd_has() -> None:
    plurals = {crd["spec"]["names"]["kind"]: crd["spec"]["names"]["plural"] for crd in crds()}
    for resource in (*endpoints.SERVED, endpoints.REGISTRATIONS):
        assert plurals[resource.kind] == resource.plural
    assert [*endpoints.certificates(RESOURCE)] == ["arn:aws:acm:us-west-2:111122223333:certificate/1"]


def test_w02_certificates_and_objects_are_read_from_paths_that_the_crds_have() -> None:
    for crd in crds():
        if crd["spec"]["names"]["kind"] not in ("JumpStartModel", "InferenceEndpointConfig"):
            continue
        schema = next(v for v in crd["spec"]["versions"] if v["name"] == "v1")["schema"]["openAPIV3Schema"]
        parts = schema["properties"]
        assert "tlsCertificateOutputS3Uri" in parts["spec"]["properties"]["tlsConfig"]["properties"]
        status = parts["status"]["properties"]["tlsCertificate"]["properties"]
        assert set(RESOURCE["status"]["tlsCertificate"]) <= set(status)
    assert [*endpoints.objects(RESOURCE)] == ["s3://hyperpod-tls-b/llama/ca.pem"]
    assert [*endpoints.buckets(RESOURCE)] == ["hyperpod-tls-a", "hyperpod-tls-b"]


def test_w03_the_name_of_a_role_is_what_follows_its_path() -> None:
    role = {"Role": {"Arn": "arn", "AssumeRolePolicyDocument": {}}}
    client = Recording(
        get_role=role,
        list_attached_role_policies={"AttachedPolicies": []},
        list_role_policies={"PolicyNames": []},
    )
    Iam(session(client)).role("arn:aws:iam::111122223333:role/service-role/deep/name")
    assert {given["RoleName"] for _, given in client.calls} == {"name"}


def test_w04_a_new_role_trusts_one_service_account_whatever_the_old_one_trusted(discovered: Found) -> None:
    found = discovered()
    wild = {"StringLike": {"issuer:sub": "system:serviceaccount:*:*"}}
    roles = {
        arn: replace(role, trust={"Statement": [{"Effect": "Allow", "Condition": wild}]})
        for arn, role in found.roles.items()
    }
    made = plan(discovered(roles=roles), Options())
    for step in made.steps:
        if isinstance(step, MakeRole):
            conditions = [each["Condition"] for each in step.trust["Statement"] if "Condition" in each]
            assert conditions
            for condition in conditions:
                (subject,) = (v for key, v in condition["StringEquals"].items() if key.endswith(":sub"))
                assert "*" not in subject


async def test_w06_an_add_on_that_stays_degraded_ends_the_wait_with_the_reason() -> None:
    issue = {"code": "InsufficientNumberOfReplicas", "message": "0 of 1"}
    degraded = {"addonName": "x", "status": "DEGRADED", "health": {"issues": [issue]}}
    eks = Eks(session(Recording(describe_addon={"addon": degraded})), "example")
    with pytest.raises(
        OutOfTime, match=r"not after 600 s; last seen: DEGRADED: InsufficientNumberOfReplicas"
    ):
        await InstallAddon(name="x", seconds=600).run(world(eks=eks), {"existed": False})


async def test_w07_everything_is_undone_in_the_reverse_of_its_order(
    discovered: Found, release: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gated = release().values | {"jumpstartGatedModelDownloadRoleArn": "arn:aws:iam::111122223333:role/alb"}
    made = plan(discovered(releases=(release(gated),), csi_drivers=frozenset({"fsx.csi.aws.com"})), Options())
    assert {step.name for step in made.steps if isinstance(step, MakeRole)} >= {"js-gated-role-abcdefgh"}
    journal = Journal.create(tmp_path, made, datetime(2026, 1, 1, tzinfo=UTC))
    undone: list[str] = []

    async def note(self: Step, _world: World, _before: Any) -> None:
        undone.append(self.id)

    for kind in {type(step) for step in made.steps}:
        monkeypatch.setattr(kind, "undo", note)
    for step in made.steps:
        journal.begin(step.id, {})
    await back(journal, world())
    assert undone == [step.id for step in reversed(made.steps)]


def test_w08_inline_policies_come_along(discovered: Found) -> None:
    made = plan(discovered(), Options())
    (keda,) = (step for step in made.steps if isinstance(step, MakeRole) and "KEDA" in step.name)
    assert list(keda.inline) == ["metrics"]


async def test_w09_objects_are_deleted_one_by_one_by_name_and_uid() -> None:
    deleted: list[tuple[Any, ...]] = []

    class Cluster:
        async def resource_of(self, body: Any) -> Any:
            return endpoints.DEPLOYMENTS

        async def get(self, _resource: Any, name: str, namespace: str) -> Any:
            return {"metadata": {"name": name, "namespace": namespace, "uid": f"uid of {name}"}}

        async def delete(self, _resource: Any, name: str, namespace: str, *, uid: str) -> None:
            deleted.append((name, namespace, uid))

    reference = {"apiVersion": "apps/v1", "kind": "DaemonSet", "namespace": "kube-system", "name": "fsx"}
    step = RemoveObjects(release="r", namespace="kube-system", part="x", objects=(reference,))
    acting = world(client=Cluster())
    await step.run(acting, {"objects": [{"kind": "DaemonSet", "metadata": reference}]})
    assert deleted == [("fsx", "kube-system", "uid of fsx")]


def test_w10_a_metrics_server_goes_only_where_its_add_on_takes_over(discovered: Found, release: Make) -> None:
    served = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "metrics"}}
    other = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x-metrics-x"}}
    objects = [*release().sourced(), ("charts/metrics/", served), ("charts/unknown/", other)]
    found = discovered(releases=(release(objects=[("", each) for _, each in objects[:-2]] + objects[-2:]),))
    ids = [step.id for step in plan(found, Options()).steps]
    removal = "remove-objects/kube-system/hyperpod-inference-operator/metrics-server"
    assert ids[ids.index(removal) + 1] == "addon/metrics-server"
    left = plan(found, Options(skip_dependencies=True))
    for made in (plan(found, Options()), left):
        names = [each["name"] for s in made.steps if isinstance(s, RemoveObjects) for each in s.objects]
        assert ("metrics" in names, "x-metrics-x" in names) == (made is not left, False)


def test_w10_an_add_on_takes_over_what_is_there_already() -> None:
    client = Recording()
    Eks(session(client), "example").create("metrics-server", "v0.7.2-eksbuild.4", None)
    ((_, given),) = client.calls
    assert given["resolveConflicts"] == "OVERWRITE"


def test_w11_all_records_go_and_come_back_in_whatever_namespace_they_are(
    discovered: Found, release: Make
) -> None:
    found = replace(release(version=7), namespace="platform")
    made = plan(discovered(releases=(found,)), Options())
    assert made.steps[-1].id == "drop-records/platform/hyperpod-inference-operator"
    assert "all revisions" in made.steps[-1].changes


async def test_w12_the_way_back_restores_the_replicas_that_were_found() -> None:
    live: dict[str, Any] = {"spec": {"replicas": 3}, "metadata": {}, "status": {}}

    class Cluster:
        async def get(self, *_: Any) -> Any:
            return live

        async def patch(self, _resource: Any, _name: str, _namespace: str, body: Any) -> None:
            live["spec"] |= body["spec"]

    step = ScaleDown(namespace="platform", name="keda-operator", pauses="x")
    acting = world(client=Cluster())
    before = await step.before(acting)
    await step.run(acting, before)
    assert live["spec"]["replicas"] == 0
    await step.undo(acting, before)
    assert live["spec"]["replicas"] == 3


async def test_w13_a_deployment_that_went_meanwhile_is_no_error() -> None:
    class Empty:
        async def get(self, *_: Any) -> Any:
            raise NotFound("gone")

    step = ScaleDown(namespace="platform", name="keda-operator", pauses="x")
    before = await step.before(world(client=Empty()))
    await step.run(world(client=Empty()), before)
    await step.undo(world(client=Empty()), before)


def test_w16_roles_are_made_and_dependencies_are_active_before_the_add_on_is(discovered: Found) -> None:
    made = plan(discovered(csi_drivers=frozenset(), crds=frozenset()), Options())
    kinds = [(step.kind, getattr(step, "name", "")) for step in made.steps]
    last = kinds.index(("addon", "amazon-sagemaker-hyperpod-inference"))
    roles = [place for place, (kind, _) in enumerate(kinds) if kind == "role"]
    addons = [place for place, (kind, _) in enumerate(kinds) if kind == "addon"]
    assert max(roles) < min(addons)
    assert addons == [*addons[:-1], last]
    assert len(addons) == 4  # each waits until it is ACTIVE, see `InstallAddon.run`


def test_w16_the_partition_is_that_of_the_account(discovered: Found) -> None:
    account = replace(discovered().account, partition="aws-cn")
    made = plan(discovered(account=account, csi_drivers=frozenset()), Options())
    for step in made.steps:
        if isinstance(step, MakeRole):
            policies = [each for each in step.attached if ":aws:policy/" in each]
            assert all(each.startswith("arn:aws-cn:iam::aws:") for each in policies)
            assert "arn:aws:iam" not in str(step.trust)
        if isinstance(step, InstallAddon):
            assert "arn:aws:iam" not in str(step.configuration)


def test_w16_only_ingresses_of_endpoints_count_however_others_are_called() -> None:
    places = ingress_names([RESOURCE])
    assert all("llama" in name for _, name in places)
    assert ("team", "alb-of-somebody") not in places


def rows() -> dict[str, str]:
    """The table of docs/migration.md: W number to the tests it names."""
    text = (ROOT / "docs" / "migration.md").read_text("utf-8")
    return {row[1]: row[2] for row in re.finditer(r"^\| (W\d+) \|.*\|(.*?)\|$", text, re.M)}


def test_the_table_in_the_docs_names_a_test_for_each_weakness() -> None:
    tests = set()
    for file in (ROOT / "tests" / "migration").rglob("test_*.py"):
        tests |= set(re.findall(r"^(?:async )?def (test_\w+)\(", file.read_text("utf-8"), re.M))
    table = rows()
    assert list(table) == [f"W{number}" for number in range(1, 19)]
    for number, cell in table.items():
        named = re.findall(r"`(test_\w+)`", cell)
        assert named, number
        assert set(named) <= tests, number
