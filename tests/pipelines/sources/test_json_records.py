"""Where the records of a JSON document are found: at the top, under a member, or under a path of members."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.sources.adapter import get_adapter, read_export
from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap, SourceOptions
from pipelines.sources.readers.files import ExportRefused

ADAPTER = Adapter(
    "nested",
    "Records under a path",
    "learning",
    ("json",),
    (ShapeMap("skill_mention", (FieldMap("record_code", ("id",)), FieldMap("skill_text", ("text",)))),),
    records_path=("records", "data.items", "keyed[*].*"),
)
RECORDS = [{"id": "1", "text": "sql", "items": [{"id": "inner"}]}, {"id": "2", "text": 'a "]}" b'}]


def codes(folder: Path, document: Any, indent: int | None = None, adapter: Adapter = ADAPTER) -> list[str]:
    path = folder / "a.json"
    path.write_text(json.dumps(document, indent=indent))
    return read_export(path, adapter).shapes["skill_mention"].collect()["record_code"].to_list()


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    "document",
    [
        RECORDS,
        {"records": RECORDS, "next": None},
        {"data": {"count": 2, "items": RECORDS, "has_more": False}, "version": "1"},
        {"items": ["no record"], "meta": {"items": [{"id": "x"}]}, "data": {"items": RECORDS}},
        {"status": 0, "keyed": [{"7001": RECORDS[:1]}, {"7002": RECORDS[1:]}], "uri": "x"},
    ],
    ids=["array", "member", "path", "same member elsewhere", "keyed by id"],
)
def test_records_are_found_under_their_path(tmp_path: Path, document: Any, indent: int | None) -> None:
    assert codes(tmp_path, document, indent) == ["1", "2"]


def test_a_record_longer_than_a_block_under_a_path_is_whole(tmp_path: Path) -> None:
    long = [{"id": str(i), "text": "x" * 3_000_000} for i in range(4)]
    assert codes(tmp_path, {"data": {"items": long}}) == ["0", "1", "2", "3"]


def test_a_document_with_no_declared_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportRefused):
        codes(tmp_path, {"data": {"rows": RECORDS}, "items": RECORDS}, indent=1)


def test_deep_brackets_outside_the_path_are_read_in_linear_time(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"items":' + "[" * 300_000 + "]" * 300_000 + ',"data":{"items":[{"id":"1"}]}}')
    export = read_export(path, replace(ADAPTER, system=get_adapter("tabular").system))
    assert export.shapes["skill_mention"].collect()["record_code"].to_list() == ["1"]


def test_a_mapping_to_a_path_of_no_form_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(RECORDS))
    for mapped in ("items[*].", "$.[", "a..b"):
        with pytest.raises(ExportRefused, match=r"skill_text.*no path into a record"):
            read_export(path, ADAPTER, SourceOptions(mapping={"skill_text": mapped}))


def test_members_with_a_dot_in_their_name_are_listed_and_can_be_read(tmp_path: Path) -> None:
    """Fields of BambooHR without an alias are called by their number; the path that is listed can be mapped."""
    path = tmp_path / "a.json"
    inner = {"Own field": 'x"y', "https://example.com/a::b": 1}
    record = {"id": "1", "4020.1": "sql", "custom fields": [{"1.2": "a"}], "inner.part": inner, "born.birth_date": "x"}
    path.write_text(json.dumps(record))
    export = read_export(path, ADAPTER)
    listed = ('$."4020.1"', '$."custom fields"[*]."1.2"', '$."inner.part"."Own field"')
    assert export.columns_left_out == (listed[0], "custom fields", *listed[1:])
    assert export.sensitive_columns == ('$."born.birth_date"',)
    for header, text in zip(listed, ("sql", "a", 'x"y'), strict=True):
        mapped = read_export(path, ADAPTER, SourceOptions(mapping={"skill_text": header}))
        assert mapped.shapes["skill_mention"].collect()["skill_text"].to_list() == [text]
        assert header not in mapped.columns_left_out
