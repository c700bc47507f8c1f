"""A configuration is drafted for a folder of exports: sources, taxonomy, and what could not be decided.

Belongs here: the order of the inspection, and its result.
Does not belong here: the entries of sources (`source_entries`), the text of footsteps.yaml (`draft_text`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePosixPath

import polars as pl

from pipelines.core.identity_resolution import ACCOUNT_KEYS
from pipelines.core.taxonomy import normalise_name
from pipelines.inspection.accounts import (
    collect_person_keys,
    find_unmatched,
    list_account_map,
    list_mentions,
    list_people,
    match_source,
)
from pipelines.inspection.columns import CompanyValues, lists_accounts, looks_like_data
from pipelines.inspection.folder import ExportFile, choose_inspected, list_export_files
from pipelines.inspection.own_sources import OwnTable, explain_no_table, group_own_tables, propose_table, read_table
from pipelines.inspection.patterns import generalise_path
from pipelines.inspection.proposal import TableProposal
from pipelines.inspection.reading import FileReading
from pipelines.inspection.recognition import RecognizedFile, recognize_file
from pipelines.inspection.source_entries import DraftSource, OwnReading, SystemReading, build_sources
from pipelines.inspection.taxonomy_files import FolderTaxonomy, find_taxonomy
from pipelines.sources.adapter import all_adapters

# A system whose columns fit less well may be a table of the company's own.
CERTAIN_SCORE = 0.8
# A share of rows that is larger by this or less is no gain: a few people may be missing in HR.
CERTAIN_GAIN = 0.05


@dataclass(frozen=True)
class UndecidedTable:
    """A table of the company's own that no source reads yet.

    Attributes:
        files: Its files.
        headers: Its columns.
        proposal: What could be decided of it, and the questions.
    """

    files: tuple[ExportFile, ...]
    headers: tuple[str, ...]
    proposal: TableProposal


@dataclass(frozen=True)
class ConfigDraft:
    """A configuration for a folder.

    Attributes:
        folder: The folder of the exports.
        today: The day of the inspection.
        file_count: Number of files that were inspected.
        sources: The sources.
        undecided_tables: Tables for which an engineer has to decide.
        taxonomy: The taxonomy.
        left_out_files: Files that nothing reads, each with the reason.
        people_count: Number of people whom HR lists.
        newest_day: The last day on which something happened, up to the day of the inspection; None without one.
    """

    folder: Path
    today: date
    file_count: int
    sources: tuple[DraftSource, ...]
    undecided_tables: tuple[UndecidedTable, ...]
    taxonomy: FolderTaxonomy
    left_out_files: tuple[tuple[ExportFile, str], ...]
    people_count: int
    newest_day: date | None


def draft_config(folder: Path, today: date, report_progress: Callable[[str], None] = lambda _: None) -> ConfigDraft:
    """Draft a configuration for a folder of exports. Nothing is written.

    Args:
        folder: The folder; it becomes the landing folder.
        today: The day of the inspection.
        report_progress: Called with the name of each file that is read.

    Returns:
        The draft.
    """
    export_files = list_export_files(folder)
    taxonomy = find_taxonomy(folder, export_files)
    files_by_pattern: dict[str, list[ExportFile]] = {}
    for file in export_files:
        if file.has_usable_name and file not in taxonomy.files and not _is_manifest(file):
            files_by_pattern.setdefault(generalise_path(file.label), []).append(file)
    recognized_files = [
        recognized_file
        for series_files in files_by_pattern.values()
        for recognized_file in _recognize_series(folder, series_files, today, report_progress)
    ]
    exports, other_files = _split_exports(recognized_files)
    people = list_people(export.reading for export in exports if export.reading)
    company_values = _describe_company(people, exports, taxonomy)
    no_table_reasons = [explain_no_table(recognized_file, company_values) for recognized_file in other_files]
    own_tables = group_own_tables(
        [
            recognized_file
            for recognized_file, reason in zip(other_files, no_table_reasons, strict=True)
            if reason is None
        ]
    )
    if people.is_empty():
        people = list_people(_read_people(folder, own_tables, company_values, today))
        company_values = _describe_company(people, exports, taxonomy)
    exports, own_tables = _prefer_own_tables(folder, exports, own_tables, company_values, people, today)
    own_readings, undecided_tables = _read_own_tables(folder, own_tables, company_values, today)
    system_readings = [SystemReading(export, export.reading) for export in exports if export.reading is not None]
    sources = build_sources(
        folder,
        system_readings,
        [*own_readings, *_find_account_maps_in_hr(folder, exports, company_values, today)],
        people,
        export_files,
    )
    past_days = [
        past_day for source in sources for reading in source.readings for past_day in reading.days if past_day <= today
    ]
    return ConfigDraft(
        folder,
        today,
        len(export_files),
        tuple(sources),
        tuple(undecided_tables),
        taxonomy,
        (*_list_unnameable_files(export_files), *_list_unreadable_files(other_files, no_table_reasons)),
        people.height,
        max(past_days, default=None),
    )


def _list_unnameable_files(export_files: Sequence[ExportFile]) -> list[tuple[ExportFile, str]]:
    """Return the files whose names cannot be written into footsteps.yaml, each with that reason."""
    reason = "its name has signs that are no text: rename it"
    return [(export_file, reason) for export_file in export_files if not export_file.has_usable_name]


def _list_unreadable_files(
    other_files: Sequence[RecognizedFile], no_table_reasons: Sequence[str | None]
) -> list[tuple[ExportFile, str]]:
    """Return the files that are no tables, and those of their series, each with the reason."""
    return [
        (export_file, reason)
        for recognized_file, reason in zip(other_files, no_table_reasons, strict=True)
        if reason is not None
        for export_file in (recognized_file.file, *recognized_file.unread_files)
    ]


def _read_own_tables(
    folder: Path, own_tables: Sequence[OwnTable], company_values: CompanyValues, today: date
) -> tuple[list[OwnReading], list[UndecidedTable]]:
    """Split the company's own tables into those from which a proposed mapping reads rows, and the undecided others."""
    own_readings: list[OwnReading] = []
    undecided_tables: list[UndecidedTable] = []
    for own_table in own_tables:
        proposal = propose_table(own_table, company_values)
        is_readable = proposal.shape and not proposal.missing_columns
        file_readings = read_table(folder, own_table, proposal, today) if is_readable else ()
        if any(file_reading.kept_count for file_reading in file_readings):
            own_readings.append(OwnReading(own_table, proposal, file_readings))
        else:
            undecided_tables.append(
                UndecidedTable(
                    (*own_table.files, *own_table.unread_files), _list_headers(own_table, company_values), proposal
                )
            )
    return own_readings, undecided_tables


