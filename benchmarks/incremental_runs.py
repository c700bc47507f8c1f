"""`footsteps bench nights`: what a night costs where little or nothing is new, and a file that touches ten people.

Belongs here: the made-up nights, their times, and what changed.
Does not belong here: how a night tells what is new (`assets.incremental.incremental_asset`,
`assets.automation.run_selection`).
"""

import csv
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from assets.cli.console import CommandFailed, print_json, print_note, print_table, resolve_settings
from assets.cli.inputs import load_config
from assets.cli.run import execute_run
from pipelines.config.settings import Settings
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.demo.build import build_demo
from pipelines.snapshots.reader import current_snapshot

_LAST_DAY = date(2026, 6, 30)
_TOUCHED = 10
_STAMPS = ("snapshot_id", "as_of", "valid_until")


@dataclass(frozen=True)
class NightCosts:
    """Seconds of each run, and the shares of the first that the others come to."""

    people: int
    first_seconds: float
    nothing_new_seconds: float
    one_percent_seconds: float
    ten_people_seconds: float
    nothing_new_share: float
    one_percent_share: float
    ten_people_share: float
    people_touched: int
    people_changed: int  # people whose published rows differ after the file that touched ten


def print_nights(people: int, as_json: bool) -> None:
    """Run a first night, one with nothing new, one after 1 % more work, and a file of ten people; print the costs."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure_nights(Path(folder), people)
    if as_json:
        print_json(asdict(found))
        return
    rows = [
        ["first night", f"{found.first_seconds:.1f}", "100 %"],
        ["nothing new", f"{found.nothing_new_seconds:.1f}", f"{found.nothing_new_share:.1%}"],
        ["1 % new evidence", f"{found.one_percent_seconds:.1f}", f"{found.one_percent_share:.1%}"],
        [
            f"a file of {found.people_touched} people, {found.people_changed} people's rows changed",
            f"{found.ten_people_seconds:.1f}",
            f"{found.ten_people_share:.1%}",
        ],
    ]
    print_table(f"Nights of {people:,} people", {"run": "left", "seconds": "right", "of the first": "right"}, rows)


def measure_nights(root: Path, people: int, seed: int = 7) -> NightCosts:
    """The costs on a demo company in an empty folder. Raises Failed where a run breaks off."""
    build_demo(root, people=people, seed=seed, end=_LAST_DAY)
    settings = resolve_settings(root)
    first = _timed(settings, "first night", 0)
    nothing = _timed(settings, "nothing new", 1)
    write_new_worklogs(settings, share=0.01, day=_LAST_DAY + timedelta(days=2), seed=seed)
    percent = _timed(settings, "1 % new evidence", 2)
    before = _rows(settings)
    touched = write_new_worklogs(settings, people=_TOUCHED, day=_LAST_DAY + timedelta(days=2), seed=seed)
    few = _timed(settings, "a file of ten people", 2, incremental=True)
    changed = find_people_with_changed_rows(before, _rows(settings))
    return NightCosts(
        people, first, nothing, percent, few, nothing / first, percent / first, few / first, touched, changed.len()
    )


def write_new_worklogs(
    settings: Settings, *, day: date, seed: int, share: float | None = None, people: int | None = None
) -> int:
    """Write an export of worklogs of that day: the latest share of those there are, or three of each of some people.
    Returns how many people it names. Raises Failed where there is no export to follow."""
    folder = settings.root / "landing" / "tempo"
    files = sorted(folder.glob("worklogs_*.csv"))
    if not files:
        raise CommandFailed(f"no worklogs in {folder}: write a demo first")
    draw = random.Random(f"{seed} {day} {share} {people}")
    with files[0].open(newline="", encoding="utf-8") as stream:
        rows = csv.DictReader(stream)
        head = list(rows.fieldnames or [])
        good = [row for row in rows if row["Username"] and row["Hours"] and row["Worklog Id"].isdigit()]
    good.sort(key=lambda row: row["Work date"])
    if share is not None:  # work goes on as it did last
        chosen = good[-max(1, round(share * len(good))) :]
    else:
        # the latest work of people whose work goes on
        who = draw.sample(sorted({row["Username"] for row in good[-len(good) // 20 :]}), people or 1)
        chosen = [row for name in who for row in [one for one in good if one["Username"] == name][-3:]]
    name = f"worklogs_{day}_{'share' if share else 'few'}.csv"
    unfinished = folder / f".{name}"
    with unfinished.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, head)
        writer.writeheader()
        for number, row in enumerate(chosen):
            code = f"9{draw.randrange(10**6):06d}{number}"
            writer.writerow({**row, "Worklog Id": code, "Work date": day.isoformat()})
    shutil.move(unfinished, folder / name)
    return len({row["Username"] for row in chosen})


def find_people_with_changed_rows(before: pl.DataFrame, after: pl.DataFrame) -> pl.Series:
    """person_id of everyone whose rows are not the same, the stamps of the snapshot aside."""
    frames = [
        frame.drop(_STAMPS).with_columns(pl.col("reasons").list.eval(pl.element().struct.json_encode()).list.join(" "))
        for frame in (before, after)
    ]
    return pl.concat(frames).filter(pl.struct(pl.all()).is_unique())["person_id"].unique().sort()


def _rows(settings: Settings) -> pl.DataFrame:
    return current_snapshot(settings.published_path).scan(NEXT_SKILL.name).collect()


def _timed(settings: Settings, what: str, day: int, incremental: bool = False) -> float:
    with _clock() as seconds:
        execute_run(
            settings,
            load_config(settings),
            None,
            False,
            incremental=incremental,
            run_day=_LAST_DAY + timedelta(days=day),
        )
    print_note(f"{what}: {seconds[0]:.1f} s")
    return seconds[0]


@contextmanager
def _clock() -> Iterator[list[float]]:
    seconds = [0.0]
    start = time.perf_counter()
    yield seconds
    seconds[0] = time.perf_counter() - start
