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

from assets.incremental.incremental_asset import step
from assets.incremental.new_records import names_nobody_new, records_unseen, rows_unseen
from assets.resources.metadata import spec_of
from assets.resources.pipeline import Night
from pipelines.config.company import Config
from pipelines.contracts.canonical_schemas import SHAPES, ShapeName, quarantine_table
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
    CORE_OF,
    Conformed,
    conform_assignment,
    conform_consent,
    conform_event,
    conform_feedback,
    conform_learning_record,
    conform_person,
    conform_role_period,
)
from pipelines.core.evidence import collect_evidence, count_unknown
from pipelines.core.evidence_inputs import CoreRows, rows_that_changed, scan_work_on
from pipelines.core.identity_resolution import (
    WHO,
    find_conflicts,
    identify_people,
    match_accounts,
    mentioned_people,
    observe_people,
)
from pipelines.core.replies import done_evidence, name_replies
from pipelines.core.taxonomy import Taxonomy, match_skills
from pipelines.ingest.landing import source_tables
from pipelines.taxonomies.declared import read_declared_taxonomy

Conform = Callable[[pl.LazyFrame, pl.DataFrame, pl.DataFrame], Conformed]
_CONFORM: dict[ShapeName, Conform] = {
    "role_period": conform_role_period,
    "assignment": conform_assignment,
    "learning_record": conform_learning_record,
    "feedback": conform_feedback,
    "consent": conform_consent,
}
_EVIDENCE_SHAPES: tuple[ShapeName, ...] = (
    "assignment", "worklog", "learning_record", "feedback", "skill_mention", "aspiration",
)  # fmt: skip


def core_assets(config: Config) -> list[AssetsDefinition]:
    """Every core asset; raw tables are inputs where footsteps.yaml declares a source for them."""
    raw = {
        shape: sorted({t.name for s in config.sources for n, t in source_tables(s).items() if n == shape})
        for shape in SHAPES
    }
    events = [_core_event(shape, raw[shape]) for shape in CORE_OF]
    return [_accounts(sorted({name for names in raw.values() for name in names})), _people(raw["person"]), *events,
            _taxonomy(config), *_evidence()]  # fmt: skip


def _accounts(raw: list[str]) -> AssetsDefinition:
    specs = [spec_of(table, deps=raw) for table in (ACCOUNT, CONFLICT)]

    @step(name="match_accounts", specs=specs, dated=False, by_day="as_at_night")
    def accounts(night: Night) -> Iterator[Any]:
        """Every way in which a system calls somebody, joined to one person."""
        if names_nobody_new(night):
            yield from night.keep(ACCOUNT, CONFLICT)
            return
        frames = {shape: night.rows_of(shape) for shape in SHAPES}
        mentions, maps = mentioned_people(list(frames.values())), night.account_maps()
        people = identify_people([frames["person"]]) if night.sources_of("person") else observe_people(mentions)
        yield night.materialize(ACCOUNT, match_accounts(mentions, people, maps))
        yield night.materialize(CONFLICT, find_conflicts(mentions, people, maps))

    return accounts


