"""The texts about practice: a person's own on their own page, and that of a unit on its page.

Belongs here: rows of tables and sentences made from amounts and changes.
Does not belong here: which of them may be told (`pipelines.core.unit_practice`), reading rows (`page_data`).
"""

from pipelines.contracts.practice_columns import AMOUNT_COLUMNS, PRACTICE_KINDS
from pipelines.publish.site.language import PageLanguage, message
from pipelines.publish.site.page_data import PageData, Row

_KIND_TEXTS = {
    "edge": message("work on steps being taken"),
    "routine": message("work in mastered micro-skills"),
    "learning": message("learning"),
    "review_given": message("reviews given"),
    "review_received": message("reviews received"),
    "finished": message("finished work"),
}
_UNIT_TEXTS = {"hours": message("%(amount)s hours"), "count": message("%(amount)s times")}
_CHANGE_TEXTS = {
    (True, True): message(
        "%(kind)s in “%(part)s” rose by %(share)s in the week of %(date)s (certainty %(certainty)s)."
    ),
    (True, False): message(
        "%(kind)s in “%(part)s” fell by %(share)s in the week of %(date)s (certainty %(certainty)s)."
    ),
    (False, True): message("%(kind)s rose by %(share)s in the week of %(date)s (certainty %(certainty)s)."),
    (False, False): message("%(kind)s fell by %(share)s in the week of %(date)s (certainty %(certainty)s)."),
}
# A smaller difference reads as a whole percent of nothing.
_LEAST_SHARE = 0.005
# A page states no certainty that a sample of weeks cannot give.
_MOST_CERTAINTY = 0.99


def describe_own_practice(practice: list[Row], language: PageLanguage) -> list[tuple[str, list[str]]]:
    """Kind of practice and the amounts of the last 4, 13 and 52 weeks, as texts.

    Args:
        practice: Rows of out__own_practice about the person.
        language: The language of the page.
    """
    return [
        (
            language.translate(_KIND_TEXTS[practice_row["practice_kind"]]),
            [
                _format_amount(practice_row[column], practice_row["practice_unit"], language)
                for column in AMOUNT_COLUMNS
            ],
        )
        for practice_row in sorted(practice, key=lambda row: PRACTICE_KINDS.index(row["practice_kind"]))
    ]


def describe_unit_practice(
    page_data: PageData, practice_rows: list[Row], language: PageLanguage
) -> list[tuple[str, list[str], str]]:
    """Kind of practice of the whole unit, the amounts of the last 4, 13 and 52 weeks, and 13 weeks against before.

    Args:
        page_data: The input of the pages.
        practice_rows: Rows of out__practice about the unit.
        language: The language of the page.
    """
    unit_rows = [row for row in _list_shown(page_data, practice_rows) if row["practice_scope"] == "unit"]
    return [
        (
            language.translate(_KIND_TEXTS[unit_row["practice_kind"]]),
            [
                "–"
                if unit_row[column] is None
                else _format_amount(unit_row[column], unit_row["practice_unit"], language)
                for column in AMOUNT_COLUMNS
            ],
            _describe_difference(unit_row["change_13_weeks"], language),
        )
        for unit_row in sorted(unit_rows, key=lambda row: PRACTICE_KINDS.index(row["practice_kind"]))
    ]


def describe_unit_changes(page_data: PageData, practice_rows: list[Row], language: PageLanguage) -> list[str]:
    """One sentence per change of the last year, the latest first: what, by how much, and since when.

    Args:
        page_data: The input of the pages.
        practice_rows: Rows of out__practice about the unit.
        language: The language of the page.
    """
    changed_rows = [row for row in _list_shown(page_data, practice_rows) if row["changed_date"] is not None]
    changed_rows.sort(key=lambda row: (row["practice_scope"] != "unit", -row["changed_date"].toordinal()))
    sentences = []
    for changed_row in changed_rows:
        template = _CHANGE_TEXTS[changed_row["practice_scope"] != "unit", changed_row["change_since"] > 0]
        sentence = language.translate(
            template,
            kind=language.translate(_KIND_TEXTS[changed_row["practice_kind"]]),
            part=changed_row["practice_name"],
            share=language.format_share(abs(changed_row["change_since"])),
            date=language.format_date(changed_row["changed_date"]),
            certainty=language.format_share(min(changed_row["change_certainty"], _MOST_CERTAINTY)),
        )
        sentences.append(sentence[:1].upper() + sentence[1:])
    return sentences


def _list_shown(page_data: PageData, practice_rows: list[Row]) -> list[Row]:
    return [row for row in practice_rows if row["team_people_count"] >= page_data.smallest_team]


def _format_amount(amount: float, unit: str, language: PageLanguage) -> str:
    return language.translate(_UNIT_TEXTS[unit], amount=language.format_number(amount))


def _describe_difference(share: float | None, language: PageLanguage) -> str:
    if share is None:
        return "–"
    if abs(share) < _LEAST_SHARE:
        return language.translate("as before")
    text = message("%(share)s more") if share > 0 else message("%(share)s less")
    return language.translate(text, share=language.format_share(abs(share)))
