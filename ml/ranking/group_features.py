"""Groups: what colleagues of the same role or unit took, as features that serve people without a history.

Belongs here: adoption within a person's groups as of each pair's moment, shrunk to everybody's.
Does not belong here: which groups a company has, ranking.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from scipy import sparse

from ml.data.encoding import encode_ids
from ml.data.interactions import Floats, Ints, Strings, as_ticks
from ml.ranking.features import Feature

SHRINKAGE = 5.0  # colleagues' worth of the whole company: a group of five is believed half
MAX_MOMENTS = 200  # moments counted at; others use the latest before them, so a longer list costs no more
CACHED_CELLS = 20_000_000  # groups x items of the moments kept: 80 MB
ALWAYS = np.iinfo(np.int64).min
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class GroupFeatures:
    """Extra features from events (person_id, skill_id, ts) and memberships (person_id, group, optionally since, until).

    A person may be in several groups, say a role and a unit (make their names differ). Counted are first events before
    the pair's moment, of the people who are in the group at that moment; a membership without `since` always held, one
    without `until` lasts. Times are dates, datetimes, or integers where ts is an integer order.
    """

    events: pl.DataFrame
    memberships: pl.DataFrame
    _kept: dict[int, tuple[Floats, Floats]] = field(default_factory=dict, init=False, repr=False)

    @property
    def features(self) -> tuple[Feature, ...]:
        return (
            Feature("group_adoption", "hr", "log of the item's share of what the person's groups took"),
            Feature("group_lift", "hr", "the same less the log share of everybody, mean over the groups"),
            Feature("group_lift_best", "hr", "the same of the group where it is highest"),
        )

    def __call__(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """One row a pair, in order; people in no group have the share of everybody and a lift of 0."""
        people, who = np.unique(pairs["person_id"].to_numpy().astype(str), return_inverse=True)
        place = np.searchsorted(self._items, ids := pairs["skill_id"].to_numpy().astype(str))
        place = np.minimum(place, max(len(self._items) - 1, 0))
        known = self._items[place] == ids if len(self._items) else np.zeros(len(ids), bool)
        table = np.zeros((len(ids), 3), np.float32)
        moments, when = np.unique(self._on_grid(as_ticks(pairs["at"])), return_inverse=True)
        for number, moment in enumerate(moments.tolist()):
            rows = np.flatnonzero((when == number) & known)
            table[rows] = self._features(moment, people, who[rows], place[rows])
        return pl.DataFrame(table, schema=[feature.name for feature in self.features], orient="row")

    def score_items(self, people: Strings, at: Ints, items: Strings) -> Floats:
        """Rows x items: the group_adoption of every item (`at` in ticks), to pick candidates by."""
        scores = np.zeros((len(people), len(items)), np.float32)
        known = np.flatnonzero(np.isin(items, self._items))
        place = np.searchsorted(self._items, items[known])
        grid = self._on_grid(at)
        for moment in np.unique(grid).tolist():
            rows = np.flatnonzero(grid == moment)
            who = np.repeat(np.arange(len(rows)), len(known))
            adoption = self._features(moment, people[rows], who, np.tile(place, len(rows)))[:, 0]
            # Shares, not their logs: the few items a group takes must stand out from the many it does not.
            scores[np.ix_(rows, known)] = np.exp(adoption).reshape(len(rows), len(known))
        return scores

    def _features(self, moment: int, people: Strings, who: Ints, item: Ints) -> Floats:
        log_share, lift = self._counted(moment)
        seat = self._seats(moment, people)[who]
        lifts = (
            np.where(seat >= 0, lift[np.maximum(seat, 0), item[:, None]], np.nan)
            if len(lift)
            else np.full((len(who), 1), np.nan)
        )
        some = np.isfinite(lifts).any(axis=1)
        mean = np.nansum(lifts, axis=1) / np.maximum(np.isfinite(lifts).sum(axis=1), 1)
        best = np.where(some, np.where(np.isfinite(lifts), lifts, -np.inf).max(axis=1), 0.0)
        return np.stack([log_share[item] + mean, mean, best], axis=1).astype(np.float32)

    def _counted(self, moment: int) -> tuple[Floats, Floats]:
        """Log share of each item, and groups x items log lift over it, as of the moment."""
        if moment in self._kept:
            return self._kept[moment]
        end = int(np.searchsorted(self._time, moment))
        size, groups = len(self._items), len(self._groups)
        count = np.bincount(self._item[:end], minlength=size) + 0.5
        share = count / count.sum()
        active = (self._since <= moment) & (moment < self._until) & (self._member >= 0)
        seats = sparse.csr_matrix(
            (np.ones(int(active.sum()), np.float32), (self._group[active], self._member[active])),
            shape=(groups, len(self._people)),
        )
        seats.data[:] = 1.0  # the same membership said twice is one
        took = sparse.csr_matrix(
            (np.ones(end, np.float32), (self._person[:end], self._item[:end])), shape=(len(self._people), size)
        )
        inside = np.asarray((seats @ took).todense(), np.float64)
        pull = SHRINKAGE * end / max(len(np.unique(self._person[:end])), 1) + 1e-9
        lift = np.log((inside + pull * share) / (inside.sum(axis=1, keepdims=True) + pull) / share)
        found = np.log(share).astype(np.float32), lift.astype(np.float32)
        if (len(self._kept) + 1) * (groups + 1) * size <= CACHED_CELLS:
            self._kept[moment] = found
        return found

    def _seats(self, moment: int, people: Strings) -> Ints:
        """People x most memberships: codes of the groups they are in at the moment, -1 on padding."""
        active = np.flatnonzero((self._since <= moment) & (moment < self._until))
        row = np.minimum(np.searchsorted(people, self._member_ids[active]), len(people) - 1)
        fits = people[row] == self._member_ids[active]
        pairs = np.unique(np.stack([row[fits], self._group[active[fits]]], axis=1), axis=0)
        place = np.arange(len(pairs)) - np.searchsorted(pairs[:, 0], pairs[:, 0])
        seat = np.full((len(people), int(place.max(initial=0)) + 1), -1, np.int64)
        seat[pairs[:, 0], place] = pairs[:, 1]
        return seat

    def _on_grid(self, at: Ints) -> Ints:
        moments = np.unique(at)
        if len(moments) <= MAX_MOMENTS:
            return at
        grid = moments[:: -(-len(moments) // MAX_MOMENTS)]
        return np.asarray(grid[np.searchsorted(grid, at, side="right") - 1], np.int64)

    @cached_property
    def _first(self) -> pl.DataFrame:
        events = self.events.select(
            pl.col("person_id", "skill_id").cast(pl.String), pl.Series("ts", as_ticks(self.events["ts"]))
        )
        first = events.group_by("person_id", "skill_id").agg(pl.col("ts").min())
        return first.sort("ts", "person_id", "skill_id")

    @cached_property
    def _time(self) -> Ints:
        return self._first["ts"].to_numpy()

    @cached_property
    def _people(self) -> Strings:
        return _distinct(self._first["person_id"]).to_numpy().astype(str)

    @cached_property
    def _person(self) -> Ints:
        return encode_ids(self._first["person_id"], _distinct(self._first["person_id"]))

    @cached_property
    def _items(self) -> Strings:
        return _distinct(self._first["skill_id"]).to_numpy().astype(str)

    @cached_property
    def _item(self) -> Ints:
        return encode_ids(self._first["skill_id"], _distinct(self._first["skill_id"]))

    @cached_property
    def _rows(self) -> pl.DataFrame:
        return self.memberships.drop_nulls(["person_id", "group"]).with_columns(
            pl.col("person_id", "group").cast(pl.String)
        )

    @cached_property
    def _member_ids(self) -> Strings:
        return self._rows["person_id"].to_numpy().astype(str)

    @cached_property
    def _member(self) -> Ints:
        """The code of each membership's person, -1 for people without events."""
        if not len(self._people):
            return np.full(len(self._member_ids), -1)
        place = np.minimum(np.searchsorted(self._people, self._member_ids), len(self._people) - 1)
        return np.where(self._people[place] == self._member_ids, place, -1)

    @cached_property
    def _groups(self) -> Strings:
        return np.unique(self._rows["group"].to_numpy().astype(str))

    @cached_property
    def _group(self) -> Ints:
        return np.searchsorted(self._groups, self._rows["group"].to_numpy().astype(str))

    @cached_property
    def _since(self) -> Ints:
        return self._bound("since", ALWAYS)

    @cached_property
    def _until(self) -> Ints:
        return self._bound("until", NEVER)

    def _bound(self, column: str, otherwise: int) -> Ints:
        if column not in self._rows.columns:
            return np.full(self._rows.height, otherwise)
        given = self._rows[column]
        known = given.is_not_null().to_numpy()
        bound = np.full(len(given), otherwise)
        bound[known] = as_ticks(given.drop_nulls())
        return bound


def _distinct(ids: pl.Series) -> pl.Series:
    """Each id once, in order, which for texts is that of numpy too: by far the cheaper of the two for many."""
    return ids.unique().sort()
