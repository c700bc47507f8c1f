"""Rules for every export: order does not matter, malformed rows are set aside, refused files give the reason."""

import csv
import gzip
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.sources.adapter import adapters_by_system, get_adapter, read_export
from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap, SourceOptions
from pipelines.sources.readers.files import ExportRefused

FEEDBACK: dict[str, Any] = {
    "record_code": "id",
    "employee_number": "who",
    "skill_text": "skill",
    "feedback_kind": "kind",
    "score_share": {"column": "score", "scale": [1, 5]},
    "occurred_at": "day",
}
HEADER = ["id", "who", "skill", "kind", "score", "day"]
ANY_SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Text as people type it into a cell: quotes, separators and line ends among letters; never blank at either end.
CELL = st.text(alphabet='ab"\n,;é|', min_size=1, max_size=8).map(lambda text: f"x{text}y")


def options(**more: Any) -> SourceOptions:
    return SourceOptions(shape="feedback", mapping=FEEDBACK, **more)


def write(path: Path, rows: list[list[str]], header: list[str] = HEADER) -> Path:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *rows])
    path.write_bytes(out.getvalue().encode())
    return path


def read(path: Path, system: str = "tabular", given: SourceOptions | None = None) -> pl.DataFrame:
    export = read_export(path, get_adapter(system), given or options())
    return next(iter(export.shapes.values())).collect(engine="streaming")


def refusal(path: Path, system: str = "tabular", given: SourceOptions | None = None) -> str:
    with pytest.raises(ExportRefused) as caught:
        read(path, system, given)
    return str(caught.value)


def feedback(number: int, skill: str = "sql") -> list[str]:
    return [f"f{number}", str(1000 + number), skill, "peer", "4", "2025-02-13"]


@ANY_SETTINGS
@given(skills=st.lists(CELL, min_size=1, max_size=6), data=st.data())
def test_the_order_of_rows_and_columns_does_not_matter(tmp_path: Path, skills: list[str], data: st.DataObject) -> None:
    rows = [feedback(i, skill) for i, skill in enumerate(skills)]
    columns = data.draw(st.permutations(range(len(HEADER))))
    shuffled = [[row[i] for i in columns] for row in data.draw(st.permutations(rows))]
    straight = read(write(tmp_path / "a.csv", rows)).drop("row_number").sort("record_code")
    other = read(write(tmp_path / "b.csv", shuffled, [HEADER[i] for i in columns])).drop("row_number")
    assert straight["skill_text"].to_list() == skills
    assert straight.equals(other.sort("record_code"))


@ANY_SETTINGS
@given(kinds=st.lists(st.sampled_from(["good", "wide", "narrow"]), min_size=1, max_size=12), skill=CELL)
def test_rows_too_wide_or_too_narrow_are_set_aside_and_no_good_row_is_lost(
    tmp_path: Path, kinds: list[str], skill: str
) -> None:
    change = {"good": lambda row: row, "wide": lambda row: [*row, "more"], "narrow": lambda row: row[:3]}
    rows = [change[kind](feedback(i, skill)) for i, kind in enumerate(kinds)]
    export = read_export(write(tmp_path / "a.csv", rows), get_adapter("tabular"), options())
    good, bad = export.shapes["feedback"].collect(), export.malformed.collect()
    assert good["row_number"].to_list() == [i + 1 for i, kind in enumerate(kinds) if kind == "good"]
    assert bad["row_number"].to_list() == [i + 1 for i, kind in enumerate(kinds) if kind != "good"]
    assert export.row_count == len(kinds)
    assert good["skill_text"].to_list() == [skill] * good.height


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_header_in_the_middle_of_the_file_is_set_aside_as_such(tmp_path: Path, quote: str) -> None:
    """Two exports that were put together. A row that only begins like the header is a row."""
    path = tmp_path / "a.csv"
    rows = [HEADER, feedback(0), ["id", "who", "skill", "peer", "4", "2025-02-13"], HEADER, feedback(1)]
    path.write_text("\n".join(",".join(f"{quote}{cell}{quote}" for cell in row) for row in rows) + "\n")
    export = read_export(path, get_adapter("tabular"), options())
    assert export.shapes["feedback"].collect()["record_code"].to_list() == ["f0", "id", "f1"]
    assert export.malformed.select("row_number", "reason").collect().rows() == [(3, "the header once more")]
    assert export.row_count == 4


