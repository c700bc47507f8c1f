"""Recomputes the list of one person from changed data, with the functions of a run, to check a counterfactual's claim.

Belongs here: the way from evidence to the list of one person, while the data of all others stay as in the run.
Does not belong here: which change is tried (`ml.recommend.counterfactuals`), printing the table (`tables`).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

import polars as pl

from assets.resources.table_reader import TableReader
from assets.tables.companions import filter_candidates_by_replies, read_employee_input
from assets.tables.model import rank_candidates
from assets.tables.recommendations import build_counterfactual_inputs, build_shared_context, read_held_steps
from assets.tables.training_data import STEP_COLUMNS, read_flow_tables, select_practice, to_events
from ml.mastery.knowledge_tracing import read_knowledge_tracing
from ml.mastery.state import find_reached_steps
from ml.mastery.step_items import list_memberships
from ml.ranking.context_features import ContextTables, build_context_features
from ml.ranking.feature_union import FeatureUnion
from ml.ranking.group_features import GroupFeatures
from ml.ranking.recommender import Recommender
from ml.recommend.counterfactuals import CounterfactualInputs, build_added_evidence
from ml.recommend.motives import RecommendationContext
from ml.recommend.reranking import rerank_candidates
from ml.registry.model_bundle import load_bundle
from pipelines.config.company import Config
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import ASSIGNMENT, PERSON, ROLE_PERIOD, SKILL, SKILL_TEXT
from pipelines.contracts.feature_tables import MODEL_CARD, REACHED_STEP, TRACING
from pipelines.contracts.output_tables import COUNTERFACTUAL
from pipelines.contracts.policy import RecommendationPolicy
from pipelines.core.skill_demand import count_skill_demand
from pipelines.storage.lake import Lake

SEED = 7


@dataclass(frozen=True)
class ReplayCounts:
    """Replayed counterfactuals of one kind.

    Attributes:
        change: Kind of change.
        effect: Claimed effect on the row.
        rows: Number of counterfactuals.
        as_published: Rows whose rank is the published one if the list is recomputed from unchanged data; if it were
            not all of them, a change could not be told from an error of the replay.
        confirmed: Rows on which the change has the claimed effect.
    """

    change: str
    effect: str
    rows: int
    as_published: int
    confirmed: int


@dataclass(frozen=True)
class ReplayInputs:
    """What one run read, in memory for many replays."""

    situation: CounterfactualInputs
    steps: pl.DataFrame
    members: pl.DataFrame
    recommender: Recommender
    tables: ContextTables
    assignment: pl.DataFrame
    skills: pl.DataFrame
    matches: pl.DataFrame
    find_reached: Callable[[pl.DataFrame], pl.DataFrame]
    filter_by_replies: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]


def check_counterfactuals(
    settings: Settings, config: Config, rows: int, progress: Callable[[int], None]
) -> list[ReplayCounts]:
    """Apply sampled counterfactuals, each to the data of its person alone, and recompute the list.

    Args:
        settings: Paths of the data root.
        config: Its footsteps.yaml.
        rows: Number of counterfactuals to sample.
        progress: Called with the number of replayed counterfactuals after each of them.

    Returns:
        One row per kind of change and effect, and last the sums.
    """
    published = TableReader(Lake(settings.lake_path)).read(COUNTERFACTUAL)
    sampled = published.sample(min(rows, published.height), seed=SEED, shuffle=True)
    inputs = read_replay_inputs(settings, config.policy, published["as_of"][0])
    counts: Counter[tuple[str, str, str]] = Counter()
    rebuild_unchanged = cache(lambda person: rebuild_list(inputs, person, None))
    for number, row in enumerate(sampled.iter_rows(named=True), 1):
        kind = (f"{row['change']} {row['mode'] or row['change_of']}", row["row_effect"])
        before, after = rebuild_unchanged(row["person_id"]), rebuild_list(inputs, row["person_id"], row)
        rank = find_rank(after, row)
        counts[*kind, "rows"] += 1
        counts[*kind, "as_published"] += find_rank(before, row) == row["rank"]
        counts[*kind, "confirmed"] += rank == row["to_rank"] and rank != row["rank"]
        progress(number)
    fields = ("rows", "as_published", "confirmed")
    kinds = sorted({key[:2] for key in counts})
    results = [ReplayCounts(*kind, *(counts[*kind, name] for name in fields)) for kind in kinds]
    return [*results, ReplayCounts("all", "", *(sum(getattr(result, name) for result in results) for name in fields))]


def read_replay_inputs(settings: Settings, policy: RecommendationPolicy, as_of: date) -> ReplayInputs:
    """Read what the run of a day read.

    Args:
        settings: Paths of the data root.
        policy: The policy of recommendations.
        as_of: The day.

    Raises:
        BundleError: The ranker of the run does not exist any more.
    """
    tables = TableReader(Lake(settings.lake_path))
    steps, cards = tables.read(REACHED_STEP), tables.read(TRACING)["card"]
    tracing = read_knowledge_tracing(cards[0]) if cards.len() else None
    members = list_memberships(tables.read(PERSON), tables.read(ROLE_PERIOD))
    employee_input = read_employee_input(tables, as_of)
    people = tables.read(PERSON).select("person_id")
    groups, flow_tables = GroupFeatures(to_events(steps), members), read_flow_tables(tables, steps)
    folder = settings.models_path / tables.read(MODEL_CARD)["model_version"][0]
    held_steps = read_held_steps(tables, employee_input, policy.minimum_people)
    context = replace(build_shared_context(tables, as_of), **vars(held_steps))
    return ReplayInputs(
        situation=build_counterfactual_inputs(tables, policy, employee_input, context),
        steps=steps,
        members=members,
        recommender=load_bundle(folder, extra_features=FeatureUnion((groups, build_context_features(flow_tables)))),
        tables=flow_tables,
        assignment=tables.read(ASSIGNMENT),
        skills=tables.read(SKILL),
        matches=tables.read(SKILL_TEXT),
        find_reached=lambda evidence: find_reached_steps(evidence, as_of, policy.stages, tracing),
        filter_by_replies=lambda candidates, mastery: filter_candidates_by_replies(
            policy.replies, employee_input, candidates, mastery, people
        ),
    )


def rebuild_list(inputs: ReplayInputs, person: str, change: dict[str, Any] | None) -> pl.DataFrame:
    """Recompute the list of one person from evidence to ranks.

    Args:
        inputs: What the run read.
        person: person_id of the person.
        change: A row of `out__counterfactual`; None recomputes the list from unchanged data.
    """
    situation, is_person = inputs.situation, pl.col("person_id") == person
    evidence = situation.evidence if change is None else apply_evidence_change(situation.evidence, change)
    person_evidence = evidence.filter(is_person)
    mastery, reached = situation.estimate_mastery(person_evidence), inputs.find_reached(person_evidence)
    steps = pl.concat([inputs.steps.filter(~is_person), reached]).sort("person_id", "reached_at", "step_id")
    groups = GroupFeatures(to_events(steps), inputs.members)
    # of these tables only the person's rows affect the person
    tables = replace(
        inputs.tables,
        **{name: getattr(inputs.tables, name).filter(is_person) for name in ("people", "role_periods", "learning")},
        practice=select_practice(person_evidence),
        steps=reached.select(*STEP_COLUMNS),
    )
    recommender = replace(inputs.recommender, extra=FeatureUnion((groups, build_context_features(tables))))
    skills = inputs.skills["skill_id"]
    ranked = rank_candidates(recommender, steps, mastery, pl.Series([person]), skills, situation.as_of)
    # the filter adds the steps that other people accepted
    candidates = inputs.filter_by_replies(ranked.rename({"prior": "utility"}), mastery)
    context = replace(
        apply_wish_change(situation.context, change),
        mastery=mastery,
        demand=count_skill_demand(inputs.assignment, evidence, inputs.matches, situation.as_of),
    )
    return rerank_candidates(candidates.filter(is_person), context, situation.policy)


def apply_evidence_change(evidence: pl.DataFrame, change: dict[str, Any]) -> pl.DataFrame:
    """The evidence with the row of the change added or removed; unchanged if the change is a wish."""
    if change["change_of"] != "evidence":
        return evidence
    if change["change"] == "remove":
        return evidence.filter(pl.col("evidence_id") != change["evidence_id"])
    row = pl.DataFrame([{**change, "version_id": change["person_id"]}], schema_overrides=COUNTERFACTUAL.schema)
    return pl.concat([evidence, build_added_evidence(row, evidence.schema)])


def apply_wish_change(context: RecommendationContext, change: dict[str, Any] | None) -> RecommendationContext:
    """The context with the wish of the change added or removed; unchanged if the change is no wish."""
    if change is None or change["change_of"] != "wish":
        return context
    wishes, person, skill = context.wishes, change["person_id"], change["changed_skill_id"]
    if change["change"] == "remove":
        return replace(context, wishes=wishes.filter((pl.col("person_id") != person) | (pl.col("skill_id") != skill)))
    added = pl.DataFrame({"person_id": [person], "skill_id": [skill], "wish_weight": [change["amount"]]})
    return replace(context, wishes=pl.concat([wishes, added], how="diagonal_relaxed"))


def find_rank(recommended: pl.DataFrame, row: dict[str, Any]) -> int | None:
    """The rank of a row's step in a list; None if the step is not in it."""
    is_step = pl.all_horizontal(pl.col(name) == row[name] for name in ("skill_id", "to_stage", "kind"))
    ranks = recommended.filter(is_step)["rank"]
    return int(ranks[0]) if ranks.len() else None
