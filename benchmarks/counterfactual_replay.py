"""A person's list made anew from changed data, by the functions of the night: what a counterfactual claims, checked.

Belongs here: the way from evidence to a list for one person, while everybody else's data stays as it was that night.
Does not belong here: which change is tried (`ml.recommend.counterfactuals`), the table of a benchmark (`assets.cli`).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

import polars as pl

from assets.resources.pipeline import PipelineResource
from assets.tables.companions import filter_candidates_by_replies, read_employee_input
from assets.tables.core import load_taxonomy
from assets.tables.model import rank_candidates
from assets.tables.recommendations import build_situation
from assets.tables.training_data import STEP_COLUMNS, read_flow_tables, select_practice, to_interactions
from ml.mastery.knowledge_tracing import read_knowledge_tracing
from ml.mastery.state import find_reached_steps
from ml.mastery.step_items import list_memberships
from ml.ranking.context_features import ContextTables, FeatureUnion, build_context_features
from ml.ranking.group_features import GroupFeatures
from ml.ranking.recommender import Recommender
from ml.recommend.counterfactuals import CounterfactualInputs, build_added_evidence
from ml.recommend.motives import RecommendationContext
from ml.recommend.reranking import rerank_candidates
from ml.registry.model_bundle import load_bundle
from pipelines.contracts.catalog import ASSIGNMENT, PERSON, ROLE_PERIOD
from pipelines.contracts.feature_tables import MODEL_CARD, REACHED_STEP, TRACING
from pipelines.contracts.output_tables import COUNTERFACTUAL
from pipelines.core.skill_demand import count_skill_demand
from pipelines.core.taxonomy import Taxonomy

SEED = 7


@dataclass(frozen=True)
class Tally:
    """Counterfactuals of one kind, applied: on how many of them the row did as was said.

    `as_published`: rows that the same way gives, from the unchanged data, at the published rank: were it broken, no
    change could be told from an error.
    """

    change: str
    effect: str
    rows: int
    as_published: int
    hold: int


@dataclass(frozen=True)
class World:
    """What one night read, at hand for many replays."""

    situation: CounterfactualInputs
    steps: pl.DataFrame
    members: pl.DataFrame
    recommender: Recommender
    tables: ContextTables
    assignment: pl.DataFrame
    taxonomy: Taxonomy
    reach: Callable[[pl.DataFrame], pl.DataFrame]
    open_to: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]


def check_counterfactuals(night: PipelineResource, rows: int, progress: Callable[[int], None]) -> list[Tally]:
    """Apply the changes of so many sampled rows, each to its person's data alone, and make the list anew; all last."""
    published = night.read(COUNTERFACTUAL)
    sampled = published.sample(min(rows, published.height), seed=SEED, shuffle=True)
    as_of = published["as_of"][0]
    world = read_replay_inputs(night, as_of)
    counts: Counter[tuple[str, str, str]] = Counter()
    unchanged = cache(lambda person: replay(world, person, None))
    for number, row in enumerate(sampled.iter_rows(named=True)):
        kind = (f"{row['change']} {row['mode'] or row['change_of']}", row["row_effect"])
        before, after = unchanged(row["person_id"]), replay(world, row["person_id"], row)
        place = rank_of(after, row)
        counts[*kind, "rows"] += 1
        counts[*kind, "as_published"] += rank_of(before, row) == row["rank"]
        counts[*kind, "hold"] += place == row["to_rank"] and place != row["rank"]
        progress(number + 1)
    kinds = sorted({key[:2] for key in counts})
    found = [Tally(*kind, *(counts[*kind, name] for name in ("rows", "as_published", "hold"))) for kind in kinds]
    sums = (sum(getattr(one, name) for one in found) for name in ("rows", "as_published", "hold"))
    return [*found, Tally("all", "", *sums)]


