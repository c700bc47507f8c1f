"""What reading a published taxonomy gives: the taxonomy, and what became of every row.

Belongs here: the counts, opening one of its files as text, and the parts that all published taxonomies share.
Does not belong here: the forms of single taxonomies (one file each).
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.core.taxonomy import Taxonomy, TaxonomyError
from pipelines.sources.adapter import open_table
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.text_table import ROW_NUMBER, normalize_header


@dataclass(frozen=True, slots=True)
class TaxonomyCount:
    """One kind of row: how many the files hold, how many were taken, and why the others were not."""

    rows: str
    rows_in: int
    rows_out: int
    left_out: str = ""


@dataclass(frozen=True)
class LoadedTaxonomy:
    """A taxonomy with the counts of the files it came from."""

    taxonomy: Taxonomy
    counts: tuple[TaxonomyCount, ...]


def read_rows(path: Path, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> pl.DataFrame:
    """The file's rows as stripped text, one column per needed or optional header; null where a cell is blank.

    Raises TaxonomyRefused where the file is missing, cannot be read, lacks a needed header or has malformed rows.
    """
    if not path.is_file():
        raise TaxonomyError(f"the taxonomy file {path.name} is missing: mend `taxonomy` in footsteps.yaml")
    try:
        table = open_table(path)
    except ExportRefused as refusal:
        raise TaxonomyError(str(refusal)) from None
    missing = [name for name in needed if normalize_header(name) not in table.columns]
    if missing:
        raise TaxonomyError(f"{path.name}: column {', '.join(missing)} is missing; it has {', '.join(table.headers)}")
    broken = table.malformed.select(pl.len()).collect().item()
    if broken:
        raise TaxonomyError(f"{path.name}: {broken} rows are wider or narrower than its header: export it again")
    columns = []
    for name in (*needed, *optional):
        found = table.columns.get(normalize_header(name))
        text = pl.col(found[0]).str.strip_chars() if found else pl.lit(None, pl.String)
        columns.append(pl.when(text.str.len_bytes() > 0).then(text).alias(name))
    wanted = tuple(
        table.columns[normalize_header(n)][0] for n in (*needed, *optional) if normalize_header(n) in table.columns
    )
    return table.scan(wanted).sort(ROW_NUMBER).select(columns).collect()


def find_file(folder: Path, *patterns: str) -> Path | None:
    """The first file in the folder that one of the patterns names, in the order of patterns and names."""
    for pattern in patterns:
        if found := sorted(path for path in folder.glob(pattern) if path.is_file()):
            return found[0]
    return None


def needed_file(folder: Path, *patterns: str) -> Path:
    """The same file. Raises TaxonomyRefused where there is none."""
    found = find_file(folder, *patterns)
    if found is None:
        raise TaxonomyError(f"the taxonomy folder {folder.name} has no file {' or '.join(patterns)}: add it")
    return found


def known_pairs(pairs: pl.DataFrame, skills: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The pairs whose ids in these columns are all micro-skills."""
    known = skills["skill_id"].implode()
    return pairs.filter(pl.all_horizontal(pl.col(name).is_in(known) for name in columns))
