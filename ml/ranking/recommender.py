"""The recommender: fitted as of a date, it ranks the next items of people as of the same or a later date.

Belongs here: what a fitted recommender consists of, scoring people block by block, the fallback to popularity.
Does not belong here: fitting (see fitting), company policy, motives, texts, files.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from ml.data.eligibility import NO_RULES, EligibilityRules, PersonItemPairs, encode_pairs
from ml.data.encoding import encode_ids
from ml.data.interactions import (
    Interactions,
    Moment,
    UserStates,
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
from ml.ranking.calibration import Calibrator, build_calibration_inputs
from ml.ranking.cases import iter_blocks
from ml.ranking.features import ExtraFeatures
from ml.ranking.newcomer_calibration import build_newcomer_inputs
from ml.ranking.newcomers import build_newcomer_features, select_newcomer_candidates
from ml.ranking.probability_level import measure_activity_shift
from ml.ranking.ranked_block import RankedBlock, order_block
from ml.ranking.ranker import Ranker
from ml.ranking.training_set import add_extra_features, build_all_features, score_extra_items
from ml.retrieval.beginnings import Beginnings
from ml.retrieval.candidates import describe_without_history, select_candidates, select_popular
from ml.retrieval.scorer_ensemble import ScorerEnsemble

PEOPLE_PER_TASK = 1_024  # of one job: enough to outweigh its start, few enough to keep all jobs busy to the end


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

    `reason` says why there is no ranker; people with a history then get items by popularity. `newcomer_ranker` is for
    people without a history; where it is None, they are ranked like everybody. The field names are part of stored
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
    newcomer_ranker: Ranker | None = None
    newcomer_calibrator: Calibrator | None = None  # of people without a history, if they begin within the horizon
    beginnings: Beginnings | None = None  # of the interactions in `with_interactions`; it is not stored
    activity_shift: Doubles | None = None  # of the probability, by these interactions; it is not stored

    def rank_people(
        self,
        interactions: Interactions,
        person_codes: Ints,
        cutoff_ticks: Ints,
        max_items: int,
        is_excluded: Bools | None = None,
    ) -> Iterator[tuple[Ints, RankedBlock]]:
        """Rank the items of one block of people, those without a history apart.

        Args:
            interactions: What people did, coded by this recommender's items (see `with_interactions`).
            person_codes: Person code of each row.
            cutoff_ticks: Moment of each row in ticks; what happened at or after it is not looked at.
            max_items: The largest number of items per row.
            is_excluded: Rows x items that must not be recommended.

        Yields:
            Indices of rows, and their ranked items.
        """
        has_no_history = interactions.first_ticks[person_codes] >= cutoff_ticks
        is_newcomer = has_no_history & (self.newcomer_ranker is not None)
        for is_ranked, rank in ((~is_newcomer, self.rank_block), (is_newcomer, self._rank_newcomers)):
            row_indices = np.flatnonzero(is_ranked)
            if len(row_indices):
                yield (
                    row_indices,
                    rank(
                        interactions,
                        person_codes[row_indices],
                        cutoff_ticks[row_indices],
                        max_items,
                        None if is_excluded is None else is_excluded[row_indices],
                    ),
                )

    def rank_block(
        self,
        interactions: Interactions,
        person_codes: Ints,
        cutoff_ticks: Ints,
        max_items: int,
        is_excluded: Bools | None = None,
    ) -> RankedBlock:
        """Rank the items of one block of people with a history, or of everybody if there is no `newcomer_ranker`.

        Args:
            interactions: What people did, coded by this recommender's items (see `with_interactions`).
            person_codes: Person code of each row.
            cutoff_ticks: Moment of each row in ticks; what happened at or after it is not looked at.
            max_items: The largest number of items per row.
            is_excluded: Rows x items that must not be recommended.
        """
        user_states = build_user_states(interactions, person_codes, cutoff_ticks)
        is_eligible = self._find_eligible(user_states, interactions.n_items, is_excluded)
        if self.ranker is None:
            candidates, prior = select_popular(self.ensemble.popularity, is_eligible, self.config)
        else:
            candidates, prior = select_candidates(
                self.ensemble,
                user_states,
                is_eligible,
                self.config,
                score_extra_items(self.extra, user_states, interactions),
            )
        candidate_shape = candidates.item.shape
        feature_matrix = build_all_features(self.ensemble, user_states, candidates, interactions, self.extra)
        utility = candidates.prior.astype(np.float64)
        if self.ranker is not None:
            utility = self.ranker.utility(feature_matrix).reshape(candidate_shape)
        utility = np.where(candidates.is_candidate, utility, -np.inf)
        probability = self._estimate_probability(
            interactions, user_states, utility, candidates.is_candidate, feature_matrix
        )
        return order_block(candidates, utility, probability, prior, feature_matrix, self.ranker, max_items)

    def _rank_newcomers(
        self,
        interactions: Interactions,
        person_codes: Ints,
        cutoff_ticks: Ints,
        max_items: int,
        is_excluded: Bools | None = None,
    ) -> RankedBlock:
        """`rank_block` for people without a history, by their own ranker and its features."""
        assert self.newcomer_ranker is not None
        assert self.beginnings is not None, "call with_interactions first"
        user_states = build_user_states(interactions, person_codes, cutoff_ticks)
        is_eligible = self._find_eligible(user_states, interactions.n_items, is_excluded)
        distinct_cutoffs, moment_index = np.unique(cutoff_ticks, return_inverse=True)
        moment_features = np.stack(
            [build_newcomer_features(self.beginnings, cutoff_tick) for cutoff_tick in distinct_cutoffs.tolist()]
        )
        item_codes, prior = select_newcomer_candidates(
            moment_features,
            moment_index,
            is_eligible,
            self.config,
            score_extra_items(self.extra, user_states, interactions),
        )
        candidates = describe_without_history(self.ensemble, cutoff_ticks, item_codes, prior, is_eligible)
        feature_matrix = add_extra_features(
            moment_features[moment_index[:, None], item_codes].reshape(item_codes.size, -1),
            self.ensemble,
            user_states,
            candidates,
            interactions,
            self.extra,
        )
        utility = np.where(
            candidates.is_candidate, self.newcomer_ranker.utility(feature_matrix).reshape(item_codes.shape), -np.inf
        )
        probability = (
            np.full(utility.shape, np.nan)
            if self.newcomer_calibrator is None
            else self.newcomer_calibrator.probability(build_newcomer_inputs(utility, candidates.is_candidate)).reshape(
                utility.shape
            )
        )
        return order_block(candidates, utility, probability, prior, feature_matrix, self.newcomer_ranker, max_items)

    def _find_eligible(self, user_states: UserStates, n_items: int, is_excluded: Bools | None) -> Bools:
        """Rows x items: whether the rules allow the item and it is not excluded."""
        is_eligible = self.rules.eligible_mask(user_states, n_items)
        return is_eligible if is_excluded is None else is_eligible & ~is_excluded

    def _estimate_probability(
        self,
        interactions: Interactions,
        user_states: UserStates,
        utility: Doubles,
        is_candidate: Bools,
        feature_matrix: Floats,
    ) -> Doubles:
        """Rows x k: the probability of each candidate; NaN without a calibrator."""
        if self.calibrator is None:
            return np.full(utility.shape, np.nan)
        return self.calibrator.probability(
            build_calibration_inputs(interactions, user_states, utility, is_candidate, feature_matrix),
            self.activity_shift,
        ).reshape(utility.shape)

    def with_interactions(self, interactions: Interactions, item_names: Strings | None = None) -> "Recommender":
        """The same recommender for newer interactions: models stay, adoption counts and the list of items move on.

        Args:
            interactions: Their items include all of this recommender's.
            item_names: Name of each item; ids if None.
        """
        new_codes = encode_ids(self.ensemble.items, interactions.items)
        rules = (
            self.rules.remap_items(new_codes, interactions.n_items)
            if (len(interactions.items) > len(new_codes))
            else self.rules
        )
        beginnings = None if self.newcomer_ranker is None else Beginnings(interactions, self.horizon)
        level = None if self.calibrator is None else self.calibrator.level
        return replace(
            self,
            ensemble=self.ensemble.with_interactions(interactions, item_names),
            rules=rules,
            beginnings=beginnings,
            activity_shift=None
            if level is None
            else measure_activity_shift(level, replace(interactions, is_repeatable=rules.repeatable), self.horizon),
        )

    def with_scorers_of(self, later: "Recommender") -> "Recommender":
        """The weights of this recommender with the scorers of one that was fitted on more; itself if they do not fit.

        They fit if both forget alike and count transitions of the same order: else a weight would meet other scores.

        Args:
            later: A recommender of the same features and horizon.
        """
        settings, later_settings = (
            (config.half_life_days, config.transition_order) for config in (self.config, later.config)
        )
        if self.ranker is None or later.ranker is None or settings != later_settings:
            return self
        return replace(self, ensemble=later.ensemble, rules=later.rules, window=later.window, beginnings=None)

    def score(
        self,
        events: pl.DataFrame,
        requested_people: Sequence[str] | pl.Series,
        *,
        as_of: Moment,
        excluded_pairs: pl.DataFrame | None = None,
        available_ids: pl.Series | None = None,
        max_items: int = 10,
        n_jobs: int | None = None,
    ) -> pl.DataFrame:
        """Recommend items to people.

        An item is eligible if the person does not hold it (or it is repeatable) and holds the items it requires. Items
        that are newer than the fit are ranked by their ids' words and their adoption so far.

        Args:
            events: person_id, skill_id (the item), ts; events after `as_of` are not looked at.
            requested_people: Ids of the people to score; they need not occur in `events`.
            as_of: Date, time, or position in an integer order.
            excluded_pairs: person_id, skill_id of pairs that must not be recommended.
            available_ids: Ids of the items that exist now; items that the fit knew and that are not among them are
                recommended to nobody. None if every item exists.
            max_items: The largest number of items per person.
            n_jobs: Number of jobs (see `ml.data.parallel`); it does not change the result.

        Returns:
            One row per person and recommended item, sorted by person and rank: person_id, skill_id, rank (from 1),
            utility (differences are log odds), probability of acquiring the item within the horizon (null without a
            calibrator), and one contribution_<family> column per family of features. The contributions add up to the
            utility but for a constant per person.
        """
        person_ids = np.unique(np.asarray(list(requested_people), str))
        cutoff_tick = as_tick(as_of) + 1
        history = filter_before(encode_interactions(events), cutoff_tick)
        history = reindex_items(history, np.union1d(self.ensemble.items, history.items[history.used_items]))
        updated_recommender = self.with_interactions(history)
        requested_interactions = reindex_people(
            replace(history, is_repeatable=updated_recommender.rules.repeatable), person_ids
        )
        excluded_code_pairs = (
            None if excluded_pairs is None else encode_pairs(excluded_pairs, person_ids, history.items)
        )
        item_ids = pl.Series(history.items.tolist(), dtype=pl.String)
        is_vanished_item = (
            None if available_ids is None else ~np.isin(history.items, np.asarray(available_ids.to_list(), str))
        )
        block_arguments = [
            (
                slice_people(requested_interactions, people_slice),
                item_ids,
                cutoff_tick,
                max_items,
                None if excluded_code_pairs is None else excluded_code_pairs.slice_rows(people_slice),
                is_vanished_item,
            )
            for people_slice in iter_blocks(len(person_ids) if requested_interactions.n_items else 0, PEOPLE_PER_TASK)
        ]
        score_blocks = parallel_map(updated_recommender._score_people, block_arguments, n_jobs=n_jobs)
        return pl.concat([self._empty_scores(), *score_blocks], rechunk=True)

    def _score_people(
        self,
        interactions: Interactions,
        item_ids: pl.Series,
        cutoff_tick: int,
        max_items: int,
        excluded_code_pairs: PersonItemPairs | None,
        is_vanished_item: Bools | None,
    ) -> pl.DataFrame:
        """`score` for all people of these interactions, block by block."""
        score_blocks = [self._empty_scores()]
        for people_slice in iter_blocks(interactions.n_people, self.config.block_rows(interactions.n_items)):
            person_codes = np.arange(people_slice.start, people_slice.stop)
            is_excluded = (
                None if excluded_code_pairs is None else excluded_code_pairs.mask(people_slice, interactions.n_items)
            )
            if is_vanished_item is not None:
                is_excluded = (
                    np.tile(is_vanished_item, (len(person_codes), 1))
                    if is_excluded is None
                    else is_excluded | is_vanished_item
                )
            cutoff_ticks = np.full(len(person_codes), cutoff_tick)
            ranked_blocks = self.rank_people(interactions, person_codes, cutoff_ticks, max_items, is_excluded)
            kind_blocks = [
                self._list_scores(ranked_block, interactions.people[people_slice][row_indices], item_ids)
                for row_indices, ranked_block in ranked_blocks
            ]
            scores = pl.concat(kind_blocks)
            score_blocks.append(scores if len(kind_blocks) == 1 else scores.sort("person_id", "rank"))
        return pl.concat(score_blocks)

    def _list_scores(self, ranked_block: RankedBlock, person_ids: Strings, item_ids: pl.Series) -> pl.DataFrame:
        """One row per person and candidate of a block, as `score` returns them; person_ids are those of its rows."""
        row_indices, list_positions = np.nonzero(ranked_block.is_candidate)
        utility = ranked_block.utility[row_indices, list_positions]
        score_columns = {
            "person_id": pl.Series(person_ids.tolist(), dtype=pl.String).gather(row_indices),
            "skill_id": item_ids.gather(ranked_block.item[row_indices, list_positions]),
            "rank": list_positions + 1,
            "utility": utility,
            "probability": pl.Series(ranked_block.probability[row_indices, list_positions]).fill_nan(None),
        }
        contributions = (
            {}
            if ranked_block.ranker is None
            else ranked_block.ranker.contributions(ranked_block.features[row_indices, list_positions], utility)
        )
        score_columns |= {
            # a family that this ranker does not have contributes nothing
            f"contribution_{contribution_name}": contributions.get(contribution_name, np.zeros(len(utility)))
            for contribution_name in (() if self.ranker is None else self.ranker.contribution_names)
        }
        return pl.DataFrame(score_columns, schema_overrides={"rank": pl.Int32})

    def _empty_scores(self) -> pl.DataFrame:
        contribution_names = () if self.ranker is None else self.ranker.contribution_names
        contribution_schema = {
            f"contribution_{contribution_name}": pl.Float64 for contribution_name in contribution_names
        }
        key_schema = {"person_id": pl.String, "skill_id": pl.String, "rank": pl.Int32}
        return pl.DataFrame(
            schema={**key_schema, "utility": pl.Float64, "probability": pl.Float64, **contribution_schema}
        )
