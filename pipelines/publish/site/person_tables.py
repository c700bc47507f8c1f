"""The tables about people that people's pages show, and which of their columns.

Belongs here: the columns, and their rows of all people, lazily.
Does not belong here: reading them for some people at a time (`page_data`), the text of a page (`pages`).
"""

import polars as pl

from pipelines.contracts.catalog import ASPIRATION, CONSENT, SQUAD_REPLY
from pipelines.contracts.output_tables import (
    COMPANION,
    COUNTERFACTUAL,
    NEXT_SKILL,
    OUT_EVIDENCE,
    OUT_MASTERY,
    OWN_PRACTICE,
    REPLY_EFFECT,
    SQUAD_MATCH,
    SQUAD_OPENING,
)
from pipelines.contracts.table import Table
from pipelines.snapshots.reader import Snapshot
from pipelines.storage.lake import Lake

_STEP_COLUMNS = (
    *("person_id", "rank", "skill_id", "from_stage", "to_stage", "kind", "probability", "mastery", "autonomy"),
    *("purpose", "reasons", "how", "is_accepted", "no_recommendation_reason", "as_of", "model_version"),
)
_MASTERY_COLUMNS = (
    *("person_id", "skill_id", "stage", "is_rusty", "observation_count", "repetition_count", "repetition_hours"),
    *("feedback_count", "positive_feedback_count", "teaching_count", "last_practised_at", "missing_for_next"),
    *("stated_stage", "is_hidden"),
)
_COMPANION_COLUMNS = (
    *("person_id", "skill_id", "relation", "companion_id", "companion_skill_id", "standing_count", "why"),
)
_COUNTERFACTUAL_COLUMNS = (
    *("person_id", "skill_id", "rank", "change", "change_of", "changed_skill_id", "evidence_id", "mode"),
    *("occurred_at", "to_rank", "stage_after"),
)
_REPLY_COLUMNS = ("person_id", "skill_id", "reply_kind", "replied_at", "effect")
_CONSENT_COLUMNS = ("person_id", "skill_text", "consent_relation", "consent_status", "expires_date", "stated_at")
_WISH_COLUMNS = ("person_id", "skill_text", "wish_weight", "stated_at")
_MATCH_COLUMNS = (
    *("person_id", "rank", "opening_id", "skill_id", "to_stage", "kind", "brings_skill_ids", "follow_id"),
    *("follow_count", "lead_id", "lead_count", "wish_weight", "workload", "free_weekly_hours", "squad_reply_kind"),
    *("decisive_change", "reasons"),
)
_OPENING_COLUMNS = ("opening_id", "project_code", "planned_weekly_hours", "planned_end_date", "interested_count")
_SQUAD_ANSWER_COLUMNS = ("person_id", "opening_id", "squad_reply_kind", "replied_at")


def scan_person_tables(
    snapshot: Snapshot, lake: Lake, stored_counts: pl.DataFrame
) -> dict[str, tuple[pl.LazyFrame, tuple[str, ...]]]:
    """Everything that people's pages show of single people.

    Args:
        snapshot: The snapshot to show.
        lake: The lake it was made from.
        stored_counts: One row per person, source and kind of stored row, with person_id.

    Returns:
        Rows with person_id and the columns that order the rows of a person, by the field of `PersonRows`.
    """
    companions = _scan_published(snapshot, COMPANION, _COMPANION_COLUMNS)
    matches = _scan_published(snapshot, SQUAD_MATCH, _MATCH_COLUMNS)
    named_people = [companions.select("person_id", "companion_id", "relation", "companion_skill_id")] + [
        matches.select(
            "person_id",
            companion_id=f"{relation}_id",
            relation=pl.lit(relation),
            companion_skill_id="skill_id",
        )
        for relation in ("follow", "lead")
    ]
    viewer_counts = (
        pl.concat(named_people)
        .drop_nulls("companion_id")
        .group_by("companion_id", "relation", "companion_skill_id")
        .agg(pl.col("person_id").n_unique().alias("viewer_count"))
        .rename({"companion_id": "person_id"})
    )
    return {
        "steps": (_scan_published(snapshot, NEXT_SKILL, _STEP_COLUMNS), ("rank",)),
        "mastery": (_scan_published(snapshot, OUT_MASTERY, _MASTERY_COLUMNS), ("skill_id",)),
        "companions": (companions, ("skill_id",)),
        "counterfactuals": (_scan_counterfactuals(snapshot), ("rank",)),
        "replies": (_scan_published(snapshot, REPLY_EFFECT, _REPLY_COLUMNS), ("replied_at", "skill_id")),
        "consents": (lake.scan(CONSENT).select(_CONSENT_COLUMNS), ("stated_at", "skill_text")),
        "wishes": (lake.scan(ASPIRATION).select(_WISH_COLUMNS), ("stated_at", "skill_text")),
        "viewer_counts": (viewer_counts, ("relation", "companion_skill_id")),
        "openings": (_scan_openings(snapshot), ("rank",)),
        "squad_answers": (lake.scan(SQUAD_REPLY).select(_SQUAD_ANSWER_COLUMNS), ("replied_at", "opening_id")),
        "stored_counts": (stored_counts.lazy(), ("source_name", "mode")),
        "practice": (lake.scan(OWN_PRACTICE).select(OWN_PRACTICE.column_names), ("practice_kind", "practice_unit")),
    }


def _scan_published(snapshot: Snapshot, table: Table, column_names: tuple[str, ...]) -> pl.LazyFrame:
    """These columns of a published table; null if the snapshot is older than the column, no rows without the table."""
    if not snapshot.has_table(table.name):
        return pl.LazyFrame(schema={name: table.schema[name] for name in column_names})
    published_rows = snapshot.scan(table.name)
    published_names = published_rows.collect_schema().names()
    return published_rows.select(
        pl.col(name) if name in published_names else pl.lit(None, table.schema[name]).alias(name)
        for name in column_names
    )


def _scan_openings(snapshot: Snapshot) -> pl.LazyFrame:
    """The matched openings, each with what the opening itself shows."""
    openings = _scan_published(snapshot, SQUAD_OPENING, _OPENING_COLUMNS)
    return _scan_published(snapshot, SQUAD_MATCH, _MATCH_COLUMNS).join(openings, on="opening_id", how="left")


def _scan_counterfactuals(snapshot: Snapshot) -> pl.LazyFrame:
    """The changes, each with the kind of feedback that it removes: a test result is not what a colleague said."""
    counterfactuals = _scan_published(snapshot, COUNTERFACTUAL, _COUNTERFACTUAL_COLUMNS)
    feedback = (
        _scan_published(snapshot, OUT_EVIDENCE, ("person_id", "evidence_id", "mode", "feedback_kind"))
        .filter(pl.col("mode") == "feedback")
        .drop("mode")
    )
    return counterfactuals.join(feedback, on=("person_id", "evidence_id"), how="left").drop("evidence_id")
