"""Peers: the simple recommenders that ours is measured against.

Belongs here: their names and settings. Does not belong here: the scorers themselves, metrics.
"""

from ml.data.ranker_config import Policy
from ml.retrieval.base import Scorer
from ml.retrieval.ease import Ease
from ml.retrieval.implicit_models import IMPLICIT, ImplicitFactors, installed_peers
from ml.retrieval.item_knn import ItemKNN
from ml.retrieval.markov import Markov
from ml.retrieval.popularity import Popularity
from ml.retrieval.recent_popularity import RecentPopularity
from ml.retrieval.user_knn import UserKNN

# Ours to run anywhere; those of `installed_peers` join where their package is.
PEERS = ("popularity", "recent_popularity", "item_knn", "ease", "markov", "user_knn")


def all_peers() -> tuple[str, ...]:
    """Every peer that can run here."""
    return (*PEERS, *installed_peers())


def build_peer(name: str, policy: Policy, seed: int) -> Scorer:
    """The unfitted scorer of that name, set up as the policy has it for our own use of it."""
    scorers: dict[str, Scorer] = {
        "popularity": Popularity(),
        "recent_popularity": RecentPopularity(),
        "item_knn": ItemKNN(neighbours=policy.item_neighbours, shrink=policy.item_shrink),
        "ease": Ease(ridge=policy.ease_ridge, entries=policy.row_entries),
        "markov": Markov(tau=policy.taus[2], entries=policy.row_entries),
        "user_knn": UserKNN(neighbours=policy.user_neighbours, seed=seed),
        **{peer: ImplicitFactors(peer, seed) for peer in IMPLICIT},
    }
    return scorers[name]
