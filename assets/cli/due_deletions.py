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
    """Erase and delete what is due, before assets are chosen.

    Complete what a killed erasure or a restored backup left, carry out new erasures that landing files ask for, and
    delete what has been kept for as long as its contract says.

    Args:
        settings: The settings of the run.
        config: The configuration of the company.
        as_of: The day of the run, on which rows are due, at most today; today if None.

    Raises:
        CommandFailed: If the list of erased people cannot be used (see `pipelines.privacy.erasure.open_list`) or an
            erasure needs one and none is declared, a file that asks for erasures cannot be used, or the address of a
            server from which people must be erased is not set.
        TimeoutError: If another process has held the lock of the data root for hours.
    """
    from assets.resources.locking import exclusive_lock

    data_root = DataRoot(settings, config, resolve_landing_folder(settings, config))
    now = datetime.now(UTC)
    try:
        with exclusive_lock(settings.lock_path):
            erasure_receipt = complete_erasures(data_root, now)
            erasure_receipt = erase_requested(data_root, now) or erasure_receipt
            retention_report = delete_due(data_root, min(as_of or now.date(), now.date()))
    except ErasureUnavailable as error:
        raise CommandFailed(str(error), ExitCode.CONFIGURATION) from error
    if erasure_receipt is not None:
        print_note("erased people were removed from this data root before the run")
    if retention_report.sentence:
        print_note(escape(retention_report.sentence))
