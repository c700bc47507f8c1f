"""A ledger that an earlier version wrote, without its newest columns, is read and carried on as before."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
from time_sheets import TIME

from pipelines.contracts.catalog import DELIVERY
from pipelines.ingest.deliveries import count_landed_rows, current_deliveries, read_ledger
from pipelines.ingest.delivery_notices import find_notices
from pipelines.ingest.landing import LandingContext, land_source
from pipelines.storage.lake import Lake

NEWEST_COLUMNS = ("file_notes", "empty_measures")


def land(folder: Path, day: int) -> LandingContext:
    landing = LandingContext(Lake(folder / "lake"), folder, date(2026, 7, day), datetime(2026, 7, day, tzinfo=UTC))
    land_source(landing, TIME)
    return landing


def write_hours(folder: Path, name: str, record_code: str, hours: str) -> None:
    (folder / name).write_text(f"id,who,day,hours\n{record_code},a,2026-06-0{record_code},{hours}\n")


def test_a_ledger_without_its_newest_columns_is_read_and_carried_on(tmp_path: Path) -> None:
    write_hours(tmp_path, "1.csv", "1", "7")
    write_hours(tmp_path, "2.csv", "2", "")
    lake = land(tmp_path, 1).lake
    before = read_ledger(lake)
    assert before["empty_measures"].to_list() == [[], ["worked_hours"]]
    (file,) = lake.files(DELIVERY)
    pl.read_parquet(file).drop(NEWEST_COLUMNS).write_parquet(file)

    earlier = read_ledger(lake)
    assert earlier.schema == DELIVERY.schema
    assert earlier.drop(NEWEST_COLUMNS).equals(before.drop(NEWEST_COLUMNS))
    assert [earlier[column].to_list() for column in NEWEST_COLUMNS] == [[None, None]] * 2
    assert current_deliveries(lake, TIME)["file_name"].to_list() == ["1.csv", "2.csv"]
    assert [counts.is_complete for counts in count_landed_rows(lake, [TIME])] == [True, True]
    assert find_notices(earlier, "time") == []

    # what was landed is not landed again, and the rows of the earlier version stay beside the new one
    write_hours(tmp_path, "3.csv", "3", "")
    land(tmp_path, 2)
    later = read_ledger(lake)
    assert later["file_name"].to_list() == ["1.csv", "2.csv", "3.csv"]
    assert later["empty_measures"].to_list() == [None, None, ["worked_hours"]]
    (notice,) = find_notices(later, "time")
    assert notice.startswith("time: 3.csv: `worked_hours` is empty in every kept row; ")
