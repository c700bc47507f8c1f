"""Dates and datetimes: any form of a date, with any clock and any zone.

Belongs here: the forms of a date, the calendar checks, the formats that are tried first because they are frequent.
Does not belong here: the clock (`clocks`), which order of day and month a file proves (`conventions`).
"""

from functools import cache
from itertools import product

import polars as pl

from pipelines.sources.casts.batches import Parser, make_batch_parser, parse_text
from pipelines.sources.casts.calendar_names import fold_text, months_by_name, weekday_names
from pipelines.sources.casts.clocks import split_clock
from pipelines.sources.casts.transform import DateOrder, Transform

UTC_DATETIME = pl.Datetime("us", "UTC")
_LOCAL_DATETIME = pl.Datetime("us")
# Two numbers of one or two digits and a year, separated by slashes, hyphens or blanks: readable both ways.
AMBIGUOUS_DATE = r"^(?:\p{L}+\.?,? )?(\d{1,2}) ?[/ -] ?(\d{1,2}) ?[/ -] ?(\d{4}|\d{2})(?:\D|$)"
# From this two-digit year on the century is the twentieth, as in POSIX.
_FIRST_YEAR_OF_1900S = 69
_FIRST_OF_YEAR_1000 = pl.date(1000, 1, 1)
_SEPARATORS = r"[ /.,'-]*"
_ORDINAL_ENDING = r"(?:(?:st|nd|rd|th|er|re|o|a)\b)?"
_OF = "(?:(?:de|of) |d['’])?"
_YEAR, _LONG_YEAR, _MONTH_NAME = r"(?P<year>\d{4}|\d{2})", r"(?P<year>\d{4})", r"(?P<month_name>\p{L}+)"
_MONTH, _DAY = r"(?P<month>\d{1,2})", r"(?P<day>\d{1,2})"
# The forms of a folded date. The first and the second number are a day and a month in the order that the file proves.
# A dot puts the day in front.
_DATE_PATTERNS = (
    rf"^{_LONG_YEAR} ?[-/. ] ?{_MONTH} ?[-/. ] ?{_DAY}\.?$",
    r"^(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})$",
    rf"^{_LONG_YEAR}-?w(?P<week>\d{{2}})(?:-?(?P<weekday>[1-7]))?$",
    rf"^{_LONG_YEAR}-(?P<day_of_year>\d{{3}})$",
    rf"^(?P<year>\d{{2}})\. {_MONTH}\. {_DAY}\.$",
    rf"^{_DAY} ?\. ?{_MONTH} ?\. ?{_YEAR}\.?$",
    rf"^(?P<first_number>\d{{1,2}})(?: ?/ ?| ?- ?| )(?P<second_number>\d{{1,2}})(?: ?/ ?| ?- ?| ){_YEAR}$",
    rf"^{_DAY}{_ORDINAL_ENDING}{_SEPARATORS}{_OF}{_MONTH_NAME}{_SEPARATORS}(?:del? )?{_YEAR}\.?$",
    rf"^{_MONTH_NAME}{_SEPARATORS}{_DAY}{_ORDINAL_ENDING}[ /.,'-]+{_YEAR}$",
    rf"^{_LONG_YEAR}{_SEPARATORS}{_MONTH_NAME}{_SEPARATORS}{_DAY}\.?$",
)
_NUMBER_GROUPS = ("year", "month", "day", "first_number", "second_number")
_GROUP_NAMES = (*_NUMBER_GROUPS, "month_name", "week", "weekday", "day_of_year")
# Signs between the parts of a Chinese, Japanese or Korean date, and the word for year behind a Slavic one.
_SIGN_REPLACEMENTS = (
    (r"(\d) ?[年년] ?", "${1}-"),
    (r"(\d) ?[月월] ?", "${1}-"),
    (r"(\d) ?[日일]", "${1} "),
    (r"(\d{4}) ?(?:г|р|roku|r)\b\.?", "${1}"),
)
_TWELVE_DIGIT_DATETIME = r"^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d$"
_BRACKETED_TEXT = r" ?[(（][^()（）]*[)）]"
# Formats that are tried on the complete column first; every text that they read means the same by the forms above.
_FREQUENT_CLOCK_FORMATS = ("%H:%M:%S%.f", "%H:%M", "%I:%M %p", "%I:%M:%S %p")
_FREQUENT_DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d/%b/%y",
    "%d/%b/%Y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%b %d, %Y",
)
_FORMATS_BY_ORDER: dict[DateOrder | None, tuple[str, ...]] = {
    "day_first": ("%d/%m/%Y", "%d-%m-%Y"),
    "month_first": ("%m/%d/%Y", "%m-%d-%Y"),
    None: (),
}
_ISO_DATETIME_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%dT%H:%M",
)


