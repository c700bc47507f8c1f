"""Excel workbooks as a table of text: the sheet that fits, its first filled row as the header.

Belongs here: what an .xlsx is, choosing a sheet, rows wider than the header.
Does not belong here: the limits against hostile archives (`files`), delimited text (`delimited`).
"""

import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.sources.declaration import Condition, ExportRefused
from pipelines.sources.readers.files import unpacked_size
from pipelines.sources.readers.text_table import (
    ROW_NUMBER,
    TextTable,
    columns_by_header,
    empty_malformed_rows,
    normalize_header,
    row_matches,
)


def is_workbook(path: Path) -> bool:
    """Whether the file is a zip archive with a workbook inside."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def read_workbook(
    path: Path, wanted: Collection[str], skip_after_header: int = 0, skip_unless: Condition | None = None
) -> TextTable:
    """The sheet with most of the wanted headers (of equals the first) as a table of text.

    Days and moments come in ISO form, formulas as the value stored beside them. Raises ExportRefused where no sheet
    has a filled row, or the workbook is damaged.
    """
    unpacked_size(path)  # refuses a bomb before anything else reads the file
    best, most = None, -1
    for sheet in _sheets(path):
        found = len({normalize_header(header) for header in _headers(sheet)} & set(wanted))
        if sheet.height and found > most:
            best, most = sheet, found
    if best is None:
        raise ExportRefused(f"{path.name} has no sheet with a filled row: export it again")
    second = [cell or "" for cell in best.row(1)] if best.height > 1 else []
    return _as_table(best, 0 if row_matches(_headers(best), second, skip_unless) else skip_after_header)


def _sheets(path: Path) -> list[pl.DataFrame]:
    """Every sheet as text, without its blank rows."""
    # Imported where it is used: few exports are workbooks.
    import fastexcel

    try:
        book = fastexcel.read_excel(path)
        sheets = [book.load_sheet(name, header_row=None, dtypes="string").to_polars() for name in book.sheet_names]
    except BaseException as error:
        # A panic of the Rust library is no Exception, and damaged workbooks can cause one.
        kind = type(error).__name__
        if not isinstance(error, fastexcel.FastExcelError | pl.exceptions.PolarsError) and kind != "PanicException":
            raise
        raise ExportRefused(
            f"{path.name} is cut off or damaged: it cannot be read as a workbook ({kind}); save it again"
        ) from None
    return [sheet.filter(_any_filled(sheet)) for sheet in sheets if sheet.width]


def _is_filled(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars().str.len_bytes().fill_null(0) > 0


def _any_filled(sheet: pl.DataFrame) -> pl.Expr:
    return pl.any_horizontal(_is_filled(pl.col(name)) for name in sheet.columns)


def _headers(sheet: pl.DataFrame) -> list[str]:
    """The cells of the first row up to the last filled one."""
    cells: list[Any] = [cell or "" for cell in sheet.row(0)] if sheet.height else []
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _as_table(sheet: pl.DataFrame, skip_after_header: int) -> TextTable:
    headers = tuple(_headers(sheet))
    names = [f"c{i}" for i in range(sheet.width)]
    rows = sheet.rename(dict(zip(sheet.columns, names, strict=True))).slice(1 + skip_after_header)
    rows = rows.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(ROW_NUMBER), *names)
    beyond = names[len(headers) :]
    malformed = empty_malformed_rows()
    if beyond:
        is_wide = pl.any_horizontal(_is_filled(pl.col(name)) for name in beyond)
        reason = pl.lit(f"more fields than the {len(headers)} of the header").alias("reason")
        text = pl.concat_str(names, separator="|", ignore_nulls=True).alias("row_text")
        malformed = rows.filter(is_wide).select(ROW_NUMBER, text, reason).lazy()
        good = rows.filter(~is_wide).drop(beyond).lazy()
    else:
        good = rows.lazy()
    return TextTable(headers, columns_by_header(headers), lambda _: good, malformed, row_count=rows.height)
