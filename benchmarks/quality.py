"""`footsteps bench mastery`, `bench tracing`, `bench truth`: what levels, orders and lists are worth, as tables.

Belongs here: reading what they are held against, and the tables.
Does not belong here: the measuring (beside what is measured).
"""

from datetime import date
from pathlib import Path

import polars as pl

from assets.cli.console import CommandFailed, print_note, resolve_settings
from benchmarks.knowledge_tracing import choose_split_moment, evaluate_knowledge_tracing
from benchmarks.mastery import benchmark_mastery
from benchmarks.planted_truth import measure_path_share, measure_prerequisite_agreement, measure_stage_agreement
from benchmarks.tables import print_rows
from ml.mastery.prerequisites import learn_prerequisites
from pipelines.contracts.catalog import EVIDENCE
from pipelines.contracts.feature_tables import MASTERY, REACHED_STEP
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.contracts.policy import RecommendationPolicy, StagePolicy
from pipelines.demo.simulation.evidence_ledger import build_evidence_ledger
from pipelines.demo.simulation.world import generate_histories, generate_world
from pipelines.storage.lake import Lake

DEMO_END = date(2026, 6, 30)


def print_mastery(people: int, as_json: bool) -> None:
    """Seconds and memory of mastery, precedence, capabilities, motives and alignment at a number of people."""
    print_rows("Mastery", benchmark_mastery(people, lambda what, share: print_note(f"{what} {share:.0%}")), as_json)


def print_tracing(people: int, data_root: Path | None, roles: Path | None, as_json: bool) -> None:
    """The latest quarter of judgements foretold: of a data root that has been run, else of the demo company."""
    policy = StagePolicy()
    if roles is not None:
        # promotions are rare, and the whole organisation has fewer changes of role than a company has reviews
        evidence, policy = judge_role_changes(roles), StagePolicy(tracing_outcomes=100)
    elif data_root is not None:
        evidence = Lake(resolve_settings(data_root).lake_path).scan(EVIDENCE).collect()
    else:
        world = generate_world(people, seed=7, end=DEMO_END)
        evidence = pl.concat([build_evidence_ledger(world, history) for history in generate_histories(world)])
    try:
        found = evaluate_knowledge_tracing(evidence, choose_split_moment(evidence), policy)
    except ValueError as problem:
        raise CommandFailed(f"levels cannot be judged: {problem}") from problem
    print_rows("Tracing", found, as_json)


def judge_role_changes(folder: Path) -> pl.DataFrame:
    """Evidence of an organisation's history: each change of a role somebody held is a judgement in its team, good where
    it led up, and every commit of that person before it a repetition. Raises Failed where a file is missing.

    `hr_role_changes.csv`: person_id, team, from_role, to_role, changed_at; `project_commits.parquet`: person_id, ts.
    """
    try:
        changes = pl.read_csv(folder / "hr_role_changes.csv", try_parse_dates=True)
        commits = pl.read_parquet(folder / "project_commits.parquet", columns=["person_id", "ts"])
    except OSError as problem:
        raise CommandFailed(f"{folder} has no hr_role_changes.csv and project_commits.parquet") from problem
    place = {"lead": 2, "member": 1, "alumni": 0, "removed": 0}
    before, after = (
        pl.col(name).replace_strict(place, return_dtype=pl.Int8, default=None) for name in ("from_role", "to_role")
    )
    held = changes.with_columns((after > before).alias("good")).filter(pl.col("from_role").is_in(list(place)))
    judged = held.select(
        "person_id",
        pl.col("team").alias("skill_id"),
        _utc("changed_at"),
        pl.lit("feedback").alias("mode"),
        pl.col("good").cast(pl.Float64).alias("amount"),
        pl.lit("share").alias("amount_unit"),
        pl.lit("manager").alias("feedback_kind"),
    )
    worked = judged.select("person_id", "skill_id").unique().join(commits, on="person_id")
    worked = worked.select(
        "person_id",
        "skill_id",
        _utc("ts"),
        pl.lit("repetition").alias("mode"),
        pl.lit(1.0).alias("amount"),
        pl.lit("count").alias("amount_unit"),
        pl.lit(None, pl.String).alias("feedback_kind"),
    )
    rows = pl.concat([judged, worked]).with_columns(pl.int_range(pl.len()).cast(pl.String).alias("evidence_id"))
    rows = rows.with_columns(pl.lit("role changes").alias("table_name"))
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in EVIDENCE.schema.items() if name not in rows.columns]
    return rows.with_columns(missing).select(EVIDENCE.column_names)


def _utc(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("occurred_at")


def print_truth(data_root: Path | None, as_json: bool) -> None:
    """What a night made of the demo company, held against what was planted in it."""
    settings = resolve_settings(data_root)
    truth = settings.root / "truth"
    if not truth.is_dir():
        raise CommandFailed(
            f"{settings.root} has no truth to hold against: write a demo with `footsteps demo` and run it"
        )
    lake = Lake(settings.lake_path)
    steps, mastery, rows = (lake.scan(table).collect() for table in (REACHED_STEP, MASTERY, NEXT_SKILL))
    if rows.is_empty():
        raise CommandFailed("nothing is recommended yet: let a night run with `footsteps run`")
    learnt = learn_prerequisites(steps, RecommendationPolicy().precedence)
    found = [
        measure_stage_agreement(truth, mastery),
        measure_prerequisite_agreement(truth, learnt),
        *measure_path_share(truth, rows, steps),
    ]
    print_rows("Truth", found, as_json)
