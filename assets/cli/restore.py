"""`footsteps restore`: the lake and the publication of a bucket, on another machine.

Belongs here: which folders are restored, and printing what was copied.
Does not belong here: copying objects (`pipelines.publish.object_store`).
"""

from datetime import UTC, datetime
from pathlib import Path

from assets.checks.exit_codes import ExitCode
from assets.cli.terminal.console import CommandFailed, print_result, resolve_settings
from assets.cli.terminal.inputs import load_config, resolve_landing_folder
from pipelines.config.secrets import describe_failure
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erased_people import ErasureUnavailable
from pipelines.privacy.erasure import complete_erasures, remove_list_marks
from pipelines.publish.object_store import fetch_lake, fetch_publication
from pipelines.storage.file_access import readable_by, restrict_data_root


def restore_from_bucket(data_root: Path | None, config_file: Path | None, as_json: bool) -> None:
    """Copy the bucket's lake and current snapshot into the data root.

    Raises:
        CommandFailed: If footsteps.yaml names no bucket, the bucket cannot be read, or the declared list of erased
            people is missing.
    """
    # imported here because it takes seconds
    from assets.resources.locking import exclusive_lock

    settings = resolve_settings(data_root, config_file)
    company_config = load_config(settings)
    publish_config = company_config.publish
    bucket_options, published_path = publish_config.object_store, settings.published_path
    if bucket_options is None:
        raise CommandFailed(
            "footsteps.yaml names no bucket: add `object_store` with its `url` under `publish`", ExitCode.CONFIGURATION
        )
    data_stores = DataRoot(settings, company_config, resolve_landing_folder(settings, company_config))
    if data_stores.erased_people_path is not None and not data_stores.erased_people_path.exists():
        raise CommandFailed(
            f"the list of erased people {data_stores.erased_people_path} is missing: put it back before "
            "anything is restored; if nobody was ever erased, create it with `footsteps erase --new-list`",
            ExitCode.CONFIGURATION,
        )
    try:
        with exclusive_lock(settings.lock_path):
            lake_file_count = fetch_lake(settings.lake_path, bucket_options)
            restrict_data_root(settings.root, published_path, publish_config.group)
            remove_list_marks(data_stores)
            with readable_by(publish_config.group, published_path):
                # nobody who was erased since the copy was made is published
                snapshot = fetch_publication(
                    published_path, bucket_options, lambda: complete_erasures(data_stores, datetime.now(UTC))
                )
    except ErasureUnavailable as error:
        raise CommandFailed(str(error), ExitCode.CONFIGURATION) from error
    except OSError as error:
        raise CommandFailed(f"{bucket_options.url} cannot be restored: {describe_failure(error)}") from error
    print_result(
        {"snapshot_id": snapshot.snapshot_id, "lake_files": lake_file_count},
        f"{lake_file_count:,} files of the lake and snapshot {snapshot.snapshot_id} restored to {settings.root}",
        as_json,
    )
