"""The rows of a table that name a person, by the declared classes of its columns.

Belongs here: which rows of any table name the person, and what of a row about somebody else the person may see.
Does not belong here: which tables there are (`access_copy`), text that is no table (`person_lines`).
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from pipelines.contracts.catalog import STORED_TABLES
from pipelines.contracts.classification import DataClass, PersonKey, PersonReference, PersonRole
from pipelines.contracts.columns import COLUMNS
from pipelines.contracts.personal_columns import PersonColumn, classify_columns, find_person_columns, is_direct
from pipelines.contracts.table import Column, Reference, Table
from pipelines.contracts.table_declaration import PERSON_REFERENCE
from pipelines.privacy.erased_people import collect_key_forms
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
    declared_table = STORED_TABLES.get(table_name)
    undeclared_id_columns = {
        column_name for column_name in schema if column_name.endswith("_id") and column_name not in COLUMNS
    }
    declared_person_columns = {
        reference.column
        for reference in (declared_table.references if declared_table else ())
        if reference.target == PERSON_REFERENCE.target
    }
    person_id_columns = declared_person_columns if declared_table else undeclared_id_columns
    references = tuple(
        Reference(column_name, PERSON_REFERENCE.table, PERSON_REFERENCE.key)
        for column_name in sorted(person_id_columns & set(schema))
    )
    stored_columns = tuple(Column(column_name, dtype, "") for column_name, dtype in schema.items())
    return Table(
        table_name, declared_table.description if declared_table else "", stored_columns, (), references=references
    )


def select_person_rows(rows: pl.LazyFrame, table: Table, person_search: PersonSearch) -> dict[PersonRole, list[Row]]:
    """The rows that name a person.

    Args:
        rows: Rows of the table.
        table: Its contract, as `describe_stored_table` returns it.
        person_search: The person, and the search for them in texts.

    Returns:
        By role: the rows about the person whole; of the rows about others only who, when and from where.
    """
    identity = person_search.identity
    if _ROW_TEXT in table.column_names:
        return _select_quarantined_rows(rows, person_search)
    person_columns = find_person_columns(table)
    if not person_columns:
        return _select_mentions(rows, table, person_search)
    system_name = _find_system(table.name)
    conditions_by_role = {
        role: [_match_column(column, identity, system_name) for column in person_columns if column.role is role]
        for role in PersonRole
    }
    is_subject = pl.any_horizontal(*conditions_by_role[PersonRole.SUBJECT], pl.lit(False)).fill_null(False)
    is_other = pl.any_horizontal(*conditions_by_role[PersonRole.OTHER], pl.lit(False)).fill_null(False)
    matching_rows = rows.filter(is_subject | is_other).with_columns(_is_subject=is_subject).collect()
    if matching_rows.is_empty():  # most files: a table of events has one per month
        return {}
    own_rows, other_rows = matching_rows.filter(pl.col("_is_subject")), matching_rows.filter(~pl.col("_is_subject"))
    shown_columns = _list_shown_columns(table)
    return {
        role: role_rows.to_dicts()
        for role, role_rows in (
            (PersonRole.SUBJECT, own_rows.drop("_is_subject")),
            (PersonRole.OTHER, other_rows.select(shown_columns)),
        )
        if role_rows.height
    }


def _match_column(column: PersonColumn, identity: PersonIdentity, system_name: str | None) -> pl.Expr:
    column_cells = pl.col(column.name)
    person_keys = _list_keys(column.key, identity, system_name)
    if column.is_list:
        return column_cells.list.eval(pl.element().is_in(person_keys)).list.any()
    if column.key in (PersonKey.PERSON_ID, PersonKey.RECORD):
        return column_cells.is_in(person_keys)
    return column_cells.cast(pl.String).str.strip_chars().str.to_lowercase().is_in(person_keys)


def _list_keys(key_kind: PersonKey, identity: PersonIdentity, system_name: str | None) -> list[str]:
    lower_numbers = {number.lower() for number in identity.employee_numbers}
    accounts = identity.accounts_of(system_name)
    keys_by_kind: Mapping[PersonKey, Collection[str]] = {
        PersonKey.PERSON_ID: {identity.person_id},
        PersonKey.RECORD: identity.record_ids,
        PersonKey.EMPLOYEE_NUMBER: lower_numbers,
        PersonKey.WORK_EMAIL: identity.emails,
        PersonKey.ACCOUNT: accounts,
        PersonKey.ANY: {*lower_numbers, *identity.emails, *accounts},
    }
    return sorted(keys_by_kind[key_kind])


def _list_shown_columns(table: Table) -> list[str]:
    """What a person sees of a row about somebody else: ids and the origin, and nothing that is said of the other."""
    class_by_column = classify_columns(table)
    return [
        column.name
        for column in table.columns
        if class_by_column[column.name] is DataClass.TECHNICAL
        or (class_by_column[column.name] is DataClass.IDENTIFIER and not (column.name in COLUMNS and is_direct(column)))
    ]


def _select_mentions(rows: pl.LazyFrame, table: Table, person_search: PersonSearch) -> dict[PersonRole, list[Row]]:
    """The rows of a table that names nobody by a key, such as the ledger, whose texts name the person all the same."""
    text_columns = {column.name for column in table.columns if _is_text_type(column.dtype)}
    cell_texts = [_join_cell_text(column_name, table.schema[column_name]) for column_name in sorted(text_columns)]
    if not cell_texts or not person_search.identity.text_keys:
        return {}
    row_text = pl.concat_str(cell_texts, separator="\n", ignore_nulls=True).alias("_row_text")
    has_key = pl.col("_row_text").str.contains_any(
        sorted(person_search.identity.text_keys), ascii_case_insensitive=True
    )
    candidate_rows = rows.with_columns(row_text).filter(has_key).collect().to_dicts()
    found_rows: list[Row] = []
    for candidate_row in candidate_rows:
        joined_text = candidate_row.pop("_row_text")
        if person_search.names_person(joined_text):
            is_text_shown = person_search.names_nobody_else(joined_text)
            found_rows.append(
                {
                    column_name: cell
                    for column_name, cell in candidate_row.items()
                    if is_text_shown or not _is_text_type(table.schema[column_name])
                }
            )
    return {PersonRole.SUBJECT: found_rows} if found_rows else {}


def _is_text_type(dtype: pl.DataType) -> bool:
    return dtype == pl.String or isinstance(dtype, pl.List)


def _join_cell_text(column_name: str, dtype: pl.DataType) -> pl.Expr:
    """The text in the cells of a column, lists and their fields included."""
    if not isinstance(dtype, pl.List):
        return pl.col(column_name)
    entry_text = (
        pl.element().struct.json_encode() if isinstance(dtype.inner, pl.Struct) else pl.element().cast(pl.String)
    )
    return pl.col(column_name).list.eval(entry_text).list.join("\n")


def _select_quarantined_rows(rows: pl.LazyFrame, person_search: PersonSearch) -> dict[PersonRole, list[Row]]:
    quarantined_rows = rows.collect().to_dicts()
    if not quarantined_rows:
        return {}
    references_of_rows = [list(_list_references(quarantined_row[_ROW_TEXT])) for quarantined_row in quarantined_rows]
    forms_by_key = collect_key_forms(key for references in references_of_rows for _, key in references)
    rows_by_role: dict[PersonRole, list[Row]] = {}
    for quarantined_row, references in zip(quarantined_rows, references_of_rows, strict=True):
        if _is_record(quarantined_row[_ROW_TEXT]):
            system_name = quarantined_row.get("system_name")
            role = _find_role(references, forms_by_key, person_search.identity, system_name)
            is_text_shown = role is PersonRole.SUBJECT
        else:
            malformed_text = quarantined_row[_ROW_TEXT] or ""
            role = PersonRole.SUBJECT if person_search.names_person(malformed_text) else None
            is_text_shown = person_search.names_nobody_else(malformed_text)
        if role:
            shown_row = {
                column: cell for column, cell in quarantined_row.items() if is_text_shown or column != _ROW_TEXT
            }
            rows_by_role.setdefault(role, []).append(shown_row)
    return rows_by_role


def _is_record(row_text: str | None) -> bool:
    """Whether the text of a row that was set aside is a record, and not the text of a malformed line."""
    return bool(row_text) and str(row_text).startswith("{")


def _list_references(row_text: str | None) -> Iterator[tuple[PersonReference, str]]:
    """Each text of a row that was set aside by which it names a person, and how; none for a malformed line."""
    cell_by_column: dict[str, Any] = json.loads(row_text) if row_text and _is_record(row_text) else {}
    for column_name, cell in cell_by_column.items():
        reference = COLUMNS[column_name].reference if column_name in COLUMNS else None
        if reference is not None:
            cell_texts = cell if isinstance(cell, list) else [cell]
            yield from ((reference, text) for text in cell_texts if isinstance(text, str))


def _find_role(
    references: Iterable[tuple[PersonReference, str]],
    forms_by_key: Mapping[str, frozenset[str]],
    identity: PersonIdentity,
    system_name: str | None,
) -> PersonRole | None:
    """The role of the person in a row that was set aside: of subject and other person, subject counts."""
    found_roles = set()
    for reference, key in references:
        person_keys = {person_key.lower() for person_key in _list_keys(reference.key, identity, system_name)}
        if forms_by_key[key] & person_keys:
            found_roles.add(reference.role)
    return next((role for role in PersonRole if role in found_roles), None)


def _find_system(table_name: str) -> str | None:
    """The system of a raw table; None if rows of several systems may be in it."""
    return table_name.removeprefix("raw_").split("__")[0] if table_name.startswith("raw_") else None
