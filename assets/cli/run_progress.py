"""The progress bar of `footsteps run`.

Belongs here: following Dagster's events, and a console that Dagster's capture of output leaves alone.
Does not belong here: the run (`run`).
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from assets.cli.terminal.console import stderr_console
from assets.resources.loggers import listeners


@contextmanager
def show_progress(op_count: int) -> Iterator[None]:
    """Show a bar over the ops of a run on standard error; Dagster's own lines go to its event log only.

    Args:
        op_count: Number of ops of the run.
    """
    progress_bar_columns = (
        TextColumn("{task.description:<44}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with (
        _open_stderr_copy() as stderr_copy_console,
        Progress(*progress_bar_columns, console=stderr_copy_console, transient=True) as progress_bar,
    ):
        op_listener = _OpListener(progress_bar, progress_bar.add_task("starting", total=op_count))
        listeners.append(op_listener)
        try:
            yield
        finally:
            listeners.remove(op_listener)


class _OpListener(logging.Handler):
    """Moves the bar with the ops that Dagster reports."""

    def __init__(self, progress_bar: Progress, progress_task_id: TaskID) -> None:
        super().__init__()
        self.progress_bar, self.progress_task_id = progress_bar, progress_task_id

    def emit(self, log_record: logging.LogRecord) -> None:
        """Show the op of a record, and count the ops that ended."""
        dagster_event = (getattr(log_record, "dagster_meta", None) or {}).get("dagster_event")
        if dagster_event is not None and dagster_event.event_type_value == "STEP_START":
            self.progress_bar.update(self.progress_task_id, description=str(dagster_event.step_key))
        elif dagster_event is not None and dagster_event.event_type_value in (
            "STEP_SUCCESS",
            "STEP_FAILURE",
            "STEP_SKIPPED",
        ):
            self.progress_bar.advance(self.progress_task_id)


@contextmanager
def _open_stderr_copy() -> Iterator[Console]:
    """A console on standard error that remains while Dagster redirects the file descriptor to its compute logs."""
    try:
        stderr_descriptor = os.dup(sys.stderr.fileno())
    except (OSError, ValueError):  # standard error is not a file, as in a test
        yield stderr_console
        return
    with os.fdopen(stderr_descriptor, "w") as stderr_copy:
        yield Console(file=stderr_copy, highlight=False)
