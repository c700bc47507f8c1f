"""The core rows that evidence is made of: all of them, or those that changed records affect.

Belongs here: the selection of rows.
Does not belong here: what evidence they give (`pipelines.core.evidence`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from pipelines.contracts.catalog import (
    ASPIRATION,
    ASSIGNMENT,
    COURSE,
    FEEDBACK,
    LEARNING_RECORD,
    SKILL_MENTION,
    WORKLOG,
)
from pipelines.contracts.table import Table
from pipelines.core.courses import choose_learning_texts, list_learning_texts
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
    course: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=COURSE.schema))

    def list_skill_texts(self) -> pl.DataFrame:
        """One row per distinct text that may name a micro-skill: skill_text, is_matched_whole.

        See `list_learning_texts`.
        """
        learning_texts = list_learning_texts(self.learning_record, self.course)
        candidate_texts = [
            learning_texts,
            *(input_texts.with_columns(pl.lit(False).alias("is_matched_whole")) for input_texts in self._other_texts()),
        ]
        return (
            pl.concat(candidate_texts).group_by("skill_text").agg(pl.col("is_matched_whole").all()).sort("skill_text")
        )

    def count_chosen_texts(self) -> pl.DataFrame:
        """One row per distinct text by which a row names micro-skills: skill_text, mention_count.

        The learning records must have their chosen texts (see `with_chosen_texts`).
        """
        chosen_texts = pl.concat([self.learning_record.select("skill_text").drop_nulls(), *self._other_texts()])
        return chosen_texts.group_by("skill_text").len("mention_count").sort("skill_text")

    def with_chosen_texts(self, text_matches: pl.DataFrame) -> "EvidenceInputs":
        """The same rows; skill_text of each learning record is the text by which it names its micro-skills.

        Args:
            text_matches: As `look_up_matches` returns them for `list_skill_texts`.
        """
        matched_texts = text_matches.drop_nulls("skill_id")["skill_text"].unique()
        return replace(self, learning_record=choose_learning_texts(self.learning_record, self.course, matched_texts))

    def _other_texts(self) -> list[pl.DataFrame]:
        inputs_without_learning = (self.assignment, self.worklog, self.feedback, self.skill_mention, self.aspiration)
        return [input_rows.select("skill_text").drop_nulls() for input_rows in inputs_without_learning]


def read_changed_inputs(
    lake: Lake, changed_records_by_table: Mapping[Table, pl.DataFrame]
) -> tuple[EvidenceInputs, pl.DataFrame]:
    """Read the rows that changed records affect.

    A worklog takes its micro-skills from its assignment: the worklogs of a changed assignment are read too, and the
    assignments of every worklog that is read.

    Args:
        lake: Where the core tables are.
        changed_records_by_table: The changed records of each table (see `find_changed_records`).

    Returns:
        The rows, and their records: table_name, source_name, record_code.
    """
    changed_rows_by_table = {
        table: lake.scan(table).join(record_keys.lazy(), on=RECORD_KEY, how="semi")
        for table, record_keys in changed_records_by_table.items()
    }
    affected_worklogs = pl.concat(
        [changed_rows_by_table[WORKLOG], scan_worklogs_on(lake, changed_records_by_table[ASSIGNMENT])]
    )
    worklog_rows = affected_worklogs.unique(RECORD_KEY).sort(RECORD_KEY).collect()
    assignment_or_record_codes = worklog_rows["assignment_code"].drop_nulls().unique().implode()
    is_worked_on = pl.col("assignment_code").is_in(assignment_or_record_codes) | pl.col("record_code").is_in(
        assignment_or_record_codes
    )
    affected_assignments = pl.concat([changed_rows_by_table[ASSIGNMENT], lake.scan(ASSIGNMENT).filter(is_worked_on)])
    evidence_inputs = EvidenceInputs(
        # in the order of the table, because the first of several assignments with one code gives the text
        affected_assignments.unique(RECORD_KEY).sort(RECORD_KEY).collect(),
        worklog_rows,
        changed_rows_by_table[LEARNING_RECORD].collect(),
        changed_rows_by_table[FEEDBACK].collect(),
        changed_rows_by_table[SKILL_MENTION].collect(),
        changed_rows_by_table[ASPIRATION].collect(),
        lake.scan(COURSE).collect(),
    )
    worklog_keys = pl.concat(
        [changed_records_by_table[WORKLOG].select(RECORD_KEY), worklog_rows.select(RECORD_KEY)]
    ).unique()
    affected_records = [
        record_keys.select(pl.lit(table.name).alias("table_name"), *RECORD_KEY)
        for table, record_keys in {**changed_records_by_table, WORKLOG: worklog_keys}.items()
    ]
    return evidence_inputs, pl.concat(affected_records)


def scan_worklogs_on(lake: Lake, assignments: pl.DataFrame) -> pl.LazyFrame:
    """Scan the rows of `WORKLOG` about some assignments.

    A worklog names its assignment by the assignment code or by the record code.

    Args:
        lake: Where the core tables are.
        assignments: One row per assignment: assignment_code, record_code.
    """
    assignment_or_record_codes = (
        pl.concat([assignments["assignment_code"], assignments["record_code"]]).drop_nulls().unique()
    )
    return lake.scan(WORKLOG).filter(pl.col("assignment_code").is_in(assignment_or_record_codes.implode()))
