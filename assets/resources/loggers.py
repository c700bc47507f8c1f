"""Dagster's log, turned to whoever watches a run in this process.

Belongs here: the logger of the jobs.
Does not belong here: what a watcher draws.
"""

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import LoggerDefinition

# Handlers of whoever watches; with none, warnings and errors go to standard error.
listeners: list[logging.Handler] = []
# The run configuration that asks for this logger instead of Dagster's own, which prints every event.
LOGGER_CONFIG: dict[str, dict[str, dict[str, str]]] = {"loggers": {"console": {}}}


class _Turn(logging.Handler):
    """Hands each record to the listeners, or, with none, prints what is at least a warning."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass the record on."""
        for listener in listeners:
            listener.emit(record)
        if not listeners and record.levelno >= logging.WARNING:
            sys.stderr.write(f"{record.levelname}: {record.getMessage()}\n")


def loggers() -> "dict[str, LoggerDefinition]":
    """The jobs' logger: progress to whoever watches this process; the event log keeps everything."""
    from dagster import LoggerDefinition

    def make(_: object) -> logging.Logger:
        made = logging.Logger("footsteps", level=logging.DEBUG)
        made.addHandler(_Turn())
        return made

    return {"console": LoggerDefinition(make)}
