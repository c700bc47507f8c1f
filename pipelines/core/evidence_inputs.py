"""The core rows that evidence is made of: which there are, and those that some changed records bear on.

Belongs here: the choice of rows.
Does not belong here: what evidence they are (`pipelines.core.evidence`).
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
    """The core tables that evidence is made of: all rows of each, or some."""

    assignment: pl.DataFrame
    worklog: pl.DataFrame
    learning_record: pl.DataFrame
    feedback: pl.DataFrame
    skill_mention: pl.DataFrame
    aspiration: pl.DataFrame

    def count_skill_texts(self) -> pl.DataFrame:
        """One row per distinct text that may name a micro-skill (column skill_text), with how often it occurs."""
        columns = [
            frame.select(pl.col(name).alias("skill_text"))
            for frame, name in (
                (self.assignment, "skill_text"),
                (self.worklog, "skill_text"),
                (self.learning_record, "skill_text"),
                (self.learning_record, "course_name"),
                (self.feedback, "skill_text"),
                (self.skill_mention, "skill_text"),
                (self.aspiration, "skill_text"),
            )
        ]
        return pl.concat(columns).drop_nulls().group_by("skill_text").len("mention_count").sort("skill_text")


def read_changed_inputs(lake: Lake, changed: Mapping[Table, pl.DataFrame]) -> tuple[EvidenceInputs, pl.DataFrame]:
    """The rows that records which changed bear on, and those records: table_name, source_name, record_code.

    `changed` holds the records of each table (see `records_changed`). Work on an assignment takes its micro-skills from
    it, so that it is looked at again where the assignment changed; assignments of work that is looked at come along.
    """
    touched = (
        pl.concat(
            [
                lake.scan(WORKLOG).join(changed[WORKLOG].lazy(), on=RECORD_KEY, how="semi"),
                scan_worklogs_on(lake, changed[ASSIGNMENT]),
            ]
        )
        .unique(RECORD_KEY)
        .sort(RECORD_KEY)
        .collect()
    )
    codes = touched["assignment_code"].drop_nulls().unique().implode()
    is_worked_on = pl.col("assignment_code").is_in(codes) | pl.col("record_code").is_in(codes)
    assignments = lake.scan(ASSIGNMENT)
    own = assignments.join(changed[ASSIGNMENT].lazy(), on=RECORD_KEY, how="semi")
    core = EvidenceInputs(
        # in the order of the table: of several with the same code the first gives its text
        pl.concat([own, assignments.filter(is_worked_on)]).unique(RECORD_KEY).sort(RECORD_KEY).collect(),
        touched,
        *(
            lake.scan(table).join(changed[table].lazy(), on=RECORD_KEY, how="semi").collect()
            for table in (LEARNING_RECORD, FEEDBACK, SKILL_MENTION, ASPIRATION)
        ),
    )
    changed = {
        **changed,
        WORKLOG: pl.concat([changed[WORKLOG].select(RECORD_KEY), touched.select(RECORD_KEY)]).unique(),
    }
    records = [
        records.select(pl.lit(table.name).alias("table_name"), *RECORD_KEY) for table, records in changed.items()
    ]
    return core, pl.concat(records)


def scan_worklogs_on(lake: Lake, assignments: pl.DataFrame) -> pl.LazyFrame:
    """The work on any of these assignments, which it names by their code or by the number of their record."""
    codes = pl.concat([assignments["assignment_code"], assignments["record_code"]]).drop_nulls().unique()
    return lake.scan(WORKLOG).filter(pl.col("assignment_code").is_in(codes.implode()))
