"""The trained ranker, its evaluation, and the candidates it ranks.

Belongs here: which tables the ranker reads, and what the UI shows of its training.
Does not belong here: how it learns (`ml.ranking.recommender`), when it is trained and which model is used
(`ml.registry.champion_challenger`).
"""

import json
from dataclasses import asdict
from datetime import date
from typing import Any

import polars as pl
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetsDefinition,
    MetadataValue,
)

from assets.automation.alerts import PROMOTED
from assets.incremental.asset_run import AssetRun
from assets.incremental.incremental_asset import Results, incremental_asset, pipeline_asset
from assets.reporting.evaluation_plots import describe_reliability, draw_reliability, png_data_uri
from assets.tables.drift import drift, find_drifted_inputs, save_input_profiles
from assets.tables.training_data import TRAINING_INPUTS, build_extra_features, build_training_input, to_interactions
from ml.evaluation.results import Evaluation, to_stored_dict
from ml.mastery.state import last_instant
from ml.mastery.step_items import list_blocked_steps, list_steps
from ml.ranking.recommender import Recommender
from ml.recommend.reranking import describe_steps, filter_eligible_steps, find_deepening_steps
from ml.registry.champion_challenger import run_champion_challenger
from ml.registry.model_bundle import load_bundle
from ml.registry.model_card import render_model_card
from ml.registry.registry import find_latest_trained
from pipelines.contracts.catalog import PERSON, SKILL
from pipelines.contracts.columns import is_employed
from pipelines.contracts.feature_tables import CANDIDATE, EVALUATION, MASTERY, MODEL_CARD, REACHED_STEP

# Candidates per person. All of them can be taken now: a few lists' worth leaves room for variety.
CANDIDATES_PER_PERSON = 40
_SHOWN_METRICS = ("hr_at_10", "ndcg_at_10", "mrr")


def model_assets() -> list[AssetsDefinition]:
    """The ranker with its evaluation, the candidates, and drift."""
    return [ranker, candidates, drift]


@pipeline_asset(
    name="train_ranker",
    tables=[MODEL_CARD, EVALUATION],
    reads=TRAINING_INPUTS,
    kinds={"scikitlearn", "parquet"},
    check_specs=[
        AssetCheckSpec(
            PROMOTED,
            asset=MODEL_CARD.name,
            description="The newest challenger is the champion, and no model bundle was refused.",
        )
    ],
)
def ranker(run: AssetRun) -> Results:
    """Train a challenger if a training is due, compare it with the champion, and keep the better one."""
    as_of, models, steps = run.as_of, run.settings.models_path, run.tables.read(REACHED_STEP)
    drifted = find_drifted_inputs(models, find_latest_trained(models), steps, as_of, run.config.training)
    training_input = build_training_input(run.tables, as_of, run.config.policy.horizon_days)
    outcome = run_champion_challenger(training_input, models, run.config.training, drifted=drifted, log=run.log.info)
    if outcome.was_trained:
        save_input_profiles(models / training_input.training_version.model_version, steps, as_of)
    training, promotion = outcome.training_decision, outcome.promotion_decision
    run.log.info(f"{'trained' if outcome.was_trained else 'not trained'}: {training.why}")
    card = json.dumps(to_stored_dict(outcome.card), sort_keys=True, default=str)
    yield run.materialize(
        MODEL_CARD,
        pl.DataFrame({"model_version": [outcome.model_version], "card": [card]}),
        {
            "model_version": outcome.model_version,
            "card": MetadataValue.md(render_model_card(outcome.card)),
            "training": training.why,
            "promotion": promotion.why,
        },
    )
    rows = _evaluation_rows(outcome.evaluation) if outcome.was_trained else run.tables.read(EVALUATION)
    yield run.materialize(EVALUATION, rows, _evaluation_metadata(outcome.evaluation, rows))
    state = "is in use" if promotion.is_yes else "stays"
    yield AssetCheckResult(
        asset_key=MODEL_CARD.name,
        check_name=PROMOTED,
        passed=promotion.is_yes and outcome.refusal is None,
        severity=AssetCheckSeverity.WARN,
        description=". ".join(filter(None, (outcome.refusal, f"{outcome.model_version} {state}: {promotion.why}"))),
        metadata={"training": training.why, "was_trained": outcome.was_trained},
    )


