"""Interactions of people with items as compact sorted arrays, and what a person held as of a moment.

Belongs here: encoding a frame of events, first uses, latest uses, interactions before a cutoff.
Does not belong here: scores, features, models, or any file.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property

import numpy as np
import polars as pl
from scipy import sparse

from ml.data.encoding import encode_ids
from ml.data.sparse_rows import Bools, Doubles, Ints, Strings, entry_rows, row_offsets, run_index, starts_run, take_rows

Moment = datetime | date | int

TICKS_PER_DAY = 86_400_000_000  # a tick of calendar time is a microsecond in this package


@dataclass(frozen=True, eq=False)
class Acquisitions:
    """First events per (person, item), one entry per pair, sorted by person, time and item."""

    start: Ints  # person p owns the entries start[p]:start[p + 1]
    item: Ints
    time: Ints
    moment_index: Ints  # index of the person's distinct moments, from 0; entries of one moment share it

    @cached_property
    def person(self) -> Ints:
        return entry_rows(self.start)


@dataclass(frozen=True, eq=False)
class Interactions:
    """Every use of an item by a person, one entry per distinct (person, time, item), sorted in that order."""

    people: Strings  # sorted; the code of a person is its position
    items: Strings  # sorted; the code of an item is its position
    start: Ints  # person p owns the entries start[p]:start[p + 1]
    item: Ints
    time: Ints  # microseconds if is_calendar, otherwise the order given
    is_calendar: bool
    is_repeatable: Bools | None = None  # items that can be reached again; None if there are none

    @property
    def n_people(self) -> int:
        return len(self.people)

    @property
    def n_items(self) -> int:
        return len(self.items)

    @cached_property
    def person(self) -> Ints:
        return entry_rows(self.start)

    @cached_property
    def acquisitions(self) -> Acquisitions:
        return _list_first_uses(self)

    @cached_property
    def target_events(self) -> Acquisitions:
        """What counts as a next step: acquisitions, and every later use of a repeatable item."""
        return self.acquisitions if self.is_repeatable is None else _list_first_uses(self, self.is_repeatable)

    @cached_property
    def moments(self) -> Ints:
        """Distinct times, ascending."""
        sorted_times = np.sort(self.time)  # np.unique hashes, which takes many times as long
        return sorted_times[starts_run(sorted_times)]

    @cached_property
    def used_items(self) -> Ints:
        """Codes of the items that have an entry, ascending."""
        return np.flatnonzero(np.bincount(self.item, minlength=self.n_items))

    @cached_property
    def first_ticks(self) -> Ints:
        """Time of each person's first entry; the largest integer for people without any."""
        first_ticks = np.full(self.n_people, np.iinfo(np.int64).max)
        np.minimum.at(first_ticks, self.person, self.time)
        return first_ticks

    @cached_property
    def first_use(self) -> Ints:
        """Time of the first use of each item by anybody; the largest integer for items nobody used."""
        first_use = np.full(self.n_items, np.iinfo(np.int64).max)
        np.minimum.at(first_use, self.item, self.time)
        return first_use

    def time_key(self, person_codes: Ints, ticks: Ints) -> Ints:
        """Return one number per (person, time), ascending by person, then by the number of earlier moments."""
        return person_codes * (len(self.moments) + 1) + np.searchsorted(self.moments, ticks)

    @cached_property
    def search_key(self) -> Ints:
        """The `time_key` of each entry, ascending: one binary search finds a cutoff of each of many people."""
        return self.time_key(self.person, self.time)


