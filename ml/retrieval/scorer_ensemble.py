"""The scorer ensemble: all fitted scorers and item statistics, as of the moment they were fitted.

Belongs here: which scorers there are, their families, statistics of items (popularity, place in a career, name groups).
Does not belong here: the learned ranking over them.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import sparse

from ml.data.encoding import encode_ids
from ml.data.interactions import Interactions, UserStates
from ml.data.ranker_config import RankerConfig
from ml.data.sparse_rows import Bools, Doubles, Floats, Ints, Strings, starts_run
from ml.retrieval.base import Scorer, SparseScorer
from ml.retrieval.ease import Ease
from ml.retrieval.item_knn import ItemKNN
from ml.retrieval.markov import Markov
from ml.retrieval.name_text import NameText, group_names
from ml.retrieval.popularity import Popularity
from ml.retrieval.recent_popularity import RecentPopularity
from ml.retrieval.sequence import Sequence
from ml.retrieval.user_knn import UserKNN

FeatureFamily = Literal[
    "history", "trend", "curriculum", "text", "context", "hr", "projects", "learning", "taxonomy", "wishes"
]

# One channel per scorer and weighting of the items held; the family groups contributions in explanations.
CHANNELS: dict[str, FeatureFamily] = {
    "ease": "history",
    "ease_recent": "history",
    "ease_last": "history",
    "ease_time": "history",
    "ease_uses": "history",
    "item_knn": "history",
    "item_knn_recent": "history",
    "markov": "history",
    "markov_last": "history",
    "user_knn": "history",
    "name_text": "text",
    "recent_popularity": "trend",
}
NOMINATING_CHANNELS = (
    "ease",
    "ease_recent",
    "item_knn_recent",
    "markov_last",
    "user_knn",
    "recent_popularity",
    "name_text",
)


@dataclass(frozen=True, eq=False)
class ScorerEnsemble:
    """Fitted scorers by channel, and statistics with one entry per item."""

    items: Strings
    names: Strings
    scorers: dict[str, Scorer]
    trend: RecentPopularity
    popularity: Doubles
    position_mean: Doubles  # mean log(1 + items held before) at acquisition
    position_deviation: Doubles
    name_groups: Ints  # levels x items
    fitted_codes: Ints  # codes among `items` of the items that the scorers learned from interactions

    def score(self, user_states: UserStates) -> Floats:
        """Return channels x rows x items, in the order of CHANNELS.

        An item that nobody held when the scorers were fitted scores 0 in the channels that learn from interactions.
        """
        scores_by_channel = np.zeros((len(CHANNELS), len(user_states), len(self.items)), np.float32)
        fitted_states = self._recode_to_fitted(user_states)
        for channel_index, (channel, family) in enumerate(CHANNELS.items()):
            if family == "history":
                scores_by_channel[channel_index][:, self.fitted_codes] = self.scorers[channel].score(fitted_states)
            else:
                scores_by_channel[channel_index] = self.scorers[channel].score(user_states)
        return scores_by_channel

    def score_sparse(self, channel: str, user_states: UserStates) -> sparse.csr_matrix:
        """Return rows x items: the scores of one channel whose scorer is a `SparseScorer`."""
        scorer = self.scorers[channel]
        assert isinstance(scorer, SparseScorer)
        if CHANNELS[channel] != "history":
            return scorer.score_sparse(user_states)
        scores = scorer.score_sparse(self._recode_to_fitted(user_states))
        return sparse.csr_matrix(
            (scores.data, self.fitted_codes[scores.indices], scores.indptr), shape=(len(user_states), len(self.items))
        )

    def _recode_to_fitted(self, user_states: UserStates) -> UserStates:
        """The user states in the item coding of the scorers that learned from interactions."""
        fitted_code_per_item = np.full(len(self.items), -1, np.int64)
        fitted_code_per_item[self.fitted_codes] = np.arange(len(self.fitted_codes))
        return user_states.recode_items(fitted_code_per_item)

    def with_interactions(self, interactions: Interactions, item_names: Strings | None = None) -> "ScorerEnsemble":
        """Return the same fitted scorers with the adoption counts and the items of other interactions.

        Args:
            interactions: Interactions whose items include all items of the ensemble.
            item_names: One name per item of the interactions; the ids if None.
        """
        ensemble = (
            self
            if len(interactions.items) == len(self.items)
            else self._extend_to_items(interactions.items, item_names)
        )
        trend_scorer = replace(self.trend).count(interactions)
        return replace(ensemble, trend=trend_scorer, scorers={**ensemble.scorers, "recent_popularity": trend_scorer})

    def _extend_to_items(self, item_ids: Strings, item_names: Strings | None) -> "ScorerEnsemble":
        old_code_per_item, new_code_per_old_item = encode_ids(item_ids, self.items), encode_ids(self.items, item_ids)
        item_names = np.where(
            old_code_per_item >= 0,
            np.append(self.names, "")[old_code_per_item],
            item_ids if item_names is None else item_names,
        )
        name_text = self.scorers["name_text"]
        assert isinstance(name_text, NameText)

        def extend_statistic(old_item_statistic: Doubles) -> Doubles:
            """The values of the old items, and their mean for new items."""
            return np.append(old_item_statistic, old_item_statistic.mean() if len(old_item_statistic) else 0.0)[
                old_code_per_item
            ]

        return replace(
            self,
            items=item_ids,
            names=item_names,
            scorers={**self.scorers, "name_text": replace(name_text, names=item_names).fit_items(item_ids)},
            popularity=np.append(self.popularity, 0.0)[old_code_per_item],
            position_mean=extend_statistic(self.position_mean),
            position_deviation=extend_statistic(self.position_deviation),
            name_groups=group_names(item_names),
            fitted_codes=new_code_per_old_item[self.fitted_codes],
        )

    @property
    def is_new(self) -> Bools:
        """Whether nobody held the item when the scorers were fitted, per item."""
        return ~np.isin(np.arange(len(self.items)), self.fitted_codes)


def fit_ensemble(
    interactions: Interactions,
    config: RankerConfig,
    *,
    item_names: Strings | None = None,
    seed: int = 0,
    people_per_sample: float = 1.0,
) -> ScorerEnsemble:
    """Fit every scorer.

    Args:
        interactions: Interactions to learn from.
        config: Settings of the scorers.
        item_names: One name per item; the ids are read as names if None.
        seed: Seed of the scorers that sample.
        people_per_sample: How many people each person stands for, if the interactions are a sample.
    """
    all_time_decay_moments, recent_decay_moments, last_decay_moments = config.decay_moments
    item_knn_scorer = ItemKNN(neighbours=config.item_neighbours, shrink=config.item_shrink).fit(interactions)
    markov_scorer = Markov(decay_moments=recent_decay_moments, entries_per_row=config.entries_per_row, seed=seed).fit(
        interactions
    )
    ease_scorer = Ease(ridge=config.ease_ridge / people_per_sample, entries_per_row=config.entries_per_row).fit(
        interactions
    )
    forgetting_ease, forgetting_item_knn = ease_scorer, item_knn_scorer
    if np.isfinite(config.half_life_days):
        forgetting_ease = replace(ease_scorer, half_life_days=config.half_life_days).fit(interactions)
        forgetting_item_knn = replace(item_knn_scorer, half_life_days=config.half_life_days).fit(interactions)
    trend_scorer = RecentPopularity().fit(interactions)
    position_mean, position_deviation = _measure_positions(interactions)
    return ScorerEnsemble(
        items=interactions.items,
        names=interactions.items if item_names is None else item_names,
        scorers={
            "ease": replace(ease_scorer, decay_moments=all_time_decay_moments),
            "ease_recent": replace(ease_scorer, decay_moments=recent_decay_moments),
            "ease_last": replace(ease_scorer, decay_moments=last_decay_moments),
            "ease_time": replace(forgetting_ease, decay_days=config.decay_days),
            "ease_uses": replace(ease_scorer, decay_moments=recent_decay_moments, weigh_uses=True),
            "item_knn": replace(forgetting_item_knn, decay_moments=all_time_decay_moments),
            "item_knn_recent": replace(item_knn_scorer, decay_moments=last_decay_moments),
            "markov": markov_scorer,
            "markov_last": build_last_transitions(markov_scorer, interactions, config),
            "user_knn": UserKNN(neighbours=config.user_neighbours, decay_moments=recent_decay_moments, seed=seed).fit(
                interactions
            ),
            "name_text": NameText(names=item_names, decay_moments=recent_decay_moments).fit(interactions),
            "recent_popularity": trend_scorer,
        },
        trend=trend_scorer,
        popularity=Popularity().fit(interactions).counts * people_per_sample,
        position_mean=position_mean,
        position_deviation=position_deviation,
        name_groups=group_names(interactions.items if item_names is None else item_names),
        fitted_codes=np.arange(interactions.n_items),
    )


def build_last_transitions(markov_scorer: Markov, interactions: Interactions, config: RankerConfig) -> Markov:
    """Return transitions from the last moment, of the order that the settings say.

    Args:
        markov_scorer: First-order transitions, fitted on `interactions`.
        interactions: Interactions to learn from.
        config: Settings of the scorers.
    """
    last_transitions = replace(markov_scorer, decay_moments=config.decay_moments[2])
    return last_transitions if config.transition_order == 1 else Sequence.extend(last_transitions, interactions)


def _measure_positions(interactions: Interactions) -> tuple[Doubles, Doubles]:
    """Mean and deviation of log(1 + items held before) over an item's acquisitions, shrunk to the overall ones."""
    acquisitions, n_items = interactions.acquisitions, interactions.n_items
    moment_starts = np.flatnonzero(starts_run(acquisitions.person, acquisitions.moment_index))
    held_counts = moment_starts - acquisitions.start[acquisitions.person[moment_starts]]
    log_positions = np.log1p(np.repeat(held_counts, np.diff(np.append(moment_starts, len(acquisitions.item)))))
    acquisition_counts = np.bincount(acquisitions.item, minlength=n_items)
    overall_mean = float(log_positions.mean()) if len(log_positions) else 0.0
    overall_variance = (float(log_positions.var()) if len(log_positions) else 0.0) + 0.1
    prior_acquisition_count = 3.0  # acquisitions: the pull to the overall mean is gone after a dozen
    item_means = (np.bincount(acquisitions.item, log_positions, n_items) + prior_acquisition_count * overall_mean) / (
        acquisition_counts + prior_acquisition_count
    )
    squared_deviation_sums = np.bincount(
        acquisitions.item, (log_positions - item_means[acquisitions.item]) ** 2, n_items
    )
    return item_means, np.sqrt(
        (squared_deviation_sums + prior_acquisition_count * overall_variance)
        / (acquisition_counts + prior_acquisition_count)
    )
