"""`footsteps up`: the Dagster UI and daemon on this machine.

Belongs here: starting both, waiting for the UI, and ending both.
Does not belong here: what they show.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from assets.cli.terminal.console import CommandFailed, print_note, resolve_settings, stdout_console
from assets.cli.terminal.dagster_home import prepare_dagster_home
from assets.cli.terminal.inputs import load_config

_START_TIMEOUT_SECONDS = 120
# A service writes its log for months: the present file and the last ones before it.
_MAX_LOG_BYTES, _EARLIER_LOG_COUNT = 10_000_000, 3
# After the processes ended, their own children may write for a moment.
_LOG_COPY_TIMEOUT_SECONDS = 10


def serve(data_root: Path | None, config_file: Path | None, landing_folder: Path | None, port: int) -> None:
    """Run the web server and the daemon on 127.0.0.1 until one of them ends or Ctrl-C; then end both.

    Args:
        data_root: The data root of the command.
        config_file: The footsteps.yaml of the command.
        landing_folder: The landing folder of the command.
        port: Port of the UI.

    Raises:
        CommandFailed: If the port is taken, a process ends, or the UI does not answer in time.
    """
    _check_port(port)
    settings = resolve_settings(data_root, config_file, landing_folder)
    dagster_profile = load_config(settings).dagster.profile
    dagster_home, log_path = prepare_dagster_home(settings, dagster_profile), settings.root / "up.log"
    process_environment = {
        **os.environ,
        "DAGSTER_HOME": str(dagster_home),
        "FOOTSTEPS_DATA_ROOT": str(settings.root),
        "FOOTSTEPS_CONFIG": str(settings.config_path),
    }
    process_environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if settings.landing is not None:
        process_environment["FOOTSTEPS_LANDING"] = str(settings.landing.expanduser().resolve())
    _prepare_instance(dagster_home)
    print_note(f"starting; the log is in {log_path}")
    with _open_rotating_log(log_path) as log_descriptor:
        dagster_processes = [
            subprocess.Popen(
                [sys.executable, "-m", *module_arguments, "-m", "assets.definitions"],
                env=process_environment,
                stdout=log_descriptor,
                stderr=log_descriptor,
            )
            for module_arguments in (
                ["dagster_webserver", "-h", "127.0.0.1", "-p", str(port)],
                ["dagster._daemon", "run"],
            )
        ]
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            _wait_for_ui(f"http://127.0.0.1:{port}/server_info", dagster_processes, log_path)
            stdout_console.print(f"Dagster UI: http://127.0.0.1:{port}/asset-groups\nCtrl-C ends it.", soft_wrap=True)
            while all(dagster_process.poll() is None for dagster_process in dagster_processes):
                time.sleep(0.5)
            raise CommandFailed(f"Dagster ended: see {log_path}")
        except KeyboardInterrupt:
            print_note("ending")
        finally:
            for dagster_process in dagster_processes:
                dagster_process.terminate()
            for dagster_process in dagster_processes:
                dagster_process.wait(timeout=30)


def _check_port(port: int) -> None:
    """Refuse a port on which the web server could not listen; another program there would answer in its place."""
    with socket.socket() as probe_socket:
        # as the web server does, so that connections of one that just ended do not count
        probe_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe_socket.bind(("127.0.0.1", port))
        except PermissionError as error:
            raise CommandFailed(f"port {port} needs more rights: give another with --port") from error
        except OSError as error:
            raise CommandFailed(
                f"port {port} of 127.0.0.1 is taken: end what listens there, or give another with --port"
            ) from error


@contextmanager
def _open_rotating_log(log_path: Path) -> Iterator[int]:
    """Append lines to a log that is rotated when it is large.

    Args:
        log_path: The log; earlier ones have its name and a number.

    Yields:
        The file descriptor to which processes write. It is read until the last process that inherited it ends.
    """
    read_descriptor, write_descriptor = os.pipe()
    log_handler = RotatingFileHandler(
        log_path, maxBytes=_MAX_LOG_BYTES, backupCount=_EARLIER_LOG_COUNT, encoding="utf-8"
    )

    def copy_lines() -> None:
        with os.fdopen(read_descriptor, encoding="utf-8", errors="backslashreplace") as pipe_stream:
            for log_line in pipe_stream:
                log_handler.emit(logging.makeLogRecord({"msg": log_line.rstrip("\n")}))
        log_handler.close()

    copy_thread = threading.Thread(target=copy_lines, daemon=True)
    copy_thread.start()
    try:
        yield write_descriptor
    finally:
        os.close(write_descriptor)
        copy_thread.join(_LOG_COPY_TIMEOUT_SECONDS)


def _prepare_instance(dagster_home: Path) -> None:
    """Create Dagster's databases if they are missing, and transfer the states of schedules and sensors.

    States are transferred from the names that an earlier version used; only this command does so.

    The web server and the daemon each create what is missing, without a lock. If both did so at once in a new home, one
    would fail because a table exists, or the schema would have two versions: then no process of Dagster starts again.
    """
    from dagster import DagsterInstance

    from assets.automation.upgrade import transfer_instigator_states

    with DagsterInstance.from_config(str(dagster_home)) as instance:
        instance.get_runs_count()
        transfer_instigator_states(instance)


def _wait_for_ui(ui_url: str, dagster_processes: "list[subprocess.Popen[bytes]]", log_path: Path) -> None:
    """Return once the UI answers; fail if a process ends first, or it takes too long."""
    for _ in range(_START_TIMEOUT_SECONDS * 4):
        if any(dagster_process.poll() is not None for dagster_process in dagster_processes):
            raise CommandFailed(f"Dagster did not start: see {log_path}")
        try:
            with urllib.request.urlopen(ui_url, timeout=2):
                return
        except OSError:  # of which URLError is one
            time.sleep(0.25)
    raise CommandFailed(f"the UI did not answer within {_START_TIMEOUT_SECONDS} s: see {log_path}")
