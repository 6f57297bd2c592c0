"""A pod's volumes as host directories, and a container's mounts made of them.

Asks the API server for what volumes are made of (`kube.client`), writes with `files`, finds persistent data
with `storage`. The worker calls `prepare` before the first container starts and `refresh` from time to time.
"""

import base64
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import ApiError, NotFound
from hyperpod_inference.kube.resources import (
    CONFIG_MAPS,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    SECRETS,
    SERVICE_ACCOUNTS,
)
from hyperpod_inference.local.agent import environment, files, storage
from hyperpod_inference.local.agent.environment import ConfigError, Sources
from hyperpod_inference.local.agent.storage import Backing, MountError
from hyperpod_inference.local.rootfs import Mount

Body = Mapping[str, Any]

_MADE_OF_FILES = ("configMap", "secret", "downwardAPI", "projected")
_TOKEN_LIFE = 3607


@dataclass(slots=True)
class _Token:
    text: str
    renew_at: datetime


@dataclass(slots=True)
class Volumes:
    """The volumes of one pod, below `directory`; `state` is the cluster's state directory."""

    client: Client
    directory: Path
    state: Path
    now: Callable[[], datetime]
    backings: dict[str, Backing] = field(default_factory=dict)
    _tokens: dict[tuple[str, str], _Token] = field(default_factory=dict)

    async def prepare(self, pod: Body, sources: Sources) -> None:
        """Make every volume of the pod; safe to repeat.

        Raises:
            MountError: with what the FailedMount event should say.
        """
        for volume in pod["spec"].get("volumes") or ():
            try:
                self.backings[volume["name"]] = await self._backing(pod, volume, sources)
            except (ConfigError, ApiError) as error:
                message = f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}'
                raise MountError(message) from error

    async def refresh(self, pod: Body, sources: Sources) -> None:
        """Bring files up to date with their objects, and tokens before they expire."""
        for volume in pod["spec"].get("volumes") or ():
            if any(kind in volume for kind in _MADE_OF_FILES):
                await self._backing(pod, volume, sources)

    def remove(self) -> None:
        """Delete what the pod alone had."""
        shutil.rmtree(self.directory, ignore_errors=True)

    async def _backing(self, pod: Body, volume: Body, sources: Sources) -> Backing:
        own = self.directory / "volumes" / volume["name"]
        if any(kind in volume for kind in _MADE_OF_FILES):
            objects = await fetch(self.client, pod, files.needs(volume))
            tokens = await self._service_tokens(pod, volume)
            known = Sources(sources.pod_ip, sources.host_ip, objects, allocatable=sources.allocatable)
            files.write(own, files.contents(pod, volume, known, tokens))
            return Backing(own)
        if "emptyDir" in volume:
            own.mkdir(parents=True, exist_ok=True)
            return Backing(own)
        if "hostPath" in volume:
            return _host_path(volume)
        if "persistentVolumeClaim" in volume:
            return await self._claimed(pod, volume)
        if "csi" in volume:
            return storage.resolve(self.state, volume["csi"], [], volume["name"])
        kind = next((key for key in volume if key != "name"), "nothing")
        raise MountError(
            f'MountVolume.SetUp failed for volume "{volume["name"]}": {kind} is not supported by local nodes'
        )

    async def _claimed(self, pod: Body, volume: Body) -> Backing:
        claim_name = volume["persistentVolumeClaim"]["claimName"]
        claim = await self.client.get(PERSISTENT_VOLUME_CLAIMS, claim_name, pod["metadata"]["namespace"])
        bound = claim["spec"].get("volumeName")
        if not bound or (claim.get("status") or {}).get("phase") != "Bound":
            raise MountError(
                f'Unable to attach or mount volume "{volume["name"]}": claim "{claim_name}" is not bound'
            )
        held = await self.client.get(PERSISTENT_VOLUMES, bound)
        spec = held["spec"]
        if "hostPath" in spec:
            backing = _host_path({"name": bound, "hostPath": spec["hostPath"]})
        else:
            backing = storage.resolve(
                self.state, spec.get("csi") or {}, spec.get("mountOptions") or [], bound
            )
        read_only = backing.read_only or bool(volume["persistentVolumeClaim"].get("readOnly"))
        return Backing(backing.path, read_only)

    async def _service_tokens(self, pod: Body, volume: Body) -> dict[str, str]:
        result = {}
        for wanted in files.token_requests(volume):
            key = (volume["name"], wanted["path"])
            token = self._tokens.get(key)
            if token is None or self.now() >= token.renew_at:
                token = self._tokens[key] = await self._request_token(pod, wanted)
            result[wanted["path"]] = token.text
        return result

    async def _request_token(self, pod: Body, wanted: Body) -> _Token:
        metadata = pod["metadata"]
        life = int(wanted.get("expirationSeconds") or _TOKEN_LIFE)
        reference = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
        spec: dict[str, Any] = {"expirationSeconds": life, "boundObjectRef": reference}
        if wanted.get("audience"):
            spec["audiences"] = [wanted["audience"]]
        account = pod["spec"].get("serviceAccountName") or "default"
        path = SERVICE_ACCOUNTS.path(metadata["namespace"], account, "token")
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        answer = await self.client.request("POST", path, body=body)
        return _Token(answer["status"]["token"], self.now() + timedelta(seconds=0.8 * life))


