"""The names of months are those of CLDR, each of one month; WRITE_CALENDAR_NAMES=1 renders the table anew."""

import csv
import os
from collections import defaultdict

import pytest

from pipelines.sources.casts.calendar_names import CALENDAR_NAMES_FILE, half_day_names, months_by_name

LOCALES = [
    *(
        "en",
        "en_AU",
        "en_CA",
        "en_GB",
        "de",
        "de_AT",
        "de_CH",
        "fr",
        "fr_CA",
        "fr_CH",
        "es",
        "es_MX",
        "it",
        "pt",
        "pt_PT",
    ),
    *("nl", "pl", "cs", "sv", "da", "nb", "nn", "fi", "hu", "ro", "tr", "el", "ru", "uk", "ja", "zh", "zh_Hant", "ko"),
]
# German month names that Java up to version 8 and Windows write, and CLDR does not have.
FURTHER_NAMES = [("de", "3", "Mrz")]


def render_names() -> list[tuple[str, str, str]]:
    """Return language, meaning and name from CLDR: months, weekdays, halves of the day."""
    babel = pytest.importorskip("babel", reason="Babel is not installed: pip install -r requirements.txt")
    names: dict[tuple[str, str, str], None] = {}
    for code in LOCALES:
        locale = babel.Locale.parse(code)
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                months, days = locale.months[context][width], locale.days[context][width]
                halves = locale.day_periods.get(context, {}).get(width, {})
                names |= {(locale.language, str(month), name): None for month, name in months.items()}
                names |= {(locale.language, "weekday", name): None for name in days.values()}
                names |= {(locale.language, half, halves[half]): None for half in ("am", "pm") if half in halves}
    return sorted([*names, *FURTHER_NAMES])


def test_the_table_is_rendered_from_cldr() -> None:
    rendered = render_names()
    if "WRITE_CALENDAR_NAMES" in os.environ:
        with CALENDAR_NAMES_FILE.open("w", newline="", encoding="utf-8") as out:
            csv.writer(out, lineterminator="\n").writerows([("language", "meaning", "name"), *rendered])
    with CALENDAR_NAMES_FILE.open(newline="", encoding="utf-8") as table:
        assert [tuple(row) for row in csv.reader(table)][1:] == rendered


def test_each_name_means_one_month_in_all_languages() -> None:
    months = defaultdict(set)
    with CALENDAR_NAMES_FILE.open(newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table):
            if row["meaning"].isdecimal():
                months[row["name"].casefold().strip(".")].add(row["meaning"])
    assert not {name: meanings for name, meanings in months.items() if len(meanings) > 1}
    assert set(months_by_name().values()) == set(range(1, 13))


@pytest.mark.parametrize(
    ("name", "month"),
    # without an accent, cut off, of Windows and Java; "jui" begins juin and juillet, "cer" červen and červenec
    [("mar", 3), ("mrz", 3), ("fev", 2), ("сен", 9), ("marras", 11), ("jui", None), ("cer", None), ("ja", None)],
)
def test_a_shortened_name_counts_if_only_one_month_begins_so(name: str, month: int | None) -> None:
    assert months_by_name().get(name) == month


def test_a_half_of_the_day_has_one_meaning() -> None:
    assert {half_day_names()[name] for name in ("am", "午前", "오전", "πμ", "oo")} == {"am"}
    assert {half_day_names()[name] for name in ("pm", "下午", "오후", "μμ", "os")} == {"pm"}
