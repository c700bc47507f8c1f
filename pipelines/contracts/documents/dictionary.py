"""The data dictionary: every table with its grain, key, columns, rules, owner, retention and readers, as one page.

Belongs here: the contracts as Markdown.
Does not belong here: the declarations (`catalog`, `columns`, `canonical_schemas`), writing the page to a file.
"""

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, quarantine_table, raw_table
from pipelines.contracts.catalog import STORED_TABLES
from pipelines.contracts.personal_columns import classify_columns, find_person_columns
from pipelines.contracts.shape_columns import describe_type, list_shape_columns
from pipelines.contracts.table import Column, Rule, Severity, Table

_PAGE_HEAD = """# Data dictionary

Rendered from the contracts by `footsteps dictionary`; a test fails if this page is out of date.

Tables are named `{layer}_{domain}__{type}_{name}`. Every system in `footsteps.yaml` has raw tables, and every table has
a quarantine. This page shows them once, for a system named `SYSTEM` and a table named `TABLE`. The column *class*
shows how personal a column is in its table: *identifier* (names a person, by itself or through another table; *subject*
or *other person* says whether the row is about that person), *personal* (what a person did, stated, received or was
shown), *inference* (what the flow concludes about a person: sensitive), *organisational* (units, work or skills), and
*technical* (files, runs and models). *Free text* is written by people, with any content. Rules are written
`column|rule`, as in `failed_rules`; null passes every rule except `not_null`. A row that breaks a rule is set aside in
the quarantine of its table; if more rows of a table, or of one of its sources, are set aside than the table allows,
downstream tables wait.
"""
_SHAPES_HEAD = (
    "What the `mapping` of a source fills, per `shape` of `footsteps.yaml`. A row without a needed value is set aside; "
    "of needed columns joined by *or*, one is enough. `record_code` may be left out: it is then a hash of the row."
)


def render_dictionary() -> str:
    """The page: a list of the tables, then one section per table."""
    raw_contracts = (raw_table("SYSTEM", schema) for schema in CANONICAL_SCHEMAS.values())
    documented_tables = [*raw_contracts, quarantine_table("TABLE"), *STORED_TABLES.values()]
    index_lines = [f"- [`{table.name}`](#{table.name.lower()}): {table.description}" for table in documented_tables]
    sections = [render_shapes(), *(render_table(table) for table in documented_tables)]
    return "\n".join([_PAGE_HEAD, *index_lines, "", *sections]).rstrip("\n")


def render_shapes() -> str:
    """The section that lists the columns of every shape."""
    markdown_lines = ["## Shapes of sources", "", _SHAPES_HEAD, ""]
    for shape_name, shape_columns in list_shape_columns().items():
        markdown_lines += [f"### shape {shape_name}", "", CANONICAL_SCHEMAS[shape_name].grain, ""]
        markdown_lines += ["| column | needed | type | unit | example | meaning |", "|---|---|---|---|---|---|"]
        markdown_lines += [
            _render_cells(
                (f"`{column.name}`", column.needed, column.type, column.unit, f"`{column.example}`", column.meaning)
            )
            for column in shape_columns
        ]
        markdown_lines.append("")
    return "\n".join(markdown_lines)


def render_table(table: Table) -> str:
    """The section of one table."""
    key_phrase = (
        ", ".join(f"`{key_column}`" for key_column in table.key)
        or "none: rows are in the order in which they were written"
    )
    markdown_lines = [
        *(f"## {table.name}", "", table.description, ""),
        f"- key: {key_phrase}",
        f"- owner: {table.owner}",
        f"- retention: {_describe_retention(table)}",
        f"- readers: {', '.join(table.readers) or 'none'}",
        *([] if table.layer == "quarantine" else [f"- rows that may be set aside: {table.quarantine_limit:.0%}"]),
        f"- version: {table.version}",
        *("", "| column | type | unit | description | class |", "|---|---|---|---|---|"),
        *(_render_column(column, table) for column in table.columns),
        *("", f"Rules: {', '.join(_render_rule(rule) for rule in table.rules)}.", ""),
    ]
    return "\n".join(markdown_lines)


def _describe_retention(table: Table) -> str:
    if table.retention_days is None:
        return "unlimited"
    return f"{table.retention_days:,} days" + (f" from `{table.retention_column}`" if table.retention_column else "")


def _render_rule(rule: Rule) -> str:
    return f"`{rule.name}`" + (" (warns)" if rule.severity is Severity.WARN else "")


def _render_column(column: Column, table: Table) -> str:
    description = column.description
    if column.allowed:
        description += f" One of: {', '.join(column.allowed)}."
    if column.minimum is not None or column.maximum is not None:
        lower_limit_phrase = "" if column.minimum is None else f" from {column.minimum:,g}"
        upper_limit_phrase = "" if column.maximum is None else f" to {column.maximum:,g}"
        description += f" Allowed:{lower_limit_phrase}{upper_limit_phrase}."
    person_role_suffixes = (
        f": {person_column.role}" for person_column in find_person_columns(table) if person_column.name == column.name
    )
    free_text_suffix = ", free text" if column.is_free_text else ""
    class_cell = f"{classify_columns(table)[column.name]}{next(person_role_suffixes, free_text_suffix)}"
    cells = (f"`{column.name}`", describe_type(column.dtype), column.unit or "", description, class_cell)
    return _render_cells(cells)


def _render_cells(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
