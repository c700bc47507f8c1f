"""The recommender: fitted as of a date, it ranks the next items of people as of the same or a later date.

Belongs here: what a fitted recommender consists of, scoring people block by block, the fallback to popularity.
Does not belong here: fitting (see fitting), company policy, motives, texts, files.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from ml.data.eligibility import NO_RULES, EligibilityRules, PersonItemPairs, encode_pairs
from ml.data.encoding import encode_ids
from ml.data.interactions import (
    Interactions,
    Moment,
    as_tick,
    build_user_states,
    encode_interactions,
    filter_before,
    reindex_items,
    reindex_people,
    slice_people,
)
from ml.data.parallel import parallel_map
from ml.data.ranker_config import RankerConfig
from ml.data.sparse_rows import Bools, Doubles, Floats, Ints, Strings
from ml.ranking.calibration import Calibrator, calibration_inputs
from ml.ranking.features import ExtraFeatures
from ml.ranking.ranker import Ranker
from ml.ranking.training_set import build_all_features, iter_blocks, score_extra_items
from ml.retrieval.candidates import select_candidates, select_popular
from ml.retrieval.scorer_ensemble import ScorerEnsemble

PEOPLE_PER_TASK = 1_024  # of one job: enough to outweigh its start, few enough to keep all jobs busy to the end


@dataclass(frozen=True, eq=False)
class RankedBlock:
    """The candidates of a block of people, best first: rows x k, with the features they were ranked by."""

    item: Ints
    utility: Doubles
    probability: Doubles  # NaN without a calibrator
    real: Bools  # False on padding
    prior: Floats  # rows x all items: the order of the items that are no candidates
    features: Floats  # rows x k x features


@dataclass(frozen=True)
class TrainingWindow:
    """What a recommender was fitted on: times in [first, end), in ticks, and the size of the data."""

    first: int
    end: int
    is_calendar: bool
    n_people: int
    n_events: int
    seed: int


@dataclass(frozen=True, eq=False)
class Recommender:
    """A fitted recommender (see `ml.ranking.fitting.fit_recommender`).

    `reason` says why there is no ranker; items are then ordered by popularity. The field names are part of stored
    bundles: `ml.registry.former_names` lists those that were renamed.
    """

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
        self, interactions: Interactions, person: Ints, cut: Ints, k: int, excluded: Bools | None = None
    ) -> RankedBlock:
        """Rank the items of one block of people.

        Args:
            interactions: What people did, coded by this recommender's items (see `with_interactions`).
            person: Person code of each row.
            cut: Moment of each row in ticks; what happened at or after it is not looked at.
            k: The largest number of items per row.
            excluded: Rows x items that must not be recommended.
        """
        user_states = build_user_states(interactions, person, cut)
        eligible = self.rules.eligible_mask(user_states, interactions.n_items)
        if excluded is not None:
            eligible &= ~excluded
        if self.ranker is None:
            candidates, prior = select_popular(self.ensemble.popularity, eligible, self.config)
        else:
            candidates, prior = select_candidates(
                self.ensemble,
                user_states,
                eligible,
                self.config,
                score_extra_items(self.extra, user_states, interactions),
            )
        shape = candidates.item.shape
        features = build_all_features(self.ensemble, user_states, candidates, interactions, self.extra)
        utility = candidates.prior.astype(np.float64)
        if self.ranker is not None:
            utility = self.ranker.utility(features).reshape(shape)
        utility = np.where(candidates.real, utility, -np.inf)
        probability = np.full(shape, np.nan)
        if self.calibrator is not None:
            probability = self.calibrator.probability(
                calibration_inputs(interactions, user_states, utility, candidates.real, features)
            ).reshape(shape)
        order = np.lexsort((candidates.item, -utility), axis=1)[:, :k]
        item, utility, probability, real = (
            np.take_along_axis(values, order, axis=1)
            for values in (candidates.item, utility, probability, candidates.real)
        )
        return RankedBlock(
            item,
            utility,
            probability,
            real,
            prior,
            np.take_along_axis(features.reshape(*shape, -1), order[:, :, None], axis=1),
        )

    def with_interactions(self, interactions: Interactions, names: Strings | None = None) -> "Recommender":
        """The same recommender for newer interactions: models stay, adoption counts and the list of items move on.

        Args:
            interactions: Their items include all of this recommender's.
            names: Name of each item; ids if None.
        """
        position = encode_ids(self.ensemble.items, interactions.items)
        rules = (
            self.rules.remap_items(position, interactions.n_items)
            if (len(interactions.items) > len(position))
            else self.rules
        )
        return replace(self, ensemble=self.ensemble.with_interactions(interactions, names), rules=rules)

    def score(
        self,
        events: pl.DataFrame,
        people: Sequence[str] | pl.Series,
        *,
        as_of: Moment,
        excluded: pl.DataFrame | None = None,
        available: pl.Series | None = None,
        k: int = 10,
        n_jobs: int | None = None,
    ) -> pl.DataFrame:
        """Recommend items to people.

        An item is eligible if the person does not hold it (or it is repeatable) and holds the items it requires. Items
        that are newer than the fit are ranked by their ids' words and their adoption so far.

        Args:
            events: person_id, skill_id (the item), ts; events after `as_of` are not looked at.
            people: Ids of the people to score; they need not occur in `events`.
            as_of: Date, time, or position in an integer order.
            excluded: person_id, skill_id of pairs that must not be recommended.
            available: Ids of the items that exist now; items that the fit knew and that are not among them are
                recommended to nobody. None if every item exists.
            k: The largest number of items per person.
            n_jobs: Number of jobs (see `ml.data.parallel`); it does not change the result.

        Returns:
            One row per person and recommended item, sorted by person and rank: person_id, skill_id, rank (from 1),
            utility (differences are log odds), probability of acquiring the item within the horizon (null without a
            calibrator), and one contribution_<family> column per family of features. The contributions add up to the
            utility but for a constant per person.
        """
        person_ids = np.unique(np.asarray(list(people), str))
        cut = as_tick(as_of) + 1
        past = filter_before(encode_interactions(events), cut)
        past = reindex_items(past, np.union1d(self.ensemble.items, past.items[past.used_items]))
        ready = self.with_interactions(past)
        interactions = reindex_people(replace(past, repeatable=ready.rules.repeatable), person_ids)
        pairs = None if excluded is None else encode_pairs(excluded, person_ids, past.items)
        items = pl.Series(past.items.tolist(), dtype=pl.String)
        vanished = None if available is None else ~np.isin(past.items, np.asarray(available.to_list(), str))
        tasks = [
            (
                slice_people(interactions, part),
                items,
                cut,
                k,
                None if pairs is None else pairs.slice_rows(part),
                vanished,
            )
            for part in iter_blocks(len(person_ids) if interactions.n_items else 0, PEOPLE_PER_TASK)
        ]
        return pl.concat([self._empty_scores(), *parallel_map(ready._score_people, tasks, n_jobs=n_jobs)], rechunk=True)

    def _score_people(
        self,
        interactions: Interactions,
        items: pl.Series,
        cut: int,
        k: int,
        excluded: PersonItemPairs | None,
        vanished: Bools | None,
    ) -> pl.DataFrame:
        """`score` for all people of these interactions, block by block."""
        frames = [self._empty_scores()]
        for part in iter_blocks(interactions.n_people, self.config.block_rows(interactions.n_items)):
            person = np.arange(part.start, part.stop)
            mask = None if excluded is None else excluded.mask(part, interactions.n_items)
            if vanished is not None:
                mask = np.tile(vanished, (len(person), 1)) if mask is None else mask | vanished
            ranked = self.rank_block(interactions, person, np.full(len(person), cut), k, mask)
            row, place = np.nonzero(ranked.real)
            utility = ranked.utility[row, place]
            columns = {
                "person_id": pl.Series(interactions.people[part].tolist(), dtype=pl.String).gather(row),
                "skill_id": items.gather(ranked.item[row, place]),
                "rank": place + 1,
                "utility": utility,
                "probability": pl.Series(ranked.probability[row, place]).fill_nan(None),
            }
            if self.ranker is not None:
                contributions = self.ranker.contributions(ranked.features[row, place], utility)
                columns |= {f"contribution_{name}": values for name, values in contributions.items()}
            frames.append(pl.DataFrame(columns, schema_overrides={"rank": pl.Int32}))
        return pl.concat(frames)

    def _empty_scores(self) -> pl.DataFrame:
        names = () if self.ranker is None else self.ranker.contribution_names
        contributions = {f"contribution_{name}": pl.Float64 for name in names}
        ids = {"person_id": pl.String, "skill_id": pl.String, "rank": pl.Int32}
        return pl.DataFrame(schema={**ids, "utility": pl.Float64, "probability": pl.Float64, **contributions})