def _people(raw: list[str]) -> AssetsDefinition:
    @step(name="conform_person", specs=[spec_of(PERSON, deps=[*raw, ACCOUNT.name])], by_day="as_at_night")
    def people(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
        """Everyone whom an HR export names."""
        rows = conform_person(night.rows_of("person"), night.read(ACCOUNT), night.as_of(context))
        yield night.materialize(PERSON, rows)

    return people


def _core_event(shape: ShapeName, raw: list[str]) -> AssetsDefinition:
    table = CORE_OF[shape]
    aside = quarantine_table(table.name)
    upstream = [*raw, ACCOUNT.name, PERSON.name]
    # A person's name or role does not bear on what they did.
    matters = {PERSON.name: ("person_id",), ACCOUNT.name: ("system_name", *WHO, "person_id")}

    @step(
        name=f"conform_{shape}", specs=[spec_of(one, deps=upstream) for one in (table, aside)],
        dated=False, by_day="as_at_night", columns=matters,
    )  # fmt: skip
    def conform(night: Night) -> Iterator[Any]:
        """Landed rows under one person each, or set aside; of new files alone where nothing else changed."""
        accounts, people = night.read(ACCOUNT), night.read(PERSON)
        fresh = rows_unseen(night, shape)
        rows = night.rows_of(shape) if fresh is None else fresh.rows
        function = _CONFORM.get(shape)
        found = function(rows, accounts, people) if function else conform_event(shape, rows, accounts, people)
        beside = partial(_workers, night) if table is ASSIGNMENT else _givers if shape == "feedback" else None
        records, places = (None, None) if fresh is None else (fresh.records, fresh.places)
        yield night.materialize(table, found.good, replacing=records, beside=beside)
        yield night.materialize(aside, found.bad, replacing=places)

    return conform


def _taxonomy(config: Config) -> AssetsDefinition:
    tables = (SKILL, ALIAS, PREREQUISITE, ROLE_PROFILE, TAXONOMY_RELATION)
    observed = config.taxonomy.system == "observed"
    upstream = [CORE_OF[shape].name for shape in _EVIDENCE_SHAPES] if observed else []

    @step(
        name="taxonomy", specs=[spec_of(table, deps=upstream) for table in tables], dated=False,
        also=lambda night, _: night.taxonomy_files(),
    )  # fmt: skip
    def taxonomy(night: Night) -> Iterator[Any]:
        """Micro-skills, their names, and what comes before what."""
        texts = _core_rows(night).skill_texts()["skill_text"] if observed else pl.Series("skill_text", [], pl.String)
        found = read_declared_taxonomy(night.config.taxonomy, night.landing_folder, texts)
        frames = (found.skills, found.aliases, found.prerequisites, found.role_profiles, found.relations)
        for table, frame in zip(tables, frames, strict=True):
            yield night.materialize(table, frame)

    return taxonomy


def _evidence() -> list[AssetsDefinition]:
    events = [CORE_OF[shape] for shape in _EVIDENCE_SHAPES]
    upstream = [SKILL.name, ALIAS.name, *(table.name for table in events)]

    @step(
        name="collect_evidence", specs=[spec_of(EVIDENCE, deps=[*upstream, REPLY.name])], own=[*events, REPLY],
        dated=False,
    )  # fmt: skip
    def evidence(night: Night) -> Iterator[Any]:
        """What shows that somebody practised or was judged; of new records alone where nothing else changed."""
        known, changed = taxonomy_of(night), records_unseen(night, events)
        whole = changed is None
        core, records = (
            (_core_rows(night, night.own), None) if changed is None else rows_that_changed(night.lake, changed)
        )
        matched = match_skills(core.skill_texts().select("skill_text"), known)
        done = done_evidence(name_replies(night.own(REPLY), known)) if whole else None
        found = collect_evidence(core, matched, done, night.people if whole else None, records)
        yield night.materialize(EVIDENCE, found, replacing=records)

    @step(name="count_unknown", specs=[spec_of(UNKNOWN_MENTION, deps=upstream)], dated=False)
    def unknown(night: Night) -> Iterator[Any]:
        """Skill texts that the taxonomy does not know."""
        core, known = _core_rows(night), taxonomy_of(night)
        matched = match_skills(core.skill_texts().select("skill_text"), known)
        yield night.materialize(UNKNOWN_MENTION, count_unknown(core, matched, known))

    return [evidence, unknown]


def described(table: Table) -> dict[str, Any]:
    """The arguments of `@asset` that a table's contract gives."""
    spec = spec_of(table)
    return {
        "key": spec.key, "description": spec.description, "metadata": spec.metadata, "group_name": spec.group_name,
        "owners": spec.owners, "kinds": spec.kinds, "tags": {"layer": table.layer},
    }  # fmt: skip


def _workers(night: Night, assignments: pl.DataFrame) -> pl.Series:
    """person_id of those who logged work on any of these assignments: its text may name what they did."""
    return scan_work_on(night.lake, assignments).select("person_id").unique().collect()["person_id"]


def _givers(feedback: pl.DataFrame) -> pl.Series:
    """person_id of those who gave this feedback: reviewing somebody's work is evidence of theirs."""
    return feedback["given_by_id"].drop_nulls().unique()


def _core_rows(night: Night, read: Callable[[Table], pl.DataFrame] | None = None) -> CoreRows:
    """The core rows evidence is made of; all assignments, as others' work may name its skill through one, and all
    feedback, as it is evidence of those who gave it too."""
    read = read or night.read
    return CoreRows(**{
        shape: night.read(CORE_OF[shape]) if shape in ("assignment", "feedback") else read(CORE_OF[shape])
        for shape in _EVIDENCE_SHAPES
    })  # fmt: skip


def taxonomy_of(night: Night) -> Taxonomy:
    """The taxonomy that the night conformed."""
    return Taxonomy(*(night.read(table) for table in (SKILL, ALIAS, PREREQUISITE, ROLE_PROFILE)))
