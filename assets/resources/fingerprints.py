"""Fingerprints of inputs: short texts that change if the input changes.

Belongs here: the fingerprint of a table, of the taxonomy's files and of the configuration.
Does not belong here: what follows from a change (`assets.incremental.incremental_asset`), the fingerprint of the code
(`pipelines.storage.run_state`).
"""

import hashlib
import json
from pathlib import Path

from assets.resources.metadata import table_contract
from assets.resources.raw_inputs import list_current_deliveries
from pipelines.config.company import Config, TaxonomyConfig
from pipelines.contracts.catalog import DELIVERY
from pipelines.storage.lake import Lake
from pipelines.storage.parquet_files import content_sha256


def fingerprint_table(
    lake: Lake, config: Config, table_name: str, columns: tuple[str, ...] | None = None
) -> str | None:
    """Fingerprint the content of a table.

    Args:
        lake: Where the table is.
        config: The declared sources; they decide which deliveries of a raw table are current.
        table_name: Name of the table.
        columns: Only the distinct values of these columns count; those of the table's version columns if None, or its
            complete content if it has none.

    Returns:
        The content hash; for a raw table the keys of its current deliveries as JSON; None if the table is missing.
    """
    if table_name.startswith("raw_") and table_name != DELIVERY.name:
        return json.dumps([list(delivery_key) for delivery_key in list_current_deliveries(lake, config, table_name)])
    table = table_contract(table_name)
    columns = columns or table.version_columns
    if not columns:
        return lake.content_hash(table)
    return content_sha256(lake.scan(table).select(columns).unique().sort(columns).collect())


def fingerprint_taxonomy_files(taxonomy: TaxonomyConfig, landing_folder: Path) -> str:
    """Hash the files that footsteps.yaml names under `taxonomy`.

    Args:
        taxonomy: The section of footsteps.yaml.
        landing_folder: The landing folder, to which its paths are relative.
    """
    files_digest = hashlib.sha256()
    for file_name in taxonomy.files:
        taxonomy_path = landing_folder / file_name
        for taxonomy_file in sorted(taxonomy_path.rglob("*")) if taxonomy_path.is_dir() else [taxonomy_path]:
            if taxonomy_file.is_file():
                files_digest.update(taxonomy_file.name.encode() + taxonomy_file.read_bytes())
    return files_digest.hexdigest()[:16]


def fingerprint_config(config: Config) -> str:
    """Hash what tables depend on in footsteps.yaml."""
    return hashlib.sha256(config.dump_inputs().encode()).hexdigest()[:16]
