"""A release has parts: which the add-on replaces, which become add-ons, which are nobody's business here."""

import copy
from collections.abc import Callable
from typing import Any

from hyperpod_inference.migration.facts import Discovered
from hyperpod_inference.migration.helm import body_of, decode, without
from hyperpod_inference.migration.parts import Part, own_source, parts
from hyperpod_inference.migration.plan import Plan
from hyperpod_inference.migration.planning import Options, plan
from hyperpod_inference.migration.steps import EditRecord, InstallAddon, MakeRole, RemoveObjects, ScaleDown
from hyperpod_inference.migration.values import is_inference, read
from hyperpod_inference.migration.world import World

Found = Callable[..., Discovered]
Make = Callable[..., Any]
Body = dict[str, Any]
OPERATOR = "hyperpod-inference-operator-controller-manager"


def body(kind: str, name: str, namespace: str = "kube-system") -> Body:
    version = "apps/v1" if kind in ("Deployment", "DaemonSet") else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}


WHOLE = [
    ("", body("Deployment", OPERATOR, "hyperpod-inference-system")),
    ("charts/alb/", body("Deployment", "hyperpod-inference-operator-alb")),
    ("charts/keda/", body("Deployment", "keda-operator")),
    ("charts/s3/", body("DaemonSet", "s3-csi-node")),
    ("charts/fsx/", body("DaemonSet", "fsx-csi-node")),
    ("charts/cert-manager/", body("Deployment", "hyperpod-inference-operator-cert-manager", "cert-manager")),
    ("charts/metrics/", body("Deployment", "hyperpod-inference-operator-metrics")),
]
"""One object of each part of the public chart."""
PARENT = [
    ("charts/training-operators/", body("Deployment", "training-operator-controller-manager", "kubeflow")),
    ("charts/health-monitoring-agent/", body("DaemonSet", "health-monitoring-agent", "aws-hyperpod")),
    *((f"charts/hyperpod-inference-operator/{folder}", each) for folder, each in WHOLE),
]


def removed(made: Plan) -> dict[str, list[str]]:
    """Names of the objects that go, by the part."""
    return {
        step.part: [each["name"] for each in step.objects]
        for step in made.steps
        if isinstance(step, RemoveObjects)
    }


def test_each_object_belongs_to_the_chart_whose_template_made_it(release: Make) -> None:
    found = {part: [each["name"] for each in group] for part, group in parts(release(objects=WHOLE)).items()}
    assert found == {
        Part.OPERATOR: [OPERATOR],
        Part.ALB: ["hyperpod-inference-operator-alb"],
        Part.KEDA: ["keda-operator"],
        Part.S3: ["s3-csi-node"],
        Part.FSX: ["fsx-csi-node"],
        Part.CERT_MANAGER: ["hyperpod-inference-operator-cert-manager"],
        Part.METRICS: ["hyperpod-inference-operator-metrics"],
    }


def test_drivers_and_cert_manager_of_the_chart_become_add_ons_one_after_the_other(
    discovered: Found, release: Make
) -> None:
    made = plan(discovered(releases=(release(objects=WHOLE),)), Options())
    kinds = [step.id for step in made.steps if isinstance(step, RemoveObjects | InstallAddon)]
    of = "remove-objects/kube-system/hyperpod-inference-operator"
    assert kinds == [
        f"{of}/aws-mountpoint-s3-csi-driver",
        "addon/aws-mountpoint-s3-csi-driver",
        f"{of}/aws-fsx-csi-driver",
        "addon/aws-fsx-csi-driver",
        f"{of}/cert-manager",
        "addon/cert-manager",
        f"{of}/metrics-server",
        "addon/metrics-server",
        "addon/amazon-sagemaker-hyperpod-inference",
        f"{of}/operator",
        f"{of}/load-balancer-controller",
        f"{of}/KEDA",
    ]
    assert all(step.interrupts for step in made.steps if isinstance(step, RemoveObjects) and step.pauses)


def test_the_way_back_from_cert_manager_never_deletes_its_crds(discovered: Found, release: Make) -> None:
    made = plan(discovered(releases=(release(objects=WHOLE),)), Options())
    kept = {step.name: step.preserve for step in made.steps if isinstance(step, InstallAddon)}
    assert kept["cert-manager"]


def test_drivers_stay_where_they_are_when_that_was_asked_for(discovered: Found, release: Make) -> None:
    made = plan(discovered(releases=(release(objects=WHOLE),)), Options(skip_dependencies=True))
    assert set(removed(made)) == {"the operator", "the load balancer controller", "KEDA"}
    assert "left alone: 1 objects of metrics-server that the release installed" in made.notes


