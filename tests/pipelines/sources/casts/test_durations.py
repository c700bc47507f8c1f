"""Every form of a duration is the same number of hours."""

import polars as pl
import pytest

from pipelines.sources.casts.cast import cast_text
from pipelines.sources.declaration import Transform

SAME = {
    1.5: (
        *(
            "1.5",
            "1,5",
            "1:30",
            "01:30:00",
            "0001:30:00.00",
            "1h 30m",
            "1h30",
            "1 h 30 min",
            "1.5 h",
            "1,5 Std.",
            "90m",
        ),
        *("90 min", "90 minutes", "90:00 min", "5400 s", "5400 sec", "1 hour, 30 minutes", "1 Stunde 30 Minuten"),
        *("1 heure et 30 minutes", "1 hora y 30 minutos", "1 ч 30 мин", "1時間30分", "1 小时 30 分钟", "1시간 30분"),
        *("PT1H30M", "PT90M", "PT1.5H", "PT1,5H", "P0Y0M0DT1H30M0S", "pt5400s", "1:30 h", "1:30h"),
    ),
    26.25: ("26:15", "26:15:00", "1d 2h 15m", "1 day, 2:15:00", "1.02:15:00", "P1DT2H15M", "26,25", "1 Tag 2:15"),
    168: ("P1W", "1w", "7d", "1 week", "168:00", "P7D"),
    8765.82: ("P1Y", "P12M"),
    0.785: ("0:47:06", "47:06 min"),
}


def hours(text: str, **traits: object) -> float | None:
    frame = pl.DataFrame({"text": [text]})
    return frame.select(cast_text(pl.col("text"), Transform("hours", **traits), "UTC")).item()  # type: ignore[arg-type]


@pytest.mark.parametrize(("value", "text"), [(value, text) for value, texts in SAME.items() for text in texts])
def test_all_forms_give_the_same_hours(value: float, text: str) -> None:
    assert hours(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("unit", "value"), [("milliseconds", 0.001), ("seconds", 1.0), ("minutes", 60.0), ("hours", 3600.0), (None, 3600.0)]
)
def test_the_declared_unit_is_that_of_a_bare_number_only(unit: str | None, value: float) -> None:
    assert hours("3600", unit=unit) == pytest.approx(value)
    assert hours("1:30", unit=unit) == hours("PT1H30M", unit=unit) == hours("90 min", unit=unit) == 1.5


def test_a_working_day_has_eight_hours_where_that_is_declared() -> None:
    assert hours("1w 1d 2h", hours_per_day=8.0) == 50
    assert hours("P1DT2H", hours_per_day=8.0) == 26  # ISO 8601 counts calendar days


@pytest.mark.parametrize(
    "text", ["P16559.14S", "P", "PT", "0:75", "1:30:00 AM", "long", "1h x", "h", "30x", "2026-03-14"]
)
def test_what_is_no_duration_stays_unread(text: str) -> None:
    assert hours(text) is None


def test_a_negative_duration_stays_negative() -> None:
    assert hours("-1772452800", unit="seconds") == pytest.approx(-492348)


def test_the_decimal_sign_of_the_column_counts() -> None:
    assert hours("1,250 h", decimal_comma=True) == 1.25
    assert hours("1,250 h", decimal_comma=False) == 1250
    assert hours("1,250 h") is None
