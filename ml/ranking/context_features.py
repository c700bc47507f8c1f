"""Features from the flow: HR, projects, learning, taxonomy and wishes, each as of the pair's moment.

Belongs here: the declared features, what they count, and their computation strictly before each moment.
Does not belong here: what colleagues took (see groups), features from histories (see features), ranking.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from threading import Lock
from typing import Literal

import numpy as np
import polars as pl

from ml.data.encoding import Lookup, sum_by_key
from ml.data.interactions import Floats, Ints, Strings
from ml.ranking.features import CandidateNominator, ExtraFeatures, Feature

Aggregation = Literal["log_sum", "share", "latest", "log_age"]
KEY_COLUMNS = ("person_id", "skill_id", "capability_id")
BEFORE_ALL = pl.datetime(1900, 1, 1)
DAY_OF_MICROSECONDS = 86_400_000_000.0
# The threads that score share what stands at a moment; the first that asks works it out.
_ONE_AT_A_TIME = Lock()


@dataclass(frozen=True, eq=False)
class FeatureSource:
    """What a feature is made of: rows (some of KEYS, ts, value) that count from strictly after their ts on.

    log_sum: log of 1 + the sum of values so far; share: the sum itself; latest: the newest value; log_age: log of 1 +
    days since the newest row. A pair without rows has 0.
    """

    feature: Feature
    rows: pl.DataFrame
    aggregation: Aggregation

    @cached_property
    def keys(self) -> list[str]:
        return [key for key in KEY_COLUMNS if key in self.rows.columns]

    def coded(self, codes: "IdCodes") -> pl.DataFrame:
        """The rows that count: key, ts, value."""
        whole = self.rows.drop_nulls([*self.keys, "ts"])
        rows = codes.mark(whole.with_columns(_naive(whole["ts"])), [self.keys]).select(
            pl.col(_called(self.keys)).alias("key"), "ts", pl.col("value").cast(pl.Float64)
        )
        return rows.drop_nulls("key")

    def running(self, codes: "IdCodes") -> pl.DataFrame:
        """One row a key and moment: the value from then on."""
        merge = pl.col("value").sum() if self.is_sum else pl.col("value").max()
        rows = self.coded(codes).group_by("key", "ts").agg(merge).sort("ts", "key")
        if self.is_sum:
            rows = rows.with_columns(pl.col("value").cum_sum().over("key"))
        return rows.with_columns(pl.col("ts").alias("marked"))

    def standing(self, codes: "IdCodes", at: datetime) -> Lookup:
        """What `column` says of each key at one moment."""
        rows = self.coded(codes).filter(pl.col("ts") < at)
        age = (pl.lit(at) - pl.col("ts")).dt.total_microseconds() / DAY_OF_MICROSECONDS
        rows = rows.select("key", "value", age.alias("ago"))
        if self.is_sum:  # in the order of the rows, whichever threads there are: the same to the last digit
            summed = sum_by_key(rows["key"].to_numpy(), rows["value"].to_numpy())
            return (
                Lookup(summed.key, np.log1p(np.maximum(summed.value, 0.0))) if self.aggregation == "log_sum" else summed
            )
        ago, value = pl.col("ago"), pl.col("value")
        said = ago.min().log1p() if self.aggregation == "log_age" else value.filter(ago == ago.min()).max()
        newest = rows.group_by("key").agg(said.alias("said")).sort("key")
        return Lookup(newest["key"].to_numpy(), newest["said"].to_numpy())

    @property
    def is_sum(self) -> bool:
        """Whether rows add up; else the newest one counts."""
        return self.aggregation in ("log_sum", "share")

    def column(self, pairs: pl.DataFrame, running: pl.DataFrame) -> pl.Series:
        """One value a pair; pairs are sorted by `at`."""
        asked = pairs.select("at", pl.col(_called(self.keys)).alias("key"))
        found = asked.join_asof(
            running,
            left_on="at",
            right_on="ts",
            by="key",
            strategy="backward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        if self.aggregation == "log_age":
            value = ((pl.col("at") - pl.col("marked")).dt.total_microseconds() / DAY_OF_MICROSECONDS).log1p()
        else:
            value = pl.col("value").clip(lower_bound=0.0).log1p() if self.aggregation == "log_sum" else pl.col("value")
        return found.select(value.fill_null(0.0).alias(self.feature.name)).to_series()


@dataclass(frozen=True, eq=False)
class IdCodes:
    """A number for each id, so that a pair's several ids are looked up as one number, not as texts."""

    of: dict[str, pl.DataFrame]  # by key: the key, and its code

    def mark(self, frame: pl.DataFrame, wanted: list[list[str]]) -> pl.DataFrame:
        """The frame with one column for each list of keys; null where an id has no number."""
        for key in dict.fromkeys(key for keys in wanted for key in keys):
            frame = frame.join(self.of[key], on=key, how="left", maintain_order="left")
        for keys in wanted:
            code = pl.lit(0, pl.Int64)
            for key in keys:
                code = code * self.of[key].height + pl.col(f"{key}_code")
            frame = frame.with_columns(code.alias(_called(keys)))
        return frame


