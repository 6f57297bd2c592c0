"""docs/doctor.md names every check."""

from pathlib import Path

from hyperpod_inference.diagnosis.endpoint import CHECKS as OF_AN_ENDPOINT
from hyperpod_inference.diagnosis.installed import CHECKS as OF_THE_INSTALLATION
from hyperpod_inference.diagnosis.logs import SIGNS

DOCUMENT = Path(__file__).parents[3] / "docs" / "doctor.md"
OWN_NAMES = {"conditions", "parts"}  # these speak under the types of the conditions


def test_the_document_names_every_check() -> None:
    rows = [line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("| ")]
    first_columns = " ".join(row.split("|")[1] for row in rows)
    absent = [
        name
        for name in {*OF_THE_INSTALLATION, *OF_AN_ENDPOINT} - OWN_NAMES
        if f"`{name}`" not in first_columns
    ]
    assert absent == []


def test_the_checks_of_the_document_are_in_the_order_in_which_they_are_made() -> None:
    rows = [line.split("|")[1] for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("| ")]
    told = " ".join(rows)
    made = [name for name in (*OF_THE_INSTALLATION, *OF_AN_ENDPOINT) if name not in OWN_NAMES]
    places = [told.index(f"`{name}`") for name in made]
    assert places == sorted(places)


def test_no_sign_hides_another() -> None:
    assert not [(a, b) for a in SIGNS for b in SIGNS if a is not b and a.words in b.words]
