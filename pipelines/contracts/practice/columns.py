"""The columns of practice: kinds, amounts, comparisons with a unit's own past, and changes.

Belongs here: the declared columns of `out__practice` and of people's own practice, the words that all readers of them
share, and the origins of each column.
Does not belong here: the class of a column (`classification`), the tables (`feature_tables`, `output_tables`).
"""

from collections.abc import Mapping

import polars as pl

from pipelines.contracts.table import Column

# Work on steps being taken, repeated work in mastered micro-skills, learning, reviews, and finished work.
PRACTICE_KINDS = ("edge", "routine", "learning", "review_given", "review_received", "finished")
PRACTICE_SCOPES = ("unit", "capability", "skill")
# Lengths of the trailing periods, in weeks.
TRAILING_WEEKS = (4, 13, 52)
AMOUNT_COLUMNS = tuple(f"practice_{weeks}_weeks" for weeks in TRAILING_WEEKS)
CHANGE_COLUMNS = tuple(f"change_{weeks}_weeks" for weeks in TRAILING_WEEKS)

PRACTICE_COLUMNS = (
    Column(
        "practice_scope", pl.String, "Whether the row is about all work of a unit or a part.", allowed=PRACTICE_SCOPES
    ),
    Column("practice_of", pl.String, "capability_id or skill_id of the part; unit_name if the row is about all work."),
    Column("practice_name", pl.String, "Name of the capability, of the micro-skill or of the unit."),
    Column(
        "practice_kind",
        pl.String,
        "Kind of practice: work on steps being taken, work in mastered micro-skills, learning, reviews; or finished "
        "work.",
        allowed=PRACTICE_KINDS,
    ),
    Column(
        "practice_unit", pl.String, "Unit of the amounts: counts where no hours are booked.", allowed=("hours", "count")
    ),
    *(
        Column(column_name, pl.Float64, f"Amount in the last {weeks} weeks; null if too few people are behind it.")
        for column_name, weeks in zip(AMOUNT_COLUMNS, TRAILING_WEEKS, strict=True)
    ),
    *(
        Column(
            column_name,
            pl.Float64,
            f"Amount of the last {weeks} weeks against the unit's own earlier weeks, without season and staffing: "
            "-0.2 is a fifth less; null if the past is too short.",
            minimum=-1,
        )
        for column_name, weeks in zip(CHANGE_COLUMNS, TRAILING_WEEKS, strict=True)
    ),
    Column("changed_date", pl.Date, "First day of the week in which the amount changed; null without a change."),
    Column(
        "change_certainty",
        pl.Float64,
        "1 minus the false discovery rate at which the change is told.",
        minimum=0,
        maximum=1,
    ),
    Column(
        "change_share",
        pl.Float64,
        "Amount since the change against the weeks before it, without season and staffing: -0.2 is a fifth less.",
        minimum=-1,
    ),
)

_EVIDENCE_TABLE = "core_skill__event_evidence"
_AMOUNT_ORIGINS = tuple(
    (_EVIDENCE_TABLE, column_name) for column_name in ("mode", "amount", "amount_unit", "occurred_at", "table_name")
)
_MASTERED_ORIGINS = (("feat_step__event_reached", "to_stage"), ("feat_step__event_reached", "reached_at"))
_STAFFING_ORIGINS = (
    *(("core_hr__entity_person", column_name) for column_name in ("unit_name", "hired_date", "left_date")),
    *(("core_hr__scd_role_period", column_name) for column_name in ("unit_name", "started_date", "ended_date")),
)
_ADJUSTED_ORIGINS = (*_AMOUNT_ORIGINS, *_MASTERED_ORIGINS, *_STAFFING_ORIGINS)
_PART_ORIGINS = (
    (_EVIDENCE_TABLE, "skill_id"),
    ("core_taxonomy__codes_skill", "capability_id"),
    ("core_hr__entity_person", "unit_name"),
)
# By table: the origins of derived columns, as `pipelines.contracts.lineage` declares them.
PRACTICE_DERIVATIONS: Mapping[str, Mapping[str, tuple[tuple[str, str], ...]]] = {
    "feat_practice__entity_own": {
        "person_id": ((_EVIDENCE_TABLE, "person_id"),),
        "practice_kind": (*_AMOUNT_ORIGINS, *_MASTERED_ORIGINS),
        " ".join(("practice_unit", *AMOUNT_COLUMNS)): _AMOUNT_ORIGINS,
    },
    "out__practice": {
        "unit_name": _STAFFING_ORIGINS,
        "practice_scope practice_of": _PART_ORIGINS,
        "practice_name": (
            ("core_taxonomy__codes_skill", "capability_name"),
            ("core_taxonomy__codes_skill", "skill_name"),
            ("core_hr__entity_person", "unit_name"),
        ),
        "practice_kind": (*_AMOUNT_ORIGINS, *_MASTERED_ORIGINS),
        "team_people_count": (("core_hr__entity_person", "person_id"), ("core_hr__entity_person", "unit_name")),
        " ".join(("practice_unit", *AMOUNT_COLUMNS)): _AMOUNT_ORIGINS,
        " ".join((*CHANGE_COLUMNS, "changed_date change_certainty change_share finding")): _ADJUSTED_ORIGINS,
    },
}
