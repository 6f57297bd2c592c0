"""Files of volumes, and the directories behind buckets."""

from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.local.agent import files, storage
from hyperpod_inference.local.agent.environment import ConfigError, Sources
from hyperpod_inference.local.agent.files import File
from hyperpod_inference.local.agent.storage import MountError
from hyperpod_inference.local.agent.volumes import mounts
from hyperpod_inference.local.rootfs import Mount

POD: dict[str, Any] = {
    "metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"a": "1", "b": 'x"y'}},
    "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "2"}}}]},
}
SOURCES = Sources(
    "10.244.1.1",
    "10.244.255.1",
    objects={
        ("ConfigMap", "cm"): {"data": {"a": "1", "b": "2"}, "binary": {"c": b"\x00"}},
        ("Secret", "s"): {"data": {"k": "v"}},
    },
)


def shown(volume: dict[str, Any], **tokens: str) -> dict[str, bytes]:
    return {path: file.data for path, file in files.contents(POD, volume, SOURCES, tokens).items()}


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({"configMap": {"name": "cm"}}, {"a": b"1", "b": b"2", "c": b"\x00"}),
        ({"configMap": {"name": "cm", "items": [{"key": "a", "path": "x/y"}]}}, {"x/y": b"1"}),
        ({"configMap": {"name": "no", "optional": True}}, {}),
        ({"secret": {"secretName": "s"}}, {"k": b"v"}),
        (
            {
                "downwardAPI": {
                    "items": [
                        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                        {"path": "cpu", "resourceFieldRef": {"containerName": "c", "resource": "limits.cpu"}},
                    ]
                }
            },
            {"labels": b'a="1"\nb="x\\"y"', "cpu": b"2"},
        ),
        (
            {
                "projected": {
                    "sources": [
                        {"configMap": {"name": "cm", "items": [{"key": "a", "path": "a"}]}},
                        {"secret": {"name": "s"}},
                        {
                            "downwardAPI": {
                                "items": [{"path": "ns", "fieldRef": {"fieldPath": "metadata.namespace"}}]
                            }
                        },
                    ]
                }
            },
            {"a": b"1", "k": b"v", "ns": b"n"},
        ),
    ],
)
def test_each_kind_of_volume_holds_its_files(volume: dict[str, Any], expected: dict[str, bytes]) -> None:
    assert shown(volume) == expected


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"configMap": {"name": "no"}}, 'configmap "no" not found'),
        ({"secret": {"secretName": "no"}}, 'secret "no" not found'),
        ({"configMap": {"name": "cm", "items": [{"key": "z", "path": "z"}]}}, "non-existent key: z"),
    ],
)
def test_a_missing_object_is_told_by_name(volume: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        shown(volume)


def test_files_are_replaced_all_at_once_and_old_names_go(tmp_path: Path) -> None:
    files.write(tmp_path, {"a": File(b"1"), "d/b": File(b"2", 0o600)})
    assert (tmp_path / "a").read_text() == "1"
    assert (tmp_path / "d/b").stat().st_mode & 0o777 == 0o600
    generation = (tmp_path / "..data").readlink()
    files.write(tmp_path, {"a": File(b"1"), "d/b": File(b"2", 0o600)})
    assert (tmp_path / "..data").readlink() == generation
    files.write(tmp_path, {"a": File(b"3")})
    assert (tmp_path / "a").read_text() == "3"
    assert sorted(each.name for each in tmp_path.iterdir() if not each.name.startswith("..")) == ["a"]


def bucket(name: str, **more: Any) -> dict[str, Any]:
    return {"driver": "s3.csi.aws.com", "volumeAttributes": {"bucketName": name}, **more}


@pytest.mark.parametrize(
    ("options", "path", "read_only"),
    [
        ([], "s3/models", False),
        (["prefix llm/v1/"], "s3/models/llm/v1", False),
        (["--prefix=llm/v1/", "region us-west-2", "read-only"], "s3/models/llm/v1", True),
    ],
)
def test_a_bucket_is_a_directory_of_the_state(
    tmp_path: Path, options: list[str], path: str, read_only: bool
) -> None:
    (tmp_path / "s3/models/llm/v1").mkdir(parents=True)
    backing = storage.resolve(tmp_path, bucket("models"), options, "v")
    assert (backing.path, backing.read_only) == (tmp_path / path, read_only)


@pytest.mark.parametrize(
    ("csi", "options", "message"),
    [
        (bucket("nope"), [], 'Could not mount "s3://nope/".*present: models'),
        (bucket("models"), ["prefix no/"], 'Could not mount "s3://models/no"'),
        (bucket("models"), ["prefix ../../etc"], "no such bucket or prefix"),
        (bucket(".."), [], "no such bucket or prefix"),
        ({"driver": "s3.csi.aws.com"}, [], "volumeAttributes.bucketName is missing"),
        ({"driver": "fsx.csi.aws.com", "volumeHandle": "fs-1"}, [], "no file system 'fs-1'"),
        ({"driver": "ebs.csi.aws.com"}, [], "driver name ebs.csi.aws.com not found"),
    ],
)
def test_what_cannot_be_mounted_says_why(
    tmp_path: Path, csi: dict[str, Any], options: list[str], message: str
) -> None:
    (tmp_path / "s3/models").mkdir(parents=True)
    with pytest.raises(MountError, match=message):
        storage.resolve(tmp_path, csi, options, "v")


def test_a_container_sees_volumes_and_parts_of_them(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    container = {
        "volumeMounts": [
            {"name": "v", "mountPath": "/a"},
            {"name": "v", "mountPath": "/b", "subPath": "sub", "readOnly": True},
            {"name": "v", "mountPath": "/c", "subPathExpr": "$(POD)"},
        ]
    }
    found = mounts(container, {"v": storage.Backing(tmp_path)}, {"POD": "pod-0"})
    assert found == [
        Mount(str(tmp_path), "/a"),
        Mount(str(tmp_path / "sub"), "/b", read_only=True),
        Mount(str(tmp_path / "pod-0"), "/c"),
    ]
    with pytest.raises(ConfigError, match="leads out of its volume"):
        mounts(
            {"volumeMounts": [{"name": "v", "mountPath": "/a", "subPath": "../.."}]},
            {"v": storage.Backing(tmp_path)},
            {},
        )
