"""A real API server with the operator's webhook: all rules, also those that CEL cannot say, and warnings."""

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperpod_inference.api import names
from hyperpod_inference.api.kinds import KINDS
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import ApiError, ServerError
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]  # the first one starts cluster and operator
Body = dict[str, Any]
CaseBody = Callable[[Body, str], Body]
PATHS = {kind.kind: f"/apis/{kind.api_version}/namespaces/default/{kind.plural}" for kind in KINDS}
HERE = Path(__file__).parent
CONTRADICTIONS = yaml.safe_load((HERE / "contradictions.yaml").read_text())
WARNINGS = yaml.safe_load((HERE / "warnings.yaml").read_text())


def in_default(body: Body) -> Body:
    return body | {"metadata": body["metadata"] | {"namespace": "default"}}


async def dry_run(client: Client, body: Body) -> None:
    """What `kubectl apply --dry-run=server` does; raises as the server refuses."""
    params = {"fieldValidation": "Strict", "dryRun": "All"}
    await client.request("POST", PATHS[body["kind"]], params=params, body=in_default(body))


async def refusal(client: Client, body: Body) -> str:
    """Why the server refuses `body`. Asked again when it does not: a webhook that is slow fails open."""
    said: list[str] = []

    async def admitted() -> str | None:
        try:
            await dry_run(client, body)
        except ApiError as error:
            assert 400 <= error.status < 500, error
            said.append(error.message)
            return None
        return "admitted"

    await wait_for(f"a refusal of {body['spec']}", admitted, 30.0)
    return said[-1]


async def test_every_contradiction_is_refused_at_admission_with_the_way_out(
    operated: Client, case_body: CaseBody
) -> None:
    for case in CONTRADICTIONS:
        said = await refusal(operated, case_body(case, "bad"))
        if case.get("native"):
            continue  # in the server's own words
        assert case["remedy"] in said
        assert case["field"] in said or case["field"] == "metadata.name"
        if case.get("offline"):
            assert "admission webhook" in said, "or CEL says it: then it is not offline"


async def test_the_nearest_right_spec_of_each_is_admitted(operated: Client, case_body: CaseBody) -> None:
    for case in CONTRADICTIONS:
        await dry_run(operated, case_body(case, "good"))


async def test_what_aws_own_client_sends_by_itself_is_admitted(
    operated: Client, body: Callable[..., Body], sent_by_client: Body
) -> None:
    await dry_run(operated, body(**sent_by_client))


async def test_every_kind_is_taken_in_its_older_version_too(
    operated: Client, bodies: dict[str, Body]
) -> None:
    for kind in KINDS:
        if kind.older is None:
            continue
        given = in_default(bodies[kind.kind]) | {"apiVersion": f"{names.GROUP}/{kind.older.name}"}
        if kind.kind == names.KIND_ENDPOINT:
            given["spec"] = given["spec"] | {"instanceType": "ml.g5.8xlarge"}  # v1alpha1 demands it
        path = PATHS[kind.kind].replace(kind.version, kind.older.name)
        # Stored as v1 and answered as v1alpha1: the server asks for both conversions.
        stored = await once_trusted(
            partial(operated.request, "POST", path, params={"dryRun": "All"}, body=given)
        )
        assert stored["apiVersion"] == given["apiVersion"]
        assert is_part(given["spec"], stored["spec"]), stored["spec"]


async def once_trusted(request: Callable[[], Awaitable[Body]]) -> Body:
    """The answer, when the server has taken up the authority in a definition that was just written."""
    answers: list[Body] = []

    async def refused() -> str | None:
        try:
            answers.append(await request())
        except ServerError as error:
            return error.message
        return None

    await wait_for("the server to trust the conversion", refused, 60.0)
    return answers[-1]


def is_part(given: object, whole: object) -> bool:
    """Whether all of `given` is in `whole`, which may hold more fields."""
    if isinstance(given, dict) and isinstance(whole, dict):
        return all(key in whole and is_part(each, whole[key]) for key, each in given.items())
    return given == whole


async def kubectl(cluster: LocalCluster, *words: str, given: Body) -> list[str]:
    """Run kubectl against the server without storing anything; the warnings that it prints."""
    done = await asyncio.to_thread(
        subprocess.run,
        [cluster.kubectl, f"--kubeconfig={cluster.kubeconfig}", *words, "--dry-run=server", "-f", "-"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [
        line.removeprefix("Warning: ") for line in done.stderr.splitlines() if line.startswith("Warning: ")
    ]


async def test_what_is_allowed_but_odd_is_told_to_who_applies_it(
    operated: Client, local_cluster: LocalCluster, case_body: CaseBody
) -> None:
    manifests = [in_default(case_body(case, "bad")) for case in WARNINGS]
    given = {"apiVersion": "v1", "kind": "List", "items": manifests}
    told = await kubectl(local_cluster, "create", given=given)
    for case in WARNINGS:
        own = [line for line in told if line.startswith(f"{case['field']}: ")]
        assert any(case["said"] in line for line in own), (case, told)


async def test_who_applies_a_field_that_documents_misname_is_told_the_right_name(
    operated: Client, local_cluster: LocalCluster, body: Callable[..., Body]
) -> None:
    given = in_default(body(requestLimits={"maxConcurrentRequests": 4}))
    told = await kubectl(local_cluster, "apply", "--validate=ignore", given=given)
    wanted = "spec.requestLimits: got an unknown field, expected spec.worker.requestLimits"
    assert any(line.startswith(wanted) for line in told), told
