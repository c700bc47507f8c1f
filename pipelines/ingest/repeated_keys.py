"""Several rows of one key in one export: which of them is kept, and its raw table and quarantine without the others.

Belongs here: the choice by content, and the rewriting of the two files, whose rules are not evaluated again.
Does not belong here: how the files are written first (`raw_tables`), superseded deliveries (`landing`).
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.contracts.canonical_schemas import PROVENANCE_COLUMNS, CanonicalSchema, quarantine_table
from pipelines.contracts.table import Rule, Table
from pipelines.storage.atomic_write import replacing
from pipelines.validation.landed_rows import IS_REDUCED, TEXT_PREFIX, text_of_row

# The position of a row in the export, the hash of its key, and its place in the file of the raw table.
POSITION, HASH = "position:", "hash:"
_INDEX, _REPETITION = "index:", "repetition:"


@dataclass(frozen=True)
class LandedFiles:
    """The files of one canonical schema of a delivery, as the first reading wrote them.

    Attributes:
        good: The raw table's file.
        bad: The quarantine's file.
        passing: One row per row of `good`, in its order: `POSITION`, `HASH` and `IS_REDUCED`.
    """

    good: Path
    bad: Path
    passing: pl.DataFrame


def number_repeated_rows(rows: pl.LazyFrame, schema: CanonicalSchema, files: LandedFiles) -> None:
    """Number the further rows of each key, from 2 on, behind their key: each is a record of its own.

    Args:
        rows: The rows of the export, with `POSITION`.
        schema: The canonical schema, whose key is the hash of the row.
        files: The files; that of the raw table is rewritten.
    """
    further = _rank_repeated_rows(rows, schema, files)
    numbered = pl.concat_str(pl.col("record_code"), pl.lit("-"), pl.col(_REPETITION))
    good = _scan_indexed(files.good).join(further.lazy(), on=_INDEX, how="left", maintain_order="left")
    columns = pl.scan_parquet(files.good).collect_schema().names()
    _rewrite(files.good, good.with_columns(record_code=pl.coalesce(numbered, "record_code")).select(columns))


def set_aside_repeated_rows(
    rows: pl.LazyFrame, schema: CanonicalSchema, table: Table, system: str, files: LandedFiles
) -> int:
    """Move the further rows of each key to the quarantine: they break the rule `unique`.

    Args:
        rows: The rows of the export, with `POSITION`.
        schema: The canonical schema.
        table: The raw table.
        system: System of the source.
        files: The files; both are rewritten.

    Returns:
        Number of rows moved.
    """
    unique_rule = Rule("unique", table.key).name
    further = _rank_repeated_rows(rows, schema, files)
    indices = further.select(_INDEX).lazy()
    # the k-th reduced row is the k-th row of the quarantine that is kept without a value
    places = pl.scan_parquet(files.bad).select(pl.col("is_row_kept").arg_true().alias(_INDEX)).collect()
    reduced = files.passing.filter(IS_REDUCED).select(POSITION).with_columns(places[_INDEX].cast(pl.UInt32))
    reduced = reduced.join(further.select(POSITION), on=POSITION, how="semi")
    quarantined = _scan_indexed(files.bad)
    broken_before = quarantined.join(reduced.lazy(), on=_INDEX).select(POSITION, "failed_rules").collect()
    no_rules, unique = (pl.lit(pl.Series([names], dtype=pl.List(pl.String))) for names in ([], [unique_rule]))
    moved = (
        further.join(broken_before, on=POSITION, how="left", maintain_order="left")
        .with_columns(
            text_of_row(schema.columns).alias("row_text"),
            pl.coalesce("failed_rules", no_rules).list.concat(unique).list.sort().alias("failed_rules"),
            pl.lit(False).alias("is_row_kept"),
            pl.lit(system).alias("system_name"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in quarantine_table(table.name).schema.items())
    )
    remaining = quarantined.join(reduced.lazy(), on=_INDEX, how="anti", maintain_order="left").drop(_INDEX)
    _rewrite(files.bad, pl.concat([remaining, moved.lazy()]))
    good = _scan_indexed(files.good).join(indices, on=_INDEX, how="anti", maintain_order="left")
    _rewrite(files.good, good.drop(_INDEX))
    return further.height


def _rank_repeated_rows(rows: pl.LazyFrame, schema: CanonicalSchema, files: LandedFiles) -> pl.DataFrame:
    """The rows of keys that repeat, all but the one to keep of each, with their number and their place in the file.

    The row that was changed last is kept, and of those the greatest by content, so that the order of rows does not
    matter; equal rows differ in nothing but their row number.
    """
    passing = files.passing.with_row_index(_INDEX)
    if not passing[POSITION].is_sorted():
        raise RuntimeError(f"{files.good.name}: the rows of the file are not in the order of the export")
    repeated = passing.filter(pl.col(HASH).is_duplicated())
    changed_at = ("changed_at",) if "changed_at" in schema.columns else ()
    content = list(dict.fromkeys((*schema.key, *changed_at, *schema.columns)))
    content += [TEXT_PREFIX + column for column in schema.columns]
    origin = [name for name in PROVENANCE_COLUMNS if name not in content]
    ranked = (
        rows.join(repeated.select(POSITION).lazy(), on=POSITION, how="semi", maintain_order="left")
        .select(POSITION, *content, *origin)
        .collect(engine="streaming")
        .sort(content, nulls_last=False)
    )
    repetition = pl.int_range(pl.len(), 0, -1).over(schema.key).alias(_REPETITION)
    further = ranked.with_columns(repetition).filter(pl.col(_REPETITION) > 1)
    return further.join(repeated.select(POSITION, _INDEX), on=POSITION, maintain_order="left")


def _scan_indexed(file: Path) -> pl.LazyFrame:
    return pl.scan_parquet(file).with_row_index(_INDEX)


def _rewrite(file: Path, rows: pl.LazyFrame) -> None:
    with replacing(file) as unfinished:
        rows.sink_parquet(unfinished)
