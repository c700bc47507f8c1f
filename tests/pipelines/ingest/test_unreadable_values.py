"""An unreadable value costs its record only if it identifies the record or decides what it says."""

import csv
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.contracts.columns import COLUMNS
from pipelines.ingest.preview import ShapePreview, preview_file
from pipelines.sources.declaration import SourceOptions

VALID = {pl.Date: "2026-01-10", pl.Datetime: "2026-01-10T09:00:00Z", pl.Float64: "1", pl.Int64: "1", pl.Boolean: "true"}
# Worked out by hand: without these values a record is not identified, or says something else.
COSTLY: dict[CanonicalSchemaName, set[str]] = {
    "person": set(),
    "account": set(),
    "role_period": {"started_date", "ended_date"},
    "assignment": set(),
    "worklog": {"worked_at"},
    "learning_record": {"occurred_at", "learning_verb"},
    "course_catalogue": set(),
    "feedback": {"occurred_at", "feedback_kind", "score_share"},
    "aspiration": {"stated_at"},
    "skill_mention": {"occurred_at", "mode"},
    "consent": {"stated_at", "consent_relation", "consent_status", "expires_date"},
    "reply": {"replied_at", "reply_kind", "step_goal"},
    "preference": {"stated_at", "is_opted_out"},
    "squad_reply": {"replied_at", "squad_reply_kind"},
    "exposure": {"shown_at", "shown_rank", "to_stage"},
    "outcome": {"outcome_at", "outcome_kind", "to_stage"},
}


def valid(name: str) -> str:
    column = COLUMNS[name]
    if name == "work_email":
        return "a@example.com"
    return column.allowed[0] if column.allowed else VALID.get(column.dtype.base_type(), "text")


def preview(path: Path, shape: CanonicalSchemaName, rows: list[dict[str, str]]) -> ShapePreview:
    columns = CANONICAL_SCHEMAS[shape].columns
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([columns, *([row[name] for name in columns] for row in rows)])
    options = SourceOptions(shape=shape, mapping={name: name for name in columns})
    shapes = preview_file(path, "tabular", options, date(2026, 2, 1)).shapes
    assert shapes is not None
    return shapes[shape]


@pytest.mark.parametrize("shape", CANONICAL_SCHEMAS)
def test_an_unreadable_value_costs_only_what_it_identifies_or_decides(
    tmp_path: Path, shape: CanonicalSchemaName
) -> None:
    schema = CANONICAL_SCHEMAS[shape]
    readable = {name: valid(name) for name in schema.columns}
    checked = [name for name in schema.columns if COLUMNS[name].dtype != pl.String or COLUMNS[name].allowed]
    checked += ["work_email"] if "work_email" in schema.columns else []
    # Each row has a key of its own, and one unreadable value.
    rows = [{**readable, schema.key[0]: f"k{i}", name: "unreadable"} for i, name in enumerate(checked)]
    seen = preview(tmp_path / "a.csv", shape, rows)
    assert {checked[row["row_number"] - 1] for row in seen.set_aside} == COSTLY[shape]
    for row in seen.rows:
        assert row[checked[row["row_number"] - 1]] is None


@pytest.mark.parametrize(
    ("shape", "unreadable", "given", "is_kept"),
    [
        ("person", "left_date", {"employment_status": ""}, False),
        ("person", "left_date", {"employment_status": "left"}, True),
        ("skill_mention", "score_share", {"mode": "feedback"}, False),
        ("skill_mention", "score_share", {"mode": "repetition"}, True),
        ("consent", "expires_date", {"consent_status": "withdrawn"}, True),
        ("worklog", "work_email", {"account_code": "", "employee_number": ""}, False),
    ],
)
def test_a_value_costs_the_record_only_where_it_decides(
    tmp_path: Path, shape: CanonicalSchemaName, unreadable: str, given: dict[str, str], is_kept: bool
) -> None:
    row = {name: valid(name) for name in CANONICAL_SCHEMAS[shape].columns}
    seen = preview(tmp_path / "a.csv", shape, [{**row, **given, unreadable: "unreadable"}])
    assert (len(seen.rows), len(seen.set_aside)) == (int(is_kept), int(not is_kept))
