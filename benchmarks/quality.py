"""`footsteps bench mastery`, `bench tracing`, `bench truth`: the quality of levels, prerequisites and lists.

Belongs here: reading the data that estimates are compared with, and printing the tables.
Does not belong here: the measurements (`mastery`, `knowledge_tracing`, `planted_truth`).
"""

from datetime import date
from pathlib import Path

import polars as pl

from assets.cli.terminal.console import CommandFailed, print_note, resolve_settings
from benchmarks.knowledge_tracing import choose_split_moment, evaluate_knowledge_tracing
from benchmarks.mastery import benchmark_mastery
from benchmarks.planted_truth import measure_path_share, measure_prerequisite_agreement, measure_stage_agreement
from benchmarks.tables import print_results
from ml.mastery.prerequisites import learn_prerequisites
from pipelines.contracts.catalog import EVIDENCE
from pipelines.contracts.feature_tables import MASTERY, REACHED_STEP
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.contracts.policy import RecommendationPolicy, StagePolicy
from pipelines.demo.simulation.evidence_ledger import build_evidence_ledger
from pipelines.demo.simulation.world import generate_histories, generate_world
from pipelines.storage.lake import Lake

_DEMO_END = date(2026, 6, 30)


def print_mastery(people: int, as_json: bool) -> None:
    """Compute mastery, prerequisites, capabilities, motives and alignment: seconds and memory."""
    print_results("Mastery", benchmark_mastery(people, lambda what, share: print_note(f"{what} {share:.0%}")), as_json)


def print_tracing(people: int, data_root: Path | None, roles: Path | None, as_json: bool) -> None:
    """Predict the latest quarter of the feedback, in a data root after a run or in the demo company.

    Args:
        people: Number of people of the demo company.
        data_root: Data root with evidence; by default the demo company is simulated.
        roles: Folder of role changes and commits, which takes precedence over the others.
        as_json: Whether to print JSON.

    Raises:
        CommandFailed: There is too little feedback, or a file is missing.
    """
    policy = StagePolicy()
    if roles is not None:
        # promotions are rare: a whole organisation has fewer role changes than a company has reviews
        evidence, policy = read_role_change_evidence(roles), StagePolicy(tracing_outcomes=100)
    elif data_root is not None:
        evidence = Lake(resolve_settings(data_root).lake_path).scan(EVIDENCE).collect()
    else:
        world = generate_world(people, seed=7, export_day=_DEMO_END)
        evidence = pl.concat([build_evidence_ledger(world, history) for history in generate_histories(world)])
    try:
        scores = evaluate_knowledge_tracing(evidence, choose_split_moment(evidence), policy)
    except ValueError as error:
        raise CommandFailed(f"levels cannot be evaluated: {error}") from error
    print_results("Tracing", scores, as_json)


def read_role_change_evidence(folder: Path) -> pl.DataFrame:
    """Read the history of an organisation as evidence.

    Each change of a held role is feedback about the team as a skill, positive for a promotion. Each commit of the
    person is a repetition of it.

    Args:
        folder: Folder with `hr_role_changes.csv` (person_id, team, from_role, to_role, changed_at) and
            `project_commits.parquet` (person_id, ts).

    Returns:
        Rows of the evidence table.

    Raises:
        CommandFailed: A file is missing.
    """
    try:
        changes = pl.read_csv(folder / "hr_role_changes.csv", try_parse_dates=True)
        commits = pl.read_parquet(folder / "project_commits.parquet", columns=["person_id", "ts"])
    except OSError as error:
        raise CommandFailed(f"{folder} has no hr_role_changes.csv and project_commits.parquet") from error
    role_levels = {"lead": 2, "member": 1, "alumni": 0, "removed": 0}
    before, after = (
        pl.col(name).replace_strict(role_levels, return_dtype=pl.Int8, default=None)
        for name in ("from_role", "to_role")
    )
    held = changes.with_columns((after > before).alias("is_promotion")).filter(
        pl.col("from_role").is_in(list(role_levels))
    )
    feedback = held.select(
        "person_id",
        pl.col("team").alias("skill_id"),
        _utc("changed_at"),
        pl.lit("feedback").alias("mode"),
        pl.col("is_promotion").cast(pl.Float64).alias("amount"),
        pl.lit("share").alias("amount_unit"),
        pl.lit("manager").alias("feedback_kind"),
    )
    practice = feedback.select("person_id", "skill_id").unique().join(commits, on="person_id")
    practice = practice.select(
        "person_id",
        "skill_id",
        _utc("ts"),
        pl.lit("repetition").alias("mode"),
        pl.lit(1.0).alias("amount"),
        pl.lit("count").alias("amount_unit"),
        pl.lit(None, pl.String).alias("feedback_kind"),
    )
    rows = pl.concat([feedback, practice]).with_columns(pl.int_range(pl.len()).cast(pl.String).alias("evidence_id"))
    rows = rows.with_columns(pl.lit("role changes").alias("table_name"))
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in EVIDENCE.schema.items() if name not in rows.columns]
    return rows.with_columns(missing).select(EVIDENCE.column_names)


def _utc(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("occurred_at")


def print_truth(data_root: Path | None, as_json: bool) -> None:
    """Compare the tables of a run on the demo company with the planted truth.

    Raises:
        CommandFailed: The data root has no planted truth, or nothing is recommended yet.
    """
    settings = resolve_settings(data_root)
    truth = settings.root / "truth"
    if not truth.is_dir():
        raise CommandFailed(f"{settings.root} has no planted truth: write a demo with `footsteps demo` and run it")
    lake = Lake(settings.lake_path)
    steps, mastery, rows = (lake.scan(table).collect() for table in (REACHED_STEP, MASTERY, NEXT_SKILL))
    if rows.is_empty():
        raise CommandFailed("nothing is recommended yet: start a run with `footsteps run`")
    learnt = learn_prerequisites(steps, RecommendationPolicy().precedence)
    measures = [
        measure_stage_agreement(truth, mastery),
        measure_prerequisite_agreement(truth, learnt),
        *measure_path_share(truth, rows, steps),
    ]
    print_results("Truth", measures, as_json)
