"""Published tables for people and systems: recommendations, mastery, badge evidence and evidence.

Belongs here: which tables the published rows are made of.
Does not belong here: how rows are made (`ml.recommend`), their publication (`assets.tables.snapshot`).
"""

from dataclasses import replace
from datetime import date
from functools import partial

import polars as pl
from dagster import AssetsDefinition

from assets.incremental.asset_run import AssetRun
from assets.incremental.incremental_asset import Results, incremental_asset
from assets.resources.table_reader import TableReader
from assets.tables.companions import (
    EMPLOYEE_INPUT_TABLES,
    EmployeeInput,
    filter_candidates_by_replies,
    read_employee_input,
)
from assets.tables.objections import OBJECTION_TABLES
from assets.tables.snapshot import materialize_output, materialize_outputs_by_people, read_publication_terms
from ml.mastery.knowledge_tracing import read_knowledge_tracing
from ml.mastery.open_badges import BADGE_EVIDENCE_COLUMNS, build_badge_evidence
from ml.mastery.state import estimate_mastery, last_instant
from ml.organisation.stage_times import write_time_texts
from ml.organisation.support_gaps import find_support_gaps
from ml.recommend.common_steps import HeldSteps, count_held_steps
from ml.recommend.counterfactuals import CounterfactualInputs, find_counterfactuals
from ml.recommend.motives import RecommendationContext
from ml.recommend.reply_filter import find_no_recommendation_reasons
from ml.recommend.reranking import build_recommendation_rows, rerank_candidates
from pipelines.contracts.catalog import (
    ASPIRATION,
    ASSIGNMENT,
    EVIDENCE,
    LEARNING_RECORD,
    PERSON,
    PREFERENCE,
    REPLY,
    ROLE_PERIOD,
    ROLE_PROFILE,
    SKILL,
    SKILL_TEXT,
)
from pipelines.contracts.columns import STAGES, is_employed
from pipelines.contracts.craft_tables import STAGE_TIME
from pipelines.contracts.feature_tables import CANDIDATE, MASTERY, MODEL_CARD, PRECEDENCE, TRACING
from pipelines.contracts.output_tables import (
    COUNTERFACTUAL,
    MASTERY_PROOF,
    NEXT_SKILL,
    OUT_EVIDENCE,
    OUT_MASTERY,
    SUPPORT_GAP,
)
from pipelines.contracts.policy import RecommendationPolicy
from pipelines.core.replies import add_replies_to_mastery, resolve_reply_skills
from pipelines.core.skill_demand import (
    count_skill_demand,
    count_unit_support,
    find_practice_options,
    list_current_roles,
    list_motive_weights,
    list_skill_wishes,
    select_recent_evidence,
)
from pipelines.storage.month_periods import list_periods

# What `build_shared_context` and `build_recommendation_context` read.
CONTEXT_INPUTS = (
    *(MASTERY, EVIDENCE, PRECEDENCE, ASPIRATION, ASSIGNMENT, ROLE_PERIOD, PERSON),
    *(SKILL, ROLE_PROFILE, SKILL_TEXT),
)
# The provenance of evidence: most of its bytes, and no stage or list depends on it.
_PROVENANCE_COLUMNS = ("record_code", "source_name", "file_sha256", "row_number", "source_column")


def recommendation_assets() -> list[AssetsDefinition]:
    """Recommendations with their counterfactuals and support gaps; mastery, badge evidence and evidence."""
    return [recommendations, published_mastery, badge_evidence, published_evidence]


