"""The core tables do not depend on the layout of an export or on how it is delivered."""

import itertools
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.config.company import SourceConfig
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, raw_table
from pipelines.core.conform import CORE_TABLE_BY_SHAPE, conform_event, conform_person
from pipelines.core.identity_resolution import ACCOUNT_KEYS, identify_people, list_account_mentions, match_accounts
from pipelines.ingest.deliveries import scan_current_rows
from pipelines.ingest.landing import LandingContext, land_source
from pipelines.storage.lake import Lake

DAY = date(2026, 3, 1)
NO_MAPS = pl.DataFrame(schema={"serves": pl.String, "settles": pl.Boolean, **dict.fromkeys(ACCOUNT_KEYS, pl.String)})
PEOPLE = pl.DataFrame(
    {
        "Employee #": ["1", "2", "3"],
        "Work Email": ["a@x.org", "b@x.org", "c@x.org"],
        "Job Title": ["Analyst", None, "Lead"],
        "Department": ["North", "North", "South"],
        "Hire Date": ["2024-01-31", "2024-02-15", "2025-12-13"],
        "Status": ["Active", "Active", "Active"],
    }
)
WORK = pl.DataFrame(
    {
        "id": [str(i) for i in range(12)],
        "mail": ["a@x.org", "b@x.org", "nobody@x.org"] * 4,
        "day": [f"2026-01-{i + 13}" for i in range(12)],
        "spent": ["1.5", "2", "many", "0.25"] * 3,
        "what": ["sql", "charts|sql", None] * 4,
    }
)
HR = SourceConfig(name="people", system="bamboohr", path="people*.csv", delivery="full")
TIME = SourceConfig.model_validate(
    {
        "name": "time",
        "system": "tabular",
        "shape": "worklog",
        "path": "time*.csv",
        "mapping": {
            "record_code": "id",
            "work_email": "mail",
            "worked_at": "day",
            "worked_hours": "spent",
            "skill_text": "what",
        },
    }
)


def core_tables(people: pl.DataFrame, work: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """People, worklogs and worklogs set aside, without the columns of file and row."""
    with TemporaryDirectory() as name:
        root = Path(name)
        folder = root / "in"
        folder.mkdir()
        people.write_csv(folder / "people.csv")
        for i, part in enumerate(work):
            part.write_csv(folder / f"time{i}.csv")
        lake = Lake(root / "lake")
        landing = LandingContext(lake, folder, DAY, datetime(2026, 3, 1, tzinfo=UTC))
        rows: dict[CanonicalSchemaName, pl.LazyFrame] = {}
        shapes: tuple[tuple[CanonicalSchemaName, SourceConfig], ...] = (("person", HR), ("worklog", TIME))
        for shape, source in shapes:
            land_source(landing, source)
            current = scan_current_rows(lake, raw_table(source.system, CANONICAL_SCHEMAS[shape]), shape, [source])
            rows[shape] = current.with_columns(pl.lit(source.system).alias("system_name"))
        maps = match_accounts(list_account_mentions(list(rows.values())), identify_people([rows["person"]]), NO_MAPS)
        core_people = conform_person(rows["person"], maps, DAY)
        core = conform_event("worklog", rows["worklog"], maps, core_people)
        origin = ("file_sha256", "row_number", "delivered_date", "delivery_number")
        return [
            frame.drop(origin, strict=False).sort(pl.all())
            for frame in (
                core_people,
                core.good_rows,
                core.bad_rows.with_columns(pl.col("failed_rules").list.join(",")),
            )
        ]


EXPECTED = core_tables(PEOPLE, [WORK])


def test_the_core_tables_hold_the_values_of_the_exports() -> None:
    people, good, bad = EXPECTED
    assert people["person_id"].to_list() == ["1", "2", "3"]
    assert good["person_id"].to_list().count("1") == 4
    # the hours of one of four entries are no number: the entry stays without them
    assert good.filter(pl.col("person_id") == "1")["worked_hours"].null_count() == 1
    assert set(good.columns) < set(CORE_TABLE_BY_SHAPE["worklog"].column_names)
    assert bad["failed_rules"].to_list() == ["person_id|references"] * 4


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_order_of_rows_and_columns_splits_and_repeats_change_no_core_table(data: st.DataObject) -> None:
    people = PEOPLE[data.draw(st.permutations(range(PEOPLE.height)))].select(data.draw(st.permutations(PEOPLE.columns)))
    work = WORK[data.draw(st.permutations(range(WORK.height)))].select(data.draw(st.permutations(WORK.columns)))
    cuts = sorted(data.draw(st.lists(st.integers(1, WORK.height - 1), max_size=3, unique=True)))
    edges = [0, *cuts, WORK.height]
    parts = [work[start:end] for start, end in itertools.pairwise(edges)]
    again = data.draw(st.lists(st.sampled_from(parts), max_size=2))
    for table, expected in zip(core_tables(people, [*parts, *again]), EXPECTED, strict=True):
        assert table.equals(expected)