@dataclass(frozen=True, eq=False)
class UserStates:
    """What each row's person held strictly before the row's cutoff; one entry per (row, item), sorted by both."""

    person: Ints
    cutoff_tick: Ints
    start: Ints  # row r owns the entries start[r]:start[r + 1]
    item: Ints
    first_used: Ints
    last_used: Ints
    moments_back: Ints  # distinct moments between the item's latest use and the row's latest use; 0 = the latest
    use_count: Ints  # number of distinct moments with a use of the item

    def __len__(self) -> int:
        return len(self.person)

    @cached_property
    def row(self) -> Ints:
        """The row of each entry."""
        return entry_rows(self.start)

    @cached_property
    def item_counts(self) -> Ints:
        """Number of items held, per row."""
        return np.diff(self.start)

    def matrix(
        self, n_items: int, decay_moments: float = np.inf, decay_days: float = np.inf, weigh_uses: bool = False
    ) -> sparse.csr_matrix:
        """Return rows x items; an item last used m moments and d days ago weighs exp(-m/decay_moments - d/decay_days).

        A moment is a distinct time at which the person used an item; see `moments_back`.

        Args:
            n_items: Number of columns.
            decay_moments: Moments after which the weight falls to 1 / e.
            decay_days: Days after which the weight falls to 1 / e.
            weigh_uses: Whether the weight is multiplied by log2(1 + number of uses).
        """
        held_item_weights = np.exp(-self.moments_back / decay_moments - self.idle_days / decay_days).astype(np.float32)
        if weigh_uses:
            held_item_weights *= np.log2(1.0 + self.use_count).astype(np.float32)
        return sparse.csr_matrix((held_item_weights, self.item, self.start), shape=(len(self), n_items))

    @property
    def ticks_per_day(self) -> int:
        """Ticks in a day, or 1 if the times are an order (no calendar time is so small)."""
        return TICKS_PER_DAY if np.abs(self.cutoff_tick).max(initial=0) > 10**12 else 1

    @cached_property
    def idle_days(self) -> Doubles:
        """Days (or steps of the order) from each entry's latest use to the row's cutoff."""
        return np.asarray((self.cutoff_tick[self.row] - self.last_used) / self.ticks_per_day, np.float64)

    def held_mask(self, n_items: int) -> Bools:
        """Return rows x items: whether the row's person holds the item."""
        is_held = np.zeros((len(self), n_items), bool)
        is_held[self.row, self.item] = True
        return is_held

    def recode_items(self, new_codes: Ints) -> "UserStates":
        """Return the same rows with other item codes.

        Args:
            new_codes: New code per old item code; entries of items with code -1 are dropped.
        """
        item_codes = new_codes[self.item]
        has_new_code = item_codes >= 0
        return replace(
            self,
            start=row_offsets(has_new_code)[self.start],
            item=item_codes[has_new_code],
            first_used=self.first_used[has_new_code],
            last_used=self.last_used[has_new_code],
            moments_back=self.moments_back[has_new_code],
            use_count=self.use_count[has_new_code],
        )


def as_tick(moment: Moment) -> int:
    """Return the moment on the scale of `Interactions.time`: microseconds since 1970 in UTC, integers unchanged."""
    return int(as_ticks(pl.Series([moment]))[0])


def as_ticks(moments: pl.Series) -> Ints:
    """Return a column of moments on the scale of `Interactions.time`.

    Args:
        moments: Dates, datetimes (UTC if they have no zone), ISO 8601 texts, or integers.

    Raises:
        ValueError: The column has another type, or a text is no ISO date or datetime.
    """
    if moments.dtype == pl.String:
        parsed_moments = (
            moments.str.strip_chars()
            .str.replace(" ", "T")
            .str.replace(r"^(.{10})$", "${1}T00:00:00")  # a date without a time
            .str.replace(r"^([^Tt]*[Tt][^Z+-]*)$", "${1}+00:00")  # a time without an offset
            .str.to_datetime("%+", time_zone="UTC", time_unit="us", strict=False)
        )
        if unreadable_count := parsed_moments.null_count() - moments.null_count():
            raise ValueError(f"{unreadable_count} of {len(moments)} texts in ts are no ISO date or datetime")
        moments = parsed_moments
    if moments.dtype.is_integer():
        return moments.cast(pl.Int64).to_numpy()
    if isinstance(moments.dtype, pl.Datetime) and moments.dtype.time_zone is not None:
        moments = moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if isinstance(moments.dtype, pl.Datetime | pl.Date):
        return moments.cast(pl.Datetime("us")).to_physical().to_numpy()
    raise ValueError(f"ts must be a date, a datetime or an integer order, not {moments.dtype}")


