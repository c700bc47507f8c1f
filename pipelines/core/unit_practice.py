"""Practice of units per week: who belonged to a unit, how many people it had, and what they practised together.

Belongs here: sums over the people of a unit, and which of them may be told.
Does not belong here: the kinds of practice (`practice_weeks`), comparisons with the past (`ml.organisation`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipelines.contracts.columns import is_employed
from pipelines.core.practice_weeks import MOST_WEEKS, choose_units

# What identifies the practice of a unit: the unit, the part of its work, the kind and the unit of its amounts.
PART_KEY = ["unit_name", "practice_scope", "practice_of", "practice_kind", "practice_unit"]
# By period: the first week, and the week after the last one. A trailing period is told only if what remains of the next
# longer one may be told too: otherwise one could subtract.
_WEEKS_BY_PERIOD = {
    "last_4": (0, 4),
    "last_13": (0, 13),
    "last_52": (0, 52),
    "from_4_to_13": (4, 13),
    "from_4_to_52": (4, 52),
    "from_13_to_52": (13, 52),
    "before_52": (52, MOST_WEEKS),
}
# No person may be behind more of a number than this: the (n, k) dominance rule with n = 1 of Hundepool et al.,
# Statistical Disclosure Control (2012), section 4.2.2.
MOST_BY_ONE_SHARE = 0.8
_LONG_AGO = date(1900, 1, 1)


@dataclass(frozen=True)
class UnitPractice:
    """The practice of units.

    Attributes:
        weeks: One row per part of a unit's work and week: `PART_KEY`, weeks_ago, practice_amount.
        contributions: One row per part: `PART_KEY`, and per period people_…, sum_… and most_… (the largest amount of
            one person).
    """

    weeks: pl.DataFrame
    contributions: pl.DataFrame


def build_memberships(people: pl.DataFrame, role_periods: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """List in which unit each person was, and when.

    The history of roles tells it where there is one; the unit of the HR export holds for the present, and for the whole
    employment of a person without a history.

    Args:
        people: Rows of `PERSON`.
        role_periods: Rows of `ROLE_PERIOD`.
        as_of: The last day that counts.

    Returns:
        One row per person and period in a unit: person_id, unit_name, from_date, to_date (the day after the last one,
        null while the period lasts). Periods of a person do not overlap.
    """
    left_date = pl.when(is_employed()).then("left_date").otherwise(pl.coalesce("left_date", pl.lit(as_of)))
    employments = people.select("person_id", present_unit="unit_name", hired_date="hired_date", gone_date=left_date)
    next_start = pl.col("from_date").shift(-1).over("person_id")
    periods = (
        role_periods.drop_nulls(("unit_name", "started_date"))
        .filter(pl.col("started_date") <= as_of)
        .select("person_id", "unit_name", from_date="started_date", end_date="ended_date")
        # of several periods that begin on a day, the one that lasts longest holds
        .sort("person_id", "from_date", "end_date", "unit_name", nulls_last=True)
        .unique(("person_id", "from_date"), keep="last", maintain_order=True)
        .with_columns(
            pl.min_horizontal("end_date", next_start).alias("end_date"), next_start.is_null().alias("is_last")
        )
        .join(employments, on="person_id", how="left", maintain_order="left")
    )
    is_present = pl.col("is_last") & pl.col("present_unit").is_not_null()
    dated_periods = periods.select(
        "person_id",
        pl.when(is_present).then("present_unit").otherwise("unit_name").alias("unit_name"),
        "from_date",
        pl.when(is_present).then("gone_date").otherwise(pl.min_horizontal("end_date", "gone_date")).alias("to_date"),
    )
    undated_people = employments.join(periods, on="person_id", how="anti").select(
        "person_id",
        unit_name="present_unit",
        from_date=pl.col("hired_date").fill_null(_LONG_AGO),
        to_date="gone_date",
    )
    return (
        pl.concat([dated_periods, undated_people])
        .drop_nulls("unit_name")
        .filter(pl.col("to_date").is_null() | (pl.col("to_date") > pl.col("from_date")))
        .sort("person_id", "from_date")
    )


def count_staff_weeks(memberships: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Count the people of each unit on the last day of each of the last `MOST_WEEKS` weeks.

    Args:
        memberships: As `build_memberships` returns them.
        as_of: The last day of week 0.

    Returns:
        One row per unit and week: unit_name, weeks_ago, staff_count.
    """
    weeks_to = (pl.lit(as_of) - pl.col("to_date")).dt.total_days() // 7 + 1
    weeks_from = (pl.lit(as_of) - pl.col("from_date")).dt.total_days() // 7
    bounds = memberships.select(
        "unit_name",
        first_week=weeks_to.fill_null(0).clip(0, MOST_WEEKS),
        end_week=(weeks_from + 1).clip(0, MOST_WEEKS),
    ).filter(pl.col("first_week") < pl.col("end_week"))
    changes = pl.concat(
        [
            bounds.select("unit_name", weeks_ago="first_week", change=pl.lit(1)),
            bounds.select("unit_name", weeks_ago="end_week", change=pl.lit(-1)),
        ]
    )
    grid = changes.select(pl.col("unit_name").unique()).join(
        pl.DataFrame({"weeks_ago": pl.int_range(MOST_WEEKS, eager=True, dtype=pl.Int64)}), how="cross"
    )
    return (
        grid.join(
            changes.group_by("unit_name", "weeks_ago").agg(pl.col("change").sum()),
            on=("unit_name", "weeks_ago"),
            how="left",
        )
        .sort("unit_name", "weeks_ago")
        .select(
            "unit_name",
            pl.col("weeks_ago").cast(pl.Int32),
            pl.col("change").fill_null(0).cum_sum().over("unit_name").alias("staff_count"),
        )
    )


