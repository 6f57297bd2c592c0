"""What `modelCacheConfig` makes: the DaemonSet that warms nodes, and model pods that read from a warm one."""

import os
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.render import Part, Rendered

Body = dict[str, Any]
Renders = Callable[..., Rendered]
G5, P5, P4D = "ml.g5.8xlarge", "ml.p5.48xlarge", "ml.p4d.24xlarge"
WEIGHTS = {"weightsCache": {"enabled": True}}
IMAGE = {"imageCache": {"enabled": True}}
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
NODE_LABELS = "inference.sagemaker.aws.amazon.com/node-labels"


def of_kind(rendered: Rendered, kind: str) -> Body:
    (found,) = [each for each in rendered.manifests if each["kind"] == kind]
    return found


def pod(rendered: Rendered, kind: str = "Deployment") -> Body:
    found: Body = of_kind(rendered, kind)["spec"]["template"]["spec"]
    return found


def warm_labels(rendered: Rendered) -> list[str]:
    template = of_kind(rendered, "DaemonSet")["spec"]["template"]
    return str(template["metadata"]["annotations"][NODE_LABELS]).split(",")


def wishes(rendered: Rendered) -> list[tuple[int, str]]:
    terms = pod(rendered)["affinity"]["nodeAffinity"].get(PREFERRED, [])
    return [(each["weight"], each["preference"]["matchExpressions"][0]["key"]) for each in terms]


@pytest.mark.parametrize("config", [{}, {"weightsCache": {}}, {"imageCache": {"enabled": False}}])
def test_what_is_not_enabled_makes_nothing(rendered: Renders, config: Body) -> None:
    with_it, without = rendered(modelCacheConfig=config), rendered()
    assert with_it.manifests == without.manifests
    assert with_it.arrangements == ()


def test_a_pod_on_every_node_that_the_model_may_use_holds_the_image(rendered: Renders) -> None:
    made = rendered(modelCacheConfig=IMAGE, instanceTypes=[P5, G5])
    keeper = pod(made, "DaemonSet")
    assert keeper["containers"][0]["image"] == pod(made)["containers"][0]["image"]
    assert "initContainers" not in keeper
    required = pod(made)["affinity"]["nodeAffinity"][REQUIRED]
    assert keeper["affinity"] == {"nodeAffinity": {REQUIRED: required}}
    assert keeper["tolerations"] == pod(made)["tolerations"]
    assert "nvidia.com/gpu" not in str(keeper["containers"][0]["resources"])


def test_its_pods_are_none_of_the_models(rendered: Renders) -> None:
    made = rendered(modelCacheConfig=IMAGE)
    labels = of_kind(made, "DaemonSet")["spec"]["template"]["metadata"]["labels"]
    for manifest in made.manifests:
        if manifest["kind"] in ("Service", "Deployment"):
            selector = manifest["spec"]["selector"]
            selector = selector.get("matchLabels", selector)
            assert not selector.items() <= labels.items()


def test_weights_are_copied_to_a_directory_of_the_endpoints_own(rendered: Renders) -> None:
    made = rendered(modelCacheConfig={"weightsCache": {"enabled": True, "hostPath": "/mnt/nvme/"}})
    keeper = pod(made, "DaemonSet")
    (disk,) = [each for each in keeper["volumes"] if "hostPath" in each]
    assert disk["hostPath"] == {"path": "/mnt/nvme", "type": "Directory"}, "it must be there"
    (copier,) = keeper["initContainers"]
    assert {each["mountPath"] for each in copier["volumeMounts"]} == {"/mnt/model-source", "/mnt/node-disk"}
    (copy,) = [each for each in pod(made)["volumes"] if "hostPath" in each]
    (directory,) = [each["value"] for each in copier["env"] if each["name"] == "DIR"]
    assert copy["hostPath"]["path"].removeprefix("/mnt/nvme") == directory.removeprefix("/mnt/node-disk")
    assert "/hyperpod-inference/team-a-chat-" in directory


def test_the_default_disk_is_the_instances_nvme(rendered: Renders) -> None:
    keeper = pod(rendered(modelCacheConfig=WEIGHTS), "DaemonSet")
    assert [each["hostPath"]["path"] for each in keeper["volumes"] if "hostPath" in each] == [
        "/opt/dlami/nvme"
    ]


def test_another_source_or_image_makes_another_label_so_that_no_node_counts_as_warm_by_mistake(
    rendered: Renders,
) -> None:
    both = WEIGHTS | IMAGE
    weights, image = warm_labels(rendered(modelCacheConfig=both))
    assert weights.startswith("inference.sagemaker.aws.amazon.com/weights-cache-ready.")
    assert image.startswith("inference.sagemaker.aws.amazon.com/image-cache-ready.")
    assert len(weights.partition("/")[2]) <= 63
    moved = warm_labels(rendered(modelCacheConfig=both, modelSourceConfig={"modelLocation": "other"}))
    assert (moved[0] != weights, moved[1] == image) == (True, True)
    newer = warm_labels(rendered(modelCacheConfig=both, worker={"image": "vllm/vllm-openai:v0.11.0"}))
    assert (newer[0] == weights, newer[1] != image) == (True, True)


@pytest.mark.parametrize(
    ("spec", "weight"),
    [
        ({}, 100),
        ({"instanceType": G5}, 100),
        ({"instanceTypes": [P5, G5]}, 49),
        ({"instanceTypes": [P5, P4D, G5]}, 25),
    ],
)
def test_a_warm_node_is_preferred_but_never_over_a_better_instance_type(
    rendered: Renders, spec: Body, weight: int
) -> None:
    made = rendered(modelCacheConfig=WEIGHTS, **spec)
    *types, warm = wishes(made)
    assert warm == (weight, *warm_labels(made))
    steps = [one - two for (one, _), (two, _) in pairwise(types)]
    assert all(weight < step for step in steps)


