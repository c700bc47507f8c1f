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
    person_ids: Sequence[str],
    data_root: Path | None,
    config_file: Path | None,
    landing_folder: Path | None,
    as_of: date | None,
    is_new_list: bool,
    has_following_run: bool,
    as_json: bool,
) -> None:
    """Erase people, then run the pipeline without them.

    Args:
        person_ids: person_id of each.
        data_root: The data root of the command.
        config_file: The footsteps.yaml of the command.
        landing_folder: The landing folder of the command.
        as_of: The day of the run that follows; as declared if None.
        is_new_list: Whether to begin a list of erased people.
        has_following_run: Whether the tables of everybody else are computed again at once.
        as_json: Whether to print JSON.

    Raises:
        CommandFailed: The list of erased people cannot be used (see `pipelines.privacy.erasure.open_list`) or is not
            declared, no stored row has one of the person_ids, or the erasure failed before its end.
    """
    # imported here because it takes seconds
    from assets.resources.locking import exclusive_lock

    settings = resolve_settings(data_root, config_file, landing_folder)
    company_config = load_config(settings)
    data_stores = DataRoot(settings, company_config, resolve_landing_folder(settings, company_config))
    try:
        with exclusive_lock(settings.lock_path):
            open_list(data_stores, is_new=is_new_list)
            if is_new_list:
                remove_list_marks(data_stores)  # a longer list, which was seen before, is lost
            completed_erasure_receipt = complete_erasures(data_stores, datetime.now(UTC))
            erasure_receipt = erase_people(data_stores, set(person_ids), datetime.now(UTC)) if person_ids else None
    except ErasureUnavailable as error:
        raise CommandFailed(str(error), ExitCode.CONFIGURATION) from error
    except Exception as failure:  # of a server, for example
        raise CommandFailed(
            f"the erasure is not complete, and the next run completes it: {describe_failure(failure)}"
        ) from failure
    erasure_receipt = erasure_receipt or completed_erasure_receipt
    if erasure_receipt is None:
        if not is_new_list:
            raise CommandFailed("nobody was erased: no stored row has one of these person_ids")
        list_path = data_stores.erased_people_path
        print_result({"list": str(list_path)}, f"{list_path} is ready", as_json)
        return
    if has_following_run:
        # imported here because it takes seconds
        from assets.cli.run import execute_run

        execute_run(settings, company_config, as_of, allow_row_count_drop=True)
    _print_receipt(erasure_receipt, data_stores, as_json)


def _print_receipt(erasure_receipt: Receipt, data_stores: DataRoot, as_json: bool) -> None:
    receipt_lines = [
        f"{deleted_count:>8,}  {place_name}" for place_name, deleted_count in erasure_receipt.counts.items()
    ]
    receipt_lines += [f"still holds a value: {path}" for path in erasure_receipt.remaining]
    receipt_lines += [f"not ours, delete it where it comes from: {path}" for path in erasure_receipt.beyond]
    print_result(
        asdict(erasure_receipt),
        "\n".join([f"Erased. Receipt in {data_stores.receipts_folder}", *receipt_lines]),
        as_json,
    )
