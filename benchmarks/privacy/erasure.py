"""`footsteps bench erasure`: what the erasure of people costs, as a share of a first run without training.

Belongs here: the runs on a synthetic company, and their times.
Does not belong here: the erasure itself (`pipelines.privacy`).
"""

import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from assets.cli.run import execute_run
from assets.cli.terminal.console import CommandFailed, print_json, print_table, resolve_settings
from assets.cli.terminal.inputs import load_config, resolve_landing_folder
from ml.registry.champion_challenger import run_champion_challenger
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import PERSON
from pipelines.demo.build import build_demo
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erased_people import KEY_VARIABLE
from pipelines.privacy.erasure import erase_people

_LAST_DAY, _ERASED_AT = date(2026, 6, 30), datetime(2026, 7, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ErasureCosts:
    """Seconds without training, and their share of the first run.

    Attributes:
        people: People of the company.
        erased: People who are erased.
        first_seconds: The first run.
        erasure_seconds: The deletion everywhere, with the search by content.
        next_run_seconds: The run that follows, which computes every table.
        erasure_share: The deletion as a share of the first run.
        remaining: Files in which the search by content still finds a value of them: there must be none.
        places: Seconds per place of the erasure.
    """

    people: int
    erased: int
    first_seconds: float
    erasure_seconds: float
    next_run_seconds: float
    erasure_share: float
    remaining: int
    places: dict[str, float]


def print_erasure(people: int, erased: int, as_json: bool) -> None:
    """Time a first run, the erasure of people, and the run that follows; training is left out of all times."""
    if erased > people:
        raise CommandFailed(f"--erased {erased} is more than --people {people}")
    with tempfile.TemporaryDirectory() as folder:
        costs = measure_erasure(Path(folder), people, erased)
    if as_json:
        print_json(asdict(costs))
        return
    rows = [
        ["first run", f"{costs.first_seconds:.1f}", "100 %"],
        [f"erasure of {erased:,}", f"{costs.erasure_seconds:.1f}", f"{costs.erasure_share:.1%}"],
        *([f"  {place}", f"{seconds:.1f}", ""] for place, seconds in costs.places.items() if seconds >= 0.1),
        ["the run after it", f"{costs.next_run_seconds:.1f}", f"{costs.next_run_seconds / costs.first_seconds:.1%}"],
    ]
    headings = {"work, without training": "left", "seconds": "right", "of the first": "right"}
    print_table(f"Erasure among {people:,} people: {costs.remaining} files still hold a value", headings, rows)


def measure_erasure(folder: Path, people: int, erased: int, seed: int = 7) -> ErasureCosts:
    """Measure the erasure on a new demo company.

    Args:
        folder: An empty folder for the data root and the list of erased people.
        people: Number of people.
        erased: Number of people who are erased, evenly spread over the sorted ids.
        seed: Seed of the company.
    """
    root = folder / "root"
    build_demo(root, people_count=people, seed=seed, export_day=_LAST_DAY)
    with (root / "footsteps.yaml").open("a") as declaration:
        declaration.write("privacy: {erased_people: ../erased.jsonl}\n")
    settings = resolve_settings(root)
    with patch.dict(os.environ, {KEY_VARIABLE: secrets.token_hex()}):
        first_seconds = _time_run(settings)
        config = load_config(settings)
        stores = DataRoot(settings, config, resolve_landing_folder(settings, config))
        person_ids = stores.lake.scan(PERSON).select("person_id").collect()["person_id"].sort()
        moments: list[tuple[str, float]] = []
        start = time.perf_counter()
        receipt = erase_people(
            stores,
            {person_ids[(2 * number + 1) * person_ids.len() // (2 * erased)] for number in range(erased)},
            _ERASED_AT,
            lambda place: moments.append((place.split(":")[0], time.perf_counter())),
        )
        end = time.perf_counter()
        assert receipt is not None
        next_run_seconds = _time_run(settings)
    seconds_by_place: dict[str, float] = {}
    for (place, begin), (_, next_begin) in zip(moments, [*moments[1:], ("", end)], strict=True):
        seconds_by_place[place] = seconds_by_place.get(place, 0.0) + next_begin - begin
    return ErasureCosts(
        people=people,
        erased=erased,
        first_seconds=first_seconds,
        erasure_seconds=end - start,
        next_run_seconds=next_run_seconds,
        erasure_share=(end - start) / first_seconds,
        remaining=len(receipt.remaining),
        places=seconds_by_place,
    )


def _time_run(settings: Settings) -> float:
    """Seconds of a run without its training."""
    start = time.perf_counter()
    with _time_training() as training_seconds:
        execute_run(settings, load_config(settings), _LAST_DAY, allow_row_count_drop=True)
    return time.perf_counter() - start - sum(training_seconds)


@contextmanager
def _time_training() -> Iterator[list[float]]:
    seconds: list[float] = []
    train = run_champion_challenger

    def train_timed(*arguments: Any, **options: Any) -> Any:
        start = time.perf_counter()
        try:
            return train(*arguments, **options)
        finally:
            seconds.append(time.perf_counter() - start)

    with patch("assets.tables.model.run_champion_challenger", train_timed):
        yield seconds
