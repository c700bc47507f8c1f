"""Item histories as compact sorted arrays, and what a person held as of a moment.

Belongs here: coding a frame of events, first acquisitions, ties, most recent use, histories cut at a date.
Does not belong here: scores, features, models, or any file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.str_]
Moment = datetime | date | int

TICKS_PER_DAY = 86_400_000_000  # microseconds: the tick of every calendar time in this package


@dataclass(frozen=True, eq=False)
class Acquisitions:
    """First events per (person, item), one entry per pair, sorted by person, time, item."""

    start: Ints  # person p owns entries start[p]:start[p + 1]
    item: Ints
    time: Ints
    moment_index: Ints  # counts the distinct moments of the person from 0; what shares a moment shares a group

    @cached_property
    def person(self) -> Ints:
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))


@dataclass(frozen=True, eq=False)
class Interactions:
    """Every use of an item by a person, one entry per distinct (person, time, item), sorted in that order."""

    people: Strings  # sorted: a person's code is the position here
    items: Strings  # sorted: an item's code is the position here
    start: Ints
    item: Ints
    time: Ints  # microseconds where is_calendar, otherwise the order given
    is_calendar: bool
    repeatable: Bools | None = None  # items that can be reached again and again; None where there are none

    @property
    def n_people(self) -> int:
        return len(self.people)

    @property
    def n_items(self) -> int:
        return len(self.items)

    @cached_property
    def person(self) -> Ints:
        return np.repeat(np.arange(self.n_people), np.diff(self.start))

    @cached_property
    def acquisitions(self) -> Acquisitions:
        return _first_uses(self)

    @cached_property
    def target_events(self) -> Acquisitions:
        """What counts as a next step: acquisitions, and every later use of a repeatable item."""
        return self.acquisitions if self.repeatable is None else _first_uses(self, self.repeatable)

    @cached_property
    def moments(self) -> Ints:
        rising = np.sort(self.time)  # np.unique hashes, which takes many times as long
        return rising[_changes(rising)]

    @cached_property
    def used_items(self) -> Ints:
        """The items that have an entry, ascending."""
        return np.flatnonzero(np.bincount(self.item, minlength=self.n_items))

    @cached_property
    def first_use(self) -> Ints:
        """When each item was first used by anybody; the end of time for items nobody used."""
        first_use = np.full(self.n_items, np.iinfo(np.int64).max)
        np.minimum.at(first_use, self.item, self.time)
        return first_use

    @cached_property
    def search_key(self) -> Ints:
        """One ascending number per entry for (person, time), so that cuts of many people are one binary search."""
        return self.person * (len(self.moments) + 1) + np.searchsorted(self.moments, self.time)


@dataclass(frozen=True, eq=False)
class UserStates:
    """What each row's person held strictly before the row's cut, one entry per (row, item), sorted by row and item."""

    person: Ints
    cut: Ints
    start: Ints
    item: Ints
    first_used: Ints
    last_used: Ints
    moments_back: Ints  # distinct moments between this item's most recent use and the row's most recent one; 0 = the latest
    uses: Ints  # in how many distinct moments the item was used

    def __len__(self) -> int:
        return len(self.person)

    @cached_property
    def row(self) -> Ints:
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    @cached_property
    def item_counts(self) -> Ints:
        return np.diff(self.start)

    def matrix(self, n_items: int, tau: float = np.inf, days: float = np.inf, uses: bool = False) -> sparse.csr_matrix:
        """Rows x items; an item last used `back` moments and d days ago weighs exp(-back / tau - d / days)."""
        weight = np.exp(-self.moments_back / tau - self.idle_days / days).astype(np.float32)
        if uses:
            weight *= np.log2(1.0 + self.uses).astype(np.float32)
        return sparse.csr_matrix((weight, self.item, self.start), shape=(len(self), n_items))

    @property
    def ticks_per_day(self) -> int:
        """Ticks in a day, or 1 where the times are an order (no calendar time is so small)."""
        return TICKS_PER_DAY if np.abs(self.cut).max(initial=0) > 10**12 else 1

    @cached_property
    def idle_days(self) -> Doubles:
        """Days (or steps) from each entry's latest use to the row's cut."""
        return np.asarray((self.cut[self.row] - self.last_used) / self.ticks_per_day, np.float64)

    def held(self, n_items: int) -> Bools:
        mask = np.zeros((len(self), n_items), bool)
        mask[self.row, self.item] = True
        return mask

    def recode_items(self, code: Ints) -> "UserStates":
        """The same rows in another coding of items; entries whose code is -1 are left out."""
        item = code[self.item]
        kept = item >= 0
        start = np.concatenate([[0], np.cumsum(kept)])[self.start].astype(np.int64)
        return replace(
            self, start=start, item=item[kept], first_used=self.first_used[kept], last_used=self.last_used[kept],
            moments_back=self.moments_back[kept], uses=self.uses[kept],
        )

    def take(self, rows: slice) -> "UserStates":
        lo, hi = int(self.start[rows.start]), int(self.start[min(rows.stop, len(self))])
        part = slice(lo, hi)
        stop = min(rows.stop, len(self))
        return UserStates(
            self.person[rows],
            self.cut[rows],
            self.start[rows.start : stop + 1] - lo,
            self.item[part],
            self.first_used[part],
            self.last_used[part],
            self.moments_back[part],
            self.uses[part],
        )


def as_tick(moment: Moment) -> int:
    """The moment on the scale of `Histories.time`: microseconds since 1970 for dates (UTC), integers unchanged."""
    if isinstance(moment, datetime):
        naive = moment.replace(tzinfo=None) - moment.utcoffset() if moment.tzinfo else moment  # type: ignore[operator]
        delta = naive - datetime(1970, 1, 1)  # noqa: DTZ001
        return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
    if isinstance(moment, date):
        return as_tick(datetime.combine(moment, time()))
    return int(moment)


def as_ticks(moments: pl.Series) -> Ints:
    """`as_tick` of a whole column. Raises ValueError for anything but dates, datetimes, ISO texts and integers."""
    if moments.dtype == pl.String:
        moments = _read_iso(moments)
    kind = moments.dtype
    if kind.is_integer():
        return moments.cast(pl.Int64).to_numpy()
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        moments = moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if isinstance(kind, pl.Datetime | pl.Date):
        return moments.cast(pl.Datetime("us")).to_physical().to_numpy()
    raise ValueError(f"ts must be a date, a datetime or an integer order, not {kind}")


def _read_iso(texts: pl.Series) -> pl.Series:
    """ISO 8601 dates and datetimes, with or without an offset, as UTC. Raises ValueError for any other text."""
    plain = texts.str.strip_chars().str.replace(" ", "T")
    long = pl.when(plain.str.len_chars() == 10).then(plain + "T00:00:00").otherwise(plain)
    zoned = pl.select(
        pl.when(long.str.contains(r"(Z|[+-]\d\d:?\d\d)$")).then(long).otherwise(long + "+00:00")
    ).to_series()
    read = zoned.str.to_datetime("%+", time_zone="UTC", time_unit="us", strict=False)
    wrong = int(read.null_count() - texts.null_count())
    if wrong:
        raise ValueError(f"{wrong} of {len(texts)} texts in ts are no ISO date or datetime")
    return read


def encode_interactions(
    events: pl.DataFrame, *, people: Sequence[str] | Strings | None = None, items: Sequence[str] | Strings | None = None
) -> Interactions:
    """Code events (person_id: str, skill_id: str, ts: date, datetime or integer order).

    Where `people` or `items` are given they are the coding, and events of others are left out. Row order of the
    input and repeated rows make no difference. Raises ValueError for missing columns, nulls or an unusable ts.
    """
    frame, is_calendar = _checked(events)
    people_of = _names(frame["person_id"]) if people is None else np.asarray(people, str)
    items_of = _names(frame["skill_id"]) if items is None else np.asarray(items, str)
    coded = (
        frame.lazy()
        .select(
            pl.col("person_id").cast(_coding(people_of), strict=False).to_physical().alias("p"),
            "ts",
            pl.col("skill_id").cast(_coding(items_of), strict=False).to_physical().alias("i"),
        )
        .drop_nulls()
        .sort("p", "ts", "i")
        .collect()
    )
    person, item, moment = (coded[name].to_numpy().astype(np.int64) for name in ("p", "i", "ts"))
    del coded
    fresh = _changes(person) | _changes(moment) | _changes(item)
    if not fresh.all():
        person, item, moment = person[fresh], item[fresh], moment[fresh]
    start = np.searchsorted(person, np.arange(len(people_of) + 1)).astype(np.int64)
    return Interactions(people_of, items_of, start, item, moment, is_calendar)


def keep(interactions: Interactions, entries: Bools) -> Interactions:
    """The same coding with only the marked entries."""
    if entries.all():
        return interactions
    start = np.concatenate([[0], np.cumsum(entries)])[interactions.start].astype(np.int64)
    return replace(interactions, start=start, item=interactions.item[entries], time=interactions.time[entries])


def filter_before(interactions: Interactions, cut: int | Ints) -> Interactions:
    """Entries strictly before the cut: one cut, or one for each person."""
    limit = cut if isinstance(cut, int) else cut[interactions.person]
    return keep(interactions, interactions.time < limit)


def filter_people(interactions: Interactions, chosen: Bools) -> Interactions:
    """The same coding; the people not chosen have empty histories."""
    return keep(interactions, chosen[interactions.person])


def select_people(interactions: Interactions, chosen: Ints) -> Interactions:
    """The same coding of items; of the people only those of these ascending codes."""
    return reindex_people(interactions, interactions.people[chosen])


def drop_unused_ids(interactions: Interactions) -> Interactions:
    """Recoded to the people and items that have an entry, so that nobody's mere later existence can be felt."""
    people = np.flatnonzero(np.diff(interactions.start))
    items = interactions.used_items
    start = np.append(interactions.start[people], len(interactions.item)).astype(np.int64)
    again = None if interactions.repeatable is None else interactions.repeatable[items]
    return replace(
        interactions, people=interactions.people[people], items=interactions.items[items], start=start,
        item=np.cumsum(np.bincount(items, minlength=interactions.n_items))[interactions.item] - 1, repeatable=again,
    )


