"""The data dictionary: every table with its grain, key, columns, rules, owner, retention and readers, as a page.

Belongs here: the Markdown rendering of the contracts.
Does not belong here: the declarations (`catalog`, `fields`, `shapes`), writing the page to a file.
"""

from typing import Any

import polars as pl

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, quarantine_table, raw_table
from pipelines.contracts.catalog import TABLES
from pipelines.contracts.table import Column, Personal, Rule, Table

_HEAD = """# Data dictionary

Rendered from the contracts by `footsteps dictionary`; a test fails when it is stale.

Tables are called `{layer}_{domain}__{type}_{name}`. A raw table and a quarantine exist for every system that
`footsteps.yaml` names: here they stand once, for a system called `SYSTEM` and a table called `TABLE`. A column is
personal as a *pseudonym* (an id that leads to a person through another table), *direct* (a name or an address) or
*text* (written by or about a person); the others say nothing of a person by themselves. Rules are written
`column|rule`, as they stand in `failed_rules`; a null passes every rule but `not_null`.
"""


def render_dictionary() -> str:
    """The whole page: an index by layer, then one section a table."""
    raw = [raw_table("SYSTEM", shape) for shape in CANONICAL_SCHEMAS.values()]
    tables = [*raw, quarantine_table("TABLE"), *TABLES.values()]
    index = [f"- [`{table.name}`](#{table.name.lower()}): {table.description}" for table in tables]
    return "\n".join([_HEAD, *index, "", *(render_table(table) for table in tables)]).rstrip("\n")


def render_table(table: Table) -> str:
    """One table as a section of Markdown."""
    facts = [
        ("key", ", ".join(f"`{name}`" for name in table.key) or "none: rows are in the order they were made"),
        ("owner", table.owner),
        ("retention", f"{table.retention_days:,} days" if table.retention_days else "kept"),
        ("readers", ", ".join(table.readers) or "none"),
        ("version", table.version),
    ]
    lines = [f"## {table.name}", "", table.description, ""]
    lines += [f"- {name}: {value}" for name, value in facts]
    lines += ["", "| column | type | unit | description | personal |", "|---|---|---|---|---|"]
    lines += [_column_line(column) for column in table.columns]
    lines += ["", "Rules: " + ", ".join(_rule_text(rule) for rule in table.rules) + ".", ""]
    return "\n".join(lines)


def _rule_text(rule: Rule) -> str:
    return f"`{rule.name}`" + (" (warns)" if rule.severity == "WARN" else "")


def _column_line(column: Column) -> str:
    description = column.description
    if column.allowed:
        description += f" One of: {', '.join(column.allowed)}."
    if column.minimum is not None or column.maximum is not None:
        low = "" if column.minimum is None else f" from {column.minimum:,g}"
        high = "" if column.maximum is None else f" to {column.maximum:,g}"
        description += f" Allowed:{low}{high}."
    personal = "" if column.personal is Personal.NONE else str(column.personal)
    cells = (f"`{column.name}`", describe_type(column.dtype), column.unit or "", description, personal)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def describe_type(dtype: Any) -> str:
    """A polars type in plain words: text, number, whole number, day, moment (UTC), yes or no, list of …"""
    if isinstance(dtype, pl.List):
        return f"list of {describe_type(dtype.inner)}"
    if isinstance(dtype, pl.Struct):
        return " and ".join(f"{one.name} ({describe_type(one.dtype)})" for one in dtype.fields)
    if isinstance(dtype, pl.Datetime):
        return "moment (UTC)"
    words = {pl.String: "text", pl.Float64: "number", pl.Int64: "whole number", pl.Date: "day", pl.Boolean: "yes or no"}
    return next(word for kind, word in words.items() if dtype == kind)
