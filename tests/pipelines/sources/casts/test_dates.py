"""Every form of a date, with every clock and every zone, is the same moment."""

import csv
from datetime import UTC, date, datetime, timedelta
from itertools import product

import polars as pl
import pytest

from pipelines.sources.casts.calendar_names import CALENDAR_NAMES_FILE
from pipelines.sources.casts.cast import cast_text
from pipelines.sources.casts.dates import read_moments
from pipelines.sources.declaration import DateOrder, Transform

# 14 March 2026, a Saturday, in the eleventh week of the year and on its 73rd day.
DAY = date(2026, 3, 14)
DAYS = (
    *("2026-03-14", "2026/3/14", "2026.03.14", "20260314", "2026-W11-6", "2026W116", "2026-073", "2026-Mar-14"),
    *("14/03/2026", "14/3/26", "14-03-2026", "14.03.2026", "14. 3. 2026", "14.3.26", "14/Mar/26", "14-Mar-2026"),
    *("14 Mar 2026", "14Mar2026", "14th of March 2026", "March 14, 2026", "Mar 14th, 2026", "Sat, 14 Mar 2026"),
    *("Saturday, March 14, 2026", "14. März 2026", "Samstag, 14. März 2026", "14 mars 2026", "sam. 14 mars 2026"),
    *("14 de marzo de 2026", "sábado, 14 de março de 2026", "14 marzo 2026", "14 maart 2026", "14 marca 2026"),
    *("14. března 2026", "14 mars 2026", "14. marts 2026", "14. maaliskuuta 2026", "2026. március 14.", "14 mar. 2026"),
    *("14 Mart 2026 Cumartesi", "14 Μαρτίου 2026", "14 марта 2026 г.", "14 березня 2026 р.", "2026年3月14日"),
    *("2026年3月14日(土)", "2026年3月14日星期六", "2026년 3월 14일", "2026. 3. 14.", "26. 3. 14."),
)
CLOCKS = {
    "": None,
    " 14:05": (14, 5, 0),
    " 14:05:22": (14, 5, 22),
    "T14:05:22": (14, 5, 22),
    ", 14:05": (14, 5, 0),
    " 2:05 PM": (14, 5, 0),
    " 02:05:22 pm": (14, 5, 22),
    " 2:05 p. m.": (14, 5, 0),
    " 2:05\u202fPM": (14, 5, 0),
    " 14.05": (14, 5, 0),
    " um 14:05 Uhr": (14, 5, 0),
    " kl. 14.05": (14, 5, 0),
    " at 2:05 PM": (14, 5, 0),
    " 14h05": (14, 5, 0),
    " 下午2:05": (14, 5, 0),
    " 오후 2:05:22": (14, 5, 22),
    " 14時05分22秒": (14, 5, 22),
    " 12:05 AM": (0, 5, 0),
    " 14:05:22,500": (14, 5, 22.5),
}
ZONES = {"": 0, "Z": 0, "+01:00": 1, " +0100": 1, " GMT-5": -5, " UTC": 0, " CET": 1, "-08:00": -8}


def cast(kind: str, texts: list[str], order: DateOrder | None = "day_first", zone: str = "UTC") -> list[object]:
    transform = Transform(kind, date_order=order)  # type: ignore[arg-type]
    frame = pl.DataFrame({"text": texts}, {"text": pl.String})
    return frame.select(cast_text(pl.col("text"), transform, zone)).to_series().to_list()


def test_every_day_with_every_clock_and_every_zone_is_the_same_moment() -> None:
    texts, moments = [], []
    for day, (clock, time), (zone, hours) in product(DAYS, CLOCKS.items(), ZONES.items()):
        if (time is None and zone) or (clock.startswith("T") and not day[-1].isdecimal()):
            continue  # without a clock a zone has no meaning; T follows a digit
        texts.append(day + clock + zone)
        midnight = datetime(2026, 3, 14, tzinfo=UTC)
        hour, minute, second = time or (0, 0, 0)
        moments.append(midnight + timedelta(hours=hour - hours, minutes=minute, seconds=second))
    read = dict(zip(texts, cast("datetime", texts), strict=True))
    assert {text: read[text] for text, moment in zip(texts, moments, strict=True) if read[text] != moment} == {}
    assert set(cast("date", texts)) == {DAY}  # as written, whatever the offset


