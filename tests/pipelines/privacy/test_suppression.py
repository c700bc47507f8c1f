"""Rows that were set aside hold the cells as they were exported: every form of a key names the erased person."""

import json
from datetime import date

import polars as pl
import pytest

from pipelines.privacy.erased_people import ErasedPeople, list_identities
from pipelines.privacy.suppression import Suppression

ERASED = ErasedPeople("a secret of the company").add(
    list_identities(["100014"], ["ben@x.example"], [("jira", "bbeispiel")]), date(2026, 7, 1)
)


def write_row(cells: dict[str, str | None]) -> str:
    return json.dumps(cells, separators=(",", ":"))


@pytest.mark.parametrize(
    "cells",
    [
        {"work_email": "ben@x.example"},
        {"work_email": "mailto:Ben@x.example"},
        {"work_email": "Ben Beispiel <ben@x.example>"},
        {"employee_number": "100,014"},
        {"employee_number": "100014.0"},
        {"account_code": "bbeispiel"},
    ],
)
def test_a_row_that_was_set_aside_goes_with_its_person(cells: dict[str, str | None]) -> None:
    other_text = write_row(dict.fromkeys(cells, "somebody@x.example"))
    rows = pl.DataFrame({"row_text": [write_row(cells), other_text]})
    remaining_rows = Suppression(ERASED, ("jira",)).quarantine_deletion().apply(rows)
    assert remaining_rows["row_text"].to_list() == [other_text]


@pytest.mark.parametrize("reference", ["bbeispiel", "100014", "100,014", "mailto:ben@x.example", "Ben <ben@x.example>"])
def test_a_row_about_somebody_else_loses_the_reference(reference: str) -> None:
    rows = pl.DataFrame({"row_text": [write_row({"account_code": "ada", "given_by_code": reference})]})
    remaining_rows = Suppression(ERASED, ("jira",)).quarantine_deletion().apply(rows)
    assert remaining_rows["row_text"].to_list() == [write_row({"account_code": "ada", "given_by_code": None})]
    landed_rows = pl.LazyFrame({"given_by_code": [reference, "ada"]})
    assert Suppression(ERASED, ("jira",)).clear_references(landed_rows).collect()["given_by_code"].to_list() == [
        None,
        "ada",
    ]


def test_an_account_code_of_another_system_stays() -> None:
    rows = pl.DataFrame({"row_text": [write_row({"account_code": "bbeispiel"})]})
    assert Suppression(ERASED, ("gitlab",)).quarantine_deletion().apply(rows).equals(rows)
