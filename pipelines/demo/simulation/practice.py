"""The practice, judgement and teaching of each micro-skill taken up: the planted stage and its events.

Belongs here: the planned stage of each (person, micro-skill), and the repetitions, judgements and lessons it rests on.
Does not belong here: which micro-skill is taken up (`pipelines.demo.simulation.paths`), the columns and errors of an
export.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from pipelines.demo.simulation.catalog import BoolArray, FloatArray, IntArray

APPRENTICE, JOURNEYMAN, MASTER = 1, 2, 3
STAGE_NAMES = ("none", "apprentice", "journeyman", "master")
# The planted policy: a journeyman has at least 8 practised days or 40 hours and one positive judgement; a master has
# 200 hours over 12 months, three judges and two lessons given. Plans exceed this a little, so that errors and weekends
# do not undo them.
JOURNEY_REPETITIONS = (10, 13)
JOURNEY_DAYS = (75, 240)
MASTER_REPETITIONS = (40, 46)
MASTER_DAYS = (430, 800)
MASTER_JUDGES, MASTER_LESSONS = 3, (2, 5)
# An apprentice stays below eight practised days and forty hours.
APPRENTICE_MAX_REPETITIONS = 5
COURSE_SHARE = 0.6
JUDGEMENT_KINDS = ("peer", "manager", "passed", "certificate", "endorsement", "self")
JUDGEMENT_SHARES = (0.42, 0.3, 0.12, 0.06, 0.1)
PEER, MANAGER, PASSED, _, ENDORSEMENT, SELF = range(len(JUDGEMENT_KINDS))


@dataclass(frozen=True)
class Plan:
    """One entry per (person, micro-skill) taken up. Days since 1970; a day after `until` was never reached."""

    row: IntArray
    skill: IntArray
    since: IntArray  # the person's first day in the history
    begun: IntArray
    journeyman: IntArray
    master: IntArray
    until: IntArray
    goal: IntArray  # the stage that is aimed at, reached or not
    has_course: BoolArray

    @property
    def stage(self) -> IntArray:
        return np.select([self.master <= self.until, self.journeyman <= self.until], [MASTER, JOURNEYMAN], APPRENTICE)

    @property
    def reached(self) -> IntArray:
        return np.select(
            [self.master <= self.until, self.journeyman <= self.until], [self.master, self.journeyman], self.begun
        )


def to_weekday(day: IntArray) -> IntArray:
    """Return the same day, or the Friday before a weekend; keeps order. Day 0, 1970-01-01, was a Thursday."""
    return day - np.maximum((day + 3) % 7 - 4, 0)


def plan_practice(
    row: IntArray,
    skill: IntArray,
    begun_day: IntArray,
    *,
    since: IntArray,
    until: IntArray,
    importance: FloatArray,
    talent: FloatArray,
    rng: np.random.Generator,
) -> Plan:
    """Draw the stage that each (person, micro-skill) aims at, and the days on which its stages are due."""
    size = row.size
    master_share = 0.03 + 0.08 * (importance == 1) + 0.06 * talent
    journeyman_share = 0.16 + 0.22 * (importance == 1) + 0.10 * talent
    draw = rng.random(size)
    goal = APPRENTICE + (draw < master_share + journeyman_share) + (draw < master_share) * 1
    never_day = until.max(initial=0) + 10_000
    journeyman_day = np.where(goal >= JOURNEYMAN, to_weekday(begun_day + rng.integers(*JOURNEY_DAYS, size)), never_day)
    master_day = np.where(goal == MASTER, to_weekday(begun_day + rng.integers(*MASTER_DAYS, size)), never_day)
    return Plan(
        row,
        skill,
        since,
        to_weekday(begun_day),
        journeyman_day,
        master_day,
        until,
        goal,
        rng.random(size) < COURSE_SHARE,
    )


def draw_days(
    plan: Plan, count: IntArray, first_day: IntArray, last_day: IntArray, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Draw `count` weekdays per plan entry, evenly from `first_day` to `last_day`, none after `until`: (entry, day)."""
    entry = np.repeat(np.arange(count.size), count)
    number_in_entry = np.arange(entry.size) - np.repeat(np.cumsum(count) - count, count)
    share = (number_in_entry + 0.2 + 0.6 * rng.random(entry.size)) / count[entry]
    day = to_weekday(first_day[entry] + np.floor(share * (last_day - first_day)[entry]).astype(np.int64))
    is_in_time = day <= plan.until[entry]
    return entry[is_in_time], day[is_in_time]


