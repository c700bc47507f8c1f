"""Bounds of days as moments in UTC.

Belongs here: the one place where a day becomes a moment.
Does not belong here: time zones of sources (`pipelines.sources`).
"""

from datetime import UTC, date, datetime, time, timedelta


def end_of_day(day: date) -> datetime:
    """The first moment after a day, in UTC: events of the day lie before it.

    Args:
        day: A day as it is counted in UTC.
    """
    return datetime.combine(day + timedelta(days=1), time(), UTC)
