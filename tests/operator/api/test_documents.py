"""Manifests on disk: documents with lines, and one line for whatever is wrong with them."""

import io
from pathlib import Path

import pytest

from hyperpod_inference.api.documents import InputError, load, read

ENDPOINT = """\
# a comment
apiVersion: inference.sagemaker.aws.amazon.com/v1
kind: InferenceEndpointConfig
metadata:
  name: chat
spec:
  modelName: chat
  modelSourceConfig:
    modelSourceType: s3
    s3Storage: {bucketName: weights, region: us-west-2}
  worker:
    image: vllm/vllm-openai:v0.10.2
    args: [--max-model-len, "4096"]
    modelInvocationPort:
      containerPort: 8000
    modelVolumeMount:
      name: model-weights
    resources:
      requests:
        nvidia.com/gpu: 1
"""


def said(text: str) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        for document in read(text, "chat.yaml"):
            document.parse()
    return caught.value.lines


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 2),
        ("kind", 3),
        ("metadata.name", 5),
        ("spec.modelSourceConfig.s3Storage.region", 10),
        ("spec.worker.args[1]", 13),
        ("spec.worker.resources.requests.nvidia.com/gpu", 20),
        ("spec.worker.probes.livenessProbe", 11),  # not there: the nearest block that is
        ("spec.tags[0].name", 6),
    ],
)
def test_every_field_knows_its_line(path: str, line: int) -> None:
    (document,) = read(ENDPOINT, "chat.yaml")
    assert document.line_of(path) == line


def test_several_documents_keep_their_lines_and_empty_ones_do_not_count() -> None:
    documents = read(f"---\n---\n{ENDPOINT}---\n# nothing\n---\n{ENDPOINT}", "two.yaml")
    assert [(each.index, each.line, each.line_of("spec.modelName")) for each in documents] == [
        (0, 4, 9),
        (1, 27, 32),
    ]


def test_the_items_of_a_list_are_documents() -> None:
    indented = "".join(f"    {line}\n" for line in ENDPOINT.splitlines())
    (document,) = read(f"apiVersion: v1\nkind: List\nitems:\n  -\n{indented}", "list.yaml")
    assert document.line_of("spec.modelName") == 11
    assert document.parse().metadata.name == "chat"


def test_json_is_read_too() -> None:
    (document,) = read('{"kind": "List", "items": [{"kind": "A"}]}', "a.json")
    assert document.body == {"kind": "A"}


def test_anchors_and_merge_keys_work_as_in_kubectl() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a\n"
    (document,) = read(text, "a.yaml")
    assert document.body["b"] == {"x": 1, "y": 3}
    assert document.body["c"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "chat.yaml: is empty, expected a manifest with apiVersion, kind, metadata and spec"),
        (
            "---\n# only this\n",
            "chat.yaml: is empty, expected a manifest with apiVersion, kind, metadata and spec",
        ),
        ("a: [1", "chat.yaml:1: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: b\n\tc: d", "chat.yaml:2: not valid YAML: found character '\\t' that cannot start any token"),
        ("a: 1\nb: 2\na: 3", "chat.yaml:3: not valid YAML: key a is given twice, first in line 1"),
        ("a: &a [*a]", "chat.yaml:1: not valid YAML: an alias that contains itself"),
        ("a: 1\n? [b]\n: 2", "chat.yaml:2: not valid YAML: a key that is no plain text"),
        ("a: 1\nb: \x00", "chat.yaml:2: not valid YAML: special characters are not allowed"),
        ("- 1", "chat.yaml:1: got a list, expected a mapping with apiVersion and kind"),
        ("just words", "chat.yaml:1: got 'just words', expected a mapping with apiVersion and kind"),
        ("kind: List\nitems: 3", "chat.yaml:2: items: got 3, expected a list of resources"),
        (
            ENDPOINT.replace("v1\n", "v2\n", 1),
            "chat.yaml:2: apiVersion: got 'inference.sagemaker.aws.amazon.com/v2', "
            "expected inference.sagemaker.aws.amazon.com/v1",
        ),
        (
            ENDPOINT.replace("containerPort: 8000", "containerPort: '8000'"),
            "chat.yaml:15: spec.worker.modelInvocationPort.containerPort: got '8000', "
            "expected an integer from 1 to 65535",
        ),
        (
            ENDPOINT.replace("modelSourceType: s3", "modelSourceType: fsx"),
            "chat.yaml:8: spec.modelSourceConfig.fsxStorage: modelSourceType is fsx but "
            "fsxStorage is missing: add fsxStorage or change modelSourceType",
        ),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line_with_its_place(text: str, line: str) -> None:
    assert said(text) == (line,)


def test_several_findings_come_in_the_order_of_their_lines() -> None:
    text = ENDPOINT.replace("modelName: chat", "modelname: chat").replace("8000", "80000")
    lines = said(text)
    assert [line.split(":")[1] for line in lines] == ["6", "7", "15"]
    with pytest.raises(InputError, match=r"^chat.yaml:6: spec.modelName: missing.* \(and 2 more\)$"):
        read(text, "chat.yaml")[0].parse()


def test_a_file_that_cannot_be_read_is_told_by_name(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("a: é".encode("latin-1"))
    for path, words in [
        (tmp_path / "none.yaml", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        (latin, "is not text in UTF-8"),
    ]:
        with pytest.raises(InputError) as caught:
            load(path)
        assert str(caught.value).startswith(f"{path}: {words}")


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(ENDPOINT))
    (document,) = load("-")
    assert document.file == "<stdin>"


def test_a_file_is_read_with_its_name_in_messages(tmp_path: Path) -> None:
    path = tmp_path / "chat.yaml"
    path.write_text(ENDPOINT + "  replicas: two\n")
    (document,) = load(path)
    with pytest.raises(InputError) as caught:
        document.parse()
    assert str(caught.value) == f"{path}:21: spec.replicas: got 'two', expected an integer"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"),
        ("22:22", "22:22"),
        ("1e3", 1000.0),
        ("0x10", 16),
        ("010", 8),
        ("1_000", 1000),
        ("-7", -7),
        ("1.5", 1.5),
        (".5", 0.5),
        ("yes", True),
        ("'yes'", "yes"),
        ("~", None),
        ("v1.2.3", "v1.2.3"),
        ("1.2.3", "1.2.3"),
        ("500m", "500m"),
    ],
)
def test_scalars_are_read_as_kubernetes_reads_them(text: str, value: object) -> None:
    (document,) = read(f"a: {text}", "a.yaml")
    assert document.body["a"] == value
    assert type(document.body["a"]) is type(value)


def test_keys_are_text_whatever_they_look_like() -> None:
    (document,) = read("1: a\ntrue: b\nnull: c", "a.yaml")
    assert document.body == {"1": "a", "true": "b", "null": "c"}
