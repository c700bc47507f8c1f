"""Over all adapters: the same rows in another form of file, the true reason for a refusal, and detection."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from adapter_probes import ProbeCase, ProbeFile, Reading, probe_cases, read_probes
from workbooks import write_workbook

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS
from pipelines.sources.adapter import all_adapters, open_export, read_export
from pipelines.sources.declaration import Adapter, ShapeMap
from pipelines.sources.detect import best_match, rank_systems, suggest_source_block
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.text_table import normalize_header

every_adapter = pytest.mark.parametrize(
    "adapter", [each for each in all_adapters().values() if each.shapes], ids=lambda adapter: adapter.system
)


def first_cases(form: str) -> list[ProbeCase]:
    """Return one case per system that reads a form of file."""
    return list({case.system: case for case in reversed(probe_cases()) if case.form == form}.values())


def content(reading: Reading) -> list[dict[str, Any]]:
    return [row for rows in reading.rows.values() for row in rows]


@pytest.mark.parametrize("case", first_cases("csv"), ids=str)
def test_a_table_is_read_alike_below_title_lines_with_another_separator_and_as_a_workbook(
    case: ProbeCase, tmp_path: Path
) -> None:
    probes = ProbeFile(case)
    plain = content(read_probes(probes, tmp_path))
    path = tmp_path / case.raw.name
    rows = [probes.headers, *([cell or "" for cell in row] for row in probes.golden)]
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out, delimiter="\t").writerows([["Report of March"], [], *rows])
    assert read_rows_of(path, case) == plain
    cells = [[cell or None for cell in row] for row in (["Report of March"], [], *rows)]
    assert read_rows_of(write_workbook(path, cells), case) == plain


def read_rows_of(path: Path, case: ProbeCase) -> list[dict[str, Any]]:
    frame = read_export(path, case.adapter, replace(case.options, delimiter=None)).shapes[case.shape.shape]
    return frame.drop("row_number").collect().rows(named=True)


def columns_of_a_table(shape: ShapeMap) -> set[str]:
    """Return the columns that are read alike from a member and from a header: no lists, no form's own meaning."""
    is_own = re.compile(r"[$\[]|::|\.\*$").search
    others = {each.destination for each in shape.fields if each.form or any(is_own(path) for path in each.all_headers)}
    return {each.destination for each in shape.fields} - others


def both_forms() -> list[ProbeCase]:
    return [
        case
        for case in first_cases("json")
        if "csv" in case.adapter.formats
        and not case.shape.explode
        and all(columns_of_a_table(case.shape).intersection(group) for group in needed_columns(case))
    ]


def needed_columns(case: ProbeCase) -> tuple[tuple[str, ...], ...]:
    return CANONICAL_SCHEMAS[case.shape.shape].needed_column_groups


@pytest.mark.parametrize("case", both_forms(), ids=str)
def test_records_and_a_table_of_their_members_are_read_alike(case: ProbeCase, tmp_path: Path) -> None:
    probes = ProbeFile(case)
    records = [flat(record) for record in probes.golden]
    headers = list(dict.fromkeys(header for record in records for header in record))
    (tmp_path / "a.json").write_text(json.dumps(probes.golden))
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as out:
        csv.DictWriter(out, headers).writerows([dict(zip(headers, headers, strict=True)), *records])
    of_records, of_table = (
        [{name: row[name] for name in columns_of_a_table(case.shape)} for row in read_rows_of(tmp_path / name, case)]
        for name in ("a.json", "a.csv")
    )
    assert of_records
    assert of_records == of_table


def flat(record: dict[str, Any], start: str = "") -> dict[str, Any]:
    """Return the members that are no objects by their dotted path, lists as text."""
    members: dict[str, Any] = {}
    for key, member in record.items():
        if isinstance(member, dict):
            members |= flat(member, f"{start}{key}.")
        elif member is not None:
            members[f"{start}{key}"] = json.dumps(member) if isinstance(member, bool | list) else member
    return members


def refusal(path: Path, adapter: Adapter) -> str:
    with pytest.raises(ExportRefused) as caught:
        read_export(path, adapter)
    return str(caught.value)