def encode_interactions(events: pl.DataFrame, *, item_ids: Strings | None = None) -> Interactions:
    """Encode events as sorted arrays. Neither the order of rows nor repeated rows make a difference.

    Args:
        events: One row per use: person_id, skill_id (the item), ts (date, datetime, ISO text or integer order).
        item_ids: Sorted item ids to encode with; events of other items are dropped. By default the ids that occur.

    Raises:
        ValueError: A column is missing, a cell is empty, or ts is unusable.
    """
    missing_columns = {"person_id", "skill_id", "ts"} - set(events.columns)
    if missing_columns:
        raise ValueError(
            f"events need the columns person_id, skill_id, ts; missing: {', '.join(sorted(missing_columns))}"
        )
    text_id_events = events.select(pl.col("person_id", "skill_id").cast(pl.String), "ts")
    empty_count = sum(text_id_events.null_count().row(0))
    if empty_count:
        raise ValueError(f"events hold {empty_count} empty cells in person_id, skill_id, ts: leave such rows out first")
    person_ids, used_item_ids = (
        np.asarray(text_id_events[id_column].unique().sort().to_list(), str) for id_column in ("person_id", "skill_id")
    )
    item_ids = used_item_ids if item_ids is None else np.asarray(item_ids, str)
    code_columns = {
        "person": encode_ids(text_id_events["person_id"], person_ids),
        "item": encode_ids(text_id_events["skill_id"], item_ids),
    }
    encoded_events = pl.DataFrame({**code_columns, "time": as_ticks(text_id_events["ts"])}).filter(pl.col("item") >= 0)
    person_codes, ticks, item_codes = (
        code_column.to_numpy() for code_column in encoded_events.select("person", "time", "item").sort(pl.all())
    )
    is_distinct = starts_run(person_codes, ticks, item_codes)
    person_offsets = np.searchsorted(person_codes[is_distinct], np.arange(len(person_ids) + 1)).astype(np.int64)
    is_calendar = not text_id_events.schema["ts"].is_integer()
    return Interactions(person_ids, item_ids, person_offsets, item_codes[is_distinct], ticks[is_distinct], is_calendar)


def filter_entries(interactions: Interactions, is_kept: Bools) -> Interactions:
    """Return the same coding with only the marked entries."""
    if is_kept.all():
        return interactions
    person_offsets = row_offsets(is_kept)[interactions.start]
    return replace(interactions, start=person_offsets, item=interactions.item[is_kept], time=interactions.time[is_kept])


def filter_before(interactions: Interactions, cutoff_tick: int | Ints) -> Interactions:
    """Return the same coding with the entries strictly before the cutoff.

    Args:
        interactions: Interactions to cut.
        cutoff_tick: One tick, or one tick per person.
    """
    entry_cutoff_ticks = cutoff_tick if isinstance(cutoff_tick, int) else cutoff_tick[interactions.person]
    return filter_entries(interactions, interactions.time < entry_cutoff_ticks)


def filter_people(interactions: Interactions, is_chosen_person: Bools) -> Interactions:
    """Return the same coding; people who are not chosen have no entries.

    Args:
        interactions: Interactions to filter.
        is_chosen_person: One flag per person code.
    """
    return filter_entries(interactions, is_chosen_person[interactions.person])


def select_people(interactions: Interactions, person_codes: Ints) -> Interactions:
    """Return the same item coding with only the people of these ascending codes."""
    return reindex_people(interactions, interactions.people[person_codes])


def slice_people(interactions: Interactions, people_slice: slice) -> Interactions:
    """Return the same item coding with only the people of these consecutive codes, counted from the first of them."""
    person_offsets = interactions.start[people_slice.start : people_slice.stop + 1]
    entries_of_people = slice(int(person_offsets[0]), int(person_offsets[-1]))
    return replace(
        interactions,
        people=interactions.people[people_slice],
        start=person_offsets - person_offsets[0],
        item=interactions.item[entries_of_people],
        time=interactions.time[entries_of_people],
    )


def drop_unused_ids(interactions: Interactions) -> Interactions:
    """Return the interactions recoded to the people and items that have an entry.

    People and items that appear only later must not influence what is learned.
    """
    used_person_codes, used_item_codes = np.flatnonzero(np.diff(interactions.start)), interactions.used_items
    return replace(
        interactions,
        people=interactions.people[used_person_codes],
        items=interactions.items[used_item_codes],
        start=np.append(interactions.start[used_person_codes], len(interactions.item)).astype(np.int64),
        item=np.searchsorted(used_item_codes, interactions.item),
        is_repeatable=None if interactions.is_repeatable is None else interactions.is_repeatable[used_item_codes],
    )


