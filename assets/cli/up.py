"""`footsteps up`: the Dagster UI and daemon on this machine.

Belongs here: starting both, waiting for the UI, and ending both.
Does not belong here: what they show.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from assets.cli.console import CommandFailed, print_note, resolve_settings, stdout_console
from assets.cli.inputs import load_config
from assets.cli.run import prepare_dagster_home

_READY_SECONDS = 120


def serve(data_root: Path | None, config: Path | None, landing: Path | None, port: int) -> None:
    """Run the web server and the daemon on 127.0.0.1 until one of them ends or Ctrl-C; then end both.

    Args:
        data_root: The data root of the command.
        config: The footsteps.yaml of the command.
        landing: The landing folder of the command.
        port: Port of the UI.

    Raises:
        CommandFailed: If a process ends, or the UI does not answer in time.
    """
    settings = resolve_settings(data_root, config, landing)
    profile = load_config(settings).dagster.profile
    dagster_home, log_path = prepare_dagster_home(settings, profile), settings.root / "up.log"
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(dagster_home),
        "FOOTSTEPS_DATA_ROOT": str(settings.root),
        "FOOTSTEPS_CONFIG": str(settings.config_path),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if settings.landing is not None:
        environment["FOOTSTEPS_LANDING"] = str(settings.landing.expanduser().resolve())
    _prepare_instance(dagster_home)
    print_note(f"starting; the log is in {log_path}")
    with log_path.open("w") as log_file:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", *command, "-m", "assets.definitions"],
                env=environment,
                stdout=log_file,
                stderr=log_file,
            )
            for command in (["dagster_webserver", "-h", "127.0.0.1", "-p", str(port)], ["dagster._daemon", "run"])
        ]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _wait_for(f"http://127.0.0.1:{port}/server_info", processes, log_path)
        stdout_console.print(f"Dagster UI: http://127.0.0.1:{port}/asset-groups\nCtrl-C ends it.", soft_wrap=True)
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
        raise CommandFailed(f"Dagster ended: see {log_path}")
    except KeyboardInterrupt:
        print_note("ending")
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=30)


def _prepare_instance(dagster_home: Path) -> None:
    """Create Dagster's databases if they are missing, and transfer the states of schedules and sensors.

    States are transferred from the names that an earlier version used; only this command does so.

    The web server and the daemon each create what is missing, without a lock. In a new home both would do so at once,
    and leave an existing table or two versions of the schema, with which no process of Dagster starts again.
    """
    from dagster import DagsterInstance

    from assets.automation.upgrade import transfer_instigator_states

    with DagsterInstance.from_config(str(dagster_home)) as instance:
        instance.get_runs_count()
        transfer_instigator_states(instance)


def _wait_for(url: str, processes: "list[subprocess.Popen[bytes]]", log_path: Path) -> None:
    """Return once the UI answers; fail if a process ends first, or it takes too long."""
    for _ in range(_READY_SECONDS * 4):
        if any(process.poll() is not None for process in processes):
            raise CommandFailed(f"Dagster did not start (is the port taken?): see {log_path}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:  # of which URLError is one
            time.sleep(0.25)
    raise CommandFailed(f"the UI did not answer within {_READY_SECONDS} s: see {log_path}")
