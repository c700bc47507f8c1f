"""Every delimited golden file gives the same rows with its columns and rows in the opposite order."""

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.sources.adapter import get_adapter, read_export
from pipelines.sources.declaration import SourceOptions

GOLDEN = Path(__file__).parents[2] / "golden"


def regular_files() -> list[Path]:
    """Return the files in UTF-8 with commas whose rows are all as wide as the header."""
    files = []
    for path in sorted(GOLDEN.glob("*/*.raw.csv")):
        expected_file = path.with_name(path.name.replace(".raw.csv", ".expected.json"))
        if not expected_file.exists():  # test_golden_pairs fails for it and says what to do
            continue
        expected = json.loads(expected_file.read_text())
        if expected["encoding"] != "utf-8" or expected["delimiter"] != "," or expected["malformed"]:
            continue
        with path.open(newline="", encoding="utf-8-sig") as text:
            rows = [row for row in csv.reader(text) if row]
        # not those with title lines above the header, whose other cells are empty, or with shorter rows
        if all(rows[0]) and len({len(row) for row in rows}) == 1:
            files.append(path)
    return files


def read_shapes(path: Path, system: str, options: SourceOptions) -> dict[str, list[dict[str, Any]]]:
    """Return the sorted rows per shape, without the columns that depend on the order in the file."""
    shapes = {}
    for name, frame in read_export(path, get_adapter(system), options).shapes.items():
        texts = pl.col("^(text:)?skill_text$").str.split("|").list.sort().list.join("|")
        rows = frame.drop("row_number", "record_code", "text:record_code", strict=False).with_columns(
            texts if "skill_text" in frame.collect_schema().names() else []
        )
        shapes[name] = sorted(rows.collect().rows(named=True), key=str)
    return shapes


@pytest.mark.parametrize("raw", regular_files(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_order_of_columns_and_rows_in_a_golden_file_does_not_matter(raw: Path, tmp_path: Path) -> None:
    system = get_adapter(raw.parent.name)
    with raw.open(newline="", encoding="utf-8-sig") as text:
        rows = [row[::-1] for row in csv.reader(text) if row]
    headers = 1 + system.skip_after_header
    # The file keeps its name, as some systems write the date into it.
    reversed_file = tmp_path / raw.name
    with reversed_file.open("w", newline="") as out:
        csv.writer(out).writerows([*rows[:headers], *rows[headers:][::-1]])
    options = raw.with_name(raw.name.replace(".raw.csv", ".options.json"))
    given = SourceOptions(**json.loads(options.read_text())) if options.exists() else SourceOptions()
    assert read_shapes(reversed_file, raw.parent.name, given) == read_shapes(raw, raw.parent.name, given)
