"""`footsteps bench mastery`, `bench tracing`, `bench truth`: what levels, orders and lists are worth, as tables.

Belongs here: reading what they are held against, and the tables.
Does not belong here: the measuring (beside what is measured).
"""

from datetime import date
from pathlib import Path

import polars as pl

from assets.commands.bench import print_rows
from assets.commands.saying import Failed, say, settings_of
from ml.mastery_benchmark import benchmark_mastery
from ml.precedence import learn_precedence
from ml.tracing_proof import prove_tracing, split_moment
from pipelines.contracts.catalog import EVIDENCE
from pipelines.contracts.learnt import MASTERY, REACHED_STEP
from pipelines.contracts.policy import Policy, StagePolicy
from pipelines.contracts.published import NEXT_SKILL
from pipelines.demo.judging import agree_on_path, agree_on_precedence, agree_on_stages
from pipelines.demo.ledger import write_ledger
from pipelines.demo.world import generate_histories, generate_world
from pipelines.lake import Lake

DEMO_END = date(2026, 6, 30)


def print_mastery(people: int, as_json: bool) -> None:
    """Seconds and memory of mastery, precedence, capabilities, motives and alignment at a number of people."""
    print_rows("Mastery", benchmark_mastery(people, lambda what, share: say(f"{what} {share:.0%}")), as_json)


def print_tracing(people: int, data_root: Path | None, as_json: bool) -> None:
    """The latest quarter of judgements foretold: of a data root that has been run, else of the demo company."""
    if data_root is not None:
        evidence = Lake(settings_of(data_root).lake_path).scan(EVIDENCE).collect()
    else:
        world = generate_world(people, seed=7, end=DEMO_END)
        evidence = pl.concat([write_ledger(world, history) for history in generate_histories(world)])
    try:
        found = prove_tracing(evidence, split_moment(evidence), StagePolicy())
    except ValueError as problem:
        raise Failed(f"levels cannot be judged: {problem}") from problem
    print_rows("Tracing", found, as_json)


def print_truth(data_root: Path | None, as_json: bool) -> None:
    """What a night made of the demo company, held against what was planted in it."""
    settings = settings_of(data_root)
    truth = settings.root / "truth"
    if not truth.is_dir():
        raise Failed(f"{settings.root} has no truth to hold against: write a demo with `footsteps demo` and run it")
    lake = Lake(settings.lake_path)
    steps, mastery, rows = (lake.scan(table).collect() for table in (REACHED_STEP, MASTERY, NEXT_SKILL))
    if rows.is_empty():
        raise Failed("nothing is recommended yet: let a night run with `footsteps run`")
    learnt = learn_precedence(steps, Policy().precedence)
    found = [
        agree_on_stages(truth, mastery),
        agree_on_precedence(truth, learnt),
        *agree_on_path(truth, rows, steps),
    ]
    print_rows("Truth", found, as_json)
