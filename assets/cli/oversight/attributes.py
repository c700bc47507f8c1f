"""The attributes of people that a company supplies for an audit.

Belongs here: reading the file, and what of it can be used.
Does not belong here: the groups (`ml.fairness.groups`).

No message quotes the content of the file, because messages may be logged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assets.cli.terminal.console import CommandFailed


@dataclass(frozen=True, eq=False)
class Attributes:
    """What was read of the file.

    Attributes:
        rows: One row per person: person_id, and one text column per attribute; null if it is not known.
        contradicting_people: People whose rows differ; they have no row.
        nameless_rows: Rows without a person.
    """

    rows: pl.DataFrame
    contradicting_people: int
    nameless_rows: int


def read_attributes(attributes_path: Path, person_column: str, attribute_columns: Sequence[str]) -> Attributes:
    """Read the attributes of people.

    Args:
        attributes_path: CSV or Parquet.
        person_column: The column that holds the person_id.
        attribute_columns: The columns to read; all others than the person if there are none.

    Raises:
        CommandFailed: The file is missing or cannot be read, or a column is missing.
    """
    table = _read_table(attributes_path)
    wanted_columns = list(attribute_columns) or [column for column in table.columns if column != person_column]
    missing_columns = [column for column in (person_column, *wanted_columns) if column not in table.columns]
    if missing_columns:
        raise CommandFailed(
            f"{attributes_path.name} has no column {', '.join(missing_columns)}: name the column of the person_id with "
            "--person-column, and the others with --attribute"
        )
    if not wanted_columns or person_column in wanted_columns:
        raise CommandFailed(f"{attributes_path.name} needs a column of an attribute besides {person_column}")
    texts = table.select(pl.col(person_column, *wanted_columns).cast(pl.String).str.strip_chars().replace("", None))
    texts = texts.rename({person_column: "person_id"}) if person_column != "person_id" else texts
    named_rows = texts.drop_nulls("person_id").unique(maintain_order=True)
    is_contradicting = pl.len().over("person_id") > 1
    contradicting_people = named_rows.filter(is_contradicting)["person_id"].n_unique()
    return Attributes(
        named_rows.filter(~is_contradicting).sort("person_id"),
        contradicting_people,
        texts["person_id"].null_count(),
    )


def _read_table(attributes_path: Path) -> pl.DataFrame:
    if not attributes_path.is_file():
        raise CommandFailed(f"{attributes_path} does not exist: give a CSV or Parquet file with a row per person")
    try:
        if attributes_path.suffix.lower() in (".parquet", ".pq"):
            return pl.read_parquet(attributes_path)
        return pl.read_csv(attributes_path, infer_schema=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError, OSError):
        # the library's own message quotes the file
        raise CommandFailed(
            f"{attributes_path.name} is neither Parquet nor CSV in UTF-8 with commas and one header line: save it again"
        ) from None
