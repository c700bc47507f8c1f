"""Over all adapters: an unknown word proves nothing and costs nobody, and the line that is reported settles it."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from pipelines.config.company import SourceConfig
from pipelines.ingest.preview import Preview, preview_file
from pipelines.sources.adapter import all_adapters
from pipelines.sources.declaration import DateOrder, SourceOptions
from pipelines.sources.field_text import headers_of
from pipelines.sources.unknown_words import MAX_WORDS, WORD_COUNTS_SCHEMA, list_unknown_words

GOLDEN = Path(__file__).parents[2] / "golden"
DAY = date(2027, 1, 1)
UNKNOWN = "Zorblax"
DATE_ORDERS: dict[str, DateOrder] = {"log_report.raw.csv": "day_first"}
# The columns whose words decide what a record proves, and the values that say something good of a person.
GOOD = {
    "learning_verb": {"completed", "passed", "waived", "taught"},
    "is_done": {True},
    "mode": {"feedback", "teaching"},
    "employment_status": {"active"},
    "feedback_kind": {"certificate", "assessment"},
}


@dataclass(frozen=True)
class Case:
    """A known word of a golden file, which the test replaces by an unknown one."""

    raw: Path
    shape: str
    column: str
    word: str
    value: object

    def __str__(self) -> str:
        return f"{self.raw.parent.name}-{self.shape}-{self.column}"


def find_cases() -> Iterator[Case]:
    """One case per system, shape and column."""
    case_names = set()
    for expected in sorted(GOLDEN.glob("*/*.expected.json")):
        raw = next(expected.parent.glob(f"{expected.name.removesuffix('.expected.json')}.raw.*"))
        if raw.suffix not in (".csv", ".json", ".jsonl"):
            continue
        for shape, rows in json.loads(expected.read_text())["shapes"].items():
            for row in rows:
                for column in GOOD.keys() & row.keys():
                    case = Case(raw, shape, column, row.get(f"text:{column}", ""), row[column])
                    if str(case) not in case_names and changed_file(case) is not None:
                        case_names.add(str(case))
                        yield case


def changed_file(case: Case) -> str | None:
    """Return the file with the unknown word in place of the known one; None if no cell of the column holds it."""
    keys = {header.split(".")[-1].split("::")[-1].removesuffix("[*]") for header in headers_of_column(case)}
    text = case.raw.read_bytes().decode("utf-8-sig", "replace")
    if case.raw.suffix == ".csv":
        return change_cells(text, keys, case.word)
    documents = [json.loads(text)] if case.raw.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    changed = [change_members(document, keys, case.word) for document in documents]
    return "\n".join(map(json.dumps, changed)) if changed != documents else None


def headers_of_column(case: Case) -> list[str]:
    adapter = all_adapters()[case.raw.parent.name]
    return [
        header
        for shape in adapter.shapes
        if shape.shape == case.shape
        for field_map in shape.fields
        if field_map.destination == case.column and not field_map.value_is_header
        for header in (*field_map.headers, *(headers_of(field_map.when, shape) if field_map.when else ()))
    ]


def change_cells(text: str, keys: set[str], word: str) -> str | None:
    delimiter = max(",;\t|", key=text.splitlines()[0].count)
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    positions = [i for i, header in enumerate(rows[0]) if header.strip().lower() in {key.lower() for key in keys}]
    is_changed = False
    for row in rows[1:]:
        for i in positions:
            if i < len(row) and row[i].strip().lower() == word.lower():
                row[i], is_changed = UNKNOWN, True
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue() if is_changed else None


def change_members(content: Any, keys: set[str], word: str) -> Any:
    if isinstance(content, list):
        return [change_members(element, keys, word) for element in content]
    if not isinstance(content, dict):
        return content
    return {
        key: UNKNOWN
        if key in keys and not isinstance(value, dict | list) and str(value).lower() == word.lower()
        else change_members(value, keys, word)
        for key, value in content.items()
    }


def preview(path: Path, case: Case, mapping: dict[str, Any] | None = None) -> Preview:
    given = case.raw.with_name(f"{case.raw.name.split('.raw.')[0]}.options.json")
    options = SourceOptions(**(json.loads(given.read_text()) if given.exists() else {}))
    # Rows that are passed over prove no order of day and month.
    options = replace(options, date_order=options.date_order or DATE_ORDERS.get(case.raw.name))
    return preview_file(
        path, case.raw.parent.name, replace(options, mapping={**options.mapping, **(mapping or {})}), DAY
    )


def rows_of(preview: Preview, case: Case) -> list[dict[str, Any]]:
    assert preview.refused is None
    assert preview.shapes is not None
    return preview.shapes[case.shape].rows  # type: ignore[index]


CASES = list(find_cases())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_unknown_word_proves_nothing_costs_nobody_and_is_settled_by_its_line(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.ingest.preview.detect_system", lambda _: None)
    path = tmp_path / case.raw.name
    path.write_text(changed_file(case) or "", encoding="utf-8")
    declared, unknown = preview(case.raw, case), preview(path, case)
    good = [
        [row for row in rows_of(each, case) if row[case.column] in GOOD[case.column]] for each in (declared, unknown)
    ]
    if case.value in GOOD[case.column]:
        assert len(good[1]) < len(good[0])
    else:
        assert len(good[1]) <= len(good[0])
    if case.shape == "person":
        assert len(rows_of(unknown, case)) == len(rows_of(declared, case))
    words = [word for word in unknown.unknown_words if (word.column, word.word) == (case.column, UNKNOWN)]
    assert [word.count > 0 for word in words] == [True]
    assert [word for word in declared.unknown_words if word.word == UNKNOWN] == []
    meaning = str(case.value).lower()
    assert meaning in [allowed.strip('"') for allowed in words[0].meanings]
    line = yaml.safe_load(words[0].line.replace("MEANING", json.dumps(meaning)))
    source = {"name": "s", "system": case.raw.parent.name, "path": "*", **line}
    settled = preview(path, case, dict(SourceConfig.model_validate(source).options().mapping))
    assert [row[case.column] for row in rows_of(settled, case)] == [row[case.column] for row in rows_of(declared, case)]
    assert [word for word in settled.unknown_words if word.word == UNKNOWN] == []


def test_every_system_that_writes_words_has_a_case() -> None:
    with_words = {
        adapter.system
        for adapter in all_adapters().values()
        for shape in adapter.shapes
        for field_map in shape.fields
        if field_map.destination in GOOD and field_map.headers and not field_map.value_is_header
    }
    assert {case.raw.parent.name for case in CASES} == with_words
    assert len(CASES) >= 30


def test_rare_words_are_counted_together_and_words_of_mapped_headers_are_not_quoted() -> None:
    rows = [("mode", f"w{i:02}", 30 - i) for i in range(MAX_WORDS + 2)] + [("mode", None, 3), ("is_done", "mine", 2)]
    counts = pl.DataFrame(rows, WORD_COUNTS_SCHEMA, orient="row")
    words = list_unknown_words([counts, counts], SourceOptions(mapping={"is_done": "own header"}))
    assert len(words) == MAX_WORDS + 2
    assert (words[0].word, words[0].count) == ("w00", 60)
    rest = {word.column: (word.word, word.count) for word in words if word.word is None}
    assert rest == {"mode": (None, 2 * (10 + 9 + 3)), "is_done": (None, 4)}
    assert sum(word.count for word in words) == 2 * sum(count for _, _, count in rows)
    assert words[-1].sentence == (
        "mapping: {is_done: {values: {WORD: MEANING}}}, where WORD is as the file writes it; "
        'MEANING is "true" or "false"'
    )