@dataclass(frozen=True, eq=False)
class ContextFeatures:
    """Extra features from marks. An item `skill|stage` is looked up by its skill, and by that skill's capability."""

    marks: tuple[FeatureSource, ...]
    capabilities: pl.DataFrame  # skill_id, capability_id
    _standing: dict[datetime, tuple[Lookup, ...]] = field(default_factory=dict, init=False, repr=False)

    @property
    def features(self) -> tuple[Feature, ...]:
        return tuple(one.feature for one in self.marks)

    @cached_property
    def codes(self) -> IdCodes:
        of = {}
        for key in KEY_COLUMNS:
            named = [one.rows[key].cast(pl.String) for one in self.marks if key in one.keys]
            ids = pl.concat(named).drop_nulls().unique().sort()
            of[key] = pl.DataFrame({key: ids, f"{key}_code": pl.arange(len(ids), dtype=pl.Int64, eager=True)})
        return IdCodes(of)

    @cached_property
    def running(self) -> tuple[pl.DataFrame, ...]:
        return tuple(one.running(self.codes) for one in self.marks)

    def for_people(self, people: pl.Series) -> "ContextFeatures":
        """The same for pairs of these people alone: of what is marked by person, theirs is kept."""
        theirs = pl.DataFrame({"person_id": people}, schema={"person_id": pl.String})
        return replace(
            self,
            marks=tuple(
                replace(one, rows=one.rows.join(theirs, on="person_id", how="semi", maintain_order="left"))
                if "person_id" in one.keys
                else one
                for one in self.marks
            ),
        )

    def __call__(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """One row a pair, in order."""
        keyed = pairs.with_row_index("place").with_columns(
            pl.col("skill_id").str.replace(r"\|[^|]*$", ""), _naive(pairs["at"])
        )
        keyed = keyed.join(self.capabilities, on="skill_id", how="left", maintain_order="left")
        keyed = self.codes.mark(keyed, list({_called(one.keys): one.keys for one in self.marks}.values()))
        moments = keyed["at"].unique()
        if len(moments) == 1:
            return self._at_once(keyed, moments[0])
        keyed = keyed.sort("at", "place")
        columns = [one.column(keyed, running) for one, running in zip(self.marks, self.running, strict=True)]
        return pl.DataFrame([keyed["place"], *columns]).sort("place").drop("place")

    def _at_once(self, keyed: pl.DataFrame, at: datetime) -> pl.DataFrame:
        """One row a pair, all of one moment: each key has one value then, so that none need be sought in its past."""
        with _ONE_AT_A_TIME:
            if at not in self._standing:
                self._standing.clear()  # moments are asked about one after the other, and each costs memory
                self._standing[at] = tuple(one.standing(self.codes, at) for one in self.marks)
            standing = self._standing[at]
        keys = {name: keyed[name].fill_null(-1).to_numpy() for name in {_called(one.keys) for one in self.marks}}
        return pl.DataFrame(
            {
                one.feature.name: found.get(keys[_called(one.keys)])
                for one, found in zip(self.marks, standing, strict=True)
            }
        )


def _called(keys: list[str]) -> str:
    return "key_" + "_".join(keys)


@dataclass(frozen=True, eq=False)
class FeatureUnion:
    """Several extra features as one; the first that nominates, does. Families left out are blank: for ablation."""

    parts: Sequence[ExtraFeatures]

    @property
    def features(self) -> tuple[Feature, ...]:
        return tuple(feature for part in self.parts for feature in part.features)

    def __call__(self, pairs: pl.DataFrame) -> pl.DataFrame:
        return pl.concat([part(pairs) for part in self.parts], how="horizontal")

    def for_people(self, people: pl.Series) -> "FeatureUnion":
        """The same for pairs of these people alone; a part in which other people count stays as it is."""
        return FeatureUnion(
            [part.for_people(people) if isinstance(part, ContextFeatures) else part for part in self.parts]
        )

    def score_items(self, people: Strings, at: Ints, items: Strings) -> Floats:
        """Rows x items; see Nominates. Raises ValueError where no part nominates."""
        for part in self.parts:
            if isinstance(part, CandidateNominator):
                return part.score_items(people, at, items)
        raise ValueError("none of these features nominates")


@dataclass(frozen=True, eq=False)
class ContextTables:
    """The flow's rows that features are made of, with skill ids already found for their texts."""

    people: pl.DataFrame  # person_id, role_name, hired_date
    role_periods: pl.DataFrame  # person_id, role_name, started_date, ended_date
    role_profiles: pl.DataFrame  # role_name, skill_id, importance
    assignments: pl.DataFrame  # person_id, skill_id, started_date, done_at
    practice: pl.DataFrame  # person_id, skill_id, occurred_at, hours
    learning: pl.DataFrame  # person_id, skill_id, occurred_at, is_finished, score_share
    steps: pl.DataFrame  # person_id, skill_id, reached_at: when each micro-skill was first held
    prerequisites: pl.DataFrame  # skill_id, requires_skill_id
    capabilities: pl.DataFrame  # skill_id, capability_id
    wishes: pl.DataFrame | None = None  # person_id, skill_id, stated_at, wish_weight; None where they are no features


def build_context_features(tables: ContextTables) -> ContextFeatures:
    """All features of the flow's tables; those of empty tables are 0 everywhere, so the list is always the same."""
    wished = () if tables.wishes is None else _wishes(tables.wishes)
    marks = (*_hr(tables), *_projects(tables), *_learning(tables), *_taxonomy(tables), *wished)
    return ContextFeatures(marks, tables.capabilities.select("skill_id", "capability_id").unique("skill_id"))


def _hr(tables: ContextTables) -> tuple[FeatureSource, ...]:
    without = tables.people.join(tables.role_periods, on="person_id", how="anti")
    held = pl.concat(
        [
            without.select("person_id", "role_name", BEFORE_ALL.alias("ts"), pl.lit(None, pl.Datetime).alias("until")),
            tables.role_periods.select(
                "person_id", "role_name", _moment("started_date").alias("ts"), _moment("ended_date").alias("until")
            ),
        ],
        how="vertical_relaxed",
    )
    weight = pl.col("importance").replace_strict(
        {"essential": 1.0, "optional": 0.4}, default=0.4, return_dtype=pl.Float64
    )
    needs = held.join(tables.role_profiles.with_columns(weight.alias("value")), on="role_name")
    begun = needs.select("person_id", "skill_id", "ts", "value")
    ended = needs.drop_nulls("until").select("person_id", "skill_id", pl.col("until").alias("ts"), -pl.col("value"))
    hired = tables.people.select("person_id", _moment("hired_date").alias("ts"), pl.lit(1.0).alias("value"))
    return (
        FeatureSource(
            Feature("role_needs", "hr", "importance of the skill in the profiles of the person's roles"),
            pl.concat([begun, ended]),
            "share",
        ),
        FeatureSource(Feature("log_hired", "hr", "log of 1 + days since the person was hired"), hired, "log_age"),
    )


def _projects(tables: ContextTables) -> tuple[FeatureSource, ...]:
    rows = tables.assignments.drop_nulls(["skill_id", "started_date"])
    opened = rows.select("person_id", "skill_id", _moment("started_date").alias("ts"), pl.lit(1.0).alias("value"))
    closed = rows.drop_nulls("done_at").select(
        "person_id", "skill_id", _moment("done_at").alias("ts"), pl.lit(-1.0).alias("value")
    )
    both = pl.concat([opened, closed])
    hours = tables.practice.select(
        "person_id", "skill_id", _moment("occurred_at").alias("ts"), pl.col("hours").alias("value")
    )
    return (
        FeatureSource(
            Feature("demand_open", "projects", "log of 1 + open assignments that name the skill"),
            both.drop("person_id"),
            "log_sum",
        ),
        FeatureSource(
            Feature("assigned_open", "projects", "log of 1 + the person's own open assignments that name it"),
            both,
            "log_sum",
        ),
        FeatureSource(
            Feature("practised_hours", "projects", "log of 1 + hours (or times) the person worked on it"),
            hours,
            "log_sum",
        ),
        FeatureSource(
            Feature("practised_idle", "projects", "log of 1 + days since the person last worked on it"),
            hours,
            "log_age",
        ),
    )


def _learning(tables: ContextTables) -> tuple[FeatureSource, ...]:
    rows = tables.learning.drop_nulls("skill_id").with_columns(_moment("occurred_at").alias("ts"))
    started, finished = rows.filter(~pl.col("is_finished")), rows.filter("is_finished")
    keys = ("person_id", "skill_id", "ts")
    return (
        FeatureSource(
            Feature("learning_started", "learning", "log of 1 + times the person began to learn it"),
            started.select(*keys, pl.lit(1.0).alias("value")),
            "log_sum",
        ),
        FeatureSource(
            Feature("learning_finished", "learning", "log of 1 + times the person finished learning it"),
            finished.select(*keys, pl.lit(1.0).alias("value")),
            "log_sum",
        ),
        FeatureSource(
            Feature("learning_score", "learning", "the newest score of learning it, 0 to 1"),
            rows.drop_nulls("score_share").select(*keys, pl.col("score_share").alias("value")),
            "latest",
        ),
    )


def _taxonomy(tables: ContextTables) -> tuple[FeatureSource, ...]:
    held = tables.steps.group_by("person_id", "skill_id").agg(pl.col("reached_at").min())
    held = held.with_columns(_moment("reached_at").alias("ts"))
    links = tables.prerequisites.select("skill_id", "requires_skill_id").unique()
    share = links.with_columns((1.0 / pl.len().over("skill_id")).alias("value"))
    met = held.join(share, left_on="skill_id", right_on="requires_skill_id", suffix="_next").select(
        "person_id", pl.col("skill_id_next").alias("skill_id"), "ts", "value"
    )
    asks = links.select("skill_id").unique().select("skill_id", BEFORE_ALL.alias("ts"), pl.lit(1.0).alias("value"))
    sizes = tables.capabilities.with_columns((1.0 / pl.len().over("capability_id")).alias("value"))
    covered = held.join(sizes, on="skill_id").select("person_id", "capability_id", "ts", "value")
    return (
        FeatureSource(Feature("prerequisites_asked", "taxonomy", "1 where the skill has prerequisites"), asks, "share"),
        FeatureSource(
            Feature("prerequisites_met", "taxonomy", "share of its prerequisites that the person holds"), met, "share"
        ),
        FeatureSource(
            Feature("capability_held", "taxonomy", "share of its capability that the person holds"), covered, "share"
        ),
    )


def _wishes(wishes: pl.DataFrame) -> tuple[FeatureSource, ...]:
    rows = wishes.drop_nulls("skill_id").select(
        "person_id", "skill_id", _moment("stated_at").alias("ts"), pl.col("wish_weight").fill_null(1.0).alias("value")
    )
    return (
        FeatureSource(Feature("wish_weight", "wishes", "how much the person last said to want it"), rows, "latest"),
    )


def _moment(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Datetime("us"))


def _naive(moments: pl.Series) -> pl.Series:
    zoned = isinstance(moments.dtype, pl.Datetime) and moments.dtype.time_zone is not None
    plain = moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zoned else moments
    return plain.cast(pl.Datetime("us"))