def _evaluation_metadata(evaluation: Evaluation | None, rows: pl.DataFrame) -> dict[str, Any]:
    """A table of the ranking metrics, and a plot of the calibration if this run measured one."""
    metadata: dict[str, Any] = {"ranking": MetadataValue.md(_render_markdown(rows))}
    if evaluation is not None and (reliability := evaluation.reliability) is not None:
        text = describe_reliability(reliability)
        image = f"![{text}]({png_data_uri(draw_reliability(reliability))})"
        metadata["reliability"] = MetadataValue.md(f"{text}\n\n{image}")
        metadata |= {"ece": reliability.ece, "brier_skill": reliability.brier_skill}
    return metadata


@incremental_asset(
    name="rank_candidates",
    tables=[CANDIDATE],
    reads=[MODEL_CARD, MASTERY, *TRAINING_INPUTS],
    per_person_inputs=[REACHED_STEP, MASTERY, PERSON],
    depends_on_population=True,
)
def candidates(run: AssetRun) -> Results:
    """Rank the steps that may come next for every employed person."""
    version = run.tables.read(MODEL_CARD)["model_version"][0]
    # the steps of everybody, also for a few people: popularity is measured as in a complete run
    steps, mastery = run.tables.read(REACHED_STEP), run.tables.read_scoped(MASTERY)
    people = run.tables.read_scoped(PERSON).filter(is_employed())["person_id"]
    extra = build_extra_features(run.tables, steps).for_people(people)
    recommender = load_bundle(run.settings.models_path / version, extra_features=extra)
    skills = run.tables.read(SKILL)["skill_id"]
    rows = rank_candidates(recommender, steps, mastery, people, skills, run.as_of)
    yield run.materialize(CANDIDATE, rows)


def rank_candidates(
    recommender: Recommender,
    steps: pl.DataFrame,
    mastery: pl.DataFrame,
    people: pl.Series,
    skills: pl.Series,
    as_of: date,
) -> pl.DataFrame:
    """Rank the eligible steps of people.

    Args:
        recommender: The trained recommender.
        steps: Reached steps (`feat_step__event_reached`) of everybody.
        mastery: Mastery (`feat_skill__assn_mastery`) of these people.
        people: person_id of the people to rank for.
        skills: skill_id of every micro-skill of the taxonomy. The recommender may have been trained on an earlier one:
            steps of micro-skills that are gone since are ranked for nobody.
        as_of: The last day whose steps count.

    Returns:
        One row per person and eligible step, in the contract `model_ranker__assn_candidate`: probability, utility and
        contributions of features.
    """
    scored = recommender.score(
        to_interactions(steps),
        people,
        as_of=last_instant(as_of),
        excluded=list_blocked_steps(mastery),
        available=list_steps(skills),
        k=CANDIDATES_PER_PERSON,
    ).rename({"skill_id": "step_id", "utility": "prior"})
    ranked = filter_eligible_steps(describe_steps(scored, mastery), mastery)
    # only steps that the model does not rank: it ranks those that it knows from its training, and those reached since
    trained = pl.DataFrame({"step_id": recommender.ensemble.items.tolist()}, schema={"step_id": pl.String})
    unranked = find_deepening_steps(mastery, people).join(trained, on="step_id", how="anti")
    deepening = unranked.join(steps.select("step_id").unique(), on="step_id", how="anti")
    rows = pl.concat([pl.DataFrame(schema=CANDIDATE.schema), ranked, deepening], how="diagonal_relaxed")
    return rows.select(pl.col(name).cast(dtype) for name, dtype in CANDIDATE.schema.items())


def _evaluation_rows(evaluation: Evaluation | None) -> pl.DataFrame:
    if evaluation is None:
        return pl.DataFrame(schema=EVALUATION.schema)
    total = {"segment": "all", "people_count": evaluation.n_people_scored}
    rows = [{**asdict(result), **total} for result in evaluation.models]
    rows += [{**asdict(result), "people_count": result.n_cases} for result in evaluation.segments]
    return pl.DataFrame([{n: row.get(n) for n in EVALUATION.column_names} for row in rows], schema=EVALUATION.schema)


def _render_markdown(rows: pl.DataFrame) -> str:
    lines = ["| model | segment | people | HR@10 | NDCG@10 | MRR |", "|---|---|---:|---:|---:|---:|"]
    for row in rows.to_dicts():
        metrics = " | ".join("–" if row[name] is None else f"{row[name]:.3f}" for name in _SHOWN_METRICS)
        lines.append(f"| {row['model']} | {row['segment']} | {row['people_count']:,} | {metrics} |")
    return "\n".join(lines)