@ANY_SETTINGS
@given(records=st.lists(st.tuples(CELL, st.sampled_from(["line", "broken"])), min_size=1, max_size=8))
def test_malformed_json_lines_are_set_aside_and_no_good_line_is_lost(
    tmp_path: Path, records: list[tuple[str, str]]
) -> None:
    lines = [json.dumps(dict(zip(HEADER, feedback(0), strict=True)))]
    lines += [
        json.dumps(dict(zip(HEADER, feedback(1, skill), strict=True)))[: None if kind == "line" else -3]
        for skill, kind in records
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines) + "\n")
    export = read_export(path, get_adapter("tabular"), options())
    good = export.shapes["feedback"].collect()
    assert good["skill_text"].to_list() == ["sql", *(skill for skill, kind in records if kind == "line")]
    assert export.malformed.collect().height == sum(kind == "broken" for _, kind in records)


@ANY_SETTINGS
@given(skills=st.lists(CELL, min_size=1, max_size=5), indent=st.sampled_from([None, 1]), wrap=st.booleans())
def test_an_array_gives_the_same_rows_as_its_elements_on_lines(
    tmp_path: Path, skills: list[str], indent: int | None, wrap: bool
) -> None:
    records = [{"employees": [1], "id": f"{i}]", "displayName": skill + '{"[\\'} for i, skill in enumerate(skills)]
    document = {"fields": [["x"]], "employees": records} if wrap else records
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document, indent=indent))
    people = read(path, "bamboohr", SourceOptions())
    assert people["text:display_name"].to_list() == [record["displayName"] for record in records]


def test_a_row_without_an_id_gets_a_hash_of_its_text(tmp_path: Path) -> None:
    mapping = {key: value for key, value in FEEDBACK.items() if key != "record_code"}
    given = SourceOptions(shape="feedback", mapping=mapping)
    first = read(write(tmp_path / "a.csv", [feedback(1), feedback(2)]), given=given)["record_code"]
    again = read(write(tmp_path / "b.csv", [feedback(2)]), given=given)["record_code"]
    # The hash is of the mapped texts by column name: number, kind, day, score, skill.
    mapped = "\x1f".join(["1002", "peer", "2025-02-13", "4", "sql"])
    assert first[1] == again[0] == hashlib.blake2b(mapped.encode(), digest_size=16).hexdigest()
    assert first[0] != first[1]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"")
    assert refusal(path) == "a.csv is empty (0 bytes): export it again"


def test_a_gzip_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(write(tmp_path / "w.csv", [feedback(i) for i in range(5000)]).read_bytes())
    path = tmp_path / "a.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    assert "a.csv.gz is cut off or damaged" in refusal(path)


def test_a_last_row_inside_an_open_quote_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [feedback(1), feedback(2)])
    path.write_bytes(path.read_bytes() + b'f3,1003,"sq')
    assert "its last row, after 2 complete ones, ends inside an open quote" in refusal(path)


@pytest.mark.parametrize("text", ['[{"id":"1","who":"2"},{"id":"2"', '{"id":"1"}\n{"id":"2","wh'])
def test_json_that_was_cut_off_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    assert "a.json is cut off" in refusal(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<!DOCTYPE html><html>sign in</html>", "is a web page"),
        (b"%PDF-1.7 ...", "is a PDF"),
        (b"\x00\x01\x02\x03" * 50, "is not text"),
        (b"\n \n", "holds no text"),
    ],
)
def test_a_file_that_is_not_text_is_refused_with_what_it_is(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert reason in refusal(path)


def test_a_damaged_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "x")
        archive.writestr("xl/workbook.xml", "x")
    assert refusal(path).startswith("a.xlsx is cut off or damaged: it cannot be read as a workbook")


def test_a_zip_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.csv", b"0" * (40 << 20))
    assert "the limit is 500 times" in refusal(path)
    assert not (tmp_path.parent.parent / "evil.csv").exists()


def test_a_missing_required_column_is_refused_with_the_nearest_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["1", "2"]], ["Issue keys", "Issue id"])
    message = refusal(path, "jira", SourceOptions())
    assert "has no column Issue key or key, needed for assignment_code" in message
    assert "Issue keys" in message