@every_adapter
def test_a_file_without_content_is_refused_as_such(adapter: Adapter, tmp_path: Path) -> None:
    path = tmp_path / "a"
    contents = {b"": "a is empty (0 bytes)", b" \n\n": "a holds no text"}
    if "json" in adapter.formats:
        contents |= {b"[]": "a holds no record: its list is empty"}
        for records_path in adapter.records_path:
            document: Any = []
            for key in reversed(records_path.split(".")):
                document = {key: document}
            if not re.search(r"[*]", records_path):
                contents[json.dumps(document).encode()] = "a holds no record: its list is empty"
    for given, reason in contents.items():
        path.write_bytes(given)
        assert refusal(path, adapter).startswith(reason)


@every_adapter
@pytest.mark.parametrize("indent", [None, 1])
def test_an_answer_with_another_list_is_not_called_empty(adapter: Adapter, tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "a"
    for records_path in adapter.records_path:
        first_key, *_, last_key = re.sub(r"\[\*\].*", "", records_path).split(".") * 2
        if "json" not in adapter.formats or first_key == last_key or "*" in records_path:
            continue
        path.write_text(json.dumps({first_key: {"elsewhere": {last_key: [{"a": 1}]}}}, indent=indent))
        assert refusal(path, adapter).startswith(f"a has no list of records at {adapter.records_path[0]}")


@every_adapter
def test_a_file_of_another_format_is_refused_with_the_formats_of_the_system(adapter: Adapter, tmp_path: Path) -> None:
    path = tmp_path / "a"
    for form, given in (("json", '[{"a": 1}]'), ("csv", "a,b\n1,2\n")):
        if form not in adapter.formats:
            path.write_text(given)
            assert f"{adapter.system} reads {', '.join(adapter.formats)}: export it as such" in refusal(path, adapter)


@pytest.mark.parametrize("case", first_cases("json"), ids=str)
def test_records_behind_the_prefix_of_a_logger_are_found(case: ProbeCase, tmp_path: Path) -> None:
    records = [json.dumps(record) for record in ProbeFile(case).golden]
    headers = []
    for prefix in ("", "Mar  2 09:00:00 host app[7]: "):
        path = tmp_path / "a.log"
        path.write_text("".join(f"{prefix}{record}\n" for record in records))
        headers.append(open_export(path, case.adapter).headers)
    assert headers[0] == headers[1]


def measured_cases() -> list[ProbeCase]:
    """Return the tables whose rows measure hours or scores under headers of their own."""
    measures = {"worklog": "worked_hours", "feedback": "score_share"}
    return [
        case
        for case in probe_cases()
        if case.form == "csv"
        and not case.shape.unpivot
        and not case.shape.explode
        and any(each.destination == measures.get(case.shape.shape) and each.headers for each in case.shape.fields)
    ]


@pytest.mark.parametrize("case", measured_cases(), ids=str)
def test_a_system_whose_measure_the_file_lacks_is_not_detected(case: ProbeCase, tmp_path: Path) -> None:
    assert best_match(rank_systems(case.raw)).system == case.system  # type: ignore[union-attr]
    measures = [each for each in case.shape.fields if each.destination in ("worked_hours", "score_share")]
    names = {normalize_header(header) for each in measures for header in (*each.headers, *each.end_headers)}
    probes = ProbeFile(case)
    positions = [i for i, header in enumerate(probes.headers) if normalize_header(header) not in names]
    path = tmp_path / case.raw.name
    with path.open("w", newline="", encoding="utf-8") as out:
        rows = (probes.headers, *probes.golden)
        csv.writer(out).writerows([[row[i] if i < len(row) else "" for i in positions] for row in rows])
    best = best_match(rank_systems(path))
    assert best is None or (best.system, best.shape) != (case.system, case.shape.shape)


def test_a_tie_between_systems_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = first_cases("csv")[0]
    twin = replace(case.adapter, system="twin")
    monkeypatch.setattr("pipelines.sources.detect.all_adapters", lambda: {**all_adapters(), "twin": twin})
    assert re.search(f"# tie: (twin|{case.system}) fits as well", suggest_source_block(case.raw))
    monkeypatch.undo()
    assert "tie" not in suggest_source_block(case.raw)