def cast_date(text: pl.Expr, transform: Transform, time_zone: str, sample_texts: pl.Series) -> pl.Expr:
    """Read dates. A datetime gives the date that is written, an epoch the date in the zone.

    Args:
        text: The text.
        transform: Declared formats, and the order of day and month.
        time_zone: Zone of the source.
        sample_texts: Some texts of the column; the frequent format that reads most of them is tried first.
    """

    def read_batch(texts: pl.Series) -> pl.Series:
        epoch_dates = _parse_epoch(pl.col("text")).dt.convert_time_zone(time_zone).dt.date()
        return read_moments(texts, transform.date_order).select(pl.coalesce("date", epoch_dates)).to_series()

    declared_parsers = [_date_parser(date_format) for date_format in transform.formats if not _has_zone(date_format)]
    fast_parsers = [
        _date_parser(date_format) for date_format in _frequent_formats(transform) if not _has_zone(date_format)
    ]
    return parse_text(text, pl.Date(), declared_parsers, [_parse_iso_date, *fast_parsers], read_batch, sample_texts)


def cast_datetime(text: pl.Expr, transform: Transform, time_zone: str, sample_texts: pl.Series) -> pl.Expr:
    """Read datetimes in UTC. A date without a clock is midnight UTC: it stays the date that is written.

    The arguments are those of `cast_date`.
    """

    def read_batch(texts: pl.Series) -> pl.Series:
        midnight = pl.col("date").cast(_LOCAL_DATETIME)
        utc_time_since_midnight = (pl.col("clock") - pl.col("offset").fill_null(0)).cast(pl.Duration("us"))
        moment_in_source_zone = _to_utc(midnight + utc_time_since_midnight, time_zone)
        written_moment = (
            pl.when(pl.col("clock").is_null())
            .then(midnight.dt.replace_time_zone("UTC"))
            .when(pl.col("offset").is_null())
            .then(moment_in_source_zone)
            .otherwise((midnight + utc_time_since_midnight).dt.replace_time_zone("UTC"))
        )
        moments = read_moments(texts, transform.date_order)
        return moments.select(pl.coalesce(written_moment, _parse_epoch(pl.col("text")))).to_series()

    declared_parsers = [
        _datetime_parser(datetime_format, time_zone)
        for datetime_format in sorted(transform.formats, key=_has_zone, reverse=True)
    ]
    fast_parsers = [_datetime_parser(datetime_format, time_zone) for datetime_format in _frequent_formats(transform)]
    return parse_text(
        text,
        UTC_DATETIME,
        declared_parsers,
        [*fast_parsers[:4], _parse_epoch, *fast_parsers[4:]],
        read_batch,
        sample_texts,
    )


def read_moments(texts: pl.Series, date_order: DateOrder | None) -> pl.DataFrame:
    """Read dates of any form, with any clock and zone.

    Args:
        texts: The texts.
        date_order: Order of day and month in dates that can be read both ways; None leaves them unread.

    Returns:
        One row per text: `text`, `date`, `clock` (microseconds since midnight, null without a clock) and `offset`
        (microseconds from UTC, null if no zone is written). The date is null if the text cannot be read.
    """
    folded_texts = texts.alias("text").to_frame().select(fold_text(pl.col("text")))
    moments = _read_folded_texts(folded_texts, date_order)
    # the T and the Z of ISO 8601 are no weekday
    has_letters = folded_texts["text"].str.replace_all(r"\d[tz]", "").str.contains(r"\p{L}")
    may_hold_weekday = moments["date"].is_null() & has_letters
    if may_hold_weekday.any():
        # A weekday can be named like a month (mar. is Tuesday in French), so it counts only if nothing else fits.
        text = pl.col("text")
        for weekday_pattern in _weekday_patterns():
            text = text.str.replace(weekday_pattern, "${1}")
        texts_without_weekday = folded_texts.select(text.str.strip_chars())
        moments_without_weekday = _read_folded_texts(texts_without_weekday.filter(may_hold_weekday), date_order)
        retried_positions = may_hold_weekday.arg_true()
        moments = moments.select(
            moment_column.scatter(retried_positions, moments_without_weekday[moment_column.name])
            for moment_column in moments
        )
    return moments.insert_column(0, texts.alias("text"))


