"""A file that lacks a column that each row needs is refused when it is read, for each shape and each system."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.sources.adapter import all_adapters, get_adapter, read_export
from pipelines.sources.declaration import Adapter, ShapeMap, SourceOptions
from pipelines.sources.field_text import headers_read_by
from pipelines.sources.header_spelling import words_of
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.text_table import normalize_header
from pipelines.sources.vocabularies.person_headers import USUAL_ACTOR_HEADERS

Group = tuple[str, ...]
SHAPE_GROUPS = [(shape, group) for shape, schema in CANONICAL_SCHEMAS.items() for group in schema.needed_column_groups]


def write_csv(path: Path, headers: list[str]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([headers, ["1"] * len(headers)])
    return path


def refusal(path: Path, adapter: Adapter, options: SourceOptions) -> str:
    with pytest.raises(ExportRefused) as caught:
        read_export(path, adapter, options)
    return str(caught.value)


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize(("shape", "group"), SHAPE_GROUPS)
def test_a_file_without_a_mapped_column_is_refused_for_each_shape(
    tmp_path: Path, shape: CanonicalSchemaName, group: Group, form: str
) -> None:
    mapping = {groups[0]: f"h_{groups[0]}" for groups in CANONICAL_SCHEMAS[shape].needed_column_groups}
    headers = [header for column, header in mapping.items() if column != group[0]] + ["other"]
    path = tmp_path / f"rows.{form}"
    write_csv(path, headers) if form == "csv" else path.write_text(json.dumps([dict.fromkeys(headers, "1")]))
    message = refusal(path, get_adapter("tabular"), SourceOptions(mapping=mapping, shape=shape))
    assert f"rows.{form} has no column h_{group[0]}" in message


def test_a_json_member_that_only_some_records_have_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"who": "1", "skill": "sql"}, {"who": "1", "skill": "sql", "day": "2025-06-30"}]))
    mapping = {"account_code": "who", "skill_text": "skill", "occurred_at": "day"}
    export = read_export(path, get_adapter("tabular"), SourceOptions(mapping=mapping, shape="skill_mention"))
    assert export.shapes["skill_mention"].collect()["occurred_at"].is_null().to_list() == [True, False]


def system_cases() -> Iterator[tuple[Adapter, ShapeMap, Group]]:
    """Needed columns that a system fills from headers of a CSV file which none of its signatures contains."""
    for adapter in all_adapters().values():
        for shape in adapter.shapes if "csv" in adapter.formats else ():
            for group in CANONICAL_SCHEMAS[shape.shape].needed_column_groups:
                fields = [field_map for field_map in shape.fields if field_map.destination in group]
                headers = {header for field_map in fields for header in field_map.headers}
                is_real = not any(header.startswith("@") for header in headers)
                if is_real and not headers & set(shape.signature) and not any(field.constant for field in fields):
                    yield adapter, shape, group


CASES = list(system_cases())


@pytest.mark.parametrize(
    ("adapter", "shape", "group"), CASES, ids=[f"{case[0].system}-{case[1].shape}-{case[2][0]}" for case in CASES]
)
def test_an_export_without_a_needed_column_is_refused_for_each_system(
    tmp_path: Path, adapter: Adapter, shape: ShapeMap, group: Group
) -> None:
    missing = [header for field_map in shape.fields if field_map.destination in group for header in field_map.headers]
    normalized = {normalize_header(header) for header in missing}
    headers = dict.fromkeys((*(shape.signature or adapter.signature), *headers_read_by(shape)))
    usual_words = {
        words for column in group if column in USUAL_ACTOR_HEADERS for words in USUAL_ACTOR_HEADERS[column].names
    }
    present = [
        header
        for header in headers
        if not header.startswith(("@", "$"))
        and normalize_header(header) not in normalized
        and words_of(header) not in usual_words
    ]
    message = refusal(write_csv(tmp_path / "export.csv", present), adapter, SourceOptions())
    assert re.match(r"export.csv has no column .*, needed for .*; nearest: .*; set it by `mapping: ", message)
    assert any(header in message for header in missing)


def test_every_system_that_exports_csv_has_such_a_case() -> None:
    """Except those whose shapes need no column, or only columns of the signature or of the file's name."""
    systems = {adapter.system for adapter in all_adapters().values() if "csv" in adapter.formats and adapter.shapes}
    without = {"azure_devops", "blackboard", "degreed", "jira", "linear", "servicenow"}
    assert systems - {adapter.system for adapter, _, _ in CASES} == without
    assert len(CASES) >= 36
