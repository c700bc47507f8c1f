"""Every delimited golden file says the same with its columns and rows in the opposite order."""

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.sources.adapter import SourceOptions, get_adapter, read_export

GOLDEN = Path(__file__).parents[2] / "golden"


def plain_ones() -> list[Path]:
    """Files in UTF-8 with commas whose rows are all of the header's width."""
    found = []
    for path in sorted(GOLDEN.glob("*/*.raw.csv")):
        expected = json.loads(path.with_name(path.name.replace(".raw.csv", ".expected.json")).read_text())
        if expected["encoding"] == "utf-8" and expected["delimiter"] == "," and not expected["malformed"]:
            found.append(path)
    return found


def said(path: Path, system: str, options: SourceOptions) -> dict[str, list[dict[str, Any]]]:
    """The rows of each shape in an order of their own, without what depends on the order in the file."""
    shapes = {}
    for name, frame in read_export(path, get_adapter(system), options).shapes.items():
        texts = pl.col("^(text:)?skill_text$").str.split("|").list.sort().list.join("|")
        rows = frame.drop("row_number", "record_code", "text:record_code", strict=False).with_columns(
            texts if "skill_text" in frame.collect_schema().names() else []
        )
        shapes[name] = sorted(rows.collect().rows(named=True), key=str)
    return shapes


@pytest.mark.parametrize("raw", plain_ones(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_order_of_columns_and_rows_in_a_golden_file_does_not_matter(raw: Path, tmp_path: Path) -> None:
    system = get_adapter(raw.parent.name)
    with raw.open(newline="", encoding="utf-8-sig") as text:
        rows = [row[::-1] for row in csv.reader(text) if row]
    headers = 1 + system.skip_after_header
    # The folder is new, the name the same: some systems write the day into it.
    turned = tmp_path / raw.name
    with turned.open("w", newline="") as out:
        csv.writer(out).writerows([*rows[:headers], *rows[headers:][::-1]])
    options = raw.with_name(raw.name.replace(".raw.csv", ".options.json"))
    given = SourceOptions(**json.loads(options.read_text())) if options.exists() else SourceOptions()
    assert said(turned, raw.parent.name, given) == said(raw, raw.parent.name, given)
