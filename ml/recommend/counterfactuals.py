"""Counterfactuals: the one change in a person's own data that would have changed a row of their list.

Belongs here: the changes that are proposed, and their verification with the functions of the run.
Does not belong here: their sentences (`ml.recommend.action_text`), stages (`ml.mastery.state`), the list
(`ml.recommend.reranking`).

Two kinds of change are proposed for each row. Neither needs the model, so every row of a run gets them. A row of
evidence that is added or removed can move the stage that the step starts from; the step is then not eligible. A wish
that is added or removed can move the row; the model does not read wishes, so the candidates stay. Each proposal becomes
a version of the person that differs in this change only, and all versions are verified in one pass.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cached_property, partial

import polars as pl
from polars import selectors as cs

from ml.mastery.state import last_instant
from ml.recommend.motives import RecommendationContext, score_autonomy, score_mastery, score_purpose
from ml.recommend.reranking import (
    add_names,
    add_relative_probability,
    add_score,
    filter_eligible_steps,
    select_listed_steps,
)
from pipelines.contracts.policy import RecommendationPolicy

# A day of work, as one row of a time system.
WORKDAY_HOURS = 8.0
FULL_WISH_WEIGHT = 1.0
ADDED_EVIDENCE_PREFIX = "added"
UNKNOWN_PEER = "someone else"
# The mode of evidence that gives what is missing for the next stage.
_MODE_OF_MISSING = {
    "first_practice": "observation",
    "repetition": "repetition",
    "sustained_repetition": "repetition",
    "positive_feedback": "feedback",
    "feedback_from_several": "feedback",
    "teaching": "teaching",
}
_UNIT_BY_MODE = {"observation": "count", "repetition": "hours", "feedback": "share", "teaching": "count"}
_AMOUNT_BY_MODE = {"observation": 1.0, "repetition": WORKDAY_HOURS, "feedback": 1.0, "teaching": 1.0}
# Existing data explains a row better than hypothetical data, and a wish is easier to state than evidence to gather.
_KINDS_BY_PREFERENCE = ("remove evidence", "remove wish", "add wish", "add evidence", "add other wish")
# People per block: ten rows per person and forty candidates per version take about a gigabyte.
PEOPLE_PER_BLOCK = 2_000
# A wish is proposed for this many steps behind a row; a step further behind rarely overtakes it.
_MAX_FOLLOWERS = 5
_SKILL_KEY = ("person_id", "skill_id")
_STEP_COLUMNS = ("person_id", "rank", "skill_id", "step_id", "kind", "from_stage", "to_stage")
_CHANGE_SCHEMA = {
    "change": pl.String(),
    "change_of": pl.String(),
    "changed_skill_id": pl.String(),
    "evidence_id": pl.String(),
    "mode": pl.String(),
    "amount": pl.Float64(),
    "amount_unit": pl.String(),
    "occurred_at": pl.Datetime("us", "UTC"),
    "preference": pl.Int8(),
}


@dataclass(frozen=True)
class CounterfactualInputs:
    """The inputs of a run's lists, and the functions that verify a change.

    Attributes:
        evidence: One row per record of evidence, in the contract of the evidence ledger.
        candidates: One row per person and step, as `rerank_candidates` takes them.
        context: The tables that the motives are computed from.
        as_of: The day of the run.
        policy: The company's policy.
        estimate_mastery: Computes mastery from evidence, as the run does.
    """

    evidence: pl.DataFrame
    candidates: pl.DataFrame
    context: RecommendationContext
    as_of: date
    policy: RecommendationPolicy
    estimate_mastery: Callable[[pl.DataFrame], pl.DataFrame]

    @cached_property
    def scored_steps(self) -> pl.DataFrame:
        """The candidates with all columns that no wish changes: names, relative probability, mastery and purpose."""
        steps_with_mastery = score_mastery(add_names(self.candidates, self.context), self.context)
        return add_relative_probability(score_purpose(steps_with_mastery, self.context))


def find_counterfactuals(listed_steps: pl.DataFrame, inputs: CounterfactualInputs) -> pl.DataFrame:
    """Find one change per listed step that would have changed its row.

    Args:
        listed_steps: One row per person and listed step: person_id, rank, skill_id, step_id, kind, from_stage,
            to_stage.
        inputs: The inputs that the lists were made from.

    Returns:
        One row per listed step with a change, in the contract `out__counterfactual` without the metadata of the run.
        row_effect is `leaves` (the step would not be on the list) or `moves` (to_rank is another rank).
    """
    return pl.concat(
        _find_counterfactuals_in_block(block_steps, block_inputs)
        for block_steps, block_inputs in _split_by_people(listed_steps.select(_STEP_COLUMNS), inputs)
    )


def _find_counterfactuals_in_block(listed_steps: pl.DataFrame, inputs: CounterfactualInputs) -> pl.DataFrame:
    # in the order of preference: once a step has a change, later rounds propose none for it
    proposal_rounds = (
        (propose_removed_evidence, verify_evidence),
        (propose_wishes, verify_wishes),
        (propose_added_evidence, verify_evidence),
        (partial(propose_overtaking, listed_steps=listed_steps), verify_wishes),
    )
    changes = listed_steps.clear()
    for propose, verify in proposal_rounds:
        unexplained_steps = listed_steps.join(changes, on=_SKILL_KEY, how="anti", maintain_order="left")
        changes = pl.concat([changes, verify(propose(unexplained_steps, inputs), inputs)], how="diagonal")
    # among changes of equal preference the first one stays, which is that of the nearest follower
    return (
        changes.sort("person_id", "rank", "preference", maintain_order=True)
        .unique(_SKILL_KEY, keep="first", maintain_order=True)
        .drop("preference")
    )


def propose_removed_evidence(listed_steps: pl.DataFrame, inputs: CounterfactualInputs) -> pl.DataFrame:
    """Propose to remove the row of evidence that a stage may rest on: the only one, the only positive feedback, or the
    most work."""
    held_steps = listed_steps.filter(pl.col("from_stage") != "none")
    evidence_mode, is_apprentice = pl.col("mode"), pl.col("from_stage") == "apprentice"
    is_positive_feedback = (evidence_mode == "feedback") & (pl.col("amount") >= inputs.policy.stages.positive_share)
    is_decisive_evidence = (
        pl.when(is_apprentice)
        .then(pl.lit(True))
        .when(is_positive_feedback.sum().over(_SKILL_KEY) == 1)
        .then(is_positive_feedback)
        .otherwise(evidence_mode == "repetition")
    )
    decisive_evidence = (
        inputs.evidence.join(held_steps.select(*_SKILL_KEY, "from_stage"), on=_SKILL_KEY)
        .filter(is_decisive_evidence)
        .sort("amount", "occurred_at", "evidence_id", descending=True)
        # an apprentice with a second row of evidence stays an apprentice
        .filter(~is_apprentice | (pl.len().over(_SKILL_KEY) == 1))
        .unique(_SKILL_KEY, keep="first", maintain_order=True)
        .select(*_SKILL_KEY, "evidence_id", "mode", "amount", "amount_unit", "occurred_at")
    )
    return _to_proposals(held_steps.join(decisive_evidence, on=_SKILL_KEY), "remove evidence", pl.col("skill_id"))


def propose_added_evidence(listed_steps: pl.DataFrame, inputs: CounterfactualInputs) -> pl.DataFrame:
    """Propose to add one row of evidence of the mode that is missing for the step's stage."""
    missing_requirements = inputs.context.mastery.select(*_SKILL_KEY, "missing_for_next")
    missing_codes = pl.col("missing_for_next")
    single_missing_code = pl.when(missing_codes.list.len() == 1).then(missing_codes.list.first())
    missing_mode = (
        pl.when(pl.col("kind") == "new")
        .then(pl.lit("observation"))
        .when(pl.col("kind") == "refresh")
        .then(pl.lit("repetition"))
        .otherwise(single_missing_code.replace_strict(_MODE_OF_MISSING, default=None, return_dtype=pl.String))
    )
    added_evidence = (
        listed_steps.join(missing_requirements, on=_SKILL_KEY, how="left")
        .with_columns(missing_mode.alias("mode"), pl.lit(last_instant(inputs.as_of)).alias("occurred_at"))
        .drop_nulls("mode")
        .with_columns(
            pl.col("mode").replace_strict(_AMOUNT_BY_MODE, return_dtype=pl.Float64).alias("amount"),
            pl.col("mode").replace_strict(_UNIT_BY_MODE, return_dtype=pl.String).alias("amount_unit"),
        )
    )
    return _to_proposals(added_evidence, "add evidence", pl.col("skill_id"))


