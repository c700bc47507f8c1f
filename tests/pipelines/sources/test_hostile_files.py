"""Damaged and hostile files are refused with a reason, or read with every row accounted for; they never crash."""

import gzip
import io
import json
import random
import zipfile
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from pipelines.sources.adapter import get_adapter, read_export
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.readers.files import ExportRefused

MAPPING = {"record_code": "id", "account_code": "who", "skill_text": "skill", "occurred_at": "day"}
OPTIONS = SourceOptions(shape="skill_mention", mapping=MAPPING)
HEADER = ("id", "who", "skill", "day")
ROWS = 60
DAMAGED = 120  # damaged copies of each form; the seed makes them the same in every run


def rows() -> list[tuple[str, ...]]:
    odd = ['quo"ted', "line\nend", "a,b;c|d", "é ü", "=1+1", "", " blank ", "[{"]
    return [(f"r{i}", f"u{i % 7}", odd[i % len(odd)], "2025-02-13") for i in range(ROWS)]


def as_csv(encoding: str = "utf-8", delimiter: str = ",", terminator: str = "\r\n") -> bytes:
    frame = pl.DataFrame(rows(), schema=dict.fromkeys(HEADER, pl.String), orient="row")
    return frame.write_csv(separator=delimiter, line_terminator=terminator).encode(encoding)


def as_lines() -> bytes:
    return "".join(json.dumps(dict(zip(HEADER, row, strict=True))) + "\n" for row in rows()).encode()


def as_array() -> bytes:
    return json.dumps([dict(zip(HEADER, row, strict=True)) for row in rows()], indent=1).encode()


def as_zip(content: bytes, name: str = "a.csv") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def as_zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(content)
    return sink.getvalue().to_pybytes()


def as_workbook(cells: list[tuple[str, ...]]) -> bytes:
    """Return a minimal workbook: one sheet with the texts in its cells."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"

    def cell(text: str) -> str:
        escaped = text.replace("&", "&amp;").replace("<", "&lt;")
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escaped}</t></is></c>'

    sheet = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in cells)
    parts = {
        "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="S" sheetId="1" '
        'r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return out.getvalue()


FORMS = {
    "csv": as_csv(),
    "utf16": as_csv("utf-16", "\t"),
    "windows1252": as_csv("windows-1252", ";", "\n"),
    "lines": as_lines(),
    "array": as_array(),
    "gzip": gzip.compress(as_csv(), mtime=0),
    "zip": as_zip(as_csv()),
    "zstd": as_zstd(as_lines()),
    "workbook": as_workbook([HEADER, *rows()]),
}


def count_rows(path: Path) -> int | None:
    """Return the number of rows read or set aside, None if the file is refused; fail if rows are lost or repeated."""
    try:
        export = read_export(path, get_adapter("tabular"), OPTIONS)
        good, bad = pl.collect_all([export.shapes["skill_mention"], export.malformed], engine="streaming")
    except ExportRefused:
        return None
    numbers = pl.concat([good["row_number"], bad["row_number"]])
    assert numbers.is_unique().all()
    if export.row_count is not None:
        assert numbers.len() == export.row_count
    return numbers.len()


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Damage the content one to three times: cut it off, flip bits, insert bytes, repeat or remove a piece."""
    damaged_content = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(damaged_content))
        match chance.randrange(5):
            case 0:
                del damaged_content[max(at, 8) :]
            case 1:
                damaged_content[at] ^= 1 << chance.randrange(8)
            case 2:
                damaged_content[at:at] = chance.choice(
                    [b"\x00", b'"', b'""', b"\r", b"\n", b",", b"\xff", b"{", b"]", b"\\", b"=cmd|"]
                )
            case 3:
                damaged_content[at:at] = damaged_content[at : at + chance.randrange(1, 400)]
            case 4:
                del damaged_content[at : at + chance.randrange(1, 40)]
    return bytes(damaged_content)


