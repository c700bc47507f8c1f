"""Peers from other packages, where these are installed: the factor models of `implicit` behind the scorers' interface.

Belongs here: handing our histories to them, frozen as every model is. Does not belong here: our own scorers.
"""

from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Self

import numpy as np

from ml.data.interactions import Floats, Interactions, UserStates
from ml.retrieval.base import acquisition_matrix

IMPLICIT = ("implicit_als", "implicit_bpr")
FACTORS = 64
CONFIDENCE = 10.0  # ALS: how much more a held item counts than one not held
ROUNDS = {"implicit_als": 15, "implicit_bpr": 150}


def installed_baselines() -> tuple[str, ...]:
    """Names of the models whose package is there."""
    return IMPLICIT if find_spec("implicit") is not None else ()


@dataclass
class ImplicitFactors:
    """ALS or BPR with one thread and a seed. People are folded in from what they hold, so newcomers are served too:
    by the package's own least squares for ALS, by the mean of the held items' factors for BPR, which has no such step.
    """

    name: str
    seed: int = 0
    model: Any = field(default=None, repr=False)

    def fit(self, interactions: Interactions) -> Self:
        settings = {"factors": FACTORS, "iterations": ROUNDS[self.name], "num_threads": 1, "random_state": self.seed}
        if self.name == "implicit_als":
            kind = import_module("implicit.cpu.als").AlternatingLeastSquares
            self.model = kind(alpha=CONFIDENCE, regularization=1.0, **settings)
        else:
            kind = import_module("implicit.cpu.bpr").BayesianPersonalizedRanking
            self.model = kind(learning_rate=0.05, regularization=0.01, **settings)
        self.model.fit(acquisition_matrix(interactions), show_progress=False)
        return self

    def score(self, user_states: UserStates) -> Floats:
        """Rows x items: factors of the person times factors of the items."""
        factors = np.asarray(self.model.item_factors, np.float32)
        held = user_states.matrix(len(factors))
        if self.name == "implicit_als":
            people = self.model.recalculate_user(np.arange(len(user_states)), held)
        else:
            people = np.asarray(held @ factors) / np.maximum(user_states.item_counts, 1)[:, None]
            people[:, -1] = 1.0  # the package keeps the items' biases in the last factor
        return np.asarray(people @ factors.T, np.float32)