def slice_people(interactions: Interactions, part: slice) -> Interactions:
    """The same coding of items; of the people only those of these codes, counted from the first."""
    start = interactions.start[part.start : part.stop + 1]
    entries = slice(int(start[0]), int(start[-1]))
    return replace(
        interactions, people=interactions.people[part], start=start - start[0], item=interactions.item[entries],
        time=interactions.time[entries],
    )


def reindex_items(interactions: Interactions, items: Strings) -> Interactions:
    """Recoded to these items (sorted, distinct); entries of others are left out. Nothing is said of repeatable ones."""
    code = encode_ids(interactions.items, items)
    kept = keep(interactions, code[interactions.item] >= 0)
    return replace(kept, items=items, item=code[kept.item], repeatable=None)


def encode_ids(names: Strings, within: Strings) -> Ints:
    """Where each name stands in `within` (sorted), -1 where it does not."""
    if not len(within):
        return np.full(len(names), -1, np.int64)
    place = np.minimum(np.searchsorted(within, names), len(within) - 1)
    return np.where(within[place] == names, place, -1).astype(np.int64)


def reindex_people(interactions: Interactions, who: Strings) -> Interactions:
    """Recoded to the people asked for (sorted, distinct); those without events have empty histories."""
    if not interactions.n_people:
        return replace(interactions, people=who, start=np.zeros(len(who) + 1, np.int64))
    place = np.minimum(np.searchsorted(interactions.people, who), interactions.n_people - 1)
    length = np.where(interactions.people[place] == who, np.diff(interactions.start)[place], 0)
    start = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    entry = np.arange(start[-1]) + np.repeat(interactions.start[place] - start[:-1], length)
    return replace(interactions, people=who, start=start, item=interactions.item[entry], time=interactions.time[entry])