def test_a_mapping_that_names_a_missing_column_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [feedback(1)])
    given = SourceOptions(shape="feedback", mapping={"skill_text": "skil"})
    message = "a.csv has no column skil, which the mapping gives for skill_text; nearest: skill, kind"
    assert refusal(path, given=given) == message


def test_without_a_near_name_the_message_lists_the_columns_that_nothing_reads(tmp_path: Path) -> None:
    header = ["id", "Kompetenz", "Mail", "Gehalt", "Geburtsdatum", "Art"]
    path = write(tmp_path / "a.csv", [["1", "sql", "a@example.com", "4000", "1980-01-01", "peer"]], header)
    mapping = {"record_code": "id", "work_email": "Mail", "skill_text": "zzz"}
    message = refusal(path, given=SourceOptions(shape="feedback", mapping=mapping))
    unread = "nearest: none is near; columns that nothing reads: Kompetenz, Art, and 2 that are never read"
    assert message == f"a.csv has no column zzz, which the mapping gives for skill_text; {unread}"
    jira = write(tmp_path / "b.csv", [["1", "2"]], ["Nummer", "Gewerkschaft"])
    unread = "nearest: none is near; columns that nothing reads: Nummer, and 1 that is never read"
    assert f"needed for record_code; {unread}; set it by" in refusal(jira, "jira", SourceOptions())


def test_a_header_that_may_be_a_row_of_values_is_not_listed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["2", "Max Muster", "max@example.com"]], ["1", "Mia Muster", "mia@example.com"])
    message = refusal(path, given=SourceOptions(shape="feedback", mapping={"skill_text": "zzz"}))
    assert message.endswith("nearest: none is near; its first row may hold values in place of column names")
    path = write(tmp_path / "b.csv", [["1"] * 50], [f"Spalte {chr(97 + i % 26) * (1 + i // 26)}" for i in range(50)])
    message = refusal(path, given=SourceOptions(shape="feedback", mapping={"skill_text": "zzz"}))
    assert message.count("Spalte") == 40
    assert message.endswith(", and 10 more")


@pytest.mark.parametrize("ending", ["", "\r\n", "\n\n"])
def test_a_file_with_a_header_and_no_rows_gives_no_rows(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((",".join(HEADER) + ending).encode())
    export = read_export(path, get_adapter("tabular"), options())
    assert export.row_count == 0
    assert export.shapes["feedback"].collect().height == 0


def test_blank_lines_give_no_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [feedback(1), [], feedback(2), [], []])
    assert read(path)["row_number"].to_list() == [1, 2]


@pytest.mark.parametrize("column", ["dateOfBirth", "Pay Rate", "SSN", "Marital Status", "ethnicity", "home_email"])
def test_a_sensitive_column_is_not_read_even_if_a_mapping_names_it(tmp_path: Path, column: str) -> None:
    path = write(tmp_path / "a.csv", [["1", "secret"]], ["id", column])
    given = SourceOptions(shape="feedback", mapping={"record_code": "id", "skill_text": column})
    assert "is never read" in refusal(path, given=given)
    plain = SourceOptions(shape="feedback", mapping={"record_code": "id"})
    export = read_export(path, get_adapter("tabular"), plain)
    assert export.sensitive_columns == (column,)
    assert "secret" not in str(export.shapes["feedback"].collect().to_dicts())


def test_dates_that_can_be_read_both_ways_are_refused_unless_the_order_is_declared(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [[*feedback(1)[:5], "02/03/2025"]])
    assert "no day is above 12" in refusal(path)
    assert str(read(path, given=options(date_order="day_first"))["occurred_at"][0].date()) == "2025-03-02"
    assert str(read(path, given=options(date_order="month_first"))["occurred_at"][0].date()) == "2025-02-03"


def test_one_date_proves_the_order_for_the_whole_column(tmp_path: Path) -> None:
    rows = [[*feedback(i)[:5], day] for i, day in enumerate(["02/03/2025", "02/28/2025"])]
    days = read(write(tmp_path / "a.csv", rows))["occurred_at"]
    assert [str(day.date()) for day in days] == ["2025-02-03", "2025-02-28"]


def test_two_adapters_with_the_same_name_are_refused() -> None:
    adapter = Adapter("x", "First", "hr", ("csv",), (ShapeMap("person", (FieldMap("account_code", ("id",)),)),))
    with pytest.raises(ValueError, match="two adapters are called x: First and First"):
        adapters_by_system([adapter, adapter])
