"""A column of valid state ids is never read, whatever its header; columns of other numbers are."""

import json
from pathlib import Path

import polars as pl
import pytest

from pipelines.sources.adapter import get_adapter, read_export
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.state_ids import STATE_IDS, StateId, state_id_of

# Specimen numbers that authorities and encyclopaedias print; none belongs to a person.
SPECIMENS = {
    "IdNr (Germany)": "36574261809",
    "Versicherungsnummer (Germany)": "65170839J003",
    "Versicherungsnummer (Austria)": "1237 010180",
    "AHV number (Switzerland)": "756.9217.0769.85",
    "NIR (France)": "2 95 10 99 126 111 93",
    "DNI or NIE (Spain)": "X1234567L",
    "codice fiscale (Italy)": "RSSMRA85T10A562S",
    "CPF (Brazil)": "390.533.447-05",
    "BSN (Netherlands)": "1112.22.333",
    "rijksregisternummer (Belgium)": "85.07.30-033.28",
    "PESEL (Poland)": "44051401359",
    "rodné číslo (Czechia, Slovakia)": "710319/2745",
    "personnummer (Sweden)": "811218-9876",
    "CNP (Romania)": "1630615123457",
    "AMKA (Greece)": "01013099997",
    "henkilötunnus (Finland)": "131052-308T",
    "National Insurance number (United Kingdom)": "AB 12 34 56 C",
    "SSN (United States)": "536-90-4399",
    "IBAN": "GB82 WEST 1234 5698 7654 32",
}
BY_TITLE = {kind.title: kind for kind in STATE_IDS}


def valid_numbers(kind: StateId, first: int, digits: int, count: int) -> list[str]:
    """Return the first valid numbers of a kind from a number on, in steps that vary its check digit."""
    candidates = (f"{number:0{digits}d}" for number in range(first, first + 100_000))
    return [candidate for candidate in candidates if kind.is_valid(candidate)][:count]


@pytest.mark.parametrize("title", SPECIMENS)
def test_a_specimen_is_valid_and_one_with_another_last_sign_is_not(title: str) -> None:
    specimen = SPECIMENS[title]
    assert BY_TITLE[title].is_valid(specimen)
    if title not in ("National Insurance number (United Kingdom)", "SSN (United States)"):  # without a check digit
        other_sign = "1" if specimen[-1] != "1" else "2"
        assert not BY_TITLE[title].is_valid(specimen[:-1] + (other_sign if specimen[-1].isdigit() else "A"))


def test_a_column_counts_from_four_fifths_valid_numbers_on() -> None:
    pesels = valid_numbers(BY_TITLE["PESEL (Poland)"], 44_051_400_000, 11, 8)
    mistyped = ["44051401358", "44051401357"]
    assert state_id_of(pl.Series([*pesels, *mistyped, None])) is BY_TITLE["PESEL (Poland)"]
    assert state_id_of(pl.Series([*pesels[:7], *mistyped])) is None  # 7 of 9 are 78 %


def test_few_valid_numbers_prove_nothing_and_equal_ones_count_once() -> None:
    bsns = valid_numbers(BY_TITLE["BSN (Netherlands)"], 111_222_300, 9, 5)
    assert state_id_of(pl.Series(bsns)) is BY_TITLE["BSN (Netherlands)"]
    assert state_id_of(pl.Series(bsns[:4] * 5)) is None


@pytest.mark.parametrize(
    "texts",
    [
        [str(number) for number in range(100_000_000, 100_000_200)],  # employee numbers of nine digits
        [str(number) for number in range(44_051_401_000, 44_051_401_200)],  # of eleven digits
        [f"{number:010d}" for number in range(1_700_000_000, 1_700_002_000, 10)],  # seconds since 1970
        [f"2025{month:02}{day:02}0815" for month in range(1, 13) for day in range(1, 29)],  # moments
        [f"2025-{month:02}-{day:02}T08:15:00Z" for month in range(1, 13) for day in range(1, 29)],
        [f"PRJ-{number}" for number in range(1000, 1200)],
        ["+49 30 1234567", "+49 30 1234568", "+49 30 1234569", "+49 40 7654321", "+49 89 1122334", "+49 89 1122335"],
    ],
)
def test_other_numbers_are_no_state_ids(texts: list[str]) -> None:
    assert state_id_of(pl.Series(texts)) is None


def write_people(path: Path, header: str, numbers: list[str]) -> Path:
    """Write a table of people with the numbers below a header, and one row that is too long."""
    lines = [f"{i},person{i}@example.com,{number}" for i, number in enumerate(numbers)]
    path.write_text("\n".join([f"Nr,Mail,{header}", *lines, "99,x@example.com,1,2,3", ""]))
    return path


def people(**mapping: str) -> SourceOptions:
    return SourceOptions(shape="person", mapping={"employee_number": "Nr", "work_email": "Mail", **mapping})


def test_an_unread_column_of_state_ids_is_sensitive_and_no_malformed_row_keeps_its_text(tmp_path: Path) -> None:
    numbers = valid_numbers(BY_TITLE["PESEL (Poland)"], 44_051_400_000, 11, 6)
    export = read_export(write_people(tmp_path / "p.csv", "Kod", numbers), get_adapter("tabular"), people())
    assert export.sensitive_column_classes == (("Kod", "state_id"),)
    assert export.malformed.collect()["row_text"].to_list() == [None]


def test_a_file_whose_mapping_reads_state_ids_is_refused_without_quoting_one(tmp_path: Path) -> None:
    numbers = valid_numbers(BY_TITLE["PESEL (Poland)"], 44_051_400_000, 11, 6)
    path = write_people(tmp_path / "p.csv", "Kod", numbers)
    with pytest.raises(ExportRefused, match=r"the column Kod of p\.csv holds PESEL \(Poland\)") as refusal:
        read_export(path, get_adapter("tabular"), people(employee_number="Kod"))
    assert not [number for number in numbers if number in str(refusal.value)]


def test_state_ids_in_a_member_of_json_records_are_found(tmp_path: Path) -> None:
    numbers = valid_numbers(BY_TITLE["PESEL (Poland)"], 44_051_400_000, 11, 6)
    records = [{"Nr": i, "Mail": f"p{i}@example.com", "extra": {"kod": number}} for i, number in enumerate(numbers)]
    path = tmp_path / "p.json"
    path.write_text(json.dumps(records))
    assert read_export(path, get_adapter("tabular"), people()).sensitive_column_classes == (("extra.kod", "state_id"),)
    with pytest.raises(ExportRefused, match=r"extra\.kod"):
        read_export(path, get_adapter("tabular"), people(employee_number="extra.kod"))
