"""Features of (person, item) candidates as of a moment: one list names them, one function computes them.

Belongs here: the declared features with their families, their computation, the interface of features from elsewhere.
Does not belong here: weights, labels, anything that reads events at or after the row's cutoff.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
from scipy import sparse

from ml.data.interactions import UserStates
from ml.data.sparse_rows import Floats, Ints, Strings
from ml.retrieval.candidates import Candidates
from ml.retrieval.recent_popularity import WINDOW_BIN_COUNTS, compute_log_shares
from ml.retrieval.scorer_ensemble import CHANNELS, FeatureFamily, ScorerEnsemble


@dataclass(frozen=True)
class Feature:
    """One column of the feature matrix; contributions are summed per family.

    All three values are part of a model's card, and a model is refused if they differ from the code's: a changed
    meaning asks for a new training.
    """

    name: str
    family: FeatureFamily
    meaning: str


_NEGATIVE_LOG_RANKS = -np.log1p(np.arange(100_000)).astype(np.float32)  # longer than any list of candidates
# Of the item's name: the rows of ScorerEnsemble.name_groups.
NAME_GROUP_LEVELS = ("first_word", "first_part", "first_two_parts")
NAME_GROUP_MEASURES = {
    "share": "share of the history",
    "recent": "share of the latest moments",
    "idle": "-log of 1 + days (or steps) since the latest use",
    "trend": "log share of late adoptions",
}
CHANNEL_MEASURES = {
    "share": "{} score over the best open item's",
    "log": "log of 0.01 + {} share",
    "rank": "-log rank by {} among the candidates",
}

FEATURES: tuple[Feature, ...] = (
    *(
        Feature(f"{channel}_{measure}", family, meaning.format(channel))
        for channel, family in CHANNELS.items()
        for measure, meaning in CHANNEL_MEASURES.items()
    ),
    Feature("prior", "history", "mean standard score of the nominating scorers"),
    Feature("log_popularity", "trend", "log of 1 + people who ever acquired it"),
    *(
        Feature(f"trend_{n_bins}", "trend", f"log adoption share in the last {n_bins} time bins")
        for n_bins in WINDOW_BIN_COUNTS
    ),
    Feature("trend_all", "trend", "log adoption share so far"),
    Feature("trend_rise", "trend", "short trend less the share so far"),
    *(
        Feature(f"{level}_{measure}", "text", f"{meaning} in the item's {level}")
        for level in NAME_GROUP_LEVELS
        for measure, meaning in NAME_GROUP_MEASURES.items()
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


class ExtraFeatures(Protocol):
    """Features from HR, projects, learning, taxonomy or wishes, as of each pair's moment."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features in the order of the columns that a call returns."""
        ...

    def __call__(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Compute the features of pairs.

        Args:
            pairs: person_id, skill_id (the item), at.

        Returns:
            One row per pair in the same order, one numeric column per feature.
        """
        ...


@runtime_checkable
class CandidateNominator(Protocol):
    """Extra features that also score every item, so that an item which only they favour becomes a candidate."""

    def score_items(self, person_ids: Strings, moment_ticks: Ints, item_ids: Strings) -> Floats:
        """Score every item for some people.

        Args:
            person_ids: Person id of each row.
            moment_ticks: Moment of each row in ticks (see `ml.data.interactions.as_tick`).
            item_ids: Ids of the items to score.

        Returns:
            Rows x items; a higher score is likelier.
        """
        ...


def build_features(ensemble: ScorerEnsemble, user_states: UserStates, candidates: Candidates) -> Floats:
    """Compute the declared features of candidates.

    Args:
        ensemble: Scorers and item statistics; its items are those that `user_states` and `candidates` are coded by.
        user_states: What each row's person held before the row's cutoff.
        candidates: Rows x k candidates.

    Returns:
        (rows * k) x features in the order of FEATURES, the candidates of a row one after the other; 0 on padding.
    """
    n_rows, candidates_per_row = candidates.item.shape
    feature_matrix = np.concatenate(
        [
            *(_compute_channel_features(candidates, channel_index) for channel_index in range(len(CHANNELS))),
            candidates.prior[:, :, None],
            _compute_trend_features(ensemble, user_states, candidates),
            _compute_name_group_features(ensemble, user_states, candidates),
            _compute_age_features(ensemble, user_states, candidates),
            _compute_curriculum_features(ensemble, user_states, candidates),
            np.broadcast_to(_compute_person_features(user_states)[:, None, :], (n_rows, candidates_per_row, 4)),
        ],
        axis=2,
        dtype=np.float32,
    )
    feature_matrix[~candidates.is_candidate] = 0.0
    return feature_matrix.reshape(n_rows * candidates_per_row, len(FEATURES))


def build_extra_features(
    extra_features: ExtraFeatures,
    user_states: UserStates,
    candidate_items: Ints,
    person_ids: Strings,
    item_ids: Strings,
    *,
    is_calendar: bool,
) -> Floats:
    """Compute extra features of candidates and check their shape and values.

    Args:
        extra_features: The features to compute.
        user_states: Person and cutoff of each row.
        candidate_items: Rows x k item codes.
        person_ids: Person id of each person code.
        item_ids: Item id of each item code.
        is_calendar: Whether cutoffs are microseconds since 1970, else an integer order.

    Returns:
        (rows * k) x extra features, the candidates of a row one after the other.

    Raises:
        ValueError: `extra_features` returned another number of rows, or empty or infinite cells.
    """
    candidates_per_row = candidate_items.shape[1]
    candidate_moments = pl.Series(np.repeat(user_states.cutoff_tick, candidates_per_row))
    pairs = pl.DataFrame(
        {
            "person_id": pl.Series(
                person_ids[np.repeat(user_states.person, candidates_per_row)].tolist(), dtype=pl.String
            ),
            "skill_id": pl.Series(item_ids[candidate_items.ravel()].tolist(), dtype=pl.String),
            "at": candidate_moments.cast(pl.Datetime("us")) if is_calendar else candidate_moments,
        }
    )
    extra_columns = extra_features(pairs).select([feature.name for feature in extra_features.features])
    if extra_columns.height != pairs.height:
        raise ValueError(
            f"extra features returned {extra_columns.height} rows for {pairs.height} pairs: one row per pair is needed"
        )
    feature_matrix = extra_columns.to_numpy().astype(np.float32).reshape(extra_columns.shape)
    if not np.isfinite(feature_matrix).all():
        raise ValueError("extra features hold empty or infinite cells: give 0 and an indicator for unknown values")
    return feature_matrix


def find_first_and_latest_use(user_states: UserStates) -> tuple[Ints, Ints]:
    """The ticks of each row's first and latest use of any item; both are the row's cutoff if there is none."""
    first_ticks, latest_ticks = user_states.cutoff_tick.copy(), user_states.cutoff_tick.copy()
    np.minimum.at(first_ticks, user_states.row, user_states.first_used)
    latest_ticks[user_states.item_counts > 0] = np.iinfo(np.int64).min
    np.maximum.at(latest_ticks, user_states.row, user_states.last_used)
    return first_ticks, latest_ticks


def _compute_person_features(user_states: UserStates) -> Floats:
    """Rows x 4: the features that depend on the person alone."""
    moment_counts = np.zeros(len(user_states), np.int64)
    np.maximum.at(moment_counts, user_states.row, user_states.moments_back + 1)
    days_since_use = [
        (user_states.cutoff_tick - use_ticks) / user_states.ticks_per_day
        for use_ticks in find_first_and_latest_use(user_states)
    ]
    return np.stack(
        [
            np.log1p(np.maximum(counts_or_days, 0))
            for counts_or_days in ((user_states.item_counts, moment_counts, *days_since_use))
        ],
        axis=1,
    ).astype(np.float32)


def _compute_channel_features(candidates: Candidates, channel_index: int) -> Floats:
    channel_scores = np.where(candidates.is_candidate, candidates.channel_scores[channel_index], np.float32(0.0))
    score_shares = np.clip(
        channel_scores / (candidates.best_scores[channel_index][:, None] + np.float32(1e-9)), -1.0, 1.0
    )
    order_by_score = np.argsort(-np.where(candidates.is_candidate, channel_scores, -np.inf), axis=1, kind="stable")
    candidate_ranks = np.empty_like(order_by_score)
    np.put_along_axis(
        candidate_ranks,
        order_by_score,
        np.broadcast_to(np.arange(order_by_score.shape[1]), order_by_score.shape),
        axis=1,
    )
    return np.stack(
        [score_shares, np.log(np.float32(0.01) + np.maximum(score_shares, 0.0)), _NEGATIVE_LOG_RANKS[candidate_ranks]],
        axis=2,
        dtype=np.float32,
    )


def _compute_trend_features(ensemble: ScorerEnsemble, user_states: UserStates, candidates: Candidates) -> Floats:
    """Item counts are computed once per distinct moment: most rows of a block share theirs."""
    log_popularity = np.log1p(ensemble.popularity)[candidates.item]
    distinct_cutoffs, cutoff_index = np.unique(user_states.cutoff_tick, return_inverse=True)
    log_shares = [
        compute_log_shares(adoption_counts)[cutoff_index[:, None], candidates.item]
        for adoption_counts in (
            [ensemble.trend.recent_counts(distinct_cutoffs, n_bins) for n_bins in WINDOW_BIN_COUNTS]
            + [ensemble.trend.total_counts(distinct_cutoffs)]
        )
    ]
    return np.stack(
        [log_popularity, *log_shares, log_shares[1] - log_shares[-1]], axis=2, dtype=np.float32, casting="same_kind"
    )


def _compute_age_features(ensemble: ScorerEnsemble, user_states: UserStates, candidates: Candidates) -> Floats:
    age_ticks = np.maximum(user_states.cutoff_tick[:, None] - ensemble.trend.first_use[candidates.item], 0)
    return np.stack([ensemble.is_new[candidates.item], np.log1p(age_ticks / user_states.ticks_per_day)], axis=2).astype(
        np.float32
    )


def _compute_name_group_features(ensemble: ScorerEnsemble, user_states: UserStates, candidates: Candidates) -> Floats:
    n_rows, feature_columns = len(user_states), []
    distinct_cutoffs, cutoff_index = np.unique(user_states.cutoff_tick, return_inverse=True)
    recent_adoptions = ensemble.trend.recent_counts(distinct_cutoffs, WINDOW_BIN_COUNTS[1]) + np.float32(0.01)
    log_idle_days = np.log1p(user_states.idle_days)
    recency_weights = np.exp(-user_states.moments_back / 2.0)
    entry_weights_and_totals = [
        (np.ones(len(recency_weights)), user_states.item_counts),
        (recency_weights, np.bincount(user_states.row, recency_weights, n_rows)),
    ]
    for group_codes in ensemble.name_groups:
        n_groups = int(group_codes.max(initial=0)) + 1
        # A history holds few of the groups: only (row, group) pairs that occur are counted and looked up.
        held_pair_keys, entry_pair_index = np.unique(
            user_states.row * n_groups + group_codes[user_states.item], return_inverse=True
        )
        candidate_pair_keys = np.arange(n_rows)[:, None] * n_groups + group_codes[candidates.item]
        candidate_pair_index = np.searchsorted(held_pair_keys, candidate_pair_keys)
        candidate_pair_index = np.where(
            np.append(held_pair_keys, -1)[candidate_pair_index] == candidate_pair_keys,
            candidate_pair_index,
            len(held_pair_keys),
        )
        for entry_weights, weight_totals in entry_weights_and_totals:
            feature_columns.append(
                np.append(np.bincount(entry_pair_index, entry_weights, len(held_pair_keys)), 0.0)[candidate_pair_index]
                / np.maximum(weight_totals, 1e-9)[:, None]
            )
        min_log_idle_days = np.full(len(held_pair_keys) + 1, 9.0)  # e^9 days stands for never
        np.minimum.at(min_log_idle_days, entry_pair_index, log_idle_days)
        feature_columns.append(-min_log_idle_days[candidate_pair_index])
        items_by_groups = sparse.csr_matrix(
            (np.ones(len(group_codes), np.float32), (np.arange(len(group_codes)), group_codes))
        )
        feature_columns.append(
            compute_log_shares(recent_adoptions @ items_by_groups)[cutoff_index[:, None], group_codes[candidates.item]]
        )
    return np.stack(feature_columns, axis=2, dtype=np.float32, casting="same_kind")


def _compute_curriculum_features(ensemble: ScorerEnsemble, user_states: UserStates, candidates: Candidates) -> Floats:
    position_gap = np.log1p(user_states.item_counts)[:, None] - ensemble.position_mean[candidates.item]
    scaled_gap = position_gap / ensemble.position_deviation[candidates.item]
    return np.stack([position_gap, scaled_gap, np.abs(scaled_gap)], axis=2).astype(np.float32)
