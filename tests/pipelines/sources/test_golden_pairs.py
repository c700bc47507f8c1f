"""Every raw file gives exactly the rows of the expected file in the same folder; every system has such a pair."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from adapter_probes import golden_options, read_records

from pipelines.sources.adapter import Export, all_adapters, get_adapter, read_export
from pipelines.sources.passed_over import passed_over_by_reason, sum_by_reason
from pipelines.sources.sensitive_columns import sensitive_class

GOLDEN = Path(__file__).parents[2] / "golden"
PAIRS = sorted(GOLDEN.glob("*/*.raw.*"))


def plain(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as JSON can hold them, without the columns that are null."""
    rows = json.loads(frame.with_columns(pl.col(pl.Datetime, pl.Date).cast(pl.String)).write_json())
    return [{key: value for key, value in row.items() if value is not None} for row in rows]


@cache
def read_golden(raw: Path) -> Export:
    return read_export(raw, get_adapter(raw.parent.name), golden_options(raw))


def content_of(export: Export) -> dict[str, Any]:
    counts = [passed_over_by_reason(frame.collect()) for frame in export.reason_counts.values()]
    passed_over = sum_by_reason(counts)
    return {
        "shapes": {name: plain(frame.collect()) for name, frame in export.shapes.items()},
        "malformed": plain(export.malformed.collect()),
        "columns_left_out": list(export.columns_left_out),
        "columns_denied": list(export.sensitive_columns),
        "encoding": export.encoding,
        "delimiter": export.delimiter,
        **({"passed_over": passed_over} if passed_over else {}),
    }


def name_of(raw: Path) -> str:
    return f"{raw.parent.name}/{raw.name}"


def companion_file(raw: Path, ending: str) -> Path:
    return raw.with_name(f"{raw.name.split('.raw.')[0]}.{ending}")


@pytest.mark.parametrize("raw", PAIRS, ids=name_of)
def test_a_raw_file_gives_the_rows_of_its_expected_file(raw: Path) -> None:
    content = content_of(read_golden(raw))
    expected = companion_file(raw, "expected.json")
    if os.environ.get("WRITE_GOLDEN") and not expected.exists():
        expected.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    assert expected.exists(), f"write {expected.name} with WRITE_GOLDEN=1, then check every value by eye"
    assert content == json.loads(expected.read_text())


@pytest.mark.parametrize("raw", [raw for raw in PAIRS if ".json" in raw.name], ids=name_of)
def test_records_that_are_checked_while_they_are_read_have_the_same_values(raw: Path) -> None:
    export = read_export(raw, get_adapter(raw.parent.name), golden_options(raw), check_while_reading=True)
    frames = {name: frame.collect() for name, frame in export.shapes.items()}
    if export.is_regular():
        assert {name: plain(frame) for name, frame in frames.items()} == content_of(read_golden(raw))["shapes"]


@pytest.mark.parametrize("raw", PAIRS, ids=name_of)
def test_every_row_of_a_file_is_read_set_aside_or_counted_as_passed_over(raw: Path) -> None:
    export = read_golden(raw)
    row_count, malformed = export.row_count, export.malformed.collect()["row_number"].to_list()
    if row_count is None:
        row_count = len(read_records(raw) or [])
    read = {number for frame in export.shapes.values() for number in frame.collect()["row_number"]}
    counts = [passed_over_by_reason(frame.collect()) for frame in export.reason_counts.values()]
    uncounted = set(range(1, row_count + 1)) - read - set(malformed)
    assert len(uncounted) <= sum(sum_by_reason(counts).values())


@pytest.mark.parametrize("system", all_adapters())
def test_every_system_has_a_golden_pair(system: str) -> None:
    assert [raw for raw in PAIRS if raw.parent.name == system]


@pytest.mark.parametrize(
    "folder", sorted(path for path in GOLDEN.iterdir() if path.is_dir()), ids=lambda path: path.name
)
def test_every_golden_folder_belongs_to_a_system(folder: Path) -> None:
    assert folder.name in all_adapters()


@pytest.mark.parametrize("raw", PAIRS, ids=name_of)
def test_personal_data_and_free_text_are_neither_landed_nor_quarantined(raw: Path) -> None:
    """Such cells of the raw files hold the text `never-read`; quarantine keeps the text columns."""
    export = read_golden(raw)
    for frame in (*export.shapes.values(), export.malformed):
        assert "never-read" not in frame.collect().write_json()


@pytest.mark.parametrize("raw", sorted(GOLDEN.glob("*/*.expected.json")), ids=name_of)
def test_no_sensitive_column_is_mapped(raw: Path) -> None:
    expected = json.loads(raw.read_text())
    assert not [header for header in expected["columns_left_out"] if sensitive_class(header)]
