"""Columns that are never read because of their values: state ids, and bank accounts as IBAN, whatever the header.

Belongs here: the kinds of numbers with their written form, and which columns of a file hold mostly valid ones.
Does not belong here: columns known by their names (`sensitive_columns`).
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

import polars as pl

from pipelines.sources.casts.placeholders import placeholders_of
from pipelines.sources.readers.text_table import TextTable

# A column is denied if this share of its distinct values are valid numbers of one kind, …
MIN_VALID_SHARE = 0.8
# … and so many random texts of the written form would be valid with a probability below this.
MAX_CHANCE = 2e-5
_ROUNDING_MARGIN = 1e-9
_INSURANCE_NUMBER_FACTORS = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)


@dataclass(frozen=True)
class StateId:
    """A kind of number that identifies a person or an account.

    Attributes:
        title: The number and its country.
        form: Regular expression of the whole number as people write it. Numbers without a check digit need their signs.
        chance: Probability that a random text of this form is valid; a date of birth and each check digit lower it.
        validators: Modules of python-stdnum, one of which accepts the number; or functions of our own.
        class_name: The class of personal data.
    """

    title: str
    form: str
    chance: float
    validators: tuple[str | Callable[[str], bool], ...]
    class_name: str = "state_id"
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", re.compile(self.form))

    def is_valid(self, text: str) -> bool:
        """Return whether the text is a valid number of this kind."""
        normalized_number = text.strip().upper()
        return self.pattern.fullmatch(normalized_number) is not None and any(
            _stdnum_check(validator)(normalized_number) if isinstance(validator, str) else validator(normalized_number)
            for validator in self.validators
        )


def find_state_ids(table: TextTable) -> Mapping[str, StateId]:
    """Return the headers of a file below which most values of the first rows are valid numbers of one kind.

    Args:
        table: The file. If its first rows cannot be read, no header is returned: whoever reads the file refuses it.
    """
    column_names = sorted({column_name for header_columns in table.columns.values() for column_name in header_columns})
    try:
        first_rows = table.scan_first_rows(column_names).collect()
    except pl.exceptions.PolarsError:
        return {}
    state_id_by_column = {
        column_name: state_id
        for column_name in column_names
        if column_name in first_rows.columns and (state_id := state_id_of(first_rows[column_name]))
    }
    return {
        header: state_id_by_column[column_name]
        for header in table.headers
        for column_name in table.columns.get(table.key(header), ())
        if column_name in state_id_by_column
    }


def state_id_of(texts: pl.Series) -> StateId | None:
    """Return the kind of number that most distinct texts of a column are; None if they are no state ids."""
    stripped_texts = {text.strip() for text in texts.unique() if text is not None}
    distinct_texts = stripped_texts.difference(("", *placeholders_of()))
    # most columns hold texts of no such form, which one expression of all forms tells faster than each of them
    if not _count_valid_texts(distinct_texts, _has_any_form):
        return None
    for state_id in STATE_IDS:
        valid_count = _count_valid_texts(distinct_texts, state_id.is_valid)
        if valid_count and state_id.chance**valid_count <= MAX_CHANCE:
            return state_id
    return None


def _count_valid_texts(texts: Collection[str], is_valid: Callable[[str], bool]) -> int:
    """Return how many texts are valid; 0 if less than `MIN_VALID_SHARE` of them are."""
    max_invalid_count = int((1 - MIN_VALID_SHARE) * len(texts) + _ROUNDING_MARGIN)
    invalid_count = 0
    for text in texts:
        invalid_count += not is_valid(text)
        if invalid_count > max_invalid_count:
            return 0
    return len(texts) - invalid_count


def _has_any_form(text: str) -> bool:
    """Return whether the text has the written form of one of the kinds."""
    return _ANY_FORM.fullmatch(text.strip().upper()) is not None


@cache
def _stdnum_check(module_name: str) -> Callable[[str], bool]:
    is_valid: Callable[[str], bool] = import_module(f"stdnum.{module_name}").is_valid
    return is_valid


def _is_german_insurance_number(number: str) -> bool:
    """Check the digit of a German Versicherungsnummer (Versicherungsnummern- und Kontoverordnung, section 4)."""
    compact_number = number.replace(" ", "")
    # The letter counts as its two digits in the alphabet.
    digits = f"{compact_number[:8]}{ord(compact_number[8]) - ord('A') + 1:02}{compact_number[9:11]}"
    weighted_digits = (
        int(digit) * digit_factor for digit, digit_factor in zip(digits, _INSURANCE_NUMBER_FACTORS, strict=True)
    )
    return sum(sum(divmod(weighted_digit, 10)) for weighted_digit in weighted_digits) % 10 == int(compact_number[-1])


def _is_british_insurance_number(number: str) -> bool:
    """Check the prefix of a British National Insurance number (HMRC manual NIM39110); it has no check digit."""
    return number[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


STATE_IDS = (
    StateId("IdNr (Germany)", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", 0.05, ("de.idnr",)),
    StateId("Versicherungsnummer (Germany)", r"\d{2} ?\d{6} ?[A-Z] ?\d{3}", 0.01, (_is_german_insurance_number,)),
    StateId("Versicherungsnummer (Austria)", r"\d{4} ?\d{6}", 0.05, ("at.vnr",)),
    StateId("AHV number (Switzerland)", r"756\.?\d{4}\.?\d{4}\.?\d{2}", 0.01, ("ch.ssn",)),
    StateId("NIR (France)", r"[1-478] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}", 0.01, ("fr.nir",)),
    StateId("DNI or NIE (Spain)", r"\d{8}-?[A-Z]|[XYZ]-?\d{7}-?[A-Z]", 0.05, ("es.dni", "es.nie")),
    StateId(
        "codice fiscale (Italy)",
        r"[A-Z]{6} ?[\dL-V]{2}[A-Z][\dL-V]{2} ?[A-Z][\dL-V]{3}[A-Z]",
        0.001,
        ("it.codicefiscale",),
    ),
    StateId("cartão de cidadão (Portugal)", r"\d{8} ?\d ?[A-Z]{2}\d", 0.1, ("pt.cc",)),
    StateId("NIF (Portugal)", r"[123]\d{2} ?\d{3} ?\d{3}", 0.1, ("pt.nif",)),
    StateId("CPF (Brazil)", r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}", 0.01, ("br.cpf",)),
    StateId("BSN (Netherlands)", r"\d{8,9}|\d{4}\.\d{2}\.\d{3}", 0.1, ("nl.bsn",)),
    StateId("rijksregisternummer (Belgium)", r"\d{2}\.?\d{2}\.?\d{2}[-.]?\d{3}[-.]?\d{2}", 0.01, ("be.nn",)),
    StateId("PESEL (Poland)", r"\d{11}", 0.05, ("pl.pesel",)),
    StateId("rodné číslo (Czechia, Slovakia)", r"\d{6}/?\d{4}", 0.05, ("cz.rc",)),
    StateId("personnummer (Sweden)", r"(\d{2})?\d{6}[-+]?\d{4}", 0.05, ("se.personnummer",)),
    StateId("CNP (Romania)", r"[1-9]\d{12}", 0.05, ("ro.cnp",)),
    StateId("AMKA (Greece)", r"\d{11}", 0.05, ("gr.amka",)),
    StateId("AFM (Greece)", r"\d{9}", 0.1, ("gr.vat",)),
    StateId("CPR number (Denmark)", r"\d{6}-\d{4}", 0.1, ("dk.cpr",)),
    StateId("fødselsnummer (Norway)", r"\d{6} ?\d{5}", 0.01, ("no.fodselsnummer",)),
    StateId("henkilötunnus (Finland)", r"\d{6}[-+A-FU-Y]\d{3}[\dA-Y]", 0.01, ("fi.hetu",)),
    StateId("isikukood, asmens kodas (Estonia, Lithuania)", r"[1-8]\d{10}", 0.05, ("ee.ik", "lt.asmens")),
    StateId("EGN (Bulgaria)", r"\d{10}", 0.05, ("bg.egn",)),
    StateId("OIB (Croatia)", r"\d{11}", 0.1, ("hr.oib",)),
    StateId("EMŠO (Slovenia)", r"\d{13}", 0.05, ("si.emso",)),
    StateId("PPS number (Ireland)", r"\d{7}[A-W][A-IW]?", 0.05, ("ie.pps",)),
    StateId(
        "National Insurance number (United Kingdom)",
        r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]",
        0.1,
        (_is_british_insurance_number,),
    ),
    StateId("SSN (United States)", r"\d{3}-\d{2}-\d{4}", 0.1, ("us.ssn",)),
    StateId("SIN (Canada)", r"\d{3}[ -]\d{3}[ -]\d{3}", 0.1, ("ca.sin",)),
    StateId("CURP (Mexico)", r"[A-Z]{4}\d{6}[A-Z]{6}[A-Z\d]\d", 0.001, ("mx.curp",)),
    StateId("Aadhaar (India)", r"[2-9]\d{3} ?\d{4} ?\d{4}", 0.1, ("in_.aadhaar",)),
    StateId("ID number (South Africa)", r"\d{6} ?\d{4} ?\d{2} ?\d|\d{13}", 0.05, ("za.idnr",)),
    StateId("T.C. kimlik no (Turkey)", r"[1-9]\d{10}", 0.01, ("tr.tckimlik",)),
    StateId("IBAN", r"[A-Z]{2}\d{2}[A-Z\d ]{10,38}", 0.01, ("iban",), "pay"),
)
_ANY_FORM = re.compile("|".join(f"(?:{kind.form})" for kind in STATE_IDS))
