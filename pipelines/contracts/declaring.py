"""How a table of the lake is declared: its columns by name, and the references and origins that many share.

Belongs here: the shorthand that the catalogue's parts use.
Does not belong here: a table.
"""

from pipelines.contracts.columns import select_columns
from pipelines.contracts.table import Reference, Table

A_PERSON = Reference("person_id", "core_hr__entity_person", "person_id")
A_SKILL = Reference("skill_id", "core_taxonomy__codes_skill", "skill_id")
# The file and row that a row came from.
ORIGIN = ("source_name", "file_sha256", "row_number")


def declare(name: str, description: str, columns: tuple[str, ...], key: tuple[str, ...], **traits: object) -> Table:
    """A table with these columns of `fields` and this key, null-free by it; traits are those of Table."""
    return Table(name, description, select_columns(*columns), key, **traits)  # type: ignore[arg-type]
