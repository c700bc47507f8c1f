"""Peers: the simple recommenders that ours is measured against.

Belongs here: their names and settings. Does not belong here: the scorers themselves, metrics.
"""

from ml.data.ranker_config import RankerConfig
from ml.retrieval.base import Scorer
from ml.retrieval.ease import Ease
from ml.retrieval.implicit_models import IMPLICIT, ImplicitFactors, installed_baselines
from ml.retrieval.item_knn import ItemKNN
from ml.retrieval.markov import Markov
from ml.retrieval.popularity import Popularity
from ml.retrieval.recent_popularity import RecentPopularity
from ml.retrieval.user_knn import UserKNN

# Ours to run anywhere; those of `installed_peers` join where their package is.
BASELINES = ("popularity", "recent_popularity", "item_knn", "ease", "markov", "user_knn")


def available_baselines() -> tuple[str, ...]:
    """Every peer that can run here."""
    return (*BASELINES, *installed_baselines())


def build_baseline(name: str, config: RankerConfig, seed: int) -> Scorer:
    """The unfitted scorer of that name, set up as the policy has it for our own use of it."""
    scorers: dict[str, Scorer] = {
        "popularity": Popularity(),
        "recent_popularity": RecentPopularity(),
        "item_knn": ItemKNN(neighbours=config.item_neighbours, shrink=config.item_shrink),
        "ease": Ease(ridge=config.ease_ridge, entries=config.row_entries),
        "markov": Markov(tau=config.taus[2], entries=config.row_entries),
        "user_knn": UserKNN(neighbours=config.user_neighbours, seed=seed),
        **{peer: ImplicitFactors(peer, seed) for peer in IMPLICIT},
    }
    return scorers[name]
