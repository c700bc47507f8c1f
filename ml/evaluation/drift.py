"""Drift: how far a run's inputs and scores have moved from those of the latest training.

Belongs here: profiles (shares over bins), the stability index between two, the limit.
Does not belong here: which columns are watched (the caller names them), what follows from drift (see promotion).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import polars as pl
from scipy.special import rel_entr

from ml.data.sparse_rows import Doubles

BIN_COUNT = 10
# Of the largest edge. Narrower bins would report drift when a cohort hired in one week is two days older.
MIN_BIN_WIDTH_SHARE = 0.05
MAX_COMMON_TEXTS = 50  # the commonest values of a text column; all others are one bin

ColumnKind = Literal["input", "score"]


@dataclass(frozen=True)
class ColumnProfile:
    """The distribution of one column: shares over bins between edges, or over names and all others."""

    n: int  # values of the column that are not null
    edges: tuple[float, ...]  # inner edges of numbers; none for names
    names: tuple[str, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class ColumnDrift:
    """The population stability index of one column, its size by chance alone, and whether it is too large."""

    name: str
    kind: ColumnKind
    index: float
    chance: float
    is_drifted: bool


def profile_column(column: pl.Series) -> ColumnProfile:
    """Profile numbers by tenths (fewer if edges are close) and texts by the commonest texts; nulls do not count."""
    non_null_values = column.drop_nulls()
    if non_null_values.dtype == pl.String:
        text_counts = (
            non_null_values.value_counts(sort=True)
            .sort("count", non_null_values.name, descending=[True, False])
            .head(MAX_COMMON_TEXTS)
        )
        common_texts = tuple(text_counts[non_null_values.name].to_list())
        return ColumnProfile(
            len(non_null_values), (), common_texts, tuple(_compute_bin_shares(non_null_values, common_texts, ()))
        )
    non_null_numbers = non_null_values.to_numpy().astype(np.float64)
    bin_edges = _merge_close_edges(
        np.quantile(non_null_numbers, np.arange(1, BIN_COUNT) / BIN_COUNT) if len(non_null_numbers) else np.zeros(0)
    )
    return ColumnProfile(
        len(non_null_values), bin_edges, (), tuple(_compute_bin_shares(non_null_values, (), bin_edges))
    )


def measure_drift(
    training_profiles: Mapping[str, ColumnProfile],
    current_columns: Mapping[str, pl.Series],
    kind_by_column: Mapping[str, ColumnKind],
    index_limit: float,
) -> tuple[ColumnDrift, ...]:
    """Compare columns with their profiles.

    The population stability index is the sum of (p - q) ln(p / q) over bins. Between two samples of the same
    distribution it is about (bins - 1)(1/n + 1/m) by chance, which is allowed on top of the limit.

    Args:
        training_profiles: Profile of each column at the latest training.
        current_columns: The columns of today, of the same types.
        kind_by_column: Kind of each column.
        index_limit: Largest index that does not count as drift.

    Returns:
        One row per column that both have and that has values in both.
    """
    column_drifts = []
    for column_name, training_profile in training_profiles.items():
        non_null_values = current_columns[column_name].drop_nulls() if column_name in current_columns else pl.Series()
        if not len(non_null_values) or not training_profile.n:
            continue
        current_shares = _compute_bin_shares(non_null_values, training_profile.names, training_profile.edges)
        drift_index = compute_stability_index(
            _smooth_bin_shares(np.asarray(training_profile.shares), training_profile.n),
            _smooth_bin_shares(current_shares, len(non_null_values)),
        )
        chance_index = (len(current_shares) - 1) * (1.0 / training_profile.n + 1.0 / len(non_null_values))
        column_drifts.append(
            ColumnDrift(
                column_name,
                kind_by_column[column_name],
                drift_index,
                chance_index,
                drift_index > index_limit + chance_index,
            )
        )
    return tuple(column_drifts)


def compute_stability_index(earlier_shares: Doubles, current_shares: Doubles) -> float:
    """The population stability index of two rows of positive shares: relative entropy both ways, in nats."""
    return float(rel_entr(earlier_shares, current_shares).sum() + rel_entr(current_shares, earlier_shares).sum())


def _smooth_bin_shares(bin_shares: Doubles, n_values: int) -> Doubles:
    """Add half a value to every bin, so that an empty bin of a small sample weighs no more than it should."""
    return (bin_shares * n_values + 0.5) / (n_values + 0.5 * len(bin_shares))


def serialize_profiles(profiles: Mapping[str, ColumnProfile]) -> str:
    """Return the profiles as JSON: shares and edges, no value of a single person."""
    return json.dumps({column_name: asdict(profile) for column_name, profile in profiles.items()}, sort_keys=True)


def parse_profiles(profiles_json: str) -> dict[str, ColumnProfile]:
    """Return the profiles that `serialize_profiles` wrote. Raises ValueError if the text is no such JSON."""
    try:
        return {
            column_name: ColumnProfile(
                profile_fields["n"],
                tuple(profile_fields["edges"]),
                tuple(profile_fields["names"]),
                tuple(profile_fields["shares"]),
            )
            for column_name, profile_fields in json.loads(profiles_json).items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no profiles of columns") from error


def _merge_close_edges(bin_edges: Doubles) -> tuple[float, ...]:
    """The distinct edges, ascending, without those too close to the one before."""
    separate_edges: list[float] = []
    min_width = MIN_BIN_WIDTH_SHARE * np.abs(bin_edges).max(initial=0.0)
    for edge in np.unique(bin_edges).tolist():
        if not separate_edges or edge - separate_edges[-1] >= min_width:
            separate_edges.append(edge)
    return tuple(separate_edges)


def _compute_bin_shares(
    non_null_values: pl.Series, common_texts: tuple[str, ...], bin_edges: tuple[float, ...]
) -> Doubles:
    """The share of values per bin. Texts have a bin per common text and one for all others; numbers, between edges."""
    if non_null_values.dtype == pl.String:
        count_by_text = dict(non_null_values.value_counts().iter_rows())
        common_text_counts = [float(count_by_text.get(common_text, 0)) for common_text in common_texts]
        return np.asarray([*common_text_counts, len(non_null_values) - sum(common_text_counts)], np.float64) / max(
            len(non_null_values), 1
        )
    bin_indices = np.searchsorted(bin_edges, non_null_values.to_numpy().astype(np.float64), side="left")
    return np.bincount(bin_indices, minlength=len(bin_edges) + 1) / max(len(non_null_values), 1)
