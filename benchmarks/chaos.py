"""`footsteps bench chaos`: runs that are killed at random moments or find the disk full, and what survives them.

Belongs here: the interruptions, and the comparison with a run that was not interrupted.
Does not belong here: what makes a run safe (`pipelines.storage.lake`, `pipelines.storage.run_state`,
`assets.resources.locking`).
"""

import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import polars as pl

from assets.cli.run import execute_run
from assets.cli.terminal.console import CommandFailed, print_json, print_note, resolve_settings
from assets.cli.terminal.inputs import load_config
from benchmarks.incremental_runs import write_new_worklogs
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import DELIVERY, TABLES
from pipelines.demo.build import build_demo
from pipelines.ingest.deliveries import count_landed_rows, read_ledger
from pipelines.snapshots.reader import current_snapshot
from pipelines.storage.atomic_write import file_sha256
from pipelines.storage.lake import Lake
from pipelines.storage.parquet_files import content_sha256

LAST_DAY = date(2026, 6, 30)
# On the "full" disk no file may become larger than this; every table of the smallest company is larger.
_FULL_DISK_BYTES = 4096
# Imports that forked runs may share. Polars starts threads when it is imported, so that each run must import it itself.
_PRELOADED_MODULES = ("dagster", "sklearn.linear_model", "sklearn.ensemble", "scipy.sparse")
# A run for the smallest company takes seconds; a run that does not end is killed like the others.
_MAX_SECONDS = 600.0


@dataclass(frozen=True)
class ChaosResult:
    """Counts of interrupted runs: each count except the first two must equal the sum of the first two.

    Attributes:
        kills: Runs that were killed.
        full_disks: Runs on a full disk.
        whole_snapshots: Runs after which every published file matched its manifest.
        ledgers_agree: Runs after which every landed delivery had the rows that the ledger counts.
        next_runs_complete: Runs whose next run succeeded.
        equal_tables: Runs after whose next run all tables equalled those of an uninterrupted run.
        seconds: Duration of the benchmark.
    """

    kills: int
    full_disks: int
    whole_snapshots: int
    ledgers_agree: int
    next_runs_complete: int
    equal_tables: int
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether no interruption lost anything."""
        counts = {self.whole_snapshots, self.ledgers_agree, self.next_runs_complete, self.equal_tables}
        return counts == {self.kills + self.full_disks}


def print_chaos(people: int, kills: int, seed: int, as_json: bool) -> None:
    """Interrupt runs and print the counts.

    Raises:
        CommandFailed: An interruption lost something.
    """
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        build_demo(before, people_count=people, seed=seed, export_day=LAST_DAY)
        _run(before, LAST_DAY)
        result = interrupt_runs(before, Path(folder), kills, seed)
    print_json({**asdict(result), "holds": result.holds}) if as_json else print_note(str(result))
    if not result.holds:
        raise CommandFailed("an interrupted run lost something: see the counts")


def interrupt_runs(before: Path, folder: Path, kills: int, seed: int, full_disks: int = 1) -> ChaosResult:
    """Interrupt the second run of a demo company again and again, each time followed by a complete run.

    Args:
        before: The data root of the demo company after its first run, as of `LAST_DAY`; it gets new worklogs.
        folder: A folder for the other data roots.
        kills: Number of runs that are killed at a random moment.
        seed: Seed of the worklogs and of the moments.
        full_disks: Number of runs on a full disk.
    """
    start = time.perf_counter()
    undisturbed, day = folder / "undisturbed", LAST_DAY + timedelta(days=1)
    write_new_worklogs(resolve_settings(before), share=0.02, day=day, seed=seed)
    shutil.copytree(before, undisturbed)
    run_start = time.perf_counter()
    _interrupt_run(undisturbed, day, _MAX_SECONDS, is_disk_full=False)
    run_seconds = time.perf_counter() - run_start
    expected = hash_tables(resolve_settings(undisturbed))
    draw = random.Random(seed)
    counts = [0, 0, 0, 0]
    for number in range(kills + full_disks):
        is_disk_full = number >= kills
        moment = _MAX_SECONDS if is_disk_full else draw.uniform(0.02, 1.0) * run_seconds
        root = folder / "disturbed"
        shutil.copytree(before, root)
        _interrupt_run(root, day, moment, is_disk_full=is_disk_full)
        settings = resolve_settings(root)
        checks = [_is_snapshot_whole(settings), _does_ledger_agree(settings), _does_run_succeed(root, day)]
        actual = hash_tables(settings)
        checks.append(actual == expected)
        counts = [count + passed for count, passed in zip(counts, checks, strict=True)]
        differing = sorted(name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name))
        interruption = "full disk" if is_disk_full else f"killed after {moment:.1f} s"
        outcome = "nothing lost" if all(checks) else f"LOST: {checks} {', '.join(differing)}"
        print_note(f"{number + 1}/{kills + full_disks} {interruption}: {outcome}")
        shutil.rmtree(root)
    whole, agree, complete, equal = counts
    return ChaosResult(kills, full_disks, whole, agree, complete, equal, round(time.perf_counter() - start, 1))


def hash_tables(settings: Settings) -> dict[str, str | None]:
    """The content hash of every table of a run and of every published table, and of the ledger without its times."""
    lake = Lake(settings.lake_path)
    ledger = read_ledger(lake).select("source_name", "file_sha256", "delivery_status", "good_count", "bad_count")
    snapshot = current_snapshot(settings.published_path)
    return {
        **{name: lake.content_hash(table) for name, table in TABLES.items() if table is not DELIVERY},
        "ledger": content_sha256(ledger.unique().sort(pl.all())),
        **{f"published {table.name}": table.content_sha256 for table in snapshot.tables},
    }


def _run(root: Path, day: date) -> None:
    settings = resolve_settings(root)
    execute_run(settings, load_config(settings), day, False)


def _does_run_succeed(root: Path, day: date) -> bool:
    try:
        _run(root, day)
    except CommandFailed as failed:
        print_note(f"the next run failed: {failed}")
        return False
    return True


def _interrupt_run(root: Path, day: date, moment: float, *, is_disk_full: bool) -> None:
    """A run in a process that is killed after a number of seconds, or that can write no file."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED_MODULES))
    process: BaseProcess = context.Process(target=_run_silently, args=(root, day, is_disk_full))
    process.start()
    process.join(moment)
    if process.is_alive():
        process.kill()
        process.join()


def _run_silently(root: Path, day: date, is_disk_full: bool) -> None:
    # on a full disk Python would leave incomplete compiled modules, which break every later import
    sys.dont_write_bytecode = True
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    if is_disk_full:
        resource.setrlimit(resource.RLIMIT_FSIZE, (_FULL_DISK_BYTES, _FULL_DISK_BYTES))
    _run(root, day)


def _is_snapshot_whole(settings: Settings) -> bool:
    """Whether every table of the current snapshot has the hash in its manifest."""
    snapshot = current_snapshot(settings.published_path)
    return all(file_sha256(snapshot.path(table.name)) == table.content_sha256 for table in snapshot.tables)


def _does_ledger_agree(settings: Settings) -> bool:
    """Whether every landed delivery has the rows that the ledger counts."""
    counts = count_landed_rows(Lake(settings.lake_path), load_config(settings).sources)
    return all(count.is_complete for count in counts)
