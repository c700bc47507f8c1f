"""Skill texts: the table in which every text of the core tables is matched to the taxonomy, once.

Belongs here: which tables have texts, and which matches of the last execution still hold.
Does not belong here: how texts are matched and looked up (`pipelines.core.skill_texts`).
"""

from assets.incremental.asset_run import AssetRun
from assets.incremental.incremental_asset import Results, incremental_asset
from pipelines.contracts.catalog import (
    ALIAS,
    ASPIRATION,
    ASSIGNMENT,
    CONSENT,
    COURSE,
    FEEDBACK,
    LEARNING_RECORD,
    REPLY,
    SKILL,
    SKILL_MENTION,
    SKILL_TEXT,
    WORKLOG,
)
from pipelines.core.skill_texts import list_distinct_texts, update_matches

# The tables whose skill_text may name micro-skills. Learning records and courses have further texts.
_TEXT_TABLES = (ASSIGNMENT, WORKLOG, FEEDBACK, SKILL_MENTION, ASPIRATION, CONSENT, REPLY)
_COURSE_TEXT_COLUMNS = ("source_name", "course_code", "course_name", "skill_text")


@incremental_asset(
    name="match_texts",
    tables=[SKILL_TEXT],
    reads=[SKILL, ALIAS, *_TEXT_TABLES, LEARNING_RECORD, COURSE],
    depends_on_date=False,
    incremental_mode="as_complete_run",
)
def skill_texts(run: AssetRun) -> Results:
    """Match each text of the core tables to micro-skills; only new texts if the taxonomy and the code are the same."""
    table_reader, earlier_matches = run.tables, run.tables.read(SKILL_TEXT)
    if run.changes.previous is None or "code" in run.changes.changed_inputs():
        earlier_matches = earlier_matches.clear()
    course_text_rows = table_reader.read(LEARNING_RECORD, _COURSE_TEXT_COLUMNS).unique()
    distinct_texts = list_distinct_texts(
        [table_reader.scan(table) for table in _TEXT_TABLES], course_text_rows, table_reader.read(COURSE)
    )
    text_matches = update_matches(distinct_texts, table_reader.read(SKILL), table_reader.read(ALIAS), earlier_matches)
    yield run.materialize(SKILL_TEXT, text_matches, {"texts": distinct_texts.height})
