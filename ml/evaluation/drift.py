"""Drift: how far a night's inputs and scores have moved from those of the latest training.

Belongs here: profiles (shares over bins), the stability index between two, the limit.
Does not belong here: what is drifting (the caller names columns), reactions (see promotion).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import polars as pl
from scipy.special import rel_entr

from ml.data.interactions import Doubles

BINS = 10
NARROWEST = 0.05  # of the largest edge: a cohort hired in one week must not count as drift because two days passed
MOST_NAMES = 50  # of a column of names: the commonest; the others are one bin

ColumnKind = Literal["input", "score"]


@dataclass(frozen=True)
class ColumnProfile:
    """How one column was distributed: shares over bins between edges, or over names and all others."""

    n: int
    edges: tuple[float, ...]  # inner edges of numbers; none for names
    names: tuple[str, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class ColumnDrift:
    """One row a column: its population stability index, what chance alone makes of it, and whether it is too much."""

    name: str
    kind: ColumnKind
    index: float
    chance: float
    is_drifted: bool


def profile_column(column: pl.Series) -> ColumnProfile:
    """Numbers over tenths of themselves, fewer where those lie close; names over the commonest; no empty cells."""
    told = column.drop_nulls()
    if told.dtype == pl.String:
        counted = told.value_counts(sort=True).sort("count", told.name, descending=[True, False]).head(MOST_NAMES)
        names = tuple(counted[told.name].to_list())
        return ColumnProfile(len(told), (), names, tuple(_shares_of_names(told, names)))
    values = told.to_numpy().astype(np.float64)
    inner = np.quantile(values, np.arange(1, BINS) / BINS) if len(values) else np.zeros(0)
    edges = _apart(np.unique(inner))
    return ColumnProfile(len(values), edges, (), tuple(_shares_of_numbers(values, edges)))


def measure_drift(
    before: Mapping[str, ColumnProfile], now: Mapping[str, pl.Series], kinds: Mapping[str, ColumnKind], limit: float
) -> tuple[ColumnDrift, ...]:
    """One row a column that both know. Index: sum of (p - q) ln(p / q) over bins, the population stability index.

    Between two samples of the same people it is about (bins - 1)(1/n + 1/m) by chance, which is allowed on top of the
    limit, so that a company of fifty is not told of drift every night.
    """
    found = []
    for name, reference in before.items():
        if name not in now:
            continue
        told = now[name].drop_nulls()
        if not len(told) or not reference.n:
            continue
        shares = (
            _shares_of_names(told, reference.names)
            if told.dtype == pl.String
            else _shares_of_numbers(told.to_numpy().astype(np.float64), reference.edges)
        )
        size = len(shares)
        index = stability_index(_smoothed(np.asarray(reference.shares), reference.n), _smoothed(shares, len(told)))
        chance = (size - 1) * (1.0 / reference.n + 1.0 / len(told))
        found.append(ColumnDrift(name, kinds[name], index, chance, index > limit + chance))
    return tuple(found)


def stability_index(before: Doubles, now: Doubles) -> float:
    """The population stability index of two rows of positive shares: relative entropy both ways, in nats."""
    return float(rel_entr(before, now).sum() + rel_entr(now, before).sum())


def _smoothed(shares: Doubles, n: int) -> Doubles:
    """Half a person more in every bin, so that one that happens to be empty among few weighs no more than few can."""
    return (shares * n + 0.5) / (n + 0.5 * len(shares))


def write_profiles(profiles: Mapping[str, ColumnProfile]) -> str:
    """The profiles as JSON: shares and edges alone, nothing of a single person."""
    return json.dumps({name: asdict(one) for name, one in profiles.items()}, sort_keys=True)


def read_profiles(text: str) -> dict[str, ColumnProfile]:
    """The profiles of that JSON. Raises ValueError where it is no such JSON."""
    try:
        return {
            name: ColumnProfile(one["n"], tuple(one["edges"]), tuple(one["names"]), tuple(one["shares"]))
            for name, one in json.loads(text).items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no profiles of columns") from error


def _apart(edges: Doubles) -> tuple[float, ...]:
    """The edges, ascending, without those too close to the one before."""
    kept: list[float] = []
    least = NARROWEST * np.abs(edges).max(initial=0.0)
    for edge in edges.tolist():
        if not kept or edge - kept[-1] >= least:
            kept.append(edge)
    return tuple(kept)


def _shares_of_numbers(values: Doubles, edges: tuple[float, ...]) -> Doubles:
    count = np.bincount(np.searchsorted(np.asarray(edges), values, side="left"), minlength=len(edges) + 1)
    return np.asarray(count / max(len(values), 1), np.float64)


def _shares_of_names(told: pl.Series, names: tuple[str, ...]) -> Doubles:
    held = dict(told.value_counts().iter_rows())
    listed = [float(held.get(name, 0)) for name in names]
    return np.asarray([*listed, len(told) - sum(listed)], np.float64) / max(len(told), 1)
