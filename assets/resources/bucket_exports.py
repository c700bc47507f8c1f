"""Exports from a bucket: fetched into the landing folder before anything is landed, where footsteps.yaml asks for it.

Belongs here: whether to fetch, and what is said where it fails.
Does not belong here: how objects are copied (`pipelines.publish.object_store`), landing them (`assets.tables.raw`).
"""

from pathlib import Path

from pipelines.config.company import Config
from pipelines.publish.targets import redact_secrets


def fetch_exports(config: Config, landing: Path) -> str | None:
    """Copy new exports of the bucket into the landing folder; why that failed in one sentence, or None.

    A bucket that cannot be reached costs no night: it goes on with the exports that are there.
    """
    options = config.publish.object_store
    if options is None or not options.landing:
        return None
    from pipelines.publish.object_store import fetch_landing  # takes a second: only where a bucket is declared

    try:
        fetch_landing(landing, options)
    except Exception as failure:  # whatever another system does: it is told, and tried again the next night
        lines = str(failure).strip().splitlines() or ["no reason given"]
        why = redact_secrets(f"{type(failure).__name__}: {lines[0]}")
        return f"exports could not be fetched from {options.url}/landing, what is there already is landed: {why}"
    return None
