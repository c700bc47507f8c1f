"""The evidence ledger: core rows to rows that show practice, judgement or teaching of a micro-skill.

Belongs here: which mode and how much of it a core row is, and what the taxonomy does not know.
Does not belong here: what stage follows from it (`ml.mastery.state`).
"""

import difflib
from collections.abc import Collection
from hashlib import blake2b

import numpy as np
import polars as pl

from pipelines.contracts.catalog import EVIDENCE, REVIEW_TABLE, UNKNOWN_MENTION
from pipelines.core.evidence_inputs import EvidenceInputs
from pipelines.core.taxonomy import Taxonomy
from pipelines.storage.file_layout import month_number

# A judgement without a score (an endorsement, a certificate, a waived course) is a full one: it was given.
FULL_SCORE = 1.0
_NEAREST = 3
_WATCHED = ("attended", "completed")


def collect_evidence(
    core: EvidenceInputs,
    matched: pl.DataFrame,
    done: pl.DataFrame | None = None,
    people: Collection[str] | None = None,
    records: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """One row per person, micro-skill, mode and source record, in the contract and the order of
    `core_skill__event_evidence`.

    `matched` connects skill_text to skill_id (`match_skills`). Hours on work that names several micro-skills are shared
    equally among them, so that hours add up to the hours worked. `done` are rows of evidence that came by another way.
    `people`: of whom alone rows come back (None: of everybody); assignments and feedback of others may name theirs.
    `records`: likewise of which records (table_name, source_name, record_code).
    """
    names = matched.drop_nulls("skill_id").select("skill_text", "skill_id").unique()
    rows = pl.concat(
        [
            _repetition(core),
            _learning(core.learning_record),
            _scored_learning(core.learning_record),
            _judgement(core),
            _review_given(core.feedback),
            _mention(core),
        ]
    )
    if people is not None:
        rows = rows.filter(pl.col("person_id").is_in(sorted(people)))
    if records is not None:
        rows = rows.join(records, on=records.columns, how="semi", maintain_order="left")
    rows = rows.drop_nulls(("person_id", "skill_text", "occurred_at"))
    found = rows.join(names, on="skill_text").with_columns(
        pl.len().over("source_name", "record_code", "table_name", "mode", "person_id").alias("shared_by")
    )
    is_hours = pl.col("amount_unit") == "hours"
    found = found.with_columns(
        pl.when(is_hours).then(pl.col("amount") / pl.col("shared_by")).otherwise("amount").alias("amount")
    )
    identity = pl.concat_str(
        "source_name", "table_name", "record_code", "person_id", "skill_id", "mode", separator="\t"
    )
    texts = found.select(identity.cast(pl.Binary)).to_series().to_list()
    digests = [blake2b(text, digest_size=16).digest() for text in texts]
    rows = found.select(name for name in EVIDENCE.column_names if name != "evidence_id")
    if done is not None:
        digests += [bytes.fromhex(one) for one in done["evidence_id"]]
        rows = pl.concat([rows, done.select(rows.columns)])
    places = places_in_order(digests, rows.select(month_number("occurred_at")).to_series())
    ids = pl.Series("evidence_id", digests, pl.Binary).gather(places).bin.encode("hex")
    return rows[places].with_columns(ids).select(EVIDENCE.column_names)


def count_unknown_mentions(core: EvidenceInputs, matched: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """One row per normalised text that names no known micro-skill: how often it occurs, and the nearest by name."""
    known = matched.drop_nulls("skill_id").select("skill_text", "alias_text").unique()
    unknown = (
        matched.filter(pl.col("skill_id").is_null())
        .join(known, on=("skill_text", "alias_text"), how="anti")
        .join(core.count_skill_texts(), on="skill_text")
        .group_by(pl.col("alias_text").alias("mention_text"))
        .agg(pl.col("mention_count").sum().cast(pl.Int64))
        .sort("mention_text")
    )
    nearest = _nearest(unknown["mention_text"], taxonomy.aliases)
    return unknown.join(nearest, on="mention_text", how="left").select(UNKNOWN_MENTION.column_names)


def _rows(frame: pl.DataFrame, table: str, mode: str | pl.Expr, **columns: pl.Expr) -> pl.DataFrame:
    """The frame's rows in the evidence's columns, before skills are named."""
    defaults: dict[str, pl.Expr] = {
        "person_id": pl.col("person_id"),
        "skill_text": pl.col("skill_text"),
        "feedback_kind": pl.lit(None, pl.String),
        "given_by_id": pl.lit(None, pl.String),
        "source_column": pl.lit("skill_text"),
    }
    chosen = {**defaults, **columns}
    return frame.select(
        chosen["person_id"].alias("person_id"),
        "source_name",
        "file_sha256",
        "row_number",
        "record_code",
        pl.lit(table).alias("table_name"),
        (pl.lit(mode) if isinstance(mode, str) else mode).alias("mode"),
        *(
            chosen[name].alias(name)
            for name in (
                "skill_text",
                "occurred_at",
                "amount",
                "amount_unit",
                "feedback_kind",
                "given_by_id",
                "source_column",
            )
        ),
    )


def _repetition(core: EvidenceInputs) -> pl.DataFrame:
    """Worked hours, with the skills of the work item where the entry names none; and work items finished."""
    items = core.assignment.select("assignment_code", "record_code", pl.col("skill_text").alias("item_text"))
    # some time entries know a work item only by the number of its record (Tempo Cloud: the id)
    by_record = items.filter(pl.col("record_code").is_unique()).select(
        pl.col("record_code").alias("assignment_code"), "item_text"
    )
    items = pl.concat([items.select("assignment_code", "item_text"), by_record]).drop_nulls()
    items = items.unique("assignment_code", keep="first", maintain_order=True)
    logs = core.worklog.join(items, on="assignment_code", how="left")
    has_hours = pl.col("worked_hours").is_not_null()
    worked = _rows(
        logs,
        "core_project__event_worklog",
        "repetition",
        skill_text=pl.coalesce("skill_text", "item_text"),
        occurred_at=pl.col("worked_at"),
        amount=pl.coalesce("worked_hours", pl.lit(1.0)),
        amount_unit=pl.when(has_hours).then(pl.lit("hours")).otherwise(pl.lit("count")),
        source_column=_from("worked_hours", "worked_at"),
    )
    # who exports a day of completion and no flag says the same with it
    done = _rows(
        core.assignment.filter(pl.col("is_done").fill_null(pl.col("done_at").is_not_null())),
        "core_project__assn_assignment",
        "repetition",
        occurred_at=pl.col("done_at"),
        amount=pl.lit(1.0),
        amount_unit=pl.lit("count"),
        source_column=pl.lit("done_at"),
    )
    return pl.concat([worked, done])


def _from(column: str, instead: str) -> pl.Expr:
    """The name of the column an amount was taken from, or of what shows that it happened where that is empty."""
    return pl.when(pl.col(column).is_not_null()).then(pl.lit(column)).otherwise(pl.lit(instead))


def _learning(records: pl.DataFrame) -> pl.DataFrame:
    """Attended and completed are observation; passed, failed and waived are judgements; taught is teaching.

    Observation and teaching are told in hours where the record says how long they took.
    """
    verb = pl.col("learning_verb")
    mode = (
        pl.when(verb.is_in(_WATCHED))
        .then(pl.lit("observation"))
        .when(verb.is_in(["passed", "failed", "waived"]))
        .then(pl.lit("feedback"))
        .when(verb == "taught")
        .then(pl.lit("teaching"))
    )
    judged, timed = mode == "feedback", pl.col("learning_hours") > 0
    # a failed attempt is never a positive judgement, whatever share of the points it reached
    failed = pl.min_horizontal(pl.coalesce("score_share", pl.lit(0.0)), pl.lit(0.5))
    passed = pl.coalesce("score_share", pl.lit(FULL_SCORE))
    score = pl.when(verb == "failed").then(failed).otherwise(passed)
    hours = pl.when(timed).then("learning_hours").otherwise(pl.lit(1.0))
    return _rows(
        records,
        "core_learning__event_learning_record",
        mode,
        skill_text=pl.coalesce("skill_text", "course_name"),
        occurred_at=pl.col("occurred_at"),
        amount=pl.when(judged).then(score).otherwise(hours),
        amount_unit=pl.when(judged).then(pl.lit("share")).when(timed).then(pl.lit("hours")).otherwise(pl.lit("count")),
        feedback_kind=pl.when(judged).then(pl.lit("assessment")),
        source_column=pl.when(judged)
        .then(_from("score_share", "learning_verb"))
        .when(timed)
        .then(pl.lit("learning_hours"))
        .otherwise(pl.lit("learning_verb")),
    ).drop_nulls("mode")


def _scored_learning(records: pl.DataFrame) -> pl.DataFrame:
    """What was attended or completed with a score was judged as well."""
    scored = records.filter(pl.col("learning_verb").is_in(_WATCHED), pl.col("score_share").is_not_null())
    return _rows(
        scored,
        "core_learning__event_learning_record",
        "feedback",
        skill_text=pl.coalesce("skill_text", "course_name"),
        occurred_at=pl.col("occurred_at"),
        amount=pl.col("score_share"),
        amount_unit=pl.lit("share"),
        feedback_kind=pl.lit("assessment"),
        source_column=pl.lit("score_share"),
    )


def _judgement(core: EvidenceInputs) -> pl.DataFrame:
    return _rows(
        core.feedback,
        REVIEW_TABLE,
        "feedback",
        occurred_at=pl.col("occurred_at"),
        amount=pl.coalesce("score_share", pl.lit(FULL_SCORE)),
        amount_unit=pl.lit("share"),
        feedback_kind=pl.col("feedback_kind"),
        given_by_id=pl.col("given_by_id"),
        source_column=_from("score_share", "feedback_kind"),
    )


def _review_given(feedback: pl.DataFrame) -> pl.DataFrame:
    """Who judged another's work taught by it: one row of teaching for the judge, none for judging oneself."""
    given = feedback.filter(pl.col("given_by_id") != pl.col("person_id"), pl.col("feedback_kind") != "self")
    return _rows(
        given,
        REVIEW_TABLE,
        "teaching",
        person_id=pl.col("given_by_id"),
        occurred_at=pl.col("occurred_at"),
        amount=pl.lit(1.0),
        amount_unit=pl.lit("count"),
        source_column=pl.lit("given_by_code"),
    )


def _mention(core: EvidenceInputs) -> pl.DataFrame:
    """A mention is of the mode it says, and an observation where it says none: the weakest claim."""
    hours = pl.col("worked_hours").is_not_null()
    score = pl.col("mode") == "feedback"
    return _rows(
        core.skill_mention,
        "core_skill__event_skill_mention",
        pl.col("mode").fill_null("observation"),
        occurred_at=pl.col("occurred_at"),
        amount=pl.when(score)
        .then(pl.coalesce("score_share", pl.lit(FULL_SCORE)))
        .otherwise(pl.coalesce("worked_hours", pl.lit(1.0))),
        amount_unit=pl.when(score).then(pl.lit("share")).when(hours).then(pl.lit("hours")).otherwise(pl.lit("count")),
        feedback_kind=pl.when(score).then(pl.lit("peer")),
        source_column=pl.when(score)
        .then(_from("score_share", "mode"))
        .when(hours)
        .then(pl.lit("worked_hours"))
        .when(pl.col("mode").is_not_null())
        .then(pl.lit("mode"))
        .otherwise(pl.lit("skill_text")),
    )


def places_in_order(digests: list[bytes], months: pl.Series) -> pl.Series:
    """The place of the first row of each digest, by month and within it by digest.

    Hexadecimal digits are in the order of the numbers they write, and numbers sort far faster.
    """
    high, low = np.frombuffer(b"".join(digests), dtype=">u8").reshape(-1, 2).T.astype(np.uint64)
    order = np.argsort(high, kind="stable")
    again = np.flatnonzero(np.diff(high[order]) == 0)
    if len(again):
        tied = np.union1d(again, again + 1)
        place = order[tied]
        order[tied] = place[np.lexsort((place, low[place], high[place]))]
    same = (np.diff(high[order]) == 0) & (np.diff(low[order]) == 0)
    first = order[np.concatenate([[True], ~same])] if len(order) else order
    return pl.Series(first[np.argsort(months.to_numpy()[first], kind="stable")])


def _nearest(texts: pl.Series, aliases: pl.DataFrame) -> pl.DataFrame:
    skill_of = dict(aliases.select("alias_text", "skill_id").iter_rows())
    names = list(skill_of)
    found = [
        list(dict.fromkeys(skill_of[name] for name in difflib.get_close_matches(text, names, n=_NEAREST, cutoff=0.6)))
        for text in texts
    ]
    return pl.DataFrame(
        {"mention_text": texts, "nearest_skill_ids": found},
        schema={"mention_text": pl.String, "nearest_skill_ids": pl.List(pl.String)},
    )
