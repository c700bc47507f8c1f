"""Feedback of readers: which steps were shown, which were accepted, and an estimate of acceptance as published.

Belongs here: these labels and shares as tables, and what the UI shows of them.
Does not belong here: the estimates (`ml.evaluation.offpolicy`), the shapes of exposures and outcomes
(`pipelines.contracts.canonical_schemas`).
"""

from typing import Any

import polars as pl
from dagster import AssetsDefinition

from assets.incremental.asset_run import AssetRun, PreviousTable
from assets.incremental.incremental_asset import Results, pipeline_asset
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
from pipelines.contracts.table import Table

_STEP_KEY = ("snapshot_id", "person_id", "skill_id", "to_stage")


def feedback_assets() -> list[AssetsDefinition]:
    """Labels and acceptance."""
    return [acceptance]


@pipeline_asset(
    name="measure_acceptance",
    tables=[SHOWN_STEP, ACCEPTANCE],
    reads=[EXPOSURE, OUTCOME],
    reads_previous=[PreviousTable(NEXT_SKILL)],
)
def acceptance(run: AssetRun) -> Results:
    """Label shown steps, and measure acceptance by rank and how much of it comes from the rank alone."""
    exposures, outcomes = run.tables.read(EXPOSURE), run.tables.read(OUTCOME)
    labelled_exposures = label_exposures(exposures, outcomes)
    unmatched_count = count_unmatched_outcomes(exposures, outcomes)
    shown_steps = _select_columns(labelled_exposures.rename({"is_accepted": "is_accepted_step"}), SHOWN_STEP)
    yield run.materialize(SHOWN_STEP, shown_steps, {"outcomes_without_exposure": unmatched_count})
    position_bias = measure_position_bias(labelled_exposures)
    acceptance_by_rank = measure_acceptance_by_rank(labelled_exposures).join(position_bias, on="shown_rank", how="left")
    yield run.materialize(
        ACCEPTANCE,
        _select_columns(acceptance_by_rank, ACCEPTANCE),
        _acceptance_metadata(run, labelled_exposures, position_bias),
    )


def _select_columns(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    return rows.select(pl.col(column).cast(dtype) for column, dtype in table.schema.items())


def _acceptance_metadata(
    run: AssetRun, labelled_exposures: pl.DataFrame, position_bias: pl.DataFrame
) -> dict[str, Any]:
    """For which ranks the position bias is known, and the estimated acceptance in the published order."""
    unknown_ranks = position_bias.filter(pl.col("examined_share").is_null())["shown_rank"].to_list()
    acceptance_estimate = estimate_acceptance(
        labelled_exposures, position_bias, _read_published_ranks(run, labelled_exposures)
    )
    acceptance_text = "there is nothing to estimate it from"
    if acceptance_estimate is not None:
        interval_text = f"{acceptance_estimate.low:.3f} to {acceptance_estimate.high:.3f}"
        size_text = f"{acceptance_estimate.people_count:,} people, {acceptance_estimate.row_count:,} rows"
        acceptance_text = f"{acceptance_estimate.share:.3f} ({interval_text}, {size_text})"
    return {
        "position_bias": f"unknown for ranks {unknown_ranks}: their steps were never shown first"
        if unknown_ranks
        else "known for every rank",
        "acceptance_as_published": acceptance_text,
    }


def _read_published_ranks(run: AssetRun, labelled_exposures: pl.DataFrame) -> pl.DataFrame:
    """The published rank of each step of the snapshots that are still stored: the key of a step, and rank."""
    snapshot_ids = set(labelled_exposures["snapshot_id"])
    published_ranks = [
        published_rows.select(*_STEP_KEY, "rank").drop_nulls().collect()
        for snapshot, published_rows in run.list_published(NEXT_SKILL)
        if snapshot.snapshot_id in snapshot_ids
    ]
    return pl.concat([pl.DataFrame(schema={**dict.fromkeys(_STEP_KEY, pl.String), "rank": pl.Int64}), *published_ranks])
