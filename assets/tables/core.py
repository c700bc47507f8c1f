"""Core tables as assets: identity, people, events, taxonomy and the evidence ledger.

Belongs here: which core table is made of what.
Does not belong here: how (`pipelines.core.identity_resolution`, `pipelines.core.conform`, `pipelines.core.taxonomy`,
`pipelines.core.evidence`).
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition

from assets.incremental.incremental_asset import incremental_asset
from assets.incremental.new_records import find_new_rows, find_records_to_update, has_only_known_accounts
from assets.resources.metadata import build_asset_spec
from assets.resources.pipeline import PipelineResource
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
from pipelines.ingest.landing import source_tables
from pipelines.taxonomies.declared import read_declared_taxonomy

Conform = Callable[[pl.LazyFrame, pl.DataFrame, pl.DataFrame], ConformedRows]
_CONFORM: dict[CanonicalSchemaName, Conform] = {
    "role_period": conform_role_period,
    "learning_record": conform_learning_record,
    "feedback": conform_feedback,
    "consent": conform_consent,
}
_EVIDENCE_SHAPES: tuple[CanonicalSchemaName, ...] = (
    "assignment",
    "worklog",
    "learning_record",
    "feedback",
    "skill_mention",
    "aspiration",
)


def core_assets(config: Config) -> list[AssetsDefinition]:
    """Every core asset; raw tables are inputs where footsteps.yaml declares a source for them."""
    raw = {
        shape: sorted({t.name for s in config.sources for n, t in source_tables(s).items() if n == shape})
        for shape in CANONICAL_SCHEMAS
    }
    events = [_core_event(shape, raw[shape]) for shape in CORE_TABLE_BY_SHAPE]
    return [
        _accounts(sorted({name for names in raw.values() for name in names})),
        _people(raw["person"]),
        *events,
        _taxonomy(config),
        *_evidence(),
    ]


def _accounts(raw: list[str]) -> AssetsDefinition:
    specs = [build_asset_spec(table, deps=raw) for table in (ACCOUNT, CONFLICT)]

    @incremental_asset(name="match_accounts", specs=specs, dated=False, by_day="as_at_night")
    def accounts(pipeline: PipelineResource) -> Iterator[Any]:
        """Every way in which a system calls somebody, joined to one person."""
        if has_only_known_accounts(pipeline):
            yield from pipeline.keep(ACCOUNT, CONFLICT)
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


def _people(raw: list[str]) -> AssetsDefinition:
    @incremental_asset(
        name="conform_person", specs=[build_asset_spec(PERSON, deps=[*raw, ACCOUNT.name])], by_day="as_at_night"
    )
    def people(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
        """Everyone whom an HR export names."""
        rows = conform_person(pipeline.current_rows("person"), pipeline.read(ACCOUNT), pipeline.as_of(context))
        yield pipeline.materialize(PERSON, rows)

    return people


def _core_event(shape: CanonicalSchemaName, raw: list[str]) -> AssetsDefinition:
    table = CORE_TABLE_BY_SHAPE[shape]
    aside = quarantine_table(table.name)
    upstream = [*raw, ACCOUNT.name, PERSON.name]
    # A person's name or role does not bear on what they did.
    matters = {PERSON.name: ("person_id",), ACCOUNT.name: ("system_name", *ACCOUNT_KEYS, "person_id")}

    @incremental_asset(
        name=f"conform_{shape}",
        specs=[build_asset_spec(one, deps=upstream) for one in (table, aside)],
        dated=False,
        by_day="as_at_night",
        columns=matters,
    )
    def conform(pipeline: PipelineResource) -> Iterator[Any]:
        """Landed rows under one person each, or set aside; of new files alone where nothing else changed."""
        accounts, people = pipeline.read(ACCOUNT), pipeline.read(PERSON)
        fresh = find_new_rows(pipeline, shape)
        rows = pipeline.current_rows(shape) if fresh is None else fresh.rows
        function = _CONFORM.get(shape)
        found = function(rows, accounts, people) if function else conform_event(shape, rows, accounts, people)
        beside = partial(_workers, pipeline) if table is ASSIGNMENT else _givers if shape == "feedback" else None
        records, row_locations = (None, None) if fresh is None else (fresh.records, fresh.row_locations)
        yield pipeline.materialize(table, found.good, replacing=records, beside=beside)
        yield pipeline.materialize(aside, found.bad, replacing=row_locations)

    return conform


def _taxonomy(config: Config) -> AssetsDefinition:
    tables = (SKILL, ALIAS, PREREQUISITE, ROLE_PROFILE, TAXONOMY_RELATION)
    observed = config.taxonomy.system == "observed"
    upstream = [CORE_TABLE_BY_SHAPE[shape].name for shape in _EVIDENCE_SHAPES] if observed else []

    @incremental_asset(
        name="taxonomy",
        specs=[build_asset_spec(table, deps=upstream) for table in tables],
        dated=False,
        also=lambda pipeline, _: pipeline.taxonomy_files(),
    )
    def taxonomy(pipeline: PipelineResource) -> Iterator[Any]:
        """Micro-skills, their names, and what comes before what."""
        texts = (
            _core_rows(pipeline).count_skill_texts()["skill_text"]
            if observed
            else pl.Series("skill_text", [], pl.String)
        )
        found = read_declared_taxonomy(pipeline.config.taxonomy, pipeline.landing_folder, texts)
        frames = (found.skills, found.aliases, found.prerequisites, found.role_profiles, found.relations)
        for table, frame in zip(tables, frames, strict=True):
            yield pipeline.materialize(table, frame)

    return taxonomy


def _evidence() -> list[AssetsDefinition]:
    events = [CORE_TABLE_BY_SHAPE[shape] for shape in _EVIDENCE_SHAPES]
    upstream = [SKILL.name, ALIAS.name, *(table.name for table in events)]

    @incremental_asset(
        name="collect_evidence",
        specs=[build_asset_spec(EVIDENCE, deps=[*upstream, REPLY.name])],
        own=[*events, REPLY],
        dated=False,
    )
    def evidence(pipeline: PipelineResource) -> Iterator[Any]:
        """What shows that somebody practised or was judged; of new records alone where nothing else changed."""
        known, changed = load_taxonomy(pipeline), find_records_to_update(pipeline, events)
        whole = changed is None
        core, records = (
            (_core_rows(pipeline, pipeline.own), None)
            if changed is None
            else read_changed_inputs(pipeline.lake, changed)
        )
        matched = match_skills(core.count_skill_texts().select("skill_text"), known)
        done = build_done_evidence(resolve_reply_skills(pipeline.own(REPLY), known)) if whole else None
        found = collect_evidence(core, matched, done, pipeline.people if whole else None, records)
        yield pipeline.materialize(EVIDENCE, found, replacing=records)

    @incremental_asset(name="count_unknown", specs=[build_asset_spec(UNKNOWN_MENTION, deps=upstream)], dated=False)
    def unknown(pipeline: PipelineResource) -> Iterator[Any]:
        """Skill texts that the taxonomy does not know."""
        core, known = _core_rows(pipeline), load_taxonomy(pipeline)
        matched = match_skills(core.count_skill_texts().select("skill_text"), known)
        yield pipeline.materialize(UNKNOWN_MENTION, count_unknown_mentions(core, matched, known))

    return [evidence, unknown]


def described(table: Table) -> dict[str, Any]:
    """The arguments of `@asset` that a table's contract gives."""
    spec = build_asset_spec(table)
    return {
        "key": spec.key,
        "description": spec.description,
        "metadata": spec.metadata,
        "group_name": spec.group_name,
        "owners": spec.owners,
        "kinds": spec.kinds,
        "tags": {"layer": table.layer},
    }


