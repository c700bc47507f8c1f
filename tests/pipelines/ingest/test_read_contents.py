"""Which files need no run: those whose content was read, unless a full export returns to an earlier content."""

import polars as pl
import pytest

from pipelines.config.company import SourceConfig
from pipelines.contracts.catalog import DELIVERY
from pipelines.ingest.read_contents import find_read_contents

FULL = SourceConfig.model_validate({"name": "hr", "system": "bamboohr", "path": "*.csv", "delivery": "full"})
INCREMENTAL = FULL.model_copy(update={"delivery": "incremental"})


def build_ledger(*deliveries: tuple[str, str, str, bool | None]) -> pl.DataFrame:
    """A ledger of files of the source: file name, content, status, whether a manifest calls it whole."""
    columns = ("file_name", "file_sha256", "delivery_status", "is_whole")
    rows = [
        {"source_name": "hr", "mapping_code": FULL.mapping_code, **dict(zip(columns, delivery, strict=True))}
        for delivery in deliveries
    ]
    return pl.DataFrame(rows, schema_overrides={"is_whole": pl.Boolean}).select(
        pl.col(name) if name in (*columns, "source_name", "mapping_code") else pl.lit(None).alias(name)
        for name in DELIVERY.column_names
    )


@pytest.mark.parametrize(
    ("source", "is_whole", "is_read"),
    [(FULL, None, False), (INCREMENTAL, None, True), (INCREMENTAL, True, False), (FULL, False, True)],
)
def test_a_full_export_that_returns_is_read_again_and_an_incremental_one_is_not(
    source: SourceConfig, is_whole: bool | None, is_read: bool
) -> None:
    ledger = build_ledger(("a.csv", "first", "landed", is_whole), ("a.csv", "second", "landed", is_whole))
    contents = find_read_contents(ledger, source)
    assert contents.includes("a.csv", "first") is is_read
    assert contents.includes("a.csv", "second")
    assert contents.includes("b.csv", "first")  # a copy under another name says nothing new
    assert not contents.includes("a.csv", "third")


def test_a_refused_content_is_not_read_again_and_does_not_count_as_the_last_one() -> None:
    ledger = build_ledger(("a.csv", "first", "landed", None), ("a.csv", "broken", "refused", None))
    contents = find_read_contents(ledger, FULL)
    assert contents.includes("a.csv", "broken")
    assert contents.includes("a.csv", "first")


def test_a_content_that_was_read_under_another_mapping_is_read_again() -> None:
    ledger = build_ledger(("a.csv", "first", "landed", None)).with_columns(mapping_code=pl.lit("another"))
    assert not find_read_contents(ledger, FULL).includes("a.csv", "first")
