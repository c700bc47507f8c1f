"""Text to typed values: pure, vectorised expressions, one for each kind of transform.

Belongs here: how text becomes an e-mail, a day, a moment, a number, hours, a share, a word of a closed set, a boolean.
Does not belong here: which column is read how (the adapters). Text that cannot be read becomes null; the original stays
beside it, so that the rule `parses` can name it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

import polars as pl

from pipelines.sources.cast_fallbacks import Parser, best_parser, cast_with_fallbacks
from pipelines.sources.declaration import DateOrder, Transform

MOMENT = pl.Datetime("us", "UTC")
_DAY, _LOCAL = pl.Date(), pl.Datetime("us")
# Tried in this order; the first that reads a text wins. No text is read by two of them in two ways.
_ISO_ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M:%S%.f %Z")
_ISO_LOCAL = (
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
)
_NAMED_LOCAL = (
    "%d/%b/%y %I:%M %p",
    "%d/%b/%Y %I:%M %p",
    "%d/%b/%y %H:%M",
    "%d/%b/%Y %H:%M",
    "%d-%b-%Y %H:%M:%S",
    "%d-%b-%Y %H:%M",
    "%b %d, %Y %I:%M %p",
    "%b %d, %Y, %I:%M %p",
    "%d %b %Y %H:%M",
    "%d %b %Y, %H:%M",
    "%d %B %Y, %I:%M %p",
    "%d %B %Y, %I:%M:%S %p",
)
_DAYS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y%m%d",
    "%d/%b/%y",
    "%d/%b/%Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %b %Y",
    "%b %d, %Y",
    "%d %B %Y",
    "%B %d, %Y",
)
_TIMES = (
    "",
    " %H:%M:%S",
    " %H:%M",
    " %I:%M:%S %p",
    " %I:%M %p",
    ", %H:%M:%S",
    ", %H:%M",
    ", %I:%M:%S %p",
    ", %I:%M %p",
)
# A date written with points is day first wherever points are used (DIN 1355, and the habit of all who write so).
_POINTED = ("%d.%m.%Y", "%d.%m.%y")
_ORDERED: dict[DateOrder, tuple[str, ...]] = {
    "day_first": ("%d/%m/%Y", "%d/%m/%y", "%d-%m-%Y", "%d-%m-%y"),
    "month_first": ("%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%m-%d-%y"),
}
# Two numbers of one or two digits and a year, by / or -: readable both ways.
AMBIGUOUS = r"^(\d{1,2})[/-](\d{1,2})[/-](?:\d{4}|\d{2})(?:\D|$)"
_YEAR_1000 = date(1000, 1, 1)
TRUE_WORDS = ("true", "yes", "y", "1", "x", "ja", "oui", "si", "sí", "wahr")
FALSE_WORDS = ("false", "no", "n", "0", "nein", "non", "falsch")


_NO_SAMPLE = pl.Series("text", [], pl.String)


def cast_text(text: pl.Expr, transform: Transform, time_zone: str, sample: pl.Series = _NO_SAMPLE) -> pl.Expr:
    """The typed value of stripped, non-empty text; null where the text cannot be read.

    `sample` are some texts of the column: what reads most of them is asked first. It changes no value, only the time.
    """
    if transform.pattern is not None:
        text = text.str.extract(transform.pattern, 1)
    match transform.kind:
        case "text":
            return text
        case "digest":
            return _by_batch(text, pl.String(), _digest)
        case "lower_email":
            return _email(text)
        case "date":
            return _read(text, _DAY, _day_readers(transform, time_zone), sample, len(transform.formats))
        case "moment":
            return _read(text, MOMENT, _moment_readers(transform, time_zone), sample, len(transform.formats))
        case "number":
            return _number(text, transform.decimal_comma, sample)
        case "hours":
            return _hours(text, transform, sample)
        case "score":
            return _score(text, transform)
        case "word":
            return _word(text, transform)
        case "boolean":
            return _boolean(text, transform)


def _read(text: pl.Expr, dtype: Any, readers: Sequence[Parser], sample: pl.Series, declared: int = 0) -> pl.Expr:
    """What one reader reads without leaving polars, and by batches what it does not read."""
    found = best_parser(readers, declared, sample)(text).cast(dtype)
    rest = pl.when(found.is_null()).then(text)
    return pl.coalesce(found, _by_batch(rest, dtype, cast_with_fallbacks(dtype, readers, declared)))


def _by_batch(text: pl.Expr, dtype: Any, read: Callable[[pl.Series], pl.Series]) -> pl.Expr:
    return text.map_batches(read, return_dtype=dtype, is_elementwise=True)


def _digest(series: pl.Series) -> pl.Series:
    """A hash of each text, the same on every machine and in every version."""
    found = [None if text is None else hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in series]
    return pl.Series(series.name, found, dtype=pl.String)


def _score(text: pl.Expr, transform: Transform) -> pl.Expr:
    """A share of 0 to 1 from a mark on the scale, or from points and the points to be had: 17/20."""
    low, high = transform.scale or (0.0, 1.0)
    bare = text.str.strip_suffix("%").str.strip_chars()
    share = (_number(bare, transform.decimal_comma) - low) / (high - low)

    def of_points(series: pl.Series) -> pl.Series:
        if not series.str.contains("/", literal=True).any():
            return pl.repeat(None, series.len(), dtype=pl.Float64, eager=True).alias(series.name)
        parts = pl.col("text").str.extract_groups(r"^([^/]+)/([^/]+)$").struct
        points, most = (_number(parts.field(i).str.strip_chars(), transform.decimal_comma) for i in ("1", "2"))
        return series.alias("text").to_frame().select(pl.when(most > 0).then(points / most)).to_series()

    share = pl.coalesce(share, _by_batch(text, pl.Float64(), of_points))
    return share.clip(0, 1) if transform.clip else share


def _email(text: pl.Expr) -> pl.Expr:
    """`Name <mail>`, `mailto:mail` and the bare address give the address in lower case; other text gives null."""
    inner = text.str.extract(r"<([^<>]+)>\s*$", 1).fill_null(text)
    address = inner.str.to_lowercase().str.strip_prefix("mailto:").str.strip_chars()
    return pl.when(address.str.contains(r"^[^@\s]+@[^@\s]+$")).then(address)


def _day_formats(transform: Transform) -> tuple[str, ...]:
    return (*_DAYS, *_POINTED, *(_ORDERED[transform.date_order] if transform.date_order else ()))


def _moment_readers(transform: Transform, time_zone: str) -> list[Parser]:
    """Readers of moments in UTC. A day without a time is midnight UTC: it stays the day that was written."""

    def zoned(form: str) -> Parser:
        return lambda rest: rest.str.to_datetime(form, time_unit="us", strict=False, cache=False, time_zone="UTC").cast(
            MOMENT
        )

    def local(form: str) -> Parser:
        return lambda rest: _to_utc(
            _four_digit_years(rest.str.to_datetime(form, time_unit="us", strict=False, cache=False)), time_zone
        )

    def day(form: str) -> Parser:
        return lambda rest: (
            _four_digit_years(rest.str.to_date(form, strict=False, cache=False))
            .cast(_LOCAL)
            .dt.replace_time_zone("UTC")
        )

    has_zone = tuple(form for form in transform.formats if "%z" in form or "%#z" in form or "%Z" in form)
    pointed = _POINTED + (_ORDERED[transform.date_order] if transform.date_order else ())
    with_time = tuple(form + time for form in pointed for time in _TIMES[1:])
    return [
        *(zoned(form) for form in has_zone),
        *(local(form) if _has_time(form) else day(form) for form in transform.formats if form not in has_zone),
        *(zoned(form) for form in _ISO_ZONED[:1]),
        *(local(form) for form in _ISO_LOCAL[:2]),
        day("%Y-%m-%d"),
        _epochs,
        *(zoned(form) for form in _ISO_ZONED[1:3]),
        *(local(form) for form in (*_ISO_LOCAL[2:], *_NAMED_LOCAL, *with_time)),
        *(day(form) for form in _day_formats(transform)),
    ]


def _four_digit_years(days: pl.Expr) -> pl.Expr:
    """Drops readings of 25 as the year 25: `%Y` takes two digits as well, and another format reads those."""
    return pl.when(days >= _YEAR_1000).then(days)


def _has_time(form: str) -> bool:
    return any(mark in form for mark in ("%H", "%I", "%T", "%R"))


def _to_utc(moments: pl.Expr, time_zone: str) -> pl.Expr:
    if time_zone == "UTC":
        return moments.dt.replace_time_zone("UTC")
    # An hour that occurs twice is taken as its first occurrence; one that never was becomes null and is named.
    return moments.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone(
        "UTC"
    )


def _epochs(text: pl.Expr) -> pl.Expr:
    """Nine or ten digits are seconds, twelve or thirteen milliseconds since 1970: 1973 to 2286 either way."""
    digits = text.str.extract(r"^(\d{9,10}|\d{12,13})(?:\.\d+)?$", 1).cast(pl.Int64)
    micros = digits * pl.when(digits < 10**11).then(10**6).otherwise(10**3)
    return micros.cast(_LOCAL).dt.replace_time_zone("UTC")


def _day_readers(transform: Transform, time_zone: str) -> list[Parser]:
    """Readers of days; a moment gives the day it shows, in the zone it was written in."""

    def day(form: str) -> Parser:
        return lambda rest: _four_digit_years(rest.str.to_date(form, strict=False, cache=False))

    def iso_day(rest: pl.Expr) -> pl.Expr:
        return rest.str.extract(r"^(\d{4}-\d{2}-\d{2})[T ]\d{2}:\d{2}", 1).str.to_date("%Y-%m-%d", strict=False)

    def moment_day(moment: Parser, rest: pl.Expr) -> pl.Expr:
        return moment(rest).dt.convert_time_zone(time_zone).dt.date()

    moments = [partial(moment_day, moment) for moment in _moment_readers(transform, time_zone)]
    declared = [day(form) for form in transform.formats]
    return [*declared, day("%Y-%m-%d"), iso_day, *(day(form) for form in _day_formats(transform)), *moments]


def _number(text: pl.Expr, decimal_comma: bool, sample: pl.Series = _NO_SAMPLE) -> pl.Expr:
    """A finite number; thousands separators are dropped, and a comma is the decimal sign where that is declared."""
    return _read(text, pl.Float64(), _number_readers(decimal_comma), sample)


def _number_readers(decimal_comma: bool) -> list[Parser]:
    def finite(text: pl.Expr) -> pl.Expr:
        number = text.cast(pl.Float64, strict=False)
        return pl.when(number.is_finite()).then(number)

    def with_comma(text: pl.Expr) -> pl.Expr:
        return finite(text.str.replace_all(r"[.\s']", "").str.replace(",", ".", literal=True))

    def grouped(text: pl.Expr) -> pl.Expr:
        digits = text.str.extract(r"^([+-]?\d{1,3}(?:[,'\s]\d{3})+(?:\.\d+)?)$", 1)
        return finite(digits.str.replace_all(r"[,'\s]", ""))

    return [with_comma] if decimal_comma else [finite, grouped]


_TO_HOURS = {"milliseconds": 3_600_000.0, "seconds": 3600.0, "minutes": 60.0, "hours": 1.0}


def _hours(text: pl.Expr, transform: Transform, sample: pl.Series) -> pl.Expr:
    """Hours from a number in the declared unit, from h:mm[:ss], or from an ISO 8601 duration (weeks to seconds)."""

    def in_unit(number: Parser, rest: pl.Expr) -> pl.Expr:
        return number(rest) / _TO_HOURS[transform.unit]

    numbers = [partial(in_unit, number) for number in _number_readers(transform.decimal_comma)]
    return _read(text, pl.Float64(), [*numbers, _clock, _iso_duration], sample)


def _clock(text: pl.Expr) -> pl.Expr:
    parts = text.str.extract_groups(r"^(\d+):([0-5]\d)(?::([0-5]\d))?$").struct
    hour, minute, second = (parts.field(str(i)).cast(pl.Float64) for i in (1, 2, 3))
    return hour + minute / 60 + second.fill_null(0) / 3600


def _iso_duration(text: pl.Expr) -> pl.Expr:
    form = r"^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$"
    parts = text.str.extract_groups(form).struct
    values = [
        parts.field(str(i)).cast(pl.Float64) * factor
        for i, factor in ((1, 168), (2, 24), (3, 1), (4, 1 / 60), (5, 1 / 3600))
    ]
    return pl.when(text.str.contains(form) & (text.str.len_bytes() > 2)).then(pl.sum_horizontal(values))


def _word(text: pl.Expr, transform: Transform) -> pl.Expr:
    words = {raw.lower(): word for raw, word in transform.values.items()}
    return _looked_up(text, words, transform.otherwise, pl.String())


def _boolean(text: pl.Expr, transform: Transform) -> pl.Expr:
    """True and false words; a word of `values` counts by what it is mapped to; `otherwise` is for all other text."""
    words = dict.fromkeys(TRUE_WORDS, True) | dict.fromkeys(FALSE_WORDS, False)
    words |= {raw.lower(): value.lower() in TRUE_WORDS for raw, value in transform.values.items()}
    otherwise = None if transform.otherwise is None else transform.otherwise == "true"
    return _looked_up(text, words, otherwise, pl.Boolean())


def _looked_up(text: pl.Expr, words: Mapping[str, Any], otherwise: Any, dtype: Any) -> pl.Expr:
    """What the lower-case text stands for; by batches, as polars would hold the whole column for `replace_strict`."""

    def read(series: pl.Series) -> pl.Series:
        lowered = series.str.to_lowercase()
        found = lowered.replace_strict(list(words), list(words.values()), default=otherwise, return_dtype=dtype)
        return found if otherwise is None else found.zip_with(series.is_not_null(), found.clear(found.len()))

    return _by_batch(text, dtype, read)
