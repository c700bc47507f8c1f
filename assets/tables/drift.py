"""Drift of inputs and scores as a table that grows night by night, with a check that warns.

Belongs here: which columns are watched, where the profile of the latest training lies.
Does not belong here: the index (`ml.evaluation.drift`).
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    MetadataValue,
    multi_asset,
)

from assets.resources.lineage import attach_lineage
from assets.resources.metadata import build_asset_spec
from assets.resources.pipeline import PipelineResource
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

STEADY = "inputs_and_scores_are_steady"
PROFILES = "profiles.json"
RECENT_DAYS = 90
# Of those who work here, the best ten a person: what a list is made of.
_LISTED = 10


@multi_asset(
    name="measure_drift",
    specs=[build_asset_spec(DRIFT, deps=[CANDIDATE.name, REACHED_STEP.name, MODEL_CARD.name])],
    check_specs=[
        AssetCheckSpec(
            STEADY, asset=DRIFT.name, description="No input and no score moved beyond the limit since the training."
        )
    ],
)
def drift(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    """Compare tonight's inputs and scores with those of the night the model in use was trained in."""
    yield from attach_lineage(_compare(context, pipeline), context)


def _compare(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    as_of, version = pipeline.as_of(context), pipeline.read(MODEL_CARD)["model_version"][0]
    now = {**watch_inputs(pipeline.read(REACHED_STEP), as_of), **watch_scores(pipeline.read(CANDIDATE))}
    known = read_reference(pipeline.settings.models_path / version)
    fresh = {name: profile_column(column) for name, column in now.items() if name not in known}
    if fresh:  # the first night of this model: what it sees now is what later nights are held against
        known |= fresh
        (pipeline.settings.models_path / version / PROFILES).write_text(write_profiles(known))
    found = measure_drift(known, now, {name: watched_kind(name) for name in now}, pipeline.config.training.drift_limit)
    rows = _rows(found, as_of, version)
    history = pipeline.read(DRIFT).filter(pl.col("as_of") != as_of)
    moved = [one.name for one in found if one.is_drifted]
    yield pipeline.materialize(
        DRIFT,
        pl.concat([history, rows]),
        {
            "drift": MetadataValue.md(_as_markdown(found)),
            **{f"index_{one.name}": one.index for one in found},
        },
    )
    yield AssetCheckResult(
        asset_key=DRIFT.name,
        check_name=STEADY,
        passed=not moved,
        severity=AssetCheckSeverity.WARN,
        description=f"moved since {version} was trained: {', '.join(moved)}" if moved else "all within the limit",
    )


def watch_inputs(steps: pl.DataFrame, as_of: date) -> dict[str, pl.Series]:
    """Of everyone with a step: how many, since when, how long ago, how many lately; and which steps lately."""
    end = last_instant(as_of)
    known = steps.filter(pl.col("reached_at") <= end)
    recent = known.filter((end - pl.col("reached_at")).dt.total_days() < RECENT_DAYS)
    each = known.group_by("person_id").agg(
        pl.len().alias("steps_held"),
        ((end - pl.col("reached_at").min()).dt.total_days()).alias("tenure_days"),
        ((end - pl.col("reached_at").max()).dt.total_days()).alias("idle_days"),
        ((end - pl.col("reached_at")).dt.total_days() < RECENT_DAYS).sum().alias("steps_lately"),
    )
    told = {name: each[name] for name in ("steps_held", "tenure_days", "idle_days", "steps_lately")}
    return {**told, "skill_lately": recent["skill_id"], "kind_lately": recent["kind"]}


def watch_scores(candidates: pl.DataFrame) -> dict[str, pl.Series]:
    """Of the best candidates of everyone: probability, utility, kind, and what each family of features adds."""
    best = candidates.filter(pl.col("prior").rank("ordinal", descending=True).over("person_id") <= _LISTED)
    families = {
        f"part_{family}": best[f"contribution_{family}"].drop_nulls()
        for family in FEATURE_FAMILIES
        if best[f"contribution_{family}"].count()
    }
    return {"probability": best["probability"], "utility": best["prior"], "kind": best["kind"], **families}


def watched_kind(name: str) -> ColumnKind:
    """Whether a watched column is an input or a score."""
    return "score" if name in ("probability", "utility", "kind") or name.startswith("part_") else "input"


def read_reference(folder: Path) -> dict[str, ColumnProfile]:
    """The profiles kept beside a bundle; none where there are none yet."""
    path = folder / PROFILES
    try:
        return read_profiles(path.read_text()) if path.exists() else {}
    except ValueError:
        return {}


def find_drifted_inputs(pipeline: PipelineResource, version: str | None, steps: pl.DataFrame, as_of: date) -> list[str]:
    """The inputs that moved beyond the limit since the model of that version was trained."""
    if version is None:
        return []
    now = watch_inputs(steps, as_of)
    kinds: dict[str, ColumnKind] = dict.fromkeys(now, "input")
    found = measure_drift(
        read_reference(pipeline.settings.models_path / version), now, kinds, pipeline.config.training.drift_limit
    )
    return [one.name for one in found if one.is_drifted]


def save_input_profiles(folder: Path, steps: pl.DataFrame, as_of: date) -> None:
    """Keep beside a new bundle how its inputs were distributed in the night of its training."""
    inputs = {name: profile_column(column) for name, column in watch_inputs(steps, as_of).items()}
    (folder / PROFILES).write_text(write_profiles(inputs))


def _rows(found: tuple[ColumnDrift, ...], as_of: date, version: str) -> pl.DataFrame:
    rows = [(as_of, one.name, one.kind, one.index, one.chance, one.is_drifted, version) for one in found]
    names = ("as_of", "watched_name", "watched_kind", "stability_index", "chance_index", "is_drifted", "model_version")
    return pl.DataFrame(rows, schema={name: DRIFT.schema[name] for name in names}, orient="row").select(
        DRIFT.column_names
    )


def _as_markdown(found: tuple[ColumnDrift, ...]) -> str:
    lines = ["| what | kind | stability index | by chance | moved |", "|---|---|---:|---:|---|"]
    lines += [
        f"| {o.name} | {o.kind} | {o.index:.3f} | {o.chance:.3f} | {'yes' if o.is_drifted else ''} |" for o in found
    ]
    return "\n".join(lines)
