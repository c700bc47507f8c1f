"""Core tables: accounts, people, events, taxonomy and evidence.

Belongs here: which core table is made of which tables.
Does not belong here: how (`pipelines.core`).
"""

from collections.abc import Callable
from functools import partial

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition

from assets.incremental.incremental_asset import Results, incremental_asset, unchanged_results
from assets.incremental.new_records import find_new_rows, find_records_to_update, has_only_known_accounts
from assets.resources.pipeline import PipelineResource, raw_tables
from pipelines.config.company import Config
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, quarantine_table
from pipelines.contracts.catalog import (
    ACCOUNT,
    ALIAS,
    ASSIGNMENT,
    CONFLICT,
    EVIDENCE,
    PERSON,
    PREREQUISITE,
    REPLY,
    ROLE_PROFILE,
    SKILL,
    TAXONOMY_RELATION,
    UNKNOWN_MENTION,
)
from pipelines.contracts.table import Table
from pipelines.core.conform import (
    CORE_TABLE_BY_SHAPE,
    ConformedRows,
    conform_consent,
    conform_event,
    conform_feedback,
    conform_learning_record,
    conform_person,
    conform_role_period,
)
from pipelines.core.evidence import collect_evidence, count_unknown_mentions
from pipelines.core.evidence_inputs import EvidenceInputs, read_changed_inputs, scan_worklogs_on
from pipelines.core.identity_resolution import (
    ACCOUNT_KEYS,
    derive_people_from_mentions,
    find_account_conflicts,
    identify_people,
    list_account_mentions,
    match_accounts,
)
from pipelines.core.replies import build_done_evidence, resolve_reply_skills
from pipelines.core.taxonomy import Taxonomy, match_skills
from pipelines.taxonomies.declared import read_declared_taxonomy

_CONFORM: dict[CanonicalSchemaName, Callable[[pl.LazyFrame, pl.DataFrame, pl.DataFrame], ConformedRows]] = {
    "role_period": conform_role_period,
    "learning_record": conform_learning_record,
    "feedback": conform_feedback,
    "consent": conform_consent,
}
_EVIDENCE_TABLES: dict[CanonicalSchemaName, Table] = {
    shape: CORE_TABLE_BY_SHAPE[shape]
    for shape in ("assignment", "worklog", "learning_record", "feedback", "skill_mention", "aspiration")
}


def core_assets(config: Config) -> list[AssetsDefinition]:
    """Every core asset. Raw tables are inputs if footsteps.yaml declares a source for them."""
    raw: dict[CanonicalSchemaName, list[Table]] = {shape: [] for shape in CANONICAL_SCHEMAS}
    for shape, table, _ in raw_tables(config.sources).values():
        raw[shape].append(table)
    return [
        _build_accounts([table for tables in raw.values() for table in tables]),
        _build_people(raw["person"]),
        *(_build_events(shape, raw[shape]) for shape in CORE_TABLE_BY_SHAPE),
        _build_taxonomy(config),
        evidence,
        unknown_mentions,
    ]


def load_taxonomy(pipeline: PipelineResource) -> Taxonomy:
    """The taxonomy of the lake: micro-skills, their names, prerequisites and role profiles."""
    return Taxonomy(*(pipeline.read(table) for table in (SKILL, ALIAS, PREREQUISITE, ROLE_PROFILE)))


def _build_accounts(raw: list[Table]) -> AssetsDefinition:
    tables = (ACCOUNT, CONFLICT)

    @incremental_asset(
        name="match_accounts",
        tables=tables,
        deps=raw,
        depends_on_date=False,
        incremental_mode="as_complete_run",
    )
    def accounts(pipeline: PipelineResource) -> Results:
        """Match each account of a system to one person."""
        previous = pipeline.scope.previous
        if previous is not None and has_only_known_accounts(pipeline):
            yield from unchanged_results(tables, previous)
            return
        frames = {shape: pipeline.current_rows(shape) for shape in CANONICAL_SCHEMAS}
        mentions, maps = list_account_mentions(list(frames.values())), pipeline.account_maps()
        people = (
            identify_people([frames["person"]])
            if pipeline.sources_of("person")
            else derive_people_from_mentions(mentions)
        )
        yield pipeline.materialize(ACCOUNT, match_accounts(mentions, people, maps))
        yield pipeline.materialize(CONFLICT, find_account_conflicts(mentions, people, maps))

    return accounts


def _build_people(raw: list[Table]) -> AssetsDefinition:
    @incremental_asset(
        name="conform_person",
        tables=[PERSON],
        deps=[*raw, ACCOUNT],
        incremental_mode="as_complete_run",
    )
    def people(context: AssetExecutionContext, pipeline: PipelineResource) -> Results:
        """Conform everyone whom an HR export names."""
        rows = conform_person(pipeline.current_rows("person"), pipeline.read(ACCOUNT), pipeline.as_of(context))
        yield pipeline.materialize(PERSON, rows)

    return people


