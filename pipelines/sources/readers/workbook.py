"""Excel workbooks as a table of text: the sheet that fits best, from its header row on.

Belongs here: recognising an .xlsx, choosing a sheet, rows wider than the header.
Does not belong here: which row is the header (`leading_text`), the limits against hostile archives (`files`),
delimited text (`delimited`).
"""

import zipfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import polars as pl

from pipelines.sources.readers.files import ExportRefused, check_unpacked_size
from pipelines.sources.readers.leading_text import SEARCHED_ROWS, describe_titles, find_header_row
from pipelines.sources.readers.text_table import (
    REPEATED_HEADER,
    ROW_NUMBER,
    RowMark,
    TextTable,
    columns_by_header,
    is_filled,
    normalize_header,
    repeats_header,
    row_matches,
)
from pipelines.sources.readers.workbook_cells import show_dates_and_durations, show_percent
from pipelines.sources.readers.workbook_formats import percent_cells


def is_workbook(path: Path) -> bool:
    """Return whether the file is a zip archive with a workbook inside."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):  # each means that the file is no archive
        return False


def read_workbook(
    path: Path, wanted_headers: Collection[str], skip_after_header: int = 0, data_row_mark: RowMark | None = None
) -> TextTable:
    """Read the sheet that has most of the wanted headers, the first one in a tie.

    Args:
        path: The .xlsx file.
        wanted_headers: Normalized headers that the mapping can use.
        skip_after_header: Number of further header rows below the first.
        data_row_mark: If the row below the header has this mark, it is data and no row is skipped.

    Returns:
        One row per filled row below the header. Dates come in ISO form, durations as h:mm:ss, numbers in a percent
        format as percent, formulas as the value that is stored with them.

    Raises:
        ExportRefused: If no sheet has a filled row, or the workbook is damaged or unpacks beyond the limits.
    """
    check_unpacked_size(path)  # refuses an archive bomb before anything else reads the file
    cells_by_sheet = _read_sheets(path)
    if not cells_by_sheet:
        raise ExportRefused(f"{path.name} has no sheet with a filled row: export it again")
    header_position_by_sheet = {
        sheet_name: _find_header_row(sheet_cells, wanted_headers) for sheet_name, sheet_cells in cells_by_sheet.items()
    }
    best_sheet_name = max(
        cells_by_sheet,
        key=lambda sheet_name: _count_wanted_headers(
            cells_by_sheet[sheet_name], header_position_by_sheet[sheet_name], wanted_headers
        ),
    )
    title_row_count = header_position_by_sheet[best_sheet_name]
    filled_rows = _drop_blank_rows(_show_percent(cells_by_sheet[best_sheet_name], path, best_sheet_name)).slice(
        title_row_count
    )
    table_cells = show_dates_and_durations(filled_rows)
    second_row = [cell or "" for cell in table_cells.row(1)] if table_cells.height > 1 else []
    table = _table_of_sheet(
        table_cells, 0 if row_matches(_read_headers(table_cells), second_row, data_row_mark) else skip_after_header
    )
    return replace(table, notes=(f"it {describe_titles(title_row_count)}",) if title_row_count else ())


def _read_sheets(path: Path) -> dict[str, pl.DataFrame]:
    """Return every sheet as text, from its first used row and column on."""
    import fastexcel  # slow to import, and few exports are workbooks

    try:
        workbook = fastexcel.read_excel(path)
        cells_by_sheet = {
            sheet_name: workbook.load_sheet(sheet_name, header_row=None, dtypes="string").to_polars()
            for sheet_name in workbook.sheet_names
        }
    except BaseException as error:
        # A panic of the Rust library is not an Exception, and damaged workbooks can cause one.
        error_name = type(error).__name__
        if (
            not isinstance(error, fastexcel.FastExcelError | pl.exceptions.PolarsError)
            and error_name != "PanicException"
        ):
            raise
        raise _damage_refusal(path, error_name) from None
    return {
        sheet_name: sheet_cells
        for sheet_name, sheet_cells in cells_by_sheet.items()
        if sheet_cells.width and _drop_blank_rows(sheet_cells).height
    }


def _show_percent(sheet: pl.DataFrame, path: Path, sheet_name: str) -> pl.DataFrame:
    try:
        return show_percent(sheet, percent_cells(path, sheet_name))
    except ElementTree.ParseError as error:
        raise _damage_refusal(path, type(error).__name__) from None


def _damage_refusal(path: Path, error_name: str) -> ExportRefused:
    return ExportRefused(
        f"{path.name} is cut off or damaged: it cannot be read as a workbook ({error_name}); save it again"
    )


def _drop_blank_rows(sheet: pl.DataFrame) -> pl.DataFrame:
    return sheet.filter(pl.any_horizontal(is_filled(pl.all())))


def _find_header_row(sheet: pl.DataFrame, wanted_headers: Collection[str]) -> int:
    """Return the position of the header row among the filled rows."""
    first_rows = _drop_blank_rows(sheet).head(SEARCHED_ROWS).rows()
    return find_header_row([[cell or "" for cell in row] for row in first_rows], wanted_headers)


def _count_wanted_headers(sheet: pl.DataFrame, header_position: int, wanted_headers: Collection[str]) -> int:
    return len({normalize_header(cell) for cell in _read_headers(sheet, header_position)} & set(wanted_headers))


def _read_headers(sheet: pl.DataFrame, header_position: int = 0) -> list[str]:
    """Return the cells of a filled row, by default the first, up to the last filled one."""
    header_cells = [cell or "" for cell in _drop_blank_rows(sheet).row(header_position)]
    while header_cells and not header_cells[-1].strip():
        header_cells.pop()
    return header_cells


def _table_of_sheet(sheet: pl.DataFrame, skip_after_header: int) -> TextTable:
    headers = tuple(_read_headers(sheet))
    column_names = [f"c{position}" for position in range(sheet.width)]
    data_rows = (
        sheet.rename(dict(zip(sheet.columns, column_names, strict=True)))
        .slice(1 + skip_after_header)
        .select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(ROW_NUMBER), *column_names)
    )
    columns_beyond_header = column_names[len(headers) :]
    is_too_wide = pl.any_horizontal(pl.lit(False), *(is_filled(pl.col(column)) for column in columns_beyond_header))
    normalized_first_cell = pl.col("c0").fill_null("").str.replace_all(r"\s+", " ").str.strip_chars().str.to_lowercase()
    possible_header_rows = data_rows.filter(normalized_first_cell == " ".join(headers[0].split()).lower())
    repeated_header_row_numbers = [
        row_number
        for row_number, *cells in possible_header_rows.iter_rows()
        if repeats_header(headers, [cell or "" for cell in cells[: len(headers)]])
    ]
    malformed_reasons = data_rows.select(
        pl.when(is_too_wide)
        .then(pl.lit(f"more cells than the {len(headers)} columns of the header"))
        .when(pl.col(ROW_NUMBER).is_in(repeated_header_row_numbers))
        .then(pl.lit(REPEATED_HEADER))
        .alias("reason")
    )
    row_text = pl.concat_str(column_names, separator="|", ignore_nulls=True).alias("row_text")
    malformed_rows = (
        data_rows.hstack(malformed_reasons).drop_nulls("reason").select(ROW_NUMBER, row_text, "reason").lazy()
    )
    good_rows = data_rows.filter(malformed_reasons["reason"].is_null()).drop(columns_beyond_header)
    return TextTable(
        headers, columns_by_header(headers), lambda _: good_rows.lazy(), malformed_rows, row_count=data_rows.height
    )