def _recognize_series(
    folder: Path, series_files: Sequence[ExportFile], today: date, report_progress: Callable[[str], None]
) -> list[RecognizedFile]:
    """Recognize some files of a series; the first also stands for those that are not read."""
    recognized_files: list[RecognizedFile] = []
    inspected_files = choose_inspected(series_files)
    for file in inspected_files:
        report_progress(file.label)
        recognized_files.append(recognize_file(folder, file, today, recognized_files[0] if recognized_files else None))
    unread_files = tuple(file for file in series_files if file not in inspected_files)
    return [replace(recognized_files[0], unread_files=unread_files), *recognized_files[1:]]


def _list_headers(own_table: OwnTable, company_values: CompanyValues) -> tuple[str, ...]:
    """Return the headers of a table for a comment; headers that are people are only counted."""
    column_headers = [header for header in own_table.cells.columns if not looks_like_data([header], company_values)]
    value_header_count = len(own_table.cells.columns) - len(column_headers)
    return (
        *column_headers,
        *([f"and {value_header_count} that are values, not names of columns"] if value_header_count else []),
    )


def _is_manifest(file: ExportFile) -> bool:
    file_name = PurePosixPath(file.member or file.path).name
    return any(adapter.manifest == file_name for adapter in all_adapters().values())


def _split_exports(
    recognized_files: Sequence[RecognizedFile],
) -> tuple[list[RecognizedFile], list[RecognizedFile]]:
    """Split files into exports of systems and others; an account map without records of its system is an own table."""
    exports = [
        recognized_file
        for recognized_file in recognized_files
        if recognized_file.reading is not None and not _has_no_kept_row(recognized_file)
    ]
    systems_with_record_exports = {
        recognized_file.reading.system
        for recognized_file in exports
        if recognized_file.reading is not None and set(recognized_file.reading.rows_by_shape) - {"account"}
    }
    maps_without_records = [
        recognized_file
        for recognized_file in exports
        if recognized_file.reading is not None
        and set(recognized_file.reading.rows_by_shape) == {"account"}
        and recognized_file.reading.system not in systems_with_record_exports
        and recognized_file.table is not None
        and not recognized_file.table.has_open_schema
    ]
    other_files = [recognized_file for recognized_file in recognized_files if recognized_file not in exports]
    return [export for export in exports if export not in maps_without_records], [*other_files, *maps_without_records]


def _has_no_kept_row(recognized_file: RecognizedFile) -> bool:
    """Whether a system that fits a table only roughly keeps no row of it."""
    reading = recognized_file.reading
    fits_roughly = recognized_file.score < CERTAIN_SCORE and recognized_file.table is not None
    return fits_roughly and reading is not None and reading.refusal is None and not reading.kept_count


def _describe_company(
    people: pl.DataFrame, exports: Sequence[RecognizedFile], taxonomy: FolderTaxonomy
) -> CompanyValues:
    """Collect the values that own tables are compared with."""
    readings = [export.reading for export in exports if export.reading is not None]
    skill_texts = _collect_texts(readings, "skill_text") | _collect_texts(readings, "course_name")
    unmatched_by_system: dict[str, set[str]] = {}
    if people.height:
        for system in sorted({reading.system for reading in readings}):
            system_readings = [reading for reading in readings if reading.system == system]
            system_mentions, system_account_map = (
                list_mentions(system_readings),
                list_account_map(system_readings, (system,)),
            )
            unmatched_mentions = find_unmatched(
                system_mentions,
                people,
                system_account_map,
                match_source(system_mentions, people, system_account_map).account_kind,
            )
            if unmatched_codes := set(unmatched_mentions["account_code"].drop_nulls()):
                unmatched_by_system[system] = unmatched_codes
    return CompanyValues(
        collect_person_keys(people),
        {name.lower() for name in _collect_texts(readings, "display_name")},
        {name.lower() for name in _collect_texts(readings, "unit_name") | _collect_texts(readings, "role_name")},
        taxonomy.skill_names or _normalise_skill_texts(skill_texts),
        unmatched_by_system,
        bool(taxonomy.skill_names),
    )


