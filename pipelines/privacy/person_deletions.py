"""The rows of a table that are about a person, and the columns in which other rows name them.

Belongs here: what erasure deletes from each table, as its contract says.
Does not belong here: how rows are deleted (`pipelines.storage.row_deletion`), in which order (`erasure`).
"""

import json
from collections.abc import Iterable

import polars as pl

from pipelines.contracts.catalog import TABLES
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
        return _build_quarantine_deletion(TABLES[table.name.removeprefix("quarantine__")], traces)
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

    The text of a row has the columns of the table and those of the exports, so that every declared column counts. The
    code of an account names the person only in rows of its system: in another system it may be somebody else's.
    """
    deletion_conditions: list[pl.Expr] = []
    cleared_text = pl.col("row_text")
    for column_name, reference in REFERENCE_BY_COLUMN.items():
        for is_of_system, person_texts in _list_texts_by_system(reference.key, traces):
            quoted_texts = [json.dumps(person_text, ensure_ascii=False) for person_text in person_texts]
            if reference.role is PersonRole.SUBJECT or _is_needed(table, column_name):
                cell_text = pl.col("row_text").str.json_path_match(f"$.{column_name}")
                # a cell that names several people is a list in JSON
                names_person = cell_text.is_in(person_texts) | cell_text.str.contains_any(quoted_texts)
                deletion_conditions.append(is_of_system & names_person)
                continue
            for quoted_text in quoted_texts:
                reference_text = f'"{column_name}":{quoted_text}'
                without_person = cleared_text.str.replace_all(reference_text, f'"{column_name}":null', literal=True)
                cleared_text = pl.when(is_of_system).then(without_person).otherwise(cleared_text)
    return RowDeletion(pl.any_horizontal(pl.lit(False), *deletion_conditions), {"row_text": cleared_text})


def _list_texts_by_system(key: PersonKey, traces: PersonTraces) -> list[tuple[pl.Expr, list[str]]]:
    """The texts of a key that name the people: those that hold in any row, and those that hold in rows of a system.

    Returns:
        Pairs of whether a row may be named by the texts, and the texts; pairs without texts are left out.
    """
    numbers_and_codes = {*traces.employee_numbers, *(code for system_name, code in traces.accounts if not system_name)}
    texts_by_key: dict[PersonKey, Iterable[str]] = {
        PersonKey.PERSON_ID: traces.person_ids,
        PersonKey.EMPLOYEE_NUMBER: traces.employee_numbers,
        PersonKey.WORK_EMAIL: traces.addresses,
        PersonKey.ACCOUNT: numbers_and_codes,
        PersonKey.ANY: {*numbers_and_codes, *traces.addresses, *traces.person_ids},
        PersonKey.RECORD: traces.reply_ids,
    }
    texts_by_system = [(pl.lit(True), sorted(texts_by_key[key]))]
    if key in (PersonKey.ACCOUNT, PersonKey.ANY):
        for account_system in sorted({system_name for system_name, _ in traces.accounts if system_name}):
            system_codes = sorted(code for system_name, code in traces.accounts if system_name == account_system)
            texts_by_system.append((pl.col("system_name").fill_null(account_system) == account_system, system_codes))
    return [(is_of_system, person_texts) for is_of_system, person_texts in texts_by_system if person_texts]
