"""What a run deletes before it chooses its assets: people whose erasure is due, and what its contract no longer keeps.

Belongs here: the lock, and printing what was deleted.
Does not belong here: the deletion (`pipelines.privacy`).
"""

from datetime import UTC, date, datetime

from rich.markup import escape

from assets.checks.exit_codes import ExitCode
from assets.cli.terminal.console import CommandFailed, print_note
from assets.cli.terminal.inputs import resolve_landing_folder
from pipelines.config.company import Config
from pipelines.config.settings import Settings
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erased_people import ErasureUnavailable
from pipelines.privacy.erasure import complete_erasures, erase_requested
from pipelines.privacy.retention import delete_due


def delete_before_run(settings: Settings, config: Config, as_of: date | None) -> None:
    """Complete what a killed erasure or a restored backup left, and delete what is due, before assets are chosen.

    Args:
        settings: The settings of the run.
        config: The configuration of the company.
        as_of: The day of the run, on which rows are due; today if None.

    Raises:
        CommandFailed: The list of erased people or its key is missing.
    """
    from assets.resources.locking import exclusive_lock

    data_stores = DataRoot(settings, config, resolve_landing_folder(settings, config))
    now = datetime.now(UTC)
    try:
        with exclusive_lock(settings.lock_path):
            erasure_receipt = complete_erasures(data_stores, now)
            erasure_receipt = erase_requested(data_stores, now) or erasure_receipt
            retention_report = delete_due(data_stores, min(as_of or now.date(), now.date()))
    except ErasureUnavailable as error:
        raise CommandFailed(str(error), ExitCode.CONFIGURATION) from error
    if erasure_receipt is not None:
        print_note("erased people were removed from this data root before the run")
    if retention_report.sentence:
        print_note(escape(retention_report.sentence))
