"""Features from the flow: HR, projects, learning, taxonomy and wishes, each as of the pair's moment.

Belongs here: the declared features, what they count, and their computation strictly before each moment.
Does not belong here: what colleagues took (see group_features), features from histories (see features), ranking.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from threading import Lock
from typing import Literal

import numpy as np
import polars as pl

from ml.data.encoding import Lookup, encode_ids, sum_by_key
from ml.data.sparse_rows import Ints
from ml.ranking.features import Feature

Aggregation = Literal["log_sum", "share", "latest", "log_age"]
KEY_COLUMNS = ("person_id", "skill_id", "capability_id")
EARLIEST_MOMENT = pl.datetime(1900, 1, 1)
MICROSECONDS_PER_DAY = 86_400_000_000.0
# Threads that score people share the values of a moment; the first that needs them computes them.
_VALUES_LOCK = Lock()


@dataclass(frozen=True, eq=False)
class FeatureSource:
    """The dated rows that one feature aggregates: some of KEY_COLUMNS, ts, value.

    A row counts strictly after its ts. A pair without rows has the value 0. The aggregations are:
    log_sum: log of 1 + the sum of values so far; share: the sum itself; latest: the newest value;
    log_age: log of 1 + days since the newest row.
    """

    feature: Feature
    dated_rows: pl.DataFrame
    aggregation: Aggregation

    @cached_property
    def key_columns(self) -> tuple[str, ...]:
        return tuple(key_column for key_column in KEY_COLUMNS if key_column in self.dated_rows.columns)

    @property
    def key_name(self) -> str:
        """The column of pairs that holds this source's combined key."""
        return "key_" + "_".join(self.key_columns)

    @property
    def is_sum(self) -> bool:
        """Whether values add up; else the newest one counts."""
        return self.aggregation in ("log_sum", "share")

    def encode_rows(self, vocabularies: dict[str, pl.Series]) -> pl.DataFrame:
        """One row per complete row: key (combined code), ts, value."""
        complete_rows = self.dated_rows.drop_nulls([*self.key_columns, "ts"])
        return complete_rows.select(
            pl.Series("key", encode_keys(complete_rows, self.key_columns, vocabularies)),
            _to_naive_utc(complete_rows["ts"]),
            pl.col("value").cast(pl.Float64),
        )

    def accumulate(self, encoded_rows: pl.DataFrame) -> pl.DataFrame:
        """Compute the value of each key after each of its ts, from the rows that `encode_rows` returns.

        Returns:
            One row per key and ts, sorted by ts: value, and `since`, a copy of ts.
        """
        merged_value = pl.col("value").sum() if self.is_sum else pl.col("value").max()
        merged_rows = encoded_rows.group_by("key", "ts").agg(merged_value).sort("ts", "key")
        current_value = pl.col("value").cum_sum().over("key") if self.is_sum else pl.col("value")
        return merged_rows.with_columns(current_value, since="ts")

    def values_at(self, encoded_rows: pl.DataFrame, moment: datetime) -> Lookup:
        """The feature's value per key at one moment."""
        past_rows = encoded_rows.filter(pl.col("ts") < moment).select(
            "key", "value", age=(pl.lit(moment) - pl.col("ts")).dt.total_microseconds() / MICROSECONDS_PER_DAY
        )
        if self.is_sum:  # in the order of the rows, not per thread: the same sum to the last digit
            value_sums = sum_by_key(past_rows["key"].to_numpy(), past_rows["value"].to_numpy())
            return (
                replace(value_sums, value=np.log1p(np.maximum(value_sums.value, 0.0)))
                if self.aggregation == "log_sum"
                else value_sums
            )
        newest_age = pl.col("age").min()
        newest_value = pl.col("value").filter(pl.col("age") == newest_age).max()
        feature_value = newest_age.log1p() if self.aggregation == "log_age" else newest_value
        newest_rows = past_rows.group_by("key").agg(value=feature_value).sort("key")
        return Lookup(newest_rows["key"].to_numpy(), newest_rows["value"].to_numpy())

    def join_values(self, pairs: pl.DataFrame, accumulated_rows: pl.DataFrame) -> pl.Series:
        """The feature's value per pair; `pairs` has this source's key column and is sorted by `at`."""
        pairs_with_values = pairs.select("at", key=self.key_name).join_asof(
            accumulated_rows,
            left_on="at",
            right_on="ts",
            by="key",
            strategy="backward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        feature_value = {
            "log_sum": pl.col("value").clip(lower_bound=0.0).log1p(),
            "log_age": ((pl.col("at") - pl.col("since")).dt.total_microseconds() / MICROSECONDS_PER_DAY).log1p(),
        }.get(self.aggregation, pl.col("value"))
        return pairs_with_values.select(feature_value.fill_null(0.0).alias(self.feature.name)).to_series()


