"""Number formats of a workbook: which cells show their number as percent.

Belongs here: the parts of an .xlsx that fastexcel does not read.
Does not belong here: the text of a cell (`workbook_cells`), choosing a sheet (`workbook`).
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO
from xml.etree import ElementTree

import polars as pl

CELL_SCHEMA = {"row": pl.Int64, "column": pl.Int64, "number": pl.String}
# Number formats 9 and 10 are percent in every workbook; the styles of a workbook declare others.
_BUILT_IN_PERCENT = frozenset(("9", "10"))
_LITERAL = re.compile(r'"[^"]*"|\\.')  # text of a number format that is shown as it stands
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def percent_cells(path: Path, sheet_name: str) -> pl.DataFrame:
    """Return the cells of a sheet that show their number as percent.

    Args:
        path: The workbook.
        sheet_name: Name of the sheet.

    Returns:
        One row per such cell: `row` and `column`, counted from 0 at the first row and column that any cell fills, and
        `number`, the text of the stored number.

    Raises:
        xml.etree.ElementTree.ParseError: If a part of the workbook is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        percent_styles = _find_percent_styles(archive)
        sheet_member = _find_sheet_member(archive, sheet_name) if percent_styles else None
        if sheet_member is None:
            return pl.DataFrame(schema=CELL_SCHEMA)
        with archive.open(sheet_member) as handle:
            filled_cells = pl.DataFrame(
                list(_read_filled_cells(handle, percent_styles)),
                {**CELL_SCHEMA, "is_percent": pl.Boolean},
                orient="row",
            )
    zero_based_positions = [pl.col(axis) - pl.col(axis).min() for axis in ("row", "column")]
    return filled_cells.with_columns(zero_based_positions).filter("is_percent").drop("is_percent")


def _tag_name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _read_root(archive: zipfile.ZipFile, member_name: str) -> ElementTree.Element:
    """Return the root of a part; an empty one if the workbook lacks the part."""
    if member_name not in archive.namelist():
        return ElementTree.Element("none")
    with archive.open(member_name) as handle:
        return ElementTree.parse(handle).getroot()


def _find_percent_styles(archive: zipfile.ZipFile) -> frozenset[str]:
    """Return the numbers of the cell styles with a percent format."""
    root = _read_root(archive, "xl/styles.xml")
    code_by_format_number = {
        element.get("numFmtId"): _LITERAL.sub("", element.get("formatCode", ""))
        for element in root.iter()
        if _tag_name(element) == "numFmt"
    }
    percent_format_numbers = _BUILT_IN_PERCENT | {
        format_number for format_number, format_code in code_by_format_number.items() if "%" in format_code
    }
    cell_styles = [cell_style for element in root if _tag_name(element) == "cellXfs" for cell_style in element]
    return frozenset(
        str(style_number)
        for style_number, cell_style in enumerate(cell_styles)
        if cell_style.get("numFmtId") in percent_format_numbers
    )


def _find_sheet_member(archive: zipfile.ZipFile, sheet_name: str) -> str | None:
    """Return the part that holds the sheet; None if the workbook does not say."""
    target_by_relation_id = {
        element.get("Id"): element.get("Target", "") for element in _read_root(archive, "xl/_rels/workbook.xml.rels")
    }
    for element in _read_root(archive, "xl/workbook.xml").iter():
        if _tag_name(element) == "sheet" and element.get("name") == sheet_name:
            sheet_target = target_by_relation_id.get(element.get(_ID), "")
            member_name = (
                sheet_target.removeprefix("/")
                if sheet_target.startswith("/")
                else str(PurePosixPath("xl", sheet_target))
            )
            return member_name if member_name in archive.namelist() else None
    return None


def _read_filled_cells(
    handle: IO[bytes], percent_styles: frozenset[str]
) -> Iterator[tuple[int, int, str | None, bool]]:
    """Return row, column, stored number and whether it is in one of the styles, per filled cell of a sheet."""
    row_number, column_number = 0, 0
    for event, element in ElementTree.iterparse(handle, ("start", "end")):
        tag_name = _tag_name(element)
        if event == "start" and tag_name == "row":
            row_number, column_number = int(element.get("r") or row_number + 1), 0
        elif event == "end" and tag_name == "c":
            column_number = _column_number(element.get("r", "")) or column_number + 1
            text_by_tag = {_tag_name(child): child.text for child in element}
            if "v" in text_by_tag or "is" in text_by_tag:
                is_number = element.get("t", "n") == "n"
                yield row_number, column_number, text_by_tag.get("v"), is_number and element.get("s") in percent_styles
        elif event == "end" and tag_name == "row":
            element.clear()


def _column_number(reference: str) -> int:
    """Return the number of the column of a reference such as AB12; 0 if there is none."""
    column_number = 0
    for letter in reference.rstrip("0123456789"):
        column_number = column_number * 26 + ord(letter) - 64
    return column_number