def sum_unit_practice(
    person_weeks: pl.DataFrame, memberships: pl.DataFrame, skills: pl.DataFrame, as_of: date
) -> UnitPractice:
    """Sum the practice of the people of each unit per part of its work, and of all its work.

    A micro-skill counts to its capability; one without a capability is a part of its own.

    Args:
        person_weeks: As `count_person_weeks` returns them, without what people object to.
        memberships: As `build_memberships` returns them.
        skills: skill_id, capability_id.
        as_of: The last day of week 0.
    """
    parts = skills.select(
        "skill_id",
        practice_scope=pl.when(pl.col("capability_id").is_null()).then(pl.lit("skill")).otherwise(pl.lit("capability")),
        practice_of=pl.coalesce("capability_id", "skill_id"),
    )
    week_date = pl.lit(as_of) - pl.duration(days=7 * pl.col("weeks_ago"))
    member_weeks = (
        person_weeks.with_columns(week_date.cast(pl.Date).alias("from_date"))
        .sort("from_date")
        .join_asof(memberships.sort("from_date"), on="from_date", by="person_id", check_sortedness=False)
        .drop_nulls("unit_name")
        .filter(pl.col("to_date").is_null() | (pl.col("from_date") < pl.col("to_date")))
        .join(parts, on="skill_id")
    )
    by_person = member_weeks.group_by(*PART_KEY, "person_id", "weeks_ago").agg(pl.col("practice_amount").sum())
    whole = by_person.with_columns(practice_scope=pl.lit("unit"), practice_of="unit_name")
    person_parts = pl.concat([by_person, whole])
    amount = pl.col("practice_amount")
    person_sums = person_parts.group_by(*PART_KEY, "person_id").agg(
        amount.filter(pl.col("weeks_ago").is_between(first_week, end_week, closed="left")).sum().alias(period)
        for period, (first_week, end_week) in _WEEKS_BY_PERIOD.items()
    )
    return UnitPractice(
        person_parts.group_by(*PART_KEY, "weeks_ago").agg(amount.sum()),
        person_sums.group_by(PART_KEY).agg(
            *((pl.col(period) > 0).sum().cast(pl.Int64).alias(f"people_{period}") for period in _WEEKS_BY_PERIOD),
            *(pl.col(period).sum().alias(f"sum_{period}") for period in _WEEKS_BY_PERIOD),
            *(pl.col(period).max().alias(f"most_{period}") for period in _WEEKS_BY_PERIOD),
        ),
    )


