"""The clock and the zone behind a date: 14:05, 2:05 PM, 9.05 Uhr, 오후 2:05, T140500Z, 09:00 GMT+1.

Belongs here: cutting a folded text into its date, the time of day and the offset from UTC.
Does not belong here: the date itself (`dates`), durations that look like a clock (`durations`).
"""

from collections.abc import Mapping
from functools import cache

import polars as pl

from pipelines.sources.casts.calendar_names import half_day_names, half_day_pattern

MICROSECONDS_PER_HOUR = 3_600_000_000
# Zones that RFC 5322 and European use define, in hours from UTC. CST, IST and BST each name several zones.
_HOURS_BY_ZONE: Mapping[str, int] = {
    **dict.fromkeys(("z", "ut", "utc", "gmt", "wet"), 0),
    **dict.fromkeys(("cet", "west"), 1),
    **dict.fromkeys(("cest", "eet"), 2),
    **dict.fromkeys(("eest", "msk"), 3),
    **{"edt": -4, "est": -5, "cdt": -5, "mdt": -6, "mst": -7, "pdt": -7, "pst": -8},
}
# Words between a date and a clock: 2 March 2026 at 9:05, um 9:05 Uhr, klo 9.05, a las 9:05.
_WORD_BEFORE_CLOCK = r"(?:(?:at|um|om|kl|klo|a las|a la|as|alle|ore|a|la|o|в|о|ob|u)\.? )?"
_OFFSET_PATTERN = r"[+-](?:\d{4}|\d{1,2}(?::\d{2})?)"
# A zone in words or brackets after the offset repeats it: GMT+0100 (Central European Standard Time), [Europe/Berlin].
_ZONE_NOTE_PATTERN = r"(?: ?\([^()]*\)| ?\[[^\[\]]*\])?"
# Hours, minutes and seconds as Chinese, Japanese and Korean units, after `fold_text`.
_UNIT_REPLACEMENTS = (
    (r"(\d) ?[時时시] ?(\d)", "${1}:${2}"),
    (r"(\d) ?[時时시]", "${1}:00"),
    (r"(\d) ?[分분] ?(\d)", "${1}:${2}"),
)


@cache
def _zone_pattern() -> str:
    zone_names = "|".join(sorted(_HOURS_BY_ZONE, key=len, reverse=True))
    return rf"(?P<zone>{zone_names})? ?(?P<offset>{_OFFSET_PATTERN})?{_ZONE_NOTE_PATTERN}"


@cache
def _clock_pattern() -> str:
    """Return the regular expression of a date with a clock behind it."""
    half_day = half_day_pattern()
    return (
        rf"^(?P<date>.+?)(?:[t:]|[ ,]+(?:- )?{_WORD_BEFORE_CLOCK})(?:(?P<half_day_before>{half_day}) ?)?"
        r"(?P<hour>\d{1,2})(?:(?: ?[:h] ?|\.)(?P<minute>\d{2})"
        r"(?:(?: ?[:m] ?|\.)(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9})|s)?)?)?"
        rf"(?: ?(?:uhr|h|[分분秒초])\.?)?(?: ?(?P<half_day_after>{half_day}))?(?: ?{_zone_pattern()})$"
    )


@cache
def _basic_format_pattern() -> str:
    """Return the regular expression of a clock without colons, as the basic format of ISO 8601 has it."""
    return (
        r"^(?:(?P<compact_date>(?:19|20)\d{6}) ?|(?P<date>[\dw-]+)t)"
        r"(?P<hour>\d{2})(?P<minute>\d{2})(?:(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
        rf" ?{_zone_pattern()}$"
    )


