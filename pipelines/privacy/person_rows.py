"""The rows of a table that name a person, by the declared classes of its columns.

Belongs here: which rows of any table name the person, and what of a row about somebody else the person may see.
Does not belong here: which tables there are (`access_copy`), text that is no table (`person_lines`).
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

import polars as pl

from pipelines.contracts.catalog import TABLES
from pipelines.contracts.classification import DataClass, PersonKey, PersonRole
from pipelines.contracts.columns import COLUMNS
from pipelines.contracts.personal_columns import PersonColumn, classify_columns, find_person_columns, is_direct
from pipelines.contracts.table import Column, Reference, Table
from pipelines.contracts.table_declaration import PERSON_REFERENCE
from pipelines.privacy.identity import PersonIdentity
from pipelines.privacy.person_lines import PersonSearch

Row = dict[str, Any]
# Where a quarantine has the columns of the row that was set aside.
_ROW_TEXT = "row_text"


def describe_stored_table(table_name: str, schema: pl.Schema) -> Table:
    """The contract of stored columns, whether or not the catalogue has the table.

    Args:
        table_name: Name of the table.
        schema: The columns of its file.

    Returns:
        A contract without rules; an id that nobody declared counts as the id of another person.
    """
    declared = TABLES.get(table_name)
    undeclared_ids = {name for name in schema if name.endswith("_id") and name not in COLUMNS}
    declared_ids = {
        reference.column
        for reference in (declared.references if declared else ())
        if reference.target == PERSON_REFERENCE.target
    }
    foreign_keys = declared_ids if declared else undeclared_ids
    references = tuple(
        Reference(name, PERSON_REFERENCE.table, PERSON_REFERENCE.key) for name in sorted(foreign_keys & set(schema))
    )
    columns = tuple(Column(name, dtype, "") for name, dtype in schema.items())
    return Table(table_name, declared.description if declared else "", columns, (), references=references)


def select_person_rows(rows: pl.LazyFrame, table: Table, search: PersonSearch) -> dict[PersonRole, list[Row]]:
    """The rows that name a person.

    Args:
        rows: Rows of the table.
        table: Its contract, as `describe_stored_table` returns it.
        search: The person, and the search for them in texts.

    Returns:
        By role: the rows about the person whole; of the rows about others only who, when and from where.
    """
    identity = search.identity
    if _ROW_TEXT in table.column_names:
        return _select_set_aside(rows, identity)
    references = find_person_columns(table)
    if not references:
        return _select_mentions(rows, table, search)
    system_name = _system_of(table.name)
    matches = {
        role: [_match(column, identity, system_name) for column in references if column.role is role]
        for role in PersonRole
    }
    is_subject = pl.any_horizontal(*matches[PersonRole.SUBJECT], pl.lit(False)).fill_null(False)
    is_other = pl.any_horizontal(*matches[PersonRole.OTHER], pl.lit(False)).fill_null(False)
    stored = rows.filter(is_subject | is_other).with_columns(_is_subject=is_subject).collect()
    own_rows, other_rows = stored.filter(pl.col("_is_subject")), stored.filter(~pl.col("_is_subject"))
    shown = _columns_shown_of_others(table)
    return {
        role: role_rows.to_dicts()
        for role, role_rows in (
            (PersonRole.SUBJECT, own_rows.drop("_is_subject")),
            (PersonRole.OTHER, other_rows.select(shown)),
        )
        if role_rows.height
    }


def _match(column: PersonColumn, identity: PersonIdentity, system_name: str | None) -> pl.Expr:
    cells = pl.col(column.name)
    keys = _keys_of(column.key, identity, system_name)
    if column.is_list:
        return cells.list.eval(pl.element().is_in(keys)).list.any()
    if column.key in (PersonKey.PERSON_ID, PersonKey.RECORD):
        return cells.is_in(keys)
    return cells.cast(pl.String).str.strip_chars().str.to_lowercase().is_in(keys)


def _keys_of(key: PersonKey, identity: PersonIdentity, system_name: str | None) -> list[str]:
    numbers = {number.lower() for number in identity.employee_numbers}
    accounts = identity.accounts_of(system_name)
    keys_by_kind: Mapping[PersonKey, Collection[str]] = {
        PersonKey.PERSON_ID: {identity.person_id},
        PersonKey.RECORD: identity.record_ids,
        PersonKey.EMPLOYEE_NUMBER: numbers,
        PersonKey.WORK_EMAIL: identity.emails,
        PersonKey.ACCOUNT: accounts,
        PersonKey.ANY: {*numbers, *identity.emails, *accounts},
    }
    return sorted(keys_by_kind[key])


def _columns_shown_of_others(table: Table) -> list[str]:
    """What a person sees of a row about somebody else: ids and the origin, and nothing that is said of the other."""
    classes = classify_columns(table)
    return [
        column.name
        for column in table.columns
        if classes[column.name] is DataClass.TECHNICAL
        or (classes[column.name] is DataClass.IDENTIFIER and not (column.name in COLUMNS and is_direct(column)))
    ]


def _select_mentions(rows: pl.LazyFrame, table: Table, search: PersonSearch) -> dict[PersonRole, list[Row]]:
    """The rows of a table that names nobody by a key, such as the ledger, whose texts name the person all the same."""
    text_names = {column.name for column in table.columns if _has_text(column.dtype)}
    texts = [_text_of(column_name, table.schema[column_name]) for column_name in sorted(text_names)]
    if not texts or not search.identity.text_keys:
        return {}
    row_text = pl.concat_str(texts, separator="\n", ignore_nulls=True).alias("_row_text")
    has_key = pl.col("_row_text").str.contains_any(sorted(search.identity.text_keys), ascii_case_insensitive=True)
    mentions = rows.with_columns(row_text).filter(has_key).collect().to_dicts()
    found_rows: list[Row] = []
    for row in mentions:
        text = row.pop("_row_text")
        if search.names_person(text):
            is_shown = search.names_nobody_else(text)
            found_rows.append(
                {name: cell for name, cell in row.items() if is_shown or not _has_text(table.schema[name])}
            )
    return {PersonRole.SUBJECT: found_rows} if found_rows else {}


def _has_text(dtype: pl.DataType) -> bool:
    return dtype == pl.String or isinstance(dtype, pl.List)


def _text_of(column_name: str, dtype: pl.DataType) -> pl.Expr:
    """The text in the cells of a column, lists and their fields included."""
    if not isinstance(dtype, pl.List):
        return pl.col(column_name)
    entry = pl.element().struct.json_encode() if isinstance(dtype.inner, pl.Struct) else pl.element().cast(pl.String)
    return pl.col(column_name).list.eval(entry).list.join("\n")


def _select_set_aside(rows: pl.LazyFrame, identity: PersonIdentity) -> dict[PersonRole, list[Row]]:
    found_rows: dict[PersonRole, list[Row]] = {}
    for row in rows.collect().iter_rows(named=True):
        cells = json.loads(row[_ROW_TEXT] or "{}")
        role = _role_in(cells, identity, row.get("system_name"))
        if role is PersonRole.OTHER:
            row = {name: cell for name, cell in row.items() if name != _ROW_TEXT}
        if role:
            found_rows.setdefault(role, []).append(row)
    return found_rows


def _role_in(cells: Mapping[str, Any], identity: PersonIdentity, system_name: str | None) -> PersonRole | None:
    """The role of the person in a row that was set aside: of subject and other person, subject counts."""
    roles = set()
    for name, cell in cells.items():
        reference = COLUMNS[name].reference if name in COLUMNS else None
        texts = cell if isinstance(cell, list) else [cell]
        if reference is not None:
            keys = {key.lower() for key in _keys_of(reference.key, identity, system_name)}
            if any(isinstance(text, str) and text.strip().lower() in keys for text in texts):
                roles.add(reference.role)
    return next((role for role in PersonRole if role in roles), None)


def _system_of(table_name: str) -> str | None:
    """The system of a raw table; None if rows of several systems may be in it."""
    return table_name.removeprefix("raw_").split("__")[0] if table_name.startswith("raw_") else None
