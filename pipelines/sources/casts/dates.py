"""Dates and datetimes: any form of a date, with any clock and any zone.

Belongs here: the forms of a date, the calendar checks, the formats that are tried first because they are frequent.
Does not belong here: the clock (`clocks`), which order of day and month a file proves (`conventions`).
"""

from functools import cache
from itertools import product

import polars as pl

from pipelines.sources.casts.batches import Parser, by_batch, parse_text
from pipelines.sources.casts.calendar_names import fold_text, months_by_name, weekday_names
from pipelines.sources.casts.clocks import split_clock
from pipelines.sources.casts.transform import DateOrder, Transform

UTC_DATETIME = pl.Datetime("us", "UTC")
_LOCAL_DATETIME = pl.Datetime("us")
# Two numbers of one or two digits and a year, separated by slashes, hyphens or blanks: readable both ways.
AMBIGUOUS_DATE = r"^(?:\p{L}+\.?,? )?(\d{1,2}) ?[/ -] ?(\d{1,2}) ?[/ -] ?(\d{4}|\d{2})(?:\D|$)"
# From this two-digit year on the century is the twentieth, as in POSIX.
_FIRST_YEAR_OF_1900S = 69
_YEAR_1000 = pl.date(1000, 1, 1)
_SEPARATOR, _NUMBER, _YEAR = r"[ /.,'-]*", r"\d{1,2}", r"\d{4}|\d{2}"
_ORDINAL = r"(?:(?:st|nd|rd|th|er|re|o|a)\b)?"
_OF = "(?:(?:de|of) |d['’])?"
# The forms of a folded date. The groups y, m, d are numbers, n the name of a month, w and k a week and its day, j the
# day of the year; a and b are a day and a month in the order that the file proves. A dot puts the day in front.
_FORMS = (
    rf"^(?P<y>\d{{4}}) ?[-/. ] ?(?P<m>{_NUMBER}) ?[-/. ] ?(?P<d>{_NUMBER})\.?$",
    r"^(?P<y>(?:19|20)\d{2})(?P<m>\d{2})(?P<d>\d{2})$",
    r"^(?P<y>\d{4})-?w(?P<w>\d{2})(?:-?(?P<k>[1-7]))?$",
    r"^(?P<y>\d{4})-(?P<j>\d{3})$",
    rf"^(?P<y>\d{{2}})\. (?P<m>{_NUMBER})\. (?P<d>{_NUMBER})\.$",
    rf"^(?P<d>{_NUMBER}) ?\. ?(?P<m>{_NUMBER}) ?\. ?(?P<y>{_YEAR})\.?$",
    rf"^(?P<a>{_NUMBER})(?: ?/ ?| ?- ?| )(?P<b>{_NUMBER})(?: ?/ ?| ?- ?| )(?P<y>{_YEAR})$",
    rf"^(?P<d>{_NUMBER}){_ORDINAL}{_SEPARATOR}{_OF}(?P<n>\p{{L}}+){_SEPARATOR}(?:del? )?(?P<y>{_YEAR})\.?$",
    rf"^(?P<n>\p{{L}}+){_SEPARATOR}(?P<d>{_NUMBER}){_ORDINAL}[ /.,'-]+(?P<y>{_YEAR})$",
    rf"^(?P<y>\d{{4}}){_SEPARATOR}(?P<n>\p{{L}}+){_SEPARATOR}(?P<d>{_NUMBER})\.?$",
)
_GROUPS = ("y", "m", "d", "n", "w", "k", "j", "a", "b")
# Signs between the parts of a Chinese, Japanese or Korean date, and the word for year behind a Slavic one.
_SIGNS = (
    (r"(\d) ?[年년] ?", "${1}-"),
    (r"(\d) ?[月월] ?", "${1}-"),
    (r"(\d) ?[日일]", "${1} "),
    (r"(\d{4}) ?(?:г|р|roku|r)\b\.?", "${1}"),
)
_TWELVE_DIGIT_DATETIME = r"^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d$"
_BRACKETS = r" ?[(（][^()（）]*[)）]"
# Formats that are tried on the complete column first; every text that they read means the same by the forms above.
_FREQUENT_CLOCKS = ("%H:%M:%S%.f", "%H:%M", "%I:%M %p", "%I:%M:%S %p")
_FREQUENT_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%b/%y", "%d/%b/%Y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y")
_ORDERED: dict[DateOrder | None, tuple[str, ...]] = {
    "day_first": ("%d/%m/%Y", "%d-%m-%Y"),
    "month_first": ("%m/%d/%Y", "%m-%d-%Y"),
    None: (),
}
_ISO_DATETIMES = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%dT%H:%M",
)


