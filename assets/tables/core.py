"""Core tables: accounts, people, events, taxonomy and evidence.

Belongs here: which core table is made of which tables.
Does not belong here: how (`pipelines.core`).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import polars as pl
from dagster import AssetsDefinition

from assets.incremental.asset_run import AssetRun, PreviousTable
from assets.incremental.incremental_asset import Results, incremental_asset, unchanged_results
from assets.incremental.new_records import find_new_rows, find_records_to_update, has_only_known_accounts
from assets.resources.fingerprints import fingerprint_taxonomy_files
from assets.resources.raw_inputs import (
    list_served_sources,
    raw_tables,
    read_account_maps,
    scan_rows_of_shape,
    sources_of_shape,
)
from assets.resources.table_reader import TableReader
from assets.tables.skill_texts import skill_texts
from pipelines.config.company import Config
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, quarantine_table
from pipelines.contracts.catalog import (
    ACCOUNT,
    ALIAS,
    ASSIGNMENT,
    CONFLICT,
    COURSE,
    EVIDENCE,
    PERSON,
    PREREQUISITE,
    REPLY,
    ROLE_PROFILE,
    SKILL,
    SKILL_TEXT,
    TAXONOMY_RELATION,
    UNKNOWN_MENTION,
    WORKLOG,
)
from pipelines.contracts.table import Table
from pipelines.contracts.table_declaration import PERSON_REFERENCE
from pipelines.core.conform import (
    CORE_TABLE_BY_SHAPE,
    conform_consent,
    conform_event,
    conform_feedback,
    conform_learning_record,
    conform_person,
    conform_role_period,
)
from pipelines.core.courses import conform_course
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
from pipelines.core.skill_texts import look_up_matches
from pipelines.ingest.deleted_files import drop_due_quarantine, keep_rows_of_deleted_files
from pipelines.storage.lake import Lake
from pipelines.storage.month_periods import Period, list_periods
from pipelines.taxonomies.declared import read_declared_taxonomy
from pipelines.validation.rule_evaluation import ValidatedRows

_CONFORM_BY_SHAPE: dict[CanonicalSchemaName, Callable[[pl.LazyFrame, pl.DataFrame, pl.DataFrame], ValidatedRows]] = {
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
    raw_tables_by_shape: dict[CanonicalSchemaName, list[Table]] = {shape: [] for shape in CANONICAL_SCHEMAS}
    for shape, table, _ in raw_tables(config.sources).values():
        raw_tables_by_shape[shape].append(table)
    return [
        _build_accounts([table for shape_tables in raw_tables_by_shape.values() for table in shape_tables]),
        _build_people(raw_tables_by_shape["person"]),
        *(_build_events(shape, raw_tables_by_shape[shape]) for shape in CORE_TABLE_BY_SHAPE),
        _build_courses(raw_tables_by_shape["course_catalogue"]),
        _build_taxonomy(config),
        skill_texts,
        evidence,
        unknown_mentions,
    ]


def _build_accounts(landed_tables: list[Table]) -> AssetsDefinition:
    tables = (ACCOUNT, CONFLICT)

    @incremental_asset(
        name="match_accounts",
        tables=tables,
        reads=landed_tables,
        depends_on_date=False,
        incremental_mode="as_complete_run",
    )
    def accounts(run: AssetRun) -> Results:
        """Match each account of a system to one person."""
        previous_state, lake, config = run.changes.previous, run.tables.lake, run.config
        if previous_state is not None and has_only_known_accounts(run):
            yield from unchanged_results(tables, previous_state)
            return
        rows_by_shape = {shape: scan_rows_of_shape(lake, config, shape) for shape in CANONICAL_SCHEMAS}
        account_mentions, account_maps = (
            list_account_mentions(list(rows_by_shape.values())),
            read_account_maps(lake, config),
        )
        people = (
            identify_people([rows_by_shape["person"]])
            if sources_of_shape(config, "person")
            else derive_people_from_mentions(account_mentions)
        )
        yield run.materialize(ACCOUNT, match_accounts(account_mentions, people, account_maps))
        yield run.materialize(CONFLICT, find_account_conflicts(account_mentions, people, account_maps))

    return accounts


def _build_people(landed_tables: list[Table]) -> AssetsDefinition:
    @incremental_asset(
        name="conform_person",
        tables=[PERSON],
        reads=[*landed_tables, ACCOUNT],
        incremental_mode="as_complete_run",
    )
    def people(run: AssetRun) -> Results:
        """Conform everyone whom an HR export names."""
        exported_people = scan_rows_of_shape(run.tables.lake, run.config, "person")
        yield run.materialize(PERSON, conform_person(exported_people, run.tables.read(ACCOUNT), run.as_of))

    return people


def _build_events(shape: CanonicalSchemaName, landed_tables: list[Table]) -> AssetsDefinition:
    table = CORE_TABLE_BY_SHAPE[shape]
    quarantine = quarantine_table(table.name)
    find_related_people = _RELATED_PEOPLE.get(shape)

    @incremental_asset(
        name=f"conform_{shape}",
        tables=[table, quarantine],
        reads=[*landed_tables, ACCOUNT, PERSON],
        # a changed assignment affects the people who logged work on it: their evidence changes, not these rows
        reads_previous=[PreviousTable(WORKLOG, changes_rows=False)] if table is ASSIGNMENT else [],
        depends_on_date=False,
        incremental_mode="as_complete_run",
        # a person's name or role does not matter to what they did
        input_columns={PERSON.name: ("person_id",), ACCOUNT.name: ("system_name", *ACCOUNT_KEYS, "person_id")},
    )
    def conform(run: AssetRun) -> Results:
        """Assign each landed row to one person or set it aside; only rows of new files if nothing else changed."""
        changed_rows, table_reader = find_new_rows(run, shape), run.tables
        exported_rows = (
            scan_rows_of_shape(table_reader.lake, run.config, shape) if changed_rows is None else changed_rows.rows
        )
        conform_rows = _CONFORM_BY_SHAPE.get(shape, partial(conform_event, shape))
        people = table_reader.read(PERSON)
        conformed_rows = conform_rows(exported_rows, table_reader.read(ACCOUNT), people)
        if changed_rows is None and landed_tables:
            people_ids = {PERSON_REFERENCE.target: people["person_id"]}
            conformed_rows = keep_rows_of_deleted_files(table_reader.lake, conformed_rows, people_ids)
        if not run.config.privacy.legal_holds:
            conformed_rows = drop_due_quarantine(table_reader.lake, conformed_rows, run.as_of)
        find_affected_people = find_related_people and partial(find_related_people, run.previous_lake)
        changed_records = None if changed_rows is None else changed_rows.records
        yield run.materialize(
            table, conformed_rows, replaced_records=changed_records, find_affected_people=find_affected_people
        )
        yield run.materialize_quarantine(table)

    return conform


def _build_courses(landed_tables: list[Table]) -> AssetsDefinition:
    @incremental_asset(
        name="conform_course",
        tables=[COURSE],
        reads=landed_tables,
        depends_on_date=False,
        incremental_mode="as_complete_run",
    )
    def courses(run: AssetRun) -> Results:
        """Assign the courses of each catalogue to the sources whose learning records name them by code."""
        catalogue_rows = scan_rows_of_shape(run.tables.lake, run.config, "course_catalogue")
        yield run.materialize(COURSE, conform_course(catalogue_rows, list_served_sources(run.config)))

    return courses


def _find_people_who_worked_on(lake: Lake, assignments: pl.DataFrame) -> pl.Series:
    """person_id of everyone who logged work on an assignment, whose text can name the skill of that work."""
    return scan_worklogs_on(lake, assignments).select("person_id").unique().collect().to_series()


def _find_reviewers(_: Lake, feedback: pl.DataFrame) -> pl.Series:
    """person_id of everyone who gave feedback: a review is evidence of the reviewer as well."""
    return feedback["given_by_id"].drop_nulls().unique()


# By shape: how to find further people whom changed rows affect, as the rows appear in their evidence too.
_RELATED_PEOPLE: dict[CanonicalSchemaName, Callable[[Lake, pl.DataFrame], pl.Series]] = {
    "assignment": _find_people_who_worked_on,
    "feedback": _find_reviewers,
}


def _build_taxonomy(config: Config) -> AssetsDefinition:
    tables = (SKILL, ALIAS, PREREQUISITE, ROLE_PROFILE, TAXONOMY_RELATION)
    is_observed = config.taxonomy.system == "observed"
    read_observed_texts = _read_skill_texts if is_observed else _read_no_texts

    @incremental_asset(
        name="taxonomy",
        tables=tables,
        reads=[*_EVIDENCE_TABLES.values(), COURSE] if is_observed else [],
        depends_on_date=False,
        extra_fingerprint=lambda run: fingerprint_taxonomy_files(run.config.taxonomy, run.landing_folder),
    )
    def taxonomy(run: AssetRun) -> Results:
        """Read micro-skills, their names and their prerequisites."""
        declared_taxonomy = read_declared_taxonomy(
            run.config.taxonomy, run.landing_folder, read_observed_texts(run.tables)
        ).taxonomy
        taxonomy_frames = (
            declared_taxonomy.skills,
            declared_taxonomy.aliases,
            declared_taxonomy.prerequisites,
            declared_taxonomy.role_profiles,
            declared_taxonomy.relations,
        )
        for table, taxonomy_frame in zip(tables, taxonomy_frames, strict=True):
            yield run.materialize(
                table, taxonomy_frame, present_names=declared_taxonomy.aliases["alias_text"] if table is SKILL else None
            )

    return taxonomy


def _read_skill_texts(table_reader: TableReader) -> pl.Series:
    """Every text of the core tables that may name a micro-skill; codes of courses are no names."""
    skill_texts = _read_evidence_inputs(table_reader, table_reader.read).list_skill_texts()
    return skill_texts.filter(~pl.col("is_matched_whole"))["skill_text"]


def _read_no_texts(_: TableReader) -> pl.Series:
    """No text: the taxonomy is declared in files."""
    return pl.Series("skill_text", [], pl.String)


@incremental_asset(
    name="collect_evidence",
    tables=[EVIDENCE],
    reads=[SKILL_TEXT, *_EVIDENCE_TABLES.values(), COURSE, REPLY],
    per_person_inputs=[*_EVIDENCE_TABLES.values(), REPLY],
    depends_on_date=False,
)
def evidence(run: AssetRun) -> Results:
    """Collect what shows that people practised or were assessed; only new records if nothing else changed."""
    table_reader, changed_records = run.tables, find_records_to_update(run, list(_EVIDENCE_TABLES.values()))
    text_matches = table_reader.read(SKILL_TEXT)
    if changed_records is None and run.scope.is_everybody:
        periods = _list_evidence_periods(table_reader.lake)
        parts = _collect_by_period(table_reader, text_matches, periods)
        yield from run.materialize_parts([EVIDENCE], parts, len(periods))
        return
    if changed_records is None:
        evidence_inputs, replaced_records = _read_evidence_inputs(table_reader, table_reader.read_scoped), None
        done_evidence = build_done_evidence(resolve_reply_skills(table_reader.read_scoped(REPLY), text_matches))
        people = run.scope.people
    else:
        (evidence_inputs, replaced_records), done_evidence, people = (
            read_changed_inputs(table_reader.lake, changed_records),
            None,
            None,
        )
    evidence_matches = look_up_matches(evidence_inputs.list_skill_texts(), text_matches)
    evidence_rows = collect_evidence(evidence_inputs, evidence_matches, done_evidence, people, replaced_records)
    yield run.materialize(EVIDENCE, evidence_rows, replaced_records=replaced_records)


def _list_evidence_periods(lake: Lake) -> list[Period]:
    """The periods of months in which evidence is collected."""
    return list_periods(lake, [table for table in _EVIDENCE_TABLES.values() if table.month_column is not None])


def _collect_by_period(
    table_reader: TableReader, text_matches: pl.DataFrame, periods: Sequence[Period]
) -> Iterator[list[pl.DataFrame]]:
    """The evidence of everybody, one period of months after the other."""
    done_evidence = build_done_evidence(resolve_reply_skills(table_reader.read(REPLY), text_matches))
    for period in periods:

        def read_period(table: Table, period: Period = period) -> pl.DataFrame:
            rows = table_reader.scan(table)
            return (rows.filter(period.includes(pl.col(table.month_column))) if table.month_column else rows).collect()

        evidence_inputs = _read_evidence_inputs(table_reader, read_period)
        evidence_matches = look_up_matches(evidence_inputs.list_skill_texts(), text_matches)
        yield [collect_evidence(evidence_inputs, evidence_matches, done_evidence, period=period)]


@incremental_asset(
    name="count_unknown",
    tables=[UNKNOWN_MENTION],
    reads=[ALIAS, SKILL_TEXT, *_EVIDENCE_TABLES.values(), COURSE],
    depends_on_date=False,
)
def unknown_mentions(run: AssetRun) -> Results:
    """Count skill texts that the taxonomy does not know."""
    table_reader = run.tables
    evidence_inputs = _read_evidence_inputs(table_reader, table_reader.read)
    text_matches = look_up_matches(evidence_inputs.list_skill_texts(), table_reader.read(SKILL_TEXT))
    yield run.materialize(
        UNKNOWN_MENTION, count_unknown_mentions(evidence_inputs, text_matches, table_reader.read(ALIAS))
    )


def _read_evidence_inputs(table_reader: TableReader, read_table: Callable[[Table], pl.DataFrame]) -> EvidenceInputs:
    """The core rows that evidence is made of.

    All assignments are read, because the text of one can name the skill of other people's work, and all feedback,
    because it is evidence of those who gave it too.
    """
    unscoped_shapes = ("assignment", "feedback")
    return EvidenceInputs(
        **{
            shape: table_reader.read(table) if shape in unscoped_shapes else read_table(table)
            for shape, table in _EVIDENCE_TABLES.items()
        },
        course=table_reader.read(COURSE),
    )
