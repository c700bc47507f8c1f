"""Drift of inputs and scores since the training of the model in use.

Belongs here: which columns are compared, and where their profiles are stored.
Does not belong here: the index of drift (`ml.evaluation.drift`).
"""

from datetime import date
from pathlib import Path

import polars as pl
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    MetadataValue,
)

from assets.incremental.asset_run import AssetRun
from assets.incremental.incremental_asset import Results, pipeline_asset
from ml.evaluation.drift import (
    ColumnDrift,
    ColumnKind,
    ColumnProfile,
    measure_drift,
    profile_column,
    read_profiles,
    write_profiles,
)
from ml.mastery.state import last_instant
from pipelines.contracts.columns import FEATURE_FAMILIES
from pipelines.contracts.feature_tables import CANDIDATE, DRIFT, MODEL_CARD, REACHED_STEP
from pipelines.contracts.policy import TrainingPolicy
from pipelines.storage.atomic_write import write_text_atomically

STEADY = "inputs_and_scores_are_steady"
PROFILES = "profiles.json"
RECENT_DAYS = 90
# The best candidates per person that are compared: what a list is made of.
_BEST_CANDIDATES = 10


@pipeline_asset(
    name="measure_drift",
    tables=[DRIFT],
    reads=[CANDIDATE, REACHED_STEP, MODEL_CARD],
    check_specs=[
        AssetCheckSpec(
            STEADY, asset=DRIFT.name, description="No input and no score moved beyond the limit since the training."
        )
    ],
)
def drift(run: AssetRun) -> Results:
    """Compare inputs and scores of this run with those of the run that trained the model in use."""
    as_of, version = run.as_of, run.tables.read(MODEL_CARD)["model_version"][0]
    scores = select_scores(run.tables.read(CANDIDATE))
    columns = {**select_inputs(run.tables.read(REACHED_STEP), as_of), **scores}
    folder = run.settings.models_path / version
    profiles = read_reference(folder)
    missing = {name: profile_column(column) for name, column in columns.items() if name not in profiles}
    if missing:  # the first run of this model: its columns are the reference of later runs
        profiles |= missing
        write_text_atomically(folder / PROFILES, write_profiles(profiles))
    kinds: dict[str, ColumnKind] = {name: "score" if name in scores else "input" for name in columns}
    measured = measure_drift(profiles, columns, kinds, run.config.training.drift_limit)
    rows = [
        {
            "as_of": as_of,
            "watched_name": column.name,
            "watched_kind": column.kind,
            "stability_index": column.index,
            "chance_index": column.chance,
            "is_drifted": column.is_drifted,
            "model_version": version,
        }
        for column in measured
    ]
    history = run.tables.read(DRIFT).filter(pl.col("as_of") != as_of)
    indices = {f"index_{column.name}": column.index for column in measured}
    metadata = {"drift": MetadataValue.md(_render_markdown(measured)), **indices}
    yield run.materialize(DRIFT, pl.concat([history, pl.DataFrame(rows, schema=DRIFT.schema)]), metadata)
    drifted = ", ".join(column.name for column in measured if column.is_drifted)
    yield AssetCheckResult(
        asset_key=DRIFT.name,
        check_name=STEADY,
        passed=not drifted,
        severity=AssetCheckSeverity.WARN,
        description=f"moved since {version} was trained: {drifted}" if drifted else "all within the limit",
    )


def select_inputs(steps: pl.DataFrame, as_of: date) -> dict[str, pl.Series]:
    """The inputs that are compared, by name: per person the number, age and recency of steps; and the recent steps.

    Args:
        steps: Reached steps (`feat_step__event_reached`).
        as_of: The last day whose steps count.
    """
    age_days = (last_instant(as_of) - pl.col("reached_at")).dt.total_days()
    reached = steps.filter(pl.col("reached_at") <= last_instant(as_of))
    recent = reached.filter(age_days < RECENT_DAYS)
    per_person = reached.group_by("person_id").agg(
        pl.len().alias("steps_held"),
        age_days.max().alias("tenure_days"),
        age_days.min().alias("idle_days"),
        (age_days < RECENT_DAYS).sum().alias("steps_lately"),
    )
    columns = {column.name: column for column in per_person.drop("person_id")}
    return {**columns, "skill_lately": recent["skill_id"], "kind_lately": recent["kind"]}


def select_scores(candidates: pl.DataFrame) -> dict[str, pl.Series]:
    """The scores that are compared, by name: probability, utility, kind and contributions of the best candidates.

    Args:
        candidates: Ranked candidates (`model_ranker__assn_candidate`).
    """
    rank = pl.col("prior").rank("ordinal", descending=True).over("person_id")
    best = candidates.filter(rank <= _BEST_CANDIDATES)
    parts = {
        f"part_{family}": best[f"contribution_{family}"].drop_nulls()
        for family in FEATURE_FAMILIES
        if best[f"contribution_{family}"].count()
    }
    return {"probability": best["probability"], "utility": best["prior"], "kind": best["kind"], **parts}


def read_reference(folder: Path) -> dict[str, ColumnProfile]:
    """The profiles in the folder of a model bundle, by column; none if there are none yet, or the file is damaged."""
    path = folder / PROFILES
    try:
        return read_profiles(path.read_text()) if path.exists() else {}
    except ValueError:  # what `read_profiles` raises for a damaged file: the next comparison writes it again
        return {}


def find_drifted_inputs(
    models: Path, version: str | None, steps: pl.DataFrame, as_of: date, policy: TrainingPolicy
) -> list[str]:
    """The inputs that moved beyond the limit since a training.

    Args:
        models: Folder of the model bundles.
        version: Version of the model that was trained; None if there is none.
        steps: Reached steps (`feat_step__event_reached`).
        as_of: The last day whose steps count.
        policy: The policy of training, with the limit of drift.
    """
    if version is None:
        return []
    columns, reference = select_inputs(steps, as_of), read_reference(models / version)
    kinds: dict[str, ColumnKind] = dict.fromkeys(columns, "input")
    measured = measure_drift(reference, columns, kinds, policy.drift_limit)
    return [column.name for column in measured if column.is_drifted]


def save_input_profiles(folder: Path, steps: pl.DataFrame, as_of: date) -> None:
    """Store the distribution of the inputs of a training in the folder of its model bundle."""
    profiles = {name: profile_column(column) for name, column in select_inputs(steps, as_of).items()}
    write_text_atomically(folder / PROFILES, write_profiles(profiles))


def _render_markdown(measured: tuple[ColumnDrift, ...]) -> str:
    lines = ["| what | kind | stability index | by chance | moved |", "|---|---|---:|---:|---|"]
    lines += [
        f"| {c.name} | {c.kind} | {c.index:.3f} | {c.chance:.3f} | {'yes' if c.is_drifted else ''} |" for c in measured
    ]
    return "\n".join(lines)