def test_under_the_parent_chart_nothing_else_is_touched(
    discovered: Found, release: Make, values: Body
) -> None:
    given = {"inferenceOperators": {"enabled": True}, "hyperpod-inference-operator": values}
    found = release(given, chart="hyperpod-helm-chart", defaults={}, objects=PARENT, name="dependencies")
    assert read(found).tls_bucket == "hyperpod-tls-example"
    made = plan(discovered(releases=(found,)), Options())
    assert made.problems == ()
    scaled = {step.name for step in made.steps if isinstance(step, ScaleDown)}
    touched = {name for names in removed(made).values() for name in names} | scaled
    assert touched == {each["metadata"]["name"] for _, each in WHOLE}
    assert "left alone: 2 objects of something else that the release installed" in made.notes
    (edit,) = (step for step in made.steps if isinstance(step, EditRecord))
    assert (edit.secret, edit.switch) == ("sh.helm.release.v1.dependencies.v1", "inferenceOperators")
    assert not any(step.kind == "drop-records" for step in made.steps)


def test_the_record_of_the_parent_chart_loses_the_operator_and_nothing_else(
    release: Make, release_secret: Make, values: Body
) -> None:
    given = {"inferenceOperators": {"enabled": True}, "hyperpod-inference-operator": values}
    options = {"chart": "hyperpod-helm-chart", "defaults": {}, "objects": PARENT}
    left = without(
        body_of(release_secret(given, **options))["manifest"], own_source(release(given, **options))
    )
    names = [line.split()[-1] for line in left.splitlines() if line.startswith("  name:")]
    assert names == ["training-operator-controller-manager", "health-monitoring-agent"]


def test_a_missing_driver_gets_a_role_of_its_own_that_reads_the_models(discovered: Found) -> None:
    found = discovered(
        csi_drivers=frozenset(),
        model_buckets=frozenset({"weights"}),
        releases=(without_driver_roles(discovered),),
    )
    made = plan(found, Options())
    roles = {step.name: step for step in made.steps if isinstance(step, MakeRole)}
    addons = {step.name: step for step in made.steps if isinstance(step, InstallAddon)}
    listing, reading, writing = roles["SageMakerHP-S3-abcdefgh-addon"].inline["Buckets"]["Statement"]
    assert "arn:aws:s3:::weights" in listing["Resource"]
    assert "arn:aws:s3:::weights/*" in reading["Resource"]
    assert writing["Resource"] == ["arn:aws:s3:::hyperpod-tls-example/*"]
    assert roles["SageMakerHP-FSx-abcdefgh-addon"].attached == (
        "arn:aws:iam::aws:policy/AmazonFSxFullAccess",
    )
    role = "arn:aws:iam::111122223333:role/"
    assert addons["aws-mountpoint-s3-csi-driver"].role_arn == f"{role}SageMakerHP-S3-abcdefgh-addon"
    assert addons["aws-fsx-csi-driver"].role_arn == f"{role}SageMakerHP-FSx-abcdefgh-addon"
    given = plan(found, Options(roles={"fsx_role_arn": f"{role}mine"}))
    assert not any(step.id == "role/SageMakerHP-FSx-abcdefgh-addon" for step in given.steps)


def without_driver_roles(discovered: Found) -> Any:
    """The release as it would be without a role for the S3 driver."""
    from dataclasses import replace

    (release,) = discovered().releases
    return replace(release, values={key: value for key, value in release.values.items() if key != "s3"})


async def test_helms_record_is_edited_and_put_back(release_secret: Make, release: Make, values: Body) -> None:
    given = {"inferenceOperators": {"enabled": True}, "hyperpod-inference-operator": values}
    options = {"chart": "hyperpod-helm-chart", "defaults": {}, "objects": PARENT}
    stored = release_secret(given, **options)

    class Cluster:
        async def get(self, *_: Any) -> Body:
            return copy.deepcopy(stored)

        async def patch(self, _resource: Any, _name: str, _namespace: str, body: Body) -> None:
            stored["data"] = body["data"]

    nothing: Any = None
    client: Any = Cluster()
    world = World(client=client, eks=nothing, iam=nothing, tagging=nothing, now=lambda: 0.0)
    step = EditRecord(
        release="r", namespace="kube-system", secret="s", source=own_source(release(given, **options)),
        switch="inferenceOperators",
    )  # fmt: skip
    before = await step.before(world)
    for _ in range(2):
        await step.run(world, before)
        left = decode(stored)
        assert not is_inference(left)
        assert left.values["hyperpod-inference-operator"] == values
        assert len(left.objects()) == 2
    await step.undo(world, before)
    assert is_inference(decode(stored))
