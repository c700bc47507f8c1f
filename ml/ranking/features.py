"""Features of (person, item) candidates as of a moment: one list names them, one function computes them.

Belongs here: the declared features with their families, their computation, and the hook for features from elsewhere.
Does not belong here: weights, labels, anything that reads later than the row's cut.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
from scipy import sparse

from ml.data.interactions import Floats, Ints, Strings, UserStates
from ml.retrieval.candidates import Candidates
from ml.retrieval.recent_popularity import WINDOWS, log_share
from ml.retrieval.scorer_ensemble import CHANNELS, FeatureFamily, ScorerEnsemble


@dataclass(frozen=True)
class Feature:
    """One column of the matrix; its family is what contributions are summed by."""

    name: str
    family: FeatureFamily
    meaning: str


_MINUS_LOG_RANK = -np.log1p(np.arange(100_000)).astype(np.float32)  # of more candidates than anybody ranks
LEVELS = ("first_word", "first_part", "first_two_parts")  # of its name: the rows of Panel.group
GROUP_KINDS = {
    "share": "share of the history",
    "recent": "share of the latest moments",
    "idle": "-log of 1 + days (or steps) since the latest use",
    "trend": "log share of late adoptions",
}


def _declared() -> tuple[Feature, ...]:
    features = []
    for channel, family in CHANNELS.items():
        features += [
            Feature(f"{channel}_share", family, f"{channel} score over the best open item's"),
            Feature(f"{channel}_log", family, f"log of 0.01 + {channel} share"),
            Feature(f"{channel}_rank", family, f"-log rank by {channel} among the candidates"),
        ]
    return (
        *features,
        Feature("prior", "history", "mean standard score of the nominating scorers"),
        Feature("log_popularity", "trend", "log of 1 + people who ever acquired it"),
        *(Feature(f"trend_{bins}", "trend", f"log adoption share in the last {bins} time bins") for bins in WINDOWS),
        Feature("trend_all", "trend", "log adoption share so far"),
        Feature("trend_rise", "trend", "short trend less the share so far"),
        *(
            Feature(f"{level}_{kind}", "text", f"{meaning} in the item's {level}")
            for level in LEVELS
            for kind, meaning in GROUP_KINDS.items()
        ),
        Feature("is_new", "trend", "1 where nobody held it when the scorers were fitted"),
        Feature("log_age", "trend", "log of 1 + days (or steps) since anybody first took it"),
        Feature("stage_gap", "curriculum", "log history length less the item's mean at acquisition"),
        Feature("stage_z", "curriculum", "the gap over the item's spread"),
        Feature("stage_miss", "curriculum", "size of stage_z"),
        Feature("log_held", "context", "log of 1 + items held"),
        Feature("log_moments", "context", "log of 1 + distinct moments"),
        Feature("log_tenure", "context", "log of 1 + days (or steps) since the first use"),
        Feature("log_idle", "context", "log of 1 + days (or steps) since the latest use"),
    )


FEATURES: tuple[Feature, ...] = _declared()


class ExtraFeatures(Protocol):
    """Features the flow computes from HR, projects, learning, taxonomy or wishes, as of each pair's moment."""

    @property
    def features(self) -> tuple[Feature, ...]: ...

    def __call__(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """pairs: person_id, skill_id, at. Returns one numeric column a declared feature, rows in the same order."""
        ...


@runtime_checkable
class CandidateNominator(Protocol):
    """Extra features that also score every item, so that what only they favour becomes a candidate."""

    def score_items(self, people: Strings, at: Ints, items: Strings) -> Floats:
        """Rows x items, higher is likelier; one person and one moment (in ticks) a row."""
        ...


@dataclass(frozen=True, eq=False)
class TimelessFeatures:
    """Extra features that hold at any moment, joined on person_id, skill_id, or both; absent pairs get 0."""

    frame: pl.DataFrame
    families: Mapping[str, FeatureFamily]

    @property
    def features(self) -> tuple[Feature, ...]:
        return tuple(Feature(name, family, "joined in") for name, family in self.families.items())

    def __call__(self, pairs: pl.DataFrame) -> pl.DataFrame:
        keys = [key for key in ("person_id", "skill_id") if key in self.frame.columns]
        joined = pairs.join(self.frame, on=keys, how="left", maintain_order="left")
        return joined.select(pl.col(list(self.families)).cast(pl.Float64).fill_null(0.0).fill_nan(0.0))


def build_features(ensemble: ScorerEnsemble, user_states: UserStates, candidates: Candidates) -> Floats:
    """(rows * k) x features, in the order of FEATURES; candidates of a row stand together."""
    rows, size = candidates.item.shape
    matrix = np.zeros((rows, size, len(FEATURES)), np.float32)
    column = 0
    for channel in range(len(CHANNELS)):
        matrix[:, :, column : column + 3] = _channel(candidates, channel)
        column += 3
    for block in (
        candidates.prior[:, :, None],
        _trend(ensemble, user_states, candidates),
        _group(ensemble, user_states, candidates),
        _newness(ensemble, user_states, candidates),
        _curriculum(ensemble, user_states, candidates),
        np.broadcast_to(context(user_states)[:, None, :], (rows, size, 4)),
    ):
        matrix[:, :, column : column + block.shape[2]] = block
        column += block.shape[2]
    matrix[~candidates.real] = 0.0
    return matrix.reshape(rows * size, len(FEATURES))


def context(user_states: UserStates) -> Floats:
    """Rows x 4: what is known of the person alone."""
    empty = user_states.item_counts == 0
    first, latest, moments = user_states.cut.copy(), user_states.cut.copy(), np.zeros(len(user_states), np.int64)
    np.minimum.at(first, user_states.row, user_states.first_used)
    latest[~empty] = np.iinfo(np.int64).min
    np.maximum.at(latest, user_states.row, user_states.last_used)
    np.maximum.at(moments, user_states.row, user_states.moments_back + 1)
    ticks_per_day = user_states.ticks_per_day
    columns = (
        user_states.item_counts,
        moments,
        (user_states.cut - first) / ticks_per_day,
        (user_states.cut - latest) / ticks_per_day,
    )
    return np.stack([np.log1p(np.maximum(column, 0)) for column in columns], axis=1).astype(np.float32)


def build_extra_features(
    extra: ExtraFeatures,
    user_states: UserStates,
    candidates: Candidates,
    people: Strings,
    ensemble: ScorerEnsemble,
    is_calendar: bool,
) -> Floats:
    """(rows * k) x extra features, checked for shape and for gaps."""
    rows, size = candidates.item.shape
    moment = pl.Series(np.repeat(user_states.cut, size))
    pairs = pl.DataFrame(
        {
            "person_id": pl.Series(people[np.repeat(user_states.person, size)].tolist(), dtype=pl.String),
            "skill_id": pl.Series(ensemble.items[candidates.item.ravel()].tolist(), dtype=pl.String),
            "at": moment.cast(pl.Datetime("us")) if is_calendar else moment,
        }
    )
    frame = extra(pairs).select([feature.name for feature in extra.features])
    if frame.height != rows * size:
        raise ValueError(f"extra features returned {frame.height} rows for {rows * size} pairs: keep one row a pair")
    matrix = frame.to_numpy().astype(np.float32).reshape(rows * size, len(extra.features))
    if not np.isfinite(matrix).all():
        raise ValueError("extra features hold empty or infinite cells: say 0 and add an indicator where unknown")
    return matrix


def _channel(candidates: Candidates, channel: int) -> Floats:
    best = candidates.best_scores[channel][:, None]
    taken = np.where(candidates.real, candidates.channel_scores[channel], np.float32(0.0))
    share = np.clip(taken / (best + np.float32(1e-9)), -1.0, 1.0)
    order = np.argsort(-np.where(candidates.real, taken, -np.inf), axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(order.shape[1]), order.shape), axis=1)
    return np.stack(
        [share, np.log(np.float32(0.01) + np.maximum(share, 0.0)), _MINUS_LOG_RANK[rank]], axis=2, dtype=np.float32
    )


