"""Every published row has the metadata of its run, and all tables share one id that follows from their content."""

from datetime import date

import polars as pl

from pipelines.contracts.columns import select_columns
from pipelines.contracts.table import Table
from pipelines.snapshots.row_metadata import (
    UNPUBLISHED,
    RowMetadata,
    SnapshotContent,
    add_row_metadata,
    assign_snapshot_id,
    hash_extended_content,
)
from pipelines.storage.parquet_files import content_sha256

STAMPED = ("snapshot_id", "as_of", "valid_until", "schema_version")
STEPS = Table("out__steps", "One row per step.", select_columns("person_id", "model_version", *STAMPED), ("person_id",))
TEAMS = Table("out__teams", "One row per team.", select_columns("unit_name", *STAMPED), ("unit_name",), version="2.1.0")
DAY = date(2026, 6, 30)
ROW_METADATA_COLUMNS = RowMetadata(DAY, 2, "policy", "model")


def named(*people: str, as_of: date = DAY, teams: tuple[str, ...] = ("north",)) -> SnapshotContent:
    stamps = RowMetadata(as_of, 2, "policy", "model")
    return assign_snapshot_id(
        {
            STEPS: add_row_metadata(
                STEPS, pl.DataFrame({"person_id": people}, schema={"person_id": pl.String}), stamps
            ),
            TEAMS: add_row_metadata(
                TEAMS, pl.DataFrame({"unit_name": teams}, schema={"unit_name": pl.String}), ROW_METADATA_COLUMNS
            ),
        },
        as_of,
        2,
    )


def test_a_row_gets_the_metadata_columns_of_its_table_and_no_snapshot_id_yet() -> None:
    row = add_row_metadata(TEAMS, pl.DataFrame({"unit_name": ["north"], "left_out": [1]}), ROW_METADATA_COLUMNS).row(
        0, named=True
    )
    assert row == {
        "unit_name": "north",
        "snapshot_id": UNPUBLISHED,
        "as_of": DAY,
        "valid_until": date(2026, 7, 2),
        "schema_version": "2.1.0",
    }


def test_the_same_day_and_content_get_the_same_id_in_any_order_of_rows() -> None:
    assert named("ann", "bob").snapshot_id == named("bob", "ann").snapshot_id
    assert named("ann", "bob").snapshot_id.startswith("20260630-")


def test_other_content_or_another_day_gives_another_id() -> None:
    ids = {named(*who).snapshot_id for who in (("ann",), ("bob",))}
    ids |= {named("ann", teams=("south",)).snapshot_id, named("ann", as_of=date(2026, 7, 1)).snapshot_id}
    assert len(ids) == 4


def test_all_tables_have_the_same_id() -> None:
    content = named("ann")
    assert {frame["snapshot_id"][0] for frame in content.rows_by_table.values()} == {content.snapshot_id}


def test_as_of_is_the_newest_day_and_valid_until_the_earliest() -> None:
    content = named("ann", as_of=date(2026, 7, 1))
    assert (content.as_of, content.valid_until) == (date(2026, 7, 1), date(2026, 7, 2))


def test_tables_without_rows_give_a_snapshot() -> None:
    content = named(teams=())
    assert (content.as_of, content.valid_until) == (DAY, date(2026, 7, 2))


def test_a_known_content_hash_gives_the_same_id_as_the_rows() -> None:
    frames = {TEAMS: add_row_metadata(TEAMS, pl.DataFrame({"unit_name": ["north"]}), ROW_METADATA_COLUMNS)}
    from_rows = assign_snapshot_id(frames, DAY, 2)
    from_hash = assign_snapshot_id(frames, DAY, 2, {TEAMS: content_sha256(frames[TEAMS])})
    assert from_hash.snapshot_id == from_rows.snapshot_id
    assert assign_snapshot_id(frames, DAY, 2, {TEAMS: "another"}).snapshot_id != from_rows.snapshot_id
    assert assign_snapshot_id(frames, DAY, 2, {TEAMS: None}).snapshot_id == from_rows.snapshot_id


def test_extended_validity_gives_another_hash() -> None:
    assert (
        len(
            {
                hash_extended_content("a", DAY),
                hash_extended_content("b", DAY),
                hash_extended_content("a", date(2026, 7, 1)),
                "a",
            }
        )
        == 4
    )