def add_unit_practice(parts: Sequence[UnitPractice], minimum_people: int) -> UnitPractice:
    """Add the practice of units that was summed for several ranges of people, and choose hours or counts.

    Hours are told where at least `minimum_people` of a unit book them, counts elsewhere.

    Args:
        parts: As `sum_unit_practice` returns them; no person is in two of them.
        minimum_people: The smallest number of people that a number may describe.
    """
    contributions = (
        pl.concat([part.contributions for part in parts])
        .group_by(PART_KEY)
        .agg(
            pl.col("^people_.*$", "^sum_.*$").sum(),
            pl.col("^most_.*$").max(),
        )
    )
    has_hours = (pl.col("practice_scope") == "unit") & (pl.col("people_last_52") >= minimum_people)
    chosen = choose_units(contributions, has_hours, ["unit_name"])
    weeks = pl.concat([part.weeks for part in parts]).join(chosen, on=PART_KEY, how="semi")
    return UnitPractice(
        weeks.group_by(*PART_KEY, "weeks_ago").agg(pl.col("practice_amount").sum()).sort(*PART_KEY, "weeks_ago"),
        chosen.sort(PART_KEY),
    )


def mark_tellable(contributions: pl.DataFrame, minimum_people: int) -> pl.DataFrame:
    """Mark which numbers about each part enough people are behind, none of them behind most of it.

    Args:
        contributions: As `UnitPractice` has them.
        minimum_people: The smallest number of people behind a number.

    Returns:
        The rows with is_told_4, is_told_13, is_told_52 (the amounts), has_past_13 and has_past_52 (whether enough
        people are behind the weeks before the last 13 and 52). If a part is withheld while all work of the unit is
        told, the smallest told part is withheld too: the difference would be the first one's amount.
    """
    last_4, last_13, last_52, from_4_to_13, from_4_to_52, from_13_to_52, before_52 = (
        (pl.col(f"people_{period}") >= minimum_people)
        & (pl.col(f"most_{period}") <= MOST_BY_ONE_SHARE * pl.col(f"sum_{period}"))
        for period in _WEEKS_BY_PERIOD
    )
    marked = contributions.with_columns(is_told_52=last_52, has_past_13=from_13_to_52, has_past_52=before_52)
    marked = _withhold_remainders(marked, "is_told_52", "sum_last_52")
    marked = marked.with_columns(is_told_13=pl.col("is_told_52") & last_13 & from_13_to_52)
    marked = _withhold_remainders(marked, "is_told_13", "sum_last_13")
    rest_of_longer = pl.when("is_told_13").then(from_4_to_13).otherwise(from_4_to_52)
    is_told_4 = pl.col("is_told_52") & last_4 & rest_of_longer
    return _withhold_remainders(marked.with_columns(is_told_4=is_told_4), "is_told_4", "sum_last_4")


def _withhold_remainders(marked: pl.DataFrame, told_column: str, sum_column: str) -> pl.DataFrame:
    """Withhold the smallest told part of a unit's work if another part is withheld and all work is told."""
    group = ["unit_name", "practice_kind", "practice_unit"]
    is_part = pl.col("practice_scope") != "unit"
    is_told = pl.col(told_column)
    has_withheld = (is_part & ~is_told & (pl.col(sum_column) > 0)).any().over(group)
    has_whole = (~is_part & is_told).any().over(group)
    told_sum = pl.when(is_part & is_told).then(sum_column)
    is_smallest = told_sum == told_sum.min().over(group)
    withheld = (has_withheld & has_whole & is_smallest).fill_null(False)
    return marked.with_columns((is_told & ~withheld).alias(told_column))
