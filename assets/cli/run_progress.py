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
    progress_columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with _open_stderr_copy() as console, Progress(*progress_columns, console=console, transient=True) as progress_bar:
        listener = _OpListener(progress_bar, progress_bar.add_task("starting", total=op_count))
        listeners.append(listener)
        try:
            yield
        finally:
            listeners.remove(listener)


class _OpListener(logging.Handler):
    """Moves the bar with the ops that Dagster reports."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        super().__init__()
        self.bar, self.task = bar, task

    def emit(self, record: logging.LogRecord) -> None:
        """Show the op of a record, and count the ops that ended."""
        event = (getattr(record, "dagster_meta", None) or {}).get("dagster_event")
        if event is not None and event.event_type_value == "STEP_START":
            self.bar.update(self.task, description=str(event.step_key))
        elif event is not None and event.event_type_value in ("STEP_SUCCESS", "STEP_FAILURE", "STEP_SKIPPED"):
            self.bar.advance(self.task)


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
