"""What the reading of a published taxonomy returns: the taxonomy, and the number of rows read and taken.

Belongs here: the counts, reading a file as text, and what all published taxonomies share.
Does not belong here: the files and columns of one publisher (one module each).
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.core.taxonomy import Taxonomy, TaxonomyError
from pipelines.sources.adapter import open_table
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.text_table import ROW_NUMBER


@dataclass(frozen=True, slots=True)
class TaxonomyCount:
    """One kind of row: how many the files hold, how many were taken, and why the others were not."""

    rows: str
    rows_in: int
    rows_out: int
    left_out: str = ""


@dataclass(frozen=True)
class LoadedTaxonomy:
    """A taxonomy with the counts of the files it was read from."""

    taxonomy: Taxonomy
    counts: tuple[TaxonomyCount, ...]


def build_count(row_kind: str, rows_in: int, rows_out: int, left_out_reason: str) -> TaxonomyCount:
    """Count the rows of one kind: `rows_in` in the files, `rows_out` taken; the reason is empty if all were taken."""
    return TaxonomyCount(row_kind, rows_in, rows_out, "" if rows_in == rows_out else left_out_reason)


def count_missing_file(row_kind: str, pattern: str, consequence: str) -> TaxonomyCount:
    """The count of a kind of row whose file the folder lacks.

    Args:
        row_kind: What the rows are.
        pattern: Pattern of the file's name.
        consequence: What the taxonomy lacks without them.
    """
    return TaxonomyCount(row_kind, 0, 0, f"the folder has no file {pattern}: {consequence}; add it")


def require_rows(path: Path, file_rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of a file that a taxonomy cannot do without.

    Raises:
        TaxonomyError: If there is no row.
    """
    if file_rows.is_empty():
        raise TaxonomyError(f"{path.name} is empty: it has a header and no row; export it again")
    return file_rows


def read_rows(
    table_path: Path, required_headers: tuple[str, ...], optional_headers: tuple[str, ...] = ()
) -> pl.DataFrame:
    """Read the columns of a file as text without blanks around it.

    Args:
        table_path: A table in any format that adapters read.
        required_headers: Headers that the file must have.
        optional_headers: Headers that it may have.

    Returns:
        One row per row of the file, with a column per required and optional header; null if the cell is blank or the
        column is missing.

    Raises:
        TaxonomyError: If the file is missing, cannot be read, lacks a required header or has malformed rows.
    """
    if not table_path.is_file():
        raise TaxonomyError(f"the taxonomy file {table_path.name} is missing: correct `taxonomy` in footsteps.yaml")
    try:
        export_table = open_table(table_path)
    except ExportRefused as refusal:
        raise TaxonomyError(str(refusal)) from None
    missing_headers = [
        header
        for header in required_headers
        if export_table.key(export_table.header_like(header)) not in export_table.columns
    ]
    if missing_headers:
        raise TaxonomyError(
            f"{table_path.name}: column {', '.join(missing_headers)} is missing; "
            f"it has {', '.join(export_table.headers)}"
        )
    malformed_count = export_table.malformed_rows.select(pl.len()).collect().item()
    if malformed_count:
        raise TaxonomyError(
            f"{table_path.name}: {malformed_count} rows are wider or narrower than its header: export it again"
        )
    columns_by_header = {
        header: export_table.columns.get(export_table.key(export_table.header_like(header)), ())[:1]
        for header in (*required_headers, *optional_headers)
    }
    cell_texts = (
        pl.col(*header_columns).str.strip_chars().replace("", None).alias(header)
        if header_columns
        else pl.lit(None, pl.String).alias(header)
        for header, header_columns in columns_by_header.items()
    )
    present_columns = tuple(column for header_columns in columns_by_header.values() for column in header_columns)
    return export_table.scan(present_columns).sort(ROW_NUMBER).select(cell_texts).collect()


def find_file(taxonomy_folder: Path, *patterns: str) -> Path | None:
    """The first file of the folder that matches a pattern, in the order of patterns and names; None if none does."""
    matching_files = (
        matching_path
        for pattern in patterns
        for matching_path in sorted(taxonomy_folder.glob(pattern))
        if matching_path.is_file()
    )
    return next(matching_files, None)


def require_file(taxonomy_folder: Path, *patterns: str) -> Path:
    """The file that `find_file` returns.

    Raises:
        TaxonomyError: If there is none.
    """
    taxonomy_file = find_file(taxonomy_folder, *patterns)
    if taxonomy_file is None:
        raise TaxonomyError(f"the taxonomy folder {taxonomy_folder.name} has no file {' or '.join(patterns)}: add it")
    return taxonomy_file


def filter_known_pairs(id_pairs: pl.DataFrame, skills: pl.DataFrame, *id_columns: str) -> pl.DataFrame:
    """The pairs whose ids in these columns are all micro-skills of `skills` (skill_id)."""
    return id_pairs.filter(
        pl.all_horizontal(pl.col(id_column).is_in(skills["skill_id"].implode()) for id_column in id_columns)
    )
