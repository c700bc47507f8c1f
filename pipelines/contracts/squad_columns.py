"""The columns of squads: openings in work, what matches a person to them, and the time that people choose freely.

Belongs here: name, type and meaning of each; `columns` adds them to those of the lake.
Does not belong here: which table has which column (`output_tables`, `catalog`), how personal a column is
(`classification`).
"""

import polars as pl

from pipelines.contracts.table import Column

SQUAD_REPLY_KINDS = ("join", "not_now", "not_this")
OPENING_KINDS = ("unstaffed", "not_held")
DECISIVE_CHANGES = ("less_work", "wish", "no_wish")
WORKLOADS = ("fits", "full", "unknown")
# A smaller number of interested people is published nowhere, whatever the policy declares.
FEWEST_INTERESTED = 3

_TEXTS = pl.List(pl.String)

SQUAD_COLUMNS = (
    Column(
        "opening_id",
        pl.String,
        "One opening: the piece of work and the micro-skill of the seat, joined by |.",
        example="DATA|sql_joins",
    ),
    Column(
        "opening_kind",
        pl.String,
        "Why the seat is open: assignments without an assignee (unstaffed), or work of the last quarter in a "
        "micro-skill that is not shown as held by those on it (not_held).",
        allowed=OPENING_KINDS,
    ),
    Column("squad_reply_kind", pl.String, "What the person answered about the opening.", allowed=SQUAD_REPLY_KINDS),
    Column("required_skill_ids", _TEXTS, "Micro-skills that the piece of work requires."),
    Column(
        "covered_skill_ids",
        _TEXTS,
        "Required micro-skills held as journeyman or master by somebody on the work who consents to be followed in "
        "them, or by the declared minimum of people or more.",
    ),
    Column(
        "lacking_skill_ids",
        _TEXTS,
        "The other required micro-skills: nobody on the work, or too few to say, hold them.",
    ),
    Column("step_ids", _TEXTS, "Steps in the micro-skill of the seat that enough people are one stage below."),
    Column("open_count", pl.Int64, "Open assignments of the seat without an assignee.", minimum=0),
    Column("planned_weekly_hours", pl.Float64, "Planned hours of the seat per week; null if none.", "hours", minimum=0),
    Column("planned_end_date", pl.Date, "Last day of the open assignments of the work; null if none has one."),
    Column(
        "interested_count",
        pl.Int64,
        "People whose last answer about the opening is to join; null below three or the declared minimum.",
        minimum=FEWEST_INTERESTED,
    ),
    Column("brings_skill_ids", _TEXTS, "Lacking micro-skills that the person holds as journeyman or master."),
    Column("follow_id", pl.String, "person_id of somebody in the squad to follow, who consented; null if none."),
    Column("lead_id", pl.String, "person_id of somebody in the squad to lead, who consented; null if none."),
    Column("follow_count", pl.Int64, "Others on the work who hold the micro-skill; null if too few.", minimum=1),
    Column("lead_count", pl.Int64, "Others on the work who are one stage behind; null if too few.", minimum=1),
    Column("workload", pl.String, "Whether the person's week has room for the planned hours.", allowed=WORKLOADS),
    Column(
        "free_weekly_hours",
        pl.Float64,
        "Weekly hours less the larger of assigned and worked hours per week; null if unknown, 0 if none are left.",
        "hours",
        minimum=0,
    ),
    Column(
        "decisive_change",
        pl.String,
        "The one change that would have changed the row: less other work gives room, a wish moves it up, none moves it "
        "down; null if none of them would.",
        allowed=DECISIVE_CHANGES,
    ),
    Column("unit_hours", pl.Float64, "Hours worked in the unit in the last quarter.", "hours", minimum=0),
    Column(
        "chosen_hours",
        pl.Float64,
        "Of these, hours in openings that the person had asked to join, or on micro-skills that the person had wished "
        "for.",
        "hours",
        minimum=0,
    ),
    Column("chosen_share", pl.Float64, "Share of the hours that people chose.", "share", minimum=0, maximum=1),
    Column("is_free_choice_given", pl.Boolean, "Whether the share reaches the declared share of time for free choice."),
    Column("wanting_count", pl.Int64, "People of the unit who asked to join an opening; null if too few.", minimum=1),
    Column(
        "staffed_count",
        pl.Int64,
        "Of these, people who work or are assigned in an opening that they asked to join; null if they, or "
        "those who asked and got nothing, are too few.",
        minimum=1,
    ),
)