def propose_wishes(listed_steps: pl.DataFrame, inputs: CounterfactualInputs) -> pl.DataFrame:
    """Propose to remove the wish for the row's own micro-skill, or to state it if the row is not the first."""
    marked_steps = _mark_wished_steps(listed_steps, inputs.context)
    unwished_steps = marked_steps.filter(~pl.col("is_wished"), pl.col("rank") > 1).with_columns(
        pl.lit(FULL_WISH_WEIGHT).alias("amount")
    )
    return pl.concat(
        [
            _to_proposals(marked_steps.filter("is_wished"), "remove wish", pl.col("skill_id")),
            _to_proposals(unwished_steps, "add wish", pl.col("skill_id")),
        ]
    )


def propose_overtaking(
    overtaken_steps: pl.DataFrame, inputs: CounterfactualInputs, listed_steps: pl.DataFrame
) -> pl.DataFrame:
    """Propose a wish for each of the steps that follow a row in its list, the nearest first."""
    unwished_steps = _mark_wished_steps(listed_steps, inputs.context).filter(~pl.col("is_wished"))
    overtaken_follower_pairs = (
        overtaken_steps.join(
            unwished_steps.select("person_id", follower_rank="rank", follower_id="skill_id"), on="person_id"
        )
        .filter((pl.col("follower_rank") - pl.col("rank")).is_between(1, _MAX_FOLLOWERS))
        .with_columns(pl.lit(FULL_WISH_WEIGHT).alias("amount"))
        .sort("person_id", "rank", "follower_rank")
    )
    return _to_proposals(overtaken_follower_pairs, "add other wish", pl.col("follower_id"))


