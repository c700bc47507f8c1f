"""A demo company that runs the whole pipeline, one run after the other, for `footsteps bench serve --with-run`.

Belongs here: the company, its first run, and the runs beside the requests.
Does not belong here: the requests and their counts (`load`).
"""

import subprocess
import sys
import threading
import time
from datetime import date, timedelta
from pathlib import Path

from assets.cli.terminal.console import CommandFailed, resolve_settings
from pipelines.contracts.catalog import PERSON
from pipelines.demo.build import build_demo
from pipelines.storage.change_log import clear_change_log
from pipelines.storage.lake import Lake
from pipelines.storage.run_state import forget_states

_SEED = 7
# Each run is of the next day, so that responses tell their snapshots apart.
_FIRST_DAY = date(2026, 6, 30)


def build_running_company(root: Path, people: int, serve_section: str) -> list[str]:
    """Write a demo company and run the pipeline once, which trains a first model.

    Args:
        root: The data root.
        people: Number of people.
        serve_section: The section `serve` of footsteps.yaml.

    Returns:
        The employee numbers, sorted.

    Raises:
        CommandFailed: The run fails.
    """
    build_demo(root, people_count=people, seed=_SEED, export_day=_FIRST_DAY)
    with (root / "footsteps.yaml").open("a") as declaration:
        declaration.write(serve_section)
    _run(root, _FIRST_DAY)
    people_rows = Lake(resolve_settings(root).lake_path).scan(PERSON).select("employee_number").collect()
    return people_rows["employee_number"].drop_nulls().sort().to_list()


def run_until(root: Path, is_done: threading.Event, run_seconds: list[float]) -> None:
    """Run the whole pipeline again and again; every table is computed each time.

    Args:
        root: The data root.
        is_done: Ends the runs; the first one is completed, a later one that is under way is ended.
        run_seconds: Receives the seconds of each run.

    Raises:
        CommandFailed: A run fails.
    """
    lake_path, day = resolve_settings(root).lake_path, _FIRST_DAY
    while not is_done.is_set():
        forget_states(lake_path)
        clear_change_log(lake_path)
        day += timedelta(days=1)
        start = time.perf_counter()
        if _run(root, day, is_done if run_seconds else None):
            run_seconds.append(time.perf_counter() - start)


def _run(root: Path, as_of: date, is_done: threading.Event | None = None) -> bool:
    """Run the pipeline in a process of its own; returns whether it was completed before `is_done`."""
    arguments = ["run", "--data-root", str(root), "--as-of", as_of.isoformat(), "--json"]
    command = [sys.executable, "-m", "assets.cli.app", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        while True:
            try:
                _, failure_text = run.communicate(timeout=0.5)
            except subprocess.TimeoutExpired:
                if is_done is None or not is_done.is_set():
                    continue
                run.kill()
                run.communicate()
                return False
            if run.returncode:
                raise CommandFailed(f"the run of {as_of} failed: {failure_text[-500:]}")
            return True
