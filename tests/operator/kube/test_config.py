"""Finding the cluster and proving who we are."""

from pathlib import Path

import pytest

from hyperpod_inference.kube.config import TOKEN_REREAD_SECONDS, ConfigError, FileToken, load

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:9/"}}]
users: [{name: u, user: {token: secret}}]
contexts: [{name: c, context: {cluster: c, user: u, namespace: team}}]
current-context: c
"""


async def test_a_token_file_is_read_again_after_a_minute(tmp_path: Path) -> None:
    now = 0.0
    path = tmp_path / "token"
    path.write_text("first\n")
    token = FileToken(path, clock=lambda: now)
    assert await token() == "first"
    path.write_text("second\n")
    assert await token() == "first"
    now = TOKEN_REREAD_SECONDS
    assert await token() == "second"


async def test_a_refused_token_is_read_again_at_once(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first")
    token = FileToken(path, clock=lambda: 0.0)
    await token()
    path.write_text("second")
    assert await token(renew=True) == "second"


async def test_a_token_file_that_vanishes_leaves_the_last_token(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("kept")
    token = FileToken(path)
    await token()
    path.unlink()
    assert await token(renew=True) == "kept"


async def test_a_token_file_that_never_was_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the service account's token"):
        await FileToken(tmp_path / "token")()


async def test_a_kubeconfig_gives_server_token_and_namespace(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)
    config = load(path, environ={})
    assert (config.server, config.namespace, config.ssl) == ("http://127.0.0.1:9", "team", None)
    assert await config.token() == "secret"


async def test_the_environment_names_the_kubeconfig(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)
    assert load(environ={"KUBECONFIG": str(path)}).namespace == "team"


@pytest.mark.parametrize(
    ("text", "context", "said"),
    [(None, None, "no kubeconfig at"), ("[", None, "cannot use the kubeconfig"), (KUBECONFIG, "x", "'x'|x")],
)
def test_an_unusable_kubeconfig_is_said_to_be(
    text: str | None, context: str | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load(path, context, environ={})


def test_a_user_without_a_home_as_the_images_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    with pytest.raises(ConfigError, match="KUBECONFIG is not set, and there is no home"):
        load(environ={})


def test_a_pod_without_its_ca_says_what_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="automountServiceAccountToken"):
        load(environ={"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, service_account_dir=tmp_path)
