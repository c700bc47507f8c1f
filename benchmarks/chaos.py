"""`footsteps bench chaos`: nights killed at random moments, and one on a full disk; what readers see, what comes after.

Belongs here: the kills, and the comparison with a night that nobody disturbed.
Does not belong here: what makes a night safe (`pipelines.storage.lake`, `pipelines.storage.run_state`,
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

from assets.cli.console import CommandFailed, print_json, print_note, resolve_settings
from assets.cli.inputs import load_config
from assets.cli.run import execute_run
from benchmarks.incremental_runs import write_new_worklogs
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import DELIVERY, TABLES
from pipelines.demo.build import build_demo
from pipelines.ingest.landing import count_landed_rows, read_ledger
from pipelines.snapshots.writer import current_snapshot, file_sha256
from pipelines.storage.lake import Lake, content_sha256

_LAST_DAY = date(2026, 6, 30)
# No file may grow beyond this on the "full" disk: less than any table of the smallest company.
_FULL_BYTES = 4096
# What a night imports and may be shared by a fork: polars has threads from its import on, and is left to each night.
_AT_HAND = ("dagster", "sklearn.linear_model", "sklearn.ensemble", "scipy.sparse")
# A night of the smallest company takes seconds; one that does not end is killed like the others.
_LONGEST_SECONDS = 600.0


@dataclass(frozen=True)
class Chaos:
    """What became of the disturbed nights; every count but the first two must equal `kills`."""

    kills: int
    full_disks: int
    whole_snapshots: int
    ledgers_agree: int
    next_nights_complete: int
    equal_tables: int
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether nothing was lost in any of them."""
        every = self.kills + self.full_disks
        counts = (self.whole_snapshots, self.ledgers_agree, self.next_nights_complete, self.equal_tables)
        return all(count == every for count in counts)


def print_chaos(people: int, kills: int, seed: int, as_json: bool) -> None:
    """Disturb nights and print what became of them. Raises Failed where anything was lost."""
    with tempfile.TemporaryDirectory() as folder:
        found = interrupt_runs(Path(folder), people, kills, seed)
    print_json({**asdict(found), "holds": found.holds}) if as_json else print_note(str(found))
    if not found.holds:
        raise CommandFailed("a disturbed night left something behind: see the counts")


def interrupt_runs(folder: Path, people: int, kills: int, seed: int, full_disks: int = 1) -> Chaos:
    """Kill so many second nights of a demo company, and let others find the disk full; then a night each to the end."""
    start = time.perf_counter()
    before, calm, day = folder / "before", folder / "calm", _LAST_DAY + timedelta(days=1)
    build_demo(before, people=people, seed=seed, end=_LAST_DAY)
    _run(before, _LAST_DAY)
    write_new_worklogs(resolve_settings(before), share=0.02, day=day, seed=seed)
    shutil.copytree(before, calm)
    began = time.perf_counter()
    _disturb(calm, day, _LONGEST_SECONDS, is_full=False)
    longest = time.perf_counter() - began
    wanted = contents(resolve_settings(calm))
    draw = random.Random(seed)
    counts = [0, 0, 0, 0]
    for turn in range(kills + full_disks):
        is_full = turn >= kills
        moment = _LONGEST_SECONDS if is_full else draw.uniform(0.02, 1.0) * longest
        root = folder / "disturbed"
        shutil.copytree(before, root)
        _disturb(root, day, moment, is_full=is_full)
        settings = resolve_settings(root)
        found = [_is_whole(settings), _agree(settings), _completes(root, day)]
        after = contents(settings)
        found.append(after == wanted)
        counts = [count + good for count, good in zip(counts, found, strict=True)]
        what = "full disk" if is_full else f"killed after {moment:.1f} s"
        differing = sorted(name for name in wanted.keys() | after.keys() if wanted.get(name) != after.get(name))
        lost = f"LOST: {found} {', '.join(differing)}"
        print_note(f"{turn + 1}/{kills + full_disks} {what}: {'holds' if all(found) else lost}")
        shutil.rmtree(root)
    whole, agree, complete, equal = counts
    return Chaos(kills, full_disks, whole, agree, complete, equal, round(time.perf_counter() - start, 1))


def contents(settings: Settings) -> dict[str, str | None]:
    """The content of every table a night makes, and of the published ones; of the ledger what is not of the clock."""
    lake = Lake(settings.lake_path)
    found = {name: lake.content_hash(table) for name, table in TABLES.items() if table is not DELIVERY}
    said = read_ledger(lake).select("source_name", "file_sha256", "delivery_status", "good_count", "bad_count")
    snapshot = current_snapshot(settings.published_path)
    return {
        **found,
        "ledger": content_sha256(said.unique().sort(pl.all())),
        **{f"published {table.name}": table.content_sha256 for table in snapshot.tables},
    }


def _run(root: Path, day: date) -> None:
    settings = resolve_settings(root)
    execute_run(settings, load_config(settings), day, False)


def _completes(root: Path, day: date) -> bool:
    try:
        _run(root, day)
    except CommandFailed as failed:
        print_note(f"the next night failed: {failed}")
        return False
    return True


def _disturb(root: Path, day: date, moment: float, *, is_full: bool) -> None:
    """A night in a process of its own that is killed after so many seconds, or that finds no room for any file."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(list(_AT_HAND))
    night: BaseProcess = processes.Process(target=_unwatched, args=(root, day, is_full))
    night.start()
    night.join(moment)
    if night.is_alive():
        night.kill()
        night.join()


def _unwatched(root: Path, day: date, is_full: bool) -> None:
    """The body of a disturbed night: silent, and with `is_full` without room for a file of any size."""
    # where no room is left Python would keep half a compiled module, and stumble over it ever after
    sys.dont_write_bytecode = True
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    if is_full:
        resource.setrlimit(resource.RLIMIT_FSIZE, (_FULL_BYTES, _FULL_BYTES))
    _run(root, day)


def _is_whole(settings: Settings) -> bool:
    """Whether the pointer leads to a snapshot whose every table holds what its manifest says."""
    snapshot = current_snapshot(settings.published_path)
    return all(file_sha256(snapshot.path(one.name)) == one.content_sha256 for one in snapshot.tables)


def _agree(settings: Settings) -> bool:
    """Whether every landed delivery of the ledger has the rows it counts."""
    lake = Lake(settings.lake_path)
    return all(
        count.rows_read == count.rows_stored
        for count in count_landed_rows(lake, load_config(settings).sources).values()
    )
