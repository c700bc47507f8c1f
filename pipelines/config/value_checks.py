"""Checks of single values of footsteps.yaml.

Belongs here: what one value may be, and the sentence that says so.
Does not belong here: what several values mean together (`company`).
"""

import codecs
from datetime import date
from pathlib import PurePath
from typing import Any
from zoneinfo import ZoneInfo


def check_landing_pattern(pattern: str) -> str:
    """Accept a pattern of files inside the landing folder."""
    if not pattern or PurePath(pattern).is_absolute() or ".." in PurePath(pattern).parts:
        raise ValueError("must be a pattern inside the landing folder, such as hr/*.csv")
    return pattern


def check_encoding(encoding: str) -> str:
    """Accept an encoding that Python has."""
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        raise ValueError(f"unknown encoding {encoding!r}; use utf-8, utf-16 or windows-1252") from error
    return encoding


def check_time_zone(zone_name: str) -> str:
    """Accept the name of a time zone."""
    try:
        ZoneInfo(zone_name)
    except (KeyError, ValueError) as error:
        raise ValueError(f"unknown time zone {zone_name!r}; use a name like Europe/Berlin or UTC") from error
    return zone_name


def check_scale(score_scale: tuple[float, float]) -> tuple[float, float]:
    """Accept a scale of scores: two numbers, the lower one first."""
    if score_scale[0] >= score_scale[1]:
        raise ValueError("a scale is two numbers, the lower one first: [1, 5]")
    return score_scale


def parse_as_of(declared_day: Any) -> Any:
    """Parse the day of `as_of`; the words `today` and `newest_event` stay as they are."""
    if isinstance(declared_day, date) or declared_day in ("today", "newest_event"):
        return declared_day
    try:
        return date.fromisoformat(declared_day)
    except (TypeError, ValueError) as error:
        raise ValueError("no such day; allowed: today, newest_event, or a day like 2025-06-30") from error
