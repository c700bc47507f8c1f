"""Cuts of practice that are found, and false alarms of quiet units, over many weekly runs on planted units.

Belongs here: what `footsteps bench practice` measures of changes.
Does not belong here: the planted units (`planted_units`), the effect of a tool (`tool_effects`).
"""

from datetime import timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

from benchmarks.practice.planted_units import LAST_DAY, list_planted, name_unit, plant_company
from ml.organisation.practice_comparison import compare_with_past
from pipelines.config.practice import PracticeOptions

FALSE_ALARM_SHARE = PracticeOptions().false_alarm_share
# Work on steps being taken is halved: what people fear of new tools.
CUT_SHARE = 0.5
# A found change is dated within this many weeks of the planted one.
_DATE_TOLERANCE_WEEKS = 4


class ChangePower(NamedTuple):
    """What was found.

    Attributes:
        found_share: Share of the cut units whose cut was found within eight weeks, with its date.
        median_weeks: Median number of weeks until it was found, of those found.
        median_date_error_weeks: Median distance of the date from the planted one.
        alarm_share: Share of the quiet units with any change in any of the weekly runs.
        alarm_share_per_run: Mean share of the quiet units with a change in a run.
        run_count: Number of weekly runs.
    """

    found_share: float
    median_weeks: float
    median_date_error_weeks: float
    alarm_share: float
    alarm_share_per_run: float
    run_count: int


def measure_changes(
    quiet_count: int, cut_count: int, week_count: int, run_weeks: int, seed: int, cut_share: float = CUT_SHARE
) -> ChangePower:
    """Run the comparison every week: first over quiet weeks, then for eight weeks after a cut in some units.

    Args:
        quiet_count: Units in which nothing changes.
        cut_count: Units whose work at the edge is cut eight weeks before the end.
        week_count: Weeks of history at the end.
        run_weeks: Number of weekly runs, eight of them after the cut.
        seed: Seed of the planted units.
        cut_share: What remains of the work at the edge.
    """
    unit_count, cut_week = quiet_count + cut_count, week_count - 8
    factors = np.ones((unit_count, week_count))
    factors[quiet_count:, cut_week:] = cut_share
    company = plant_company(unit_count, week_count, seed, {"edge": factors})
    quiet_names = {name_unit(number) for number in range(quiet_count)}
    alarmed: set[str] = set()
    alarm_counts, weeks_until, date_errors = [], dict[str, int](), dict[str, float]()
    for until_week in range(week_count - run_weeks + 1, week_count + 1):
        planted = list_planted(company, until_week)
        as_of = LAST_DAY - timedelta(days=7 * (week_count - until_week))
        changes = compare_with_past(
            *planted, as_of=as_of, least_staff=5, false_alarm_share=FALSE_ALARM_SHARE
        ).drop_nulls("changed_date")
        quiet_alarms = quiet_names & set(changes["unit_name"])
        alarmed |= quiet_alarms
        alarm_counts.append(len(quiet_alarms))
        weeks_since = until_week - cut_week
        if weeks_since > 0:
            _note_found(changes, weeks_since, quiet_names, weeks_until, date_errors)
    return ChangePower(
        len(weeks_until) / max(cut_count, 1),
        float(np.median(list(weeks_until.values()))) if weeks_until else float("nan"),
        float(np.median(list(date_errors.values()))) if date_errors else float("nan"),
        len(alarmed) / max(quiet_count, 1),
        float(np.mean(alarm_counts)) / max(quiet_count, 1),
        run_weeks,
    )


def _note_found(
    changes: pl.DataFrame,
    weeks_since: int,
    quiet_names: set[str],
    weeks_until: dict[str, int],
    date_errors: dict[str, float],
) -> None:
    """Note the cut units whose fall was found in this run for the first time."""
    falls = changes.filter(pl.col("practice_kind") == "edge", pl.col("change_since") < 0)
    for unit_name, weeks_after in falls.select("unit_name", "weeks_after").iter_rows():
        date_error = abs(weeks_after - weeks_since)
        if unit_name not in quiet_names | set(weeks_until) and date_error <= _DATE_TOLERANCE_WEEKS:
            weeks_until[unit_name], date_errors[unit_name] = weeks_since, date_error
