"""A reader of the oldest released contract can read the newest tables."""

from pathlib import Path

import polars as pl
import pytest
from conftest import DemoRun
from publishing import make_mastery_rows, make_next_skill_rows

from pipelines.contracts.documents.compatibility import read_released_contracts
from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY
from pipelines.storage.parquet_files import write_parquet

WRITTEN_THEN = {NEXT_SKILL.name: make_next_skill_rows("s0"), OUT_MASTERY.name: make_mastery_rows("s0")}


def read_as_promised(table: str, path: Path) -> pl.DataFrame:
    """A reader written for the oldest release: its columns in its types, no null where none was promised."""
    promise = read_released_contracts(table)[0]
    rows = pl.scan_parquet(path).select(column.name for column in promise.columns).collect()
    for column in promise.columns:
        values = rows[column.name]
        assert str(values.dtype) == column.type, column.name
        assert not (column.required and values.null_count()), column.name
        if column.allowed:
            assert set(values.drop_nulls().explode()) <= set(column.allowed), column.name
        if column.minimum is not None and values.drop_nulls().len():
            assert values.min() >= column.minimum  # type: ignore[operator]
        if column.maximum is not None and values.drop_nulls().len():
            assert values.max() <= column.maximum  # type: ignore[operator]
    return rows


@pytest.mark.parametrize("table", [NEXT_SKILL.name, OUT_MASTERY.name])
def test_the_oldest_reader_reads_old_and_new_tables(table: str, tmp_path: Path, demo_run: DemoRun) -> None:
    oldest = [column.name for column in read_released_contracts(table)[0].columns]
    then = tmp_path / "then.parquet"
    write_parquet(WRITTEN_THEN[table].select(oldest), then, {})
    now = demo_run.summary.snapshot.path(table)
    both = [read_as_promised(table, path) for path in (then, now)]
    assert all(rows.height for rows in both)
    assert both[0].schema == both[1].schema
