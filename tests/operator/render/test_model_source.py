"""Volumes, mounts and prefetching, for each kind of model source."""

import importlib
from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.render import Rendered

Renders = Callable[..., Rendered]
Specs = Callable[..., dict[str, Any]]

FSX = {
    "modelSourceType": "fsx",
    "s3Storage": None,
    "fsxStorage": {"fileSystemId": "fs-1", "dnsName": "fs-1.fsx.us-west-2.amazonaws.com", "mountName": "abc"},
    "modelLocation": "models/chat",
}
HUGGING_FACE = {
    "modelSourceType": "huggingface",
    "s3Storage": None,
    "modelLocation": None,
    "huggingFaceModel": {"modelId": "org/model", "tokenSecretRef": {"name": "hf", "key": "token"}},
}


def _kinds(rendered: Rendered) -> list[str]:
    return [manifest["kind"] for manifest in rendered.manifests]


def test_s3_is_a_static_volume_bound_to_its_claim(rendered: Renders) -> None:
    volume, _, _, claim, *_ = rendered().manifests
    assert volume["spec"]["csi"] == {
        "driver": "s3.csi.aws.com",
        "volumeHandle": volume["metadata"]["name"],
        "volumeAttributes": {"bucketName": "weights"},
    }
    assert volume["spec"]["mountOptions"] == ["read-only", "allow-other", "region us-west-2", "prefix chat/"]
    assert volume["spec"]["claimRef"] == {"namespace": "team-a", "name": claim["metadata"]["name"]}
    assert claim["spec"]["selector"]["matchLabels"].items() <= volume["metadata"]["labels"].items()
    assert "volumeName" not in claim["spec"]
    assert claim["spec"]["storageClassName"] == ""


def test_the_cluster_scoped_volume_has_an_owner_label_but_no_owner_reference(rendered: Renders) -> None:
    volume, _, _, claim, *_ = rendered().manifests
    assert "ownerReferences" not in volume["metadata"]
    assert "namespace" not in volume["metadata"]
    assert volume["metadata"]["labels"]["inference.sagemaker.aws.amazon.com/owner-namespace"] == "team-a"
    assert claim["metadata"]["ownerReferences"][0]["uid"] == "uid-1"


def test_another_source_gets_another_volume_because_a_volume_cannot_change(rendered: Renders) -> None:
    names = {
        rendered(**changed).manifests[0]["metadata"]["name"]
        for changed in (
            {},
            {"modelSourceConfig": {"modelLocation": "chat-v2"}},
            {"modelSourceConfig": {"s3Storage": {"bucketName": "other"}}},
            {"metadata": {"namespace": "team-b"}},
        )
    }
    assert len(names) == 4


def test_a_bucket_without_location_is_mounted_whole(rendered: Renders) -> None:
    options = rendered(modelSourceConfig={"modelLocation": None}).manifests[0]["spec"]["mountOptions"]
    assert not [option for option in options if option.startswith("prefix")]


def test_the_worker_mounts_the_claim_under_the_users_name(pod_spec: Specs) -> None:
    spec = pod_spec(worker={"modelVolumeMount": {"name": "weights", "mountPath": "/models"}})
    mount = spec["containers"][0]["volumeMounts"][0]
    assert mount == {"name": "weights", "mountPath": "/models", "readOnly": True}
    assert spec["volumes"][0]["name"] == "weights"
    assert "persistentVolumeClaim" in spec["volumes"][0]


def test_fsx_mounts_the_models_directory(rendered: Renders, pod_spec: Specs) -> None:
    volume = rendered(modelSourceConfig=FSX).manifests[0]
    assert volume["spec"]["csi"]["volumeHandle"] == "fs-1"
    assert volume["spec"]["csi"]["volumeAttributes"]["mountname"] == "abc"
    mount = pod_spec(modelSourceConfig=FSX)["containers"][0]["volumeMounts"][0]
    assert mount["subPath"] == "models/chat"


def test_a_users_own_volume_needs_no_objects(rendered: Renders) -> None:
    made = rendered(
        modelSourceConfig={"modelSourceType": "kubernetesVolume", "s3Storage": None, "modelLocation": None},
        kubernetes={"volumes": [{"name": "model-weights", "hostPath": {"path": "/opt/dlami/nvme/chat"}}]},
    )
    assert _kinds(made) == ["Service", "Service", "Ingress", "Deployment"]
    volumes = made.manifests[-1]["spec"]["template"]["spec"]["volumes"]
    assert [each["name"] for each in volumes] == ["model-weights", "shm"]


def test_a_users_volume_of_the_mounts_name_wins_over_the_source(rendered: Renders) -> None:
    made = rendered(kubernetes={"volumes": [{"name": "model-weights", "emptyDir": {}}]})
    assert _kinds(made) == ["Service", "Service", "Ingress", "Deployment"]


def test_prefetching_copies_into_memory_before_the_users_init_containers(pod_spec: Specs) -> None:
    spec = pod_spec(
        modelSourceConfig={"prefetchEnabled": True},
        kubernetes={"initContainers": [{"name": "own", "image": "busybox"}]},
    )
    copier, own = spec["initContainers"]
    assert own["name"] == "own"
    assert [m["name"] for m in copier["volumeMounts"]] == ["model-weights", "model-weights-copy"]
    assert {"name": "model-weights-copy", "emptyDir": {"medium": "Memory"}} in spec["volumes"]
    assert spec["containers"][0]["volumeMounts"][0] == {
        "name": "model-weights-copy",
        "mountPath": "/opt/ml/model",
    }
    assert "nvidia.com/gpu" not in str(copier["resources"])


def test_hugging_face_without_prefetch_leaves_the_download_to_the_server(pod_spec: Specs) -> None:
    spec = pod_spec(modelSourceConfig=HUGGING_FACE)
    assert "initContainers" not in spec
    assert spec["volumes"][0] == {"name": "model-weights", "emptyDir": {}}
    assert "HF_TOKEN" not in str(spec["containers"])


def test_hugging_face_with_prefetch_downloads_with_the_token_of_the_secret(pod_spec: Specs) -> None:
    spec = pod_spec(modelSourceConfig={**HUGGING_FACE, "prefetchEnabled": True})
    (downloader,) = spec["initContainers"]
    env = {each["name"]: each for each in downloader["env"]}
    assert downloader["name"] == "hf-model-downloader"
    assert env["HF_MODEL_ID"]["value"] == "org/model"
    assert env["HF_REVISION"]["value"] == "main"
    assert env["HF_TOKEN"]["valueFrom"]["secretKeyRef"]["name"] == "hf"
    assert "HF_TOKEN" not in str(spec["containers"])


def test_another_claim_or_volume_spec_of_a_later_version_gets_another_name(
    rendered: Renders, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("hyperpod_inference.render.model_source")
    before = [manifest["metadata"]["name"] for manifest in rendered().manifests[::3]]
    for constant in ("VOLUME_SPEC", "CLAIM_SPEC"):
        with monkeypatch.context() as patched:
            spec = getattr(module, constant) | {"volumeMode": "Block"}
            patched.setattr(module, constant, spec)
            after = [manifest["metadata"]["name"] for manifest in rendered().manifests[::3]]
        assert not {*before} & {*after}
