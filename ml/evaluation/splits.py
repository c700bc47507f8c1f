"""Splits: what models may learn from and what they are asked, so that nobody is scored by a model that saw the future.

Belongs here: the freeze, held-out moments, cases under rules, what may be looked at for a case.
Does not belong here: models, metrics (see evaluation).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from ml.data.eligibility import FREE, Rules
from ml.data.interactions import Bools, Histories, Ints, before, only_seen, positions
from ml.data.ranker_config import choose_policy
from ml.ranking.training_set import Cases, drop_closed, step_cases, window_cases

FUTURE_SHARE = 0.2  # of all acquisitions must lie after the freeze: enough people to tell models apart
SECONDS, MILLISECONDS = (10**8, 10**10), (10**11, 10**13)  # 1973 to 2286: no order of events is numbered so high


@dataclass(frozen=True, eq=False)
class Exam:
    """A split: what models may learn from, and the cases, coded by all items, those nobody held before included."""

    train: Histories
    whole: Histories
    cases: Cases
    frozen_at: int | None
    everyone: Cases  # all with a history, whether or not they acquired anything: for reliability
    newcomers: Cases  # people whose first event lies in the window: nothing but who they are is known of them
    rules: Rules = FREE

    def rare_items(self, below: int) -> Bools:
        """Items of `whole` that fewer than so many people held when the models were frozen."""
        holders = np.zeros(self.whole.n_items, np.int64)
        place = positions(self.train.items, self.whole.items)
        holders[place] = np.bincount(self.train.acquisitions.item, minlength=self.train.n_items)
        return np.asarray(holders < below, bool)

    def views(self, cases: Cases) -> Iterator[tuple[Ints, Histories]]:
        """Rows of cases, and the histories that may be looked at for them: what happened before their window."""
        if self.frozen_at is None:
            yield np.arange(len(cases)), self.whole
            return
        for cut in np.unique(cases.cut).tolist():
            yield np.flatnonzero(cases.cut == cut), before(self.whole, cut)


def split_time(whole: Histories, horizon: int, *, last: bool = False) -> Exam:
    """Freeze at the latest date that leaves FUTURE_SHARE of the acquisitions in whole windows after it, or one window
    before the end where only the `last` one is asked for."""
    if not whole.is_calendar:
        raise ValueError("a time split needs dates or times in ts; with an integer order use split='leave-last'")
    got = whole.reaches.time
    end = int(whole.time.max(initial=0)) + 1
    needed = FUTURE_SHARE * len(got)
    windows = 1
    while not last and (got >= end - windows * horizon).sum() < needed:
        windows += 1
    freeze = end - windows * horizon
    train = only_seen(before(whole, freeze))
    cuts = freeze + horizon * np.arange(windows, dtype=np.int64)
    everyone = window_cases(whole, cuts, horizon, idle=True)
    exam = Exam(train, whole, _with_target(everyone), freeze, everyone, _newcomers(whole, cuts, horizon))
    if not len(exam.cases) or train.n_people < 2:
        raise ValueError(
            f"{len(exam.cases)} cases after and {train.n_people} people before the freeze: use a shorter horizon"
        )
    return exam


def split_leave_last(whole: Histories) -> Exam:
    """Hold out each person's last moment of acquisition, with all they did from then on."""
    cases = step_cases(whole, 1)
    if not len(cases):
        raise ValueError("nobody acquired items at two moments: there is nothing to hold out")
    cut = np.full(whole.n_people, np.iinfo(np.int64).max)
    cut[cases.person] = cases.cut
    return Exam(only_seen(before(whole, cut)), whole, cases, None, cases, cases.take(np.zeros(0, np.int64)))


def _newcomers(whole: Histories, cuts: Ints, horizon: int) -> Cases:
    cases = window_cases(whole, cuts, horizon, cold=True)
    begin = np.append(whole.time, np.iinfo(np.int64).max)[whole.start[:-1]]
    return cases.take(np.flatnonzero(begin[cases.person] >= cases.cut))


def _with_target(cases: Cases) -> Cases:
    return cases.take(np.flatnonzero(np.diff(cases.start) > 0))


def under(exam: Exam, rules: Rules) -> Exam:
    """The exam under rules: targets that were not open at the cut are dropped, and cases left without any."""
    block = choose_policy(exam.train).block_rows(exam.whole.n_items)
    everyone = drop_closed(exam.everyone, exam.whole, rules, block)
    newcomers = _with_target(drop_closed(exam.newcomers, exam.whole, rules, block))
    return replace(exam, cases=_with_target(everyone), everyone=everyone, newcomers=newcomers, rules=rules)


def as_dated(events: pl.DataFrame) -> pl.DataFrame:
    """The events with an integer ts that can only be Unix seconds or milliseconds read as such; others unchanged."""
    if "ts" not in events.columns or not events.schema["ts"].is_integer():
        return events
    if not events.height or events["ts"].null_count():
        return events
    low, high = (int(events["ts"].cast(pl.Int64).sort()[place]) for place in (0, -1))
    if SECONDS[0] <= low and high < SECONDS[1]:
        return events.with_columns(pl.from_epoch("ts", time_unit="s").cast(pl.Datetime("us")))
    if MILLISECONDS[0] <= low and high < MILLISECONDS[1]:
        return events.with_columns(pl.from_epoch("ts", time_unit="ms").cast(pl.Datetime("us")))
    return events
