"""The landed rows that core tables are made of, whatever system exported them.

Belongs here: which raw tables the sources of footsteps.yaml feed, their current rows, and the entries of account maps.
Does not belong here: which rows of a raw table are current (`pipelines.ingest.landing`), what rows mean
(`pipelines.core.conform`).
"""

from collections.abc import Iterable

import polars as pl

from pipelines.config.company import Config, SourceConfig
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, raw_table
from pipelines.contracts.columns import AccountKind
from pipelines.contracts.table import Table
from pipelines.core.identity_resolution import ACCOUNT_KEYS, assign_account_keys
from pipelines.ingest.deliveries import current_deliveries, list_raw_tables, scan_current_rows
from pipelines.ingest.new_deliveries import DeliveryKey
from pipelines.storage.lake import Lake

RawTables = dict[str, tuple[CanonicalSchemaName, Table, list[SourceConfig]]]


def raw_tables(sources: Iterable[SourceConfig]) -> RawTables:
    """The raw tables that sources feed: shape, contract and sources of each, by table name."""
    table_entries_by_name: RawTables = {}
    for source in sources:
        for shape, table in list_raw_tables(source).items():
            table_entries_by_name.setdefault(table.name, (shape, table, []))[2].append(source)
    return dict(sorted(table_entries_by_name.items()))


def sources_of_shape(config: Config, shape: CanonicalSchemaName) -> dict[str, list[SourceConfig]]:
    """The declared sources that hold a shape, by system."""
    declared_tables = raw_tables(config.sources).values()
    return {sources[0].system: sources for table_shape, _, sources in declared_tables if table_shape == shape}


def account_kinds(config: Config) -> dict[str, AccountKind]:
    """The kind of accounts of each source, by its name."""
    return {source.name: source.accounts for source in config.sources}


def list_current_deliveries(lake: Lake, config: Config, raw_name: str) -> list[DeliveryKey]:
    """The keys of the current deliveries of a raw table.

    Args:
        lake: Where the raw tables and the ledger are.
        config: The declared sources.
        raw_name: Name of the raw table.
    """
    return [
        DeliveryKey(*delivery_row)
        for source in config.sources
        if raw_name in {table.name for table in list_raw_tables(source).values()}
        for delivery_row in current_deliveries(lake, source).select(DeliveryKey._fields).iter_rows()
    ]


def scan_rows_of_shape(lake: Lake, config: Config, shape: CanonicalSchemaName) -> pl.LazyFrame:
    """The current rows of a shape from all systems: its raw columns, account keys and system_name.

    Args:
        lake: Where the raw tables and the ledger are.
        config: The declared sources.
        shape: Name of the canonical shape.
    """
    rows_by_system = [
        assign_account_keys(
            scan_current_rows(lake, raw_table(system, CANONICAL_SCHEMAS[shape]), shape, sources),
            account_kinds(config),
        ).with_columns(pl.lit(system).alias("system_name"))
        for system, sources in sorted(sources_of_shape(config, shape).items())
    ]
    if not rows_by_system:
        schema = raw_table("none", CANONICAL_SCHEMAS[shape]).schema
        return pl.LazyFrame(schema=schema).with_columns(pl.lit("none").alias("system_name"))
    return pl.concat(rows_by_system)


def read_account_maps(lake: Lake, config: Config) -> pl.DataFrame:
    """Read the account maps.

    Returns:
        One row per entry of a map and system it serves: serves (null for any system), settles, and account keys.
    """
    source_systems = pl.DataFrame(
        [(source.name, system, source.settles) for source in config.sources for system in source.serves or (None,)],
        schema={"source_name": pl.String, "serves": pl.String, "settles": pl.Boolean},
        orient="row",
    )
    map_rows = scan_rows_of_shape(lake, config, "account").select("source_name", *ACCOUNT_KEYS).collect()
    return (
        map_rows.join(source_systems, on="source_name")
        .select("serves", "settles", *ACCOUNT_KEYS)
        .unique()
        .sort(pl.all())
    )


def list_served_sources(config: Config) -> pl.DataFrame:
    """The sources whose courses a catalogue names.

    A catalogue serves the learning records of the systems that it names under `serves`, and those of its own system. A
    catalogue of the company's own table without `serves` is general: it serves all.

    Returns:
        One row per catalogue and source of learning records: catalogue_name, source_name, is_own (false for a general
        catalogue).
    """
    catalogue_sources, learning_sources = (
        [source for sources in sources_of_shape(config, shape).values() for source in sources]
        for shape in ("course_catalogue", "learning_record")
    )
    served_pairs = [
        (catalogue.name, source.name, is_own)
        for catalogue in catalogue_sources
        for source in learning_sources
        if (is_own := source.system in {catalogue.system, *catalogue.serves})
        or (catalogue.system == "tabular" and not catalogue.serves)
    ]
    schema = {"catalogue_name": pl.String, "source_name": pl.String, "is_own": pl.Boolean}
    return pl.DataFrame(served_pairs, schema=schema, orient="row")
