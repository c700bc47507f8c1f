"""`footsteps up`: the Dagster UI and daemon on this machine.

Belongs here: starting both, waiting for the UI, ending both.
Does not belong here: what they show.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from assets.cli.console import CommandFailed, print_note, resolve_settings, stdout_console
from assets.cli.run import dagster_home, load_config

_READY_SECONDS = 120


def serve(data_root: Path | None, config: Path | None, landing: Path | None, port: int) -> None:
    """Run webserver and daemon on 127.0.0.1 until one ends or Ctrl-C; ends both."""
    settings = resolve_settings(data_root, config, landing)
    load_config(settings)
    home = dagster_home(settings)
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "FOOTSTEPS_DATA_ROOT": str(settings.root),
        "FOOTSTEPS_CONFIG": str(settings.config_path),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if settings.landing is not None:
        environment["FOOTSTEPS_LANDING"] = str(settings.landing.expanduser().resolve())
    _create_databases(home)
    location = ["-m", "assets.definitions"]
    print_note(f"starting; the log is in {settings.root / 'up.log'}")
    commands = (
        ["dagster_webserver", "-h", "127.0.0.1", "-p", str(port), *location],
        ["dagster._daemon", "run", *location],
    )
    with (settings.root / "up.log").open("w") as log:
        children = [
            subprocess.Popen([sys.executable, "-m", *command], env=environment, stdout=log, stderr=log)
            for command in commands
        ]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _wait_for(f"http://127.0.0.1:{port}/server_info", children, settings.root / "up.log")
        stdout_console.print(f"Dagster UI: http://127.0.0.1:{port}/asset-groups\nCtrl-C ends it.", soft_wrap=True)
        while all(child.poll() is None for child in children):
            time.sleep(0.5)
        raise CommandFailed(f"Dagster ended by itself: see {settings.root / 'up.log'}")
    except KeyboardInterrupt:
        print_note("ending")
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(timeout=30)


def _create_databases(home: Path) -> None:
    """Create Dagster's databases where there are none.

    Webserver and daemon each create what is missing, without a lock: in a new home both would at once, and leave a
    table that exists already, or two stamps of the schema's version, with which no process of Dagster starts again.
    """
    from dagster import DagsterInstance

    from assets.automation.upgrade import transfer_instigator_states

    with DagsterInstance.from_config(str(home)) as instance:
        instance.get_runs_count()
        transfer_instigator_states(instance)


def _wait_for(url: str, children: "list[subprocess.Popen[bytes]]", log: Path) -> None:
    """Return once the UI answers. Raises Failed where a process ends before that, or it takes too long."""
    for _ in range(_READY_SECONDS * 4):
        if any(child.poll() is not None for child in children):
            raise CommandFailed(f"Dagster did not start (is the port taken?): see {log}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    raise CommandFailed(f"the UI did not answer within {_READY_SECONDS} s: see {log}")
