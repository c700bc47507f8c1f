"""Several rows of one key in one export: which of them is kept, and its raw table and quarantine without the others.

Belongs here: the choice by content, and the rewriting of the two files, whose rules are not evaluated again.
Does not belong here: how the files are written first (`raw_tables`), superseded deliveries (`landing`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.contracts.canonical_schemas import PROVENANCE_COLUMNS, CanonicalSchema, quarantine_table
from pipelines.contracts.table import Rule, Table
from pipelines.sources.readers.text_table import ROW_NUMBER
from pipelines.storage.atomic_write import replacing
from pipelines.storage.parquet_files import COMPRESSION_LEVEL
from pipelines.validation.landed_rows import IS_KEPT, IS_REDUCED, TEXT_PREFIX, text_of_row

# The hash of a row's key, its place in the file of the raw table, and how many-th row of its key it is.
HASH = "hash:"
_INDEX, _REPETITION = "index:", "repetition:"
# The place of a row in the quarantine's file.
_PLACE = "place:"


@dataclass(frozen=True)
class LandedFiles:
    """The files of one canonical schema of a delivery, as the first reading wrote them.

    Attributes:
        good: The raw table's file.
        bad: The quarantine's file.
        tested: One row per row of the export, in its order: `ROW_NUMBER`, `HASH`, `IS_KEPT` and `IS_REDUCED`. The rows
            with `IS_KEPT` are those of `good`, in its order.
        read_again: Returns the rows that come from the records with these row numbers, in the order of `tested`: every
            column of the schema, its text, and the provenance.
    """

    good: Path
    bad: Path
    tested: pl.DataFrame
    read_again: Callable[[pl.Series], pl.LazyFrame]


def has_repeated_keys(files: LandedFiles) -> bool:
    """Whether two rows of the raw table's file have the same key."""
    key_hashes = files.tested.filter(IS_KEPT)[HASH].sort()
    return bool((key_hashes[1:] == key_hashes[:-1]).any())


def number_repeated_rows(schema: CanonicalSchema, files: LandedFiles) -> None:
    """Number the further rows of each key, from 2 on, behind their key: each is a record of its own.

    Args:
        schema: The canonical schema, whose key is the hash of the row.
        files: The files; that of the raw table is rewritten.
    """
    further_rows = _rank_repeated_rows(schema, files)
    numbered_code = pl.concat_str(pl.col("record_code"), pl.lit("-"), pl.col(_REPETITION))
    good_rows = _scan_indexed(files.good).join(
        further_rows.select(_INDEX, _REPETITION).lazy(), on=_INDEX, how="left", maintain_order="left"
    )
    columns = pl.scan_parquet(files.good).collect_schema().names()
    _rewrite(files.good, good_rows.with_columns(record_code=pl.coalesce(numbered_code, "record_code")).select(columns))


