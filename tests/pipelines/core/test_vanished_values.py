"""What vanished between two writes of a table: named unless it is a person, and recorded with the day of the run."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.catalog import ALIAS, PERSON, SKILL
from pipelines.contracts.table import Table
from pipelines.core.vanished_values import (
    VanishedValues,
    describe_recently_vanished,
    describe_vanished,
    read_watched_values,
    record_vanished_values,
)
from pipelines.storage.lake import Lake

DAY = date(2026, 6, 30)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def write(
    lake: Lake, table: Table, columns: dict[str, list[str]], known_names: pl.Series | None = None
) -> list[VanishedValues]:
    """Write a table with these columns, the others null, and record what vanished."""
    before = read_watched_values(lake, table)
    rows = pl.DataFrame(columns)
    lake.write(
        table,
        rows.select(
            pl.col(name).cast(dtype) if name in rows.columns else pl.lit(None, dtype).alias(name)
            for name, dtype in table.schema.items()
        ),
    )
    return record_vanished_values(lake, table, before, DAY, known_names)


def test_vanished_micro_skills_have_their_names_and_those_that_live_on_as_a_name_have_not_vanished(lake: Lake) -> None:
    skills = {"skill_id": ["s1", "s2", "s3", "s4"], "skill_name": ["SQL", "Java", "C++", "Git"]}
    assert write(lake, SKILL, skills) == []
    known_names = pl.Series("alias_text", ["git", "s1", "c++"])  # s1 by its id, s3 by its name
    vanished = write(lake, SKILL, {"skill_id": ["s4"], "skill_name": ["Git"]}, known_names)
    assert vanished == [VanishedValues("skill_id", 1, ("Java",))]
    assert describe_vanished(SKILL, vanished)[0].startswith("1 micro-skill has vanished: Java. If renamed or merged")


def test_people_are_counted_without_a_name_and_a_unit_vanishes_with_its_last_person(lake: Lake) -> None:
    write(lake, PERSON, {"person_id": ["1", "2", "3"], "unit_name": ["Data", "Data", "Ops"]})
    vanished = write(lake, PERSON, {"person_id": ["1"], "unit_name": ["Data"]})
    assert describe_vanished(PERSON, vanished) == ["2 people have vanished.", "1 unit has vanished: Ops."]
    assert "3" not in (lake.root / ".vanished" / f"{PERSON.name}.json").read_text().replace(DAY.isoformat(), "")


def test_ten_names_are_listed_and_the_others_counted(lake: Lake) -> None:
    units = [f"Unit {i:02d}" for i in range(13)]
    write(lake, PERSON, {"person_id": [str(i) for i in range(13)], "unit_name": units})
    vanished = write(lake, PERSON, {"person_id": [str(i) for i in range(13)], "unit_name": ["Unit 00"] * 13})
    assert describe_vanished(PERSON, vanished) == [
        f"12 units have vanished: {', '.join(units[1:11])} and 2 more.",
    ]


def test_the_record_has_the_day_is_left_out_later_and_ends_with_the_next_write(lake: Lake) -> None:
    write(lake, PERSON, {"person_id": ["1", "2"]})
    write(lake, PERSON, {"person_id": ["1"]})
    assert describe_recently_vanished(lake, DAY) == ["2026-06-30: 1 person has vanished."]
    assert describe_recently_vanished(lake, date(2026, 7, 1)) == []
    write(lake, PERSON, {"person_id": ["1", "2"]})
    assert describe_recently_vanished(lake, DAY) == []


def test_other_tables_are_not_watched(lake: Lake) -> None:
    write(lake, ALIAS, {"alias_text": ["sql"], "skill_id": ["s1"]})
    assert read_watched_values(lake, ALIAS) == {}
    assert not (lake.root / ".vanished").exists()
