"""The rows of a table that are about a person, and the columns in which other rows name them.

Belongs here: what erasure deletes from each table, as its contract says.
Does not belong here: how rows are deleted (`pipelines.storage.row_deletion`), in which order (`erasure`).
"""

import json
from collections.abc import Iterable
from dataclasses import replace

import polars as pl

from pipelines.contracts.catalog import STORED_TABLES
from pipelines.contracts.classification import REFERENCE_BY_COLUMN, PersonKey, PersonRole
from pipelines.contracts.personal_columns import person_columns, record_columns
from pipelines.contracts.table import Table
from pipelines.privacy.identities import PersonTraces
from pipelines.storage.row_deletion import RowDeletion


def build_person_deletion(table: Table, traces: PersonTraces) -> RowDeletion | None:
    """What is deleted from a table when people are erased; None if the table names nobody.

    Args:
        table: The contract of a table that is not raw.
        traces: The keys by which the people are named.
    """
    if table.layer == "quarantine":
        return _build_quarantine_deletion(STORED_TABLES[table.name.removeprefix("quarantine__")], traces)
    person_ids = list(traces.person_ids)
    deletion_conditions: list[pl.Expr] = []
    cleared_columns: dict[str, pl.Expr] = {}
    for column in person_columns(table):
        names_person = pl.col(column.name).is_in(person_ids)
        if column.is_list:
            deletion_conditions.append(pl.col(column.name).list.eval(pl.element().is_in(person_ids)).list.any())
        elif column.role is PersonRole.SUBJECT or _is_needed(table, column.name):
            deletion_conditions.append(names_person)
        else:
            cleared_columns[column.name] = pl.when(~names_person).then(column.name)
    deletion_conditions += [pl.col(column.name).is_in(list(traces.reply_ids)) for column in record_columns(table)]
    if not deletion_conditions and not cleared_columns:
        return None
    return RowDeletion(pl.any_horizontal(pl.lit(False), *deletion_conditions), cleared_columns)


def _is_needed(table: Table, column_name: str) -> bool:
    """Whether a row says nothing without the other person that the column names: it goes with either of them."""
    return column_name in table.key or any(column_name in row_rule.columns for row_rule in table.row_rules)


def _build_quarantine_deletion(table: Table, traces: PersonTraces) -> RowDeletion:
    """Rows whose own key is one of the person's; in other rows the text loses the person as a reference.

    The code of an account names the person only in rows of its system: in another system it may be somebody else's.
    """
    account_systems = {system_name for system_name, _ in traces.accounts if system_name}
    searches = [
        (pl.col("system_name") == system_name, _select_accounts(traces, {"", system_name}))
        for system_name in sorted(account_systems)
    ]
    names_person, cleared_text = _search_row_text(table, _select_accounts(traces, {""}))
    for is_searched, searched_traces in [*searches, (pl.col("system_name").is_null(), traces)]:
        names_searched, cleared_searched = _search_row_text(table, searched_traces)
        names_person = pl.when(is_searched).then(names_searched).otherwise(names_person)
        cleared_text = pl.when(is_searched).then(cleared_searched).otherwise(cleared_text)
    return RowDeletion(names_person, {"row_text": cleared_text})


def _select_accounts(traces: PersonTraces, system_names: set[str]) -> PersonTraces:
    """The traces with the accounts of some systems alone."""
    return replace(traces, accounts=tuple(account for account in traces.accounts if account[0] in system_names))


def _search_row_text(table: Table, traces: PersonTraces) -> tuple[pl.Expr, pl.Expr]:
    """Whether the text of a row that was set aside names one of the people as its own, and the text without references.

    The text of a row has the columns of the table and those of the exports, so that every declared column counts.
    """
    numbers_and_codes = {*traces.employee_numbers, *(code for _, code in traces.accounts)}
    texts_by_key: dict[PersonKey, Iterable[str]] = {
        PersonKey.PERSON_ID: traces.person_ids,
        PersonKey.EMPLOYEE_NUMBER: traces.employee_numbers,
        PersonKey.WORK_EMAIL: traces.addresses,
        PersonKey.ACCOUNT: numbers_and_codes,
        PersonKey.ANY: {*numbers_and_codes, *traces.addresses, *traces.person_ids},
        PersonKey.RECORD: traces.reply_ids,
    }
    own_conditions: list[pl.Expr] = [pl.lit(False)]
    text_without_reference: dict[str, str] = {}
    for column_name, reference in REFERENCE_BY_COLUMN.items():
        person_texts = sorted(texts_by_key[reference.key])
        if not person_texts:
            continue
        quoted_texts = [json.dumps(person_text, ensure_ascii=False) for person_text in person_texts]
        if reference.role is PersonRole.SUBJECT or _is_needed(table, column_name):
            cell_text = pl.col("row_text").str.json_path_match(f"$.{column_name}")
            # a cell that names several people is a list in JSON
            own_conditions.append(cell_text.is_in(person_texts) | cell_text.str.contains_any(quoted_texts))
        else:
            text_without_reference |= {f'"{column_name}":{text}': f'"{column_name}":null' for text in quoted_texts}
    return pl.any_horizontal(own_conditions), pl.col("row_text").str.replace_many(text_without_reference)