def reindex_items(interactions: Interactions, item_ids: Strings) -> Interactions:
    """Return the interactions recoded to these items; entries of other items are dropped and no item is repeatable.

    Args:
        interactions: Interactions to recode.
        item_ids: Sorted, distinct item ids.
    """
    new_codes = encode_ids(interactions.items, item_ids)
    recoded_interactions = filter_entries(interactions, new_codes[interactions.item] >= 0)
    return replace(recoded_interactions, items=item_ids, item=new_codes[recoded_interactions.item], is_repeatable=None)


def reindex_people(interactions: Interactions, person_ids: Strings) -> Interactions:
    """Return the interactions recoded to these people; those without events have no entries.

    Args:
        interactions: Interactions to recode.
        person_ids: Sorted, distinct person ids.
    """
    old_codes = encode_ids(person_ids, interactions.people)
    # a person without events has the code -1, which reads the appended count 0
    entry_counts = np.append(np.diff(interactions.start), 0)[old_codes]
    person_offsets, entry_indices = take_rows(interactions.start[old_codes], entry_counts)
    return replace(
        interactions,
        people=person_ids,
        start=person_offsets,
        item=interactions.item[entry_indices],
        time=interactions.time[entry_indices],
    )


def build_user_states(interactions: Interactions, person_codes: Ints, cutoff_ticks: Ints) -> UserStates:
    """Return what each person held strictly before the cutoff.

    Args:
        interactions: Interactions of everybody.
        person_codes: Person code per row.
        cutoff_ticks: Tick per row.

    Returns:
        One row per (person, cutoff), in the order given.
    """
    first_entries, n_items = interactions.start[person_codes], max(interactions.n_items, 1)
    end_entries = _find_first_not_before(
        interactions.time, first_entries, interactions.start[person_codes + 1], cutoff_ticks
    )
    entry_offsets, entry_indices = take_rows(first_entries, end_entries - first_entries)
    pair_keys = entry_rows(entry_offsets) * n_items + interactions.item[entry_indices]
    pair_order = np.argsort(pair_keys, kind="stable")  # entries ascend in time: the uses of each pair stay in order
    pair_keys, ticks = pair_keys[pair_order], interactions.time[entry_indices][pair_order]
    is_first_use = starts_run(pair_keys)
    first_use_indices, last_use_indices = np.flatnonzero(is_first_use), np.flatnonzero(np.roll(is_first_use, -1))
    row_indices, item_codes = np.divmod(pair_keys[first_use_indices], n_items)
    state_offsets = np.searchsorted(row_indices, np.arange(len(person_codes) + 1)).astype(np.int64)
    latest_use_order = np.lexsort((-ticks[last_use_indices], row_indices))
    first_ticks, last_ticks = ticks[first_use_indices], ticks[last_use_indices]
    use_counts = last_use_indices - first_use_indices + 1
    moments_back = np.empty(len(row_indices), np.int64)
    moments_back[latest_use_order] = run_index(row_indices[latest_use_order], last_ticks[latest_use_order])
    return UserStates(
        person_codes, cutoff_ticks, state_offsets, item_codes, first_ticks, last_ticks, moments_back, use_counts
    )


def _find_first_not_before(ticks: Ints, low_indices: Ints, high_indices: Ints, cutoff_ticks: Ints) -> Ints:
    """Per range of ascending times, the first index whose time is not before the cutoff; the end if none is."""
    while (low_indices < high_indices).any():
        middle_indices = (low_indices + high_indices) // 2
        is_before = (low_indices < high_indices) & (ticks[np.minimum(middle_indices, len(ticks) - 1)] < cutoff_ticks)
        low_indices = np.where(is_before, middle_indices + 1, low_indices)
        high_indices = np.where(is_before, high_indices, np.minimum(high_indices, middle_indices))
    return low_indices


def _list_first_uses(interactions: Interactions, is_repeatable: Bools | None = None) -> Acquisitions:
    """The first use of each (person, item), and every use of a repeatable item."""
    pair_keys = interactions.person * max(interactions.n_items, 1) + interactions.item
    is_listed_use = np.zeros(len(pair_keys), bool) if is_repeatable is None else is_repeatable[interactions.item]
    is_listed_use[np.unique(pair_keys, return_index=True)[1]] = True
    person_codes, ticks = interactions.person[is_listed_use], interactions.time[is_listed_use]
    person_offsets = np.searchsorted(person_codes, np.arange(interactions.n_people + 1)).astype(np.int64)
    return Acquisitions(person_offsets, interactions.item[is_listed_use], ticks, run_index(person_codes, ticks))
