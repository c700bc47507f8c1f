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
    parse_profiles,
    profile_column,
    serialize_profiles,
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
    as_of, model_version = run.as_of, run.tables.read(MODEL_CARD)["model_version"][0]
    score_columns = select_scores(run.tables.read(CANDIDATE))
    watched_columns = {**select_inputs(run.tables.read(REACHED_STEP), as_of), **score_columns}
    bundle_folder = run.settings.models_path / model_version
    profiles = read_reference_profiles(bundle_folder)
    missing_profiles = {
        column_name: profile_column(watched_column)
        for column_name, watched_column in watched_columns.items()
        if column_name not in profiles
    }
    if missing_profiles:  # the first run of this model: its columns are the reference of later runs
        profiles |= missing_profiles
        write_text_atomically(bundle_folder / PROFILES, serialize_profiles(profiles))
    kind_by_column: dict[str, ColumnKind] = {
        column_name: "score" if column_name in score_columns else "input" for column_name in watched_columns
    }
    column_drifts = measure_drift(profiles, watched_columns, kind_by_column, run.config.training.drift_limit)
    drift_rows = [
        {
            "as_of": as_of,
            "watched_name": column_drift.name,
            "watched_kind": column_drift.kind,
            "stability_index": column_drift.index,
            "chance_index": column_drift.chance,
            "is_drifted": column_drift.is_drifted,
            "model_version": model_version,
        }
        for column_drift in column_drifts
    ]
    earlier_rows = run.tables.read(DRIFT).filter(pl.col("as_of") != as_of)
    index_by_name = {f"index_{column_drift.name}": column_drift.index for column_drift in column_drifts}
    metadata = {"drift": MetadataValue.md(_render_markdown(column_drifts)), **index_by_name}
    yield run.materialize(DRIFT, pl.concat([earlier_rows, pl.DataFrame(drift_rows, schema=DRIFT.schema)]), metadata)
    drifted_names = ", ".join(column_drift.name for column_drift in column_drifts if column_drift.is_drifted)
    yield AssetCheckResult(
        asset_key=DRIFT.name,
        check_name=STEADY,
        passed=not drifted_names,
        severity=AssetCheckSeverity.WARN,
        description=f"moved since {model_version} was trained: {drifted_names}"
        if drifted_names
        else "all within the limit",
    )


def select_inputs(reached_steps: pl.DataFrame, as_of: date) -> dict[str, pl.Series]:
    """The inputs that are compared, by name: per person the number, age and recency of steps; and the recent steps.

    Args:
        reached_steps: Reached steps (`feat_step__event_reached`).
        as_of: The last day whose steps count.
    """
    age_days = (last_instant(as_of) - pl.col("reached_at")).dt.total_days()
    past_steps = reached_steps.filter(pl.col("reached_at") <= last_instant(as_of))
    recent_steps = past_steps.filter(age_days < RECENT_DAYS)
    person_statistics = past_steps.group_by("person_id").agg(
        pl.len().alias("steps_held"),
        age_days.max().alias("tenure_days"),
        age_days.min().alias("idle_days"),
        (age_days < RECENT_DAYS).sum().alias("steps_lately"),
    )
    person_columns = {statistic.name: statistic for statistic in person_statistics.drop("person_id")}
    return {**person_columns, "skill_lately": recent_steps["skill_id"], "kind_lately": recent_steps["kind"]}


def select_scores(candidates: pl.DataFrame) -> dict[str, pl.Series]:
    """The scores that are compared, by name: probability, utility, kind and contributions of the best candidates.

    Args:
        candidates: Ranked candidates (`model_ranker__assn_candidate`).
    """
    utility_rank = pl.col("prior").rank("ordinal", descending=True).over("person_id")
    best_candidates = candidates.filter(utility_rank <= _BEST_CANDIDATES)
    contribution_columns = {
        f"part_{family}": best_candidates[f"contribution_{family}"].drop_nulls()
        for family in FEATURE_FAMILIES
        if best_candidates[f"contribution_{family}"].count()
    }
    return {
        "probability": best_candidates["probability"],
        "utility": best_candidates["prior"],
        "kind": best_candidates["kind"],
        **contribution_columns,
    }


def read_reference_profiles(bundle_folder: Path) -> dict[str, ColumnProfile]:
    """The profiles in the folder of a model bundle, by column; none if there are none yet, or the file is damaged."""
    profiles_path = bundle_folder / PROFILES
    try:
        return parse_profiles(profiles_path.read_text()) if profiles_path.exists() else {}
    except ValueError:  # what `parse_profiles` raises for a damaged file: the next comparison writes it again
        return {}


def find_drifted_inputs(
    models_folder: Path, model_version: str | None, reached_steps: pl.DataFrame, as_of: date, policy: TrainingPolicy
) -> list[str]:
    """The inputs that moved beyond the limit since a training.

    Args:
        models_folder: Folder of the model bundles.
        model_version: Version of the model that was trained; None if there is none.
        reached_steps: Reached steps (`feat_step__event_reached`).
        as_of: The last day whose steps count.
        policy: The policy of training, with the limit of drift.
    """
    if model_version is None:
        return []
    input_columns, reference_profiles = (
        select_inputs(reached_steps, as_of),
        read_reference_profiles(models_folder / model_version),
    )
    kind_by_column: dict[str, ColumnKind] = dict.fromkeys(input_columns, "input")
    column_drifts = measure_drift(reference_profiles, input_columns, kind_by_column, policy.drift_limit)
    return [column_drift.name for column_drift in column_drifts if column_drift.is_drifted]


def save_input_profiles(bundle_folder: Path, reached_steps: pl.DataFrame, as_of: date) -> None:
    """Store the distribution of the inputs of a training in the folder of its model bundle."""
    profiles = {
        input_name: profile_column(input_values)
        for input_name, input_values in select_inputs(reached_steps, as_of).items()
    }
    write_text_atomically(bundle_folder / PROFILES, serialize_profiles(profiles))


def _render_markdown(column_drifts: tuple[ColumnDrift, ...]) -> str:
    table_lines = ["| what | kind | stability index | by chance | moved |", "|---|---|---:|---:|---|"]
    table_lines += [
        f"| {column_drift.name} | {column_drift.kind} | {column_drift.index:.3f} | {column_drift.chance:.3f} "
        f"| {'yes' if column_drift.is_drifted else ''} |"
        for column_drift in column_drifts
    ]
    return "\n".join(table_lines)
