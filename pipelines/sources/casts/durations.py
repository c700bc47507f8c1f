"""Durations in hours: numbers in a declared unit, clocks, 1h 30m, 1d 2h, 47:06 min, ISO 8601.

Belongs here: every form of a duration, and how long a unit is.
Does not belong here: the unit of a field (the adapters), times of day (`clocks`).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import polars as pl

from pipelines.sources.casts.batches import NO_SAMPLE, parse_text
from pipelines.sources.casts.calendar_names import fold_text
from pipelines.sources.casts.numbers import (
    NUMBER_TEXT_PATTERN,
    divide,
    parse_plain_comma,
    parse_plain_point,
    read_number,
)
from pipelines.sources.casts.transform import TimeUnit, Transform

UNITS_PER_HOUR: dict[TimeUnit, float] = {"milliseconds": 3_600_000.0, "seconds": 3600.0, "minutes": 60.0, "hours": 1.0}
# A number in another unit than declared is so many times too large or too small.
_UNIT_RATIOS = (60.0, 1000.0, 3600.0, 60_000.0, 3_600_000.0)
# How far hours with two decimals lie from the time that they round.
_ROUNDING_HOURS = 0.005 + 1e-9
# ISO 8601 counts calendar days; a year and a month have the mean length of the Gregorian calendar.
_HOURS_OF_ISO_UNITS = (365.2425 * 24, 365.2425 * 2, 168.0, 24.0, 1.0, 1 / 60, 1 / 3600)
_ISO_NUMBER_PATTERN = r"(\d+(?:[.,]\d+)?)"
_ISO_PATTERN = (
    rf"^p(?:{_ISO_NUMBER_PATTERN}y)?(?:{_ISO_NUMBER_PATTERN}m)?(?:{_ISO_NUMBER_PATTERN}w)?(?:{_ISO_NUMBER_PATTERN}d)?"
    rf"(?:t(?:{_ISO_NUMBER_PATTERN}h)?(?:{_ISO_NUMBER_PATTERN}m)?(?:{_ISO_NUMBER_PATTERN}s)?)?$"
)
# The words for a unit, in the form of `fold_text`. Letters that are two units in two languages (t, g) are left out.
_WORDS_BY_UNIT = {
    "week": "w wk wks week weeks weken woche wochen semaine semaines semana semanas settimana settimane vecka veckor "
    "uge uger uke uker tydzien tygodnie tygodni tyden tydny tydnu het saptamana hafta неделя недели недель 週間 周 주",
    "day": "d day days dy dys tag tage tagen jour jours dia dias giorno giorni gg dag dagen dagar dage dager dzien dni "
    "den dny dnu paiva paivaa nap zi zile gun ημερα ημερες день дня дней дн дні днів 日 日間 天 일",
    "hour": "h hr hrs hour hours std stunde stunden heure heures hora horas ora ore uur uren u godz godzina godziny "
    "godzin tim timme timmar time timer hod hodina hodiny hodin tunti tuntia saat ωρα ωρες ω ч час часа часов год "
    "година години годин 時間 小时 小時 시간",
    "minute": "m mn min mins minute minutes minuten minuto minutos minuti minuut minuta minuty minut minuter minutter "
    "minuutti minuuttia perc dakika dk λεπτο λεπτα λ мин минута минуты минут хв хвилина хвилини хвилин 分 分钟 分鐘 분",
    "second": "s sec secs second seconds sek sekunde sekunden seconde secondes segundo segundos secondo secondi seg "
    "sekunda sekundy sekund sekunder sekunti sekuntia saniye sn mp secunda secunde с сек секунда секунды секунд "
    "секунди δ δευτ 秒 초",
}
_PATTERN_BY_UNIT = {
    unit: rf"(?:{'|'.join(sorted(words.split(), key=len, reverse=True))})\.?" for unit, words in _WORDS_BY_UNIT.items()
}
_UNIT_LINK_PATTERN = r"[ ,]*(?:and |und |et |y |e |en |og |och |i )?"
_WORDS_PATTERN = (
    "^"
    + "".join(
        rf"(?:({NUMBER_TEXT_PATTERN}?) ?{_PATTERN_BY_UNIT[unit]}{_UNIT_LINK_PATTERN})?" for unit in _WORDS_BY_UNIT
    )
    + "$"
)
# 1h30 and 1 h 05: minutes without their unit.
_HOURS_MINUTES_PATTERN = rf"^(\d+) ?{_PATTERN_BY_UNIT['hour']} ?([0-5]\d)$"
_CLOCK_PATTERN = (
    rf"^(?:(\d+)(?: ?{_PATTERN_BY_UNIT['day']},? ?| ))?(\d+):([0-5]\d)(?::([0-5]\d)(?:[.,](\d+))?)?"
    rf"(?: ?{_PATTERN_BY_UNIT['hour']})?$"
)
_DOTNET_CLOCK_PATTERN = r"^(\d+)\.(\d{1,2}):([0-5]\d):([0-5]\d)(?:\.(\d+))?$"
_MINUTES_SECONDS_PATTERN = rf"^(\d+):([0-5]\d) ?{_PATTERN_BY_UNIT['minute']}$"


def cast_hours(text: pl.Expr, transform: Transform, sample_texts: pl.Series = NO_SAMPLE) -> pl.Expr:
    """Read hours.

    Args:
        text: The text.
        transform: The unit of a number that is written without one, the length of a day (of 8 hours, a week has 5
            days), and the decimal sign.
        sample_texts: Some texts of the column.
    """
    parse_number = parse_plain_comma if transform.decimal_comma else parse_plain_point

    def parse_hours(text: pl.Expr) -> pl.Expr:
        return divide(parse_number(text), UNITS_PER_HOUR[transform.unit or "hours"])

    read_other_forms = partial(_read_batch, transform=transform)
    return parse_text(
        text, pl.Float64(), [], [parse_hours, _parse_plain_clock, _parse_plain_iso], read_other_forms, sample_texts
    )


def hours_between(hours: pl.Expr, hours_text: pl.Expr, start_moment: pl.Expr, end_moment: pl.Expr) -> pl.Expr:
    """Return the hours of a field, proven or filled by the moments between which they lie.

    Args:
        hours: The hours as they are read.
        hours_text: The text that they are read from; if it is filled and cannot be read, the hours stay null.
        start_moment: The first moment.
        end_moment: The last moment.

    Returns:
        The time between the moments if the text is empty, if the hours differ from it by the ratio of two units (the
        number is in another unit than declared), if they are that time rounded to two decimals, or if they are zero.
        Otherwise the hours.
    """
    elapsed_hours = divide((end_moment - start_moment).dt.total_microseconds(), UNITS_PER_HOUR["milliseconds"] * 1000)
    elapsed_hours = pl.when(elapsed_hours > 0).then(elapsed_hours)
    hours_ratio = pl.max_horizontal(hours / elapsed_hours, elapsed_hours / hours)
    is_other_unit = pl.any_horizontal((hours_ratio / unit_ratio).is_between(0.99, 1.01) for unit_ratio in _UNIT_RATIOS)
    is_rounded = hours_text.str.contains(r"^\d+[.,]\d\d$") & ((hours - elapsed_hours).abs() <= _ROUNDING_HOURS)
    is_less_reliable = is_other_unit | is_rounded | ((hours == 0) & elapsed_hours.is_not_null())
    return pl.when(hours_text.is_null() | is_less_reliable.fill_null(False)).then(elapsed_hours).otherwise(hours)


def _parse_plain_clock(text: pl.Expr) -> pl.Expr:
    clock_groups = text.str.extract_groups(r"^(\d+):([0-5]\d)(?::([0-5]\d))?$").struct
    return _sum_hours(clock_groups, (1, 2, 3), (1, 1 / 60, 1 / 3600), is_match=clock_groups.field("1").is_not_null())


def _parse_plain_iso(text: pl.Expr) -> pl.Expr:
    duration_groups = text.str.extract_groups(r"^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?$").struct
    has_any_unit = pl.any_horizontal(
        duration_groups.field(str(group_number)).is_not_null() for group_number in (1, 2, 3)
    )
    return _sum_hours(duration_groups, (1, 2, 3), (1, 1 / 60, 1 / 3600), has_any_unit)


def _read_batch(texts: pl.Series, transform: Transform) -> pl.Series:
    """Return the hours of each text in any of the forms; null if it has none of them."""
    text, decimal_comma, hours_per_day = pl.col("text"), transform.decimal_comma, transform.hours_per_day
    days_per_week = 7 if hours_per_day == 24.0 else 5
    hours_of_units = (hours_per_day * days_per_week, hours_per_day, 1.0, 1 / 60, 1 / 3600)
    iso_groups = text.str.extract_groups(_ISO_PATTERN).struct
    word_groups = text.str.extract_groups(_WORDS_PATTERN).struct
    clock_groups = text.str.extract_groups(_CLOCK_PATTERN).struct
    dotnet_groups = text.str.extract_groups(_DOTNET_CLOCK_PATTERN).struct
    hour_minute_groups = text.str.extract_groups(_HOURS_MINUTES_PATTERN).struct
    minute_second_groups = text.str.extract_groups(_MINUTES_SECONDS_PATTERN).struct
    hours_in_words = [
        read_number(word_groups.field(str(unit_index + 1)).str.strip_chars(), decimal_comma) * hours_per_unit
        for unit_index, hours_per_unit in enumerate(hours_of_units)
    ]
    has_unread_unit = pl.any_horizontal(
        word_groups.field(str(unit_index + 1)).is_not_null() & hours_in_unit.is_null()
        for unit_index, hours_in_unit in enumerate(hours_in_words)
    )
    is_in_words = pl.any_horizontal(
        word_groups.field(str(unit_index + 1)).is_not_null() for unit_index in range(len(hours_of_units))
    )
    clock_hours = [
        _sum_hours(
            pattern_groups, (1, 2, 3, 4), (day_hours, 1, 1 / 60, 1 / 3600), pattern_groups.field("2").is_not_null()
        )
        + divide(pl.concat_str(pl.lit("0."), pattern_groups.field("5").fill_null("0")).cast(pl.Float64), 3600)
        for pattern_groups, day_hours in ((clock_groups, hours_per_day), (dotnet_groups, 24.0))
    ]
    is_iso_duration = text.str.contains(r"^p.*[a-z]$") & ~text.str.ends_with("t") & (text != "p")
    hours = pl.coalesce(
        divide(read_number(text, decimal_comma), UNITS_PER_HOUR[transform.unit or "hours"]),
        *clock_hours,
        _sum_hours(minute_second_groups, (1, 2), (1 / 60, 1 / 3600), minute_second_groups.field("1").is_not_null()),
        _sum_hours(hour_minute_groups, (1, 2), (1, 1 / 60), hour_minute_groups.field("1").is_not_null()),
        _sum_hours(iso_groups, range(1, 8), _HOURS_OF_ISO_UNITS, is_iso_duration & text.str.contains(_ISO_PATTERN)),
        pl.when(is_in_words & ~has_unread_unit).then(pl.sum_horizontal(hours_in_words)),
    )
    return texts.to_frame("text").select(fold_text(text)).select(hours).to_series()


def _sum_hours(
    duration_groups: Any, group_numbers: Sequence[int], hours_of_units: Sequence[float], is_match: pl.Expr
) -> pl.Expr:
    """Return the sum of the groups times the lengths of their units in hours; a missing group counts as 0.

    Args:
        duration_groups: Namespace of the struct that `extract_groups` returns.
        group_numbers: The groups that are added.
        hours_of_units: Length of the unit of each group, in hours.
        is_match: Whether the text has the form; null if not.
    """
    hours_of_groups = [
        duration_groups.field(str(group_number)).str.replace(",", ".", literal=True).cast(pl.Float64).fill_null(0)
        * hours_per_unit
        for group_number, hours_per_unit in zip(group_numbers, hours_of_units, strict=True)
    ]
    return pl.when(is_match).then(pl.sum_horizontal(hours_of_groups))
