"""The panel: all fitted scorers and item statistics together, at the moment they were fitted.

Belongs here: which scorers there are, their families, what is known of items (popularity, curriculum stage, group).
Does not belong here: the learned ranking over them.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ml.histories import Bools, Doubles, Floats, Histories, Ints, Names, Prefixes
from ml.policy import Policy
from ml.scorers.ease import Ease
from ml.scorers.item_knn import ItemKNN
from ml.scorers.markov import Markov
from ml.scorers.name_text import NameText, name_groups
from ml.scorers.popularity import Popularity
from ml.scorers.recent_popularity import RecentPopularity
from ml.scorers.scorer import Scorer
from ml.scorers.user_knn import UserKNN

Family = Literal[
    "history", "trend", "curriculum", "text", "context", "hr", "projects", "learning", "taxonomy", "wishes"
]

CHANNELS: dict[str, Family] = {
    "ease": "history",
    "ease_recent": "history",
    "ease_last": "history",
    "item_knn": "history",
    "item_knn_recent": "history",
    "markov": "history",
    "markov_last": "history",
    "user_knn": "history",
    "name_text": "text",
    "recent_popularity": "trend",
}
NOMINATING = ("ease", "ease_recent", "item_knn_recent", "markov_last", "user_knn", "recent_popularity")


@dataclass(frozen=True, eq=False)
class Panel:
    """Fitted scorers by channel, and one entry an item of each statistic."""

    items: Names
    scorers: dict[str, Scorer]
    trend: RecentPopularity
    popularity: Doubles
    stage: Doubles  # mean log(1 + items held before) at acquisition
    stage_spread: Doubles
    group: Ints

    def score(self, prefixes: Prefixes) -> Floats:
        """Channels x rows x items, in the order of CHANNELS."""
        scores = np.empty((len(CHANNELS), len(prefixes), len(self.items)), np.float32)
        for place, channel in enumerate(CHANNELS):
            scores[place] = self.scorers[channel].score(prefixes)
        return scores

    def observing(self, histories: Histories) -> "Panel":
        """The same panel with the trend counted on these histories: scorers stay frozen, adoption counts move on."""
        trend = replace(self.trend).count(histories)
        return replace(self, trend=trend, scorers={**self.scorers, "recent_popularity": trend})


def fit_panel(histories: Histories, policy: Policy, *, names: Names | None = None, seed: int = 0) -> Panel:
    """Fit every scorer on these histories. `names` has one entry an item; the ids are read as names without it."""
    whole, recent, last = policy.taus
    ease = Ease(ridge=policy.ease_ridge, entries=policy.row_entries).fit(histories)
    knn = ItemKNN(neighbours=policy.item_neighbours, shrink=policy.item_shrink).fit(histories)
    markov = Markov(tau=recent, entries=policy.row_entries).fit(histories)
    trend = RecentPopularity().fit(histories)
    stage, spread = _stages(histories)
    return Panel(
        items=histories.items,
        scorers={
            "ease": ease.decayed(whole),
            "ease_recent": ease.decayed(recent),
            "ease_last": ease.decayed(last),
            "item_knn": knn.decayed(whole),
            "item_knn_recent": knn.decayed(last),
            "markov": markov,
            "markov_last": markov.decayed(last),
            "user_knn": UserKNN(neighbours=policy.user_neighbours, tau=recent, seed=seed).fit(histories),
            "name_text": NameText(names=names, tau=recent).fit(histories),
            "recent_popularity": trend,
        },
        trend=trend,
        popularity=Popularity().fit(histories).counts,
        stage=stage,
        stage_spread=spread,
        group=name_groups(histories.items if names is None else names),
    )


def masked(scores: Floats, open_items: Bools) -> Floats:
    """Scores with minus infinity where an item may not be recommended. Rows x items, or channels x rows x items."""
    return np.where(open_items, scores, np.float32(-np.inf))


def _stages(histories: Histories) -> tuple[Doubles, Doubles]:
    """Mean and spread of log(1 + items held before) over an item's acquisitions, shrunk to the overall ones."""
    got = histories.acquisitions
    place = np.arange(len(got.item)) - got.start[got.person]
    fresh = np.ones(len(place), bool)
    fresh[1:] = (got.person[1:] != got.person[:-1]) | (got.group[1:] != got.group[:-1])
    held_before = place[np.maximum.accumulate(np.where(fresh, np.arange(len(place)), 0))] if len(place) else place
    position = np.log1p(held_before)
    count = np.bincount(got.item, minlength=histories.n_items)
    overall = float(position.mean()) if len(position) else 0.0
    variance = (float(position.var()) if len(position) else 0.0) + 0.1
    prior = 3.0  # acquisitions: the pull to the overall mean is gone after a dozen
    mean = (np.bincount(got.item, position, histories.n_items) + prior * overall) / (count + prior)
    square = np.bincount(got.item, (position - mean[got.item]) ** 2, histories.n_items)
    return mean, np.sqrt((square + prior * variance) / (count + prior))
