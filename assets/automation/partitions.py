"""Delivery days: the partitions of raw tables, and which files belong to a day.

Belongs here: the partitions, and the day of a file.
Does not belong here: landing (`pipelines.ingest.landing`), the files of a table (`pipelines.storage.file_layout`).

A run of today's partition lands every file that no run has landed yet, so that a late file is never lost. A run of an
earlier day, a backfill, lands only the files of that day: by the date in their name, or else by their time of change.
"""

import re
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

from dagster import AssetExecutionContext, BackfillPolicy, DailyPartitionsDefinition

# Older exports are landed on the day they arrive: more days would make the UI's partition bar unreadable.
FIRST_DAY = date(2024, 1, 1)
# Today's partition exists before the day is over.
DELIVERY_DAYS = DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat(), end_offset=1)
# One run lands a range of days in their order, so that deliveries are numbered in the order of the days.
BY_RANGE = BackfillPolicy.single_run()
_DAY_PATTERN = re.compile(r"(?<!\d)(\d{4})[-_]?(\d{2})[-_]?(\d{2})(?!\d)")


def delivery_days(context: AssetExecutionContext) -> list[date]:
    """The delivery days of a run, in order; empty if it has no partition."""
    if not context.has_partition_key and not context.has_partition_key_range:
        return []
    return [date.fromisoformat(partition_key) for partition_key in context.partition_keys]


def day_of_file(file_path: Path) -> date:
    """The first date in a file's name, or else the day of its last change in UTC."""
    for year, month, day in _DAY_PATTERN.findall(file_path.name):
        with suppress(ValueError):  # digits that are no date, such as 2026-99-01
            return date(int(year), int(month), int(day))
    return datetime.fromtimestamp(file_path.stat().st_mtime, UTC).date()
