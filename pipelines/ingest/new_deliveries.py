"""What newly landed files bear on: their rows, and every earlier row of the same records.

Belongs here: finding those rows without reading a table whole.
Does not belong here: which deliveries count (`pipelines.ingest.landing`), what rows mean (`pipelines.core.conform`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import polars as pl

from pipelines.config.company import SourceConfig
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, raw_table
from pipelines.ingest.landing import scan_current_rows, scan_deliveries
from pipelines.storage.lake import Lake


class DeliveryKey(NamedTuple):
    """A delivery that counts: its source, content, mapping and number."""

    source_name: str
    file_sha256: str
    mapping_code: str
    delivery_number: int


@dataclass(frozen=True)
class ChangedRows:
    """rows: what counts now of the records that new files speak of, with system_name. records: their source_name and
    record_code. places: source_name, file_sha256 and row_number of every row of them that ever landed."""

    rows: pl.LazyFrame
    records: pl.DataFrame
    row_locations: pl.DataFrame


# A period ends with the next one: a new one changes its neighbour, so the whole shape is read again.
NOT_BY_RECORD: frozenset[CanonicalSchemaName] = frozenset({"role_period"})


def read_new_deliveries(
    lake: Lake,
    shape: CanonicalSchemaName,
    raw: Mapping[str, tuple[str, list[SourceConfig]]],
    earlier: Mapping[str, Sequence[DeliveryKey]],
    now: Mapping[str, Sequence[DeliveryKey]],
) -> ChangedRows | None:
    """What landed since `earlier`, by raw table; None where a delivery no longer counts, or records hang together."""
    if shape in NOT_BY_RECORD or any(set(earlier[name]) - set(now[name]) for name in raw):
        return None
    rows, records, row_locations = [], [], []
    for name, (system, sources) in raw.items():
        new = sorted(set(now[name]) - set(earlier[name]))
        if not new:
            continue
        table = raw_table(system, CANONICAL_SCHEMAS[shape])
        asked = pl.DataFrame(
            new, schema=["source_name", "file_sha256", "mapping_code", "delivery_number"], orient="row"
        )
        landed = scan_deliveries(lake, table, asked)
        codes = [landed.select("source_name", "record_code")]
        if shape == "learning_record":
            codes.append(landed.select("source_name", pl.col("voids_code").alias("record_code")))
        keys = pl.concat(codes).drop_nulls().unique().collect()
        fed = [source for source in sources if source.name in set(keys["source_name"])]
        every = pl.DataFrame(list(now[name]), schema=asked.schema, orient="row")
        row_locations.append(
            _of_records(scan_deliveries(lake, table, every), keys, shape)
            .select("source_name", "file_sha256", "row_number")
            .collect()
        )
        current = scan_current_rows(lake, table, shape, fed, partial(_of_records, keys=keys, shape=shape))
        rows.append(current.with_columns(pl.lit(system).alias("system_name")))
        records.append(keys)
    if not rows:
        return None
    return ChangedRows(pl.concat(rows), pl.concat(records).unique(), pl.concat(row_locations).unique())


def _of_records(rows: pl.LazyFrame, keys: pl.DataFrame, shape: CanonicalSchemaName) -> pl.LazyFrame:
    """The rows of these records, and those that take them back."""
    asked = keys.lazy()
    kept = rows.join(asked, on=("source_name", "record_code"), how="semi")
    if shape != "learning_record":
        return kept
    back = rows.join(asked, left_on=("source_name", "voids_code"), right_on=("source_name", "record_code"), how="semi")
    return pl.concat([kept, back]).unique(("delivery_number", "row_number"))
