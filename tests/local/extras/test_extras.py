"""What `local up --with` adds: what it is built from, what it installs, what a person reads when it fails."""

import json
import re
from pathlib import Path

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.cli.install import LOCAL_SETTINGS, charted
from hyperpod_inference.installation.roles import KEDA_OPERATOR
from hyperpod_inference.installation.trust import AUDIENCE
from hyperpod_inference.local import images
from hyperpod_inference.local.extras import adding, alb
from hyperpod_inference.local.extras.extra import Extra
from hyperpod_inference.local.extras.known import EXTRAS, image_table
from hyperpod_inference.local.paths import cache_dir
from hyperpod_inference.local.prerequisites import Host
from hyperpod_inference.local.progress import silent

GO = """#!/bin/sh
[ "$1" = env ] && { echo go1.99.0; exit 0; }
[ "$*" = "mod download -json %s" ] || { echo "what is $*?"; exit 9; }
%s
"""


BUILT = sorted(name for name, extra in EXTRAS.items() if extra.programs)
"""Those with a program of another project."""


@pytest.fixture(params=BUILT)
def extra(request: pytest.FixtureRequest) -> Extra:
    return EXTRAS[request.param]


@pytest.fixture
def environ(tmp_path: Path, extra: Extra) -> dict[str, str]:
    """An environment in whose cache the extra's programs are built."""
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    for program in extra.programs.values():
        path = program.path(cache_dir(environ))
        path.parent.mkdir(parents=True)
        path.touch(mode=0o755)
    return environ


def go(directory: Path, monkeypatch: pytest.MonkeyPatch, module: str, line: str) -> None:
    """Put a `go` on PATH that answers a download of `module` with a shell line."""
    (directory / "go").write_text(GO % (module, line))
    (directory / "go").chmod(0o755)
    monkeypatch.setenv("PATH", str(directory), prepend=":")


def test_each_program_stands_for_an_image_once_it_is_built(tmp_path, extra, environ) -> None:
    cache = cache_dir(environ)
    for image, program in extra.programs.items():
        with pytest.raises(images.UnknownImage):
            images.find(image, image_table(tmp_path / "empty"))
        found = images.find(image, image_table(cache))
        assert found.argv([], ["--flag"]) == [str(program.path(cache)), "--flag"]


@pytest.mark.parametrize("extra", EXTRAS.values(), ids=EXTRAS)
def test_its_deployments_run_its_programs_and_all_that_is_waited_for_is_among_its_objects(extra) -> None:
    found = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each["spec"]["template"]["spec"]
        for each in extra.objects()
        if each["kind"] == "Deployment"
    }
    assert set(extra.deployments) == found.keys()
    run = {each["image"] for pod in found.values() for each in pod["containers"]}
    assert run == (extra.programs.keys() or {alb.IMAGE})
    served = {each["metadata"]["name"] for each in extra.objects() if each["kind"] == "APIService"}
    assert set(extra.api_services) == served


def test_its_definitions_come_first_and_from_its_own_module(tmp_path, monkeypatch, extra, environ) -> None:
    module = tmp_path / "module"
    name = re.sub(r"\*", "example", extra.definitions)
    (module / name).parent.mkdir(parents=True)
    (module / name).write_text(
        "kind: CustomResourceDefinition\nmetadata: {name: examples.example.com}\n---\n"
    )
    go(tmp_path, monkeypatch, extra.module, f"echo '{json.dumps({'Dir': str(module)})}'")
    first, *rest = adding.prepared(extra, environ, Host(), silent)
    assert first == {"kind": "CustomResourceDefinition", "metadata": {"name": "examples.example.com"}}
    assert rest == extra.objects()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("echo 'dial tcp: no such host' >&2; exit 1", "the CRDs of .*no such host.*`go env GOPROXY`"),
        ('echo \'{"Dir": "/nonexistent"}\'', "/nonexistent holds no .*`go mod verify`"),
    ],
)
def test_a_module_that_cannot_be_had_is_named_with_the_remedy(
    tmp_path, monkeypatch, extra, environ, line: str, message: str
) -> None:
    go(tmp_path, monkeypatch, extra.module, line)
    with pytest.raises(adding.NoExtraError, match=f"(?s){message}"):
        adding.prepared(extra, environ, Host(), silent)


def test_a_build_that_fails_says_which_extra_and_quotes_go(tmp_path, monkeypatch, extra) -> None:
    (tmp_path / "go").write_text(
        '#!/bin/sh\n[ "$1" = env ] && { echo go1.99.0; exit 0; }\necho broken >&2; exit 1\n'
    )
    (tmp_path / "go").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(adding.NoExtraError, match=f"(?s){extra.name} cannot be added.*broken"):
        adding.prepared(extra, {"XDG_CACHE_HOME": str(tmp_path / "cache")}, Host(), silent)


def test_an_extra_of_this_project_needs_no_build_and_the_operator_is_told_of_it(tmp_path) -> None:
    extra = EXTRAS["alb"]
    assert adding.prepared(extra, {"XDG_CACHE_HOME": str(tmp_path)}, Host(), silent) == extra.objects()
    assert images.find(alb.IMAGE).entrypoint[-1] == "hyperpod_inference.local.alb"
    (operator,) = [
        each
        for each in charted(LOCAL_SETTINGS, ["alb"])
        if each["kind"] == "Deployment" and each["metadata"]["name"] == names.OPERATOR_NAME
    ]
    (container,) = operator["spec"]["template"]["spec"]["containers"]
    variables = [each["name"] for each in container["env"]]
    assert len(variables) == len(set(variables))
    told = {each["name"]: each.get("value") for each in container["env"]}
    (service,) = [each for each in extra.objects() if each["kind"] == "Service"]
    assert told["AWS_ENDPOINT_URL"] == f"http://{service['spec']['clusterIP']}:4566"
    assert told["SAGEMAKER_ENDPOINT_IMAGE"].startswith("111122223333.dkr.ecr.us-west-2.amazonaws.com/")


def test_keda_runs_under_the_account_that_its_role_trusts_and_asks_the_aws_of_alb() -> None:
    keda = EXTRAS["keda"]
    (pod,) = [
        each["spec"]["template"]["spec"]
        for each in keda.objects()
        if each["kind"] == "Deployment" and each["metadata"]["name"] == KEDA_OPERATOR.account.name
    ]
    assert (keda.deployments[0][0], pod["serviceAccountName"]) == (
        KEDA_OPERATOR.account.namespace,
        KEDA_OPERATOR.account.name,
    )
    (container,) = pod["containers"]
    told = {each["name"]: each.get("value") for each in container["env"]}
    (service,) = [each for each in alb.objects() if each["kind"] == "Service"]
    assert told["AWS_ENDPOINT_URL"] == f"http://{service['spec']['clusterIP']}:4566"
    token = Path(told["AWS_WEB_IDENTITY_TOKEN_FILE"])
    (mount,) = [each for each in container["volumeMounts"] if each["mountPath"] == str(token.parent)]
    (volume,) = [each for each in pod["volumes"] if each["name"] == mount["name"]]
    (source,) = volume["projected"]["sources"]
    assert source["serviceAccountToken"] == {
        "audience": AUDIENCE,
        "path": token.name,
        "expirationSeconds": 86400,
    }