def build_user_states(interactions: Interactions, person: Ints, cut: Ints) -> UserStates:
    """One row per (person, cut): what that person held strictly before the cut."""
    lo = interactions.start[person]
    length = _first_from(interactions.time, lo, interactions.start[person + 1], cut) - lo
    entry_row = np.repeat(np.arange(len(person)), length)
    entry = np.arange(int(length.sum())) + np.repeat(lo - (np.cumsum(length) - length), length)
    pair = entry_row * max(interactions.n_items, 1) + interactions.item[entry]
    order = np.argsort(pair, kind="stable")  # entries come in time order, so each pair's uses stay in time order
    pair, moment = pair[order], interactions.time[entry][order]
    first = np.flatnonzero(_changes(pair))
    last = np.append(first[1:], len(pair)) - 1 if len(first) else first
    row, item = np.divmod(pair[first], max(interactions.n_items, 1))
    start = np.searchsorted(row, np.arange(len(person) + 1)).astype(np.int64)
    last_used = moment[last]
    return UserStates(person, cut, start, item, moment[first], last_used, _moments_back(row, last_used), last - first + 1)


def _checked(events: pl.DataFrame) -> tuple[pl.DataFrame, bool]:
    missing = {"person_id", "skill_id", "ts"} - set(events.columns)
    if missing:
        raise ValueError(f"events need the columns person_id, skill_id, ts; missing: {', '.join(sorted(missing))}")
    frame = events.select(pl.col("person_id").cast(pl.String), pl.col("skill_id").cast(pl.String), "ts")
    nulls = sum(frame.null_count().row(0))
    if nulls:
        raise ValueError(f"events hold {nulls} empty cells in person_id, skill_id, ts: leave such rows out first")
    return frame.with_columns(pl.Series("ts", as_ticks(frame["ts"]))), not frame.schema["ts"].is_integer()


