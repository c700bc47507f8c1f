"""The rows of a table that are about a person, and the columns in which other rows name them.

Belongs here: what erasure deletes from each table, as its contract says.
Does not belong here: how rows are deleted (`pipelines.storage.row_deletion`), in which order (`erasure`).
"""

import polars as pl

from pipelines.contracts.classification import PersonRole
from pipelines.contracts.personal_columns import person_columns, record_columns
from pipelines.contracts.table import Table
from pipelines.privacy.identities import PersonTraces
from pipelines.privacy.suppression import REFERENCE_COLUMNS
from pipelines.storage.row_deletion import RowDeletion


def build_person_deletion(table: Table, traces: PersonTraces) -> RowDeletion | None:
    """What is deleted from a table when people are erased; None if the table names nobody.

    Args:
        table: The contract of a table that is not raw.
        traces: The people.
    """
    if table.layer == "quarantine":
        return _build_quarantine_deletion(traces)
    person_ids = list(traces.person_ids)
    conditions: list[pl.Expr] = []
    cleared: dict[str, pl.Expr] = {}
    for column in person_columns(table):
        names_person = pl.col(column.name).is_in(person_ids)
        if column.is_list:
            conditions.append(pl.col(column.name).list.eval(pl.element().is_in(person_ids)).list.any())
        elif column.role is PersonRole.SUBJECT or _is_needed(table, column.name):
            conditions.append(names_person)
        else:
            cleared[column.name] = pl.when(~names_person).then(column.name)
    if any(column.name == "reply_id" for column in record_columns(table)):
        conditions.append(pl.col("reply_id").is_in(list(traces.reply_ids)))
    if not conditions and not cleared:
        return None
    return RowDeletion(pl.any_horizontal(pl.lit(False), *conditions), cleared)


def _is_needed(table: Table, column: str) -> bool:
    """Whether a row says nothing without the other person that the column names: it goes with either of them."""
    return column in table.key or any(column in row_rule.columns for row_rule in table.row_rules)


def _build_quarantine_deletion(traces: PersonTraces) -> RowDeletion:
    """Rows whose own key is one of the person's; in other rows the text loses the person as a reference."""
    own_keys = {
        "employee_number": list(traces.employee_numbers),
        "work_email": list(traces.addresses),
        "account_code": sorted({code for _, code in traces.accounts} | set(traces.employee_numbers)),
        "person_id": list(traces.person_ids),
        "companion_id": list(traces.person_ids),
    }
    key_text = {column: pl.col("row_text").str.json_path_match(f"$.{column}") for column in own_keys}
    is_own = pl.any_horizontal(key_text[column].is_in(texts) for column, texts in own_keys.items())
    text = pl.col("row_text")
    codes = sorted({*traces.employee_numbers, *traces.addresses, *(code for _, code in traces.accounts)})
    for code in (*codes, *traces.person_ids):
        for column in (*REFERENCE_COLUMNS, "manager_id", "given_by_id"):
            text = text.str.replace_all(f'"{column}":"{code}"', f'"{column}":null', literal=True)
    return RowDeletion(is_own, {"row_text": text})
