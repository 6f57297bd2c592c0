"""Helm's own record of a release, read from its Secret: no helm binary is needed.

Helm 3 keeps one Secret of type helm.sh/release.v1 for each revision; `data.release` is base64 (Kubernetes')
around base64 (Helm's) around gzip around JSON. Pure: bytes in, values out.
"""

import base64
import binascii
import gzip
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

SECRET_TYPE = "helm.sh/release.v1"  # noqa: S105 - a type of Secret
SECRET_SELECTOR = "owner=helm"  # noqa: S105 - a label selector
SIZE_LIMIT = 64 * 1024 * 1024
"""Bytes of JSON that one release may unpack to; a Secret holds at most one MiB of it packed."""

Values = Mapping[str, Any]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SOURCE = re.compile(r"^# Source: (\S+)", re.M)


class UnreadableRelease(ValueError):  # noqa: N818 - an outcome, told to a person
    """A release Secret that does not hold what Helm writes; the text names the Secret and the layer."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """One revision of a release. `values` is what the user gave, `defaults` what the chart brings.

    secret: name of the Secret. manifest: the objects as applied, YAML documents in one text.
    """

    name: str
    namespace: str
    revision: int
    status: str
    chart: str
    chart_version: str
    app_version: str
    values: Values
    defaults: Values
    manifest: str
    secret: str

    @property
    def computed(self) -> dict[str, Any]:
        """The values that the templates saw: the user's over the chart's."""
        return overlaid(self.defaults, self.values)

    def objects(self) -> list[dict[str, Any]]:
        """The manifests of the release, in its order."""
        return [body for _, body in self.sourced()]

    def sourced(self) -> Sequence[tuple[str, dict[str, Any]]]:
        """Each manifest after the template that it came from, as CHART/charts/SUBCHART/templates/FILE.

        Raises yaml.YAMLError.
        """
        return self._sourced

    @cached_property
    def _sourced(self) -> list[tuple[str, dict[str, Any]]]:
        """Read once: the manifests of a chart with CRDs are megabytes."""
        found = []
        for text in _documents(self.manifest):
            source = _SOURCE.search(text)
            for body in yaml.load_all(text, Loader=_LOADER):
                if isinstance(body, dict) and (body.get("metadata") or {}).get("name"):
                    found.append((source[1] if source else "", body))
        return found


def decode(secret: Mapping[str, Any]) -> Release:
    """The release in a Secret. Raises UnreadableRelease."""
    where = f"Secret {secret['metadata'].get('namespace')}/{secret['metadata'].get('name')}"
    try:
        body = body_of(secret)
        metadata = body["chart"]["metadata"]
        return Release(
            name=body["name"],
            namespace=body["namespace"],
            revision=int(body["version"]),
            status=body["info"]["status"],
            chart=metadata["name"],
            chart_version=metadata["version"],
            app_version=str(metadata.get("appVersion") or ""),
            values=_values(body.get("config")),
            defaults=_values(body["chart"].get("values")),
            manifest=body.get("manifest") or "",
            secret=secret["metadata"]["name"],
        )
    except (KeyError, TypeError, ValueError, EOFError, OSError, binascii.Error) as error:
        raise UnreadableRelease(
            f"{where} does not hold a Helm release ({type(error).__name__}: {error}). "
            "See `helm list -A`; restore it from a backup of the cluster, or install the release again"
        ) from error


def _values(given: Any) -> Values:
    if not isinstance(given or {}, Mapping):
        raise TypeError(f"its values are a {type(given).__name__}, not a mapping")
    return dict(given or {})


def body_of(secret: Mapping[str, Any]) -> dict[str, Any]:
    """What Helm stored in a Secret, whole. Raises ValueError and its kin for anything else."""
    body = json.loads(_unpacked(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    return dict(body)


def without(manifest: str, source: str) -> str:
    """A manifest without the objects whose template lies below `source`, as CHART/charts/SUBCHART/."""
    kept = (text for text in _documents(manifest) if source not in (_SOURCE.search(text) or [""])[0])
    return "---\n" + "---\n".join(text for text in kept if text.strip())


def encode(release: Mapping[str, Any]) -> str:
    """The text of `data.release` for a release body: what Helm would store."""
    packed = gzip.compress(json.dumps(release, sort_keys=True).encode(), mtime=0)
    return base64.b64encode(base64.b64encode(packed)).decode()


def newest(releases: Iterable[Release]) -> dict[tuple[str, str], Release]:
    """The newest revision of each release, by (namespace, name)."""
    found: dict[tuple[str, str], Release] = {}
    for release in releases:
        key = release.namespace, release.name
        if key not in found or found[key].revision < release.revision:
            found[key] = release
    return found


def overlaid(below: Values, above: Values) -> dict[str, Any]:
    """`above` over `below` as Helm does it: maps are merged, anything else is replaced, null removes."""
    made = dict(below)
    for key, value in above.items():
        if value is None:
            made.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(made.get(key), Mapping):
            made[key] = overlaid(made[key], value)
        else:
            made[key] = value
    return made


def _documents(manifest: str) -> list[str]:
    return re.split(r"^---[ \t]*\n", manifest, flags=re.M)


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        unpacked = stream.read(SIZE_LIMIT + 1)
    if len(unpacked) > SIZE_LIMIT:
        raise ValueError(f"more than {SIZE_LIMIT} bytes")
    return unpacked