def encode_keys(id_rows: pl.DataFrame, key_columns: tuple[str, ...], vocabularies: dict[str, pl.Series]) -> Ints:
    """One number per row for its ids in several columns; -1 if one of them is not in its vocabulary."""
    combined_codes, is_known = np.zeros(id_rows.height, np.int64), np.ones(id_rows.height, bool)
    for key_column in key_columns:
        id_codes = encode_ids(id_rows[key_column].cast(pl.String), vocabularies[key_column])
        combined_codes = combined_codes * len(vocabularies[key_column]) + id_codes
        is_known &= id_codes >= 0
    return np.where(is_known, combined_codes, -1)


@dataclass(frozen=True, eq=False)
class ContextFeatures:
    """Extra features (see `ml.ranking.features.ExtraFeatures`) from feature sources.

    An item `skill|stage` is looked up by its skill and by that skill's capability.
    """

    sources: tuple[FeatureSource, ...]
    capabilities: pl.DataFrame  # skill_id, capability_id
    _lookups_by_moment: dict[datetime, tuple[Lookup, ...]] = field(default_factory=dict, init=False, repr=False)

    @property
    def features(self) -> tuple[Feature, ...]:
        return tuple(source.feature for source in self.sources)

    @cached_property
    def vocabularies(self) -> dict[str, pl.Series]:
        """The distinct ids of each key column."""
        ids_by_column = {
            column: [
                source.dated_rows[column].cast(pl.String) for source in self.sources if column in source.key_columns
            ]
            for column in KEY_COLUMNS
        }
        return {
            column: pl.concat(id_columns).drop_nulls().unique().sort() for column, id_columns in ids_by_column.items()
        }

    @cached_property
    def _encoded_rows(self) -> tuple[pl.DataFrame, ...]:
        return tuple(source.encode_rows(self.vocabularies) for source in self.sources)

    @cached_property
    def _accumulated_rows(self) -> tuple[pl.DataFrame, ...]:
        return tuple(
            source.accumulate(encoded_rows)
            for source, encoded_rows in zip(self.sources, self._encoded_rows, strict=True)
        )

    def for_people(self, person_ids: pl.Series) -> "ContextFeatures":
        """The same features for pairs of these people alone; rows of other people are dropped."""
        chosen_people = pl.DataFrame({"person_id": person_ids}, schema={"person_id": pl.String})
        return replace(
            self,
            sources=tuple(
                replace(
                    source,
                    dated_rows=source.dated_rows.join(chosen_people, on="person_id", how="semi", maintain_order="left"),
                )
                if "person_id" in source.key_columns
                else source
                for source in self.sources
            ),
        )

    def __call__(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """One row per pair (person_id, skill_id, at) in the same order, one column per feature."""
        keyed_pairs = (
            pairs.with_row_index("place")
            .with_columns(pl.col("skill_id").str.replace(r"\|[^|]*$", ""), _to_naive_utc(pairs["at"]))
            .join(self.capabilities, on="skill_id", how="left", maintain_order="left")
        )
        key_columns_by_name = {source.key_name: source.key_columns for source in self.sources}
        keyed_pairs = keyed_pairs.with_columns(
            pl.Series(key_name, encode_keys(keyed_pairs, key_columns, self.vocabularies))
            for key_name, key_columns in key_columns_by_name.items()
        )
        moments = keyed_pairs["at"].unique()
        if len(moments) == 1:
            return self._compute_at_one_moment(keyed_pairs, moments[0])
        keyed_pairs = keyed_pairs.sort("at", "place")
        with _VALUES_LOCK:
            accumulated_rows = self._accumulated_rows
        value_columns = [
            source.join_values(keyed_pairs, source_rows)
            for source, source_rows in zip(self.sources, accumulated_rows, strict=True)
        ]
        return pl.DataFrame([keyed_pairs["place"], *value_columns]).sort("place").drop("place")

    def _compute_at_one_moment(self, keyed_pairs: pl.DataFrame, moment: datetime) -> pl.DataFrame:
        """One row per pair: all share one moment, so that each key has one value and no join by time is needed."""
        with _VALUES_LOCK:
            if moment not in self._lookups_by_moment:
                self._lookups_by_moment.clear()  # callers go from moment to moment, and each one takes memory
                self._lookups_by_moment[moment] = tuple(
                    source.values_at(encoded_rows, moment)
                    for source, encoded_rows in zip(self.sources, self._encoded_rows, strict=True)
                )
            lookup_by_source = self._lookups_by_moment[moment]
        return pl.DataFrame(
            {
                source.feature.name: lookup.get(keyed_pairs[source.key_name].to_numpy())
                for source, lookup in zip(self.sources, lookup_by_source, strict=True)
            }
        )


@dataclass(frozen=True, eq=False)
class ContextTables:
    """Rows of the flow that features are made of; texts are already matched to micro-skills."""

    people: pl.DataFrame  # person_id, role_name, hired_date
    role_periods: pl.DataFrame  # person_id, role_name, started_date, ended_date
    role_profiles: pl.DataFrame  # role_name, skill_id, importance
    assignments: pl.DataFrame  # person_id, skill_id, started_date, done_at
    practice: pl.DataFrame  # person_id, skill_id, occurred_at, hours
    learning: pl.DataFrame  # person_id, skill_id, occurred_at, is_finished, score_share
    steps: pl.DataFrame  # person_id, skill_id, reached_at: when each micro-skill was first held
    prerequisites: pl.DataFrame  # skill_id, requires_skill_id
    capabilities: pl.DataFrame  # skill_id, capability_id
    wishes: pl.DataFrame | None = None  # person_id, skill_id, stated_at, wish_weight; None if they are no features


def build_context_features(context_tables: ContextTables) -> ContextFeatures:
    """Declare all features of the flow's tables.

    Args:
        context_tables: The rows to aggregate. A feature of an empty table is 0 everywhere: the list of features depends
            on nothing but whether `context_tables.wishes` is given.

    Returns:
        Extra features for `ml.ranking.fitting.fit_recommender`.
    """
    wish_sources = () if context_tables.wishes is None else _declare_wish_sources(context_tables.wishes)
    sources = (
        *_declare_hr_sources(context_tables),
        *_declare_project_sources(context_tables),
        *_declare_learning_sources(context_tables.learning),
        *_declare_taxonomy_sources(context_tables),
        *wish_sources,
    )
    return ContextFeatures(sources, context_tables.capabilities.select("skill_id", "capability_id").unique("skill_id"))


def _declare_hr_sources(context_tables: ContextTables) -> tuple[FeatureSource, ...]:
    dated_roles = pl.concat(
        [
            context_tables.people.join(context_tables.role_periods, on="person_id", how="anti").select(
                "person_id", "role_name", ts=EARLIEST_MOMENT, until=pl.lit(None, pl.Datetime)
            ),
            context_tables.role_periods.select(
                "person_id", "role_name", ts=_cast_to_moment("started_date"), until=_cast_to_moment("ended_date")
            ),
        ],
        how="vertical_relaxed",
    )
    importance_weight = pl.col("importance").replace_strict(
        {"essential": 1.0, "optional": 0.4}, default=0.4, return_dtype=pl.Float64
    )
    role_needs = dated_roles.join(context_tables.role_profiles.with_columns(value=importance_weight), on="role_name")
    ended_role_needs = role_needs.drop_nulls("until").select(
        "person_id", "skill_id", ts="until", value=-pl.col("value")
    )
    return (
        FeatureSource(
            Feature("role_needs", "hr", "importance of the skill in the profiles of the person's roles"),
            pl.concat([role_needs.select("person_id", "skill_id", "ts", "value"), ended_role_needs]),
            "share",
        ),
        FeatureSource(
            Feature("log_hired", "hr", "log of 1 + days since the person was hired"),
            context_tables.people.select("person_id", ts=_cast_to_moment("hired_date"), value=pl.lit(1.0)),
            "log_age",
        ),
    )


def _declare_project_sources(context_tables: ContextTables) -> tuple[FeatureSource, ...]:
    dated_assignments = context_tables.assignments.drop_nulls(["skill_id", "started_date"])
    open_count_changes = pl.concat(
        [
            _select_dated_rows(dated_assignments, "started_date", pl.lit(1.0)),
            _select_dated_rows(dated_assignments.drop_nulls("done_at"), "done_at", pl.lit(-1.0)),
        ]
    )
    practice_rows = _select_dated_rows(context_tables.practice, "occurred_at", pl.col("hours"))
    return (
        FeatureSource(
            Feature("demand_open", "projects", "log of 1 + open assignments that name the skill"),
            open_count_changes.drop("person_id"),
            "log_sum",
        ),
        FeatureSource(
            Feature("assigned_open", "projects", "log of 1 + the person's own open assignments that name it"),
            open_count_changes,
            "log_sum",
        ),
        FeatureSource(
            Feature("practised_hours", "projects", "log of 1 + hours (or times) the person worked on it"),
            practice_rows,
            "log_sum",
        ),
        FeatureSource(
            Feature("practised_idle", "projects", "log of 1 + days since the person last worked on it"),
            practice_rows,
            "log_age",
        ),
    )


def _declare_learning_sources(learning: pl.DataFrame) -> tuple[FeatureSource, ...]:
    learning_records = learning.drop_nulls("skill_id")
    return (
        FeatureSource(
            Feature("learning_started", "learning", "log of 1 + times the person began to learn it"),
            _select_dated_rows(learning_records.filter(~pl.col("is_finished")), "occurred_at", pl.lit(1.0)),
            "log_sum",
        ),
        FeatureSource(
            Feature("learning_finished", "learning", "log of 1 + times the person finished learning it"),
            _select_dated_rows(learning_records.filter("is_finished"), "occurred_at", pl.lit(1.0)),
            "log_sum",
        ),
        FeatureSource(
            Feature("learning_score", "learning", "the newest score of learning it, 0 to 1"),
            _select_dated_rows(learning_records.drop_nulls("score_share"), "occurred_at", pl.col("score_share")),
            "latest",
        ),
    )


def _declare_taxonomy_sources(context_tables: ContextTables) -> tuple[FeatureSource, ...]:
    first_held_rows = context_tables.steps.group_by("person_id", "skill_id").agg(ts=_cast_to_moment("reached_at").min())
    prerequisite_links = context_tables.prerequisites.select("skill_id", "requires_skill_id").unique()
    met_prerequisites = first_held_rows.join(
        prerequisite_links.with_columns(value=1.0 / pl.len().over("skill_id")),
        left_on="skill_id",
        right_on="requires_skill_id",
        suffix="_next",
    )
    capability_shares = context_tables.capabilities.with_columns(value=1.0 / pl.len().over("capability_id"))
    return (
        FeatureSource(
            Feature("prerequisites_asked", "taxonomy", "1 where the skill has prerequisites"),
            prerequisite_links.select("skill_id").unique().select("skill_id", ts=EARLIEST_MOMENT, value=pl.lit(1.0)),
            "share",
        ),
        FeatureSource(
            Feature("prerequisites_met", "taxonomy", "share of its prerequisites that the person holds"),
            met_prerequisites.select("person_id", "ts", "value", skill_id="skill_id_next"),
            "share",
        ),
        FeatureSource(
            Feature("capability_held", "taxonomy", "share of its capability that the person holds"),
            first_held_rows.join(capability_shares, on="skill_id").select("person_id", "capability_id", "ts", "value"),
            "share",
        ),
    )


def _declare_wish_sources(wishes: pl.DataFrame) -> tuple[FeatureSource, ...]:
    return (
        FeatureSource(
            Feature("wish_weight", "wishes", "how much the person last said to want it"),
            _select_dated_rows(wishes.drop_nulls("skill_id"), "stated_at", pl.col("wish_weight").fill_null(1.0)),
            "latest",
        ),
    )


def _select_dated_rows(records: pl.DataFrame, moment_column: str, value_expr: pl.Expr) -> pl.DataFrame:
    """One row per row of the frame: person_id, skill_id, ts, value."""
    return records.select("person_id", "skill_id", ts=_cast_to_moment(moment_column), value=value_expr)


def _cast_to_moment(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Datetime("us"))


def _to_naive_utc(moments: pl.Series) -> pl.Series:
    has_time_zone = isinstance(moments.dtype, pl.Datetime) and moments.dtype.time_zone is not None
    naive_moments = moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if has_time_zone else moments
    return naive_moments.cast(pl.Datetime("us"))