def generate_worklogs(plan: Plan, rng: np.random.Generator) -> pl.DataFrame:
    """Draw one row per worklog: entry, day, hours (quarter hours)."""
    entry_count = plan.row.size
    apprentice_logs = np.minimum(rng.poisson(1.5, entry_count), APPRENTICE_MAX_REPETITIONS)
    apprentice_logs = np.where((apprentice_logs == 0) & ~plan.has_course, 1, apprentice_logs) * (
        plan.goal == APPRENTICE
    )
    has_journeyman, is_master = plan.goal >= JOURNEYMAN, plan.goal == MASTER
    journeyman_logs = rng.integers(*JOURNEY_REPETITIONS, entry_count) * has_journeyman
    master_logs = rng.integers(*MASTER_REPETITIONS, entry_count) * is_master
    # after the last stage practice thins out: many never use the micro-skill again and it rusts, a few stay busy
    is_busy = rng.random(entry_count) < 0.03
    later_logs = np.where(is_busy, 40, rng.poisson(4.0, entry_count) * (rng.random(entry_count) < 0.5)) * has_journeyman
    last_stage_day = np.where(is_master, plan.master, plan.journeyman)
    later_days = np.where(is_busy, 500, rng.integers(40, 420, entry_count))
    phases = (
        (apprentice_logs, plan.begun, plan.begun + 60, (2, 27)),
        (journeyman_logs, plan.begun, plan.journeyman - 1, (10, 31)),
        (master_logs, plan.journeyman + 1, plan.master - 1, (17, 31)),
        (later_logs, last_stage_day + 1, last_stage_day + later_days, (4, 31)),
    )
    frames = []
    for count, first_day, last_day, quarters in phases:
        entry, day = draw_days(plan, count, first_day, last_day, rng)
        frames.append(pl.DataFrame({"entry": entry, "day": day, "hours": rng.integers(*quarters, entry.size) / 4}))
    # people without a course began by doing: the first worklog is on the day the micro-skill was taken up
    first_entries = np.flatnonzero(~plan.has_course & (plan.begun <= plan.until))
    frames.append(
        pl.DataFrame(
            {
                "entry": first_entries,
                "day": plan.begun[first_entries],
                "hours": rng.integers(2, 9, first_entries.size) / 4,
            }
        )
    )
    return pl.concat(frames).sort("entry", "day", "hours", maintain_order=True)


def generate_courses(plan: Plan, rng: np.random.Generator) -> pl.DataFrame:
    """Draw one row per completed course: entry, opened_day, day (of completion), minutes."""
    entry = np.flatnonzero(plan.has_course)
    return pl.DataFrame(
        {
            "entry": entry,
            "opened_day": np.maximum(plan.begun[entry] - rng.integers(0, 12, entry.size), plan.since[entry]),
            "day": plan.begun[entry],
            "minutes": rng.integers(25, 480, entry.size),
        }
    )


