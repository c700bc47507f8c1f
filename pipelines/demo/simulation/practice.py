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
    """One entry per (person, micro-skill) taken up. Days since 1970; a day after `last_days` was never reached."""

    person_indices: IntArray
    skill_numbers: IntArray
    first_days: IntArray  # the person's first day in the history
    begun_days: IntArray
    journeyman_days: IntArray
    master_days: IntArray
    last_days: IntArray
    goal_stages: IntArray  # the stage that is aimed at, reached or not
    has_course: BoolArray

    @property
    def reached_stages(self) -> IntArray:
        return np.select(
            [self.master_days <= self.last_days, self.journeyman_days <= self.last_days],
            [MASTER, JOURNEYMAN],
            APPRENTICE,
        )

    @property
    def reached_days(self) -> IntArray:
        return np.select(
            [self.master_days <= self.last_days, self.journeyman_days <= self.last_days],
            [self.master_days, self.journeyman_days],
            self.begun_days,
        )


def to_weekday(days: IntArray) -> IntArray:
    """Return the same day, or the Friday before a weekend; keeps order. Day 0, 1970-01-01, was a Thursday."""
    return days - np.maximum((days + 3) % 7 - 4, 0)


def plan_practice(
    person_indices: IntArray,
    skill_numbers: IntArray,
    begun_days: IntArray,
    *,
    first_days: IntArray,
    last_days: IntArray,
    importance: FloatArray,
    is_favoured: FloatArray,
    rng: np.random.Generator,
) -> Plan:
    """Draw the stage that each (person, micro-skill) aims at, and the days on which its stages are due."""
    entry_count = person_indices.size
    journeyman_share, master_share = compute_goal_shares(importance, is_favoured)
    stage_draws = rng.random(entry_count)
    goal_stages = APPRENTICE + (stage_draws < master_share + journeyman_share) + (stage_draws < master_share) * 1
    never_day = last_days.max(initial=0) + 10_000
    journeyman_days = np.where(
        goal_stages >= JOURNEYMAN, to_weekday(begun_days + rng.integers(*JOURNEY_DAYS, entry_count)), never_day
    )
    master_days = np.where(
        goal_stages == MASTER, to_weekday(begun_days + rng.integers(*MASTER_DAYS, entry_count)), never_day
    )
    return Plan(
        person_indices,
        skill_numbers,
        first_days,
        to_weekday(begun_days),
        journeyman_days,
        master_days,
        last_days,
        goal_stages,
        rng.random(entry_count) < COURSE_SHARE,
    )


