"""Notices of landed files, from rows of the ledger."""

from typing import Any

import polars as pl
import pytest

from pipelines.contracts.catalog import DELIVERY
from pipelines.ingest.delivery_notices import find_notices


def ledger_row(**changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "source_name": "lms",
        "file_name": "a.csv",
        "delivery_number": 1,
        "delivery_status": "landed",
        "good_count": 8,
        "bad_count": 0,
        "read_count": 10,
        "passed_over": [{"why": "verb launched", "count": 2}],
    }
    return dict.fromkeys(DELIVERY.column_names) | usual | changes


def notices_of(*rows: dict[str, Any]) -> list[str]:
    return find_notices(pl.DataFrame(list(rows), schema=DELIVERY.schema), "lms")


def test_a_file_that_is_mostly_read_has_no_notice() -> None:
    assert notices_of(ledger_row()) == []
    assert notices_of(ledger_row(read_count=None, passed_over=None)) == []  # ledger of an earlier version


@pytest.mark.parametrize(("passed_over", "has_notice"), [(5, False), (6, True)])
def test_more_than_half_of_a_file_passed_over(passed_over: int, has_notice: bool) -> None:
    reasons = [{"why": "verb launched", "count": passed_over}]
    notices = notices_of(ledger_row(good_count=10 - passed_over, passed_over=reasons))
    sentence = "lms: a.csv: 6 of 10 rows are passed over, most often for: verb launched (6)."
    assert notices == ([sentence] if has_notice else [])


def test_a_file_without_a_kept_row() -> None:
    (notice,) = notices_of(ledger_row(good_count=0, bad_count=8))
    assert notice.startswith("lms: a.csv: no row is kept of 10 read; compare `system` and `mapping`")


def test_a_word_that_no_table_declares() -> None:
    words = [{"why": "mapping: LINE", "count": 3}]
    (notice,) = notices_of(ledger_row(unknown_words=words))
    assert "3 records hold a word that no table declares; footsteps.yaml settles it: mapping: LINE." in notice


def test_only_the_last_landed_file_of_the_source_counts() -> None:
    empty = ledger_row(good_count=0, read_count=0, passed_over=[])
    assert len(notices_of(empty)) == 1
    assert notices_of(empty, ledger_row(delivery_number=2)) == []
    assert len(notices_of(empty, ledger_row(delivery_number=2, source_name="other"))) == 1


def test_columns_left_out_that_by_their_name_hold_a_measure() -> None:
    (notice,) = notices_of(ledger_row(columns_left_out=["Final Score", "hours_spent", "Remarks", "City"]))
    assert (
        "2 columns that by their name hold marks or hours are not read, such as `Final Score`, `hours_spent`;" in notice
    )
    assert notices_of(ledger_row(columns_left_out=["Remarks", "Upgraded", "Benchmark"])) == []
