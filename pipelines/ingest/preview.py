"""Preview of one export file: the rows a run would keep, the rows it would set aside, and why.

Belongs here: reading a file with the landing code into a temporary folder, and the detected system.
Does not belong here: the ledger and the lake, which a preview never touches, and printing (`assets`).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from pipelines.config.company import SourceConfig
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.core.record_states import keep_last_states
from pipelines.ingest.empty_columns import describe_empty_column, find_empty_columns
from pipelines.ingest.raw_tables import (
    DeliveryFiles,
    describe_broken_end,
    process_export,
    provenance_columns,
    write_raw_tables,
)
from pipelines.sources.adapter import Export
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.detect import best_match, rank_systems
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.unknown_words import UnknownWord, list_unknown_words

# Why a run counts a landed record no more: a later record of the file says how the same thing stands now.
EARLIER_STATE = "earlier state of the same record"


@dataclass(frozen=True)
class ShapePreview:
    """One canonical schema of a file.

    Attributes:
        rows: One record per row that a run would keep, with the columns of the canonical schema; times as ISO text.
        set_aside: One record per row that a run would quarantine: `row_number` (1 is the first row after the header)
            and `rules`, the names of the rules that the row breaks.
        values_left_out: One record per row that a run would keep without a value that breaks a rule: `row_number` and
            `rules`.
    """

    rows: list[dict[str, Any]]
    set_aside: list[dict[str, Any]]
    values_left_out: list[dict[str, Any]]


@dataclass(frozen=True)
class PassedOver:
    """Records that a run would pass over.

    Attributes:
        why: The reason, such as `verb launched`.
        count: Number of records.
    """

    why: str
    count: int


@dataclass(frozen=True)
class Preview:
    """What a run would read of one file.

    Attributes:
        file: Name of the file, without its folder.
        system: System whose adapter reads the file; None if none was given and none was detected.
        detected: System that wrote the file by its columns; None if no system fits.
        refused: Why the file cannot be read; None if it can.
        columns_left_out: Columns that no mapping uses.
        columns_denied: Columns that are never read, each with the class of sensitive data.
        shapes: One preview per canonical schema that the system fills.
        passed_over: The reasons for which a run would pass over records of the file, each with the number of records.
        unknown_words: Words that no table declares, each with the line of footsteps.yaml that settles it.
        notes: Sentences about the file that its reader must know.
    """

    file: str
    system: str | None
    detected: str | None
    refused: str | None = None
    columns_left_out: tuple[str, ...] = ()
    columns_denied: tuple[tuple[str, str], ...] = ()
    shapes: dict[CanonicalSchemaName, ShapePreview] | None = None
    passed_over: tuple[PassedOver, ...] = ()
    unknown_words: tuple[UnknownWord, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The preview as one JSON document."""
        document = asdict(self)
        return {**document, "shapes": document["shapes"] or {}}


def preview_file(path: Path, system: str | None, options: SourceOptions, delivery_day: date) -> Preview:
    """Read a file as a run does, without keeping anything.

    Args:
        path: The export file, plain or compressed.
        system: System whose adapter reads the file; None to use the detected one.
        options: How the source declares that its files are read.
        delivery_day: Day of the delivery; rules that compare a date with the day of delivery use it.

    Returns:
        The rows per canonical schema, or the reason of the refusal in `refused`.
    """
    try:
        detected_system = detect_system(path)
    except ExportRefused as refusal:
        if system is None:
            return Preview(path.name, None, None, str(refusal))
        detected_system = None
    system_name = system or detected_system
    if system_name is None:
        return Preview(path.name, None, None, "no system fits its columns: name one with --system")

    def read_shapes(export: Export) -> Preview:
        row_frames_by_shape, passed_over_counts, word_counts = read_landed_frames(export, system_name, delivery_day)
        return Preview(
            path.name,
            system_name,
            detected_system,
            None,
            export.columns_left_out,
            export.sensitive_column_classes,
            {shape: _preview_shape(shape, *row_frames) for shape, row_frames in row_frames_by_shape.items()},
            tuple(PassedOver(why, count) for why, count in passed_over_counts.items()),
            list_unknown_words([word_counts], options),
            (
                *export.notes,
                *_note_undated_work(row_frames_by_shape),
                *_note_empty_columns(system_name, options, row_frames_by_shape),
            ),
        )

    try:
        return process_export(path, system_name, options, read_shapes)
    except ExportRefused as refusal:
        return Preview(path.name, system_name, detected_system, str(refusal))
    except pl.exceptions.ComputeError as error:
        return Preview(path.name, system_name, detected_system, f"it {describe_broken_end(error)}")


