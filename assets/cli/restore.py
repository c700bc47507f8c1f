"""`footsteps restore`: the lake and the publication of a bucket, on another machine.

Belongs here: which folders are restored, and printing what was copied.
Does not belong here: copying objects (`pipelines.publish.object_store`).
"""

from pathlib import Path

from assets.checks.exit_codes import ExitCode
from assets.cli.console import CommandFailed, print_result, resolve_settings
from assets.cli.inputs import load_config
from pipelines.config.secrets import redact_secrets
from pipelines.publish.object_store import fetch_lake, fetch_publication


def restore_from_bucket(data_root: Path | None, config: Path | None, as_json: bool) -> None:
    """Copy the bucket's lake and current snapshot into the data root.

    Raises:
        CommandFailed: If footsteps.yaml names no bucket, or the bucket cannot be read.
    """
    settings = resolve_settings(data_root, config)
    bucket = load_config(settings).publish.object_store
    if bucket is None:
        raise CommandFailed(
            "footsteps.yaml names no bucket: add `object_store` with its `url` under `publish`", ExitCode.CONFIGURATION
        )
    try:
        file_count = fetch_lake(settings.lake_path, bucket)
        snapshot = fetch_publication(settings.published_path, bucket)
    except OSError as error:
        raise CommandFailed(f"{bucket.url} cannot be restored: {redact_secrets(str(error))}") from error
    print_result(
        {"snapshot_id": snapshot.snapshot_id, "lake_files": file_count},
        f"{file_count:,} files of the lake and snapshot {snapshot.snapshot_id} restored to {settings.root}",
        as_json,
    )
