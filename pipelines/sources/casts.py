"""Text to typed values: pure, vectorised expressions, one per kind of transform.

Belongs here: how text becomes an e-mail address, a date, a datetime, a number, hours, a score, a category, a boolean.
Does not belong here: which column is cast how (the adapters). Text that cannot be read becomes null; the frame keeps
the original text, so that the rule `parses` can name it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

import polars as pl

from pipelines.sources.declaration import DateOrder, Transform, TransformKind

Parser = Callable[[pl.Expr], pl.Expr]
# At most this many texts are given to all parsers at once; also the size of the sample that finds the next parser.
SAMPLE_TEXTS = 500
UTC_DATETIME = pl.Datetime("us", "UTC")
_LOCAL_DATETIME = pl.Datetime("us")
# Tried in this order, epochs after the common formats; the first that reads a text counts. No text is read by two of
# them in two ways.
_COMMON_DATETIMES = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d")
_OTHER_DATETIMES = (
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
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
_DATES = (
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
_TIMES = (" %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p", ", %H:%M:%S", ", %H:%M", ", %I:%M:%S %p", ", %I:%M %p")
# A date written with dots is day first wherever dots are used (DIN 1355, and every other custom).
_DOTTED = ("%d.%m.%Y", "%d.%m.%y")
_ORDERED: dict[DateOrder | None, tuple[str, ...]] = {
    "day_first": ("%d/%m/%Y", "%d/%m/%y", "%d-%m-%Y", "%d-%m-%y"),
    "month_first": ("%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%m-%d-%y"),
    None: (),
}
# Two numbers of one or two digits and a year, separated by / or -: readable both ways.
AMBIGUOUS_DATE = r"^(\d{1,2})[/-](\d{1,2})[/-](?:\d{4}|\d{2})(?:\D|$)"
_YEAR_1000 = date(1000, 1, 1)
_ISO_DURATION = r"^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$"
_UNITS_PER_HOUR = {"milliseconds": 3_600_000.0, "seconds": 3600.0, "minutes": 60.0, "hours": 1.0}
_BOOLEANS = dict.fromkeys(("true", "yes", "y", "1", "x", "ja", "oui", "si", "sí", "wahr"), True) | dict.fromkeys(
    ("false", "no", "n", "0", "nein", "non", "falsch"), False
)
_NO_SAMPLE = pl.Series("text", [], pl.String)


def cast_text(text: pl.Expr, transform: Transform, time_zone: str, sample: pl.Series = _NO_SAMPLE) -> pl.Expr:
    """Cast stripped, non-empty text to the type of the transform.

    Args:
        text: The text.
        transform: How it is read.
        time_zone: Zone of datetimes that are written without one.
        sample: Some texts of the column. The parser that reads most of them is tried first; this changes only the
            time, not the values.

    Returns:
        The value; null if the text cannot be read.
    """
    if transform.pattern is not None:
        text = text.str.extract(transform.pattern, 1)
    return _CASTS[transform.kind](text, transform, time_zone, sample)


def _parse(text: pl.Expr, dtype: Any, parsers: Sequence[Parser], sample: pl.Series, declared: int = 0) -> pl.Expr:
    """Try one parser inside polars, and all others batch by batch on what it cannot read.

    The first `declared` parsers are tried first and in order. No text is read by two of the others in two ways, so
    their order changes only the time.
    """
    first = None if declared or sample.is_empty() else _find_parser(parsers, sample)
    values = (first or parsers[0])(text).cast(dtype)
    unread = pl.when(values.is_null()).then(text)
    return pl.coalesce(values, _by_batch(unread, dtype, _batch_parser(dtype, parsers, declared)))


def _find_parser(parsers: Sequence[Parser], texts: pl.Series) -> Parser | None:
    """Return the parser that reads most of the texts, or None if no parser reads any."""
    counts = (
        texts.to_frame("text")
        .select(parser(pl.col("text")).count().alias(f"{i}") for i, parser in enumerate(parsers))
        .row(0)
    )
    return parsers[counts.index(max(counts))] if max(counts) else None


def _batch_parser(dtype: Any, parsers: Sequence[Parser], declared: int) -> Callable[[pl.Series], pl.Series]:
    """Return a function that parses a series of texts, each parser on the texts that no other could read.

    After the declared parsers, the one that read most of the last batch is tried first.
    """
    best = list(parsers[declared : declared + 1])
    columns = [parser(pl.col("text")).cast(dtype).alias(f"{i}") for i, parser in enumerate(parsers)]

    def parse_batch(series: pl.Series) -> pl.Series:
        values = pl.Series(series.name, [], dtype).extend_constant(None, series.len())
        positions = series.is_not_null().arg_true()
        texts = series.gather(positions).to_frame("text")
        next_parsers = [*parsers[:declared], *best]
        while texts.height:
            if not next_parsers and texts.height > SAMPLE_TEXTS:
                parser = _find_parser(parsers, texts["text"].head(SAMPLE_TEXTS))
                next_parsers = [parser] if parser else []
                best[:] = next_parsers or best
            if not next_parsers:
                values = values.scatter(positions, texts.select(pl.coalesce(columns)).to_series())
                break
            parsed = texts.select(next_parsers.pop(0)(pl.col("text")).cast(dtype)).to_series()
            values = parsed if parsed.len() == values.len() else values.scatter(positions, parsed)
            unread = parsed.is_null().arg_true()
            texts, positions = texts[unread], positions.gather(unread)
        return values.rename(series.name)

    return parse_batch


def _by_batch(text: pl.Expr, dtype: Any, cast: Callable[[pl.Series], pl.Series]) -> pl.Expr:
    return text.map_batches(cast, return_dtype=dtype, is_elementwise=True)


def hash_texts(texts: pl.Expr) -> pl.Expr:
    """Hash each text to 32 hexadecimal digits, the same on every machine and in every version; null stays null."""
    return _by_batch(texts, pl.String(), lambda series: pl.Series(series.name, map(_digest, series), dtype=pl.String))


def _digest(text: str | None) -> str | None:
    return None if text is None else hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def is_boolean_word(word: str) -> bool:
    """Return whether the word stands for true or false."""
    return word.lower() in _BOOLEANS


def _cast_email(text: pl.Expr) -> pl.Expr:
    """Read `Name <address>`, `mailto:address` or the bare address, in lower case."""
    address = (
        text.str.extract(r"<([^<>]+)>\s*$", 1)
        .fill_null(text)
        .str.to_lowercase()
        .str.strip_prefix("mailto:")
        .str.strip_chars()
    )
    return pl.when(address.str.contains(r"^[^@\s]+@[^@\s]+$")).then(address)


def _cast_score(text: pl.Expr, transform: Transform) -> pl.Expr:
    """Read a share of 0 to 1 from a mark on the scale, or from points and maximum points: 17/20."""
    low, high = transform.scale or (0.0, 1.0)
    number = _cast_number(text.str.strip_suffix("%").str.strip_chars(), transform.decimal_comma)

    def share_of_points(series: pl.Series) -> pl.Series:
        if not series.str.contains("/", literal=True).any():
            return pl.repeat(None, series.len(), dtype=pl.Float64, eager=True).alias(series.name)
        parts = pl.col("text").str.extract_groups(r"^([^/]+)/([^/]+)$").struct
        points, most = (_cast_number(parts.field(i).str.strip_chars(), transform.decimal_comma) for i in ("1", "2"))
        return series.alias("text").to_frame().select(pl.when(most > 0).then(points / most)).to_series()

    share = pl.coalesce((number - low) / (high - low), _by_batch(text, pl.Float64(), share_of_points))
    return share.clip(0, 1) if transform.clip else share


def _date_formats(transform: Transform) -> tuple[str, ...]:
    return (*_DATES, *_DOTTED, *_ORDERED[transform.date_order])


def _four_digit_years(dates: pl.Expr) -> pl.Expr:
    """Drop readings of 25 as the year 25: `%Y` also takes two digits, and another format reads those."""
    return pl.when(dates >= _YEAR_1000).then(dates)


def _parse_date(date_format: str, text: pl.Expr) -> pl.Expr:
    return _four_digit_years(text.str.to_date(date_format, strict=False, cache=False))


def _has_zone(datetime_format: str) -> bool:
    return any(mark in datetime_format for mark in ("%z", "%#z", "%Z"))


def _datetime_parser(datetime_format: str, time_zone: str) -> Parser:
    """Return the parser of one format. A date without a time is midnight UTC: it stays the date that was written."""
    if _has_zone(datetime_format):
        return lambda text: text.str.to_datetime(
            datetime_format, time_unit="us", strict=False, cache=False, time_zone="UTC"
        ).cast(UTC_DATETIME)
    if any(mark in datetime_format for mark in ("%H", "%I", "%T", "%R")):
        return lambda text: _to_utc(
            _four_digit_years(text.str.to_datetime(datetime_format, time_unit="us", strict=False, cache=False)),
            time_zone,
        )
    return lambda text: _parse_date(datetime_format, text).cast(_LOCAL_DATETIME).dt.replace_time_zone("UTC")


def _datetime_parsers(transform: Transform, time_zone: str) -> list[Parser]:
    """Return the parsers of datetimes in UTC: declared formats first, those with a zone before those without."""
    with_time = (f"{day}{time}" for day in (*_DOTTED, *_ORDERED[transform.date_order]) for time in _TIMES)
    first = (*sorted(transform.formats, key=_has_zone, reverse=True), *_COMMON_DATETIMES)
    others = (*_OTHER_DATETIMES, *with_time, *_date_formats(transform))
    return [
        *(_datetime_parser(datetime_format, time_zone) for datetime_format in first),
        _parse_epoch,
        *(_datetime_parser(datetime_format, time_zone) for datetime_format in others),
    ]


def _to_utc(local: pl.Expr, time_zone: str) -> pl.Expr:
    if time_zone == "UTC":
        return local.dt.replace_time_zone("UTC")
    # An hour that occurs twice is taken as its first occurrence; an hour that does not exist becomes null.
    return local.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")


def _parse_epoch(text: pl.Expr) -> pl.Expr:
    """Read nine or ten digits as seconds, twelve or thirteen as milliseconds since 1970: 1973 to 2286 either way."""
    digits = text.str.extract(r"^(\d{9,10}|\d{12,13})(?:\.\d+)?$", 1).cast(pl.Int64)
    microseconds = digits * pl.when(digits < 10**11).then(10**6).otherwise(10**3)
    return microseconds.cast(_LOCAL_DATETIME).dt.replace_time_zone("UTC")


def _date_parsers(transform: Transform, time_zone: str) -> list[Parser]:
    """Return the parsers of dates; a datetime gives the date in the zone it was written in."""

    def parse_iso_datetime(text: pl.Expr) -> pl.Expr:
        return text.str.extract(r"^(\d{4}-\d{2}-\d{2})[T ]\d{2}:\d{2}", 1).str.to_date("%Y-%m-%d", strict=False)

    def date_of(parse_datetime: Parser, text: pl.Expr) -> pl.Expr:
        return parse_datetime(text).dt.convert_time_zone(time_zone).dt.date()

    return [
        *(partial(_parse_date, date_format) for date_format in (*transform.formats, "%Y-%m-%d")),
        parse_iso_datetime,
        *(partial(_parse_date, date_format) for date_format in _date_formats(transform)),
        *(partial(date_of, parse_datetime) for parse_datetime in _datetime_parsers(transform, time_zone)),
    ]


def _cast_number(text: pl.Expr, decimal_comma: bool, sample: pl.Series = _NO_SAMPLE) -> pl.Expr:
    """Read a finite number; thousands separators are dropped."""
    return _parse(text, pl.Float64(), _number_parsers(decimal_comma), sample)


def _cast_integer(text: pl.Expr, transform: Transform, sample: pl.Series) -> pl.Expr:
    """Read a whole number; 3.0 is one and 2.7 is not."""
    number = _cast_number(text, transform.decimal_comma, sample)
    return pl.when(number == number.floor()).then(number).cast(pl.Int64, strict=False)


def _number_parsers(decimal_comma: bool) -> list[Parser]:
    def parse_plain(text: pl.Expr) -> pl.Expr:
        number = text.cast(pl.Float64, strict=False)
        return pl.when(number.is_finite()).then(number)

    def parse_with_comma(text: pl.Expr) -> pl.Expr:
        return parse_plain(text.str.replace_all(r"[.\s']", "").str.replace(",", ".", literal=True))

    def parse_grouped(text: pl.Expr) -> pl.Expr:
        return parse_plain(
            text.str.extract(r"^([+-]?\d{1,3}(?:[,'\s]\d{3})+(?:\.\d+)?)$", 1).str.replace_all(r"[,'\s]", "")
        )

    return [parse_with_comma] if decimal_comma else [parse_plain, parse_grouped]


def _cast_hours(text: pl.Expr, transform: Transform, sample: pl.Series) -> pl.Expr:
    """Read hours from a number in the declared unit, from h:mm[:ss], or from an ISO 8601 duration."""

    def in_hours(parse_number: Parser, number: pl.Expr) -> pl.Expr:
        return parse_number(number) / _UNITS_PER_HOUR[transform.unit]

    numbers = [partial(in_hours, parse_number) for parse_number in _number_parsers(transform.decimal_comma)]
    return _parse(text, pl.Float64(), [*numbers, _parse_clock, _parse_iso_duration], sample)


def _parse_clock(text: pl.Expr) -> pl.Expr:
    parts = text.str.extract_groups(r"^(\d+):([0-5]\d)(?::([0-5]\d))?$").struct
    hour, minute, second = (parts.field(str(i)).cast(pl.Float64) for i in (1, 2, 3))
    return hour + minute / 60 + second.fill_null(0) / 3600


def _parse_iso_duration(text: pl.Expr) -> pl.Expr:
    parts = text.str.extract_groups(_ISO_DURATION).struct
    hours = [
        parts.field(str(i)).cast(pl.Float64) * factor
        for i, factor in ((1, 168), (2, 24), (3, 1), (4, 1 / 60), (5, 1 / 3600))
    ]
    return pl.when(text.str.contains(_ISO_DURATION) & (text.str.len_bytes() > 2)).then(pl.sum_horizontal(hours))


def _cast_boolean(text: pl.Expr, transform: Transform) -> pl.Expr:
    """Read true and false words; a word of `values` counts as what it is mapped to."""
    declared = {raw.lower(): _BOOLEANS.get(word.lower(), False) for raw, word in transform.values.items()}
    otherwise = None if transform.otherwise is None else transform.otherwise == "true"
    return _look_up(text, _BOOLEANS | declared, otherwise, pl.Boolean())


def _look_up(text: pl.Expr, words: Mapping[str, Any], otherwise: Any, dtype: Any) -> pl.Expr:
    """Return what the lower-case text stands for; by batches, as `replace_strict` would hold the complete column."""

    def look_up_batch(series: pl.Series) -> pl.Series:
        values = series.str.to_lowercase().replace_strict(
            list(words), list(words.values()), default=otherwise, return_dtype=dtype
        )
        return values if otherwise is None else values.zip_with(series.is_not_null(), values.clear(values.len()))

    return _by_batch(text, dtype, look_up_batch)


_CASTS: dict[TransformKind, Callable[[pl.Expr, Transform, str, pl.Series], pl.Expr]] = {
    "text": lambda text, *_: text,
    "digest": lambda text, *_: hash_texts(text),
    "email": lambda text, *_: _cast_email(text),
    "date": lambda text, transform, time_zone, sample: _parse(
        text, pl.Date(), _date_parsers(transform, time_zone), sample, len(transform.formats)
    ),
    "datetime": lambda text, transform, time_zone, sample: _parse(
        text, UTC_DATETIME, _datetime_parsers(transform, time_zone), sample, len(transform.formats)
    ),
    "number": lambda text, transform, _, sample: _cast_number(text, transform.decimal_comma, sample),
    "integer": lambda text, transform, _, sample: _cast_integer(text, transform, sample),
    "hours": lambda text, transform, _, sample: _cast_hours(text, transform, sample),
    "score": lambda text, transform, *_: _cast_score(text, transform),
    "category": lambda text, transform, *_: _look_up(
        text, {raw.lower(): word for raw, word in transform.values.items()}, transform.otherwise, pl.String()
    ),
    "boolean": lambda text, transform, *_: _cast_boolean(text, transform),
}