@incremental_asset(
    name="recommend",
    tables=[NEXT_SKILL, COUNTERFACTUAL, SUPPORT_GAP],
    reads=[*CONTEXT_INPUTS, CANDIDATE, TRACING, LEARNING_RECORD, MODEL_CARD, STAGE_TIME, *EMPLOYEE_INPUT_TABLES],
    per_person_inputs=[CANDIDATE, MASTERY, EVIDENCE, ASPIRATION, ROLE_PERIOD, PERSON, REPLY, PREFERENCE],
    depends_on_population=True,
)
def recommendations(run: AssetRun) -> Results:
    """Recommend steps to every employed person, find what would change each row, and what support units lack."""
    as_of, policy, table_reader = run.as_of, run.config.policy, run.tables
    skills, text_matches = table_reader.read(SKILL), table_reader.read(SKILL_TEXT)
    employee_input, assignments = read_employee_input(table_reader, as_of), table_reader.read(ASSIGNMENT)
    # statements about several people leave out what one of them objects to
    evidence = employee_input.objections.drop_objected_rows(select_recent_evidence(table_reader.scan(EVIDENCE), as_of))
    practice_options = find_practice_options(
        assignments, table_reader.read(LEARNING_RECORD), evidence, skills, text_matches, as_of
    )
    held_steps = read_held_steps(table_reader, employee_input, policy.minimum_people)
    shared_context = replace(build_shared_context(table_reader, as_of), **vars(held_steps))
    time_texts = write_time_texts(table_reader.read(STAGE_TIME))
    ranked_steps_of_ranges: list[pl.DataFrame] = []

    def compute_rows(reader: TableReader) -> tuple[pl.DataFrame, pl.DataFrame]:
        people = reader.read_scoped(PERSON).filter(is_employed())
        counterfactual_inputs = build_counterfactual_inputs(reader, policy, employee_input, shared_context)
        ranked_steps = rerank_candidates(counterfactual_inputs.candidates, counterfactual_inputs.context, policy)
        counterfactuals = drop_hidden_changes(
            find_counterfactuals(ranked_steps, counterfactual_inputs), employee_input.hidden_pairs
        )
        candidate_people = reader.read_scoped(CANDIDATE, ["person_id"])
        missing_reasons = find_no_recommendation_reasons(
            people,
            candidate_people,
            counterfactual_inputs.candidates,
            employee_input.opted_out_people,
            is_paused=employee_input.is_paused,
        )
        recommendation_rows = build_recommendation_rows(
            blank_hidden_wishes(ranked_steps, employee_input.hidden_pairs),
            counterfactuals,
            hide_held_skills(counterfactual_inputs.context, employee_input.hidden_pairs),
            practice_options,
            missing_reasons,
            policy,
            time_texts,
        )
        ranked_steps_of_ranges.append(
            employee_input.objections.drop_objected_rows(ranked_steps).select(
                "person_id", "skill_id", "displaced_count"
            )
        )
        return recommendation_rows, counterfactuals

    yield from materialize_outputs_by_people(run, (NEXT_SKILL, COUNTERFACTUAL), compute_rows)
    ranked_steps = pl.concat(ranked_steps_of_ranges)
    displaced_count = ranked_steps.unique("person_id")["displaced_count"].sum()
    run.log.info(f"{displaced_count:,} steps that are common in their unit were displaced from the first of a list")
    if run.scope.people is not None:  # support gaps are about units: a run for some people leaves them as they are
        yield run.materialize(SUPPORT_GAP, pl.DataFrame(schema=SUPPORT_GAP.schema))
        return
    unit_members = table_reader.read(PERSON).filter(is_employed()).select("person_id", "unit_name")
    mastery = employee_input.objections.drop_objected_rows(
        table_reader.read(MASTERY, ["person_id", "skill_id", "stage"])
    )
    unit_support = count_unit_support(assignments, evidence, mastery, unit_members, text_matches, as_of)
    support_gaps = find_support_gaps(ranked_steps, unit_members, unit_support, skills, policy.minimum_people)
    yield materialize_output(run, SUPPORT_GAP, support_gaps)


@incremental_asset(
    name="list_mastery",
    tables=[OUT_MASTERY],
    reads=[MASTERY, MODEL_CARD, PERSON, *OBJECTION_TABLES],
    per_person_inputs=[MASTERY, REPLY, PREFERENCE, PERSON],
)
def published_mastery(run: AssetRun) -> Results:
    """List the mastery of every employed person, with what they state themselves."""

    replies = _read_replies(run.tables)

    def compute_rows(table_reader: TableReader) -> list[pl.DataFrame]:
        mastery = _filter_employed(table_reader, table_reader.read_scoped(MASTERY))
        return [add_replies_to_mastery(mastery, replies, run.as_of)]

    yield from materialize_outputs_by_people(run, [OUT_MASTERY], compute_rows)