def cast_date(text: pl.Expr, transform: Transform, time_zone: str, sample: pl.Series) -> pl.Expr:
    """Read dates. A datetime gives the date that is written, an epoch the date in the zone.

    Args:
        text: The text.
        transform: Declared formats, and the order of day and month.
        time_zone: Zone of the source.
        sample: Some texts of the column; the frequent format that reads most of them is tried first.
    """

    def read_batch(texts: pl.Series) -> pl.Series:
        epoch_dates = _parse_epoch(pl.col("text")).dt.convert_time_zone(time_zone).dt.date()
        return read_moments(texts, transform.date_order).select(pl.coalesce("date", epoch_dates)).to_series()

    declared_parsers = [_date_parser(date_format) for date_format in transform.formats if not _has_zone(date_format)]
    frequent_parsers = [
        _date_parser(date_format) for date_format in _frequent_formats(transform) if not _has_zone(date_format)
    ]
    return parse_text(text, pl.Date(), declared_parsers, [_parse_iso_date, *frequent_parsers], read_batch, sample)


def cast_datetime(text: pl.Expr, transform: Transform, time_zone: str, sample: pl.Series) -> pl.Expr:
    """Read datetimes in UTC. A date without a clock is midnight UTC: it stays the date that is written.

    The arguments are those of `cast_date`.
    """

    def read_batch(texts: pl.Series) -> pl.Series:
        midnight = pl.col("date").cast(_LOCAL_DATETIME)
        time_since_midnight = (pl.col("clock") - pl.col("offset").fill_null(0)).cast(pl.Duration("us"))
        utc_from_local_time = _to_utc(midnight + time_since_midnight, time_zone)
        written_moment = (
            pl.when(pl.col("clock").is_null())
            .then(midnight.dt.replace_time_zone("UTC"))
            .when(pl.col("offset").is_null())
            .then(utc_from_local_time)
            .otherwise((midnight + time_since_midnight).dt.replace_time_zone("UTC"))
        )
        moment_rows = read_moments(texts, transform.date_order)
        return moment_rows.select(pl.coalesce(written_moment, _parse_epoch(pl.col("text")))).to_series()

    declared_parsers = [
        _datetime_parser(datetime_format, time_zone)
        for datetime_format in sorted(transform.formats, key=_has_zone, reverse=True)
    ]
    frequent_parsers = [
        _datetime_parser(datetime_format, time_zone) for datetime_format in _frequent_formats(transform)
    ]
    return parse_text(
        text,
        UTC_DATETIME,
        declared_parsers,
        [*frequent_parsers[:4], _parse_epoch, *frequent_parsers[4:]],
        read_batch,
        sample,
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
    has_name = folded_texts["text"].str.replace_all(r"\d[tz]", "").str.contains(r"\p{L}")
    is_unread = moments["date"].is_null() & has_name
    if is_unread.any():
        # A weekday can be named like a month (mar. is Tuesday in French), so it counts only if nothing else fits.
        text = pl.col("text")
        for pattern in _weekday_patterns():
            text = text.str.replace(pattern, "${1}")
        texts_without_weekday = folded_texts.select(text.str.strip_chars())
        moments_without_weekday = _read_folded_texts(texts_without_weekday.filter(is_unread), date_order)
        unread_positions = is_unread.arg_true()
        moments = moments.select(
            moment_column.scatter(unread_positions, moments_without_weekday[moment_column.name])
            for moment_column in moments
        )
    return moments.insert_column(0, texts.alias("text"))


def _read_folded_texts(texts: pl.DataFrame, date_order: DateOrder | None) -> pl.DataFrame:
    text = pl.col("text").str.replace_all(_BRACKETS, " ")
    if texts["text"].str.contains(r"\d ?[年년月월]|\d{4} ?[гр]").any():
        for pattern, replacement in _SIGNS:
            text = text.str.replace_all(pattern, replacement)
    clock_parts = split_clock(texts.select(text.str.replace_all(" +", " ").str.strip_chars()))
    clock_parts = clock_parts.with_columns(pl.col("date").str.strip_chars(" ,"))
    distinct_dates = clock_parts.select("date").unique().drop_nulls()
    day_by_date = distinct_dates.with_columns(_read_days(distinct_dates["date"], date_order).alias("day"))
    moments = clock_parts.join(day_by_date, on="date", how="left", maintain_order="left")
    return moments.select(pl.col("day").alias("date"), "clock", "offset")


def _read_days(texts: pl.Series, date_order: DateOrder | None) -> pl.Series:
    """Return the date of each folded text without a clock; null if it has none of the forms."""
    form_groups = texts.to_frame("text").select(
        pl.col("text").str.extract_groups(form).alias(str(position)) for position, form in enumerate(_FORMS)
    )
    expression_by_group = {
        group_name: pl.coalesce(
            pl.col(str(position)).struct.field(group_name)
            for position, form in enumerate(_FORMS)
            if f"?P<{group_name}>" in form
        )
        for group_name in _GROUPS
    }
    date_parts = form_groups.select(**expression_by_group).with_columns(
        pl.col("y", "m", "d", "a", "b").cast(pl.Int64), pl.col("y").alias("year")
    )
    order_columns = {"day_first": ("a", "b"), "month_first": ("b", "a")}
    day, month = order_columns[date_order] if date_order else (pl.lit(None, pl.Int64),) * 2
    month_of_name = pl.col("n").replace_strict(dict(months_by_name()), default=None, return_dtype=pl.Int64)
    century = pl.when(pl.col("y") < _FIRST_YEAR_OF_1900S).then(2000).otherwise(1900)
    year = pl.when(pl.col("year").str.len_bytes() > 2).then("y").otherwise(pl.col("y") + century)
    calendar_date = pl.format("{}-{}-{}", year, pl.coalesce("m", month_of_name, month), pl.coalesce("d", day))
    week_date = pl.format("{}-{}-{}", "year", "w", pl.col("k").fill_null("1"))
    return date_parts.select(
        pl.coalesce(
            calendar_date.str.to_date("%Y-%m-%d", strict=False, cache=False),
            week_date.str.to_date("%G-%V-%u", strict=False, cache=False),
            pl.format("{}-{}", "year", "j").str.to_date("%Y-%j", strict=False, cache=False),
        )
    ).to_series()


@cache
def _weekday_patterns() -> tuple[str, str]:
    """Return the regular expressions of a weekday in front of a date and of one behind it."""
    names = "|".join(sorted(weekday_names(), key=lambda name: (-len(name), name)))
    return rf"^()(?:{names})\b[.,]* ?", rf"(\d{{4}}\.?|[日일]|-\d{{1,2}}),? ?(?:{names})\b\.?"


def _frequent_formats(transform: Transform) -> tuple[str, ...]:
    """Return the formats of dates and datetimes that are tried before the slower reading, the most frequent first."""
    date_formats = (*_FREQUENT_DATES, *_ORDERED[transform.date_order])
    datetime_formats = (
        f"{date_format}{separator}{clock_format}"
        for date_format, separator, clock_format in product(date_formats, (" ", ", "), _FREQUENT_CLOCKS)
    )
    return (*_ISO_DATETIMES, *datetime_formats, *date_formats[1:])


def _has_zone(datetime_format: str) -> bool:
    return any(mark in datetime_format for mark in ("%z", "%#z", "%Z"))


def _has_clock(datetime_format: str) -> bool:
    return any(mark in datetime_format for mark in ("%H", "%I", "%T", "%R"))


def _four_digit_years(dates: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Drop readings of 25 as the year 25: `%Y` also takes two digits, and another form reads those."""

    def drop_early(parsed: pl.Series) -> pl.Series:
        return parsed.to_frame("parsed").select(pl.when(pl.col("parsed") >= _YEAR_1000).then("parsed")).to_series()

    # by batch, as a condition on `dates` and its value are parsed twice otherwise
    return by_batch(dtype, drop_early)(dates)


def _date_parser(date_format: str) -> Parser:
    if _has_clock(date_format):
        return lambda text: _four_digit_years(
            text.str.to_datetime(date_format, strict=False, cache=False).dt.date(), pl.Date()
        )
    return lambda text: _four_digit_years(text.str.to_date(date_format, strict=False, cache=False), pl.Date())


def _datetime_parser(datetime_format: str, time_zone: str) -> Parser:
    if _has_zone(datetime_format):
        return lambda text: text.str.to_datetime(
            datetime_format, time_unit="us", strict=False, cache=False, time_zone="UTC"
        ).cast(UTC_DATETIME)
    if _has_clock(datetime_format):
        return lambda text: _to_utc(
            _four_digit_years(
                text.str.to_datetime(datetime_format, time_unit="us", strict=False, cache=False), _LOCAL_DATETIME
            ),
            time_zone,
        )
    return lambda text: _date_parser(datetime_format)(text).cast(_LOCAL_DATETIME).dt.replace_time_zone("UTC")


def _parse_iso_date(text: pl.Expr) -> pl.Expr:
    day = text.str.extract(r"^(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}[\d:.]*(?:Z|[+-]\d{2}:?\d{2})?)?$", 1)
    return day.str.to_date("%Y-%m-%d", strict=False, cache=False)


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
    digits = text.str.extract(r"^(\d{9,10}|\d{12,13})(?:\.\d+)?$", 1)
    epoch_number = pl.when(~digits.str.contains(_TWELVE_DIGIT_DATETIME)).then(digits.cast(pl.Int64))
    microseconds = epoch_number * pl.when(epoch_number < 10**11).then(10**6).otherwise(10**3)
    return microseconds.cast(_LOCAL_DATETIME).dt.replace_time_zone("UTC")
