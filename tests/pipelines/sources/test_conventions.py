"""What the cells of a file prove: the order of day and month, the decimal sign, the scale."""

import csv
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.sources.adapter import get_adapter, read_export
from pipelines.sources.canonical_frames import SAMPLE_ROWS
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.readers.files import ExportRefused

MAPPING: dict[str, Any] = {
    "record_code": "id",
    "account_code": "who",
    "started_date": "began",
    "ended_date": "ended",
    "done_at": "done",
    "planned_hours": "planned",
}


def read(folder: Path, rows: list[dict[str, str]], shape: str = "assignment", **options: Any) -> pl.DataFrame:
    """Read rows of text through the system `tabular`; the mapping is cut to the columns that the rows have."""
    path = folder / "a.csv"
    headers = list(dict.fromkeys(header for row in rows for header in row))
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([headers, *([row.get(header, "") for header in headers] for row in rows)])
    mapping = options.pop("mapping", {column: header for column, header in MAPPING.items() if header in headers})
    given = SourceOptions(shape=shape, mapping=mapping, **options)  # type: ignore[arg-type]
    return read_export(path, get_adapter("tabular"), given).shapes[shape].collect()  # type: ignore[index]


def refusal(folder: Path, rows: list[dict[str, str]], **options: Any) -> str:
    with pytest.raises(ExportRefused) as caught:
        read(folder, rows, **options)
    return str(caught.value)


def columns_of(frame: pl.DataFrame, *names: str) -> list[list[str]]:
    return [frame[name].cast(pl.String).str.head(10).to_list() for name in names]


@pytest.mark.parametrize(
    ("began", "done", "read_as"),
    [
        ("3/2/2026", "3/13/2026 5:30:12 PM", ["2026-03-02", "2026-03-13"]),
        ("2/3/2026", "13/3/2026 17:30", ["2026-03-02", "2026-03-13"]),
    ],
)
def test_one_column_proves_the_order_of_another(tmp_path: Path, began: str, done: str, read_as: list[str]) -> None:
    rows = [{"id": "1", "who": "a", "began": began, "done": done}]
    assert columns_of(read(tmp_path, rows), "started_date", "done_at") == [[read_as[0]], [read_as[1]]]


def test_columns_that_prove_both_orders_prove_none_for_a_third(tmp_path: Path) -> None:
    rows = [{"id": "1", "who": "a", "began": "13/3/2026", "done": "3/13/2026"}]
    assert columns_of(read(tmp_path, rows), "started_date", "done_at") == [["2026-03-13"], ["2026-03-13"]]
    assert "set `date_order`" in refusal(tmp_path, [{**rows[0], "ended": "2/3/2026"}])


def test_a_typing_error_proves_nothing(tmp_path: Path) -> None:
    rows = [{"id": str(i), "who": "a", "began": "03/14/2026", "done": "03/02/2026"} for i in range(200)]
    rows[7] = {**rows[7], "done": "14/03/2026"}
    done = read(tmp_path, rows)["done_at"]
    assert (done.null_count(), str(done[0])[:10]) == (1, "2026-03-02")


def test_a_proof_beyond_the_first_rows_counts(tmp_path: Path) -> None:
    rows = [{"id": str(i), "who": "a", "began": "02/03/2026", "planned": "1,500"} for i in range(SAMPLE_ROWS + 1)]
    rows.append({"id": "x", "who": "a", "began": "28/03/2026", "planned": "1,5"})
    frame = read(tmp_path, rows)
    assert (str(frame["started_date"][0]), frame["planned_hours"][0]) == ("2026-03-02", 1.5)


def test_a_column_that_is_empty_in_the_first_rows_is_proven_too(tmp_path: Path) -> None:
    rows = [{"id": str(i), "who": "a", "began": "2026-03-01"} for i in range(SAMPLE_ROWS)]
    rows += [{"id": f"x{day}", "who": "a", "began": "2026-03-01", "done": f"3/{day}/2026"} for day in (2, 14)]
    assert columns_of(read(tmp_path, rows), "done_at")[0][-2:] == ["2026-03-02", "2026-03-14"]