def _read_folded_texts(folded_texts: pl.DataFrame, date_order: DateOrder | None) -> pl.DataFrame:
    """Return the date, clock and offset of each folded text, as `read_moments` describes them."""
    text = pl.col("text").str.replace_all(_BRACKETED_TEXT, " ")
    if folded_texts["text"].str.contains(r"\d ?[年년月월]|\d{4} ?[гр]").any():
        for sign_pattern, replacement in _SIGN_REPLACEMENTS:
            text = text.str.replace_all(sign_pattern, replacement)
    dates_and_clocks = split_clock(folded_texts.select(text.str.replace_all(" +", " ").str.strip_chars()))
    dates_and_clocks = dates_and_clocks.with_columns(pl.col("date").str.strip_chars(" ,"))
    distinct_date_texts = dates_and_clocks.select("date").unique().drop_nulls()
    dates_by_text = distinct_date_texts.with_columns(_read_days(distinct_date_texts["date"], date_order).alias("day"))
    moments = dates_and_clocks.join(dates_by_text, on="date", how="left", maintain_order="left")
    return moments.select(pl.col("day").alias("date"), "clock", "offset")


def _read_days(date_texts: pl.Series, date_order: DateOrder | None) -> pl.Series:
    """Return the date of each folded text without a clock; null if it has none of the forms."""
    groups_by_form = date_texts.to_frame("text").select(
        pl.col("text").str.extract_groups(date_pattern).alias(str(form_index))
        for form_index, date_pattern in enumerate(_DATE_PATTERNS)
    )
    text_by_group = {
        group_name: pl.coalesce(
            pl.col(str(form_index)).struct.field(group_name)
            for form_index, date_pattern in enumerate(_DATE_PATTERNS)
            if f"?P<{group_name}>" in date_pattern
        )
        for group_name in _GROUP_NAMES
    }
    date_parts = groups_by_form.select(**text_by_group).with_columns(
        pl.col(_NUMBER_GROUPS).cast(pl.Int64), pl.col("year").alias("year_text")
    )
    groups_by_order = {
        "day_first": ("first_number", "second_number"),
        "month_first": ("second_number", "first_number"),
    }
    ordered_day, ordered_month = groups_by_order[date_order] if date_order else (pl.lit(None, pl.Int64),) * 2
    month_of_name = pl.col("month_name").replace_strict(dict(months_by_name()), default=None, return_dtype=pl.Int64)
    century = pl.when(pl.col("year") < _FIRST_YEAR_OF_1900S).then(2000).otherwise(1900)
    long_year = pl.when(pl.col("year_text").str.len_bytes() > 2).then("year").otherwise(pl.col("year") + century)
    month, day = pl.coalesce("month", month_of_name, ordered_month), pl.coalesce("day", ordered_day)
    calendar_date = pl.format("{}-{}-{}", long_year, month, day)
    week_date = pl.format("{}-{}-{}", "year_text", "week", pl.col("weekday").fill_null("1"))
    return date_parts.select(
        pl.coalesce(
            calendar_date.str.to_date("%Y-%m-%d", strict=False, cache=False),
            week_date.str.to_date("%G-%V-%u", strict=False, cache=False),
            pl.format("{}-{}", "year_text", "day_of_year").str.to_date("%Y-%j", strict=False, cache=False),
        )
    ).to_series()


