"""The page that the fault table is written into."""

from faultrig.report import Row, page, row_of
from faultrig.trial import Outcome


def test_a_page_tells_every_row_with_its_counts_and_every_control() -> None:
    rows = {
        "F10": Row(passed=1, failed=1, outcomes=[Outcome(3, 1.0, 20, 80.0), Outcome(9, 3.0, 30, 90.0)]),
        "F2": Row(passed=2, outcomes=[Outcome(4, 1.0, 20, 80.0)]),
    }
    lines = page(rows, {"a_list_that_leaves_ghosts": True}, "a machine").splitlines()
    (first, second) = [line for line in lines if line.startswith("| F")]
    assert first.startswith("| F2 |")
    assert first.endswith("| 2 | 1 | 4 | 1.0, at most 1.0 | 20 | 80 | holds |")
    assert second.endswith("| 2 | 2 | 3 to 9 | 2.0, at most 3.0 | 30 | 90 | 1 failed |")
    assert "| a list does not remove what is missing from it | F7, O1 | caught |" in lines
    assert "5 tests with 3 trials, on a machine." in lines
    (early,) = [line for line in page(rows, {}, "a machine", 7).splitlines() if "stopped" in line]
    assert early.endswith("It was stopped early: 7 further tests did not run.")


def test_a_test_belongs_to_the_row_in_its_name() -> None:
    assert row_of("test_f07_what_was_deleted") == "F7"
    assert row_of("test_f10_a_delete_meets_another_object_of_the_name") == "F10"
