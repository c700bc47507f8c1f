"""One file read as a run would read it: the rows kept and set aside, who they name, and what they lack.

Belongs here: what the other modules need to know of a file's rows; values are compared, never printed.
Does not belong here: reading and splitting (`pipelines.ingest`), which system to read a file as (`recognition`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.core.identity_resolution import ACCOUNT_KEYS
from pipelines.ingest.preview import read_landed_frames
from pipelines.ingest.raw_tables import describe_broken_end, process_export
from pipelines.inspection.folder import ExportFile
from pipelines.sources.adapter import Export
from pipelines.sources.conventions import UnprovenForm
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.readers.files import ExportRefused

# The column of each schema that tells when something happened.
_DAY_COLUMNS = ("worked_at", "occurred_at", "done_at", "started_date", "hired_date", "stated_at", "replied_at")
# Texts of a row by which an own table of the same company may name the same thing.
_TEXT_COLUMNS = ("skill_text", "course_name", "display_name", "unit_name", "role_name")


@dataclass(frozen=True, eq=False)
class ShapeRows:
    """The rows of one canonical schema of a file.

    Attributes:
        kept_count: Number of rows that a run would keep.
        set_aside_count: Number of rows that a run would set aside.
        filled_count_by_column: Number of kept rows in which a column has a value, by column; columns without any are
            left out.
        mentions: One row per distinct combination of keys of a person: account_code, employee_number, work_email,
            changed_at (the last one) and row_count. None if the schema names nobody.
        record_hashes: The distinct keys of the kept records, hashed.
        texts_by_column: The distinct texts of some columns, by column.
        days: The distinct days on which something happened.
        set_aside_count_by_rule: Number of rows set aside by the rule that they break.
    """

    kept_count: int
    set_aside_count: int
    filled_count_by_column: Mapping[str, int]
    mentions: pl.DataFrame | None
    record_hashes: pl.Series
    texts_by_column: Mapping[str, pl.Series]
    days: pl.Series
    set_aside_count_by_rule: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class FileReading:
    """What a run would read of a file as one system.

    Attributes:
        file: The file.
        system: The system whose adapter reads it.
        options: How the source declares that its files are read.
        rows_by_shape: The rows by canonical schema; schemas without a row are left out.
        passed_over_count: Number of rows that the adapter does not read.
        columns_left_out: Columns that no mapping uses.
        notes: Sentences about the file that its reader must know.
        refusal: Why the file cannot be read; None if it can.
        unproven_form: The form that the file does not prove, if that is why it cannot be read.
        settlements: How forms that the file does not prove were settled, one sentence each.
    """

    file: ExportFile
    system: str
    options: SourceOptions
    rows_by_shape: Mapping[CanonicalSchemaName, ShapeRows] = field(default_factory=dict)
    passed_over_count: int = 0
    columns_left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refusal: str | None = None
    unproven_form: UnprovenForm | None = None
    settlements: tuple[str, ...] = ()

    @property
    def kept_count(self) -> int:
        """Number of rows that a run would keep."""
        return sum(shape_rows.kept_count for shape_rows in self.rows_by_shape.values())

    @property
    def set_aside_count(self) -> int:
        """Number of rows that a run would set aside."""
        return sum(shape_rows.set_aside_count for shape_rows in self.rows_by_shape.values())

    @property
    def kept_share(self) -> float:
        """Share of the rows that a run would keep of those that it reads; 0 if it reads none."""
        return self.kept_count / max(self.kept_count + self.set_aside_count, 1)

    @property
    def days(self) -> pl.Series:
        """The distinct days on which something happened."""
        return (
            pl.concat([pl.Series("day", [], pl.Date), *(shape_rows.days for shape_rows in self.rows_by_shape.values())])
            .unique()
            .sort()
        )

    @property
    def volume(self) -> tuple[int, int]:
        """How much of the file a run would read: the rows that it would keep, and the values that it would read."""
        return self.kept_count, sum(
            sum(shape_rows.filled_count_by_column.values()) for shape_rows in self.rows_by_shape.values()
        )


def read_file(folder: Path, file: ExportFile, system: str, options: SourceOptions, delivery_day: date) -> FileReading:
    """Read a file as a run does, without keeping anything.

    Args:
        folder: The folder of the exports.
        file: The file.
        system: The system whose adapter reads it.
        options: How the source declares that its files are read.
        delivery_day: Day of the delivery.

    Returns:
        The rows by canonical schema, or the refusal.
    """

    def describe_export(export: Export) -> FileReading:
        frame_pair_by_shape, passed_over_counts, _ = read_landed_frames(export, system, delivery_day)
        description_by_shape = {
            shape: _describe_rows(shape, *good_and_quarantine_rows)
            for shape, good_and_quarantine_rows in frame_pair_by_shape.items()
        }
        return FileReading(
            file,
            system,
            options,
            {
                shape: shape_description
                for shape, shape_description in description_by_shape.items()
                if shape_description.kept_count or shape_description.set_aside_count
            },
            sum(passed_over_counts.values()),
            export.columns_left_out,
            export.notes,
        )

    try:
        return process_export(folder / file.path, system, options, describe_export)
    except UnprovenForm as refusal:
        return FileReading(file, system, options, refusal=str(refusal), unproven_form=refusal)
    except ExportRefused as refusal:
        return FileReading(file, system, options, refusal=str(refusal))
    except pl.exceptions.ComputeError as error:
        return FileReading(file, system, options, refusal=f"it {describe_broken_end(error)}")


def _describe_rows(shape: CanonicalSchemaName, good_rows: pl.DataFrame, quarantine_rows: pl.DataFrame) -> ShapeRows:
    schema = CANONICAL_SCHEMAS[shape]
    bad_rows = quarantine_rows.filter(~pl.col("is_row_kept"))
    set_aside_counts = (
        bad_rows.select(pl.col("failed_rules").explode()).group_by("failed_rules").len().sort("failed_rules")
    )
    filled_count_by_column = {column: good_rows.height - good_rows[column].null_count() for column in schema.columns}
    return ShapeRows(
        good_rows.height,
        bad_rows.height,
        {column: filled_count for column, filled_count in filled_count_by_column.items() if filled_count},
        _count_mentions(good_rows) if set(ACCOUNT_KEYS) <= set(schema.columns) else None,
        good_rows.select(pl.struct(schema.key).hash(seed=0).unique()).to_series(),
        {
            column: good_rows[column].drop_nulls().unique().sort()
            for column in _TEXT_COLUMNS
            if filled_count_by_column.get(column)
        },
        _list_days(good_rows, filled_count_by_column),
        dict(set_aside_counts.iter_rows()),
    )


def _list_days(good_rows: pl.DataFrame, filled_count_by_column: Mapping[str, int]) -> pl.Series:
    day_column = next((column for column in _DAY_COLUMNS if filled_count_by_column.get(column)), None)
    if day_column is None:
        return pl.Series("day", [], pl.Date)
    return good_rows[day_column].cast(pl.Date).alias("day").drop_nulls().unique().sort()


def _count_mentions(good_rows: pl.DataFrame) -> pl.DataFrame:
    mention_aggregates = (pl.col("changed_at").max(), pl.len().alias("row_count"))
    return good_rows.group_by(ACCOUNT_KEYS).agg(*mention_aggregates).sort(ACCOUNT_KEYS)