def verify_evidence(proposals: pl.DataFrame, inputs: CounterfactualInputs) -> pl.DataFrame:
    """Keep the proposals of evidence after which the step is not eligible, by the run's own estimate."""
    versions = proposals.with_row_index("version_id").with_columns(pl.col("version_id").cast(pl.String))
    removed_evidence = versions.select("version_id", *_SKILL_KEY, removed_id="evidence_id")
    version_evidence = (
        inputs.evidence.join(removed_evidence, on=_SKILL_KEY)
        .filter(pl.col("evidence_id").ne_missing(pl.col("removed_id")))
        .with_columns(pl.col("version_id").alias("person_id"))
        .select(inputs.evidence.columns)
    )
    added_evidence = build_added_evidence(versions.filter(pl.col("change") == "add"), inputs.evidence.schema)
    mastery = inputs.estimate_mastery(pl.concat([version_evidence, added_evidence]))
    stages_after_change = mastery.select("skill_id", version_id="person_id", stage_after="stage")
    versions = versions.join(
        stages_after_change, on=("version_id", "skill_id"), how="left", maintain_order="left"
    ).with_columns(pl.col("stage_after").fill_null("none"))
    version_steps = versions.select(
        "skill_id", "step_id", "kind", "to_stage", person_id="version_id", from_stage="stage_after"
    )
    eligible_versions = filter_eligible_steps(version_steps, mastery).select(version_id="person_id")
    ineligible_versions = versions.join(eligible_versions, on="version_id", how="anti", maintain_order="left")
    return _add_effect(ineligible_versions, pl.lit(None, pl.Int64))