def test_years_in_front_with_two_digits_are_asked_for(tmp_path: Path) -> None:
    rows = [{"id": str(i), "who": "a", "began": f"26-03-{day}"} for i, day in enumerate(("02", "17", "29"))]
    assert "the year in front or at the end" in refusal(tmp_path, rows)
    mapping = {"record_code": "id", "account_code": "who", "started_date": {"column": "began", "format": "%y-%m-%d"}}
    assert columns_of(read(tmp_path, rows, mapping=mapping), "started_date") == [
        ["2026-03-02", "2026-03-17", "2026-03-29"]
    ]


@pytest.mark.parametrize(
    ("cells", "hours"),
    [
        (["1,234", "1,5"], [1.234, 1.5]),
        (["1,234", "1.5"], [1234.0, 1.5]),
        (["1.234", "1,5"], [1234.0, 1.5]),
        (["1.234", "0.250"], [1.234, 0.25]),
        (["1.234,5", "2.000"], [1234.5, 2000.0]),
        (["1 234,5", "2\u202f000"], [1234.5, 2000.0]),
        (["1,250 h", "0,5 h"], [1.25, 0.5]),
        (["12", "7"], [12.0, 7.0]),
    ],
)
def test_a_column_proves_its_decimal_sign(tmp_path: Path, cells: list[str], hours: list[float]) -> None:
    rows = [{"id": str(i), "who": "a", "planned": cell} for i, cell in enumerate(cells)]
    assert read(tmp_path, rows)["planned_hours"].to_list() == hours


def test_another_column_proves_the_decimal_sign(tmp_path: Path) -> None:
    mapping = {"account_code": "who", "skill_text": "skill", "occurred_at": "day"}
    mapping |= {"worked_hours": "hours", "score_share": "mark"}
    rows = [{"who": "a", "skill": "sql", "day": "2026-03-02", "hours": "1,250", "mark": "0,5"}]
    frame = read(tmp_path, rows, "skill_mention", mapping=mapping)
    assert frame.select("worked_hours", "score_share").row(0) == (1.25, 0.5)


@pytest.mark.parametrize("cell", ["1,234", "1.234", "12,500"])
def test_a_number_that_can_be_read_both_ways_is_asked_for(tmp_path: Path, cell: str) -> None:
    rows = [{"id": "1", "who": "a", "planned": cell}, {"id": "2", "who": "a", "planned": "3"}]
    message = refusal(tmp_path, rows)
    assert "set `decimal_comma` to true or false" in message
    assert cell not in message.replace("(1,234 is", "")
    values = {sign: read(tmp_path, rows, decimal_comma=sign)["planned_hours"][0] for sign in (True, False)}
    number = float(cell.replace(",", ".")), float(cell.replace(",", "").replace(".", ""))
    assert values == {"," in cell: number[0], "," not in cell: number[1]}


def test_json_writes_numbers_with_a_point(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"id": 1, "who": "a", "planned": 1.234}, {"id": 2, "who": "a", "planned": 7}]')
    given = SourceOptions(
        shape="assignment", mapping={"record_code": "id", "account_code": "who", "planned_hours": "planned"}
    )
    frame = read_export(path, get_adapter("tabular"), given).shapes["assignment"].collect()
    assert frame["planned_hours"].to_list() == [1.234, 7.0]


def test_scores_beyond_1_without_a_scale_are_asked_for(tmp_path: Path) -> None:
    mapping: dict[str, Any] = {
        "employee_number": "who",
        "skill_text": "skill",
        "feedback_kind": "kind",
        "occurred_at": "day",
        "score_share": "mark",
    }
    rows = [{"who": "a", "skill": "sql", "kind": "peer", "day": "2026-03-02", "mark": mark} for mark in ("1", "4", "5")]
    message = refusal(tmp_path, rows, shape="feedback", mapping=mapping)
    assert "`score_share: {column: mark, scale: [lowest, highest]}`" in message
    scaled = {**mapping, "score_share": {"column": "mark", "scale": (1.0, 5.0)}}
    assert read(tmp_path, rows, "feedback", mapping=scaled)["score_share"].to_list() == [0.0, 0.75, 1.0]
    assert read(tmp_path, rows[:1], "feedback", mapping=mapping)["score_share"].to_list() == [1.0]
