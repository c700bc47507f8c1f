"""What is deleted from a quarantine follows from the classes of the columns, whatever its table."""

import json

import polars as pl
import pytest

from pipelines.contracts.canonical_schemas import quarantine_table
from pipelines.contracts.catalog import CONFLICT, FEEDBACK, PERSON
from pipelines.contracts.output_tables import COMPANION, OBEYED_REPLY
from pipelines.contracts.table import Table
from pipelines.privacy.identities import PersonTraces
from pipelines.privacy.person_deletions import build_person_deletion

ANN = PersonTraces(
    person_ids=("100001",),
    employee_numbers=("E-7001",),
    addresses=("ann@acme.example",),
    accounts=(("jira", "aarcher"),),
    reply_ids=("r1",),
)


@pytest.mark.parametrize(
    ("table", "own_cells", "other_cells"),
    [
        (CONFLICT, {"candidate_ids": ["100002", "100001"]}, {"candidate_ids": ["100002", "1000010"]}),
        (COMPANION, {"person_id": "100002", "companion_id": "100001"}, {"person_id": "100002"}),
        (OBEYED_REPLY, {"reply_id": "r1"}, {"reply_id": "r2"}),
        (FEEDBACK, {"account_code": "aarcher"}, {"account_code": "bbaker"}),
    ],
    ids=lambda parameter: parameter.name if isinstance(parameter, Table) else "",
)
def test_a_row_that_was_set_aside_goes_with_whom_it_names(
    table: Table, own_cells: dict[str, object], other_cells: dict[str, object]
) -> None:
    rows = pl.DataFrame({"row_text": [write_row(cells) for cells in (own_cells, other_cells)], "system_name": "jira"})
    deletion = build_person_deletion(quarantine_table(table.name), ANN)
    assert deletion is not None
    assert deletion.apply(rows)["row_text"].to_list() == [write_row(other_cells)]


def test_a_row_about_somebody_else_that_was_set_aside_loses_the_person() -> None:
    for table, column, key in (
        (PERSON, "manager_id", "100001"),
        (PERSON, "manager_code", "E-7001"),
        (FEEDBACK, "given_by_id", "100001"),
        (FEEDBACK, "given_by_code", "aarcher"),
    ):
        rows = pl.DataFrame({"row_text": [write_row({"person_id": "100002", column: key})], "system_name": "jira"})
        deletion = build_person_deletion(quarantine_table(table.name), ANN)
        assert deletion is not None
        assert deletion.apply(rows)["row_text"].to_list() == [write_row({"person_id": "100002", column: None})]


@pytest.mark.parametrize("column", ["account_code", "given_by_code"])
def test_the_same_account_code_in_another_system_may_be_somebody_elses(column: str) -> None:
    row_text = write_row({column: "aarcher"})
    rows = pl.DataFrame({"row_text": row_text, "system_name": ["gitlab", "jira", None]})
    deletion = build_person_deletion(quarantine_table(FEEDBACK.name), ANN)
    assert deletion is not None
    remaining_rows = deletion.apply(rows)
    without_person = [] if column == "account_code" else [write_row({column: None})] * 2
    assert remaining_rows["row_text"].to_list() == [row_text, *without_person]


def write_row(cells: dict[str, object]) -> str:
    return json.dumps(cells, separators=(",", ":"))
