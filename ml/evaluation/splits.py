"""Splits: what models may learn from and what they are asked, so that nobody is scored by a model that saw the future.

Belongs here: the freeze, held-out moments, cases under rules, what may be looked at for a case.
Does not belong here: models, metrics (see evaluation).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from ml.data.eligibility import NO_RULES, EligibilityRules
from ml.data.interactions import Bools, Interactions, Ints, drop_unused_ids, encode_ids, filter_before
from ml.data.ranker_config import choose_config
from ml.ranking.training_set import Cases, build_last_moment_cases, build_window_cases, drop_closed_targets

FUTURE_SHARE = 0.2  # of all acquisitions must lie after the freeze: enough people to tell models apart
SECONDS, MILLISECONDS = (10**8, 10**10), (10**11, 10**13)  # 1973 to 2286: no order of events is numbered so high


@dataclass(frozen=True, eq=False)
class EvalSplit:
    """A split: what models may learn from, and the cases, coded by all items, those nobody held before included."""

    train: Interactions
    full: Interactions
    cases: Cases
    frozen_at: int | None
    all_cases: Cases  # all with a history, whether or not they acquired anything: for reliability
    newcomers: Cases  # people whose first event lies in the window: nothing but who they are is known of them
    rules: EligibilityRules = NO_RULES

    def rare_items(self, below: int) -> Bools:
        """Items of `whole` that fewer than so many people held when the models were frozen."""
        holders = np.zeros(self.full.n_items, np.int64)
        place = encode_ids(self.train.items, self.full.items)
        holders[place] = np.bincount(self.train.acquisitions.item, minlength=self.train.n_items)
        return np.asarray(holders < below, bool)

    def visible_histories(self, cases: Cases) -> Iterator[tuple[Ints, Interactions]]:
        """Rows of cases, and the histories that may be looked at for them: what happened before their window."""
        if self.frozen_at is None:
            yield np.arange(len(cases)), self.full
            return
        for cut in np.unique(cases.cut).tolist():
            yield np.flatnonzero(cases.cut == cut), filter_before(self.full, cut)


def split_time(full: Interactions, horizon: int, *, last: bool = False) -> EvalSplit:
    """Freeze at the latest date that leaves FUTURE_SHARE of the acquisitions in whole windows after it, or one window
    before the end where only the `last` one is asked for."""
    if not full.is_calendar:
        raise ValueError("a time split needs dates or times in ts; with an integer order use split='leave-last'")
    got = full.target_events.time
    end = int(full.time.max(initial=0)) + 1
    needed = FUTURE_SHARE * len(got)
    windows = 1
    while not last and (got >= end - windows * horizon).sum() < needed:
        windows += 1
    freeze = end - windows * horizon
    train = drop_unused_ids(filter_before(full, freeze))
    cuts = freeze + horizon * np.arange(windows, dtype=np.int64)
    all_cases = build_window_cases(full, cuts, horizon, idle=True)
    eval_split = EvalSplit(train, full, _with_target(all_cases), freeze, all_cases, _newcomers(full, cuts, horizon))
    if not len(eval_split.cases) or train.n_people < 2:
        raise ValueError(
            f"{len(eval_split.cases)} cases after and {train.n_people} people before the freeze: use a shorter horizon"
        )
    return eval_split


def split_leave_last(full: Interactions) -> EvalSplit:
    """Hold out each person's last moment of acquisition, with all they did from then on."""
    cases = build_last_moment_cases(full, 1)
    if not len(cases):
        raise ValueError("nobody acquired items at two moments: there is nothing to hold out")
    cut = np.full(full.n_people, np.iinfo(np.int64).max)
    cut[cases.person] = cases.cut
    return EvalSplit(
        drop_unused_ids(filter_before(full, cut)), full, cases, None, cases, cases.take(np.zeros(0, np.int64))
    )


def _newcomers(full: Interactions, cuts: Ints, horizon: int) -> Cases:
    cases = build_window_cases(full, cuts, horizon, cold=True)
    begin = np.append(full.time, np.iinfo(np.int64).max)[full.start[:-1]]
    return cases.take(np.flatnonzero(begin[cases.person] >= cases.cut))


def _with_target(cases: Cases) -> Cases:
    return cases.take(np.flatnonzero(np.diff(cases.start) > 0))


def apply_rules(eval_split: EvalSplit, rules: EligibilityRules) -> EvalSplit:
    """The exam under rules: targets that were not open at the cut are dropped, and cases left without any."""
    block = choose_config(eval_split.train).block_rows(eval_split.full.n_items)
    all_cases = drop_closed_targets(eval_split.all_cases, eval_split.full, rules, block)
    newcomers = _with_target(drop_closed_targets(eval_split.newcomers, eval_split.full, rules, block))
    return replace(eval_split, cases=_with_target(all_cases), all_cases=all_cases, newcomers=newcomers, rules=rules)


def parse_unix_times(events: pl.DataFrame) -> pl.DataFrame:
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
