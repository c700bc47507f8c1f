"""`footsteps erase`: removes people from everything that is stored, then has everybody else's tables computed again.

Belongs here: the lock, the run that follows, and printing the receipt.
Does not belong here: the deletion (`pipelines.privacy`).
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path

from assets.checks.exit_codes import ExitCode
from assets.cli.terminal.console import CommandFailed, print_result, resolve_settings
from assets.cli.terminal.inputs import load_config, resolve_landing_folder
from pipelines.config.secrets import describe_failure
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erased_people import ErasureUnavailable
from pipelines.privacy.erasure import complete_erasures, erase_people, open_list, remove_list_marks
from pipelines.privacy.receipt import Receipt


def erase(
    people: Sequence[str],
    data_root: Path | None,
    config: Path | None,
    landing: Path | None,
    as_of: date | None,
    is_new_list: bool,
    then_runs: bool,
    as_json: bool,
) -> None:
    """Erase people, then run the pipeline without them.

    Args:
        people: person_id of each.
        data_root: The data root of the command.
        config: The footsteps.yaml of the command.
        landing: The landing folder of the command.
        as_of: The day of the run that follows; as declared if None.
        is_new_list: Whether to begin a list of erased people.
        then_runs: Whether the tables of everybody else are computed again at once.
        as_json: Whether to print JSON.

    Raises:
        CommandFailed: The list of erased people or its key is missing, or nobody has a person_id.
    """
    # imported here because it takes seconds
    from assets.resources.locking import exclusive_lock

    settings = resolve_settings(data_root, config, landing)
    company_config = load_config(settings)
    stores = DataRoot(settings, company_config, resolve_landing_folder(settings, company_config))
    try:
        with exclusive_lock(settings.lock_path):
            open_list(stores, is_new=is_new_list)
            if is_new_list:
                remove_list_marks(stores)  # a longer list, which was seen before, is lost
            completed_receipt = complete_erasures(stores, datetime.now(UTC))
            receipt = erase_people(stores, set(people), datetime.now(UTC)) if people else None
    except ErasureUnavailable as error:
        raise CommandFailed(str(error), ExitCode.CONFIGURATION) from error
    except Exception as failure:  # of a server, for example
        raise CommandFailed(
            f"the erasure is not complete, and the next run completes it: {describe_failure(failure)}"
        ) from failure
    receipt = receipt or completed_receipt
    if receipt is None:
        if not is_new_list:
            raise CommandFailed("nobody was erased: no stored row has one of these person_ids")
        print_result({"list": str(stores.erased_people_path)}, f"{stores.erased_people_path} is ready", as_json)
        return
    if then_runs:
        # imported here because it takes seconds
        from assets.cli.run import execute_run

        execute_run(settings, company_config, as_of, allow_row_count_drop=True)
    _print_receipt(receipt, stores, as_json)


def _print_receipt(receipt: Receipt, stores: DataRoot, as_json: bool) -> None:
    lines = [f"{count:>8,}  {place}" for place, count in receipt.counts.items()]
    lines += [f"still holds a value: {path}" for path in receipt.remaining]
    lines += [f"not ours, delete it where it comes from: {path}" for path in receipt.beyond]
    print_result(asdict(receipt), "\n".join([f"Erased. Receipt in {stores.receipts_folder}", *lines]), as_json)