def generate_judgements(plan: Plan, rng: np.random.Generator) -> pl.DataFrame:
    """Draw one row per judgement: entry, day, kind, score 1 to 5 (null for an endorsement), judge.

    The first positive judgement is on the day the journeyman stage is reached, never before. `judge` counts up within
    an entry from a random number, so that several judgements come from several people.
    """
    entry_count, has_journeyman, is_apprentice = plan.row.size, plan.goal >= JOURNEYMAN, plan.goal == APPRENTICE
    first_entries = np.flatnonzero(has_journeyman)
    first_kinds = rng.choice(len(JUDGEMENT_SHARES), first_entries.size, p=JUDGEMENT_SHARES)
    frames = [
        judgement_frame(
            first_entries, plan.journeyman[first_entries], first_kinds, rng.integers(4, 6, first_entries.size)
        )
    ]

    def add_judgements(
        judgement_counts: IntArray,
        first_day: IntArray,
        last_day: IntArray,
        draw_kinds: Callable[[int], Any],
        score_range: tuple[int, int],
    ) -> None:
        plan_entries, day = draw_days(plan, judgement_counts, first_day, last_day, rng)
        frames.append(
            judgement_frame(
                plan_entries, day, draw_kinds(plan_entries.size), rng.integers(*score_range, plan_entries.size)
            )
        )

    peer_or_manager = partial(rng.integers, PEER, MANAGER + 1)
    master_count, begun_day, journeyman = np.where(plan.goal == MASTER, MASTER_JUDGES, 0), plan.begun, plan.journeyman
    add_judgements(master_count, journeyman + 1, plan.master - 1, partial(rng.choice, (PEER, ENDORSEMENT)), (4, 6))
    add_judgements(
        rng.poisson(0.35, entry_count) * has_journeyman, journeyman + 1, journeyman + 300, peer_or_manager, (3, 6)
    )
    add_judgements(
        (rng.random(entry_count) < 0.15) * has_journeyman * 1, begun_day + 5, journeyman - 2, peer_or_manager, (1, 3)
    )
    attempt_count = rng.poisson(0.25, entry_count) * is_apprentice
    add_judgements(attempt_count, begun_day + 10, begun_day + 200, partial(rng.choice, (PEER, MANAGER, PASSED)), (1, 6))
    add_judgements(
        (rng.random(entry_count) < 0.06) * 1, begun_day + 20, begun_day + 60, partial(np.full, fill_value=SELF), (2, 6)
    )
    judgements = pl.concat(frames)
    judgements = judgements.filter(judgements["day"] <= pl.Series(plan.until).gather(judgements["entry"]))
    first_judge = pl.Series(rng.integers(0, 1_000_000, entry_count)).gather(judgements["entry"])
    return judgements.with_columns((first_judge + pl.int_range(pl.len()).over("entry")).alias("judge"))


def judgement_frame(entry: IntArray, day: IntArray, kind: IntArray, score: IntArray) -> pl.DataFrame:
    """Build rows of entry, day, kind (from its number in JUDGEMENT_KINDS) and score."""
    frame = pl.DataFrame({"entry": entry, "day": day, "kind": pl.Series(JUDGEMENT_KINDS).gather(kind), "score": score})
    return frame.with_columns(pl.when(pl.col("kind") != "endorsement").then("score").alias("score"))


def generate_lessons(plan: Plan, rng: np.random.Generator) -> pl.DataFrame:
    """Draw one row per lesson given: entry (of the teacher), day, hours. The second lesson makes a master."""
    size, is_master = plan.row.size, plan.goal == MASTER
    masters = np.flatnonzero(is_master & (plan.master <= plan.until))
    rest = (rng.integers(*MASTER_LESSONS, size) - 2) * is_master
    single = is_master | ((plan.goal == JOURNEYMAN) & (rng.random(size) < 0.12))
    last_day = np.where(is_master, plan.master - 1, plan.journeyman + 200)
    first_lessons = draw_days(plan, single * 1, plan.journeyman + 1, last_day, rng)
    later_lessons = draw_days(plan, rest, plan.master + 1, plan.master + 300, rng)
    lessons = pl.concat(
        pl.DataFrame({"entry": entry, "day": day})
        for entry, day in ((masters, plan.master[masters]), first_lessons, later_lessons)
    ).sort("entry", "day", maintain_order=True)
    return lessons.with_columns(pl.Series("hours", rng.integers(2, 13, lessons.height) / 4))
