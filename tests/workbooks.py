"""Workbooks as spreadsheet programs write them, for tests."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
FORMATS = ("General", "[h]:mm", "h:mm", "yyyy-mm-dd", "yyyy-mm-dd h:mm:ss", "0%", '0.0" %"', "0.00%")
# A cell is its stored text and the position of its number format; text without a format is a string.
Cell = tuple[str, str] | str | bool | None


def write_workbook(
    path: Path,
    rows: Sequence[Sequence[Cell]],
    first_row: int = 1,
    first_column: str = "A",
    is_1904: bool = False,
    sheet: str = "Time",
) -> Path:
    """Write a workbook with one sheet; its cells have references as spreadsheet programs write them."""
    lines = []
    for number, row in enumerate(rows, start=first_row):
        cells = ""
        for position, cell in enumerate(row):
            reference = f"{_column_name(ord(first_column) - ord('A') + position)}{number}"
            if isinstance(cell, tuple):
                cells += f'<c r="{reference}" s="{FORMATS.index(cell[1])}"><v>{cell[0]}</v></c>'
            elif isinstance(cell, bool):
                cells += f'<c r="{reference}" t="b"><v>{int(cell)}</v></c>'
            elif cell is not None:
                cells += f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
        lines.append(f'<row r="{number}">{cells}</row>')
    formats = "".join(f'<numFmt numFmtId="{164 + i}" formatCode={quoteattr(form)}/>' for i, form in enumerate(FORMATS))
    styles = "".join(f'<xf numFmtId="{164 + i}" applyNumberFormat="1"/>' for i in range(len(FORMATS)))
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" '
        f'Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{RELATIONS}"><workbookPr date1904="{int(is_1904)}"/>'
        f'<sheets><sheet name={quoteattr(sheet)} sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/styles.xml": f"<styleSheet {MAIN}><numFmts>{formats}</numFmts><cellXfs>{styles}</cellXfs></styleSheet>",
        "xl/worksheets/sheet1.xml": f"<worksheet {MAIN}><sheetData>{''.join(lines)}</sheetData></worksheet>",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def _column_name(position: int) -> str:
    """Return the name of a column: A of 0, AA of 26."""
    above, below = divmod(position, 26)
    return (_column_name(above - 1) if above else "") + chr(ord("A") + below)
