"""The places under a data root where data of people lie: from where they come, for what, and for how long.

Belongs here: what holds for all files of a folder. A file in no listed folder is looked at all the same.
Does not belong here: what a table is for (its contract).
"""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pipelines.config.company import Config
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, raw_table
from pipelines.contracts.catalog import STORED_TABLES


@dataclass(frozen=True)
class Place:
    """What holds for the files of a folder.

    Attributes:
        name: Name of the place.
        source: From where the data come.
        purpose: For what they are stored.
        retention: For how long.
    """

    name: str
    source: str
    purpose: str
    retention: str


_NO_END = "no end is declared"
_LANDED_DAYS = raw_table("any", CANONICAL_SCHEMAS["person"]).retention_days


def describe_place(path: PurePosixPath, config: Config, table_retention_days: int | None) -> Place:
    """The place of a file.

    Args:
        path: Path of the file, relative to the data root.
        config: The purposes that the company declares, and how long snapshots and logs are kept.
        table_retention_days: Days after which the rows of the file's table are deleted, if its contract declares them.
    """
    joined_purposes, snapshot_period = "; ".join(config.contracts.purposes), f"{config.publish.retention_days} days"
    table_period = f"{table_retention_days} days" if table_retention_days else _NO_END
    landing_period = f"{_LANDED_DAYS} days; outside the data root as long as the company leaves the file there"
    place_by_folder = {
        "landing": Place("exports", "the company's systems", "input of the flow", landing_period),
        "lake": Place("tables", "computed from the exports", joined_purposes, table_period),
        "published/tables": Place("published tables", "computed from the exports", joined_purposes, snapshot_period),
        "published/site": Place(
            "pages", "the published tables", joined_purposes, "until the next snapshot is published"
        ),
        "published/feed": Place("change feed", "the published tables", "readers learn what changed", snapshot_period),
        "published": Place("snapshots", "the published tables", joined_purposes, snapshot_period),
        "models": Place("model bundles", "the training rows", "to rank steps", _NO_END),
        "dagster_home": Place(
            "logs, events and alerts", "the runs", "operation", f"{config.privacy.run_log_days} days"
        ),
        "badges": Place("status list of badges", "issued badges", "readers learn which badges are revoked", _NO_END),
        "data_docs": Place("validation results", "the runs", "operation", "until the next run"),
    }
    for folder_prefix in sorted(place_by_folder, key=len, reverse=True):
        if path.is_relative_to(folder_prefix):
            return (
                replace(place_by_folder[folder_prefix], **_describe_layer(path))
                if folder_prefix == "lake"
                else place_by_folder[folder_prefix]
            )
    return Place("other files", "unknown", "unknown", _NO_END)


def _describe_layer(path: PurePosixPath) -> dict[str, str]:
    """Name and source of a folder of the lake, if they differ from those of computed tables."""
    lake_folder = path.parts[1]
    if lake_folder.startswith("raw_landing__"):
        return {"name": "ledger", "source": "landing of the exports"}
    if lake_folder.startswith("raw_"):
        return {"name": "raw rows", "source": f"exports of {lake_folder.removeprefix('raw_').split('__')[0]}"}
    if lake_folder.startswith("quarantine__"):
        return {"name": "quarantine", "source": f"rows of {lake_folder.removeprefix('quarantine__')} that broke a rule"}
    return {"name": "change log", "source": "the tables"} if lake_folder.startswith(".") else {}


def find_table_name(path: PurePosixPath) -> str:
    """The name of the table that a Parquet file holds: the nearest folder or the file with a table's name."""
    candidate_names = [path.stem, *(folder_name for folder_name in reversed(path.parts[:-1]))]
    return next(
        (
            candidate_name
            for candidate_name in candidate_names
            if candidate_name in STORED_TABLES or candidate_name.startswith(("raw_", "quarantine__"))
        ),
        path.stem,
    )
