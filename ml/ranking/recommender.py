"""The recommender: fitted as of a date, asked for the next items of people as of the same or a later date.

Belongs here: fitting panel, ranker and calibration in their order of time; scoring people block by block; falling back.
Does not belong here: eligibility rules, motives, sentences, files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from ml.data.eligibility import FREE, Pairs, Rules, code_pairs, code_rules
from ml.data.interactions import (
    DAY,
    Bools,
    Doubles,
    Floats,
    Histories,
    Ints,
    Moment,
    Names,
    as_tick,
    before,
    build_prefixes,
    only_seen,
    people_within,
    positions,
    read_histories,
    some_people,
    with_items,
    with_people,
)
from ml.data.parallel import spread
from ml.data.ranker_config import Policy, choose_policy
from ml.ranking.calibration import PROMISED, Calibrator, activity, calibration_inputs, fit_calibrator
from ml.ranking.features import FEATURES, ExtraFeatures, Nominates
from ml.ranking.ranker import Ranker, fit_ranker
from ml.ranking.scored_items import Best, answer_frame, join_best, nobody
from ml.ranking.training_set import (
    Cases,
    all_features,
    blocks,
    cross_fitted_rows,
    drop_closed,
    frozen_rows,
    nominated,
    training_cases,
    window_cases,
)
from ml.retrieval.candidates import pick_candidates, pick_popular
from ml.retrieval.scorer_ensemble import Panel, fit_panel

Progress = Callable[[str, float], None]

PEOPLE_PER_TASK = 1_024  # of one job: enough to be worth handing over, few enough to keep all jobs busy to the end
CALIBRATION_SPANS = 4  # horizons looked back: more outcomes, and scorers as stale as they become in use
ACTIVE_DAYS = 365  # people without a use for so long seldom acquire anything: a weighted sample of them will do


@dataclass(frozen=True, eq=False)
class Ranked:
    """A block of people: rows x k candidates, best first, with utility, probability and the features behind them."""

    item: Ints
    utility: Doubles
    probability: Doubles  # not a number where no calibration could be learned
    real: Bools
    prior: Floats  # rows x all items: the order of what is no candidate
    features: Floats


@dataclass(frozen=True)
class DataWindow:
    """What a recommender was fitted on: [first, end) on the scale of the histories, and how much there was."""

    first: int
    end: int
    is_calendar: bool
    n_people: int
    n_events: int
    seed: int


@dataclass(frozen=True, eq=False)
class Recommender:
    """Everything needed to score; `reason` says why the ranker is missing where popularity had to do."""

    policy: Policy
    horizon: int
    panel: Panel
    ranker: Ranker | None
    calibrator: Calibrator | None
    reason: str | None
    window: DataWindow
    extra: ExtraFeatures | None = None
    rules: Rules = FREE

    def rank_block(
        self, histories: Histories, person: Ints, cut: Ints, k: int, eligible: Bools | None = None
    ) -> Ranked:
        """Rank one block; `histories` must be coded by this panel's items, and the panel observe them."""
        prefixes = build_prefixes(histories, person, cut)
        open_items = self.rules.open_items(prefixes, histories.n_items)
        if eligible is not None:
            open_items &= eligible
        if self.ranker is None:
            candidates, prior = pick_popular(self.panel.popularity, open_items, self.policy)
        else:
            also = nominated(self.extra, prefixes, histories)
            candidates, prior = pick_candidates(self.panel, prefixes, open_items, self.policy, also)
        features = all_features(self.panel, prefixes, candidates, histories, self.extra)
        shape = candidates.item.shape
        if self.ranker is None:
            utility = candidates.prior.astype(np.float64)
        else:
            utility = self.ranker.utility(features).reshape(shape)
        utility = np.where(candidates.real, utility, -np.inf)
        probability = np.full(shape, np.nan)
        if self.calibrator is not None:
            who = activity(histories, person, cut)
            inputs = calibration_inputs(utility, candidates.real, who, prefixes, features)
            probability = self.calibrator.probability(inputs).reshape(shape)
        order = np.lexsort((candidates.item, -utility), axis=1)[:, :k]
        blocked = features.reshape(*shape, -1)
        best = [np.take_along_axis(part, order, axis=1) for part in (candidates.item, utility, probability)]
        return Ranked(
            best[0],
            best[1],
            best[2],
            np.take_along_axis(candidates.real, order, axis=1),
            prior,
            np.take_along_axis(blocked, order[:, :, None], axis=1),
        )

    def facing(self, histories: Histories, names: Names | None = None) -> "Recommender":
        """The same recommender facing these histories, whose items hold all of the panel's; see Panel.observing."""
        place = positions(self.panel.items, histories.items)
        wider = len(histories.items) > len(place)
        rules = self.rules.widened(place, histories.n_items) if wider else self.rules
        return replace(self, panel=self.panel.observing(histories, names), rules=rules)

    def score(
        self,
        events: pl.DataFrame,
        people: Sequence[str] | pl.Series,
        *,
        as_of: Moment,
        eligible: pl.DataFrame | None = None,
        barred: pl.DataFrame | None = None,
        requires: pl.DataFrame | None = None,
        repeatable: pl.Series | None = None,
        names: pl.DataFrame | None = None,
        k: int = 10,
        n_jobs: int | None = None,
    ) -> pl.DataFrame:
        """One row a (person, item) among the best k of each person, sorted by person and rank.

        Columns: person_id, skill_id, rank (from 1), score (utility: differences are log odds), probability (0..1 of
        acquiring it within the horizon; null where none could be learned) and one contribution_<family> column a
        family, which sum to the score but for a constant a person. Recommended is what is not held (or repeatable),
        whose required items are held, and which is `eligible` and not `barred` (both person_id, skill_id; None: no
        limit). `requires` (skill_id, requires_id) and `repeatable` (ids) are those of the fit where not given. Events
        after `as_of` are not looked at. Items unknown when the recommender was fitted are ranked by what is known of
        them now: their names (`names`: skill_id, name; ids without), their adoption so far. Blocks of people go through
        joblib (see ml.data.parallel): `n_jobs`, its threads or its backend change nothing in the answer.
        """
        who = np.unique(np.asarray(list(people), str))
        cut = as_tick(as_of) + 1
        past = before(read_histories(events), cut)
        seen = past.items[past.seen]
        everyone = with_items(past, np.union1d(self.panel.items, seen))
        ready = self.facing(everyone, name_array(names, everyone.items))
        given = code_rules(requires, repeatable, everyone.items)
        again = ready.rules.repeatable if repeatable is None else given.repeatable
        ready = replace(ready, rules=replace(ready.rules if requires is None else given, repeatable=again))
        histories = with_people(replace(everyone, repeatable=again), who)
        allowed = None if eligible is None else code_pairs(eligible, who, everyone.items)
        refused = None if barred is None else code_pairs(barred, who, everyone.items)
        parts = list(blocks(len(who) if histories.n_items else 0, PEOPLE_PER_TASK))
        tasks = [
            (
                people_within(histories, part),
                cut,
                k,
                None if allowed is None else allowed.within(part),
                None if refused is None else refused.within(part),
            )
            for part in parts
        ]
        families = () if self.ranker is None else self.ranker.families
        found = spread(ready._best_of, tasks, n_jobs=n_jobs)
        best = join_best(found, [part.start for part in parts]) if found else nobody(families)
        return answer_frame(best, who, ready.panel.items, families)

    def _best_of(self, histories: Histories, cut: int, k: int, allowed: Pairs | None, refused: Pairs | None) -> Best:
        """The best k of all these people, scored block by block."""
        found, first = [], []
        for part in blocks(histories.n_people, self.policy.block_rows(histories.n_items)):
            person = np.arange(part.start, part.stop)
            mask = None if allowed is None else allowed.mask(part, histories.n_items)
            if refused is not None:
                mask = (True if mask is None else mask) & ~refused.mask(part, histories.n_items)
            ranked = self.rank_block(histories, person, np.full(len(person), cut), k, mask)
            row, place = np.nonzero(ranked.real)
            item, utility, probability = (
                ranked.item[row, place],
                ranked.utility[row, place],
                ranked.probability[row, place],
            )
            said = {} if self.ranker is None else self.ranker.contributions(ranked.features[row, place], utility)
            shares = np.stack(list(said.values()), axis=1) if said else np.zeros((len(row), 0))
            found.append(Best(row, item, place, utility, probability, shares))
            first.append(part.start)
        return join_best(found, first)