def _names(column: pl.Series) -> Strings:
    return np.asarray(column.unique().sort().to_list(), str)


def _coding(names: Strings) -> pl.Enum:
    """Codes in the order of the names; strings of millions of rows are never compared with one another."""
    return pl.Enum(pl.Series(names.tolist(), dtype=pl.String))


def _first_from(time: Ints, low: Ints, high: Ints, cut: Ints) -> Ints:
    """Of each stretch low..high of ascending times: the first place whose time is not before the cut, else high."""
    while (low < high).any():
        middle = (low + high) // 2
        is_before = (low < high) & (time[np.minimum(middle, len(time) - 1)] < cut)
        low, high = np.where(is_before, middle + 1, low), np.where(is_before, high, np.minimum(high, middle))
    return low


def _changes(values: Ints) -> Bools:
    if not len(values):
        return np.zeros(0, bool)
    return np.concatenate([[True], values[1:] != values[:-1]])


def _first_uses(interactions: Interactions, repeatable: Bools | None = None) -> Acquisitions:
    pair = interactions.person * max(interactions.n_items, 1) + interactions.item
    order = np.argsort(pair, kind="stable")
    first = np.sort(order[_changes(pair[order])])
    if repeatable is not None:
        again = repeatable[interactions.item]
        again[first] = True
        first = np.flatnonzero(again)
    person, moment = interactions.person[first], interactions.time[first]
    new_person = _changes(person)
    new_group = new_person | _changes(moment)
    counter = np.cumsum(new_group) - 1
    start = np.searchsorted(person, np.arange(interactions.n_people + 1)).astype(np.int64)
    origin = counter[new_person] if len(person) else counter
    moment_index = counter - np.repeat(origin, np.diff(start)[np.diff(start) > 0])
    return Acquisitions(start, interactions.item[first], moment, moment_index)


def _moments_back(row: Ints, last_used: Ints) -> Ints:
    order = np.lexsort((-last_used, row))
    row_sorted = row[order]
    new_row = _changes(row_sorted)
    counter = np.cumsum(new_row | _changes(last_used[order]))
    origin = np.maximum.accumulate(np.where(new_row, counter, 0)) if len(row) else counter
    moments_back = np.empty(len(row), np.int64)
    moments_back[order] = counter - origin
    return moments_back
