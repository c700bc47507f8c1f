"""Evidence: the core rows that show practice, assessment or teaching of a micro-skill.

Belongs here: the mode and amount of evidence in a core row, and the texts that the taxonomy does not know.
Does not belong here: the stage that follows from evidence (`ml.mastery`).
"""

import difflib
from collections.abc import Collection
from hashlib import blake2b

import numpy as np
import polars as pl

from pipelines.contracts.catalog import EVIDENCE, REVIEW_TABLE, UNKNOWN_MENTION
from pipelines.contracts.table import month_number
from pipelines.core.evidence_inputs import EvidenceInputs
from pipelines.storage.month_periods import ALL_TIME, Period

# Feedback without a score (an endorsement, a certificate, a waived course) counts as a full score: it was given.
FULL_SCORE = 1.0
# A failed attempt is never positive feedback, whatever share of the points it reached.
_FAILED_LIMIT = 0.5
_NEAREST_COUNT = 3
_OBSERVATION_VERBS = ("attended", "completed")


def collect_evidence(
    evidence_inputs: EvidenceInputs,
    text_matches: pl.DataFrame,
    reply_evidence: pl.DataFrame | None = None,
    person_ids: Collection[str] | None = None,
    record_keys: pl.DataFrame | None = None,
    period: Period = ALL_TIME,
) -> pl.DataFrame:
    """Collect the evidence in core rows.

    The hours of work that names several micro-skills are divided equally among them, so that the hours of evidence add
    up to the hours worked.

    Args:
        evidence_inputs: The core rows.
        text_matches: As `look_up_matches` returns them for the texts of `evidence_inputs`: skill_text, skill_id.
        reply_evidence: Further rows in the contract of `EVIDENCE` (see `build_done_evidence`).
        person_ids: Return only evidence of these people; None for everybody. Assignments and feedback of other people
            may give evidence of them.
        record_keys: Return only evidence from these records (table_name, source_name, record_code); None for all.
        period: Return only evidence of these months.

    Returns:
        One row per person, micro-skill, mode and source record, in the contract of `EVIDENCE` and in its order.
    """
    evidence_rows = _list_evidence_rows(evidence_inputs, text_matches)
    if person_ids is not None:
        evidence_rows = evidence_rows.filter(pl.col("person_id").is_in(sorted(person_ids)))
    if record_keys is not None:
        evidence_rows = evidence_rows.join(record_keys, on=record_keys.columns, how="semi", maintain_order="left")
    is_in_period = period.includes(pl.col("occurred_at"))
    evidence_rows = evidence_rows.filter(is_in_period)
    skill_matches = text_matches.drop_nulls("skill_id").select("skill_text", "skill_id").unique()
    skill_matches = skill_matches.with_columns(pl.len().over("skill_text").alias("skill_count"))
    amount_per_skill = (
        pl.when(pl.col("amount_unit") == "hours").then(pl.col("amount") / pl.col("skill_count")).otherwise("amount")
    )
    evidence = (
        evidence_rows.drop_nulls(("person_id", "skill_text", "occurred_at"))
        .join(skill_matches, on="skill_text")
        .with_columns(amount_per_skill.alias("amount"))
    )
    identity_text = pl.concat_str(
        "source_name", "table_name", "record_code", "person_id", "skill_id", "mode", separator="\t"
    )
    encoded_identities = evidence.select(identity_text.cast(pl.Binary)).to_series().to_list()
    id_digests = [blake2b(encoded_identity, digest_size=16).digest() for encoded_identity in encoded_identities]
    evidence = evidence.select(column_name for column_name in EVIDENCE.column_names if column_name != "evidence_id")
    if reply_evidence is not None:
        reply_evidence = reply_evidence.filter(is_in_period)
        id_digests += [bytes.fromhex(evidence_id) for evidence_id in reply_evidence["evidence_id"]]
        evidence = pl.concat([evidence, reply_evidence.select(evidence.columns)])
    first_row_positions = order_first_rows(id_digests, evidence.select(month_number("occurred_at")).to_series())
    evidence_ids = pl.Series("evidence_id", id_digests, pl.Binary).gather(first_row_positions).bin.encode("hex")
    return evidence[first_row_positions].with_columns(evidence_ids).select(EVIDENCE.column_names)