def _host_path(volume: Body) -> Backing:
    path, kind = Path(volume["hostPath"]["path"]), volume["hostPath"].get("type") or ""
    if kind == "DirectoryOrCreate":
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MountError(f'MountVolume.SetUp failed for volume "{volume["name"]}": {error}') from error
    if not path.exists():
        raise MountError(
            f'MountVolume.SetUp failed for volume "{volume["name"]}" : hostPath type check failed: '
            f"{path} does not exist"
        )
    return Backing(path)


async def fetch(
    client: Client, pod: Body, wanted: set[tuple[str, str]]
) -> dict[tuple[str, str], dict[str, Any]]:
    """The ConfigMaps and Secrets by (kind, name), Secrets decoded; those that do not exist are left out."""
    found = {}
    for kind, name in sorted(wanted):
        resource = CONFIG_MAPS if kind == "ConfigMap" else SECRETS
        try:
            body = await client.get(resource, name, pod["metadata"]["namespace"])
        except NotFound:
            continue
        found[kind, name] = _decoded(kind, body)
    return found


def _decoded(kind: str, body: Body) -> dict[str, Any]:
    if kind == "ConfigMap":
        binary = {key: base64.b64decode(value) for key, value in (body.get("binaryData") or {}).items()}
        return {"data": body.get("data") or {}, "binary": binary}
    raw = {key: base64.b64decode(value) for key, value in (body.get("data") or {}).items()}
    return {"data": {key: value.decode("utf-8", "surrogateescape") for key, value in raw.items()}}


def mounts(container: Body, backings: Mapping[str, Backing], variables: Mapping[str, str]) -> list[Mount]:
    """Where the container sees the pod's volumes.

    Raises:
        ConfigError: it names a volume the pod has not, or a subPath that is not there.
    """
    result = []
    for wanted in container.get("volumeMounts") or ():
        backing = backings.get(wanted["name"])
        if backing is None:
            raise ConfigError(f'volume "{wanted["name"]}" is not in the pod')
        below = environment.expand(wanted.get("subPathExpr") or "", variables) or wanted.get("subPath") or ""
        source = _sub_path(backing.path, below)
        read_only = backing.read_only or bool(wanted.get("readOnly"))
        result.append(Mount(str(source), wanted["mountPath"], read_only))
    return result


def _sub_path(base: Path, below: str) -> Path:
    if not below:
        return base
    path = (base / below).resolve()
    if not path.is_relative_to(base.resolve()):
        raise ConfigError(f"subPath {below!r} leads out of its volume")
    if not path.exists():
        path.mkdir(parents=True)
    return path
