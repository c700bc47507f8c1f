"""Exports from a bucket, fetched into the landing folder before a run lands files.

Belongs here: whether exports are fetched, and the message if that fails.
Does not belong here: how objects are copied (`pipelines.publish.object_store`), how files are landed
(`assets.tables.raw`).
"""

from pathlib import Path

from pipelines.config.company import Config
from pipelines.publish.targets import redact_secrets


def fetch_exports(config: Config, landing_folder: Path) -> str | None:
    """Copy new exports from the bucket that footsteps.yaml declares into the landing folder.

    A bucket that cannot be reached stops no run: it goes on with the exports that are there.

    Returns:
        Why the exports could not be fetched, in one sentence; None if they were, or if no bucket is declared.
    """
    bucket = config.publish.object_store
    if bucket is None or not bucket.landing:
        return None
    # the import takes a second: only if a bucket is declared
    from pipelines.publish.object_store import fetch_landing

    try:
        fetch_landing(landing_folder, bucket)
    except Exception as failure:  # any failure of another system: it is reported, and the next run tries again
        error_lines = str(failure).strip().splitlines() or ["no reason given"]
        reason = redact_secrets(f"{type(failure).__name__}: {error_lines[0]}")
        return f"exports could not be fetched from {bucket.url}/landing, files that are there are landed: {reason}"
    return None
