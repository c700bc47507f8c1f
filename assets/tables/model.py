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

import numpy as np
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
from assets.incremental.incremental_asset import step
from assets.resources.lineage import with_lineage
from assets.resources.metadata import spec_of
from assets.resources.pipeline import Night
from assets.tables.drift import drift, drifted_inputs, keep_inputs
from assets.tables.evaluation_plots import as_source, describe_reliability, draw_reliability
from assets.tables.training_data import LEARNT_FROM, as_events, extra_features, learn_from
from ml.evaluation.results import Evaluation
from ml.mastery.state import end_of
from ml.mastery.step_items import steps_barred
from ml.ranking.recommender import Recommender
from ml.recommend.reranking import deepening_steps, describe_steps, eligible_steps
from ml.registry.champion_challenger import Reign, hold_contest
from ml.registry.model_bundle import load_bundle
from ml.registry.model_card import describe_card
from ml.registry.registry import latest_trained
from pipelines.contracts.catalog import PERSON
from pipelines.contracts.feature_tables import CANDIDATE, EVALUATION, MASTERY, MODEL_CARD, REACHED_STEP

# Candidates kept for each person: all of them can be taken now, so a few lists' worth leaves room for variety.
CANDIDATES = 40


def model_assets() -> list[AssetsDefinition]:
    """The ranker, its evaluation, the candidates, and their drift."""
    return [ranker, candidates, drift]


@multi_asset(
    name="train_ranker",
    specs=[spec_of(MODEL_CARD, deps=LEARNT_FROM, kinds={"scikitlearn"}),
           spec_of(EVALUATION, deps=LEARNT_FROM, kinds={"scikitlearn", "parquet"})],
    check_specs=[AssetCheckSpec(PROMOTED, asset=MODEL_CARD.name,
                                description="The newest challenger took over, and no bundle was refused.")],
)  # fmt: skip
def ranker(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """Train a challenger where due, measure it beside the champion, and keep the better one."""
    yield from with_lineage(_train(context, night), context)


def _train(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    as_of, models, steps = night.as_of(context), night.settings.models_path, night.read(REACHED_STEP)
    moved = drifted_inputs(night, latest_trained(models), steps, as_of)
    lesson = learn_from(night, as_of)
    reign = hold_contest(lesson, models, night.config.training, drifted=moved, tell=context.log.info)
    if reign.was_trained:
        keep_inputs(models / lesson.learned.model_version, steps, as_of)
    context.log.info(f"{'trained' if reign.was_trained else 'not trained'}: {reign.due.why}")
    card = json.dumps(asdict(reign.card), sort_keys=True, default=str)
    cards = pl.DataFrame({"model_version": [reign.model_version], "card": [card]})
    rows = _evaluation_rows(reign.measured) if reign.was_trained else night.read(EVALUATION)
    yield night.materialize(MODEL_CARD, cards, {
        "model_version": reign.model_version, "card": MetadataValue.md(describe_card(reign.card)),
        "training": reign.due.why, "promotion": reign.verdict.why,
    })  # fmt: skip
    yield night.materialize(EVALUATION, rows, _measured_metadata(reign.measured, rows))
    yield _promotion_check(reign)


def _measured_metadata(measured: Evaluation | None, rows: pl.DataFrame) -> dict[str, Any]:
    """The ranking; in nights that measured one, also how far the probability holds, drawn."""
    said: dict[str, Any] = {"ranking": MetadataValue.md(_as_markdown(rows))}
    reliability = measured.reliability if measured is not None else None
    if reliability is not None:
        words = describe_reliability(reliability)
        picture = f"![{words}]({as_source(draw_reliability(reliability))})"
        said |= {"reliability": MetadataValue.md(f"{words}\n\n{picture}"), "ece": reliability.ece,
                 "brier_skill": reliability.brier_skill}  # fmt: skip
    return said


def _promotion_check(reign: Reign) -> AssetCheckResult:
    stays = f"{reign.model_version} stays: {reign.verdict.why}"
    said = f"{reign.model_version} is in use: {reign.verdict.why}" if reign.verdict.is_yes else stays
    return AssetCheckResult(
        asset_key=MODEL_CARD.name, check_name=PROMOTED, passed=reign.verdict.is_yes and reign.refused is None,
        severity=AssetCheckSeverity.WARN, description=". ".join(filter(None, (reign.refused, said))),
        metadata={"training": reign.due.why, "was_trained": reign.was_trained},
    )  # fmt: skip


@step(
    name="rank_candidates", specs=[spec_of(CANDIDATE, deps=[MODEL_CARD.name, MASTERY.name, *LEARNT_FROM])],
    own=[REACHED_STEP, MASTERY, PERSON], crowd=True,
)  # fmt: skip
def candidates(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """Steps that may come next for everyone who works here, as the model ranks them."""
    version = night.read(MODEL_CARD)["model_version"][0]
    # everybody's steps, also for a few people: what is popular now is seen as a complete night would see it
    steps, mastery = night.read(REACHED_STEP), night.own(MASTERY)
    people = night.own(PERSON).filter(pl.col("employment_status") != "left")["person_id"]
    extra = extra_features(night, steps).narrowed(people)
    recommender = load_bundle(night.settings.models_path / version, extra_features=extra)
    yield night.materialize(CANDIDATE, rank_candidates(recommender, steps, mastery, people, night.as_of(context)))


def rank_candidates(
    recommender: Recommender, steps: pl.DataFrame, mastery: pl.DataFrame, people: pl.Series, as_of: date
) -> pl.DataFrame:
    """One row per person and eligible step, in the contract of its table: probability, utility and contributions."""
    scored = recommender.score(
        as_events(steps), people, as_of=end_of(as_of), barred=steps_barred(mastery), k=CANDIDATES
    )
    scored = scored.rename({"skill_id": "step_id", "score": "prior"})
    found = eligible_steps(describe_steps(scored, mastery), mastery)
    found = found.with_columns(_reasons(found))
    # only those the history does not know: for the others the model has had its say
    others = deepening_steps(mastery, people).join(steps.select("step_id").unique(), on="step_id", how="anti")
    both = pl.concat([found.select(name for name in CANDIDATE.column_names), others], how="diagonal_relaxed")
    both = both.with_columns(pl.col("reasons").fill_null(pl.lit([], dtype=CANDIDATE.schema["reasons"])))
    return both.select(pl.col(name).cast(dtype) for name, dtype in CANDIDATE.schema.items())


def _reasons(found: pl.DataFrame) -> pl.Series:
    """The contribution_<family> columns of each row as one list of code and value, as the contract keeps them."""
    families = sorted(name for name in found.columns if name.startswith("contribution_"))
    if not families or not found.height:
        return pl.Series("reasons", [[]] * found.height, CANDIDATE.schema["reasons"])
    codes = pl.Series([name.removeprefix("contribution_") for name in families])
    values = found.select(pl.col(families).cast(pl.Float64)).to_numpy().ravel()
    # lists of one length are laid out at once: polars' concat_list of structs takes many times as long
    nth = np.tile(np.arange(len(families)), found.height)
    laid_out = pl.DataFrame({"code": codes.gather(nth), "value": values}).to_struct("reasons")
    return laid_out.reshape((found.height, len(families))).arr.to_list()


def _evaluation_rows(measured: Evaluation | None) -> pl.DataFrame:
    if measured is None:
        return pl.DataFrame(schema=EVALUATION.schema)
    everyone = [{**asdict(one), "segment": "all", "people_count": measured.n_people_scored} for one in measured.models]
    parts = [{**asdict(one), "people_count": one.n_cases} for one in measured.segments]
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
