"""The trained ranker, its evaluation and the ranked candidates, as assets.

Belongs here: when the ranker is trained anew, which bundle is in use, what the UI is told about it.
Does not belong here: how it learns (`ml.recommender`) and how it is measured (`ml.evaluation`).
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition, MetadataValue

from assets.io import spec_of
from assets.resources import Night
from assets.step import step
from ml.bundle import BundleError, load_bundle, read_card, save_bundle
from ml.cadence import is_training_due
from ml.evaluation import Evaluation, evaluate
from ml.groups import GroupPopularity
from ml.mastery import end_of
from ml.recommend import deepening_steps, describe_steps, eligible_steps
from ml.recommender import Recommender, fit_recommender
from ml.steps import memberships, steps_barred, steps_repeated, steps_required
from pipelines.contracts.catalog import PERSON, ROLE_PERIOD, SKILL
from pipelines.contracts.learnt import CANDIDATE, EVALUATION, MASTERY, MODEL_CARD, REACHED_STEP
from pipelines.lake import content_sha256

# Candidates kept for each person: all of them can be taken now, so a few lists' worth leaves room for variety.
CANDIDATES = 40
# The comparison of a night; `footsteps evaluate` knows more models.
NIGHTLY_MODELS = ("popularity", "item_knn", "ease", "footsteps")
SEED = 7


def model_assets() -> list[AssetsDefinition]:
    """The ranker, its evaluation, and the candidates."""
    return [ranker, candidates]


@step(
    name="train_ranker",
    specs=[
        spec_of(MODEL_CARD, deps=[REACHED_STEP.name, SKILL.name, PERSON.name, ROLE_PERIOD.name], kinds={"scikitlearn"}),
        spec_of(EVALUATION, deps=[REACHED_STEP.name, SKILL.name], kinds={"scikitlearn", "parquet"}),
    ],
)
def ranker(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """Train and measure the ranker, unless one of exactly these histories and settings is there already."""
    steps = night.read(REACHED_STEP)
    horizon = night.config.policy.horizon_days
    version = model_version(steps, night.read(SKILL), horizon)
    folder = night.settings.models_path / version
    known = _known(night, steps, night.as_of(context), version)
    if known is None:
        context.log.info(f"training on {steps.height:,} reached steps")
        recommender = fit_recommender(
            as_events(steps), as_of=_last_moment(steps, night.as_of(context)), horizon_days=horizon,
            names=_step_names(steps, night.read(SKILL)), extra_features=_groups(night, steps), seed=SEED,
            requires=steps_required(steps["step_id"]), repeatable=steps_repeated(steps["step_id"]),
        )  # fmt: skip
        context.log.info("measuring it against simple models on a time split")
        measured = _measure(steps, horizon, night.read(SKILL))
        card = save_bundle(recommender, folder)
        rows = _evaluation_rows(measured)
        cards = pl.DataFrame(
            {"model_version": [version], "card": [json.dumps(asdict(card), sort_keys=True, default=str)]}
        )
    else:
        context.log.info("nothing new to learn from: the ranker stays")
        cards, rows = known
    yield night.materialize(MODEL_CARD, cards, _card_metadata(cards))
    yield night.materialize(EVALUATION, rows, {"ranking": MetadataValue.md(_as_markdown(rows))})


_BEFORE_CANDIDATES = (MODEL_CARD, REACHED_STEP, MASTERY, PERSON, ROLE_PERIOD)


@step(
    name="rank_candidates", specs=[spec_of(CANDIDATE, deps=[table.name for table in _BEFORE_CANDIDATES])],
    own=[REACHED_STEP, MASTERY, PERSON, ROLE_PERIOD], crowd=True,
)  # fmt: skip
def candidates(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """Steps that may come next for everyone who works here, as the model ranks them."""
    version = night.read(MODEL_CARD)["model_version"][0]
    # everybody's steps, also for a few people: what is popular now is seen as a complete night would see it
    steps, mastery = night.read(REACHED_STEP), night.own(MASTERY)
    recommender = load_bundle(night.settings.models_path / version, extra_features=_groups(night, steps))
    people = night.own(PERSON).filter(pl.col("employment_status") != "left")["person_id"]
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
    families = sorted(name for name in found.columns if name.startswith("contribution_"))
    reasons = pl.concat_list(
        pl.struct(
            pl.lit(name.removeprefix("contribution_")).alias("code"), pl.col(name).cast(pl.Float64).alias("value")
        )
        for name in families
    ) if families else pl.lit([], dtype=CANDIDATE.schema["reasons"])  # fmt: skip
    found = found.with_columns(reasons.alias("reasons"))
    # only those the history does not know: for the others the model has had its say
    others = deepening_steps(mastery, people).join(steps.select("step_id").unique(), on="step_id", how="anti")
    both = pl.concat([found.select(name for name in CANDIDATE.column_names), others], how="diagonal_relaxed")
    both = both.with_columns(pl.col("reasons").fill_null(pl.lit([], dtype=CANDIDATE.schema["reasons"])))
    return both.select(pl.col(name).cast(dtype) for name, dtype in CANDIDATE.schema.items())


def as_events(steps: pl.DataFrame) -> pl.DataFrame:
    """Reached steps as the recommender's histories: person_id, skill_id (the step), ts."""
    return steps.select("person_id", pl.col("step_id").alias("skill_id"), pl.col("reached_at").alias("ts"))


