"""Vanished values: micro-skills, people, units, roles and courses that a table had before a write and lacks after it.

Belongs here: which columns are watched, the record of what vanished last, and its sentences.
Does not belong here: the names by which evidence follows a renamed micro-skill (`pipelines.core.taxonomy`).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date

import polars as pl

from pipelines.contracts.catalog import COURSE, PERSON, SKILL
from pipelines.contracts.columns import COLUMNS
from pipelines.contracts.personal_columns import is_impersonal
from pipelines.contracts.table import Table
from pipelines.core.taxonomy import normalise_name
from pipelines.storage.atomic_write import write_text_atomically
from pipelines.storage.lake import Lake

_RECORD_FOLDER = ".vanished"
_MAX_NAMES = 10


@dataclass(frozen=True)
class _WatchedColumn:
    """A column whose vanished values are reported.

    Attributes:
        name_column: Column with the name of a value for people.
        singular_noun: What one value is.
        plural_noun: What several values are.
        remedy: What to do if the value was not meant to vanish; empty if nothing.
    """

    name_column: str
    singular_noun: str
    plural_noun: str
    remedy: str = ""


_WATCHED_COLUMNS: Mapping[str, Mapping[str, _WatchedColumn]] = {
    SKILL.name: {
        "skill_id": _WatchedColumn(
            "skill_name",
            "micro-skill",
            "micro-skills",
            " If renamed or merged, state the successor by `replaced_by` or `taxonomy: {aliases: FILE}`: evidence "
            "follows it.",
        )
    },
    PERSON.name: {
        "person_id": _WatchedColumn("person_id", "person", "people"),
        "unit_name": _WatchedColumn("unit_name", "unit", "units"),
        "role_name": _WatchedColumn("role_name", "role", "roles"),
    },
    COURSE.name: {"course_code": _WatchedColumn("course_code", "course", "courses")},
}

ValuesByColumn = Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class VanishedValues:
    """The values of one column that a write removed.

    Attributes:
        column_name: The column.
        count: Number of distinct values.
        names: The names of the first ones in alphabetical order; none if the column leads to a person.
    """

    column_name: str
    count: int
    names: tuple[str, ...]


def read_watched_values(lake: Lake, table: Table) -> ValuesByColumn:
    """Read the distinct values of the watched columns of a table.

    Args:
        lake: The lake.
        table: Any table.

    Returns:
        By watched column, one row per value: value_id, value_name. Empty for a table without watched columns.
    """
    watched_columns = _WATCHED_COLUMNS.get(table.name, {})
    if not watched_columns:
        return {}
    table_rows = lake.scan(table)
    return {
        column_name: table_rows.select(
            pl.col(column_name).alias("value_id"), pl.col(watched_column.name_column).alias("value_name")
        )
        .drop_nulls("value_id")
        .group_by("value_id")
        .agg(pl.col("value_name").min())
        .collect()
        for column_name, watched_column in watched_columns.items()
    }


def record_vanished_values(
    lake: Lake,
    table: Table,
    previous_values_by_column: ValuesByColumn,
    run_day: date,
    known_names: pl.Series | None = None,
) -> list[VanishedValues]:
    """Find what the last write of a table removed, and record it for `describe_recently_vanished`.

    Args:
        lake: The lake, after the write.
        table: The table that was written.
        previous_values_by_column: Its values before the write, as `read_watched_values` returns them.
        run_day: The day of the run.
        known_names: Normalised names that still mean something: a value with such an id or name was renamed or merged
            and has not vanished.

    Returns:
        One entry per column with vanished values.
    """
    if not previous_values_by_column:
        return []
    current_values_by_column = read_watched_values(lake, table)
    vanished_values = []
    for column_name, previous_values in previous_values_by_column.items():
        vanished_rows = previous_values.join(current_values_by_column[column_name], on="value_id", how="anti")
        if known_names is not None:
            is_known_conditions = (
                normalise_name(pl.col(key_column)).is_in(known_names.implode())
                for key_column in ("value_id", "value_name")
            )
            vanished_rows = vanished_rows.filter(~pl.any_horizontal(*is_known_conditions))
        if vanished_rows.height:
            is_personal = not is_impersonal(COLUMNS[column_name].data_class)
            vanished_names = () if is_personal else tuple(vanished_rows["value_name"].sort().head(_MAX_NAMES))
            vanished_values.append(VanishedValues(column_name, vanished_rows.height, vanished_names))
    vanished_record = {
        "run_day": run_day.isoformat(),
        "columns": [asdict(column_values) for column_values in vanished_values],
    }
    write_text_atomically(lake.root / _RECORD_FOLDER / f"{table.name}.json", json.dumps(vanished_record))
    return vanished_values


def describe_vanished(table: Table, vanished_values: list[VanishedValues]) -> list[str]:
    """Describe what vanished from a table, in one sentence per column; people are only counted."""
    sentences = []
    for column_values in vanished_values:
        watched_column = _WATCHED_COLUMNS[table.name][column_values.column_name]
        subject_phrase = (
            f"1 {watched_column.singular_noun} has"
            if column_values.count == 1
            else f"{column_values.count:,} {watched_column.plural_noun} have"
        )
        more_phrase = (
            f" and {column_values.count - len(column_values.names):,} more"
            if column_values.count > len(column_values.names)
            else ""
        )
        name_phrase = f": {', '.join(column_values.names)}{more_phrase}" if column_values.names else ""
        sentences.append(f"{subject_phrase} vanished{name_phrase}.{watched_column.remedy}")
    return sentences


def describe_recently_vanished(lake: Lake, earliest_run_day: date) -> list[str]:
    """Describe what vanished from the watched tables when each was last computed.

    Args:
        lake: The lake.
        earliest_run_day: Runs of an earlier day are left out.

    Returns:
        One sentence per table and column, with the day of the run.
    """
    sentences = []
    for table in (SKILL, PERSON, COURSE):
        record_path = lake.root / _RECORD_FOLDER / f"{table.name}.json"
        vanished_record = json.loads(record_path.read_text()) if record_path.is_file() else {"columns": []}
        if vanished_record["columns"] and date.fromisoformat(vanished_record["run_day"]) >= earliest_run_day:
            vanished_values = [
                VanishedValues(column_record["column_name"], column_record["count"], tuple(column_record["names"]))
                for column_record in vanished_record["columns"]
            ]
            sentences += [
                f"{vanished_record['run_day']}: {sentence}" for sentence in describe_vanished(table, vanished_values)
            ]
    return sentences