@pytest.mark.parametrize("form", FORMS)
def test_a_complete_file_gives_every_row(tmp_path: Path, form: str) -> None:
    path = tmp_path / form
    path.write_bytes(FORMS[form])
    assert count_rows(path) == ROWS


@pytest.mark.parametrize("form", FORMS)
def test_a_damaged_file_is_refused_or_every_row_is_counted(tmp_path: Path, form: str) -> None:
    chance = random.Random(f"20261121 {form}")
    path = tmp_path / form
    outcomes = []
    for _ in range(DAMAGED):
        path.write_bytes(damaged(FORMS[form], chance))
        outcomes.append(count_rows(path))
    assert any(row_count != ROWS for row_count in outcomes)


def test_a_flipped_letter_loses_no_other_row(tmp_path: Path) -> None:
    content = as_csv()
    at = content.index(b"r30,") + 1
    path = tmp_path / "a.csv"
    path.write_bytes(content[:at] + bytes([content[at] ^ 0x04]) + content[at + 1 :])
    export = read_export(path, get_adapter("tabular"), OPTIONS)
    rows_read = export.shapes["skill_mention"].collect()["record_code"].to_list()
    assert set(rows_read) >= {f"r{i}" for i in range(ROWS) if i != 30}
    assert len(rows_read) == ROWS


def test_formulas_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,who,skill,day\n1,u,"=HYPERLINK(""x"")",2025-02-13\n2,u,@SUM(1+1),2025-02-13\n')
    rows_read = read_export(path, get_adapter("tabular"), OPTIONS).shapes["skill_mention"].collect()
    assert rows_read["skill_text"].to_list() == ['=HYPERLINK("x")', "@SUM(1+1)"]


def test_a_cell_of_ten_megabytes_is_read_completely(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    long = "x" * (10 << 20)
    path.write_text(f'id,who,skill,day\n1,u,"{long}",2025-02-13\n2,u,sql,2025-02-13\n')
    rows_read = read_export(path, get_adapter("tabular"), OPTIONS).shapes["skill_mention"].collect()
    assert rows_read["skill_text"].str.len_bytes().to_list() == [10 << 20, 3]


def test_an_open_quote_over_megabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,who,skill,day\n1,u,"' + "x,y\n" * (5 << 20))
    assert count_rows(path) is None


@pytest.mark.parametrize("depth", [200, 100_000])
def test_deep_json_neither_crashes_nor_loses_other_records(tmp_path: Path, depth: int) -> None:
    deep = '{"id":"2","who":' + "[" * depth + "]" * depth + "}"
    lines = [json.dumps(dict(zip(HEADER, row, strict=True))) for row in rows()]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([*lines[:30], deep, *lines[30:]]) + "\n")
    assert count_rows(path) == ROWS + 1
    path.write_text("[" + ",".join([*lines[:30], deep, *lines[30:]]) + "]")
    assert count_rows(path) in (None, ROWS + 1)


@pytest.mark.parametrize("name", ["../../evil.csv", "/etc/evil.csv", "a\\..\\evil.csv", "con.csv"])
def test_a_path_inside_an_archive_writes_no_file(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    path = inside / "a.zip"
    path.write_bytes(as_zip(as_csv(), name))
    assert count_rows(path) == ROWS
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["a.zip"]


@pytest.mark.parametrize("pack", [gzip.compress, as_zstd, as_zip], ids=["gzip", "zstd", "zip"])
def test_an_archive_bomb_is_refused(tmp_path: Path, pack: object) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(pack(b"0,0\n" * (12 << 20)))  # type: ignore[operator]
    with pytest.raises(ExportRefused, match="the limit is 500 times"):
        read_export(path, get_adapter("tabular"), OPTIONS)


def test_a_workbook_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(as_workbook([HEADER, *[("0", "0", "0" * 8000, "0")] * 4_000]))
    with pytest.raises(ExportRefused, match="the limit is 500 times"):
        read_export(path, get_adapter("tabular"), OPTIONS)


def test_a_file_of_open_brackets_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"[" * (1 << 20))
    assert count_rows(path) is None