@cache
def _weekday_patterns() -> tuple[str, str]:
    """Return the regular expressions of a weekday in front of a date and of one behind it."""
    name_alternatives = "|".join(sorted(weekday_names(), key=lambda name: (-len(name), name)))
    return rf"^()(?:{name_alternatives})\b[.,]* ?", rf"(\d{{4}}\.?|[日일]|-\d{{1,2}}),? ?(?:{name_alternatives})\b\.?"


def _frequent_formats(transform: Transform) -> tuple[str, ...]:
    """Return the formats of dates and datetimes that are tried before the slower reading, the most frequent first."""
    date_formats = (*_FREQUENT_DATE_FORMATS, *_FORMATS_BY_ORDER[transform.date_order])
    datetime_formats = (
        f"{date_format}{separator}{clock_format}"
        for date_format, separator, clock_format in product(date_formats, (" ", ", "), _FREQUENT_CLOCK_FORMATS)
    )
    return (*_ISO_DATETIME_FORMATS, *datetime_formats, *date_formats[1:])


def _has_zone(datetime_format: str) -> bool:
    return any(zone_directive in datetime_format for zone_directive in ("%z", "%#z", "%Z"))


def _has_clock(datetime_format: str) -> bool:
    return any(clock_directive in datetime_format for clock_directive in ("%H", "%I", "%T", "%R"))


def _drop_two_digit_years(dates: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Drop readings of 25 as the year 25: `%Y` also takes two digits, and another form reads those."""

    def drop_early_dates(parsed_dates: pl.Series) -> pl.Series:
        return (
            parsed_dates.to_frame("parsed")
            .select(pl.when(pl.col("parsed") >= _FIRST_OF_YEAR_1000).then("parsed"))
            .to_series()
        )

    # by batch, as a condition on `dates` and its value are parsed twice otherwise
    return make_batch_parser(dtype, drop_early_dates)(dates)


def _date_parser(date_format: str) -> Parser:
    if _has_clock(date_format):
        return lambda text: _drop_two_digit_years(
            text.str.to_datetime(date_format, strict=False, cache=False).dt.date(), pl.Date()
        )
    return lambda text: _drop_two_digit_years(text.str.to_date(date_format, strict=False, cache=False), pl.Date())


def _datetime_parser(datetime_format: str, time_zone: str) -> Parser:
    if _has_zone(datetime_format):
        return lambda text: text.str.to_datetime(
            datetime_format, time_unit="us", strict=False, cache=False, time_zone="UTC"
        ).cast(UTC_DATETIME)
    if _has_clock(datetime_format):
        return lambda text: _to_utc(
            _drop_two_digit_years(
                text.str.to_datetime(datetime_format, time_unit="us", strict=False, cache=False), _LOCAL_DATETIME
            ),
            time_zone,
        )
    return lambda text: _date_parser(datetime_format)(text).cast(_LOCAL_DATETIME).dt.replace_time_zone("UTC")


def _parse_iso_date(text: pl.Expr) -> pl.Expr:
    date_text = text.str.extract(r"^(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}[\d:.]*(?:Z|[+-]\d{2}:?\d{2})?)?$", 1)
    return date_text.str.to_date("%Y-%m-%d", strict=False, cache=False)


def _to_utc(local_moment: pl.Expr, time_zone: str) -> pl.Expr:
    if time_zone == "UTC":
        return local_moment.dt.replace_time_zone("UTC")
    # An hour that occurs twice is taken as its first occurrence; an hour that does not exist becomes null.
    return local_moment.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone(
        "UTC"
    )


def _parse_epoch(text: pl.Expr) -> pl.Expr:
    """Read nine or ten digits as seconds, twelve or thirteen as milliseconds since 1970: 1973 to 2286 either way.

    Twelve digits that are a date and a clock (202603020905) are no epoch.
    """
    epoch_digits = text.str.extract(r"^(\d{9,10}|\d{12,13})(?:\.\d+)?$", 1)
    epoch_number = pl.when(~epoch_digits.str.contains(_TWELVE_DIGIT_DATETIME)).then(epoch_digits.cast(pl.Int64))
    epoch_microseconds = epoch_number * pl.when(epoch_number < 10**11).then(10**6).otherwise(10**3)
    return epoch_microseconds.cast(_LOCAL_DATETIME).dt.replace_time_zone("UTC")
