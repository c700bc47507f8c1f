"""How a micro-skill taken up is practised, judged and passed on: the planted stage and the events it rests on.

Belongs here: the planned stage of each (person, micro-skill) and the repetitions, judgements and lessons that prove it.
Does not belong here: which micro-skill is taken up (paths), or columns and dirt of any vendor (exports).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.demo.simulation.catalog import BoolArray, FloatArray, IntArray

APPRENTICE, JOURNEYMAN, MASTER = 1, 2, 3
STAGE_NAMES = ("none", "apprentice", "journeyman", "master")
# The planted policy: a journeyman has at least 8 practised days or 40 hours and one positive judgement; a master
# 200 hours over 12 months, three judges and two lessons given. Plans overshoot a little, so that dirt and weekends do
# not undo them.
JOURNEY_REPETITIONS = (10, 13)
JOURNEY_DAYS = (75, 240)
MASTER_REPETITIONS = (40, 46)
MASTER_DAYS = (430, 800)
MASTER_JUDGES, MASTER_LESSONS = 3, (2, 5)
# An apprentice stays below eight practised days and forty hours.
APPRENTICE_REPETITIONS_MOST = 5
COURSE_SHARE = 0.6
JUDGEMENT_KINDS = ("peer", "manager", "passed", "certificate", "endorsement")
JUDGEMENT_SHARES = (0.42, 0.3, 0.12, 0.06, 0.1)


@dataclass(frozen=True)
class Plan:
    """One entry per (person, micro-skill) taken up. Days since 1970; a day beyond `until` was never reached."""

    row: IntArray
    skill: IntArray
    since: IntArray  # the person's first day in the history
    begun: IntArray
    journeyman: IntArray
    master: IntArray
    until: IntArray
    goal: IntArray  # the stage aimed at, reached or not
    has_course: BoolArray

    @property
    def stage(self) -> IntArray:
        reached = APPRENTICE + (self.journeyman <= self.until) * 1
        return np.where(self.master <= self.until, MASTER, reached)

    @property
    def reached(self) -> IntArray:
        day = np.where(self.journeyman <= self.until, self.journeyman, self.begun)
        return np.where(self.master <= self.until, self.master, day)


def to_weekday(day: IntArray) -> IntArray:
    """The same day, or the Friday before a weekend; keeps order. Day 0, 1970-01-01, was a Thursday."""
    return day - np.maximum((day + 3) % 7 - 4, 0)


def plan_practice(
    row: IntArray,
    skill: IntArray,
    day: IntArray,
    *,
    since: IntArray,
    until: IntArray,
    importance: FloatArray,
    talent: FloatArray,
    rng: np.random.Generator,
) -> Plan:
    """The stage each (person, micro-skill) aims at and the days on which its stages are due."""
    size = row.size
    for_master = 0.03 + 0.08 * (importance == 1) + 0.06 * talent
    for_journeyman = 0.16 + 0.22 * (importance == 1) + 0.10 * talent
    draw = rng.random(size)
    goal = APPRENTICE + (draw < for_master + for_journeyman) + (draw < for_master) * 1
    never = until.max(initial=0) + 10_000
    journeyman = np.where(goal >= JOURNEYMAN, to_weekday(day + rng.integers(*JOURNEY_DAYS, size)), never)
    master = np.where(goal == MASTER, to_weekday(day + rng.integers(*MASTER_DAYS, size)), never)
    return Plan(row, skill, since, to_weekday(day), journeyman, master, until, goal, rng.random(size) < COURSE_SHARE)


def spread(
    plan: Plan, count: IntArray, first: IntArray, last: IntArray, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """`count` weekdays per plan entry, evenly strewn from `first` to `last`, none after `until`: (entry, day)."""
    entry = np.repeat(np.arange(count.size), count)
    nth = np.arange(entry.size) - np.repeat(np.cumsum(count) - count, count)
    share = (nth + 0.2 + 0.6 * rng.random(entry.size)) / count[entry]
    day = to_weekday(first[entry] + np.floor(share * (last - first)[entry]).astype(np.int64))
    kept = day <= plan.until[entry]
    return entry[kept], day[kept]


def generate_worklogs(plan: Plan, rng: np.random.Generator) -> pl.DataFrame:
    """One row per worklog: entry, day, hours (quarter hours)."""
    size, until = plan.row.size, plan.until
    few = np.minimum(rng.poisson(1.5, size), APPRENTICE_REPETITIONS_MOST)
    few = np.where((few == 0) & ~plan.has_course, 1, few) * (plan.goal == APPRENTICE)
    ahead = plan.goal >= JOURNEYMAN
    to_journeyman = rng.integers(*JOURNEY_REPETITIONS, size) * ahead
    to_master = rng.integers(*MASTER_REPETITIONS, size) * (plan.goal == MASTER)
    # After the last stage practice thins out: many never touch the skill again and rust, a few stay busy.
    busy = rng.random(size) < 0.03
    later = np.where(busy, 40, rng.poisson(4.0, size) * (rng.random(size) < 0.5)) * ahead
    arrived = np.where(plan.goal == MASTER, plan.master, plan.journeyman)
    pauses = np.where(busy, 500, rng.integers(40, 420, size))
    phases = (
        (few, plan.begun, plan.begun + 60, (2, 27)),
        (to_journeyman, plan.begun, plan.journeyman - 1, (10, 31)),
        (to_master, plan.journeyman + 1, plan.master - 1, (17, 31)),
        (later, arrived + 1, arrived + pauses, (4, 31)),
    )
    frames = []
    for count, first, last, quarters in phases:
        entry, day = spread(plan, count, first, last, rng)
        frames.append(pl.DataFrame({"entry": entry, "day": day, "hours": rng.integers(*quarters, entry.size) / 4}))
    # Who took no course began by doing: the first worklog stands on the day the skill was taken up.
    begins = np.flatnonzero(~plan.has_course & (plan.begun <= until))
    frames.append(
        pl.DataFrame({"entry": begins, "day": plan.begun[begins], "hours": rng.integers(2, 9, begins.size) / 4})
    )
    return pl.concat(frames).sort("entry", "day", "hours", maintain_order=True)


def generate_courses(plan: Plan, rng: np.random.Generator) -> pl.DataFrame:
    """One row per course completed: entry, day begun, day completed, minutes."""
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
    """One row per judgement: entry, day, kind, score 1..5 (null for an endorsement), judge (a place to be filled).

    The first positive one falls on the day a journeyman is made, never before. `judge` counts up within an entry from a
    random place, so that several judgements come from several people.
    """
    size = plan.row.size
    everyone = np.arange(size)
    firsts = everyone[plan.goal >= JOURNEYMAN]
    kind = rng.choice(len(JUDGEMENT_KINDS), firsts.size, p=JUDGEMENT_SHARES)
    frames = [judgement_frame(firsts, plan.journeyman[firsts], kind, rng.integers(4, 6, firsts.size))]
    masters = np.where(plan.goal == MASTER, MASTER_JUDGES, 0)
    entry, day = spread(plan, masters, plan.journeyman + 1, plan.master - 1, rng)
    frames.append(judgement_frame(entry, day, rng.choice((0, 4), entry.size), rng.integers(4, 6, entry.size)))
    more = rng.poisson(0.35, size) * (plan.goal >= JOURNEYMAN)
    entry, day = spread(plan, more, plan.journeyman + 1, plan.journeyman + 300, rng)
    frames.append(judgement_frame(entry, day, rng.integers(0, 2, entry.size), rng.integers(3, 6, entry.size)))
    early = (rng.random(size) < 0.15) * (plan.goal >= JOURNEYMAN) * 1
    entry, day = spread(plan, early, plan.begun + 5, plan.journeyman - 2, rng)
    frames.append(judgement_frame(entry, day, rng.integers(0, 2, entry.size), rng.integers(1, 3, entry.size)))
    tried = rng.poisson(0.25, size) * (plan.goal == APPRENTICE)
    entry, day = spread(plan, tried, plan.begun + 10, plan.begun + 200, rng)
    frames.append(judgement_frame(entry, day, rng.choice((0, 1, 2), entry.size), rng.integers(1, 6, entry.size)))
    themselves = (rng.random(size) < 0.06) * 1
    entry, day = spread(plan, themselves, plan.begun + 20, plan.begun + 60, rng)
    frames.append(judgement_frame(entry, day, np.full(entry.size, -1), rng.integers(2, 6, entry.size)))
    joined = pl.concat(frames)
    joined = joined.filter(pl.Series(joined["day"].to_numpy() <= plan.until[joined["entry"].to_numpy()]))
    start = rng.integers(0, 1_000_000, size)
    judge = (
        pl.Series(start[joined["entry"].to_numpy()]) + joined.select(pl.int_range(pl.len()).over("entry")).to_series()
    )
    return joined.with_columns(judge.alias("judge"))


def judgement_frame(entry: IntArray, day: IntArray, kind: IntArray, score: IntArray) -> pl.DataFrame:
    """Rows of entry, day, kind in words, score; kind -1 stands for a judgement of oneself."""
    words = pl.Series((*JUDGEMENT_KINDS, "self")).gather(np.where(kind < 0, len(JUDGEMENT_KINDS), kind))
    frame = pl.DataFrame({"entry": entry, "day": day, "kind": words, "score": score})
    return frame.with_columns(pl.when(pl.col("kind") != "endorsement").then("score").alias("score"))


def generate_lessons(plan: Plan, rng: np.random.Generator) -> pl.DataFrame:
    """One row per lesson given: entry (of the teacher), day, hours. The second one makes a master."""
    size = plan.row.size
    masters = np.flatnonzero((plan.goal == MASTER) & (plan.master <= plan.until))
    on_the_day = pl.DataFrame({"entry": masters, "day": plan.master[masters]})
    is_master = plan.goal == MASTER
    rest = (rng.integers(*MASTER_LESSONS, size) - 2) * is_master
    single = is_master | ((plan.goal == JOURNEYMAN) & (rng.random(size) < 0.12))
    last = np.where(is_master, plan.master - 1, plan.journeyman + 200)
    frames = [on_the_day]
    for count, first, final in ((single * 1, plan.journeyman + 1, last), (rest, plan.master + 1, plan.master + 300)):
        entry, day = spread(plan, count, first, final, rng)
        frames.append(pl.DataFrame({"entry": entry, "day": day}))
    lessons = pl.concat(frames).sort("entry", "day", maintain_order=True)
    return lessons.with_columns(pl.Series("hours", rng.integers(2, 13, lessons.height) / 4))
