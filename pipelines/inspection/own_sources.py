"""Tables of the company's own become sources: tables with the same columns are one, mapped by one proposal.

Belongs here: which tables belong together, and reading them by their proposal.
Does not belong here: the proposal (`own_tables`), the exports of systems (`draft`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pipelines.inspection.columns import CompanyValues, looks_like_data, profile_columns, read_cells
from pipelines.inspection.folder import ExportFile
from pipelines.inspection.forms import settle_forms
from pipelines.inspection.own_tables import propose_mapping
from pipelines.inspection.proposal import TableProposal
from pipelines.inspection.reading import FileReading
from pipelines.inspection.recognition import RecognizedFile
from pipelines.inspection.vocabulary import header_words
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.readers.text_table import normalize_header
from pipelines.sources.sensitive_columns import sensitive_class
from pipelines.sources.state_ids import state_id_of

# Files of one table that are looked at together.
MAX_FILES = 5
MIN_COLUMNS = 2


@dataclass(frozen=True, eq=False)
class OwnTable:
    """Files of the company's own with the same columns.

    Attributes:
        files: The files.
        cells: The first cells of the first files, without columns that are never read.
        unread_files: Files of the same series that are not read.
    """

    files: tuple[ExportFile, ...]
    cells: pl.DataFrame
    unread_files: tuple[ExportFile, ...] = ()

    @property
    def path_words(self) -> set[str]:
        """The words of the files' paths."""
        return {word for file in self.files for word in header_words(file.label)}


def group_own_tables(recognized_files: Sequence[RecognizedFile]) -> list[OwnTable]:
    """Group files that are tables of text by their headers, in the order of the first file of each group."""
    files_by_headers: dict[tuple[str, ...], list[RecognizedFile]] = {}
    for recognized_file in recognized_files:
        assert recognized_file.table is not None
        normalized_headers = tuple(sorted(map(normalize_header, recognized_file.table.headers)))
        files_by_headers.setdefault(normalized_headers, []).append(recognized_file)
    return [_build_own_table(grouped_files) for grouped_files in files_by_headers.values()]


def explain_no_table(recognized_file: RecognizedFile, company_values: CompanyValues) -> str | None:
    """Return why a file is no table that a mapping could read; None if it is one."""
    if recognized_file.refusal is not None or recognized_file.table is None:
        return recognized_file.refusal or "no system fits it, and it is no table"
    headers = [header for header in recognized_file.table.headers if header.strip()]
    if len(headers) < MIN_COLUMNS:
        return "it is no table: its first line has one column"
    if recognized_file.table.row_count == 0:
        return "it holds a header and no row"
    if looks_like_data(headers, company_values):
        return "its first row holds values in place of column names: export it with a header"
    return None


def propose_table(own_table: OwnTable, company_values: CompanyValues) -> TableProposal:
    """Propose how an own table is read."""
    return propose_mapping(own_table.path_words, profile_columns(own_table.cells, company_values), company_values)


def read_table(
    folder: Path, own_table: OwnTable, proposal: TableProposal, delivery_day: date
) -> tuple[FileReading, ...]:
    """Read the files of an own table by a complete proposal."""
    return tuple(
        settle_forms(
            folder,
            file,
            "tabular",
            delivery_day,
            SourceOptions(mapping=proposal.mapping, shape=proposal.shape, member=file.member),
        )
        for file in own_table.files
    )


def _build_own_table(grouped_files: Sequence[RecognizedFile]) -> OwnTable:
    cell_frames = [
        read_cells(grouped_file.table) for grouped_file in grouped_files[:MAX_FILES] if grouped_file.table is not None
    ]
    cells = pl.concat(cell_frames, how="diagonal")
    allowed_headers = [
        header for header in cells.columns if sensitive_class(header) is None and state_id_of(cells[header]) is None
    ]
    unread_files = tuple(file for grouped_file in grouped_files for file in grouped_file.unread_files)
    return OwnTable(
        tuple(grouped_file.file for grouped_file in grouped_files), cells.select(allowed_headers), unread_files
    )
