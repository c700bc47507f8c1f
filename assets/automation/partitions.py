"""Deliveries by day: the partitions of raw tables, and which files a day's run lands.

Belongs here: the partitions and the day of a file.
Does not belong here: landing (`pipelines.ingest.landing`), months of events (`pipelines.storage.lake`).

A run of today's partition lands every file that no run has landed yet, so that a late one is never lost. A run of an
earlier day, a backfill, lands the files of that day alone: by the date in their name, or else when they were written.
"""

import re
from datetime import UTC, date, datetime
from pathlib import Path

from dagster import AssetExecutionContext, BackfillPolicy, DailyPartitionsDefinition

# Older exports are landed with the day they come in; a longer calendar only makes the UI's bar unreadable.
FIRST_DAY = date(2024, 1, 1)
# Today's partition exists before today is over.
DELIVERY_DAYS = DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat(), end_offset=1)
# A range of days is one run, which lands them in their order: deliveries are numbered as they would have come.
BY_RANGE = BackfillPolicy.single_run()
_DAY = re.compile(r"(?<!\d)(\d{4})[-_]?(\d{2})[-_]?(\d{2})(?!\d)")


def days_of(context: AssetExecutionContext) -> list[date]:
    """The delivery days a run is for, in order; none where it is not for days."""
    if not context.has_partition_key and not context.has_partition_key_range:
        return []
    return [date.fromisoformat(key) for key in context.partition_keys]


def day_of_file(path: Path) -> date:
    """The day in a file's name, or else of its last change, UTC."""
    for year, month, day in _DAY.findall(path.name):
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            continue
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