def set_aside_repeated_rows(schema: CanonicalSchema, table: Table, system: str, files: LandedFiles) -> int:
    """Move the further rows of each key to the quarantine: they break the rule `unique`.

    Args:
        schema: The canonical schema.
        table: The raw table.
        system: System of the source.
        files: The files; both are rewritten.

    Returns:
        Number of rows moved.
    """
    unique_rule = Rule("unique", table.key).name
    further_rows = _rank_repeated_rows(schema, files)
    # reduced rows are in the order in which the quarantine holds the rows that are kept without a value
    reduced_places = pl.scan_parquet(files.bad).select(pl.col("is_row_kept").arg_true().alias(_PLACE)).collect()
    reduced_rows = _kept_rows(files).filter(IS_REDUCED).select(_INDEX)
    reduced_rows = reduced_rows.with_columns(reduced_places[_PLACE].cast(pl.UInt32)).join(
        further_rows.select(_INDEX), on=_INDEX, how="semi"
    )
    quarantined_rows = pl.scan_parquet(files.bad).with_row_index(_PLACE)
    rules_broken_before = quarantined_rows.join(reduced_rows.lazy(), on=_PLACE).select(_INDEX, "failed_rules").collect()
    no_rules, unique_rules = (
        pl.lit(pl.Series([rule_names], dtype=pl.List(pl.String))) for rule_names in ([], [unique_rule])
    )
    moved_rows = (
        further_rows.join(rules_broken_before, on=_INDEX, how="left", maintain_order="left")
        .with_columns(
            text_of_row(schema.columns).alias("row_text"),
            pl.coalesce("failed_rules", no_rules).list.concat(unique_rules).list.sort().alias("failed_rules"),
            pl.lit(False).alias("is_row_kept"),
            pl.lit(system).alias("system_name"),
        )
        .select(pl.col(column).cast(dtype) for column, dtype in quarantine_table(table.name).schema.items())
    )
    remaining_rows = quarantined_rows.join(reduced_rows.lazy(), on=_PLACE, how="anti", maintain_order="left").drop(
        _PLACE
    )
    _rewrite(files.bad, pl.concat([remaining_rows, moved_rows.lazy()]))
    good_rows = _scan_indexed(files.good).filter(~pl.col(_INDEX).is_in(further_rows[_INDEX].implode()))
    _rewrite(files.good, good_rows.drop(_INDEX))
    return further_rows.height


def _rank_repeated_rows(schema: CanonicalSchema, files: LandedFiles) -> pl.DataFrame:
    """The rows of keys that repeat, all but the one to keep of each, with their number and their place in the file.

    The row that was changed last is kept, and of those the greatest by content, so that the order of rows does not
    matter; equal rows differ in nothing but their row number.
    """
    if not files.tested[ROW_NUMBER].is_sorted():
        raise RuntimeError(f"{files.good.name}: the rows of the file are not in the order of the export")
    kept_rows = _kept_rows(files)
    repeated_rows = kept_rows.filter(pl.col(HASH).is_duplicated())
    # a record may give several rows, of which only some repeat
    rows_of_records = files.tested.join(repeated_rows, on=ROW_NUMBER, how="semi", maintain_order="left")
    changed_at = ("changed_at",) if "changed_at" in schema.columns else ()
    content_columns = list(dict.fromkeys((*schema.key, *changed_at, *schema.columns)))
    content_columns += [TEXT_PREFIX + column for column in schema.columns]
    provenance_columns = [column for column in PROVENANCE_COLUMNS if column not in content_columns]
    rows_read_again = (
        files.read_again(repeated_rows[ROW_NUMBER].unique())
        .select(*content_columns, *provenance_columns)
        .collect(engine="streaming")
    )
    if not rows_read_again[ROW_NUMBER].equals(rows_of_records[ROW_NUMBER]):
        raise RuntimeError(f"{files.good.name}: the export holds other rows than when it was read first")
    rows_read_again = rows_read_again.filter(rows_of_records[IS_KEPT]).with_columns(
        kept_rows.join(repeated_rows, on=ROW_NUMBER, how="semi", maintain_order="left")[_INDEX]
    )
    ranked_rows = rows_read_again.join(repeated_rows, on=_INDEX, how="semi", maintain_order="left").sort(
        content_columns, nulls_last=False
    )
    repetition = pl.int_range(pl.len(), 0, -1).over(schema.key).alias(_REPETITION)
    return ranked_rows.with_columns(repetition).filter(pl.col(_REPETITION) > 1)


def _kept_rows(files: LandedFiles) -> pl.DataFrame:
    """The rows of the raw table's file, with their place in it."""
    return files.tested.filter(IS_KEPT).with_row_index(_INDEX)


def _scan_indexed(file: Path) -> pl.LazyFrame:
    return pl.scan_parquet(file).with_row_index(_INDEX)


def _rewrite(file: Path, rows: pl.LazyFrame) -> None:
    with replacing(file) as unfinished_path:
        rows.sink_parquet(unfinished_path, compression_level=COMPRESSION_LEVEL)