def model_version(steps: pl.DataFrame, skills: pl.DataFrame, horizon_days: int) -> str:
    """Fingerprint of what a ranker is made of: histories, names, horizon, seed and the learning code."""
    digest = hashlib.sha256(f"{horizon_days} {SEED}".encode())
    digest.update(content_sha256(as_events(steps)).encode())
    digest.update(content_sha256(_step_names(steps, skills)).encode())
    for path in sorted((Path(__file__).parents[1] / "ml").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _known(night: Night, steps: pl.DataFrame, as_of: date, version: str) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """Card and evaluation of the ranker in use, where no other is due and it can be loaded."""
    cards = night.read(MODEL_CARD)
    if not cards.height:
        return None
    used = cards["model_version"][0]
    try:
        folder = night.settings.models_path / used
        if used != version and is_training_due(read_card(folder), steps.height, as_of):
            return None
        load_bundle(folder, extra_features=_groups(night, steps))
    except (BundleError, OSError):
        return None
    return cards, night.read(EVALUATION)


def _groups(night: Night, steps: pl.DataFrame) -> GroupPopularity:
    """What each role and unit took, for people whose own history says little."""
    return GroupPopularity(as_events(steps), memberships(night.read(PERSON), night.read(ROLE_PERIOD)))


def _measure(steps: pl.DataFrame, horizon: int, skills: pl.DataFrame) -> Evaluation | None:
    """None where there is too little history to hold any of it back."""
    try:
        return evaluate(
            as_events(steps),
            horizon_days=horizon,
            models=NIGHTLY_MODELS,
            seed=SEED,
            calibrated=False,  # half of the cost; `footsteps evaluate` judges the probability
            names=_step_names(steps, skills),
            requires=steps_required(steps["step_id"]),
            repeatable=steps_repeated(steps["step_id"]),
        )
    except ValueError:
        return None


def _evaluation_rows(measured: Evaluation | None) -> pl.DataFrame:
    if measured is None:
        return pl.DataFrame(schema=EVALUATION.schema)
    everyone = [{**asdict(one), "segment": "all", "people_count": measured.n_people_scored} for one in measured.models]
    parts = [{**asdict(one), "people_count": one.n_cases} for one in measured.segments]
    return pl.DataFrame(
        [{name: row.get(name) for name in EVALUATION.column_names} for row in (*everyone, *parts)],
        schema=EVALUATION.schema,
    )


def _step_names(steps: pl.DataFrame, skills: pl.DataFrame) -> pl.DataFrame:
    named = steps.select("step_id", "skill_id").unique().join(skills, on="skill_id", how="left")
    return named.select(pl.col("step_id").alias("skill_id"), pl.col("skill_name").alias("name")).sort("skill_id")


def _last_moment(steps: pl.DataFrame, as_of: date) -> Any:
    """What is known ends with the newest step: an empty stretch after it would teach that nothing is ever reached."""
    newest = steps["reached_at"].max()
    return min(newest, end_of(as_of)) if newest is not None else end_of(as_of)


def _card_metadata(cards: pl.DataFrame) -> dict[str, Any]:
    return {"model_version": cards["model_version"][0], "card": MetadataValue.json(json.loads(cards["card"][0]))}


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
