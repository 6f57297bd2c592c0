"""Kubeconfig files: one for people on the host, one per component inside the private network."""

import base64
import json
from pathlib import Path
from typing import Any

CONTEXT = "hyperpod-local"


def write(path: Path, *, server: str, pki: Path, client: str, embed: bool) -> None:
    """Write a kubeconfig for the client certificate named `client`, readable by its owner only.

    `embed` puts keys and certificates into the file, so that it can be copied; otherwise it names their
    paths. JSON is YAML, so every client reads it.
    """
    material = _embedded if embed else _named
    cluster = {"server": server, **material("certificate-authority", pki / "ca.crt")}
    user = {
        **material("client-certificate", pki / f"{client}.crt"),
        **material("client-key", pki / f"{client}.key"),
    }
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "users": [{"name": client, "user": user}],
        "contexts": [
            {"name": CONTEXT, "context": {"cluster": CONTEXT, "user": client, "namespace": "default"}}
        ],
        "current-context": CONTEXT,
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(body, indent=2) + "\n")


def _embedded(key: str, path: Path) -> dict[str, Any]:
    return {f"{key}-data": base64.b64encode(path.read_bytes()).decode()}


def _named(key: str, path: Path) -> dict[str, Any]:
    return {key: str(path)}
