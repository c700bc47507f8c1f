"""`footsteps bench chaos`: nights killed at random moments, and one on a full disk; what readers see, what comes after.

Belongs here: the kills, and the comparison with a night that nobody disturbed.
Does not belong here: what makes a night safe (`pipelines.lake`, `pipelines.stamps`, `assets.storage`).
"""

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from assets.commands.bench_nights import write_more_work
from assets.commands.saying import Failed, print_json, say, settings_of
from pipelines.config import read_config
from pipelines.contracts.catalog import DELIVERY, TABLES
from pipelines.contracts.shapes import quarantine_table
from pipelines.demo.build import build_demo
from pipelines.lake import Lake, content_sha256
from pipelines.landing import read_ledger, source_tables
from pipelines.publish.snapshot import current_snapshot
from pipelines.settings import Settings

_LAST_DAY = date(2026, 6, 30)
# No file may grow beyond this on the "full" disk: less than any table of the smallest company.
_FULL_BYTES = 4096


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
        found = disturb_nights(Path(folder), people, kills, seed)
    print_json({**asdict(found), "holds": found.holds}) if as_json else say(str(found))
    if not found.holds:
        raise Failed("a disturbed night left something behind: see the counts")


def disturb_nights(folder: Path, people: int, kills: int, seed: int, full_disks: int = 1) -> Chaos:
    """Kill so many second nights of a demo company, and let others find the disk full; then a night each to the end."""
    start = time.perf_counter()
    before, calm = folder / "before", folder / "calm"
    build_demo(before, people=people, seed=seed, end=_LAST_DAY)
    _run(before, _LAST_DAY)
    write_more_work(settings_of(before), share=0.02, day=_LAST_DAY + timedelta(days=1), seed=seed)
    shutil.copytree(before, calm)
    began = time.perf_counter()
    _run(calm, _LAST_DAY + timedelta(days=1))
    longest = time.perf_counter() - began
    wanted = contents(settings_of(calm))
    draw = random.Random(seed)
    counts = [0, 0, 0, 0]
    for turn in range(kills + full_disks):
        moment = draw.uniform(0.02, 1.0) * longest if turn < kills else None
        root = folder / "disturbed"
        shutil.copytree(before, root)
        _disturb(root, _LAST_DAY + timedelta(days=1), moment)
        settings = settings_of(root)
        found = [_is_whole(settings), _agree(settings), _completes(root, _LAST_DAY + timedelta(days=1))]
        found.append(contents(settings) == wanted)
        counts = [count + good for count, good in zip(counts, found, strict=True)]
        what = "full disk" if moment is None else f"killed after {moment:.1f} s"
        say(f"{turn + 1}/{kills + full_disks} {what}: {'holds' if all(found) else f'LOST: {found}'}")
        shutil.rmtree(root)
    whole, agree, complete, equal = counts
    return Chaos(kills, full_disks, whole, agree, complete, equal, round(time.perf_counter() - start, 1))


def contents(settings: Settings) -> dict[str, str | None]:
    """The content of every table a night makes, and of the published ones; of the ledger what is not of the clock."""
    lake = Lake(settings.lake_path)
    found = {name: lake.content(table) for name, table in TABLES.items() if table is not DELIVERY}
    said = read_ledger(lake).select("source_name", "file_sha256", "delivery_status", "good_count", "bad_count")
    snapshot = current_snapshot(settings.published_path)
    return {
        **found,
        "ledger": content_sha256(said.unique().sort(pl.all())),
        **{f"published {table.name}": table.content_sha256 for table in snapshot.tables},
    }


def _command(root: Path, day: date) -> list[str]:
    return [sys.executable, "-m", "assets.cli", "run", "--data-root", str(root), "--as-of", day.isoformat(), "--json"]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}


def _run(root: Path, day: date) -> None:
    done = subprocess.run(_command(root, day), env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"an undisturbed night failed: {done.stderr.strip().splitlines()[-1:]}")


def _completes(root: Path, day: date) -> bool:
    try:
        _run(root, day)
    except Failed:
        return False
    return True


def _disturb(root: Path, day: date, moment: float | None) -> None:
    """A night killed after so many seconds, or, with none, one that finds no room for any file."""
    limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (_FULL_BYTES, _FULL_BYTES))) if moment is None else None
    night = subprocess.Popen(
        _command(root, day), env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=limit
    )
    try:
        night.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        night.kill()
        night.wait()


def _is_whole(settings: Settings) -> bool:
    """Whether the pointer leads to a snapshot whose every table holds what its manifest says."""
    snapshot = current_snapshot(settings.published_path)
    return all(content_sha256(snapshot.scan(one.name).collect()) == one.content_sha256 for one in snapshot.tables)


def _agree(settings: Settings) -> bool:
    """Whether every landed delivery of the ledger has the rows it counts."""
    lake, config = Lake(settings.lake_path), read_config(settings.config_path)
    landed = read_ledger(lake).filter(pl.col("delivery_status") == "landed")
    for source in config.sources:
        mine = landed.filter(pl.col("source_name") == source.name)
        said = int(mine.select((pl.col("good_count") + pl.col("bad_count")).sum()).item())
        names = {f"{sha[:16]}-{code}" for sha, code in mine.select("file_sha256", "mapping_code").iter_rows()}
        kept = sum(
            int(pl.scan_parquet(path).select(pl.len()).collect().item())
            for table in source_tables(source).values()
            for one in (table, quarantine_table(table.name))
            for path in (lake.folder(one) / source.name).glob("*.parquet")
            if path.stem in names
        )
        if said != kept:
            return False
    return True
