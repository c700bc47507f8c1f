"""Splits: what models may learn from and which cases they are evaluated on, so that no model saw the future.

Belongs here: the freeze, held-out moments, cases under eligibility rules, what may be looked at for a case.
Does not belong here: models, metrics (see evaluate).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl

from ml.data.eligibility import NO_RULES, EligibilityRules
from ml.data.encoding import encode_ids
from ml.data.interactions import TICKS_PER_DAY, Interactions, drop_unused_ids, filter_before
from ml.data.ranker_config import choose_config
from ml.data.sparse_rows import Ints
from ml.ranking.cases import (
    Cases,
    build_last_moment_cases,
    build_newcomer_cases,
    build_window_cases,
    drop_closed_targets,
)

FUTURE_SHARE = 0.2  # of all acquisitions must lie after the freeze: enough people to tell models apart
# 1973 to 2286 in seconds and milliseconds: no order of events has such large numbers.
_UNIX_RANGE_BY_UNIT: dict[Literal["s", "ms"], tuple[int, int]] = {"s": (10**8, 10**10), "ms": (10**11, 10**13)}


class TooLittleHistory(ValueError):
    """The data cannot be split: too few people have a past and a future."""


@dataclass(frozen=True, eq=False)
class EvalSplit:
    """What models may learn from, and the cases they are evaluated on.

    Cases are coded by the items of `all_interactions`, which include items that nobody held before the freeze.
    """

    train_interactions: Interactions
    all_interactions: Interactions
    cases: Cases  # those with a target
    freeze_tick: int | None  # None: each case has a past of its own
    all_cases: Cases  # everyone with a history, whether or not they acquired anything: for the reliability
    newcomers: Cases  # people whose first event lies in the window: they have no history
    rules: EligibilityRules = NO_RULES

    @property
    def train_codes(self) -> Ints:
        """The code in `train_interactions` of each item of `all_interactions`; -1 if it was new after the freeze."""
        return encode_ids(self.all_interactions.items, self.train_interactions.items)

    @property
    def holder_counts(self) -> Ints:
        """The number of people who held each item of `all_interactions` when models were frozen."""
        train_codes = self.train_codes
        return np.where(
            train_codes >= 0,
            np.append(
                np.bincount(self.train_interactions.acquisitions.item, minlength=self.train_interactions.n_items), 0
            )[train_codes],
            0,
        )

    def visible_histories(self, cases: Cases) -> Iterator[tuple[Ints, Interactions]]:
        """Rows of cases, and the interactions that may be looked at for them: those before their window."""
        if self.freeze_tick is None:
            yield np.arange(len(cases)), self.all_interactions
            return
        for cutoff_tick in np.unique(cases.cutoff_tick).tolist():
            yield np.flatnonzero(cases.cutoff_tick == cutoff_tick), filter_before(self.all_interactions, cutoff_tick)


def split_by_time(interactions: Interactions, horizon_ticks: int, *, only_last: bool = False) -> EvalSplit:
    """Freeze models at a date, and evaluate them on the whole windows after it.

    Args:
        interactions: All interactions, with calendar times.
        horizon_ticks: Length of a window in ticks.
        only_last: Whether to evaluate on the last window alone. Else the freeze is the latest date that leaves
            FUTURE_SHARE of the acquisitions after it.

    Raises:
        TooLittleHistory: No case lies after the freeze, or fewer than two people before it.
        ValueError: The times are an integer order.
    """
    if not interactions.is_calendar:
        raise ValueError("a time split needs dates or times in ts; with an integer order use split='leave-last'")
    target_ticks = interactions.target_events.time
    end_tick = int(interactions.time.max(initial=0)) + 1
    n_windows = 1
    while not only_last and (target_ticks >= end_tick - n_windows * horizon_ticks).sum() < FUTURE_SHARE * len(
        target_ticks
    ):
        n_windows += 1
    freeze_tick = end_tick - n_windows * horizon_ticks
    train_interactions = drop_unused_ids(filter_before(interactions, freeze_tick))
    cutoff_ticks = freeze_tick + horizon_ticks * np.arange(n_windows, dtype=np.int64)
    all_cases = build_window_cases(interactions, cutoff_ticks, horizon_ticks, include_idle=True)
    cases = all_cases.with_target()
    if not len(cases) or train_interactions.n_people < 2:
        raise TooLittleHistory(_explain_missing_cases(interactions, train_interactions.n_people, horizon_ticks))
    return EvalSplit(
        train_interactions,
        interactions,
        cases,
        freeze_tick,
        all_cases,
        build_newcomer_cases(interactions, cutoff_ticks, horizon_ticks),
    )


def _explain_missing_cases(interactions: Interactions, n_people_before: int, horizon_ticks: int) -> str:
    """Why no person has a past before a freeze and a next step after it, and what helps."""
    if not len(interactions.time):
        return "there are no events"
    n_people = len(np.unique(interactions.person))
    if n_people < 2:
        return "all events are of one person: at least two people are needed"
    n_days = int(interactions.time.max() - interactions.time.min()) // TICKS_PER_DAY
    if not n_days:
        return "all events lie within one day: nothing is known about what comes next"
    if not len(build_last_moment_cases(interactions, 1)):
        return (
            f"each of {n_people:,} people acquired items at one moment alone: nobody has a past and a next step; later "
            "events of the same people are needed"
        )
    horizon_days = horizon_ticks // TICKS_PER_DAY
    if n_days < 2 * horizon_days and n_days > 1:
        return (
            f"the events span {n_days:,} days, too few for a past and a horizon of {horizon_days:,} days: use a "
            f"shorter horizon, such as {max(n_days // 4, 1)}d"
        )
    if n_people_before < 2:
        return (
            f"{n_people_before} people have events in the first part of the {n_days:,} days: at least two are needed; "
            "use the split leave-last, or add earlier events of other people"
        )
    return (
        f"nobody who has a past in the first part of the {n_days:,} days acquired anything new in the last part: use "
        "the split leave-last, or add later events of the same people"
    )


def split_leave_last(interactions: Interactions) -> EvalSplit:
    """Hold out each person's last moment of acquisition, with all the person did from then on.

    Raises:
        TooLittleHistory: Nobody acquired items at two moments.
    """
    cases = build_last_moment_cases(interactions, 1)
    if not len(cases):
        raise TooLittleHistory("nobody acquired items at two moments: there is nothing to hold out")
    cutoff_tick_per_person = np.full(interactions.n_people, np.iinfo(np.int64).max)
    cutoff_tick_per_person[cases.person] = cases.cutoff_tick
    return EvalSplit(
        drop_unused_ids(filter_before(interactions, cutoff_tick_per_person)),
        interactions,
        cases,
        None,
        cases,
        cases.take(np.zeros(0, np.int64)),
    )


def apply_rules(eval_split: EvalSplit, rules: EligibilityRules) -> EvalSplit:
    """The split under rules, without targets that were not eligible at the cutoff and without cases that had no other.

    Args:
        eval_split: A split without rules.
        rules: Coded by the items of `eval_split.all_interactions`.
    """
    block_size = choose_config(eval_split.train_interactions).block_rows(eval_split.all_interactions.n_items)
    all_cases, newcomers = (
        drop_closed_targets(cases, eval_split.all_interactions, rules, block_size)
        for cases in (eval_split.all_cases, eval_split.newcomers)
    )
    return replace(
        eval_split,
        cases=all_cases.with_target(),
        all_cases=all_cases,
        newcomers=newcomers.with_target(),
        rules=rules,
    )


def sample_people(eval_split: EvalSplit, max_people: int, seed: int) -> EvalSplit:
    """The split with the cases of a random sample of people; models learn from everybody as before.

    Args:
        eval_split: A split.
        max_people: Number of people in the sample; with no more people the split is returned unchanged.
        seed: Seed of the sample.
    """
    person_codes = np.unique(np.concatenate([eval_split.all_cases.person, eval_split.newcomers.person]))
    if len(person_codes) <= max_people:
        return eval_split
    sampled_person_codes = np.random.default_rng(seed).choice(person_codes, max_people, replace=False)
    all_cases, newcomers = (
        cases.take(np.flatnonzero(np.isin(cases.person, sampled_person_codes)))
        for cases in (eval_split.all_cases, eval_split.newcomers)
    )
    return replace(eval_split, cases=all_cases.with_target(), all_cases=all_cases, newcomers=newcomers)


def parse_unix_times(events: pl.DataFrame) -> pl.DataFrame:
    """The events with an integer ts read as Unix seconds or milliseconds if it can be nothing else; else unchanged."""
    if (
        "ts" not in events.columns
        or not events.schema["ts"].is_integer()
        or not events.height
        or events["ts"].null_count()
    ):
        return events
    unix_times = events["ts"].to_numpy()
    for time_unit, (earliest_unix_time, end_unix_time) in _UNIX_RANGE_BY_UNIT.items():
        if earliest_unix_time <= unix_times.min() and unix_times.max() < end_unix_time:
            return events.with_columns(pl.from_epoch("ts", time_unit=time_unit).cast(pl.Datetime("us")))
    return events