def count_unknown_mentions(
    evidence_inputs: EvidenceInputs, text_matches: pl.DataFrame, aliases: pl.DataFrame
) -> pl.DataFrame:
    """Count the texts that name no micro-skill of the taxonomy.

    Args:
        evidence_inputs: The core rows.
        text_matches: As `look_up_matches` returns them for the texts of `evidence_inputs`.
        aliases: The names (`ALIAS`) that each text is compared with.

    Returns:
        One row per normalised text, in the contract of `UNKNOWN_MENTION`, with the micro-skills of the nearest names.
    """
    matched_mentions = text_matches.drop_nulls("skill_id").select("skill_text", "mention_text").unique()
    unknown_mentions = (
        text_matches.filter(pl.col("skill_id").is_null())
        .join(matched_mentions, on=("skill_text", "mention_text"), how="anti")
        .join(evidence_inputs.with_chosen_texts(text_matches).count_chosen_texts(), on="skill_text")
        .group_by("mention_text")
        .agg(pl.col("mention_count").sum().cast(pl.Int64))
        .sort("mention_text")
    )
    skill_id_by_alias = dict(aliases.select("alias_text", "skill_id").iter_rows())
    nearest_skill_ids = [
        list(
            dict.fromkeys(
                skill_id_by_alias[close_alias]
                for close_alias in difflib.get_close_matches(mention_text, skill_id_by_alias, _NEAREST_COUNT)
            )
        )
        for mention_text in unknown_mentions["mention_text"]
    ]
    return unknown_mentions.with_columns(pl.Series("nearest_skill_ids", nearest_skill_ids, pl.List(pl.String))).select(
        UNKNOWN_MENTION.column_names
    )


def order_first_rows(digests: list[bytes], months: pl.Series) -> pl.Series:
    """The position of the first row of each digest, sorted by month, and by digest within a month.

    Hexadecimal digits sort as the numbers they represent, and numbers sort much faster.

    Args:
        digests: One digest of 16 bytes per row.
        months: The month of each row.
    """
    high_digest_halves, low_digest_halves = (
        np.frombuffer(b"".join(digests), dtype=">u8").reshape(-1, 2).T.astype(np.uint64)
    )
    rows_by_digest = np.argsort(high_digest_halves, kind="stable")
    tie_starts = np.flatnonzero(np.diff(high_digest_halves[rows_by_digest]) == 0)
    if len(tie_starts):
        tied_positions = np.union1d(tie_starts, tie_starts + 1)
        tied_rows = rows_by_digest[tied_positions]
        rows_by_digest[tied_positions] = tied_rows[
            np.lexsort((tied_rows, low_digest_halves[tied_rows], high_digest_halves[tied_rows]))
        ]
    is_repeated = (np.diff(high_digest_halves[rows_by_digest]) == 0) & (np.diff(low_digest_halves[rows_by_digest]) == 0)
    first_row_positions = (
        rows_by_digest[np.concatenate([[True], ~is_repeated])] if len(rows_by_digest) else rows_by_digest
    )
    return pl.Series(first_row_positions[np.argsort(months.to_numpy()[first_row_positions], kind="stable")])


def _list_evidence_rows(evidence_inputs: EvidenceInputs, text_matches: pl.DataFrame) -> pl.DataFrame:
    """Every row that shows practice, assessment or teaching, with the text that names its micro-skills."""
    learning_records = evidence_inputs.with_chosen_texts(text_matches).learning_record
    return pl.concat(
        [
            _build_worklog_evidence(evidence_inputs),
            _build_assignment_evidence(evidence_inputs.assignment),
            _build_learning_evidence(learning_records),
            _build_score_evidence(learning_records),
            _build_feedback_evidence(evidence_inputs.feedback),
            _build_teaching_evidence(evidence_inputs.feedback),
            _build_mention_evidence(evidence_inputs.skill_mention),
        ]
    )


