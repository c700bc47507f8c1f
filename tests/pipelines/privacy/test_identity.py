"""The keys of a person are found in tables and in landed HR exports, and none of them leads to somebody else."""

import polars as pl
import pytest
from publishing import fill_contract_columns

from pipelines.contracts.catalog import ACCOUNT, ASSIGNMENT, PERSON
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.identities import find_traces, mark_record_numbers
from pipelines.privacy.identity import UnknownPerson, find_identity, read_all_keys


def test_a_person_whom_only_a_landed_export_names_is_found(data_root: DataRoot) -> None:
    lake = data_root.lake
    for table in (PERSON, ACCOUNT):
        lake.write(table, lake.scan(table).filter(pl.col("person_id") != "p0001").collect())
    identity = find_identity(lake, data_root.config, " BEN@x.example")
    assert (identity.person_id, identity.employee_numbers, identity.emails) == ("p0001", {"p0001"}, {"ben@x.example"})
    assert "ben@x.example" in read_all_keys(lake, data_root.config)


def test_a_key_of_two_people_leads_to_nobody_and_is_no_key_of_either(data_root: DataRoot) -> None:
    lake = data_root.lake
    is_cleo = pl.col("person_id") == "p0002"
    shared_values = {"display_name": "Ben Beispiel", "work_email": "ben@x.example"}
    people = lake.scan(PERSON).with_columns(
        pl.when(is_cleo).then(pl.lit(text)).otherwise(column).alias(column) for column, text in shared_values.items()
    )
    lake.write(PERSON, people.collect())
    with pytest.raises(UnknownPerson, match="2 people have"):
        find_identity(lake, data_root.config, "ben@x.example")
    identity = find_identity(lake, data_root.config, "p0001")
    assert (identity.names, identity.employee_numbers, identity.emails) == (frozenset(), {"p0001"}, frozenset())


def test_a_number_that_is_the_id_of_a_record_is_not_searched_for(data_root: DataRoot) -> None:
    lake = data_root.lake
    people = [{"person_id": number, "employee_number": number, "display_name": number} for number in ("10005", "10006")]
    lake.write(PERSON, fill_contract_columns(PERSON, list(people)))
    issue = {"record_code": "7", "person_id": "10006", "project_code": "PC", "assignment_code": "PC-10005"}
    lake.write(ASSIGNMENT, fill_contract_columns(ASSIGNMENT, [issue | {"source_name": "issues"}]))
    traces, other_traces = (
        mark_record_numbers(lake, find_traces(lake, data_root.config, [number])) for number in ("10005", "10006")
    )
    assert "10005" in traces.replaced_texts
    assert "10005" not in traces.searched_texts
    assert "10006" in other_traces.searched_texts