def verify_wishes(proposals: pl.DataFrame, inputs: CounterfactualInputs) -> pl.DataFrame:
    """Keep the proposals of wishes after which the step has another rank or none, by ranking each version's list."""
    context, scored_steps, versions = inputs.context, inputs.scored_steps, proposals.with_row_index("version_id")
    # millions of rows are sorted and grouped by these names: an Enum sorts like its texts, at the cost of integers
    compared_name_columns = (context.skills["skill_id"], context.skills["capability_name"], scored_steps["skill_id"])
    skill_name_enum = pl.Enum(
        pl.concat([*compared_name_columns, context.wishes["skill_id"], proposals["changed_skill_id"]])
        .drop_nulls()
        .unique()
        .sort()
    )
    step_enum = pl.Enum(scored_steps["step_id"].unique().sort())
    scored_steps = scored_steps.select(
        "person_id",
        pl.col("step_id").cast(step_enum),
        pl.col("skill_id", "capability_name").cast(skill_name_enum),
        "relative",
        *("mastery", "purpose", "is_accepted", "is_common"),
    )
    version_people = versions.select("person_id", "version_id")
    wishes = _change_wishes(_to_versions(context.wishes, version_people), versions)
    context = replace(
        context,
        mastery=context.mastery.clear().cast({"skill_id": skill_name_enum}),  # autonomy does not read mastery
        skills=context.skills.with_columns(pl.col("skill_id").cast(skill_name_enum)),
        wishes=wishes.with_columns(pl.col("skill_id").cast(skill_name_enum)),
        preferences=_to_versions(context.preferences, version_people),
    )
    scored_versions = score_autonomy(_to_versions(scored_steps, version_people), context)
    scored_versions = add_score(scored_versions, inputs.policy.weights, context.preferences)
    tried_steps = versions.select(pl.col("step_id").cast(step_enum), person_id="version_id")
    listed_steps = select_listed_steps(_drop_steps_behind(scored_versions, tried_steps, inputs.policy), inputs.policy)
    ranks_after_change = listed_steps.select(pl.col("step_id").cast(pl.String), version_id="person_id", to_rank="rank")
    moved_versions = versions.join(
        ranks_after_change, on=("version_id", "step_id"), how="left", maintain_order="left"
    ).filter(pl.col("to_rank").ne_missing(pl.col("rank")))
    return _add_effect(moved_versions, pl.col("to_rank"))


def _drop_steps_behind(steps: pl.DataFrame, tried_steps: pl.DataFrame, policy: RecommendationPolicy) -> pl.DataFrame:
    """Drop the steps of each version that rank after the tried step (person_id, step_id).

    The rank of a step depends on the steps before it, unless more than `per_capability` of its own capability are among
    these: it may then come after all others, and every step stays.
    """
    group_name = pl.col("capability_name").fill_null(pl.col("skill_id")).alias("group")
    ranked_steps = steps.select("person_id", "step_id", "score", "is_accepted", group_name)
    tried_step_scores = ranked_steps.join(tried_steps, on=("person_id", "step_id"), how="semi").drop("step_id")
    has_same_acceptance = pl.col("is_accepted") == pl.col("is_accepted_tried")
    is_ahead = (pl.col("is_accepted") > pl.col("is_accepted_tried")) | (
        has_same_acceptance & (pl.col("score") >= pl.col("score_tried"))
    )
    is_in_group = pl.col("group") == pl.col("group_tried")
    compared_steps = ranked_steps.join(
        tried_step_scores, on="person_id", how="left", suffix="_tried", maintain_order="left"
    ).select("person_id", is_ahead.alias("is_ahead"), (is_ahead & is_in_group).alias("is_ahead_in_group"))
    ahead_in_group_counts = compared_steps.filter("is_ahead_in_group").group_by("person_id").len()
    crowded_version_ids = ahead_in_group_counts.filter(pl.col("len") > policy.per_capability)["person_id"]
    return steps.filter(compared_steps["is_ahead"] | steps["person_id"].is_in(crowded_version_ids.implode()))


def _change_wishes(wishes: pl.DataFrame, versions: pl.DataFrame) -> pl.DataFrame:
    """Add and remove the wishes that each version changes, and keep all others."""
    wish_changes = versions.select("change", person_id="version_id", skill_id="changed_skill_id", wish_weight="amount")
    remaining_wishes = wishes.join(wish_changes.filter(pl.col("change") == "remove"), on=_SKILL_KEY, how="anti")
    return pl.concat(
        [remaining_wishes, wish_changes.filter(pl.col("change") == "add").drop("change")], how="diagonal_relaxed"
    )


