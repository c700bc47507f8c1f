"""The panel: all fitted scorers and item statistics together, at the moment they were fitted.

Belongs here: which scorers there are, their families, what is known of items (popularity, curriculum stage, group).
Does not belong here: the learned ranking over them.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import sparse

from ml.data.interactions import Bools, Doubles, Floats, Interactions, Ints, Strings, UserStates
from ml.data.ranker_config import RankerConfig
from ml.retrieval.base import Scorer, SparseScorer, acquisition_matrix
from ml.retrieval.ease import Ease
from ml.retrieval.item_knn import ItemKNN
from ml.retrieval.markov import Markov
from ml.retrieval.name_text import NameText, group_names
from ml.retrieval.popularity import Popularity
from ml.retrieval.recent_popularity import RecentPopularity
from ml.retrieval.user_knn import UserKNN

FeatureFamily = Literal[
    "history", "trend", "curriculum", "text", "context", "hr", "projects", "learning", "taxonomy", "wishes"
]

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
NOMINATING = ("ease", "ease_recent", "item_knn_recent", "markov_last", "user_knn", "recent_popularity", "name_text")


@dataclass(frozen=True, eq=False)
class ScorerEnsemble:
    """Fitted scorers by channel, and one entry an item of each statistic."""

    items: Strings
    names: Strings
    scorers: dict[str, Scorer]
    trend: RecentPopularity
    popularity: Doubles
    position_mean: Doubles  # mean log(1 + items held before) at acquisition
    position_deviation: Doubles
    name_groups: Ints  # levels x items
    place: Ints | None = None  # where the items that scorers learned stand among `items`; None: these are all

    def score(self, user_states: UserStates) -> Floats:
        """Channels x rows x items, in the order of CHANNELS; items nobody held when scorers were fitted get zeros from
        those that learn from histories."""
        scores = np.zeros((len(CHANNELS), len(user_states), len(self.items)), np.float32)
        learned = user_states if self.place is None else user_states.recode_items(self._code)
        for number, (channel, family) in enumerate(CHANNELS.items()):
            if self.place is None or family != "history":
                scores[number] = self.scorers[channel].score(user_states)
            else:
                scores[number][:, self.place] = self.scorers[channel].score(learned)
        return scores

    def score_sparse(self, channel: str, user_states: UserStates) -> sparse.csr_matrix:
        """Rows x items of one scorer, for those that can tell their scores other than zero."""
        scorer = self.scorers[channel]
        assert isinstance(scorer, SparseScorer)
        if self.place is None or CHANNELS[channel] != "history":
            return scorer.score_sparse(user_states)
        scores = scorer.score_sparse(user_states.recode_items(self._code))
        shape = (len(user_states), len(self.items))
        return sparse.csr_matrix((scores.data, self.place[scores.indices], scores.indptr), shape=shape)

    @property
    def _code(self) -> Ints:
        """Of each item: its code among those that scorers learned, -1 for the others."""
        if self.place is None:
            return np.arange(len(self.items))
        code = np.full(len(self.items), -1, np.int64)
        code[self.place] = np.arange(len(self.place))
        return code

    def with_interactions(self, interactions: Interactions, names: Strings | None = None) -> "ScorerEnsemble":
        """The same panel facing these histories: scorers stay frozen, adoption counts and the vocabulary move on.

        The histories' items must hold all of the panel's; `names` has one entry an item, ids where it is None.
        """
        wide = self if len(interactions.items) == len(self.items) else self._widened(interactions.items, names)
        trend = replace(self.trend).count(interactions)
        return replace(wide, trend=trend, scorers={**wide.scorers, "recent_popularity": trend})

    def _widened(self, items: Strings, names: Strings | None) -> "ScorerEnsemble":
        place = np.searchsorted(items, self.items)
        said = (items if names is None else names).astype(object)
        said[place] = self.names
        said = said.astype(str)
        text = self.scorers["name_text"]
        assert isinstance(text, NameText)
        fresh = NameText(names=said, tau=text.tau, neighbours=text.neighbours).fit_items(items)

        def spread(values: Doubles, otherwise: float) -> Doubles:
            wide = np.full(len(items), otherwise)
            wide[place] = values
            return wide

        mean, deviation = (
            float(values.mean()) if len(values) else 0.0 for values in (self.position_mean, self.position_deviation)
        )
        return replace(
            self,
            items=items,
            names=said,
            scorers={**self.scorers, "name_text": fresh},
            popularity=spread(self.popularity, 0.0),
            position_mean=spread(self.position_mean, mean),
            position_deviation=spread(self.position_deviation, deviation),
            name_groups=group_names(said),
            place=place if self.place is None else place[self.place],
        )

    @property
    def is_new(self) -> Bools:
        """Items x: had nobody held it when the scorers were fitted?"""
        new = np.zeros(len(self.items), bool)
        if self.place is not None:
            new[:] = True
            new[self.place] = False
        return new


def fit_ensemble(
    interactions: Interactions,
    config: RankerConfig,
    *,
    names: Strings | None = None,
    seed: int = 0,
    people_per_sample: float = 1.0,
) -> ScorerEnsemble:
    """Fit every scorer on these histories. `names` has one entry an item; the ids are read as names without it.

    stands_for: how many people each person is, where the histories are a sample.
    """
    whole, recent, last = config.taus
    held = acquisition_matrix(interactions)
    knn = ItemKNN(neighbours=config.item_neighbours, shrink=config.item_shrink).fit(interactions)
    markov = Markov(tau=recent, entries=config.row_entries, seed=seed).fit(interactions)
    ease = Ease(ridge=config.ease_ridge / people_per_sample, entries=config.row_entries).fit_matrix(held)
    trend = RecentPopularity().fit(interactions)
    position_mean, spread = _stages(interactions)
    return ScorerEnsemble(
        items=interactions.items,
        names=interactions.items if names is None else names,
        scorers={
            "ease": ease.decayed(whole),
            "ease_recent": ease.decayed(recent),
            "ease_last": ease.decayed(last),
            "ease_time": ease.decayed(days=config.days),
            "ease_uses": ease.decayed(recent, uses=True),
            "item_knn": knn.decayed(whole),
            "item_knn_recent": knn.decayed(last),
            "markov": markov,
            "markov_last": markov.decayed(last),
            "user_knn": UserKNN(neighbours=config.user_neighbours, tau=recent, seed=seed).fit(interactions),
            "name_text": NameText(names=names, tau=recent).fit(interactions),
            "recent_popularity": trend,
        },
        trend=trend,
        popularity=Popularity().fit(interactions).counts * people_per_sample,
        position_mean=position_mean,
        position_deviation=spread,
        name_groups=group_names(interactions.items if names is None else names),
    )


def _stages(interactions: Interactions) -> tuple[Doubles, Doubles]:
    """Mean and spread of log(1 + items held before) over an item's acquisitions, shrunk to the overall ones."""
    got = interactions.acquisitions
    place = np.arange(len(got.item)) - got.start[got.person]
    fresh = np.ones(len(place), bool)
    fresh[1:] = (got.person[1:] != got.person[:-1]) | (got.moment_index[1:] != got.moment_index[:-1])
    held_before = place[np.maximum.accumulate(np.where(fresh, np.arange(len(place)), 0))] if len(place) else place
    position = np.log1p(held_before)
    count = np.bincount(got.item, minlength=interactions.n_items)
    overall = float(position.mean()) if len(position) else 0.0
    variance = (float(position.var()) if len(position) else 0.0) + 0.1
    prior = 3.0  # acquisitions: the pull to the overall mean is gone after a dozen
    mean = (np.bincount(got.item, position, interactions.n_items) + prior * overall) / (count + prior)
    square = np.bincount(got.item, (position - mean[got.item]) ** 2, interactions.n_items)
    return mean, np.sqrt((square + prior * variance) / (count + prior))
