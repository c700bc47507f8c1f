"""The language of a page: translated texts, dates, numbers and the words for the stages.

Belongs here: reading the gettext catalogues in `locale/`, and formatting by Babel for a language.
Does not belong here: which text a page shows (`step_texts`, `person_texts`, `run_page`), the templates.

A text is written in English as the argument of `translate`, `translate_count`, `message` or `counted_message`, and in
templates of `_` or `count_text`. `tests/pipelines/publish/site/test_catalogues.py` collects these texts, and those of
the web application, and compares them with the catalogues.
"""

import gettext
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from pathlib import Path

from babel import Locale
from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_decimal, format_percent

from pipelines.config.pages import PageOptions

LANGUAGE_CODES = ("en", "de", "fr", "es")
LOCALE_FOLDER = Path(__file__).parent / "locale"
CATALOGUE_NAME = "pages"
# Dates of English pages have the day first, as in most countries.
_LOCALE_NAMES = {"en": "en_GB"}
_CACHED_DATE_COUNT = 20_000


def message(text: str) -> str:
    """Mark a text for the catalogues that is translated later; returns the text."""
    return text


def counted_message(singular: str, plural: str) -> tuple[str, str]:
    """Mark a text about a number of things for the catalogues; returns both forms."""
    return singular, plural


_STAGE_WORDS = {
    "none": message("not yet begun"),
    "apprentice": message("apprentice"),
    "journeyman": message("journeyman"),
    "master": message("master"),
}


@dataclass(frozen=True)
class PageLanguage:
    """The language of a page.

    Attributes:
        code: One of `LANGUAGE_CODES`, the value of the attribute `lang`.
        stage_words: Stage and the company's own word for it; other stages have the words of the language.
    """

    code: str = "en"
    stage_words: tuple[tuple[str, str], ...] = ()

    def translate(self, text: str, **values: object) -> str:
        """Translate a text and fill its placeholders, written as `%(name)s`."""
        translated_text = _translate(self.code, text)
        return translated_text % values if values else translated_text

    def translate_count(self, singular: str, plural: str, count: int, **values: object) -> str:
        """Translate a text about a number of things; `%(count)s` is the number, formatted."""
        translated_text = _load_catalogue(self.code).ngettext(singular, plural, count)
        return translated_text % {"count": self.format_number(count), **values}

    def name_stage(self, stage: str) -> str:
        """The word for a stage."""
        return dict(self.stage_words).get(stage) or self.translate(_STAGE_WORDS[stage])

    def format_date(self, day: date) -> str:
        """Write a day with the name of its month."""
        return _format_date(self.code, day)

    def format_number(self, number: float, decimals: int = 0) -> str:
        """Write a number with the separators of the language."""
        return _format_number(self.code, round(number, decimals) + 0.0, decimals)

    def format_share(self, share: float) -> str:
        """Write a share of 0 to 1 in whole percent."""
        return _format_share(self.code, round(share, 2))

    def join(self, texts: Iterable[str]) -> str:
        """Join texts as an enumeration with "and"."""
        return format_list(list(texts), style="standard", locale=_load_locale(self.code))


ENGLISH = PageLanguage()


def choose_language(page_options: PageOptions, language_code: str | None = None) -> PageLanguage:
    """The language of a company's pages.

    Args:
        page_options: The section `publish.pages` of footsteps.yaml.
        language_code: Another language than that of the company, or None.
    """
    stage_words = page_options.stage_words.model_dump(exclude_none=True)
    return PageLanguage(language_code or page_options.language, tuple(stage_words.items()))


@cache
def _load_catalogue(language_code: str) -> gettext.NullTranslations:
    if language_code == "en":
        return gettext.NullTranslations()
    return gettext.translation(CATALOGUE_NAME, LOCALE_FOLDER, [language_code])


@cache
def _translate(language_code: str, text: str) -> str:
    return _load_catalogue(language_code).gettext(text)


@cache
def _load_locale(language_code: str) -> Locale:
    return Locale.parse(_LOCALE_NAMES.get(language_code, language_code))


@lru_cache(_CACHED_DATE_COUNT)
def _format_date(language_code: str, day: date) -> str:
    return format_date(day, "long", locale=_load_locale(language_code))


@lru_cache(_CACHED_DATE_COUNT)
def _format_number(language_code: str, number: float, decimals: int) -> str:
    number_format = "#,##0." + "0" * decimals if decimals else "#,##0"
    return format_decimal(number, number_format, locale=_load_locale(language_code))


@lru_cache(_CACHED_DATE_COUNT)
def _format_share(language_code: str, share: float) -> str:
    return format_percent(share, locale=_load_locale(language_code))