def _select_evidence_columns(
    source_rows: pl.DataFrame, table_name: str, mode: str | pl.Expr, **overrides: pl.Expr | str
) -> pl.DataFrame:
    """The rows in the columns of evidence, with the text that names the micro-skill instead of its id."""
    expression_by_column: dict[str, pl.Expr | str] = {
        "person_id": "person_id",
        "source_name": "source_name",
        "file_sha256": "file_sha256",
        "row_number": "row_number",
        "record_code": "record_code",
        "table_name": pl.lit(table_name),
        "mode": pl.lit(mode) if isinstance(mode, str) else mode,
        "skill_text": "skill_text",
        "occurred_at": "occurred_at",
        "amount": pl.lit(1.0),
        "amount_unit": pl.lit("count"),
        "feedback_kind": pl.lit(None, pl.String),
        "given_by_id": pl.lit(None, pl.String),
        "source_column": pl.lit("skill_text"),
    }
    return source_rows.select(**{**expression_by_column, **overrides})


def _name_filled_column(preferred_column: str, fallback_column: str) -> pl.Expr:
    """The name of the preferred column if it has a value in the row, otherwise the name of the fallback column."""
    return (
        pl.when(pl.col(preferred_column).is_not_null())
        .then(pl.lit(preferred_column))
        .otherwise(pl.lit(fallback_column))
    )


def _build_worklog_evidence(evidence_inputs: EvidenceInputs) -> pl.DataFrame:
    """Repetition in hours. A worklog without a skill text takes that of its assignment."""
    assignments = evidence_inputs.assignment.select(
        "assignment_code", "record_code", pl.col("skill_text").alias("assignment_text")
    )
    # Some worklogs name an assignment by its record code (Tempo Cloud: by the id of the issue).
    uniquely_coded_assignments = assignments.filter(pl.col("record_code").is_unique())
    code_text_frames = [
        assignments.drop("record_code"),
        uniquely_coded_assignments.select(pl.col("record_code").alias("assignment_code"), "assignment_text"),
    ]
    text_by_assignment_code = (
        pl.concat(code_text_frames).drop_nulls().unique("assignment_code", keep="first", maintain_order=True)
    )
    return _select_evidence_columns(
        evidence_inputs.worklog.join(text_by_assignment_code, on="assignment_code", how="left"),
        "core_project__event_worklog",
        "repetition",
        skill_text=pl.coalesce("skill_text", "assignment_text"),
        occurred_at="worked_at",
        amount=pl.coalesce("worked_hours", pl.lit(1.0)),
        amount_unit=pl.when(pl.col("worked_hours").is_not_null()).then(pl.lit("hours")).otherwise(pl.lit("count")),
        source_column=_name_filled_column("worked_hours", "worked_at"),
    )


def _build_assignment_evidence(assignments: pl.DataFrame) -> pl.DataFrame:
    """One repetition per finished assignment. Without a flag, the date of completion marks it as finished."""
    return _select_evidence_columns(
        assignments.filter(pl.col("is_done").fill_null(pl.col("done_at").is_not_null())),
        "core_project__assn_assignment",
        "repetition",
        occurred_at="done_at",
        source_column=pl.lit("done_at"),
    )


