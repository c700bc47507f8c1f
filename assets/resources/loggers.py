"""The logger of a run: progress for the person who watches this process.

Belongs here: the logger of the jobs.
Does not belong here: how progress is drawn (`assets.cli.run`).
"""

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import LoggerDefinition

# Handlers that receive every record. Without any, warnings and errors are written to standard error.
listeners: list[logging.Handler] = []
# Run configuration that uses this logger instead of Dagster's own, which prints every event.
LOGGER_CONFIG: dict[str, dict[str, dict[str, str]]] = {"loggers": {"console": {}}}


class _ListenerHandler(logging.Handler):
    """Passes each record to the listeners; without any, it prints warnings and errors."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass the record on."""
        for listener in listeners:
            listener.emit(record)
        if not listeners and record.levelno >= logging.WARNING:
            sys.stderr.write(f"{record.levelname}: {record.getMessage()}\n")


def loggers() -> "dict[str, LoggerDefinition]":
    """The jobs' logger by its name. Dagster's event log stores every event in any case."""
    # the import takes seconds: the command line imports this module at its start
    from dagster import LoggerDefinition

    def build_logger(_: object) -> logging.Logger:
        logger = logging.Logger("footsteps", level=logging.DEBUG)
        logger.addHandler(_ListenerHandler())
        return logger

    return {"console": LoggerDefinition(build_logger)}
