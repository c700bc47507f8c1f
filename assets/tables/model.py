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
from assets.resources.table_reader import TableReader
from assets.tables.drift import drift, find_drifted_inputs, save_input_profiles
from assets.tables.training_data import TRAINING_INPUTS, build_extra_features, build_training_input, to_events
from ml.evaluation.reliability import Reliability
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
    as_of, models_folder, reached_steps = run.as_of, run.settings.models_path, run.tables.read(REACHED_STEP)
    drifted_inputs = find_drifted_inputs(
        models_folder, find_latest_trained(models_folder), reached_steps, as_of, run.config.training
    )
    training_input = build_training_input(run.tables, as_of, run.config.policy.horizon_days)
    training_outcome = run_champion_challenger(
        training_input, models_folder, run.config.training, drifted_inputs=drifted_inputs, log_progress=run.log.info
    )
    if training_outcome.was_trained:
        save_input_profiles(models_folder / training_input.training_version.model_version, reached_steps, as_of)
    training_decision, promotion_decision = training_outcome.training_decision, training_outcome.promotion_decision
    run.log.info(f"{'trained' if training_outcome.was_trained else 'not trained'}: {training_decision.reason}")
    card_json = json.dumps(to_stored_dict(training_outcome.card), sort_keys=True, default=str)
    yield run.materialize(
        MODEL_CARD,
        pl.DataFrame({"model_version": [training_outcome.model_version], "card": [card_json]}),
        {
            "model_version": training_outcome.model_version,
            "card": MetadataValue.md(render_model_card(training_outcome.card)),
            "training": training_decision.reason,
            "promotion": promotion_decision.reason,
        },
    )
    evaluation_rows = (
        _evaluation_rows(training_outcome.evaluation) if training_outcome.was_trained else run.tables.read(EVALUATION)
    )
    yield run.materialize(
        EVALUATION, evaluation_rows, _evaluation_metadata(training_outcome.card.reliability, evaluation_rows)
    )
    # a champion that stays is in use under the version of this training if it got newer scorers
    is_of_this_training = training_outcome.model_version == training_input.training_version.model_version
    usage_phrase = "is in use" if is_of_this_training else "stays"
    yield AssetCheckResult(
        asset_key=MODEL_CARD.name,
        check_name=PROMOTED,
        passed=promotion_decision.is_yes and training_outcome.refusal is None,
        severity=AssetCheckSeverity.WARN,
        description=". ".join(
            filter(
                None,
                (
                    training_outcome.refusal,
                    f"{training_outcome.model_version} {usage_phrase}: {promotion_decision.reason}",
                ),
            )
        ),
        metadata={"training": training_decision.reason, "was_trained": training_outcome.was_trained},
    )


def _evaluation_metadata(reliability: Reliability | None, evaluation_rows: pl.DataFrame) -> dict[str, Any]:
    """A table of the ranking metrics, and a plot of the calibration, which the card keeps in runs without training."""
    metadata: dict[str, Any] = {"ranking": MetadataValue.md(_render_markdown(evaluation_rows))}
    if reliability is not None:
        reliability_text = describe_reliability(reliability)
        image_markdown = f"![{reliability_text}]({png_data_uri(draw_reliability(reliability))})"
        metadata["reliability"] = MetadataValue.md(f"{reliability_text}\n\n{image_markdown}")
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
    model_version = run.tables.read(MODEL_CARD)["model_version"][0]
    # the steps of everybody, also for a few people: popularity is measured as in a complete run
    reached_steps, skill_ids = run.tables.read(REACHED_STEP), run.tables.read(SKILL)["skill_id"]

    def compute_rows(table_reader: TableReader) -> list[pl.DataFrame]:
        mastery = table_reader.read_scoped(MASTERY)
        person_ids = table_reader.read_scoped(PERSON).filter(is_employed())["person_id"]
        extra_features = build_extra_features(table_reader, reached_steps).for_people(person_ids)
        recommender = load_bundle(run.settings.models_path / model_version, extra_features=extra_features)
        return [rank_candidates(recommender, reached_steps, mastery, person_ids, skill_ids, run.as_of)]

    yield from run.materialize_by_people([CANDIDATE], compute_rows)


def rank_candidates(
    recommender: Recommender,
    reached_steps: pl.DataFrame,
    mastery: pl.DataFrame,
    person_ids: pl.Series,
    skill_ids: pl.Series,
    as_of: date,
) -> pl.DataFrame:
    """Rank the eligible steps of people.

    Args:
        recommender: The trained recommender.
        reached_steps: Reached steps (`feat_step__event_reached`) of everybody.
        mastery: Mastery (`feat_skill__assn_mastery`) of these people.
        person_ids: person_id of the people to rank for.
        skill_ids: skill_id of every micro-skill of the taxonomy. The recommender may have been trained on an earlier
            one: steps of micro-skills that are gone since are ranked for nobody.
        as_of: The last day whose steps count.

    Returns:
        One row per person and eligible step, in the contract `model_ranker__assn_candidate`: probability, utility and
        contributions of features.
    """
    scored_steps = recommender.score(
        to_events(reached_steps),
        person_ids,
        as_of=last_instant(as_of),
        excluded_pairs=list_blocked_steps(mastery),
        available_ids=list_steps(skill_ids),
        max_items=CANDIDATES_PER_PERSON,
    ).rename({"skill_id": "step_id", "utility": "prior"})
    eligible_steps = filter_eligible_steps(describe_steps(scored_steps, mastery), mastery)
    # only steps that the model does not rank: it ranks those that it knows from its training, and those reached since
    trained_steps = pl.DataFrame({"step_id": recommender.ensemble.items.tolist()}, schema={"step_id": pl.String})
    unranked_steps = find_deepening_steps(mastery, person_ids).join(trained_steps, on="step_id", how="anti")
    deepening_steps = unranked_steps.join(reached_steps.select("step_id").unique(), on="step_id", how="anti")
    candidate_rows = pl.concat(
        [pl.DataFrame(schema=CANDIDATE.schema), eligible_steps, deepening_steps], how="diagonal_relaxed"
    )
    return candidate_rows.select(pl.col(column).cast(dtype) for column, dtype in CANDIDATE.schema.items())


def _evaluation_rows(evaluation: Evaluation | None) -> pl.DataFrame:
    if evaluation is None:
        return pl.DataFrame(schema=EVALUATION.schema)
    all_people = {"segment": "all", "people_count": evaluation.n_people_scored}
    metric_rows = [{**asdict(model_result), **all_people} for model_result in evaluation.models]
    metric_rows += [
        {**asdict(model_result), "people_count": model_result.n_cases} for model_result in evaluation.segments
    ]
    return pl.DataFrame(
        [{column: metric_row.get(column) for column in EVALUATION.column_names} for metric_row in metric_rows],
        schema=EVALUATION.schema,
    )


def _render_markdown(evaluation_rows: pl.DataFrame) -> str:
    table_lines = ["| model | segment | people | HR@10 | NDCG@10 | MRR |", "|---|---|---:|---:|---:|---:|"]
    for evaluation_row in evaluation_rows.to_dicts():
        metric_cells = " | ".join(
            "–" if evaluation_row[metric] is None else f"{evaluation_row[metric]:.3f}" for metric in _SHOWN_METRICS
        )
        table_lines.append(
            f"| {evaluation_row['model']} | {evaluation_row['segment']} | {evaluation_row['people_count']:,} "
            f"| {metric_cells} |"
        )
    return "\n".join(table_lines)
