"""The places under a data root where data of people lie: from where they come, for what, and for how long.

Belongs here: what holds for all files of a folder. A file in no listed folder is looked at all the same.
Does not belong here: what a table is for (its contract).
"""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pipelines.config.company import Config
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, raw_table
from pipelines.contracts.catalog import TABLES


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


def describe_place(path: PurePosixPath, config: Config, days: int | None) -> Place:
    """The place of a file.

    Args:
        path: Path of the file, relative to the data root.
        config: The purposes that the company declares, and how long snapshots and logs are kept.
        days: Days after which the rows of the file's table are deleted, if its contract declares them.
    """
    purposes, snapshot_days = "; ".join(config.contracts.purposes), f"{config.publish.retention_days} days"
    table_days = f"{days} days" if days else _NO_END
    landing_days = f"{_LANDED_DAYS} days; outside the data root as long as the company leaves the file there"
    places = {
        "landing": Place("exports", "the company's systems", "input of the flow", landing_days),
        "lake": Place("tables", "computed from the exports", purposes, table_days),
        "published/tables": Place("published tables", "computed from the exports", purposes, snapshot_days),
        "published/site": Place("pages", "the published tables", purposes, "until the next snapshot is published"),
        "published/feed": Place("change feed", "the published tables", "readers learn what changed", snapshot_days),
        "published": Place("snapshots", "the published tables", purposes, snapshot_days),
        "models": Place("model bundles", "the training rows", "to rank steps", _NO_END),
        "dagster_home": Place(
            "logs, events and alerts", "the runs", "operation", f"{config.privacy.run_log_days} days"
        ),
        "data_docs": Place("validation results", "the runs", "operation", "until the next run"),
    }
    for prefix in sorted(places, key=len, reverse=True):
        if path.is_relative_to(prefix):
            return replace(places[prefix], **_describe_layer(path)) if prefix == "lake" else places[prefix]
    return Place("other files", "unknown", "unknown", _NO_END)


def _describe_layer(path: PurePosixPath) -> dict[str, str]:
    """Name and source of a folder of the lake, if they differ from those of computed tables."""
    folder = path.parts[1]
    if folder.startswith("raw_landing__"):
        return {"name": "ledger", "source": "landing of the exports"}
    if folder.startswith("raw_"):
        return {"name": "raw rows", "source": f"exports of {folder.removeprefix('raw_').split('__')[0]}"}
    if folder.startswith("quarantine__"):
        return {"name": "quarantine", "source": f"rows of {folder.removeprefix('quarantine__')} that broke a rule"}
    return {"name": "change log", "source": "the tables"} if folder.startswith(".") else {}


def table_of(path: PurePosixPath) -> str:
    """The name of the table that a Parquet file holds: the nearest folder or the file with a table's name."""
    names = [path.stem, *(part for part in reversed(path.parts[:-1]))]
    return next((name for name in names if name in TABLES or name.startswith(("raw_", "quarantine__"))), path.stem)
