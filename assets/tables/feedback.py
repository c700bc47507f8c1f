"""What readers showed and what came of it, as assets: labels for training and evaluation, told with their limits.

Belongs here: the labels and acceptance as tables, and what the UI is told of them.
Does not belong here: the estimates (`ml.evaluation.offpolicy`), landing exposures and outcomes
(`pipelines.contracts.canonical_schemas`).
"""

from collections.abc import Iterator
from typing import Any

import polars as pl
from dagster import AssetsDefinition, MaterializeResult, multi_asset

from assets.resources.metadata import build_asset_spec
from assets.resources.pipeline import PipelineResource
from ml.evaluation.offpolicy import (
    count_unmatched_outcomes,
    estimate_acceptance,
    label_exposures,
    measure_acceptance_by_rank,
    measure_position_bias,
)
from pipelines.contracts.catalog import EXPOSURE, OUTCOME
from pipelines.contracts.feature_tables import ACCEPTANCE, SHOWN_STEP
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.snapshots.reader import list_snapshots

_STEP = ("snapshot_id", "person_id", "skill_id", "to_stage")


def feedback_assets() -> list[AssetsDefinition]:
    """Labels and acceptance."""
    return [acceptance]


@multi_asset(
    name="weigh_acceptance",
    specs=[build_asset_spec(table, deps=[EXPOSURE.name, OUTCOME.name]) for table in (SHOWN_STEP, ACCEPTANCE)],
)
def acceptance(pipeline: PipelineResource) -> Iterator[MaterializeResult[None]]:
    """What was shown, what was taken up, and how much of that is the place where it stood."""
    exposures, outcomes = pipeline.read(EXPOSURE), pipeline.read(OUTCOME)
    labels = label_exposures(exposures, outcomes)
    told = labels.rename({"is_accepted": "is_accepted_step"}).select(
        pl.col(name).cast(dtype) for name, dtype in SHOWN_STEP.schema.items()
    )
    yield pipeline.materialize(
        SHOWN_STEP, told, {"outcomes_without_exposure": count_unmatched_outcomes(exposures, outcomes)}
    )
    bias = measure_position_bias(labels)
    rows = measure_acceptance_by_rank(labels).join(bias, on="shown_rank", how="left")
    rows = rows.select(pl.col(name).cast(dtype) for name, dtype in ACCEPTANCE.schema.items())
    yield pipeline.materialize(ACCEPTANCE, rows, _said(pipeline, labels, bias))


def _said(pipeline: PipelineResource, labels: pl.DataFrame, bias: pl.DataFrame) -> dict[str, Any]:
    """The estimate for the order that was published, where readers showed another one."""
    unknown = bias.filter(pl.col("examined_share").is_null())["shown_rank"].to_list()
    bias_said = (
        f"unknown for ranks {unknown}: their steps were never shown first" if unknown else "known for every rank"
    )
    found = estimate_acceptance(labels, bias, _published_ranks(pipeline, labels))
    if found is None:
        return {"position_bias": bias_said, "acceptance_as_published": "nothing to estimate it from"}
    share = f"{found.share:.3f} ({found.low:.3f} to {found.high:.3f}, {found.people:,} people, {found.rows:,} rows)"
    return {"position_bias": bias_said, "acceptance_as_published": share}


def _published_ranks(pipeline: PipelineResource, labels: pl.DataFrame) -> pl.DataFrame:
    """The rank that each snapshot that is still kept gave a step."""
    wanted = set(labels["snapshot_id"])
    kept = [one for one in list_snapshots(pipeline.settings.published_path) if one.snapshot_id in wanted]
    frames = [one.scan(NEXT_SKILL.name).select(*_STEP, "rank").drop_nulls().collect() for one in kept]
    return pl.concat(frames) if frames else pl.DataFrame(schema={**dict.fromkeys(_STEP, pl.String), "rank": pl.Int64})
