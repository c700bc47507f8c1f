"""`footsteps pause` and `footsteps resume`: nobody gets a recommendation until they are resumed.

Belongs here: the lock, the run that follows, and printing the state.
Does not belong here: the record (`pipelines.core.pauses`), what is withheld (`pipelines.core.objections`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

import polars as pl
import typer

from assets.checks.exit_codes import ExitCode
from assets.cli.terminal.console import CommandFailed, print_result, resolve_settings
from assets.cli.terminal.inputs import load_config
from pipelines.config.company import Config
from pipelines.config.pause import check_reason
from pipelines.config.settings import Settings
from pipelines.contracts.oversight_tables import PAUSE
from pipelines.core.pauses import find_pause_in_effect, list_pauses, record_pause, record_resumption


class RunOutcome(Protocol):
    """What this command needs of the summary of a run."""

    @property
    def exit_code(self) -> ExitCode: ...


# Settings, configuration, the day of the run, and whether full exports may be much smaller than before.
ExecuteRun = Callable[[Settings, Config, date | None, bool], RunOutcome]


@dataclass(frozen=True)
class RunAfterwards:
    """The run that publishes the change.

    Attributes:
        execute: Runs the pipeline.
        is_wanted: Whether to run at once.
        as_of: The day of the run; as declared if None.
    """

    execute: ExecuteRun
    is_wanted: bool
    as_of: date | None


def pause_recommendations(
    reason: str,
    data_root: Path | None,
    config_file: Path | None,
    landing_folder: Path | None,
    run_afterwards: RunAfterwards,
    now: datetime,
    as_json: bool,
) -> None:
    """Pause recommendations for everybody, and publish the pause.

    Args:
        reason: Why; everybody may read it.
        data_root: The data root of the command.
        config_file: The footsteps.yaml of the command.
        landing_folder: The landing folder of the command.
        run_afterwards: The run that publishes the pause.
        now: The current time (UTC).
        as_json: Whether to print JSON.

    Raises:
        CommandFailed: The reason cannot be used, recommendations are paused already, or the run failed.
    """
    settings = resolve_settings(data_root, config_file, landing_folder)
    config, reason = load_config(settings), _check_reason(reason)
    if (pause := _read_pause(settings, config, now)) is not None:
        raise CommandFailed(f"recommendations are paused already: {pause['pause_reason']}")
    _record(settings, lambda: record_pause(settings.root, reason, now))
    _publish(settings, config, run_afterwards)
    published_text = "published" if run_afterwards.is_wanted else "the next run publishes it"
    print_result(
        {"paused": True, "reason": reason, "is_published": run_afterwards.is_wanted},
        f"Recommendations are paused; {published_text}. To end it: footsteps resume",
        as_json,
    )


def resume_recommendations(
    reason: str | None,
    data_root: Path | None,
    config_file: Path | None,
    landing_folder: Path | None,
    run_afterwards: RunAfterwards,
    now: datetime,
    as_json: bool,
) -> None:
    """End a pause, and publish recommendations again.

    Args:
        reason: Why; it may be left out.
        data_root: As in `pause_recommendations`, and so are all others.
        config_file: The footsteps.yaml of the command.
        landing_folder: The landing folder of the command.
        run_afterwards: The run that publishes recommendations.
        now: The current time (UTC).
        as_json: Whether to print JSON.

    Raises:
        CommandFailed: Recommendations are not paused, footsteps.yaml pauses them, or the run failed.
    """
    settings = resolve_settings(data_root, config_file, landing_folder)
    config, reason = load_config(settings), _check_reason(reason) if reason else None
    pause = _read_pause(settings, config, now)
    if pause is None:
        raise CommandFailed("recommendations are not paused")
    if pause["pause_origin"] == "configuration":
        raise CommandFailed(
            "footsteps.yaml pauses recommendations: take `pause` out of it, and run", ExitCode.CONFIGURATION
        )
    _record(settings, lambda: record_resumption(settings.root, reason, now))
    _publish(settings, config, run_afterwards)
    published_text = "published" if run_afterwards.is_wanted else "the next run publishes them"
    print_result(
        {"paused": False, "reason": reason, "is_published": run_afterwards.is_wanted},
        f"Recommendations are resumed; {published_text}.",
        as_json,
    )


def _check_reason(reason: str) -> str:
    try:
        return check_reason(reason)
    except ValueError as error:
        raise CommandFailed(f"--reason: {error}") from error


def _read_pause(settings: Settings, config: Config, now: datetime) -> dict[str, object] | None:
    return find_pause_in_effect(list_pauses(settings.root, config.pause, pl.DataFrame(schema=PAUSE.schema), now.date()))


def _record(settings: Settings, write_record: Callable[[], None]) -> None:
    # imported here because it takes seconds
    from assets.resources.locking import exclusive_lock

    with exclusive_lock(settings.lock_path):
        write_record()


def _publish(settings: Settings, config: Config, run_afterwards: RunAfterwards) -> None:
    if run_afterwards.is_wanted:
        run_outcome = run_afterwards.execute(settings, config, run_afterwards.as_of, False)
        # the run has printed why: above all a target that does not hold the snapshot
        if run_outcome.exit_code is not ExitCode.SUCCESS:
            raise typer.Exit(run_outcome.exit_code)
