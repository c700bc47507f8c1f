"""`footsteps restore`: the lake and the publication of a bucket, on another machine.

Belongs here: which folders are restored, and printing what was copied.
Does not belong here: copying objects (`pipelines.publish.object_store`).
"""

from pathlib import Path

from assets.checks.exit_codes import ExitCode
from assets.cli.terminal.console import CommandFailed, print_result, resolve_settings
from assets.cli.terminal.inputs import load_config
from pipelines.config.secrets import describe_failure
from pipelines.publish.object_store import fetch_lake, fetch_publication
from pipelines.storage.file_access import readable_by, restrict_data_root


def restore_from_bucket(data_root: Path | None, config_file: Path | None, as_json: bool) -> None:
    """Copy the bucket's lake and current snapshot into the data root.

    Raises:
        CommandFailed: If footsteps.yaml names no bucket, or the bucket cannot be read.
    """
    settings = resolve_settings(data_root, config_file)
    publish_config = load_config(settings).publish
    bucket_options, published_path = publish_config.object_store, settings.published_path
    if bucket_options is None:
        raise CommandFailed(
            "footsteps.yaml names no bucket: add `object_store` with its `url` under `publish`", ExitCode.CONFIGURATION
        )
    try:
        file_count = fetch_lake(settings.lake_path, bucket_options)
        restrict_data_root(settings.root, published_path, publish_config.group)
        with readable_by(publish_config.group, published_path):
            snapshot = fetch_publication(published_path, bucket_options)
    except OSError as error:
        raise CommandFailed(f"{bucket_options.url} cannot be restored: {describe_failure(error)}") from error
    print_result(
        {"snapshot_id": snapshot.snapshot_id, "lake_files": file_count},
        f"{file_count:,} files of the lake and snapshot {snapshot.snapshot_id} restored to {settings.root}",
        as_json,
    )