def read_replay_inputs(night: PipelineResource, as_of: date) -> World:
    """What the night of that day read. Raises BundleError where its ranker is gone."""
    steps, cards = night.read(REACHED_STEP), night.read(TRACING)["card"]
    tracing = read_knowledge_tracing(cards[0]) if cards.len() else None
    members = list_memberships(night.read(PERSON), night.read(ROLE_PERIOD))
    taxonomy = load_taxonomy(night)
    words = read_employee_input(night, taxonomy, as_of)
    here = night.read(PERSON).select("person_id")
    groups, tables = GroupFeatures(to_interactions(steps), members), read_flow_tables(night, steps)
    folder = night.settings.models_path / night.read(MODEL_CARD)["model_version"][0]
    return World(
        situation=build_situation(night, words),
        steps=steps,
        members=members,
        recommender=load_bundle(folder, extra_features=FeatureUnion((groups, build_context_features(tables)))),
        tables=tables,
        assignment=night.read(ASSIGNMENT),
        taxonomy=taxonomy,
        reach=lambda evidence: find_reached_steps(evidence, as_of, night.config.policy.stages, tracing),
        open_to=lambda candidates, mastery: filter_candidates_by_replies(night, words, candidates, mastery, here),
    )


def replay(world: World, person: str, change: dict[str, Any] | None) -> pl.DataFrame:
    """The person's list from evidence to ranks, with the change (a row of `out__counterfactual`) or without."""
    situation, mine = world.situation, pl.col("person_id") == person
    evidence = situation.evidence if change is None else changed_evidence(situation.evidence, change)
    own = evidence.filter(mine)
    mastery, reached = situation.estimate(own), world.reach(own)
    steps = pl.concat([world.steps.filter(~mine), reached]).sort("person_id", "reached_at", "step_id")
    groups = GroupFeatures(to_interactions(steps), world.members)
    # of these tables only the person's own rows speak of the person
    tables = replace(
        world.tables,
        **{name: getattr(world.tables, name).filter(mine) for name in ("people", "role_periods", "learning")},
        practice=select_practice(own),
        steps=reached.select(*STEP_COLUMNS),
    )
    recommender = replace(world.recommender, extra=FeatureUnion((groups, build_context_features(tables))))
    found = rank_candidates(recommender, steps, mastery, pl.Series([person]), situation.as_of)
    # what others accepted comes along, and is not this person's
    candidates = world.open_to(found.rename({"prior": "utility"}), mastery).filter(mine)
    context = replace(
        changed_wishes(situation.context, change),
        mastery=mastery,
        demand=count_skill_demand(world.assignment, evidence, world.taxonomy, situation.as_of),
    )
    return rerank_candidates(candidates, context, situation.policy)


def changed_evidence(evidence: pl.DataFrame, change: dict[str, Any]) -> pl.DataFrame:
    """The evidence with the one row of the change added or taken away."""
    if change["change_of"] != "evidence":
        return evidence
    if change["change"] == "remove":
        return evidence.filter(pl.col("evidence_id") != change["evidence_id"])
    row = pl.DataFrame([{**change, "version_id": change["person_id"]}], schema_overrides=COUNTERFACTUAL.schema)
    return pl.concat([evidence, build_added_evidence(row, evidence.schema)])


def changed_wishes(context: RecommendationContext, change: dict[str, Any] | None) -> RecommendationContext:
    """The surroundings with the one wish of the change stated or taken back."""
    if change is None or change["change_of"] != "wish":
        return context
    wishes, person, skill = context.wishes, change["person_id"], change["changed_skill_id"]
    if change["change"] == "remove":
        return replace(context, wishes=wishes.filter((pl.col("person_id") != person) | (pl.col("skill_id") != skill)))
    stated = pl.DataFrame({"person_id": [person], "skill_id": [skill], "wish_weight": [change["amount"]]})
    return replace(context, wishes=pl.concat([wishes, stated], how="diagonal_relaxed"))


def rank_of(listed: pl.DataFrame, row: dict[str, Any]) -> int | None:
    """The rank of the same step in a list, None where it is not in it."""
    same = (pl.col("skill_id") == row["skill_id"]) & (pl.col("to_stage") == row["to_stage"])
    found = listed.filter(same & (pl.col("kind") == row["kind"]))["rank"]
    return int(found[0]) if found.len() else None
