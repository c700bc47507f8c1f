"""The trained ranker, its evaluation and the ranked candidates, as assets.

Belongs here: what a night hands to learning, and what the UI is told of it.
Does not belong here: how it learns (`ml.ranking.recommender`), when, and which model is used
(`ml.registry.champion_challenger`).
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from typing import Any

import polars as pl
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetsDefinition,
    MetadataValue,
    multi_asset,
)

from assets.automation.schedules import PROMOTED
from assets.incremental.incremental_asset import incremental_asset
from assets.resources.lineage import attach_lineage
from assets.resources.metadata import build_asset_spec
from assets.resources.pipeline import PipelineResource
from assets.tables.drift import drift, find_drifted_inputs, save_input_profiles
from assets.tables.evaluation_plots import describe_reliability, draw_reliability, png_data_uri
from assets.tables.training_data import TRAINING_INPUTS, build_training_input, extra_features, to_interactions
from ml.evaluation.results import Evaluation, to_stored_dict
from ml.mastery.state import last_instant
from ml.mastery.step_items import list_blocked_steps
from ml.ranking.recommender import Recommender
from ml.recommend.reranking import describe_steps, filter_eligible_steps, find_deepening_steps
from ml.registry.champion_challenger import TrainingOutcome, run_champion_challenger
from ml.registry.model_bundle import load_bundle
from ml.registry.model_card import render_model_card
from ml.registry.registry import find_latest_trained
from pipelines.contracts.catalog import PERSON
from pipelines.contracts.feature_tables import CANDIDATE, EVALUATION, MASTERY, MODEL_CARD, REACHED_STEP

# Candidates kept for each person: all of them can be taken now, so a few lists' worth leaves room for variety.
CANDIDATES = 40


def model_assets() -> list[AssetsDefinition]:
    """The ranker, its evaluation, the candidates, and their drift."""
    return [ranker, candidates, drift]


@multi_asset(
    name="train_ranker",
    specs=[
        build_asset_spec(MODEL_CARD, deps=TRAINING_INPUTS, kinds={"scikitlearn"}),
        build_asset_spec(EVALUATION, deps=TRAINING_INPUTS, kinds={"scikitlearn", "parquet"}),
    ],
    check_specs=[
        AssetCheckSpec(
            PROMOTED, asset=MODEL_CARD.name, description="The newest challenger took over, and no bundle was refused."
        )
    ],
)
def ranker(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    """Train a challenger where due, measure it beside the champion, and keep the better one."""
    yield from attach_lineage(_train(context, pipeline), context)


def _train(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    as_of, models, steps = pipeline.as_of(context), pipeline.settings.models_path, pipeline.read(REACHED_STEP)
    moved = find_drifted_inputs(pipeline, find_latest_trained(models), steps, as_of)
    training_input = build_training_input(pipeline, as_of)
    outcome = run_champion_challenger(
        training_input, models, pipeline.config.training, drifted=moved, log=context.log.info
    )
    if outcome.was_trained:
        save_input_profiles(models / training_input.training_version.model_version, steps, as_of)
    context.log.info(f"{'trained' if outcome.was_trained else 'not trained'}: {outcome.training_decision.why}")
    card = json.dumps(to_stored_dict(outcome.card), sort_keys=True, default=str)
    cards = pl.DataFrame({"model_version": [outcome.model_version], "card": [card]})
    rows = _evaluation_rows(outcome.evaluation) if outcome.was_trained else pipeline.read(EVALUATION)
    yield pipeline.materialize(
        MODEL_CARD,
        cards,
        {
            "model_version": outcome.model_version,
            "card": MetadataValue.md(render_model_card(outcome.card)),
            "training": outcome.training_decision.why,
            "promotion": outcome.promotion_decision.why,
        },
    )
    yield pipeline.materialize(EVALUATION, rows, _measured_metadata(outcome.evaluation, rows))
    yield _promotion_check(outcome)


def _measured_metadata(evaluation: Evaluation | None, rows: pl.DataFrame) -> dict[str, Any]:
    """The ranking; in nights that measured one, also how far the probability holds, drawn."""
    said: dict[str, Any] = {"ranking": MetadataValue.md(_as_markdown(rows))}
    reliability = evaluation.reliability if evaluation is not None else None
    if reliability is not None:
        words = describe_reliability(reliability)
        picture = f"![{words}]({png_data_uri(draw_reliability(reliability))})"
        said |= {
            "reliability": MetadataValue.md(f"{words}\n\n{picture}"),
            "ece": reliability.ece,
            "brier_skill": reliability.brier_skill,
        }
    return said


def _promotion_check(outcome: TrainingOutcome) -> AssetCheckResult:
    stays = f"{outcome.model_version} stays: {outcome.promotion_decision.why}"
    said = (
        f"{outcome.model_version} is in use: {outcome.promotion_decision.why}"
        if outcome.promotion_decision.is_yes
        else stays
    )
    return AssetCheckResult(
        asset_key=MODEL_CARD.name,
        check_name=PROMOTED,
        passed=outcome.promotion_decision.is_yes and outcome.refusal is None,
        severity=AssetCheckSeverity.WARN,
        description=". ".join(filter(None, (outcome.refusal, said))),
        metadata={"training": outcome.training_decision.why, "was_trained": outcome.was_trained},
    )


@incremental_asset(
    name="rank_candidates",
    specs=[build_asset_spec(CANDIDATE, deps=[MODEL_CARD.name, MASTERY.name, *TRAINING_INPUTS])],
    own=[REACHED_STEP, MASTERY, PERSON],
    crowd=True,
)
def candidates(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    """Steps that may come next for everyone who works here, as the model ranks them."""
    version = pipeline.read(MODEL_CARD)["model_version"][0]
    # everybody's steps, also for a few people: what is popular now is seen as a complete night would see it
    steps, mastery = pipeline.read(REACHED_STEP), pipeline.own(MASTERY)
    people = pipeline.own(PERSON).filter(pl.col("employment_status") != "left")["person_id"]
    extra = extra_features(pipeline, steps).for_people(people)
    recommender = load_bundle(pipeline.settings.models_path / version, extra_features=extra)
    yield pipeline.materialize(CANDIDATE, rank_candidates(recommender, steps, mastery, people, pipeline.as_of(context)))


def rank_candidates(
    recommender: Recommender, steps: pl.DataFrame, mastery: pl.DataFrame, people: pl.Series, as_of: date
) -> pl.DataFrame:
    """One row per person and eligible step, in the contract of its table: probability, utility and contributions."""
    scored = recommender.score(
        to_interactions(steps), people, as_of=last_instant(as_of), excluded=list_blocked_steps(mastery), k=CANDIDATES
    )
    scored = scored.rename({"skill_id": "step_id", "utility": "prior"})
    found = filter_eligible_steps(describe_steps(scored, mastery), mastery)
    # only those the history does not know: for the others the model has had its say
    others = find_deepening_steps(mastery, people).join(steps.select("step_id").unique(), on="step_id", how="anti")
    both = pl.concat([pl.DataFrame(schema=CANDIDATE.schema), found, others], how="diagonal_relaxed")
    return both.select(pl.col(name).cast(dtype) for name, dtype in CANDIDATE.schema.items())


def _evaluation_rows(evaluation: Evaluation | None) -> pl.DataFrame:
    if evaluation is None:
        return pl.DataFrame(schema=EVALUATION.schema)
    everyone = [
        {**asdict(one), "segment": "all", "people_count": evaluation.n_people_scored} for one in evaluation.models
    ]
    parts = [{**asdict(one), "people_count": one.n_cases} for one in evaluation.segments]
    return pl.DataFrame(
        [{name: row.get(name) for name in EVALUATION.column_names} for row in (*everyone, *parts)],
        schema=EVALUATION.schema,
    )


def _as_markdown(rows: pl.DataFrame) -> str:
    lines = ["| model | segment | people | HR@10 | NDCG@10 | MRR |", "|---|---|---:|---:|---:|---:|"]
    lines += [
        f"| {r['model']} | {r['segment']} | {r['people_count']:,} | {_figure(r['hr_at_10'])} | "
        f"{_figure(r['ndcg_at_10'])} | {_figure(r['mrr'])} |"
        for r in rows.to_dicts()
    ]
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
