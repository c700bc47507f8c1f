"""`footsteps bench scale`: seconds and peak memory of the steps of a first run, for companies of several sizes.

Belongs here: the runs on synthetic companies, the sampling of their memory, and the table.
Does not belong here: the run itself (`assets.cli.run`).

A run is the command that users start, in a process of its own. Its resident memory is sampled from outside, with that
of its child processes, so that the run is not slowed down. Pages of open Parquet files count as resident.
"""

import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from assets.cli.terminal.console import CommandFailed, print_json, print_table, resolve_settings
from assets.cli.terminal.dagster_home import prepare_dagster_home
from assets.cli.terminal.inputs import load_config

# Name of the row that holds the whole run.
WHOLE_RUN = "whole run"
_LAST_DAY = date(2026, 6, 30)
_SAMPLE_SECONDS = 0.02
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_GIGABYTE = 1024**3
_FOOTSTEPS = (sys.executable, "-m", "assets.cli.app")

# Wall-clock seconds since the epoch and resident bytes of a process with its children.
MemorySample = tuple[float, int]


@dataclass(frozen=True, slots=True)
class StepCost:
    """What one step of a first run costs.

    Attributes:
        people: People of the company.
        step: Name of the step, or `WHOLE_RUN`.
        seconds: Wall-clock seconds; the median of the repeated runs.
        processor_seconds: Processor seconds of the whole run; None for a step.
        peak_gigabytes: Highest resident memory in the step; the median of the repeated runs.
    """

    people: int
    step: str
    seconds: float
    processor_seconds: float | None
    peak_gigabytes: float


def print_scale(people_counts: Sequence[int], repeats: int, as_json: bool) -> None:
    """Measure a first run per number of people, and print a table of the whole runs and their costly steps."""
    step_costs: list[StepCost] = []
    for people_count in people_counts:
        with tempfile.TemporaryDirectory() as folder:
            step_costs += measure_first_runs(Path(folder), people_count, repeats)
    if as_json:
        print_json([asdict(step_cost) for step_cost in step_costs])
        return
    for people_count in people_counts:
        costs_of_size = [step_cost for step_cost in step_costs if step_cost.people == people_count]
        table_rows = [
            [
                step_cost.step,
                f"{step_cost.seconds:.1f}",
                "" if step_cost.processor_seconds is None else f"{step_cost.processor_seconds:.1f}",
                f"{step_cost.peak_gigabytes:.2f}",
            ]
            for step_cost in costs_of_size
        ]
        headings = {"step": "left", "seconds": "right", "processor seconds": "right", "peak GB": "right"}
        print_table(f"First run of {people_count:,} people", headings, table_rows)


def measure_first_runs(folder: Path, people_count: int, repeats: int, seed: int = 7) -> list[StepCost]:
    """Run the pipeline on a new demo company several times, each time in an empty data root.

    Args:
        folder: An empty folder for the data roots.
        people_count: Number of people.
        repeats: Number of runs.
        seed: Seed of the company.

    Returns:
        One row for the whole run, then one per step, in the order of their end.

    Raises:
        CommandFailed: If a run does not succeed.
    """
    costs_by_step: dict[str, list[StepCost]] = {}
    for repeat_index in range(repeats):
        data_root = folder / f"run-{repeat_index}"
        company_options = ["--people", str(people_count), "--seed", str(seed), "--end", _LAST_DAY.isoformat()]
        subprocess.run(
            [*_FOOTSTEPS, "demo", "--data-root", str(data_root), *company_options], check=True, capture_output=True
        )
        command = [*_FOOTSTEPS, "run", "--data-root", str(data_root), "--json"]
        start, processor_seconds_before = time.time(), _read_processor_seconds()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                [*command, "--as-of", _LAST_DAY.isoformat()], stdout=output, stderr=subprocess.STDOUT
            )
            memory_samples = sample_memory(process)
            if process.returncode:
                output.seek(0)
                raise CommandFailed(f"the run failed: {output.read().decode(errors='replace')[-2000:]}")
        end = time.time()
        processor_seconds = _read_processor_seconds() - processor_seconds_before
        step_times = _read_step_times(data_root)
        for step_name, step_start, step_end in [(WHOLE_RUN, start, end), *step_times]:
            step_cost = StepCost(
                people_count,
                step_name,
                step_end - step_start,
                processor_seconds if step_name == WHOLE_RUN else None,
                find_peak(memory_samples, step_start, step_end) / _GIGABYTE,
            )
            costs_by_step.setdefault(step_name, []).append(step_cost)
    return [_take_medians(step_costs) for step_costs in costs_by_step.values()]


def sample_memory(process: subprocess.Popen[bytes]) -> list[MemorySample]:
    """Sample the resident memory of a process and its children until it ends."""
    memory_samples: list[MemorySample] = []
    while process.poll() is None:
        process_ids = _list_process_tree(process.pid)
        # a forked process shares most of its memory, which counts once; the kernel takes longer to tell shares
        read_bytes = _read_resident_bytes if len(process_ids) == 1 else _read_proportional_bytes
        memory_samples.append((time.time(), sum(map(read_bytes, process_ids))))
        time.sleep(_SAMPLE_SECONDS * len(process_ids))
    return memory_samples


def find_peak(memory_samples: Sequence[MemorySample], start: float, end: float) -> int:
    """The highest number of resident bytes between two times; that of the nearest sample if none lies between."""
    between = [resident_bytes for sampled_at, resident_bytes in memory_samples if start <= sampled_at <= end]
    if between:
        return max(between)
    return min(memory_samples, key=lambda memory_sample: abs(memory_sample[0] - start), default=(0.0, 0))[1]


def _read_step_times(data_root: Path) -> list[tuple[str, float, float]]:
    """Name, start and end of each step of the last run, in seconds since the epoch."""
    from assets.resources.step_times import read_step_times  # imported here because Dagster takes seconds

    settings = resolve_settings(data_root)
    prepare_dagster_home(settings, load_config(settings).dagster.profile)
    return read_step_times()


def _take_medians(step_costs: Sequence[StepCost]) -> StepCost:
    """One row of the medians of repeated measurements of one step."""
    processor_seconds = [cost.processor_seconds for cost in step_costs if cost.processor_seconds is not None]
    return StepCost(
        step_costs[0].people,
        step_costs[0].step,
        statistics.median(cost.seconds for cost in step_costs),
        statistics.median(processor_seconds) if processor_seconds else None,
        statistics.median(cost.peak_gigabytes for cost in step_costs),
    )


def _read_processor_seconds() -> float:
    """Processor seconds of all child processes of this process that have ended."""
    return os.times().children_user + os.times().children_system


def _list_process_tree(process_id: int) -> list[int]:
    """A process and the processes that it and its children started; Linux lists them in /proc."""
    process_ids = [process_id]
    for parent_id in process_ids:
        with contextlib.suppress(OSError):  # the process, or one of its threads, has ended meanwhile
            for task_folder in Path(f"/proc/{parent_id}/task").iterdir():
                process_ids += map(int, (task_folder / "children").read_text().split())
    return process_ids


def _read_resident_bytes(process_id: int) -> int:
    try:
        return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):  # the process has ended meanwhile
        return 0


def _read_proportional_bytes(process_id: int) -> int:
    """Resident bytes of a process; a page that several processes share counts as a fraction in each of them."""
    try:
        rollup = Path(f"/proc/{process_id}/smaps_rollup").read_text()
    except OSError:  # the process has ended meanwhile
        return 0
    share = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return 0 if share is None else int(share[1]) * 1024