def compute_goal_shares(importance: FloatArray, is_favoured: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Compute the planted benefit of taking up a micro-skill: the shares that aim at journeyman and at master.

    Args:
        importance: Importance in the person's role, 1 if essential.
        is_favoured: 1 if the micro-skill is in a capability that the person favours, else 0.

    Returns:
        The share that aims at journeyman and no further, and the share that aims at master; all others stay
        apprentices.
    """
    return (
        0.16 + 0.22 * (importance == 1) + 0.10 * is_favoured,
        0.03 + 0.08 * (importance == 1) + 0.06 * is_favoured,
    )


def draw_days(
    plan: Plan, day_counts: IntArray, period_first_days: IntArray, period_last_days: IntArray, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Draw `day_counts` weekdays per plan entry, evenly from `period_first_days` to `period_last_days`.

    No day is after the last day of its plan entry.

    Returns:
        The plan entry and the day of each draw.
    """
    plan_entries = np.repeat(np.arange(day_counts.size), day_counts)
    numbers_in_entry = np.arange(plan_entries.size) - np.repeat(np.cumsum(day_counts) - day_counts, day_counts)
    span_shares = (numbers_in_entry + 0.2 + 0.6 * rng.random(plan_entries.size)) / day_counts[plan_entries]
    drawn_days = to_weekday(
        period_first_days[plan_entries]
        + np.floor(span_shares * (period_last_days - period_first_days)[plan_entries]).astype(np.int64)
    )
    is_in_time = drawn_days <= plan.last_days[plan_entries]
    return plan_entries[is_in_time], drawn_days[is_in_time]


def generate_worklogs(plan: Plan, rng: np.random.Generator) -> pl.DataFrame:
    """Draw one row per worklog: entry, day, hours (quarter hours)."""
    entry_count = plan.person_indices.size
    apprentice_worklog_counts = np.minimum(rng.poisson(1.5, entry_count), APPRENTICE_MAX_REPETITIONS)
    apprentice_worklog_counts = np.where(
        (apprentice_worklog_counts == 0) & ~plan.has_course, 1, apprentice_worklog_counts
    ) * (plan.goal_stages == APPRENTICE)
    aims_at_journeyman, aims_at_master = plan.goal_stages >= JOURNEYMAN, plan.goal_stages == MASTER
    journeyman_worklog_counts = rng.integers(*JOURNEY_REPETITIONS, entry_count) * aims_at_journeyman
    master_worklog_counts = rng.integers(*MASTER_REPETITIONS, entry_count) * aims_at_master
    # after the last stage practice thins out: many never use the micro-skill again and it rusts, a few stay busy
    is_busy = rng.random(entry_count) < 0.03
    later_worklog_counts = (
        np.where(is_busy, 40, rng.poisson(4.0, entry_count) * (rng.random(entry_count) < 0.5)) * aims_at_journeyman
    )
    last_stage_days = np.where(aims_at_master, plan.master_days, plan.journeyman_days)
    later_period_days = np.where(is_busy, 500, rng.integers(40, 420, entry_count))
    # the upper bound of the quarter hours is exclusive
    phases = (
        (apprentice_worklog_counts, plan.begun_days, plan.begun_days + 60, (2, 27)),
        (journeyman_worklog_counts, plan.begun_days, plan.journeyman_days - 1, (10, 31)),
        (master_worklog_counts, plan.journeyman_days + 1, plan.master_days - 1, (17, 31)),
        (later_worklog_counts, last_stage_days + 1, last_stage_days + later_period_days, (4, 31)),
    )
    phase_worklogs = []
    for worklog_counts, period_first_days, period_last_days, quarter_hour_bounds in phases:
        plan_entries, worklog_days = draw_days(plan, worklog_counts, period_first_days, period_last_days, rng)
        phase_worklogs.append(
            pl.DataFrame(
                {
                    "entry": plan_entries,
                    "day": worklog_days,
                    "hours": rng.integers(*quarter_hour_bounds, plan_entries.size) / 4,
                }
            )
        )
    # people without a course began by doing: the first worklog is on the day the micro-skill was taken up
    entries_without_course = np.flatnonzero(~plan.has_course & (plan.begun_days <= plan.last_days))
    phase_worklogs.append(
        pl.DataFrame(
            {
                "entry": entries_without_course,
                "day": plan.begun_days[entries_without_course],
                "hours": rng.integers(2, 9, entries_without_course.size) / 4,
            }
        )
    )
    return pl.concat(phase_worklogs).sort("entry", "day", "hours", maintain_order=True)


def generate_courses(plan: Plan, rng: np.random.Generator) -> pl.DataFrame:
    """Draw one row per completed course: entry, opened_day, day (of completion), minutes."""
    course_entries = np.flatnonzero(plan.has_course)
    return pl.DataFrame(
        {
            "entry": course_entries,
            "opened_day": np.maximum(
                plan.begun_days[course_entries] - rng.integers(0, 12, course_entries.size),
                plan.first_days[course_entries],
            ),
            "day": plan.begun_days[course_entries],
            "minutes": rng.integers(25, 480, course_entries.size),
        }
    )


def generate_judgements(plan: Plan, rng: np.random.Generator) -> pl.DataFrame:
    """Draw one row per judgement: entry, day, kind, score 1 to 5 (null for an endorsement), judge.

    If an entry aims at journeyman or master, its first positive judgement by somebody else is on the day on which the
    journeyman stage is reached. Scores of entries that aim at apprentice, and of self-judgements, depend on no stage.
    `judge` counts up within an entry from a random number, so that several judgements come from several people.
    """
    entry_count, aims_at_journeyman = plan.person_indices.size, plan.goal_stages >= JOURNEYMAN
    journeyman_entries = np.flatnonzero(aims_at_journeyman)
    first_judgement_kinds = rng.choice(len(JUDGEMENT_SHARES), journeyman_entries.size, p=JUDGEMENT_SHARES)
    first_judgement_scores = rng.integers(4, 6, journeyman_entries.size)
    judgement_frames = [
        build_judgements(
            journeyman_entries, plan.journeyman_days[journeyman_entries], first_judgement_kinds, first_judgement_scores
        )
    ]

    def add_judgements(
        judgement_counts: IntArray,
        period_first_days: IntArray,
        period_last_days: IntArray,
        draw_kinds: Callable[[int], Any],
        score_bounds: tuple[int, int],  # the lowest score, and one more than the highest
    ) -> None:
        plan_entries, judgement_days = draw_days(plan, judgement_counts, period_first_days, period_last_days, rng)
        judgement_frames.append(
            build_judgements(
                plan_entries,
                judgement_days,
                draw_kinds(plan_entries.size),
                rng.integers(*score_bounds, plan_entries.size),
            )
        )

    draw_peer_or_manager = partial(rng.integers, PEER, MANAGER + 1)
    draw_peer_manager_or_passed = partial(rng.choice, (PEER, MANAGER, PASSED))
    begun_days, journeyman_days = plan.begun_days, plan.journeyman_days
    master_judgement_counts = np.where(plan.goal_stages == MASTER, MASTER_JUDGES, 0)
    add_judgements(
        master_judgement_counts,
        journeyman_days + 1,
        plan.master_days - 1,
        partial(rng.choice, (PEER, ENDORSEMENT)),
        (4, 6),
    )
    later_judgement_counts = rng.poisson(0.35, entry_count) * aims_at_journeyman
    add_judgements(later_judgement_counts, journeyman_days + 1, journeyman_days + 300, draw_peer_or_manager, (3, 6))
    early_judgement_counts = (rng.random(entry_count) < 0.15) * aims_at_journeyman * 1
    add_judgements(early_judgement_counts, begun_days + 5, journeyman_days - 2, draw_peer_or_manager, (1, 3))
    apprentice_judgement_counts = rng.poisson(0.25, entry_count) * (plan.goal_stages == APPRENTICE)
    add_judgements(apprentice_judgement_counts, begun_days + 10, begun_days + 200, draw_peer_manager_or_passed, (1, 6))
    self_judgement_counts = (rng.random(entry_count) < 0.06) * 1
    add_judgements(self_judgement_counts, begun_days + 20, begun_days + 60, partial(np.full, fill_value=SELF), (2, 6))
    judgements = pl.concat(judgement_frames)
    judgements = judgements.filter(judgements["day"] <= pl.Series(plan.last_days).gather(judgements["entry"]))
    first_judge_numbers = pl.Series(rng.integers(0, 1_000_000, entry_count)).gather(judgements["entry"])
    return judgements.with_columns((first_judge_numbers + pl.int_range(pl.len()).over("entry")).alias("judge"))


def build_judgements(plan_entries: IntArray, days: IntArray, kind_numbers: IntArray, scores: IntArray) -> pl.DataFrame:
    """Build rows of entry, day, kind (from its number in JUDGEMENT_KINDS) and score."""
    judgement_rows = pl.DataFrame(
        {"entry": plan_entries, "day": days, "kind": pl.Series(JUDGEMENT_KINDS).gather(kind_numbers), "score": scores}
    )
    return judgement_rows.with_columns(pl.when(pl.col("kind") != "endorsement").then("score").alias("score"))


def generate_lessons(plan: Plan, rng: np.random.Generator) -> pl.DataFrame:
    """Draw one row per lesson given: entry (of the teacher), day, hours. The second lesson makes a master."""
    entry_count, aims_at_master = plan.person_indices.size, plan.goal_stages == MASTER
    master_entries = np.flatnonzero(aims_at_master & (plan.master_days <= plan.last_days))
    later_lesson_counts = (rng.integers(*MASTER_LESSONS, entry_count) - 2) * aims_at_master
    gives_first_lesson = aims_at_master | ((plan.goal_stages == JOURNEYMAN) & (rng.random(entry_count) < 0.12))
    first_lesson_end_days = np.where(aims_at_master, plan.master_days - 1, plan.journeyman_days + 200)
    first_lessons = draw_days(plan, gives_first_lesson * 1, plan.journeyman_days + 1, first_lesson_end_days, rng)
    later_lessons = draw_days(plan, later_lesson_counts, plan.master_days + 1, plan.master_days + 300, rng)
    lessons = pl.concat(
        pl.DataFrame({"entry": plan_entries, "day": lesson_days})
        for plan_entries, lesson_days in (
            (master_entries, plan.master_days[master_entries]),
            first_lessons,
            later_lessons,
        )
    ).sort("entry", "day", maintain_order=True)
    return lessons.with_columns(pl.Series("hours", rng.integers(2, 13, lessons.height) / 4))
