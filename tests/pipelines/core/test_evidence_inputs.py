"""Merging the evidence of changed records gives the same table as collecting all evidence again."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.catalog import (
    ASPIRATION,
    ASSIGNMENT,
    EVIDENCE,
    FEEDBACK,
    LEARNING_RECORD,
    SKILL_MENTION,
    WORKLOG,
)
from pipelines.contracts.table import Table
from pipelines.core.evidence import collect_evidence
from pipelines.core.evidence_inputs import EvidenceInputs, read_changed_inputs
from pipelines.core.taxonomy import build_observed_taxonomy, match_skills
from pipelines.storage import change_log as changes
from pipelines.storage.change_log import RECORD_KEY, find_changed_records
from pipelines.storage.lake import Lake
from tests.example_counts import count_examples

TABLES = (ASSIGNMENT, WORKLOG, LEARNING_RECORD, FEEDBACK, SKILL_MENTION, ASPIRATION)
TAXONOMY = build_observed_taxonomy(pl.Series(["sql", "git", "go"]), 1)
CODES, PEOPLE, TEXTS = (
    st.sampled_from(["1", "2", "P"]),
    st.sampled_from(["ann", "ben"]),
    st.sampled_from(["sql", "sql|git", "go", "cooking", None]),
)
MOMENTS = st.sampled_from([datetime(2025, month, 1, tzinfo=UTC) for month in (1, 2)])
COLUMNS_BY_TABLE: dict[Table, dict[str, st.SearchStrategy[Any]]] = {
    ASSIGNMENT: {"assignment_code": st.none() | CODES, "is_done": st.booleans(), "done_at": st.none() | MOMENTS},
    WORKLOG: {"assignment_code": st.none() | CODES, "worked_at": MOMENTS, "worked_hours": st.none() | st.just(2.0)},
    LEARNING_RECORD: {
        "learning_verb": st.sampled_from(["completed", "taught", "failed"]),
        "occurred_at": MOMENTS,
        "score_share": st.none() | st.just(0.5),
    },
    FEEDBACK: {"given_by_id": st.none() | PEOPLE, "feedback_kind": st.just("peer"), "occurred_at": MOMENTS},
}


def row(table: Table) -> st.SearchStrategy[dict[str, Any]]:
    columns = {"source_name": st.sampled_from("st"), "record_code": CODES, "person_id": PEOPLE, "skill_text": TEXTS}
    return st.fixed_dictionaries(columns | COLUMNS_BY_TABLE[table])


def rows(table: Table, most: int) -> st.SearchStrategy[pl.DataFrame]:
    row_lists = st.lists(row(table), max_size=most, unique_by=lambda row: (row["source_name"], row["record_code"]))
    from_file = {"file_sha256": "f", "row_number": 1}
    return row_lists.map(lambda drawn: pl.DataFrame([row | from_file for row in drawn], schema=table.schema))


def read_all(lake: Lake) -> EvidenceInputs:
    return EvidenceInputs(*(lake.scan(table).collect() for table in TABLES))


def collect(core: EvidenceInputs, records: pl.DataFrame | None = None) -> pl.DataFrame:
    return collect_evidence(core, match_skills(core.list_skill_texts(), TAXONOMY), record_keys=records)


@pytest.mark.many_examples
@given(
    st.fixed_dictionaries(
        {table: st.tuples(rows(table, 6), rows(table, 2), rows(table, 1)) for table in COLUMNS_BY_TABLE}
    )
)
@settings(deadline=None, max_examples=count_examples(40, 150))
def test_incremental_evidence_equals_the_evidence_of_all_rows(
    drawn: dict[Table, tuple[pl.DataFrame, ...]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        for table in TABLES:
            lake.write(table, drawn[table][0] if table in drawn else pl.DataFrame(schema=table.schema))
        lake.write(EVIDENCE, collect(read_all(lake)))
        before = {table: lake.content_hash(table) for table in TABLES}
        for table, (_, new, removed) in drawn.items():
            lake.merge(table, new, pl.concat([new.select(RECORD_KEY), removed.select(RECORD_KEY)]).unique())
        changed = {
            table: find_changed_records(lake.root, table, before[table], lake.content_hash(table)) for table in TABLES
        }
        followed = {table: records for table, records in changed.items() if records is not None}
        assert len(followed) == len(TABLES)
        core, records = read_changed_inputs(lake, followed)
        lake.merge(EVIDENCE, collect(core, records), records)
        assert lake.scan(EVIDENCE).collect().equals(collect(read_all(lake)))


def logs(*worklogs: tuple[str, str, str | None]) -> pl.DataFrame:
    """Worklogs with these record codes, people and assignment codes."""
    return pl.DataFrame(
        [
            {
                "source_name": "s",
                "record_code": record,
                "person_id": person,
                "assignment_code": code,
                "skill_text": "sql",
                "worked_at": datetime(2025, 1, 1, tzinfo=UTC),
                "file_sha256": "f",
                "row_number": 1,
            }
            for record, person, code in worklogs
        ],
        schema=WORKLOG.schema,
    )


@pytest.mark.parametrize("code", ["P-1", "77"])
def test_worklogs_of_a_changed_assignment_are_read_again(tmp_path: Path, code: str) -> None:
    def issue(text: str) -> pl.DataFrame:
        cells = {
            "source_name": "s",
            "record_code": "77",
            "assignment_code": "P-1",
            "skill_text": text,
            "is_done": False,
            "file_sha256": "f",
            "row_number": 1,
        }
        return pl.DataFrame([cells], schema=ASSIGNMENT.schema)

    lake = Lake(tmp_path)
    lake.write(ASSIGNMENT, issue("go"))
    lake.write(WORKLOG, logs(("1", "ann", code), ("2", "ben", "P-2")))
    before = {table: lake.content_hash(table) for table in TABLES}
    lake.write(ASSIGNMENT, issue("sql"))
    changed_records = find_changed_records(tmp_path, ASSIGNMENT, before[ASSIGNMENT], lake.content_hash(ASSIGNMENT))
    assert changed_records is not None
    core, records = read_changed_inputs(
        lake, {table: changed_records if table is ASSIGNMENT else changed_records.clear() for table in TABLES}
    )
    assert core.worklog["record_code"].to_list() == ["1"]
    assert sorted(records.rows()) == [(ASSIGNMENT.name, "s", "77"), (WORKLOG.name, "s", "1")]


def test_changed_records_of_several_writes_include_their_earlier_assignments(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(WORKLOG, logs(("1", "ann", "P"), ("2", "ben", None)))
    start = lake.content_hash(WORKLOG)
    lake.merge(WORKLOG, logs(("1", "ann", "Q")), pl.DataFrame({"record_code": ["1"]}))
    lake.merge(WORKLOG, logs(), pl.DataFrame({"record_code": ["2"]}))
    changed_records = find_changed_records(tmp_path, WORKLOG, start, lake.content_hash(WORKLOG))
    assert changed_records is not None
    assert changed_records.sort(pl.all()).rows() == [("s", "1", "P"), ("s", "1", "Q"), ("s", "2", None)]
    assert find_changed_records(tmp_path, WORKLOG, "another", lake.content_hash(WORKLOG)) is None


def test_too_many_changed_records_are_not_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MAX_RECORDS", 1)
    lake = Lake(tmp_path)
    lake.write(WORKLOG, logs(("1", "ann", "P"), ("2", "ben", None)))
    start = lake.content_hash(WORKLOG)
    lake.merge(WORKLOG, logs(("1", "ann", "Q")), pl.DataFrame({"record_code": ["1"]}))
    assert find_changed_records(tmp_path, WORKLOG, start, lake.content_hash(WORKLOG)) is None


def test_the_changes_of_one_write_are_not_used_for_another_write_with_the_same_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path)
    lake.write(WORKLOG, logs(("1", "ann", "P"), ("2", "ben", "P")))
    lake.write(WORKLOG, logs(("1", "ann", "Q"), ("2", "ben", "Q")))
    lake.write(WORKLOG, logs(("1", "ann", "R"), ("2", "ben", "R")))
    start = lake.content_hash(WORKLOG)
    monkeypatch.setattr(changes, "MAX_RECORDS", 1)
    lake.write(WORKLOG, logs(("1", "ann", "Q"), ("2", "ben", "Q")))
    assert find_changed_records(tmp_path, WORKLOG, start, lake.content_hash(WORKLOG)) is None


def test_if_most_people_changed_only_the_changed_records_are_recorded(tmp_path: Path) -> None:
    lake, people = Lake(tmp_path), [f"p{number}" for number in range(101)]
    lake.write(WORKLOG, logs(*((person, person, None) for person in people)))
    start = lake.content_hash(WORKLOG)
    lake.write(WORKLOG, logs(*((person, person, "P") for person in people)))
    assert changes.find_changed_people(tmp_path, WORKLOG, start, lake.content_hash(WORKLOG)) is None
    changed_records = find_changed_records(tmp_path, WORKLOG, start, lake.content_hash(WORKLOG))
    assert changed_records is not None
    assert changed_records["record_code"].n_unique() == 101
