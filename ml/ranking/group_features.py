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

SHRINKAGE = 5.0  # people of the whole company added to each group: a group of five weighs as much as they do
MAX_MOMENTS = 200  # moments with counts of their own; other moments use the latest of these before them
CACHED_CELLS = 20_000_000  # groups x items of the cached moments: 80 MB
ALWAYS = np.iinfo(np.int64).min
NEVER = np.iinfo(np.int64).max


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
    _shares: dict[int, tuple[Floats, Floats]] = field(default_factory=dict, init=False, repr=False)

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
        people, person = np.unique(pairs["person_id"].to_numpy().astype(str), return_inverse=True)
        item = encode_ids(pairs["skill_id"].cast(pl.String), self._index.items)
        table = np.zeros((pairs.height, 3), np.float32)
        moments, moment_index = np.unique(self._on_grid(as_ticks(pairs["at"])), return_inverse=True)
        for number, moment in enumerate(moments.tolist()):
            rows = np.flatnonzero((moment_index == number) & (item >= 0))
            table[rows] = self._features_at(moment, people, person[rows], item[rows])
        return pl.DataFrame(table, schema=[feature.name for feature in self.features], orient="row")

    def score_items(self, people: Strings, at: Ints, items: Strings) -> Floats:
        """Rows x items: the group_adoption of every item (see `ml.ranking.features.CandidateNominator`)."""
        scores = np.zeros((len(people), len(items)), np.float32)
        code = encode_ids(items, self._index.items)
        columns = np.flatnonzero(code >= 0)
        grid = self._on_grid(at)
        for moment in np.unique(grid).tolist():
            rows = np.flatnonzero(grid == moment)
            adoption = self._features_at(
                moment, people[rows], np.repeat(np.arange(len(rows)), len(columns)), np.tile(code[columns], len(rows))
            )[:, 0]
            # Shares instead of their logs: the few items that a group takes must differ clearly from the many others.
            scores[np.ix_(rows, columns)] = np.exp(adoption).reshape(len(rows), len(columns))
        return scores

    def _features_at(self, moment: int, people: Strings, person: Ints, item: Ints) -> Floats:
        log_share, lift = self._shares_at(moment)
        lifts = lift[self._groups_of(moment, people)[person], item[:, None]]
        is_known = np.isfinite(lifts)
        mean = np.nansum(lifts, axis=1) / np.maximum(is_known.sum(axis=1), 1)
        return np.stack(
            [
                log_share[item] + mean,
                mean,
                np.where(is_known.any(axis=1), np.where(is_known, lifts, -np.inf).max(axis=1), 0.0),
            ],
            axis=1,
        ).astype(np.float32)

    def _shares_at(self, moment: int) -> tuple[Floats, Floats]:
        """Log share per item; and (groups + 1) x items: the log lift over it, in the last row NaN for no group."""
        if moment in self._shares:
            return self._shares[moment]
        index = self._index
        end = int(np.searchsorted(index.time, moment))
        size = len(index.items)
        count = np.bincount(index.item[:end], minlength=size) + 0.5
        share = count / count.sum()
        is_member = (index.since <= moment) & (moment < index.until) & (index.member >= 0)
        members = sparse.csr_matrix(
            (np.ones(int(is_member.sum()), np.float32), (index.group[is_member], index.member[is_member])),
            shape=(index.n_groups, index.n_people),
        )
        members.data[:] = 1.0  # a repeated membership counts once
        adoptions = sparse.csr_matrix(
            (np.ones(end, np.float32), (index.person[:end], index.item[:end])), shape=(index.n_people, size)
        )
        in_group = np.asarray((members @ adoptions).todense(), np.float64)
        added = SHRINKAGE * end / max(len(np.unique(index.person[:end])), 1) + 1e-9
        shares = (
            np.log(share).astype(np.float32),
            np.concatenate(
                [
                    np.log((in_group + added * share) / (in_group.sum(axis=1, keepdims=True) + added) / share),
                    np.full((1, size), np.nan),
                ]
            ).astype(np.float32),
        )
        if (len(self._shares) + 1) * (index.n_groups + 1) * size <= CACHED_CELLS:
            self._shares[moment] = shares
        return shares

    def _groups_of(self, moment: int, people: Strings) -> Ints:
        """People x most memberships: codes of the groups they are in at the moment, -1 on padding."""
        index = self._index
        is_current = (index.since <= moment) & (moment < index.until)
        member_ids, group = index.member_ids[is_current], index.group[is_current]
        row = np.minimum(np.searchsorted(people, member_ids), len(people) - 1)
        is_listed = people[row] == member_ids
        pairs = np.unique(np.stack([row[is_listed], group[is_listed]], axis=1), axis=0)
        place = np.arange(len(pairs)) - np.searchsorted(pairs[:, 0], pairs[:, 0])
        groups = np.full((len(people), int(place.max(initial=0)) + 1), -1, np.int64)
        groups[pairs[:, 0], place] = pairs[:, 1]
        return groups

    def _on_grid(self, at: Ints) -> Ints:
        """Each moment, or the latest grid moment before it if there are more than MAX_MOMENTS."""
        moments = np.unique(at)
        grid = moments[:: max(-(-len(moments) // MAX_MOMENTS), 1)]
        return np.asarray(grid[np.searchsorted(grid, at, side="right") - 1], np.int64)

    @cached_property
    def _index(self) -> "_GroupIndex":
        return _GroupIndex(self.events, self.memberships)


class _GroupIndex:
    """First events sorted by time, and memberships, as codes."""

    def __init__(self, events: pl.DataFrame, memberships: pl.DataFrame) -> None:
        first_events = (
            events.select(pl.col("person_id", "skill_id").cast(pl.String), pl.Series("ts", as_ticks(events["ts"])))
            .group_by("person_id", "skill_id")
            .agg(pl.col("ts").min())
            .sort("ts", "person_id", "skill_id")
        )
        # polars sorts texts as numpy does, and much faster
        people, self.items = (first_events[name].unique().sort() for name in ("person_id", "skill_id"))
        self.n_people = len(people)
        self.time = first_events["ts"].to_numpy()
        self.person = encode_ids(first_events["person_id"], people)
        self.item = encode_ids(first_events["skill_id"], self.items)
        valid_memberships = memberships.drop_nulls(["person_id", "group"]).with_columns(
            pl.col("person_id", "group").cast(pl.String)
        )
        groups = valid_memberships["group"].unique().sort()
        self.n_groups = len(groups)
        self.group = encode_ids(valid_memberships["group"], groups)
        self.member_ids = valid_memberships["person_id"].to_numpy().astype(str)
        self.member = encode_ids(valid_memberships["person_id"], people)  # -1 for people without events
        self.since, self.until = _bound(valid_memberships, "since", ALWAYS), _bound(valid_memberships, "until", NEVER)


def _bound(memberships: pl.DataFrame, column: str, default: int) -> Ints:
    """The column in ticks; `default` for null and if the column is missing."""
    bound = np.full(memberships.height, default)
    if column in memberships.columns:
        bound[memberships[column].is_not_null().to_numpy()] = as_ticks(memberships[column].drop_nulls())
    return bound