def test_every_month_name_of_cldr_is_read_with_its_year_and_day() -> None:
    texts, months = [], []
    with CALENDAR_NAMES_FILE.open(newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table):
            if not row["meaning"].isdecimal() or row["name"][0].isdecimal():
                continue
            for name in {row["name"], row["name"].rstrip("."), row["name"].upper()}:
                texts += [
                    f"09/{name}/24 3:54 PM",
                    f"9. {name} 2024 15:54",
                    f"2024 {name} 9 15:54",
                    f"9-{name}-2024 15:54",
                ]
                months += [int(row["meaning"])] * 4
    read = cast("datetime", texts)
    expected = [datetime(2024, month, 9, 15, 54, tzinfo=UTC) for month in months]
    assert [text for text, moment, other in zip(texts, read, expected, strict=True) if moment != other] == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-14T14:05:00+01:00[Europe/Berlin]", (13, 5)),
        ("Sat Mar 14 2026 14:05:00 GMT+0100 (Central European Standard Time)", (13, 5)),
        ("Sat Mar 14 14:05:00 CET 2026", (13, 5)),
        ("Sat, 14 Mar 2026 14:05:00 GMT", (14, 5)),
        ("20260314T140500Z", (14, 5)),
        ("20260314T1405+0100", (13, 5)),
        ("20260314140500", (14, 5)),
        ("202603141405", (14, 5)),
        ("14MAR2026:14:05:00", (14, 5)),
        ("1773497100", (14, 5)),
        ("1773497100000", (14, 5)),
        ("2026-03-14 14:05 PM", (14, 5)),  # a 24-hour clock with a mark can only be that hour
        ("2026-03-13 24:00", (0, 0)),
    ],
)
def test_forms_of_programs_are_read(text: str, moment: tuple[int, int]) -> None:
    assert cast("datetime", [text]) == [datetime(2026, 3, 14, *moment, tzinfo=UTC)]


@pytest.mark.parametrize(
    "text",
    [
        *("2026-02-30", "2026-13-01", "31.04.2026", "14/Mrx/2026", "2026-W54-1", "2025-366", "Week 11", "March 2026"),
        *(
            "2026-03-14 25:00",
            "2026-03-14 14:61",
            "2026-03-14 13:05 AM",
            "2026-03-14 later",
            "14:05",
            "45352",
            "14",
            "",
        ),
        *("2026-03-14 14:05 CST", "20261314", "soon", "-"),
    ],
)
def test_what_is_no_date_stays_unread(text: str) -> None:
    assert cast("datetime", [text]) == [None]


def test_dates_that_can_be_read_both_ways_need_an_order() -> None:
    texts = ["02/03/2026", "02-03-26", "2 3 2026"]
    assert cast("date", texts, "day_first") == [date(2026, 3, 2)] * 3
    assert cast("date", texts, "month_first") == [date(2026, 2, 3)] * 3
    assert cast("date", texts, None) == [None] * 3


@pytest.mark.parametrize(("text", "year"), [("14.03.68", 2068), ("14.03.69", 1969), ("14-Mar-25", 2025)])
def test_years_of_two_digits_are_those_of_posix(text: str, year: int) -> None:
    assert cast("date", [text]) == [date(year, 3, 14)]


def test_a_clock_without_a_zone_is_in_the_zone_of_the_source() -> None:
    texts = ["2026-03-14 14:05", "14. März 2026, 14:05", "2026-03-14", "2026-03-14T14:05Z", "2026-07-14 02:05 PM"]
    hours = [13, 13, 0, 14, 12]
    assert [moment.hour for moment in cast("datetime", texts, zone="Europe/Berlin")] == hours  # type: ignore[attr-defined]


def test_an_hour_that_occurs_twice_is_its_first_and_one_that_does_not_exist_is_unread() -> None:
    texts = ["2026-10-25 02:30:00", "2026-03-29 02:30:00", "29. März 2026, 02:30"]
    assert cast("datetime", texts, zone="Europe/Berlin") == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), None, None]


@pytest.mark.parametrize("kind", ["date", "datetime"])
def test_a_sample_changes_no_value(kind: str) -> None:
    texts = pl.DataFrame({"text": [day + clock for day in DAYS for clock in CLOCKS]})
    transform = Transform(kind, date_order="day_first")  # type: ignore[arg-type]
    plain = texts.select(cast_text(pl.col("text"), transform, "UTC")).to_series()
    for sample in texts["text"].gather_every(41):
        other = texts.select(cast_text(pl.col("text"), transform, "UTC", pl.Series([sample]))).to_series()
        assert other.equals(plain, null_equal=True), sample


def test_a_weekday_that_is_named_like_a_month_is_no_month() -> None:
    texts = pl.Series(["mar. 3 mars 2026", "mar 3, 2026", "3 Mar 2026 Paz"])
    assert read_moments(texts, None)["date"].to_list() == [date(2026, 3, 3)] * 3