@incremental_asset(
    name="build_badge_evidence",
    tables=[MASTERY_PROOF],
    reads=[MASTERY, EVIDENCE, PERSON, MODEL_CARD, SKILL, *OBJECTION_TABLES],
    per_person_inputs=[MASTERY, EVIDENCE, PERSON, REPLY, PREFERENCE],
)
def badge_evidence(run: AssetRun) -> Results:
    """List the evidence of each micro-skill that an employed person holds, with a draft of an Open Badge."""

    def compute_rows(table_reader: TableReader) -> list[pl.DataFrame]:
        mastery = _filter_employed(table_reader, table_reader.read_scoped(MASTERY))
        evidence = table_reader.read_scoped(EVIDENCE, BADGE_EVIDENCE_COLUMNS)
        return [build_badge_evidence(mastery, evidence, table_reader.read(SKILL), run.as_of)]

    yield from materialize_outputs_by_people(run, [MASTERY_PROOF], compute_rows)


@incremental_asset(
    name="list_evidence",
    tables=[OUT_EVIDENCE],
    reads=[EVIDENCE, PERSON, MODEL_CARD, *OBJECTION_TABLES],
    per_person_inputs=[EVIDENCE, PERSON, REPLY, PREFERENCE],
)
def published_evidence(run: AssetRun) -> Results:
    """List the evidence of every employed person up to the day, with file and row."""
    # the rows keep the order of the evidence, which is that of the published table: nothing is sorted
    is_until_as_of = pl.col("occurred_at") <= last_instant(run.as_of)
    if not run.scope.is_everybody:
        evidence_rows = _filter_employed(run.tables, run.tables.read_scoped(EVIDENCE)).filter(is_until_as_of)
        yield materialize_output(run, OUT_EVIDENCE, evidence_rows)
        return
    publication_terms, periods = read_publication_terms(run), list_periods(run.tables.lake, [EVIDENCE])
    evidence_of_periods = (
        run.tables.scan(EVIDENCE).filter(period.includes(pl.col("occurred_at")), is_until_as_of).collect()
        for period in periods
    )
    parts = (
        [publication_terms.complete(OUT_EVIDENCE, _filter_employed(run.tables, rows))] for rows in evidence_of_periods
    )
    yield from run.materialize_parts([OUT_EVIDENCE], parts, len(periods))


def build_counterfactual_inputs(
    table_reader: TableReader,
    policy: RecommendationPolicy,
    employee_input: EmployeeInput,
    shared_context: RecommendationContext,
) -> CounterfactualInputs:
    """What recommendations and their counterfactuals are computed from, for the people in scope.

    Args:
        table_reader: Reads people, evidence, mastery, the candidates and knowledge tracing.
        policy: The policy of recommendations.
        employee_input: What people stated, and up to which day.
        shared_context: As `build_shared_context` returns it.
    """
    as_of, tracing_cards = employee_input.as_of, table_reader.read(TRACING)["card"]
    tracing_model = read_knowledge_tracing(tracing_cards[0]) if tracing_cards.len() else None
    candidates = table_reader.read_scoped(CANDIDATE).rename({"prior": "utility"})
    mastery, people = table_reader.read_scoped(MASTERY), table_reader.read_scoped(PERSON).filter(is_employed())
    return CounterfactualInputs(
        evidence=table_reader.read_scoped(
            EVIDENCE, [column for column in EVIDENCE.column_names if column not in _PROVENANCE_COLUMNS]
        ),
        candidates=filter_candidates_by_replies(
            policy.replies, employee_input, candidates, mastery, people.select("person_id")
        ),
        context=replace(shared_context, mastery=mastery),
        as_of=as_of,
        policy=policy,
        estimate_mastery=partial(estimate_mastery, as_of=as_of, policy=policy.stages, tracing_model=tracing_model),
    )


def build_recommendation_context(table_reader: TableReader, as_of: date) -> RecommendationContext:
    """Read the tables from which motives are computed, as of a day; mastery holds only the people in scope.

    Args:
        table_reader: Reads `CONTEXT_INPUTS`.
        as_of: The last day whose data counts.
    """
    return replace(build_shared_context(table_reader, as_of), mastery=table_reader.read_scoped(MASTERY))


