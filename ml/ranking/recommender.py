"""The recommender: fitted as of a date, asked for the next items of people as of the same or a later date.

Belongs here: fitting panel, ranker and calibration in their order of time; scoring people block by block; falling back.
Does not belong here: eligibility rules, motives, sentences, files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from ml.data.eligibility import NO_RULES, EligibilityRules, PersonItemPairs, encode_pairs, encode_rules
from ml.data.interactions import (
    TICKS_PER_DAY,
    Bools,
    Doubles,
    Floats,
    Interactions,
    Ints,
    Moment,
    Strings,
    as_tick,
    build_user_states,
    drop_unused_ids,
    encode_ids,
    encode_interactions,
    filter_before,
    reindex_items,
    reindex_people,
    select_people,
    slice_people,
)
from ml.data.parallel import parallel_map
from ml.data.ranker_config import RankerConfig, choose_config
from ml.ranking.calibration import (
    CALIBRATION_CANDIDATES,
    Calibrator,
    calibration_inputs,
    count_activity,
    fit_calibrator,
)
from ml.ranking.features import FEATURES, CandidateNominator, ExtraFeatures
from ml.ranking.ranker import Ranker, fit_ranker
from ml.ranking.scored_items import ScoredItems, build_score_frame, concat_scored_items, no_scored_items
from ml.ranking.training_set import (
    Cases,
    build_all_features,
    build_cross_fitted_rows,
    build_frozen_rows,
    build_training_cases,
    build_window_cases,
    drop_closed_targets,
    iter_blocks,
    score_extra_items,
)
from ml.retrieval.candidates import select_candidates, select_popular
from ml.retrieval.scorer_ensemble import ScorerEnsemble, fit_ensemble

Progress = Callable[[str, float], None]

PEOPLE_PER_TASK = 1_024  # of one job: enough to be worth handing over, few enough to keep all jobs busy to the end
CALIBRATION_SPANS = 4  # horizons looked back: more outcomes, and scorers as stale as they become in use
ACTIVE_DAYS = 365  # people without a use for so long seldom acquire anything: a weighted sample of them will do


@dataclass(frozen=True, eq=False)
class RankedBlock:
    """A block of people: rows x k candidates, best first, with utility, probability and the features behind them."""

    item: Ints
    utility: Doubles
    probability: Doubles  # not a number where no calibration could be learned
    real: Bools
    prior: Floats  # rows x all items: the order of what is no candidate
    features: Floats


@dataclass(frozen=True)
class TrainingWindow:
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

    config: RankerConfig
    horizon: int
    ensemble: ScorerEnsemble
    ranker: Ranker | None
    calibrator: Calibrator | None
    reason: str | None
    window: TrainingWindow
    extra: ExtraFeatures | None = None
    rules: EligibilityRules = NO_RULES

    def rank_block(
        self, interactions: Interactions, person: Ints, cut: Ints, k: int, eligible: Bools | None = None
    ) -> RankedBlock:
        """Rank one block; `histories` must be coded by this panel's items, and the panel observe them."""
        user_states = build_user_states(interactions, person, cut)
        eligible_mask = self.rules.eligible_mask(user_states, interactions.n_items)
        if eligible is not None:
            eligible_mask &= eligible
        if self.ranker is None:
            candidates, prior = select_popular(self.ensemble.popularity, eligible_mask, self.config)
        else:
            also = score_extra_items(self.extra, user_states, interactions)
            candidates, prior = select_candidates(self.ensemble, user_states, eligible_mask, self.config, also)
        features = build_all_features(self.ensemble, user_states, candidates, interactions, self.extra)
        shape = candidates.item.shape
        if self.ranker is None:
            utility = candidates.prior.astype(np.float64)
        else:
            utility = self.ranker.utility(features).reshape(shape)
        utility = np.where(candidates.real, utility, -np.inf)
        probability = np.full(shape, np.nan)
        if self.calibrator is not None:
            who = count_activity(interactions, person, cut)
            inputs = calibration_inputs(utility, candidates.real, who, user_states, features)
            probability = self.calibrator.probability(inputs).reshape(shape)
        order = np.lexsort((candidates.item, -utility), axis=1)[:, :k]
        blocked = features.reshape(*shape, -1)
        best = [np.take_along_axis(part, order, axis=1) for part in (candidates.item, utility, probability)]
        return RankedBlock(
            best[0],
            best[1],
            best[2],
            np.take_along_axis(candidates.real, order, axis=1),
            prior,
            np.take_along_axis(blocked, order[:, :, None], axis=1),
        )

    def with_interactions(self, interactions: Interactions, names: Strings | None = None) -> "Recommender":
        """The same recommender facing these histories, whose items hold all of the panel's; see Panel.observing."""
        place = encode_ids(self.ensemble.items, interactions.items)
        wider = len(interactions.items) > len(place)
        rules = self.rules.remap_items(place, interactions.n_items) if wider else self.rules
        return replace(self, ensemble=self.ensemble.with_interactions(interactions, names), rules=rules)

    def score(
        self,
        events: pl.DataFrame,
        people: Sequence[str] | pl.Series,
        *,
        as_of: Moment,
        eligible: pl.DataFrame | None = None,
        excluded: pl.DataFrame | None = None,
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
        past = filter_before(encode_interactions(events), cut)
        seen = past.items[past.used_items]
        everyone = reindex_items(past, np.union1d(self.ensemble.items, seen))
        ready = self.with_interactions(everyone, align_item_names(names, everyone.items))
        given = encode_rules(requires, repeatable, everyone.items)
        again = ready.rules.repeatable if repeatable is None else given.repeatable
        ready = replace(ready, rules=replace(ready.rules if requires is None else given, repeatable=again))
        interactions = reindex_people(replace(everyone, repeatable=again), who)
        allowed = None if eligible is None else encode_pairs(eligible, who, everyone.items)
        refused = None if excluded is None else encode_pairs(excluded, who, everyone.items)
        parts = list(iter_blocks(len(who) if interactions.n_items else 0, PEOPLE_PER_TASK))
        tasks = [
            (
                slice_people(interactions, part),
                cut,
                k,
                None if allowed is None else allowed.slice_rows(part),
                None if refused is None else refused.slice_rows(part),
            )
            for part in parts
        ]
        contribution_names = () if self.ranker is None else self.ranker.contribution_names
        found = parallel_map(ready._best_of, tasks, n_jobs=n_jobs)
        best = (
            concat_scored_items(found, [part.start for part in parts]) if found else no_scored_items(contribution_names)
        )
        return build_score_frame(best, who, ready.ensemble.items, contribution_names)

    def _best_of(
        self,
        interactions: Interactions,
        cut: int,
        k: int,
        allowed: PersonItemPairs | None,
        refused: PersonItemPairs | None,
    ) -> ScoredItems:
        """The best k of all these people, scored block by block."""
        found, first = [], []
        for part in iter_blocks(interactions.n_people, self.config.block_rows(interactions.n_items)):
            person = np.arange(part.start, part.stop)
            mask = None if allowed is None else allowed.mask(part, interactions.n_items)
            if refused is not None:
                mask = (True if mask is None else mask) & ~refused.mask(part, interactions.n_items)
            ranked = self.rank_block(interactions, person, np.full(len(person), cut), k, mask)
            row, place = np.nonzero(ranked.real)
            item, utility, probability = (
                ranked.item[row, place],
                ranked.utility[row, place],
                ranked.probability[row, place],
            )
            said = {} if self.ranker is None else self.ranker.contributions(ranked.features[row, place], utility)
            shares = np.stack(list(said.values()), axis=1) if said else np.zeros((len(row), 0))
            found.append(ScoredItems(row, item, place, utility, probability, shares))
            first.append(part.start)
        return concat_scored_items(found, first)


def fit_recommender(
    events: pl.DataFrame,
    *,
    as_of: Moment,
    horizon_days: int = 90,
    config: RankerConfig | None = None,
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
    interactions = drop_unused_ids(filter_before(encode_interactions(events), cut))
    rules = encode_rules(requires, repeatable, interactions.items)
    interactions = replace(interactions, repeatable=rules.repeatable)
    horizon = horizon_days * TICKS_PER_DAY if interactions.is_calendar else horizon_days
    chosen = config or choose_config(interactions)
    with threadpool_limits(1):
        return fit_coded_recommender(
            interactions,
            end=cut,
            horizon=horizon,
            config=chosen,
            names=align_item_names(names, interactions.items),
            extra=extra_features,
            seed=seed,
            progress=progress or _silent,
            rules=rules,
        )


def fit_coded_recommender(
    interactions: Interactions,
    *,
    end: int,
    horizon: int,
    config: RankerConfig,
    names: Strings | None,
    extra: ExtraFeatures | None,
    seed: int,
    progress: Progress,
    rules: EligibilityRules = NO_RULES,
    with_calibration: bool = True,
) -> Recommender:
    """`fit_recommender` on coded histories, all before `end`; without a probability where it is not asked for."""
    teachers, judges, people_per_sample = split_training_people(interactions, config.training_people, seed)
    ensemble = fit_ensemble(interactions, config, names=names, seed=seed)
    now = _fit_core(
        teachers, ensemble, end, horizon, config, names, extra, seed, rules, people_per_sample=people_per_sample
    )
    window = replace(now.window, n_people=interactions.n_people, n_events=len(interactions.item))
    now = replace(now, window=window)
    progress("ranker", 0.6)
    if not with_calibration or now.ranker is None or config.target == "step" or not interactions.is_calendar:
        return now
    # Some horizons earlier the same fit did not know the last ones: its promises can be held against them.
    spans = CALIBRATION_SPANS if end - CALIBRATION_SPANS * horizon > int(np.median(interactions.time)) else 1
    then = end - spans * horizon
    past = filter_before(teachers, then)
    seen = past.used_items
    past, words, narrow = drop_unused_ids(past), None if names is None else names[seen], rules.select_items(seen)
    ensemble = fit_ensemble(past, config, names=words, seed=seed, people_per_sample=people_per_sample)
    if judges is teachers:
        earlier = _fit_core(past, ensemble, then, horizon, config, words, extra, seed, narrow, settings_from=now.ranker)
    else:  # the ranker never saw the judges: it need not be learned again
        earlier = replace(now, ensemble=ensemble, rules=narrow)
    if earlier.ranker is None:
        return now
    parts = [collect_calibration_rows(earlier, judges, end - turn * horizon, horizon) for turn in range(1, spans + 1)]
    inputs, came_true, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
    turn = np.repeat(np.arange(len(parts)), [len(part[1]) for part in parts])
    progress("calibration", 1.0)
    return replace(now, calibrator=fit_calibrator(inputs, came_true, weight, turn))


def split_training_people(interactions: Interactions, most: int, seed: int) -> tuple[Interactions, Interactions, float]:
    """Who teaches the ranker, who judges its promises, and how many people each of them stands for.

    Up to `most` people everybody does both; of more, so many teach and up to half as many others judge.
    """
    if interactions.n_people <= most:
        return interactions, interactions, 1.0
    order = np.random.default_rng(seed).permutation(interactions.n_people)
    teachers, judges = (np.sort(part) for part in (order[:most], order[most : most + most // 2]))
    return select_people(interactions, teachers), select_people(interactions, judges), interactions.n_people / most


def collect_calibration_rows(
    recommender: Recommender, interactions: Interactions, cut: int, horizon: int
) -> tuple[Floats, Bools, Doubles]:
    """Calibration inputs, outcomes and weights of the best candidates of people with a history at the cut."""
    known = reindex_items(interactions, recommender.ensemble.items)
    known = replace(known, repeatable=recommender.rules.repeatable)
    cases, weight = _sampled(build_window_cases(known, np.array([cut]), horizon, idle=True), known, recommender)
    observing = replace(recommender.with_interactions(known), calibrator=None)
    parts = []
    for part in iter_blocks(len(cases), recommender.config.block_rows(known.n_items)):
        some = cases.take(np.arange(part.start, part.stop))
        ranked = observing.rank_block(known, some.person, some.cut, recommender.config.n_candidates)
        user_states = build_user_states(known, some.person, some.cut)
        who = count_activity(known, some.person, some.cut)
        flat = ranked.features.reshape(ranked.real.size, -1)
        matrix = calibration_inputs(ranked.utility, ranked.real, who, user_states, flat)
        real = ranked.real & (np.arange(ranked.real.shape[1]) < CALIBRATION_CANDIDATES)
        heavy = np.broadcast_to(weight[part, None], real.shape)
        parts.append((matrix[real.ravel()], some.label(ranked.item, known.n_items)[real], heavy[real]))
    if not parts:
        return np.zeros((0, 1), np.float32), np.zeros(0, bool), np.zeros(0)
    inputs, outcomes, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    return inputs, outcomes, weights


def _sampled(cases: Cases, interactions: Interactions, recommender: Recommender) -> tuple[Cases, Doubles]:
    """At most so many active people and a quarter as many idle ones, and how many people each row stands for."""
    latest = np.append(interactions.time, 0)[np.maximum(_entry_before(interactions, cases) - 1, 0)]
    idle = latest < cases.cut - ACTIVE_DAYS * TICKS_PER_DAY
    limit, rng = recommender.config.calibration_people, np.random.default_rng(recommender.window.seed)
    rows, weights = [], []
    for group, most in ((np.flatnonzero(~idle), limit), (np.flatnonzero(idle), limit // 4)):
        drawn = rng.choice(group, most, replace=False) if len(group) > most else group
        rows.append(drawn)
        weights.append(np.full(len(drawn), len(group) / max(len(drawn), 1)))
    row = np.concatenate(rows)
    order = np.argsort(row)
    return cases.take(row[order]), np.concatenate(weights)[order]


def _entry_before(interactions: Interactions, cases: Cases) -> Ints:
    key = cases.person * (len(interactions.moments) + 1) + np.searchsorted(interactions.moments, cases.cut)
    return np.asarray(np.searchsorted(interactions.search_key, key), np.int64)


def align_item_names(names: pl.DataFrame | None, items: Strings) -> Strings | None:
    """One name an item code, the id where `names` (skill_id, name) has none."""
    if names is None:
        return None
    lookup = dict(names.select("skill_id", "name").drop_nulls().iter_rows())
    return np.asarray([lookup.get(item, item) for item in items.tolist()], str)


def _fit_core(
    interactions: Interactions,
    ensemble: ScorerEnsemble,
    end: int,
    horizon: int,
    config: RankerConfig,
    names: Strings | None,
    extra: ExtraFeatures | None,
    seed: int,
    rules: EligibilityRules = NO_RULES,
    settings_from: Ranker | None = None,
    people_per_sample: float = 1.0,
) -> Recommender:
    """A recommender with this panel, its ranker learned from these histories."""
    cases = build_training_cases(
        interactions, config, horizon=horizon, end=end, seed=seed, cold=isinstance(extra, CandidateNominator)
    )
    cases = drop_closed_targets(cases, interactions, rules, config.block_rows(interactions.n_items))
    first = int(interactions.time.min(initial=end))
    window = TrainingWindow(first, end, interactions.is_calendar, interactions.n_people, len(interactions.item), seed)
    bare = Recommender(config, horizon, ensemble, None, None, None, window, extra, rules)
    if len(cases) < config.min_cases:
        reason = f"{len(cases)} past steps to learn from, {config.min_cases} needed: ordered by popularity"
        return replace(bare, reason=reason)
    fit_rows = build_frozen_rows if config.target == "window" and interactions.is_calendar else build_cross_fitted_rows
    rows = fit_rows(
        interactions,
        cases,
        config,
        names=names,
        extra=extra,
        seed=seed,
        rules=rules,
        people_per_sample=people_per_sample,
    )
    if int(rows.has_target.sum()) < config.min_cases:
        return replace(bare, reason="too few past steps were among their candidates: ordered by popularity")
    features = (*FEATURES, *(extra.features if extra is not None else ()))
    return replace(bare, ranker=fit_ranker(rows, features, config, seed=seed, settings_from=settings_from))


def _silent(stage: str, share: float) -> None:
    """No progress wanted."""
