"""docs/fields.md is what the models say."""

from pathlib import Path

from hyperpod_inference.api.field_reference import reference

DOCUMENT = Path(__file__).parents[3] / "docs" / "fields.md"


def test_the_document_is_what_make_fields_writes() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == reference(), "the models have changed: run `make fields`"


def test_rules_are_listed_with_a_mark_where_the_server_cannot_tell() -> None:
    text = reference()
    assert "- instanceType, instanceTypes and nodeAffinity exclude each other: keep one" in text
    assert "- two volumes have the same name: rename one *" in text