def _build_learning_evidence(learning_records: pl.DataFrame) -> pl.DataFrame:
    """Attended and completed give observation; passed, failed and waived give feedback; taught gives teaching.

    Observation and teaching have hours if the record says how long they took.
    """
    learning_verb = pl.col("learning_verb")
    mode_by_verb = {
        **dict.fromkeys(_OBSERVATION_VERBS, "observation"),
        **dict.fromkeys(("passed", "failed", "waived"), "feedback"),
        "taught": "teaching",
    }
    mode = learning_verb.replace_strict(mode_by_verb, default=None, return_dtype=pl.String)
    is_feedback, has_hours = mode == "feedback", pl.col("learning_hours") > 0
    failed_score = pl.min_horizontal(pl.coalesce("score_share", pl.lit(0.0)), pl.lit(_FAILED_LIMIT))
    feedback_score = (
        pl.when(learning_verb == "failed").then(failed_score).otherwise(pl.coalesce("score_share", pl.lit(FULL_SCORE)))
    )
    return _select_evidence_columns(
        learning_records,
        "core_learning__event_learning_record",
        mode,
        amount=pl.when(is_feedback).then(feedback_score).when(has_hours).then("learning_hours").otherwise(pl.lit(1.0)),
        amount_unit=_choose_amount_unit(is_feedback, has_hours),
        feedback_kind=pl.when(is_feedback).then(pl.lit("assessment")),
        source_column=pl.when(is_feedback)
        .then(_name_filled_column("score_share", "learning_verb"))
        .when(has_hours)
        .then(pl.lit("learning_hours"))
        .otherwise(pl.lit("learning_verb")),
    ).drop_nulls("mode")


def _choose_amount_unit(is_score: pl.Expr, has_hours: pl.Expr) -> pl.Expr:
    return pl.when(is_score).then(pl.lit("share")).when(has_hours).then(pl.lit("hours")).otherwise(pl.lit("count"))


def _build_score_evidence(learning_records: pl.DataFrame) -> pl.DataFrame:
    """Feedback for each attended or completed record with a score."""
    return _select_evidence_columns(
        learning_records.filter(pl.col("learning_verb").is_in(_OBSERVATION_VERBS), pl.col("score_share").is_not_null()),
        "core_learning__event_learning_record",
        "feedback",
        amount="score_share",
        amount_unit=pl.lit("share"),
        feedback_kind=pl.lit("assessment"),
        source_column=pl.lit("score_share"),
    )


def _build_feedback_evidence(feedback: pl.DataFrame) -> pl.DataFrame:
    return _select_evidence_columns(
        feedback,
        REVIEW_TABLE,
        "feedback",
        amount=pl.coalesce("score_share", pl.lit(FULL_SCORE)),
        amount_unit=pl.lit("share"),
        feedback_kind="feedback_kind",
        given_by_id="given_by_id",
        source_column=_name_filled_column("score_share", "feedback_kind"),
    )


def _build_teaching_evidence(feedback: pl.DataFrame) -> pl.DataFrame:
    """Teaching of the person who gave feedback to another; feedback to oneself gives none."""
    return _select_evidence_columns(
        feedback.filter(pl.col("given_by_id") != pl.col("person_id"), pl.col("feedback_kind") != "self"),
        REVIEW_TABLE,
        "teaching",
        person_id="given_by_id",
        source_column=pl.lit("given_by_code"),
    )


def _build_mention_evidence(skill_mentions: pl.DataFrame) -> pl.DataFrame:
    """The mode that a mention states; without one it is an observation, the weakest claim."""
    is_feedback, has_hours = pl.col("mode") == "feedback", pl.col("worked_hours").is_not_null()
    return _select_evidence_columns(
        skill_mentions,
        "core_skill__event_skill_mention",
        pl.col("mode").fill_null("observation"),
        amount=pl.when(is_feedback)
        .then(pl.coalesce("score_share", pl.lit(FULL_SCORE)))
        .otherwise(pl.coalesce("worked_hours", pl.lit(1.0))),
        amount_unit=_choose_amount_unit(is_feedback, has_hours),
        feedback_kind=pl.when(is_feedback).then(pl.lit("peer")),
        source_column=pl.when(is_feedback)
        .then(_name_filled_column("score_share", "mode"))
        .when(has_hours)
        .then(pl.lit("worked_hours"))
        .otherwise(_name_filled_column("mode", "skill_text")),
    )
