"""Features of what colleagues of the same role or unit took; they serve people without a history.

Belongs here: adoption within a person's groups as of each pair's moment, shrunk towards everybody's.
Does not belong here: which groups a company has, ranking.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from scipy import sparse

from ml.data.encoding import encode_ids
from ml.data.interactions import as_ticks
from ml.data.sparse_rows import Floats, Ints, Strings
from ml.ranking.features import Feature

SHRINKAGE_PEOPLE = 5.0  # people of the whole company added to each group: a group of five weighs as much as they do
MAX_MOMENTS = 200  # moments with counts of their own; other moments use the latest of these before them
CACHED_CELLS = 20_000_000  # groups x items of the cached moments: 80 MB
ALWAYS_TICK = np.iinfo(np.int64).min
NEVER_TICK = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class GroupFeatures:
    """Extra features (see `ml.ranking.features.ExtraFeatures`) of adoption in a person's groups.

    A person may be in several groups, for instance a role and a unit (give them different names). The counts are of
    first events before the pair's moment, of the people who are in the group at that moment.

    Attributes:
        events: person_id, skill_id (the item), ts (date, datetime, or an integer order).
        memberships: person_id, group, and optionally since and until, in the type of `ts`. A membership without
            `since` has always held, one without `until` lasts.
    """

    events: pl.DataFrame
    memberships: pl.DataFrame
    _log_shares_by_moment: dict[int, tuple[Floats, Floats]] = field(default_factory=dict, init=False, repr=False)

    @property
    def features(self) -> tuple[Feature, ...]:
        return (
            Feature("group_adoption", "hr", "log of the item's share of what the person's groups took"),
            Feature("group_lift", "hr", "the same less the log share of everybody, mean over the groups"),
            Feature("group_lift_best", "hr", "the same of the group where it is highest"),
        )

    def __call__(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """One row per pair (person_id, skill_id, at) in the same order, one column per feature.

        People in no group get the share of everybody and a lift of 0; an item without events gets zeros.
        """
        person_ids, person_codes = np.unique(pairs["person_id"].to_numpy().astype(str), return_inverse=True)
        item_codes = encode_ids(pairs["skill_id"].cast(pl.String), self._group_index.item_ids)
        feature_matrix = np.zeros((pairs.height, 3), np.float32)
        moment_ticks, moment_index_per_pair = np.unique(self._round_to_grid(as_ticks(pairs["at"])), return_inverse=True)
        for moment_index, moment_tick in enumerate(moment_ticks.tolist()):
            row_indices = np.flatnonzero((moment_index_per_pair == moment_index) & (item_codes >= 0))
            feature_matrix[row_indices] = self._features_at(
                moment_tick, person_ids, person_codes[row_indices], item_codes[row_indices]
            )
        return pl.DataFrame(feature_matrix, schema=[feature.name for feature in self.features], orient="row")

    def score_items(self, person_ids: Strings, moment_ticks: Ints, item_ids: Strings) -> Floats:
        """Rows x items: the share whose log is `group_adoption`; 0 for an item without events.

        See `ml.ranking.features.CandidateNominator`.
        """
        scores = np.zeros((len(person_ids), len(item_ids)), np.float32)
        item_codes = encode_ids(item_ids, self._group_index.item_ids)
        known_item_columns = np.flatnonzero(item_codes >= 0)
        grid_ticks = self._round_to_grid(moment_ticks)
        for moment_tick in np.unique(grid_ticks).tolist():
            row_indices = np.flatnonzero(grid_ticks == moment_tick)
            log_adoption_shares = self._features_at(
                moment_tick,
                person_ids[row_indices],
                np.repeat(np.arange(len(row_indices)), len(known_item_columns)),
                np.tile(item_codes[known_item_columns], len(row_indices)),
            )[:, 0]
            # Shares instead of their logs: the few items that a group takes must differ clearly from the many others.
            scores[np.ix_(row_indices, known_item_columns)] = np.exp(log_adoption_shares).reshape(
                len(row_indices), len(known_item_columns)
            )
        return scores

    def _features_at(self, moment_tick: int, person_ids: Strings, person_codes: Ints, item_codes: Ints) -> Floats:
        """Pairs x 3: the features of each pair of person and item at one moment."""
        log_shares, lift_per_group = self._log_shares_at(moment_tick)
        pair_group_lifts = lift_per_group[self._groups_of(moment_tick, person_ids)[person_codes], item_codes[:, None]]
        has_lift = np.isfinite(pair_group_lifts)
        mean_lifts = np.nansum(pair_group_lifts, axis=1) / np.maximum(has_lift.sum(axis=1), 1)
        return np.stack(
            [
                log_shares[item_codes] + mean_lifts,
                mean_lifts,
                np.where(has_lift.any(axis=1), np.where(has_lift, pair_group_lifts, -np.inf).max(axis=1), 0.0),
            ],
            axis=1,
        ).astype(np.float32)

    def _log_shares_at(self, moment_tick: int) -> tuple[Floats, Floats]:
        """The log share per item, and the log lift over it: (groups + 1) x items, NaN in the last row for no group."""
        if moment_tick in self._log_shares_by_moment:
            return self._log_shares_by_moment[moment_tick]
        group_index = self._group_index
        n_past_events = int(np.searchsorted(group_index.event_times, moment_tick))
        n_items = len(group_index.item_ids)
        adoption_counts = np.bincount(group_index.event_items[:n_past_events], minlength=n_items) + 0.5
        overall_shares = adoption_counts / adoption_counts.sum()
        is_member = (
            (group_index.membership_since <= moment_tick)
            & (moment_tick < group_index.membership_until)
            & (group_index.membership_people >= 0)
        )
        groups_by_people = sparse.csr_matrix(
            (
                np.ones(int(is_member.sum()), np.float32),
                (group_index.membership_groups[is_member], group_index.membership_people[is_member]),
            ),
            shape=(group_index.n_groups, group_index.n_people),
        )
        groups_by_people.data[:] = 1.0  # a repeated membership counts once
        people_by_items = sparse.csr_matrix(
            (
                np.ones(n_past_events, np.float32),
                (group_index.event_people[:n_past_events], group_index.event_items[:n_past_events]),
            ),
            shape=(group_index.n_people, n_items),
        )
        groups_by_items = np.asarray((groups_by_people @ people_by_items).todense(), np.float64)
        prior_adoption_count = (
            SHRINKAGE_PEOPLE * n_past_events / max(len(np.unique(group_index.event_people[:n_past_events])), 1) + 1e-9
        )
        log_shares_and_lifts = (
            np.log(overall_shares).astype(np.float32),
            np.concatenate(
                [
                    np.log(
                        (groups_by_items + prior_adoption_count * overall_shares)
                        / (groups_by_items.sum(axis=1, keepdims=True) + prior_adoption_count)
                        / overall_shares
                    ),
                    np.full((1, n_items), np.nan),
                ]
            ).astype(np.float32),
        )
        if (len(self._log_shares_by_moment) + 1) * (group_index.n_groups + 1) * n_items <= CACHED_CELLS:
            self._log_shares_by_moment[moment_tick] = log_shares_and_lifts
        return log_shares_and_lifts

    def _groups_of(self, moment_tick: int, person_ids: Strings) -> Ints:
        """People x most memberships: codes of the groups they are in at the moment, -1 on padding."""
        group_index = self._group_index
        is_current_membership = (group_index.membership_since <= moment_tick) & (
            moment_tick < group_index.membership_until
        )
        current_person_ids, group_codes = (
            group_index.membership_person_ids[is_current_membership],
            group_index.membership_groups[is_current_membership],
        )
        person_codes = np.minimum(np.searchsorted(person_ids, current_person_ids), len(person_ids) - 1)
        is_listed_person = person_ids[person_codes] == current_person_ids
        person_group_pairs = np.unique(
            np.stack([person_codes[is_listed_person], group_codes[is_listed_person]], axis=1), axis=0
        )
        membership_numbers = np.arange(len(person_group_pairs)) - np.searchsorted(
            person_group_pairs[:, 0], person_group_pairs[:, 0]
        )
        group_codes_per_person = np.full((len(person_ids), int(membership_numbers.max(initial=0)) + 1), -1, np.int64)
        group_codes_per_person[person_group_pairs[:, 0], membership_numbers] = person_group_pairs[:, 1]
        return group_codes_per_person

    def _round_to_grid(self, moment_ticks: Ints) -> Ints:
        """Each moment, or the latest grid moment before it if there are more than MAX_MOMENTS."""
        distinct_ticks = np.unique(moment_ticks)
        grid_ticks = distinct_ticks[:: max(-(-len(distinct_ticks) // MAX_MOMENTS), 1)]
        return np.asarray(grid_ticks[np.searchsorted(grid_ticks, moment_ticks, side="right") - 1], np.int64)

    @cached_property
    def _group_index(self) -> "_GroupIndex":
        return _GroupIndex(self.events, self.memberships)


class _GroupIndex:
    """First events and memberships as codes.

    Attributes:
        item_ids: The ids of the items that have events, sorted.
        n_people: Number of people who have events.
        n_groups: Number of groups.
        event_people: Person of each first event; the first events are sorted by time.
        event_items: Item of each first event.
        event_times: Tick of each first event.
        membership_person_ids: person_id of each membership.
        membership_people: Person of each membership; -1 if the person has no events.
        membership_groups: Group of each membership.
        membership_since: Tick from which each membership holds.
        membership_until: Tick at which each membership has ended.
    """

    def __init__(self, events: pl.DataFrame, memberships: pl.DataFrame) -> None:
        first_events = (
            events.select(pl.col("person_id", "skill_id").cast(pl.String), pl.Series("ts", as_ticks(events["ts"])))
            .group_by("person_id", "skill_id")
            .agg(pl.col("ts").min())
            .sort("ts", "person_id", "skill_id")
        )
        # polars sorts texts as numpy does, and much faster
        person_ids, self.item_ids = (
            first_events[id_column_name].unique().sort() for id_column_name in ("person_id", "skill_id")
        )
        self.n_people = len(person_ids)
        self.event_times = first_events["ts"].to_numpy()
        self.event_people = encode_ids(first_events["person_id"], person_ids)
        self.event_items = encode_ids(first_events["skill_id"], self.item_ids)
        valid_memberships = memberships.drop_nulls(["person_id", "group"]).with_columns(
            pl.col("person_id", "group").cast(pl.String)
        )
        group_names = valid_memberships["group"].unique().sort()
        self.n_groups = len(group_names)
        self.membership_groups = encode_ids(valid_memberships["group"], group_names)
        self.membership_person_ids = valid_memberships["person_id"].to_numpy().astype(str)
        self.membership_people = encode_ids(valid_memberships["person_id"], person_ids)
        self.membership_since, self.membership_until = (
            _read_bound_ticks(valid_memberships, "since", ALWAYS_TICK),
            _read_bound_ticks(valid_memberships, "until", NEVER_TICK),
        )


def _read_bound_ticks(memberships: pl.DataFrame, bound_column: str, default_tick: int) -> Ints:
    """The column in ticks; `default_tick` for null and if the column is missing."""
    bound_ticks = np.full(memberships.height, default_tick)
    if bound_column in memberships.columns:
        bound_ticks[memberships[bound_column].is_not_null().to_numpy()] = as_ticks(
            memberships[bound_column].drop_nulls()
        )
    return bound_ticks