def _trend(ensemble: ScorerEnsemble, user_states: UserStates, candidates: Candidates) -> Floats:
    """What is counted of items as of a moment is counted once a moment: most rows of a block share theirs."""
    popular = np.log1p(ensemble.popularity)[candidates.item]
    cut, when = np.unique(user_states.cut, return_inverse=True)
    counts = [ensemble.trend.recent_counts(cut, window) for window in WINDOWS] + [ensemble.trend.total_counts(cut)]
    logs = [log_share(count)[when[:, None], candidates.item] for count in counts]
    return np.stack([popular, *logs, logs[1] - logs[-1]], axis=2, dtype=np.float32, casting="same_kind")


def _newness(ensemble: ScorerEnsemble, user_states: UserStates, candidates: Candidates) -> Floats:
    ticks_per_day = user_states.ticks_per_day
    age = np.maximum(user_states.cut[:, None] - ensemble.trend.first_use[candidates.item], 0) / ticks_per_day
    return np.stack([ensemble.is_new[candidates.item], np.log1p(age)], axis=2).astype(np.float32)


def _group(ensemble: ScorerEnsemble, user_states: UserStates, candidates: Candidates) -> Floats:
    shape, columns = candidates.item.shape, []
    cut, when = np.unique(user_states.cut, return_inverse=True)
    late = ensemble.trend.recent_counts(cut, WINDOWS[1]) + np.float32(0.01)
    idle = np.log1p(user_states.idle_days)
    recency = np.exp(-user_states.moments_back / 2.0)
    weights = [
        (np.ones(len(recency)), user_states.item_counts),
        (recency, np.bincount(user_states.row, recency, shape[0])),
    ]
    for group in ensemble.name_groups:
        count = int(group.max(initial=0)) + 1
        # Few of the groups occur in a history: look up those that do instead of counting all.
        held, slot = np.unique(user_states.row * count + group[user_states.item], return_inverse=True)
        wanted = np.arange(shape[0])[:, None] * count + group[candidates.item]
        place = np.minimum(np.searchsorted(held, wanted), max(len(held) - 1, 0))
        known = held[place] == wanted if len(held) else np.zeros(shape, bool)
        for weight, total in weights:
            amount = np.append(np.bincount(slot, weight, len(held)), 0.0)
            columns.append(np.where(known, amount[place], 0.0) / np.maximum(total, 1e-9)[:, None])
        latest = np.full(len(held) + 1, 9.0)  # e^9 days: as if never
        np.minimum.at(latest, slot, idle)
        columns.append(-np.where(known, latest[place], 9.0))
        member = sparse.csr_matrix((np.ones(len(group), np.float32), (np.arange(len(group)), group)))
        columns.append(log_share(late @ member)[when[:, None], group[candidates.item]])
    return np.stack(columns, axis=2, dtype=np.float32, casting="same_kind")


def _curriculum(ensemble: ScorerEnsemble, user_states: UserStates, candidates: Candidates) -> Floats:
    gap = np.log1p(user_states.item_counts)[:, None] - ensemble.position_mean[candidates.item]
    z = gap / ensemble.position_deviation[candidates.item]
    return np.stack([gap, z, np.abs(z)], axis=2).astype(np.float32)