def _workers(pipeline: PipelineResource, assignments: pl.DataFrame) -> pl.Series:
    """person_id of those who logged work on any of these assignments: its text may name what they did."""
    return scan_worklogs_on(pipeline.lake, assignments).select("person_id").unique().collect()["person_id"]


def _givers(feedback: pl.DataFrame) -> pl.Series:
    """person_id of those who gave this feedback: reviewing somebody's work is evidence of theirs."""
    return feedback["given_by_id"].drop_nulls().unique()


def _core_rows(pipeline: PipelineResource, read: Callable[[Table], pl.DataFrame] | None = None) -> EvidenceInputs:
    """The core rows evidence is made of; all assignments, as others' work may name its skill through one, and all
    feedback, as it is evidence of those who gave it too."""
    read = read or pipeline.read
    return EvidenceInputs(
        **{
            shape: pipeline.read(CORE_TABLE_BY_SHAPE[shape])
            if shape in ("assignment", "feedback")
            else read(CORE_TABLE_BY_SHAPE[shape])
            for shape in _EVIDENCE_SHAPES
        }
    )


def load_taxonomy(pipeline: PipelineResource) -> Taxonomy:
    """The taxonomy that the night conformed."""
    return Taxonomy(*(pipeline.read(table) for table in (SKILL, ALIAS, PREREQUISITE, ROLE_PROFILE)))
