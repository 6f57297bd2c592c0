"""Where the API server is and how to prove who we are: in-cluster, or from a kubeconfig.

Inside a pod this is a few lines of our own. A kubeconfig is left to the official `kubernetes` package, which
knows exec plugins; it costs over a second and 20 MB to import, so it is imported only when one is read.
"""

import asyncio
import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

SERVICE_ACCOUNT_DIR = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_REREAD_SECONDS = 60.0
"""Kubelets rotate projected tokens at 80 % of their life, an hour or more: a minute is ample."""


class ConfigError(Exception):
    """There is no usable way to reach a cluster; the message says what was tried and what to do."""


class TokenSource(Protocol):
    """Gives the bearer token of the next request, or None when client certificates do the work."""

    async def __call__(self, *, renew: bool = False) -> str | None:
        """The token; `renew` asks to bypass any cache, after the server answered 401."""
        ...


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """One API server and one identity.

    Attributes:
        server: base URL without a trailing slash, e.g. 'https://10.96.0.1:443'.
        ssl: TLS settings with the cluster's CA and any client certificate; None for plain http.
        token: source of bearer tokens.
        namespace: the identity's own namespace.
        server_hostname: name to check the server's certificate against, when it differs from the URL's host.
    """

    server: str
    ssl: ssl.SSLContext | None
    token: TokenSource
    namespace: str = "default"
    server_hostname: str | None = None


async def no_token(*, renew: bool = False) -> str | None:
    """A token source for servers that need none."""
    return None


class FileToken:
    """A token that another process rotates on disk: read again at most once a minute."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._token, self._read_at = "", float("-inf")

    async def __call__(self, *, renew: bool = False) -> str | None:
        """The token on disk.

        Raises:
            ConfigError: the file cannot be read and no earlier token is at hand.
        """
        if renew or self._clock() - self._read_at >= TOKEN_REREAD_SECONDS:
            try:
                self._token = self._path.read_text(encoding="ascii").strip()
            except OSError as error:
                if not self._token:
                    raise ConfigError(f"cannot read the service account's token: {error}") from error
            self._read_at = self._clock()
        return self._token


class KubeconfigToken:
    """A kubeconfig's token; exec plugins run again, in a thread, when theirs has expired."""

    def __init__(self, settings: Any) -> None:
        self._settings = settings

    async def __call__(self, *, renew: bool = False) -> str | None:
        """The token without its 'Bearer ' prefix, None when the kubeconfig holds none."""
        hook = self._settings.refresh_api_key_hook
        if hook is not None:
            await asyncio.to_thread(hook, self._settings)
        value = self._settings.api_key.get("BearerToken")
        return value.removeprefix("Bearer ").strip() if value else None


def load(
    kubeconfig: Path | None = None,
    context: str | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    service_account_dir: Path = SERVICE_ACCOUNT_DIR,
) -> ClusterConfig:
    """Find the cluster: the given kubeconfig, else the pod's service account, else the default kubeconfig.

    Raises:
        ConfigError: none of them is usable.
    """
    if kubeconfig is None and context is None and "KUBERNETES_SERVICE_HOST" in environ:
        return in_cluster(environ, service_account_dir)
    return from_kubeconfig(kubeconfig or default_kubeconfig(environ), context)


def default_kubeconfig(environ: Mapping[str, str]) -> str:
    """kubectl's rule: `KUBECONFIG` (files joined with ':'), else ~/.kube/config.

    Raises ConfigError where there is neither, as for the image's user.
    """
    try:
        return environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    except RuntimeError as error:
        raise ConfigError("no pod, KUBECONFIG is not set, and there is no home") from error


def in_cluster(
    environ: Mapping[str, str] = os.environ, service_account_dir: Path = SERVICE_ACCOUNT_DIR
) -> ClusterConfig:
    """The configuration of a pod: the `KUBERNETES_SERVICE_*` variables and the mounted service account.

    Raises:
        ConfigError: a variable or a file is missing.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise ConfigError("KUBERNETES_SERVICE_HOST is not set: this process does not run in a pod")
    authority = service_account_dir / "ca.crt"
    try:
        context = ssl.create_default_context(cafile=str(authority))
    except OSError as error:
        raise ConfigError(
            f"cannot load the cluster's CA from {authority}: {error}; "
            "does the pod set automountServiceAccountToken: false?"
        ) from error
    return ClusterConfig(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        ssl=context,
        token=FileToken(service_account_dir / "token"),
        namespace=_read_namespace(service_account_dir),
    )


def _read_namespace(service_account_dir: Path) -> str:
    try:
        return (service_account_dir / "namespace").read_text(encoding="ascii").strip() or "default"
    except OSError:
        return "default"


def from_kubeconfig(kubeconfig: Path | str, context: str | None = None) -> ClusterConfig:
    """The configuration that a kubeconfig (or several, joined with ':') describes.

    Raises:
        ConfigError: the file is missing or broken, or its exec plugin failed.
    """
    from kubernetes.config import kube_config  # here for its cost, see the module's docstring

    if not any(Path(part).is_file() for part in str(kubeconfig).split(os.pathsep)):
        raise ConfigError(f"no kubeconfig at {kubeconfig}; pass --kubeconfig FILE or set KUBECONFIG")
    settings = SimpleNamespace(
        host="", ssl_ca_cert=None, cert_file=None, key_file=None, verify_ssl=True,
        tls_server_name=None, proxy=None, api_key={}, refresh_api_key_hook=None,
    )  # fmt: skip
    try:
        loader: Any = kube_config._get_kube_config_loader(  # type: ignore[no-untyped-call]
            filename=str(kubeconfig), active_context=context, persist_config=False
        )
        loader.load_and_set(settings)
        namespace = loader.current_context["context"].get("namespace") or "default"
    except (
        Exception
    ) as error:  # the package raises many types, ConfigException, KeyError and YAMLError among them
        raise ConfigError(f"cannot use the kubeconfig {kubeconfig}: {error}") from error
    return ClusterConfig(
        server=settings.host.rstrip("/"),
        ssl=_ssl_context(settings) if settings.host.startswith("https") else None,
        token=KubeconfigToken(settings),
        namespace=namespace,
        server_hostname=settings.tls_server_name,
    )


def _ssl_context(settings: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
    if not settings.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context
