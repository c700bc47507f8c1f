"""Baselines: the simple recommenders that ours is compared with.

Belongs here: their names and settings. Does not belong here: the scorers themselves, metrics.
"""

from importlib.util import find_spec

from ml.data.ranker_config import RankerConfig
from ml.retrieval.base import Scorer
from ml.retrieval.ease import Ease
from ml.retrieval.implicit_models import IMPLICIT_MODELS, ImplicitFactors
from ml.retrieval.item_knn import ItemKNN
from ml.retrieval.markov import Markov
from ml.retrieval.popularity import Popularity
from ml.retrieval.recent_popularity import RecentPopularity
from ml.retrieval.user_knn import UserKNN

# These run anywhere; `list_available_baselines` adds those whose package is installed.
BASELINES = ("popularity", "recent_popularity", "item_knn", "ease", "markov", "user_knn")


def list_available_baselines() -> tuple[str, ...]:
    """Return the names of all baselines that can run here."""
    return (*BASELINES, *(IMPLICIT_MODELS if find_spec("implicit") else ()))


def build_baseline(model_name: str, config: RankerConfig, seed: int) -> Scorer:
    """Return the unfitted scorer of that name, with the settings that our recommender uses for it."""
    scorer_by_name: dict[str, Scorer] = {
        "popularity": Popularity(),
        "recent_popularity": RecentPopularity(),
        "item_knn": ItemKNN(neighbours=config.item_neighbours, shrink=config.item_shrink),
        "ease": Ease(ridge=config.ease_ridge, entries_per_row=config.entries_per_row),
        "markov": Markov(decay_moments=config.decay_moments[2], entries_per_row=config.entries_per_row),
        "user_knn": UserKNN(neighbours=config.user_neighbours, seed=seed),
        **{implicit_name: ImplicitFactors(implicit_name, seed) for implicit_name in IMPLICIT_MODELS},
    }
    return scorer_by_name[model_name]
