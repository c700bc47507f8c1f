"""`footsteps bench incremental`: what a run costs if little or nothing is new, and an incremental run for ten people.

Belongs here: the runs on a synthetic company, their times, and what changed.
Does not belong here: how a run finds out what is new (`assets.incremental.incremental_asset`,
`assets.automation.run_selection`).
"""

import csv
import random
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from assets.cli.run import execute_run
from assets.cli.terminal.console import CommandFailed, print_json, print_note, print_table, resolve_settings
from assets.cli.terminal.inputs import load_config
from pipelines.config.settings import Settings
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.demo.build import build_demo
from pipelines.snapshots.reader import current_snapshot
from pipelines.storage.atomic_write import replacing

_LAST_DAY = date(2026, 6, 30)
_CHANGED_PEOPLE = 10
_SNAPSHOT_COLUMNS = ("snapshot_id", "as_of", "valid_until")


@dataclass(frozen=True)
class IncrementalRunCosts:
    """Seconds of each run, and their share of the first run."""

    people: int
    first_seconds: float
    nothing_new_seconds: float
    one_percent_seconds: float
    ten_people_seconds: float
    nothing_new_share: float
    one_percent_share: float
    ten_people_share: float
    people_touched: int  # people in the last file
    people_changed: int  # people whose published rows differ after it


def print_incremental_runs(people: int, as_json: bool) -> None:
    """Time a first run, a run without new data, a run with 1 % more work, and an incremental run for ten people."""
    with tempfile.TemporaryDirectory() as folder:
        costs = measure_incremental_runs(Path(folder), people)
    if as_json:
        print_json(asdict(costs))
        return
    rows = [
        ["first run", f"{costs.first_seconds:.1f}", "100 %"],
        ["nothing new", f"{costs.nothing_new_seconds:.1f}", f"{costs.nothing_new_share:.1%}"],
        ["1 % more work", f"{costs.one_percent_seconds:.1f}", f"{costs.one_percent_share:.1%}"],
        [
            f"a file about {costs.people_touched} people; rows of {costs.people_changed} people changed",
            f"{costs.ten_people_seconds:.1f}",
            f"{costs.ten_people_share:.1%}",
        ],
    ]
    print_table(f"Runs for {people:,} people", {"run": "left", "seconds": "right", "of the first": "right"}, rows)


def measure_incremental_runs(root: Path, people: int, seed: int = 7) -> IncrementalRunCosts:
    """Measure the runs on a new demo company.

    Args:
        root: An empty folder, which becomes the data root.
        people: Number of people.
        seed: Seed of the company and of its new work.

    Raises:
        CommandFailed: A run failed.
    """
    build_demo(root, people_count=people, seed=seed, export_day=_LAST_DAY)
    settings, new_day = resolve_settings(root), _LAST_DAY + timedelta(days=2)
    first = _time_run(settings, "first run", 0)
    nothing_new = _time_run(settings, "nothing new", 1)
    write_new_worklogs(settings, share=0.01, day=new_day, seed=seed)
    one_percent = _time_run(settings, "1 % more work", 2)
    before = _read_recommendations(settings)
    touched = write_new_worklogs(settings, people=_CHANGED_PEOPLE, day=new_day, seed=seed)
    ten_people = _time_run(settings, "a file about ten people", 2, incremental=True)
    changed = find_people_with_changed_rows(before, _read_recommendations(settings))
    return IncrementalRunCosts(
        people=people,
        first_seconds=first,
        nothing_new_seconds=nothing_new,
        one_percent_seconds=one_percent,
        ten_people_seconds=ten_people,
        nothing_new_share=nothing_new / first,
        one_percent_share=one_percent / first,
        ten_people_share=ten_people / first,
        people_touched=touched,
        people_changed=changed.len(),
    )


def write_new_worklogs(
    settings: Settings, *, day: date, seed: int, share: float | None = None, people: int | None = None
) -> int:
    """Write an export with new worklogs, copied from the latest existing ones.

    Args:
        settings: Settings of the demo company.
        day: Day of the new work.
        seed: Seed of the choice of people and of the record codes.
        share: Number of new worklogs as a share of the existing ones; exclusive with `people`.
        people: Number of people with three new worklogs each.

    Returns:
        Number of people in the export.

    Raises:
        CommandFailed: There is no earlier export.
    """
    folder = settings.root / "landing" / "tempo"
    files = sorted(folder.glob("worklogs_*.csv"))
    if not files:
        raise CommandFailed(f"no worklogs in {folder}: write a demo first")
    draw = random.Random(f"{seed} {day} {share} {people}")
    with files[0].open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        header = list(reader.fieldnames or [])
        valid = [row for row in reader if row["Username"] and row["Hours"] and row["Worklog Id"].isdigit()]
    valid.sort(key=lambda row: row["Work date"])
    if share is not None:
        chosen = valid[-max(1, round(share * len(valid))) :]
    else:
        # people who still work, with their latest work
        active = sorted({row["Username"] for row in valid[-len(valid) // 20 :]})
        names = draw.sample(active, people or 1)
        chosen = [row for name in names for row in [entry for entry in valid if entry["Username"] == name][-3:]]
    file = folder / f"worklogs_{day}_{'share' if share else 'few'}.csv"
    with replacing(file) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, header)
        writer.writeheader()
        for number, row in enumerate(chosen):
            code = f"9{draw.randrange(10**6):06d}{number}"
            writer.writerow({**row, "Worklog Id": code, "Work date": day.isoformat()})
    return len({row["Username"] for row in chosen})


def find_people_with_changed_rows(before: pl.DataFrame, after: pl.DataFrame) -> pl.Series:
    """The people whose recommendations differ, apart from the columns that identify the snapshot.

    Args:
        before: Rows of `out__next_skill` of one snapshot.
        after: Rows of `out__next_skill` of another snapshot.

    Returns:
        person_id of each person, sorted.
    """
    comparable = [
        frame.drop(_SNAPSHOT_COLUMNS).with_columns(
            pl.col("reasons").list.eval(pl.element().struct.json_encode()).list.join(" ")
        )
        for frame in (before, after)
    ]
    return pl.concat(comparable).filter(pl.struct(pl.all()).is_unique())["person_id"].unique().sort()


def _read_recommendations(settings: Settings) -> pl.DataFrame:
    return current_snapshot(settings.published_path).scan(NEXT_SKILL.name).collect()


def _time_run(settings: Settings, title: str, days: int, incremental: bool = False) -> float:
    start = time.perf_counter()
    run_day = _LAST_DAY + timedelta(days=days)
    execute_run(settings, load_config(settings), None, False, incremental=incremental, run_day=run_day)
    seconds = time.perf_counter() - start
    print_note(f"{title}: {seconds:.1f} s")
    return seconds
