"""Rules about an object's metadata that the API server has for every kind; here they are told offline.

`native`: the server checks them by itself, in its own words.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hyperpod_inference.api.base import Rule

if TYPE_CHECKING:
    from hyperpod_inference.api.meta import ObjectMeta

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_KEY_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_NAME_MESSAGE = (
    "a name is made of lower-case letters, digits, '-' and '.', letter or digit at both ends: change it"
)
_KEY_MESSAGE = "key is NAME or DOMAIN/NAME, NAME of at most 63 letters, digits, '-', '_', '.': change it"
_MOST_ANNOTATION_BYTES = 256 * 1024


def _is_subdomain(text: str) -> bool:
    return len(text) <= 253 and _SUBDOMAIN.fullmatch(text) is not None


def _is_key(text: str) -> bool:
    """Whether `text` may be the key of a label or annotation: NAME or DOMAIN/NAME."""
    prefix, slash, name = text.rpartition("/")
    return _KEY_NAME.fullmatch(name) is not None and (not slash or _is_subdomain(prefix))


def _is_value(text: str) -> bool:
    return not text or _KEY_NAME.fullmatch(text) is not None


def _wrong_keys(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(key for key in keys if not _is_key(key))


def _prefix_is_right(prefix: str | None) -> bool:
    # The server adds characters, so a prefix may end with a dash.
    return not prefix or _is_subdomain(prefix.removesuffix("-") + "-x" * prefix.endswith("-"))


def _annotation_bytes(metadata: "ObjectMeta") -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in metadata.annotations.items())


METADATA_RULES = (
    Rule(
        cel=None,
        native=True,
        message="the resource has no name: give it one, or a generateName",
        field="name",
        holds=lambda metadata: bool(metadata.name or metadata.generate_name),
    ),
    Rule(
        cel=None,
        native=True,
        message=_NAME_MESSAGE,
        field="name",
        holds=lambda metadata: not metadata.name or _is_subdomain(metadata.name),
    ),
    Rule(
        cel=None,
        native=True,
        message=_NAME_MESSAGE,
        field="generateName",
        holds=lambda metadata: bool(metadata.name) or _prefix_is_right(metadata.generate_name),
    ),
    Rule(
        cel=None,
        native=True,
        message="a namespace is made of at most 63 lower-case letters, digits and '-': change it",
        field="namespace",
        holds=lambda metadata: not metadata.namespace or _LABEL.fullmatch(metadata.namespace) is not None,
    ),
    Rule(
        cel=None,
        native=True,
        message=f"a label's {_KEY_MESSAGE}",
        field="labels",
        holds=lambda metadata: not _wrong_keys(metadata.labels),
        detail=lambda metadata: ", ".join(_wrong_keys(metadata.labels)),
    ),
    Rule(
        cel=None,
        native=True,
        message="a label's value has at most 63 letters, digits, '-', '_', '.': use an annotation for more",
        field="labels",
        holds=lambda metadata: all(map(_is_value, metadata.labels.values())),
        detail=lambda metadata: ", ".join(
            key for key, value in metadata.labels.items() if not _is_value(value)
        ),
    ),
    Rule(
        cel=None,
        native=True,
        message=f"an annotation's {_KEY_MESSAGE}",
        field="annotations",
        # The server compares them without regard to case.
        holds=lambda metadata: not _wrong_keys(key.lower() for key in metadata.annotations),
        detail=lambda metadata: ", ".join(_wrong_keys(key.lower() for key in metadata.annotations)),
    ),
    Rule(
        cel=None,
        native=True,
        message="the annotations have more than 256 KiB together: shorten them",
        field="annotations",
        holds=lambda metadata: _annotation_bytes(metadata) <= _MOST_ANNOTATION_BYTES,
    ),
)