def _build_events(shape: CanonicalSchemaName, raw: list[Table]) -> AssetsDefinition:
    table = CORE_TABLE_BY_SHAPE[shape]
    quarantine = quarantine_table(table.name)

    def find_affected(pipeline: PipelineResource) -> Callable[[pl.DataFrame], pl.Series] | None:
        """How to find further people whom changed rows affect, as they appear in their evidence too."""
        if table is ASSIGNMENT:  # the text of an assignment can name the skill of the work logged on it
            return lambda rows: scan_worklogs_on(pipeline.lake, rows).select("person_id").unique().collect().to_series()
        # a review is evidence of the reviewer as well
        return (lambda rows: rows["given_by_id"].drop_nulls().unique()) if shape == "feedback" else None

    @incremental_asset(
        name=f"conform_{shape}",
        tables=[table, quarantine],
        deps=[*raw, ACCOUNT, PERSON],
        depends_on_date=False,
        incremental_mode="as_complete_run",
        # a person's name or role does not matter to what they did
        input_columns={PERSON.name: ("person_id",), ACCOUNT.name: ("system_name", *ACCOUNT_KEYS, "person_id")},
    )
    def conform(pipeline: PipelineResource) -> Results:
        """Assign each landed row to one person or set it aside; only rows of new files if nothing else changed."""
        changed = find_new_rows(pipeline, shape)
        rows = pipeline.current_rows(shape) if changed is None else changed.rows
        conform_rows = _CONFORM.get(shape, partial(conform_event, shape))
        conformed = conform_rows(rows, pipeline.read(ACCOUNT), pipeline.read(PERSON))
        records, locations = (changed.records, changed.row_locations) if changed else (None, None)
        affected = find_affected(pipeline)
        yield pipeline.materialize(table, conformed.good, replacing=records, also_affected=affected)
        yield pipeline.materialize(quarantine, conformed.bad, replacing=locations)

    return conform


def _build_taxonomy(config: Config) -> AssetsDefinition:
    tables = (SKILL, ALIAS, PREREQUISITE, ROLE_PROFILE, TAXONOMY_RELATION)
    is_observed = config.taxonomy.system == "observed"

    @incremental_asset(
        name="taxonomy",
        tables=tables,
        deps=list(_EVIDENCE_TABLES.values()) if is_observed else [],
        depends_on_date=False,
        extra_fingerprint=lambda pipeline, _: pipeline.fingerprint_taxonomy_files(),
    )
    def taxonomy(pipeline: PipelineResource) -> Results:
        """Read micro-skills, their names and their prerequisites."""
        texts = pl.Series("skill_text", [], pl.String)
        if is_observed:
            skill_texts = _read_evidence_inputs(pipeline, pipeline.read).list_skill_texts()
            texts = skill_texts.filter(~pl.col("is_code"))["skill_text"]
        declared = read_declared_taxonomy(pipeline.config.taxonomy, pipeline.landing_folder, texts)
        frames = (declared.skills, declared.aliases, declared.prerequisites, declared.role_profiles, declared.relations)
        for table, frame in zip(tables, frames, strict=True):
            yield pipeline.materialize(table, frame)

    return taxonomy


@incremental_asset(
    name="collect_evidence",
    tables=[EVIDENCE],
    deps=[SKILL, ALIAS, *_EVIDENCE_TABLES.values(), REPLY],
    per_person_inputs=[*_EVIDENCE_TABLES.values(), REPLY],
    depends_on_date=False,
)
def evidence(pipeline: PipelineResource) -> Results:
    """Collect what shows that people practised or were assessed; only new records if nothing else changed."""
    taxonomy, changed = load_taxonomy(pipeline), find_records_to_update(pipeline, list(_EVIDENCE_TABLES.values()))
    if changed is None:
        inputs, records = _read_evidence_inputs(pipeline, pipeline.read_scoped), None
        done = build_done_evidence(resolve_reply_skills(pipeline.read_scoped(REPLY), taxonomy))
        people = pipeline.scope.people
    else:
        (inputs, records), done, people = read_changed_inputs(pipeline.lake, changed), None, None
    matched = match_skills(inputs.list_skill_texts(), taxonomy)
    yield pipeline.materialize(EVIDENCE, collect_evidence(inputs, matched, done, people, records), replacing=records)


@incremental_asset(
    name="count_unknown",
    tables=[UNKNOWN_MENTION],
    deps=[SKILL, ALIAS, *_EVIDENCE_TABLES.values()],
    depends_on_date=False,
)
def unknown_mentions(pipeline: PipelineResource) -> Results:
    """Count skill texts that the taxonomy does not know."""
    inputs, taxonomy = _read_evidence_inputs(pipeline, pipeline.read), load_taxonomy(pipeline)
    matched = match_skills(inputs.list_skill_texts(), taxonomy)
    yield pipeline.materialize(UNKNOWN_MENTION, count_unknown_mentions(inputs, matched, taxonomy))


def _read_evidence_inputs(pipeline: PipelineResource, read: Callable[[Table], pl.DataFrame]) -> EvidenceInputs:
    """The core rows that evidence is made of.

    All assignments are read, because the text of one can name the skill of other people's work, and all feedback,
    because it is evidence of those who gave it too.
    """
    read_all = ("assignment", "feedback")
    return EvidenceInputs(
        **{
            shape: pipeline.read(table) if shape in read_all else read(table)
            for shape, table in _EVIDENCE_TABLES.items()
        }
    )