def build_added_evidence(changes: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Build the rows of evidence that changes add; feedback is an unknown colleague's.

    Args:
        changes: One row per change: version_id, changed_skill_id, mode, amount, amount_unit, occurred_at.
        schema: The schema of the evidence.

    Returns:
        One row per change in the schema; person_id is the version_id.
    """
    is_feedback = pl.col("mode") == "feedback"
    expr_by_column = {column: pl.col(column) for column in ("mode", "amount", "amount_unit", "occurred_at")} | {
        "evidence_id": pl.concat_str(pl.lit(f"{ADDED_EVIDENCE_PREFIX} "), "version_id"),
        "person_id": pl.col("version_id"),
        "skill_id": pl.col("changed_skill_id"),
        "feedback_kind": pl.when(is_feedback).then(pl.lit("peer")),
        "given_by_id": pl.when(is_feedback).then(pl.lit(UNKNOWN_PEER)),
    }
    return changes.select(
        expr_by_column.get(column, pl.lit(None)).cast(dtype).alias(column) for column, dtype in schema.items()
    )


def _mark_wished_steps(steps: pl.DataFrame, context: RecommendationContext) -> pl.DataFrame:
    """Add is_wished, whether the person stated a wish for the micro-skill."""
    wished_skills = context.wishes.select(*_SKILL_KEY, pl.lit(True).alias("is_wished")).unique()
    return steps.join(wished_skills, on=_SKILL_KEY, how="left", maintain_order="left").with_columns(
        pl.col("is_wished").fill_null(False)
    )


def _to_proposals(changed_steps: pl.DataFrame, proposal_kind: str, changed_skill_id: pl.Expr) -> pl.DataFrame:
    """The rows as proposals of one kind of `_KINDS_BY_PREFERENCE`; columns that a kind does not have are null."""
    expression_by_column = {
        "change": pl.lit(proposal_kind.split()[0]),
        "change_of": pl.lit(proposal_kind.split()[-1]),
        "changed_skill_id": changed_skill_id,
        "preference": pl.lit(_KINDS_BY_PREFERENCE.index(proposal_kind)),
        **{column: pl.col(column) for column in _CHANGE_SCHEMA if column in changed_steps.columns},
    }
    change_expressions = (
        expression_by_column.get(column, pl.lit(None)).cast(dtype).alias(column)
        for column, dtype in _CHANGE_SCHEMA.items()
    )
    return changed_steps.select(*_STEP_COLUMNS, *change_expressions)


def _split_by_people(
    listed_steps: pl.DataFrame, inputs: CounterfactualInputs
) -> Iterator[tuple[pl.DataFrame, CounterfactualInputs]]:
    """The rows and inputs of one block of people after another, which bounds the memory."""
    person_blocks = listed_steps.select("person_id").unique().sort("person_id").with_row_index("block")
    person_blocks = person_blocks.with_columns(pl.col("block") // PEOPLE_PER_BLOCK)
    context_table_by_name = {
        context_field.name: getattr(inputs.context, context_field.name) for context_field in fields(inputs.context)
    }
    divided_table_by_name = {
        "rows": listed_steps,
        # only evidence of a listed micro-skill is read
        "evidence": inputs.evidence.join(listed_steps, on=_SKILL_KEY, how="semi", maintain_order="left"),
        "candidates": inputs.candidates.select(~cs.starts_with("contribution_")),
        **{table_name: table for table_name, table in context_table_by_name.items() if "person_id" in table.columns},
    }
    # each table is partitioned once: a lookup per block would read the whole table for every block
    table_blocks_by_name = {
        table_name: table.join(person_blocks, on="person_id", maintain_order="left").partition_by(
            "block", as_dict=True, include_key=False
        )
        for table_name, table in divided_table_by_name.items()
    }
    for block_number in range(max(person_blocks["block"].n_unique(), 1)):
        block_tables = {
            table_name: table_blocks_by_name[table_name].pop((block_number,), table.clear())
            for table_name, table in divided_table_by_name.items()
        }
        block_steps, evidence, candidates = (
            block_tables.pop(table_name) for table_name in ("rows", "evidence", "candidates")
        )
        context = replace(inputs.context, **block_tables)
        yield block_steps, replace(inputs, evidence=evidence, candidates=candidates, context=context)


def _to_versions(table: pl.DataFrame, version_people: pl.DataFrame) -> pl.DataFrame:
    """Repeat the rows of a person per version (a row of `version_people`), with its version_id as person_id."""
    version_rows = table.join(version_people, on="person_id").with_columns(pl.col("version_id").alias("person_id"))
    return version_rows.select(table.columns)


def _add_effect(changes: pl.DataFrame, to_rank: pl.Expr) -> pl.DataFrame:
    """Add row_effect and to_rank."""
    row_effect = pl.when(to_rank.is_null()).then(pl.lit("leaves")).otherwise(pl.lit("moves"))
    return changes.with_columns(row_effect.alias("row_effect"), to_rank.alias("to_rank")).drop("version_id")