def build_shared_context(table_reader: TableReader, as_of: date) -> RecommendationContext:
    """Read the tables from which motives are computed, as of a day, but for mastery, which stays empty.

    Args:
        table_reader: Reads `CONTEXT_INPUTS`.
        as_of: The last day whose data counts.
    """
    text_matches, evidence = table_reader.read(SKILL_TEXT), select_recent_evidence(table_reader.scan(EVIDENCE), as_of)
    return RecommendationContext(
        mastery=pl.DataFrame(schema=MASTERY.schema),
        skills=table_reader.read(SKILL),
        prerequisites=table_reader.read(PRECEDENCE),
        wishes=list_skill_wishes(table_reader.read(ASPIRATION), text_matches, as_of),
        roles=list_current_roles(table_reader.read(PERSON), table_reader.read(ROLE_PERIOD), as_of),
        role_profiles=table_reader.read(ROLE_PROFILE),
        demand=count_skill_demand(table_reader.read(ASSIGNMENT), evidence, text_matches, as_of),
        preferences=list_motive_weights(table_reader.read(ASPIRATION), as_of),
    )


def read_held_steps(table_reader: TableReader, employee_input: EmployeeInput, minimum_people: int) -> HeldSteps:
    """Read what all employed people hold, without what people object to.

    Args:
        table_reader: Reads people, mastery and micro-skills.
        employee_input: What people stated.
        minimum_people: The smallest number of people that a count may describe.
    """
    mastery = table_reader.read(MASTERY, ["person_id", "skill_id", "stage"])
    people = table_reader.read(PERSON).filter(is_employed()).select("person_id", "unit_name")
    return count_held_steps(
        employee_input.objections.drop_objected_rows(mastery),
        people.join(employee_input.opted_out_people, on="person_id", how="anti"),
        table_reader.read(SKILL),
        minimum_people,
    )


def drop_hidden_changes(counterfactuals: pl.DataFrame, hidden_pairs: pl.DataFrame) -> pl.DataFrame:
    """The counterfactuals that do not name a hidden micro-skill in the row of another one.

    Args:
        counterfactuals: Counterfactuals, as `find_counterfactuals` returns them.
        hidden_pairs: person_id, skill_id.
    """
    is_own = pl.col("changed_skill_id") == pl.col("skill_id")
    hidden_skills = hidden_pairs.select("person_id", changed_skill_id="skill_id")
    other_changes = counterfactuals.filter(~is_own)
    other_changes = other_changes.join(hidden_skills, on=("person_id", "changed_skill_id"), how="anti")
    return pl.concat([counterfactuals.filter(is_own), other_changes])


def blank_hidden_wishes(listed_steps: pl.DataFrame, hidden_pairs: pl.DataFrame) -> pl.DataFrame:
    """Blank `wish_skill_id` where it names a micro-skill that the person has hidden.

    The micro-skill's own row keeps it.

    Args:
        listed_steps: One row per person and listed step, as `rerank_candidates` returns them.
        hidden_pairs: person_id, skill_id.
    """
    hidden_skills = hidden_pairs.select("person_id", wish_skill_id="skill_id", is_wish_hidden=pl.lit(True))
    steps = listed_steps.join(hidden_skills, on=("person_id", "wish_skill_id"), how="left", maintain_order="left")
    is_shown = pl.col("is_wish_hidden").is_null() | (pl.col("wish_skill_id") == pl.col("skill_id"))
    return steps.with_columns(pl.when(is_shown).then("wish_skill_id").alias("wish_skill_id")).drop("is_wish_hidden")


def hide_held_skills(context: RecommendationContext, hidden_pairs: pl.DataFrame) -> RecommendationContext:
    """The tables of explanations with the stage `none` for hidden micro-skills, so that no sentence names one as held.

    Args:
        context: The tables that explanations name.
        hidden_pairs: person_id, skill_id.
    """
    hidden_skills = hidden_pairs.with_columns(is_pair_hidden=pl.lit(True))
    mastery = context.mastery.join(hidden_skills, on=("person_id", "skill_id"), how="left", maintain_order="left")
    stage = pl.when("is_pair_hidden").then(pl.lit(STAGES[0])).otherwise("stage").alias("stage")
    return replace(context, mastery=mastery.with_columns(stage).drop("is_pair_hidden"))


def _read_replies(table_reader: TableReader) -> pl.DataFrame:
    """One row per reply and micro-skill it names, as `resolve_reply_skills` returns them."""
    return resolve_reply_skills(table_reader.read(REPLY), table_reader.read(SKILL_TEXT))


def _filter_employed(table_reader: TableReader, rows: pl.DataFrame) -> pl.DataFrame:
    employed_people = table_reader.read_scoped(PERSON).filter(is_employed())
    return rows.join(employed_people, on="person_id", how="semi", maintain_order="left")
