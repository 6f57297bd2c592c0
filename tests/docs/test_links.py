"""Relative links of the documents lead somewhere, and the changelog knows the version."""

from __future__ import annotations

import re
from pathlib import Path

from hyperpod_inference import __version__

KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_link_leads_to_a_file(link: tuple[str, str], root: Path) -> None:
    file, target = link
    path, _, _ = target.partition("#")
    assert (root / file).parent.joinpath(path).exists(), f"{file} links to {target}, which is not there"


def test_the_changelog_names_this_version_and_sorts_changes_by_kind(root: Path) -> None:
    text = (root / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## \[(?P<version>[^\]]+)\]", text, re.M)
    assert __version__ in versions
    assert set(re.findall(r"^### (.+)$", text, re.M)) <= KINDS