def _collect_texts(readings: Iterable[FileReading], text_column: str) -> set[str]:
    return {
        text
        for reading in readings
        for shape_rows in reading.rows_by_shape.values()
        for text in shape_rows.texts_by_column.get(text_column, pl.Series([], dtype=pl.String))
    }


def _normalise_skill_texts(skill_texts: set[str]) -> set[str]:
    skill_text_parts = [skill_text_part for skill_text in skill_texts for skill_text_part in skill_text.split("|")]
    return set(
        pl.DataFrame({"part": skill_text_parts}, {"part": pl.String}).select(normalise_name(pl.col("part"))).to_series()
    )


def _read_people(
    folder: Path, own_tables: Sequence[OwnTable], company_values: CompanyValues, today: date
) -> list[FileReading]:
    """Read the tables of people, if no HR system is among the exports."""
    readings: list[FileReading] = []
    for own_table in own_tables:
        proposal = propose_table(own_table, company_values)
        if proposal.shape == "person" and not proposal.missing_columns:
            readings += read_table(folder, own_table, proposal, today)
    return readings


def _prefer_own_tables(
    folder: Path,
    exports: Sequence[RecognizedFile],
    own_tables: Sequence[OwnTable],
    company_values: CompanyValues,
    people: pl.DataFrame,
    today: date,
) -> tuple[list[RecognizedFile], list[OwnTable]]:
    """Move exports to the own tables if a system fits them only roughly, and an own mapping reads more of them."""
    system_exports: list[RecognizedFile] = []
    exports_read_as_own: list[RecognizedFile] = []
    for export in exports:
        lists_people = export.reading is not None and "person" in export.reading.rows_by_shape
        is_table = export.table is not None and not export.table.has_open_schema
        may_be_own = export.score < CERTAIN_SCORE and is_table and not lists_people
        is_read_as_own = may_be_own and _is_read_better_as_own(folder, export, company_values, people, today)
        (exports_read_as_own if is_read_as_own else system_exports).append(export)
    return system_exports, [*own_tables, *group_own_tables(exports_read_as_own)]


def _is_read_better_as_own(
    folder: Path, export: RecognizedFile, company_values: CompanyValues, people: pl.DataFrame, today: date
) -> bool:
    """Whether an own mapping finds more people in a file than its system does, or as many and fills more columns."""
    (own_table,) = group_own_tables([export])
    proposal = propose_table(own_table, company_values)
    if proposal.shape is None or proposal.missing_columns or export.reading is None:
        return False
    own_readings = read_table(folder, own_table, proposal, today)
    own_useful_share, own_column_count = _measure_usefulness(own_readings, people)
    system_useful_share, system_column_count = _measure_usefulness([export.reading], people)
    return own_useful_share > system_useful_share + CERTAIN_GAIN or (
        own_useful_share >= system_useful_share - CERTAIN_GAIN and own_column_count > system_column_count
    )


def _measure_usefulness(readings: Sequence[FileReading], people: pl.DataFrame) -> tuple[float, int]:
    """Return the share of rows that are kept and find their person, and the number of columns that are filled."""
    row_count = sum(reading.kept_count + reading.set_aside_count for reading in readings)
    mentions = list_mentions(readings)
    useful_count = sum(reading.kept_count for reading in readings)
    if people.height and mentions.height:
        useful_count = match_source(mentions, people, list_account_map([], ())).matched_count
    filled_columns = {
        column
        for reading in readings
        for shape_rows in reading.rows_by_shape.values()
        for column in shape_rows.filled_count_by_column
    }
    return useful_count / max(row_count, 1), len(filled_columns - {*ACCOUNT_KEYS, "record_code", "changed_at"})


def _find_account_maps_in_hr(
    folder: Path, exports: Sequence[RecognizedFile], company_values: CompanyValues, today: date
) -> list[OwnReading]:
    """Find account maps inside HR exports: a column of logins beside the employee number."""
    hr_exports = [
        export
        for export in exports
        if export.table is not None and export.reading is not None and "person" in export.reading.rows_by_shape
    ]
    map_readings = []
    for own_table in group_own_tables(hr_exports):
        if not lists_accounts(own_table.cells, company_values):
            continue
        proposal = propose_table(own_table, company_values)
        if proposal.shape == "account" and proposal.served_systems:
            file_readings = read_table(folder, own_table, proposal, today)
            if any(file_reading.kept_count for file_reading in file_readings):
                map_readings.append(OwnReading(own_table, proposal, file_readings))
    return map_readings
