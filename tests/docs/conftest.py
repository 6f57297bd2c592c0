"""Reads the documents: their fenced blocks, each with the place it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(?P<mark>`{3,})(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=mark)`*[ \t]*$", re.M | re.S)
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: `language` is the first word of its fence, `marks` are the others."""

    file: str
    line: int
    language: str
    marks: frozenset[str]
    text: str

    @property
    def id(self) -> str:
        return f"{self.file}:{self.line}"


def documents() -> list[Path]:
    """Returns every document of the project, in a fixed order."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def blocks_of(file: str, text: str) -> Iterator[Block]:
    """Yields the fenced blocks of a document; a fence without a language has the language ''."""
    for found in FENCE.finditer(text):
        language, *marks = found["info"].split() or [""]
        line = text.count("\n", 0, found.start()) + 1
        yield Block(file, line, language, frozenset(marks), found["text"])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Fills `block` (every fenced one), `cluster_block` (those that start one) and `link` (relative ones)."""
    texts = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in documents()}
    blocks = [block for file, text in texts.items() for block in blocks_of(file, text)]
    if "block" in metafunc.fixturenames:
        metafunc.parametrize("block", blocks, ids=[block.id for block in blocks])
    if "cluster_block" in metafunc.fixturenames:
        starting = [block for block in blocks if "cluster" in block.marks and "local up" in block.text]
        metafunc.parametrize("cluster_block", starting, ids=[block.id for block in starting])
    if "link" in metafunc.fixturenames:
        prose = {file: CODE.sub("", text) for file, text in texts.items()}
        links = [(file, found["target"]) for file, text in prose.items() for found in LINK.finditer(text)]
        near = [(file, target) for file, target in links if "://" not in target and target[0] != "#"]
        metafunc.parametrize("link", near, ids=[f"{file}->{target}" for file, target in near])


@pytest.fixture
def root() -> Path:
    return ROOT