def test_wishes_of_the_users_own_are_kept_before_ours(rendered: Renders) -> None:
    zone = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["us-west-2a"]}
    own = {PREFERRED: [{"weight": 80, "preference": {"matchExpressions": [zone]}}]}
    made = rendered(modelCacheConfig=IMAGE, nodeAffinity=own)
    assert wishes(made)[0] == (80, "topology.kubernetes.io/zone")
    assert wishes(made)[1][0] == 50
    assert "affinity" not in pod(made, "DaemonSet"), "a wish keeps no node out"


@pytest.mark.parametrize(
    "source",
    [
        {"modelSourceType": "huggingface", "huggingFaceModel": {"modelId": "org/model"}},
        {"modelSourceType": "kubernetesVolume"},
    ],
)
def test_weights_of_other_sources_are_said_not_to_be_cached(rendered: Renders, source: Body) -> None:
    volume = {"volumes": [{"name": "model-weights", "hostPath": {"path": "/opt/dlami/nvme/chat"}}]}
    made = rendered(
        modelCacheConfig=WEIGHTS,
        modelSourceConfig=source | {"s3Storage": None, "modelLocation": None},
        kubernetes=volume if source["modelSourceType"] == "kubernetesVolume" else None,
    )
    assert "DaemonSet" not in {each["kind"] for each in made.manifests}
    (told,) = [each for each in made.arrangements if each.part is Part.MODEL_CACHE]
    assert not told.works
    assert f"({source['modelSourceType']}) are not put on nodes" in told.message


# --- the scripts, run by this machine's shell ---------------------------------------------------------------


class Node:
    """Directories in the place of the containers' mounts, and the scripts of the containers run in them."""

    def __init__(self, root: Path, made: Rendered) -> None:
        self.root, self.made = root, made
        self.source, self.disk, self.model = (root / name for name in ("source", "disk", "model"))
        for each in (self.source, self.disk):
            each.mkdir()
        (self.source / "config.json").write_text("{}")
        (self.source / "shards").mkdir()
        (self.source / "shards" / "1.bin").write_text("weights")

    def _run(self, container: Body, **env: str) -> None:
        script = container["command"][2]
        given = {each["name"]: each["value"] for each in container["env"] if "value" in each} | env
        paths = {
            "/mnt/model-source": self.source,
            "/mnt/model-cache": self.disk / self.directory(),
            "/mnt/node-disk": self.disk,
        }
        for path, here in paths.items():
            script = script.replace(path, str(here))
            given = {name: value.replace(path, str(here)) for name, value in given.items()}
        subprocess.run(["/bin/sh", "-c", script], env=given | {"PATH": os.environ["PATH"]}, check=True)

    def directory(self) -> str:
        (copier,) = pod(self.made, "DaemonSet")["initContainers"]
        (value,) = [each["value"] for each in copier["env"] if each["name"] == "DIR"]
        return str(value).removeprefix("/mnt/node-disk/")

    def warm(self, name: str) -> None:
        self._run(pod(self.made, "DaemonSet")["initContainers"][0], POD_NAME=name)

    def leave(self, name: str) -> None:
        """What the keeper does when it is told to stop."""
        keeper = pod(self.made, "DaemonSet")["containers"][0]
        trap = keeper["command"][2].split("'")[1].removesuffix("; exit 0")
        self._run(keeper | {"command": ["/bin/sh", "-c", trap]}, POD_NAME=name)

    def start_worker(self) -> None:
        """Run the init container of the model's pod."""
        for each in self.model.iterdir() if self.model.exists() else ():
            each.unlink()
        self.model.mkdir(exist_ok=True)
        self._run(pod(self.made)["initContainers"][0], MODEL_DIR=str(self.model))

    def read_from(self) -> Path:
        assert (self.model / "shards" / "1.bin").read_text() == "weights"
        return (self.model / "config.json").resolve().parent


@pytest.fixture
def node(tmp_path: Path, rendered: Renders) -> Node:
    return Node(tmp_path, rendered(modelCacheConfig=WEIGHTS))


def test_a_pod_on_a_cold_node_reads_from_the_source_and_on_a_warm_one_from_the_disk(node: Node) -> None:
    node.start_worker()
    assert node.read_from() == node.source
    node.warm("one")
    node.start_worker()
    assert node.read_from() == node.disk / node.directory() / "model"


def test_half_a_copy_is_no_copy(node: Node) -> None:
    partial = node.disk / node.directory() / "partial"
    partial.mkdir(parents=True)
    (partial / "config.json").write_text("half")
    node.start_worker()
    assert node.read_from() == node.source
    node.warm("one")
    node.start_worker()
    assert (node.model / "config.json").read_text() == "{}"


def test_the_copy_stays_while_a_successor_is_there_and_goes_with_the_last(node: Node) -> None:
    node.warm("old")
    node.warm("new")
    node.leave("old")
    node.start_worker()
    assert node.read_from() != node.source
    node.leave("new")
    assert not (node.disk / node.directory()).exists()


def test_prefetch_copies_from_the_warm_disk(node: Node, rendered: Renders) -> None:
    node.made = rendered(modelCacheConfig=WEIGHTS, modelSourceConfig={"prefetchEnabled": True})
    node.warm("one")
    (node.source / "config.json").write_text("changed")
    node.start_worker()
    assert (node.model / "config.json").read_text() == "{}"
