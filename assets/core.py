"""Core tables as assets: identity, people, events, taxonomy and the evidence ledger.

Belongs here: which core table is made of what.
Does not belong here: how (`pipelines.identity`, `pipelines.conform`, `pipelines.taxonomy`, `pipelines.evidence`).
"""

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition, asset, multi_asset

from assets.io import spec_of
from assets.resources import Night
from pipelines.config import Config
from pipelines.conform import (
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
from pipelines.contracts.catalog import (
    ACCOUNT,
    ALIAS,
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
from pipelines.contracts.shapes import SHAPES, ShapeName, quarantine_table
from pipelines.contracts.table import Table
from pipelines.evidence import CoreRows, collect_evidence, count_unknown
from pipelines.identity import find_conflicts, identify_people, match_accounts, mentioned_people, observe_people
from pipelines.landing import source_tables
from pipelines.replies import done_evidence, name_replies
from pipelines.sources.taxonomy.declared import read_declared_taxonomy
from pipelines.taxonomy import Taxonomy, match_skills

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
            _taxonomy(config), _evidence()]  # fmt: skip


def _accounts(raw: list[str]) -> AssetsDefinition:
    @multi_asset(name="match_accounts", specs=[spec_of(table, deps=raw) for table in (ACCOUNT, CONFLICT)])
    def accounts(night: Night) -> Iterator[Any]:
        frames = {shape: night.rows_of(shape) for shape in SHAPES}
        mentions, maps = mentioned_people(list(frames.values())), night.account_maps()
        people = identify_people([frames["person"]]) if night.sources_of("person") else observe_people(mentions)
        yield night.materialize(ACCOUNT, match_accounts(mentions, people, maps))
        yield night.materialize(CONFLICT, find_conflicts(mentions, people, maps))

    return accounts


def _people(raw: list[str]) -> AssetsDefinition:
    @asset(**described(PERSON), deps=raw)
    def people(context: AssetExecutionContext, night: Night, core_identity__assn_account: pl.DataFrame) -> pl.DataFrame:
        return conform_person(night.rows_of("person"), core_identity__assn_account, night.as_of(context))

    return people


def _core_event(shape: ShapeName, raw: list[str]) -> AssetsDefinition:
    table = CORE_OF[shape]
    upstream = [*raw, ACCOUNT.name, PERSON.name]

    @multi_asset(
        name=f"conform_{shape}",
        specs=[spec_of(table, deps=upstream), spec_of(quarantine_table(table.name), deps=upstream)],
    )
    def conform(night: Night) -> Iterator[Any]:
        accounts, people = night.read(ACCOUNT), night.read(PERSON)
        rows = night.rows_of(shape)
        function = _CONFORM.get(shape)
        found = function(rows, accounts, people) if function else conform_event(shape, rows, accounts, people)
        yield night.materialize(table, found.good)
        yield night.materialize(quarantine_table(table.name), found.bad)

    return conform


def _taxonomy(config: Config) -> AssetsDefinition:
    tables = (SKILL, ALIAS, PREREQUISITE, ROLE_PROFILE, TAXONOMY_RELATION)
    observed = config.taxonomy.system == "observed"
    upstream = [CORE_OF[shape].name for shape in _EVIDENCE_SHAPES] if observed else []

    @multi_asset(name="taxonomy", specs=[spec_of(table, deps=upstream) for table in tables])
    def taxonomy(night: Night) -> Iterator[Any]:
        texts = _core_rows(night).skill_texts()["skill_text"] if observed else pl.Series("skill_text", [], pl.String)
        found = read_declared_taxonomy(night.config.taxonomy, night.landing_folder, texts)
        frames = (found.skills, found.aliases, found.prerequisites, found.role_profiles, found.relations)
        for table, frame in zip(tables, frames, strict=True):
            yield night.materialize(table, frame)

    return taxonomy


def _evidence() -> AssetsDefinition:
    upstream = [SKILL.name, ALIAS.name, REPLY.name, *(CORE_OF[shape].name for shape in _EVIDENCE_SHAPES)]

    @multi_asset(
        name="collect_evidence", specs=[spec_of(EVIDENCE, deps=upstream), spec_of(UNKNOWN_MENTION, deps=upstream)]
    )
    def evidence(night: Night) -> Iterator[Any]:
        core = _core_rows(night)
        known = taxonomy_of(night)
        matched = match_skills(core.skill_texts().select("skill_text"), known)
        done = done_evidence(name_replies(night.read(REPLY), known))
        yield night.materialize(EVIDENCE, pl.concat([collect_evidence(core, matched), done]))
        yield night.materialize(UNKNOWN_MENTION, count_unknown(core, matched, known))

    return evidence


def described(table: Table) -> dict[str, Any]:
    """The arguments of `@asset` that a table's contract gives."""
    spec = spec_of(table)
    return {
        "key": spec.key, "description": spec.description, "metadata": spec.metadata, "group_name": spec.group_name,
        "owners": spec.owners, "kinds": spec.kinds, "tags": {"layer": table.layer},
    }  # fmt: skip


def _core_rows(night: Night) -> CoreRows:
    return CoreRows(**{shape: night.read(CORE_OF[shape]) for shape in _EVIDENCE_SHAPES})


def taxonomy_of(night: Night) -> Taxonomy:
    """The taxonomy that the night conformed."""
    return Taxonomy(*(night.read(table) for table in (SKILL, ALIAS, PREREQUISITE, ROLE_PROFILE)))