def fit_recommender(
    events: pl.DataFrame,
    *,
    as_of: Moment,
    horizon_days: int = 90,
    policy: Policy | None = None,
    names: pl.DataFrame | None = None,
    extra_features: ExtraFeatures | None = None,
    requires: pl.DataFrame | None = None,
    repeatable: pl.Series | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Recommender:
    """Learn from the events up to and including `as_of` (person_id, skill_id, ts), later ones are not looked at.

    names: skill_id, name (ids are read as names without it). requires: skill_id, requires_id; an item stands open to
    those who hold all it requires. repeatable: ids of items that can be reached again. The horizon is in days, or in
    ticks of an integer order. With too little to learn from the result serves popularity and says why in `reason`.
    """
    cut = as_tick(as_of) + 1
    histories = only_seen(before(read_histories(events), cut))
    rules = code_rules(requires, repeatable, histories.items)
    histories = replace(histories, repeatable=rules.repeatable)
    horizon = horizon_days * DAY if histories.is_calendar else horizon_days
    chosen = policy or choose_policy(histories)
    with threadpool_limits(1):
        return fit_on(
            histories, end=cut, horizon=horizon, policy=chosen, names=name_array(names, histories.items),
            extra=extra_features, seed=seed, progress=progress or _silent, rules=rules,
        )  # fmt: skip


def fit_on(
    histories: Histories,
    *,
    end: int,
    horizon: int,
    policy: Policy,
    names: Names | None,
    extra: ExtraFeatures | None,
    seed: int,
    progress: Progress,
    rules: Rules = FREE,
    calibrated: bool = True,
) -> Recommender:
    """`fit_recommender` on coded histories, all before `end`; without a probability where it is not asked for."""
    teachers, judges, stands_for = share_people(histories, policy.training_people, seed)
    panel = fit_panel(histories, policy, names=names, seed=seed)
    now = _fit_core(teachers, panel, end, horizon, policy, names, extra, seed, rules, stands_for=stands_for)
    window = replace(now.window, n_people=histories.n_people, n_events=len(histories.item))
    now = replace(now, window=window)
    progress("ranker", 0.6)
    if not calibrated or now.ranker is None or policy.target == "step" or not histories.is_calendar:
        return now
    # Some horizons earlier the same fit did not know the last ones: its promises can be held against them.
    spans = CALIBRATION_SPANS if end - CALIBRATION_SPANS * horizon > int(np.median(histories.time)) else 1
    then = end - spans * horizon
    past = before(teachers, then)
    seen = past.seen
    past, words, narrow = only_seen(past), None if names is None else names[seen], rules.narrowed(seen)
    panel = fit_panel(past, policy, names=words, seed=seed, stands_for=stands_for)
    if judges is teachers:
        earlier = _fit_core(past, panel, then, horizon, policy, words, extra, seed, narrow, like=now.ranker)
    else:  # the ranker never saw the judges: it need not be learned again
        earlier = replace(now, panel=panel, rules=narrow)
    if earlier.ranker is None:
        return now
    parts = [promises(earlier, judges, end - turn * horizon, horizon) for turn in range(1, spans + 1)]
    inputs, came_true, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
    turn = np.repeat(np.arange(len(parts)), [len(part[1]) for part in parts])
    progress("calibration", 1.0)
    return replace(now, calibrator=fit_calibrator(inputs, came_true, weight, turn))


def share_people(histories: Histories, most: int, seed: int) -> tuple[Histories, Histories, float]:
    """Who teaches the ranker, who judges its promises, and how many people each of them stands for.

    Up to `most` people everybody does both; of more, so many teach and up to half as many others judge.
    """
    if histories.n_people <= most:
        return histories, histories, 1.0
    order = np.random.default_rng(seed).permutation(histories.n_people)
    teachers, judges = (np.sort(part) for part in (order[:most], order[most : most + most // 2]))
    return some_people(histories, teachers), some_people(histories, judges), histories.n_people / most


def promises(recommender: Recommender, histories: Histories, cut: int, horizon: int) -> tuple[Floats, Bools, Doubles]:
    """Calibration inputs, outcomes and weights of the best candidates of people with a history at the cut."""
    known = with_items(histories, recommender.panel.items)
    known = replace(known, repeatable=recommender.rules.repeatable)
    cases, weight = _sampled(window_cases(known, np.array([cut]), horizon, idle=True), known, recommender)
    observing = replace(recommender.facing(known), calibrator=None)
    parts = []
    for part in blocks(len(cases), recommender.policy.block_rows(known.n_items)):
        some = cases.take(np.arange(part.start, part.stop))
        ranked = observing.rank_block(known, some.person, some.cut, recommender.policy.candidates)
        prefixes = build_prefixes(known, some.person, some.cut)
        who = activity(known, some.person, some.cut)
        flat = ranked.features.reshape(ranked.real.size, -1)
        matrix = calibration_inputs(ranked.utility, ranked.real, who, prefixes, flat)
        real = ranked.real & (np.arange(ranked.real.shape[1]) < PROMISED)
        heavy = np.broadcast_to(weight[part, None], real.shape)
        parts.append((matrix[real.ravel()], some.label(ranked.item, known.n_items)[real], heavy[real]))
    if not parts:
        return np.zeros((0, 1), np.float32), np.zeros(0, bool), np.zeros(0)
    inputs, outcomes, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    return inputs, outcomes, weights


def _sampled(cases: Cases, histories: Histories, recommender: Recommender) -> tuple[Cases, Doubles]:
    """At most so many active people and a quarter as many idle ones, and how many people each row stands for."""
    latest = np.append(histories.time, 0)[np.maximum(_entry_before(histories, cases) - 1, 0)]
    idle = latest < cases.cut - ACTIVE_DAYS * DAY
    limit, rng = recommender.policy.promised_people, np.random.default_rng(recommender.window.seed)
    rows, weights = [], []
    for group, most in ((np.flatnonzero(~idle), limit), (np.flatnonzero(idle), limit // 4)):
        drawn = rng.choice(group, most, replace=False) if len(group) > most else group
        rows.append(drawn)
        weights.append(np.full(len(drawn), len(group) / max(len(drawn), 1)))
    row = np.concatenate(rows)
    order = np.argsort(row)
    return cases.take(row[order]), np.concatenate(weights)[order]


def _entry_before(histories: Histories, cases: Cases) -> Ints:
    key = cases.person * (len(histories.moments) + 1) + np.searchsorted(histories.moments, cases.cut)
    return np.asarray(np.searchsorted(histories.search_key, key), np.int64)


def name_array(names: pl.DataFrame | None, items: Names) -> Names | None:
    """One name an item code, the id where `names` (skill_id, name) has none."""
    if names is None:
        return None
    lookup = dict(names.select("skill_id", "name").drop_nulls().iter_rows())
    return np.asarray([lookup.get(item, item) for item in items.tolist()], str)


def _fit_core(
    histories: Histories,
    panel: Panel,
    end: int,
    horizon: int,
    policy: Policy,
    names: Names | None,
    extra: ExtraFeatures | None,
    seed: int,
    rules: Rules = FREE,
    like: Ranker | None = None,
    stands_for: float = 1.0,
) -> Recommender:
    """A recommender with this panel, its ranker learned from these histories."""
    cases = training_cases(histories, policy, horizon=horizon, end=end, seed=seed, cold=isinstance(extra, Nominates))
    cases = drop_closed(cases, histories, rules, policy.block_rows(histories.n_items))
    first = int(histories.time.min(initial=end))
    window = DataWindow(first, end, histories.is_calendar, histories.n_people, len(histories.item), seed)
    bare = Recommender(policy, horizon, panel, None, None, None, window, extra, rules)
    if len(cases) < policy.min_cases:
        reason = f"{len(cases)} past steps to learn from, {policy.min_cases} needed: ordered by popularity"
        return replace(bare, reason=reason)
    fit_rows = frozen_rows if policy.target == "window" and histories.is_calendar else cross_fitted_rows
    rows = fit_rows(histories, cases, policy, names=names, extra=extra, seed=seed, rules=rules, stands_for=stands_for)
    if int(rows.teaches.sum()) < policy.min_cases:
        return replace(bare, reason="too few past steps were among their candidates: ordered by popularity")
    features = (*FEATURES, *(extra.declared if extra is not None else ()))
    return replace(bare, ranker=fit_ranker(rows, features, policy, seed=seed, like=like))


def _silent(stage: str, share: float) -> None:
    """No progress wanted."""