def read_landed_frames(
    export: Export, system: str, delivery_day: date
) -> tuple[dict[CanonicalSchemaName, tuple[pl.DataFrame, pl.DataFrame]], dict[str, int], pl.DataFrame]:
    """Land an export in a temporary folder, and read what a run would keep and set aside.

    Args:
        export: The export as its adapter read it.
        system: System of the export.
        delivery_day: Day of the delivery.

    Returns:
        Per canonical schema the rows of its raw table that a run counts and those of its quarantine; the number of
        records that are passed over, by reason; and the words that no table declares (`count_unknown_words`).

    Raises:
        ExportRefused: If the export has a header and no row.
    """
    with TemporaryDirectory(prefix="footsteps-preview-") as temporary_folder:
        files_by_shape = {
            shape: DeliveryFiles(
                *(Path(temporary_folder, f"{shape}.{field_name}") for field_name in DeliveryFiles._fields)
            )
            for shape in export.shapes
        }
        row_counts = write_raw_tables(
            export, system, "preview", provenance_columns("preview", "0" * 64, delivery_day, 1), files_by_shape
        )
        row_frames_by_shape = {
            shape: (pl.read_parquet(shape_files.good_path), pl.read_parquet(shape_files.bad_path))
            for shape, shape_files in files_by_shape.items()
        }
    passed_over_counts = dict(row_counts.passed_over_counts)
    if "learning_record" in row_frames_by_shape:
        kept_records, set_aside_rows = row_frames_by_shape["learning_record"]
        last_states = keep_last_states(kept_records.lazy()).collect()
        row_frames_by_shape["learning_record"] = (last_states, set_aside_rows)
        if earlier_state_count := kept_records.height - last_states.height:
            passed_over_counts[EARLIER_STATE] = earlier_state_count
    return row_frames_by_shape, passed_over_counts, row_counts.word_counts


def detect_system(path: Path) -> str | None:
    """The system that wrote a file; None if no system fits or a needed column is missing.

    Raises:
        ExportRefused: If no reader can open the file.
    """
    best_candidate = best_match(rank_systems(path))
    return best_candidate.system if best_candidate else None


def find_matching_source(sources: list[SourceConfig], path: Path, system: str | None) -> SourceConfig | None:
    """The source of footsteps.yaml that a file belongs to.

    Args:
        sources: The declared sources.
        path: The export file.
        system: Only sources of this system are considered; None considers all.

    Returns:
        The only source of that system, or else the first whose `path` pattern matches; None if there is none.
    """
    candidate_sources = [source for source in sources if system in (None, source.system)]
    if len(candidate_sources) == 1:
        return candidate_sources[0]
    sources_matching_path = (source for source in candidate_sources if PurePath(path).match(source.path))
    return next(sources_matching_path, None)


def _note_undated_work(
    row_frames_by_shape: Mapping[CanonicalSchemaName, tuple[pl.DataFrame, pl.DataFrame]],
) -> tuple[str, ...]:
    """Return the sentence about finished work of which the file does not name the day, if there is any."""
    if "assignment" not in row_frames_by_shape:
        return ()
    assignments = row_frames_by_shape["assignment"][0]
    undated_count = assignments.filter(pl.col("is_done") & pl.col("done_at").is_null()).height
    return (
        (f"{undated_count:,} finished records have no day of completion: they are no evidence of practice",)
        if undated_count
        else ()
    )


def _note_empty_columns(
    system: str,
    options: SourceOptions,
    row_frames_by_shape: Mapping[CanonicalSchemaName, tuple[pl.DataFrame, pl.DataFrame]],
) -> tuple[str, ...]:
    """Return a sentence per column that the file should fill and that no kept row fills."""

    def is_empty(shape: CanonicalSchemaName, column: str) -> bool:
        kept_rows = row_frames_by_shape[shape][0]
        return bool(kept_rows.height) and kept_rows[column].null_count() == kept_rows.height

    empty_columns = find_empty_columns(
        system, options.mapping if options.shape else None, row_frames_by_shape, is_empty
    )
    return tuple(map(describe_empty_column, empty_columns))


def _preview_shape(shape: CanonicalSchemaName, good_rows: pl.DataFrame, bad_rows: pl.DataFrame) -> ShapePreview:
    ordered_rows = good_rows.select("row_number", *CANONICAL_SCHEMAS[shape].columns).sort("row_number")
    rule_breaking_rows = bad_rows.select("row_number", "is_row_kept", rules="failed_rules").sort("row_number")
    set_aside_rows, reduced_rows = (
        rule_breaking_rows.filter(pl.col("is_row_kept") == is_kept).drop("is_row_kept").to_dicts()
        for is_kept in (False, True)
    )
    kept_records = json.loads(ordered_rows.with_columns(pl.col(pl.Datetime, pl.Date).cast(pl.String)).write_json())
    return ShapePreview(kept_records, set_aside_rows, reduced_rows)
