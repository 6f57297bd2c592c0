"""The files of configMap, secret, downwardAPI and projected volumes: which, and how they are written.

`contents` is pure. `write` replaces all files of a volume at once, as the kubelet does: a running program
sees either the old or the new set through the `..data` link.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperpod_inference.local.agent import downward
from hyperpod_inference.local.agent.environment import ConfigError, Sources

Body = Mapping[str, Any]

_DATA = "..data"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a volume; `mode` as in chmod."""

    data: bytes
    mode: int = 0o644


Files = dict[str, File]
"""By path inside the volume."""


def needs(volume: Body) -> set[tuple[str, str]]:
    """(kind, name) of the ConfigMaps and Secrets a volume is made of."""
    found: set[tuple[str, str]] = set()
    for source in _sources(volume):
        if "configMap" in source:
            found.add(("ConfigMap", source["configMap"]["name"]))
        if "secret" in source:
            found.add(("Secret", _secret_name(source["secret"])))
    return found


def token_requests(volume: Body) -> list[Body]:
    """The service account tokens a projected volume asks for."""
    return [source["serviceAccountToken"] for source in _sources(volume) if "serviceAccountToken" in source]


def _sources(volume: Body) -> list[Body]:
    if "projected" in volume:
        return list(volume["projected"].get("sources") or ())
    return [volume]


def _secret_name(secret: Body) -> str:
    return str(secret.get("secretName") or secret["name"])


def contents(pod: Body, volume: Body, sources: Sources, tokens: Mapping[str, str]) -> Files:
    """Every file of the volume; `tokens` by their path in it.

    Raises:
        ConfigError: an object or key is missing and not optional.
    """
    mode = _default_mode(volume)
    files: Files = {path: File(token.encode(), 0o644) for path, token in tokens.items()}
    for source in _sources(volume):
        if "configMap" in source:
            files |= _keyed("ConfigMap", source["configMap"]["name"], source["configMap"], sources, mode)
        elif "secret" in source:
            files |= _keyed("Secret", _secret_name(source["secret"]), source["secret"], sources, mode)
        elif "downwardAPI" in source:
            files |= _downward(pod, source["downwardAPI"], sources, mode)
        elif "serviceAccountToken" not in source:
            raise ConfigError(f"projected source {'/'.join(source)} is not supported by local nodes")
    return files


def _default_mode(volume: Body) -> int:
    kind: Body = next(
        (volume[each] for each in ("projected", "configMap", "secret", "downwardAPI") if each in volume), {}
    )
    return int(kind.get("defaultMode") or 0o644)


def _keyed(kind: str, name: str, source: Body, sources: Sources, mode: int) -> Files:
    found = sources.objects.get((kind, name))
    if found is None:
        if source.get("optional"):
            return {}
        raise ConfigError(f'{kind.lower()} "{name}" not found')
    data: Mapping[str, str | bytes] = {**(found.get("data") or {}), **(found.get("binary") or {})}
    items = source.get("items") or [{"key": key, "path": key} for key in data]
    files: Files = {}
    for item in items:
        if item["key"] in data:
            files[item["path"]] = File(_bytes(data[item["key"]]), int(item.get("mode") or mode))
        elif not source.get("optional"):
            raise ConfigError(f"{kind.lower()} references non-existent key: {item['key']}")
    return files


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")


def _downward(pod: Body, source: Body, sources: Sources, mode: int) -> Files:
    files: Files = {}
    for item in source.get("items") or ():
        try:
            if "fieldRef" in item:
                path = item["fieldRef"]["fieldPath"]
                text = downward.field(pod, path, sources.pod_ip, sources.host_ip)
            else:
                text = downward.resource(pod, {}, item["resourceFieldRef"], sources.allocatable)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        files[item["path"]] = File(text.encode(), int(item.get("mode") or mode))
    return files


def write(directory: Path, files: Files) -> None:
    """Make `directory` hold exactly these files, in one step; nothing is touched if they are there."""
    directory.mkdir(parents=True, exist_ok=True)
    current = directory / _DATA
    if current.is_symlink() and _same(current, files):
        return
    generation = 1 + max((int(each.name.rsplit("_")[-1]) for each in directory.glob("..gen_*")), default=0)
    fresh = directory / f"..gen_{generation}"
    for path, file in files.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.data)
        target.chmod(file.mode)
    fresh.mkdir(exist_ok=True)
    link = directory / "..data_tmp"
    link.unlink(missing_ok=True)
    link.symlink_to(fresh.name)
    link.rename(current)
    _link_names(directory, {path.split("/")[0] for path in files})
    for old in directory.glob("..gen_*"):
        if old != fresh:
            shutil.rmtree(old, ignore_errors=True)


def _link_names(directory: Path, names: set[str]) -> None:
    for name in names - {each.name for each in directory.iterdir()}:
        (directory / name).symlink_to(f"{_DATA}/{name}")
    for old in directory.iterdir():
        if old.is_symlink() and not old.name.startswith("..") and old.name not in names:
            old.unlink()


def _same(current: Path, files: Files) -> bool:
    found = {str(each.relative_to(current)): each for each in current.rglob("*") if each.is_file()}
    if found.keys() != files.keys():
        return False
    return all(found[path].read_bytes() == file.data for path, file in files.items())