def split_clock(texts: pl.DataFrame) -> pl.DataFrame:
    """Cut folded texts into date, clock and offset.

    Args:
        texts: One row per text, in the column `text`, as `fold_text` returns it.

    Returns:
        The same rows with `date` (text), `clock` and `offset` (microseconds; null if the text has none). A text whose
        clock cannot be read has a null date.
    """
    text = pl.col("text")
    for unit_pattern, replacement in _UNIT_REPLACEMENTS:
        text = text.str.replace(unit_pattern, replacement)
    # Java and C put the year behind the clock: mar 02 09:00:00 cet 2026.
    text = text.str.replace(r"^(\p{L}+\.? \d{1,2}) (\d{1,2}:\d{2}:\d{2}) (?:(\p{L}+) )?(\d{4})", "${1} ${4} ${2} ${3}")
    date_before_offset = text.str.extract(rf"^(\d{{4}}-\d{{2}}-\d{{2}}) ?(?:z|{_OFFSET_PATTERN})$", 1)
    pattern_matches = texts.select(text.str.strip_chars().alias("text"), date_before_offset.alias("day")).with_columns(
        pl.col("text").str.extract_groups(_clock_pattern()).alias("clock"),
        pl.col("text").str.extract_groups(_basic_format_pattern()).alias("basic"),
    )
    # step by step: as one expression, conditions that occur in others would be planned hundreds of times
    clock_groups, basic_groups = pl.col("clock").struct, pl.col("basic").struct
    half_day_name = pl.coalesce(clock_groups.field("half_day_before"), clock_groups.field("half_day_after"))
    pattern_matches = pattern_matches.with_columns(
        half_day_name.str.replace_all(r"[. ]", "")
        .replace_strict(dict(half_day_names()), default=None, return_dtype=pl.String)
        .alias("half_day"),
        basic_groups.field("hour").is_not_null().alias("is_basic"),
    )
    has_clock = clock_groups.field("minute").is_not_null() | pl.col("half_day").is_not_null()
    pattern_matches = pattern_matches.with_columns(
        (has_clock & ~pl.col("is_basic") & pl.col("day").is_null()).alias("has_clock")
    )
    clock_parts = pattern_matches.select(
        "half_day",
        "has_clock",
        "is_basic",
        *(
            pl.when("is_basic")
            .then(basic_groups.field(group_name))
            .when("has_clock")
            .then(clock_groups.field(group_name))
            .alias(group_name)
            for group_name in ("hour", "minute", "second", "fraction", "zone", "offset", "date")
        ),
        pl.coalesce("day", basic_groups.field("compact_date")).alias("day"),
        pl.col("text"),
    )
    half_day = pl.when("has_clock").then("half_day")
    moments = clock_parts.select(
        pl.coalesce("day", "date", "text").alias("date"),
        _clock_microseconds(pl.col("hour"), pl.col("minute"), pl.col("second"), pl.col("fraction"), half_day).alias(
            "clock"
        ),
        _offset_microseconds(pl.col("zone"), pl.col("offset")).alias("offset"),
        (~(pl.col("has_clock") | pl.col("is_basic"))).alias("is_without_clock"),
    )
    is_readable = pl.col("clock").is_not_null() | pl.col("is_without_clock")
    return moments.select(pl.when(is_readable).then("date").alias("date"), "clock", "offset")


def _clock_microseconds(
    hour_text: pl.Expr, minute_text: pl.Expr, second_text: pl.Expr, fraction_text: pl.Expr, half_day: pl.Expr
) -> pl.Expr:
    """Return the microseconds since midnight; null if no clock shows such a time."""
    hours, minutes = hour_text.cast(pl.Int64), minute_text.cast(pl.Int64).fill_null(0)
    seconds = second_text.cast(pl.Int64).fill_null(0)
    fraction_microseconds = fraction_text.str.pad_end(6, "0").str.head(6).cast(pl.Int64).fill_null(0)
    # 14:05 PM can only be 14:05; 12 AM is midnight.
    hours_from_half_day = (
        pl.when((half_day == "am") & (hours <= 12))
        .then(hours % 12)
        .when((half_day == "pm") & (hours <= 12))
        .then(hours % 12 + 12)
        .when(half_day == "pm")
        .then(hours)
    )
    hours = pl.when(half_day.is_null()).then(hours).otherwise(hours_from_half_day)
    microseconds_since_midnight = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + fraction_microseconds
    return pl.when((minutes < 60) & (seconds < 60) & (microseconds_since_midnight <= 24 * MICROSECONDS_PER_HOUR)).then(
        microseconds_since_midnight
    )


def _offset_microseconds(zone_name: pl.Expr, offset_text: pl.Expr) -> pl.Expr:
    """Return the microseconds by which the clock is ahead of UTC; null if no zone is written."""
    offset_hours = offset_text.str.extract(r"^[+-](\d{1,2})", 1).cast(pl.Int64)
    offset_minutes = offset_text.str.extract(r"(\d{2})$", 1).cast(pl.Int64)
    offset_minutes = pl.when(offset_text.str.len_bytes() > 3).then(offset_minutes).otherwise(0)
    offset_microseconds = (offset_hours * 60 + offset_minutes) * (MICROSECONDS_PER_HOUR // 60)
    offset_microseconds = (
        pl.when(offset_text.str.starts_with("-")).then(-offset_microseconds).otherwise(offset_microseconds)
    )
    named_zone_microseconds = (
        zone_name.replace_strict(dict(_HOURS_BY_ZONE), default=None, return_dtype=pl.Int64) * MICROSECONDS_PER_HOUR
    )
    return pl.when(zone_name.is_not_null() | offset_text.is_not_null()).then(
        offset_microseconds.fill_null(0) + named_zone_microseconds.fill_null(0)
    )
