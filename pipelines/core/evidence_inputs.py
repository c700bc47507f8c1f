"""The core rows that evidence is made of: all of them, or those that changed records affect.

Belongs here: the selection of rows.
Does not belong here: what evidence they give (`pipelines.core.evidence`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.catalog import ASPIRATION, ASSIGNMENT, FEEDBACK, LEARNING_RECORD, SKILL_MENTION, WORKLOG
from pipelines.contracts.table import Table
from pipelines.storage.change_log import RECORD_KEY
from pipelines.storage.lake import Lake


@dataclass(frozen=True)
class EvidenceInputs:
    """Rows of the core tables that evidence is made of, each in the contract of its table: all rows, or some."""

    assignment: pl.DataFrame
    worklog: pl.DataFrame
    learning_record: pl.DataFrame
    feedback: pl.DataFrame
    skill_mention: pl.DataFrame
    aspiration: pl.DataFrame

    def count_skill_texts(self) -> pl.DataFrame:
        """One row per distinct text that may name a micro-skill: skill_text, mention_count."""
        texts = [
            frame.select(pl.col(column).alias("skill_text"))
            for frame, column in (
                (self.assignment, "skill_text"),
                (self.worklog, "skill_text"),
                (self.learning_record, "skill_text"),
                (self.learning_record, "course_name"),
                (self.feedback, "skill_text"),
                (self.skill_mention, "skill_text"),
                (self.aspiration, "skill_text"),
            )
        ]
        return pl.concat(texts).drop_nulls().group_by("skill_text").len("mention_count").sort("skill_text")


def read_changed_inputs(lake: Lake, changed: Mapping[Table, pl.DataFrame]) -> tuple[EvidenceInputs, pl.DataFrame]:
    """Read the rows that changed records affect.

    A worklog takes its micro-skills from its assignment: the worklogs of a changed assignment are read too, and the
    assignments of every worklog that is read.

    Args:
        lake: Where the core tables are.
        changed: The changed records of each table (see `find_changed_records`).

    Returns:
        The rows, and their records: table_name, source_name, record_code.
    """
    changed_rows = {
        table: lake.scan(table).join(records.lazy(), on=RECORD_KEY, how="semi") for table, records in changed.items()
    }
    worklogs = pl.concat([changed_rows[WORKLOG], scan_worklogs_on(lake, changed[ASSIGNMENT])])
    worklog = worklogs.unique(RECORD_KEY).sort(RECORD_KEY).collect()
    codes = worklog["assignment_code"].drop_nulls().unique().implode()
    is_worked_on = pl.col("assignment_code").is_in(codes) | pl.col("record_code").is_in(codes)
    assignments = pl.concat([changed_rows[ASSIGNMENT], lake.scan(ASSIGNMENT).filter(is_worked_on)])
    inputs = EvidenceInputs(
        # in the order of the table, because the first of several assignments with one code gives the text
        assignments.unique(RECORD_KEY).sort(RECORD_KEY).collect(),
        worklog,
        *(changed_rows[table].collect() for table in (LEARNING_RECORD, FEEDBACK, SKILL_MENTION, ASPIRATION)),
    )
    all_worklogs = pl.concat([changed[WORKLOG].select(RECORD_KEY), worklog.select(RECORD_KEY)]).unique()
    records = [
        frame.select(pl.lit(table.name).alias("table_name"), *RECORD_KEY)
        for table, frame in {**changed, WORKLOG: all_worklogs}.items()
    ]
    return inputs, pl.concat(records)


def scan_worklogs_on(lake: Lake, assignments: pl.DataFrame) -> pl.LazyFrame:
    """Scan the worklogs (`WORKLOG`) on some assignments, which they name by code or by record code.

    Args:
        lake: Where the core tables are.
        assignments: assignment_code, record_code.
    """
    codes = pl.concat([assignments["assignment_code"], assignments["record_code"]]).drop_nulls().unique()
    return lake.scan(WORKLOG).filter(pl.col("assignment_code").is_in(codes.implode()))
