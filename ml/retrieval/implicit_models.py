"""Factor models of the package `implicit` behind the interface of scorers, if that package is installed.

Belongs here: passing our interactions to them. Does not belong here: our own scorers.
"""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Self

import numpy as np

from ml.data.interactions import Interactions, UserStates
from ml.data.sparse_rows import Floats
from ml.retrieval.base import build_acquisition_matrix

FACTOR_COUNT = 64
# Module, class and settings by name. alpha: how much more a held item counts than one that is not held.
IMPLICIT_MODELS: dict[str, tuple[str, str, dict[str, float]]] = {
    "implicit_als": (
        "implicit.cpu.als",
        "AlternatingLeastSquares",
        {"alpha": 10.0, "regularization": 1.0, "iterations": 15},
    ),
    "implicit_bpr": (
        "implicit.cpu.bpr",
        "BayesianPersonalizedRanking",
        {"learning_rate": 0.05, "regularization": 0.01, "iterations": 150},
    ),
}


@dataclass
class ImplicitFactors:
    """ALS or BPR with one thread and a seed. People are folded in from the items they hold, newcomers too.

    ALS folds in by the package's own least squares; BPR has no such step and takes the mean of the held items' factors.
    """

    name: str
    seed: int = 0
    model: Any = field(default=None, repr=False)

    def fit(self, interactions: Interactions) -> Self:
        module_name, class_name, settings = IMPLICIT_MODELS[self.name]
        estimator_class = getattr(import_module(module_name), class_name)  # imported here since the package is optional
        self.model = estimator_class(factors=FACTOR_COUNT, num_threads=1, random_state=self.seed, **settings)
        self.model.fit(build_acquisition_matrix(interactions), show_progress=False)
        return self

    def score(self, user_states: UserStates) -> Floats:
        """Return rows x items: factors of the person times factors of the items."""
        item_factors = np.asarray(self.model.item_factors, np.float32)
        people_by_held_items = user_states.matrix(len(item_factors))
        if self.name == "implicit_als":
            person_factors = self.model.recalculate_user(np.arange(len(user_states)), people_by_held_items)
        else:
            person_factors = (
                np.asarray(people_by_held_items @ item_factors) / np.maximum(user_states.item_counts, 1)[:, None]
            )
            person_factors[:, -1] = 1.0  # the package keeps the items' biases in the last factor
        return np.asarray(person_factors @ item_factors.T, np.float32)
