"""One person across systems, and each row under one person or set aside with the rule it broke."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, raw_table
from pipelines.contracts.catalog import (
    ACCOUNT,
    CONFLICT,
    FEEDBACK,
    LEARNING_RECORD,
    PERSON,
    ROLE_PERIOD,
    WORKLOG,
)
from pipelines.core.conform import (
    conform_assignment,
    conform_event,
    conform_feedback,
    conform_learning_record,
    conform_person,
    conform_role_period,
)
from pipelines.core.identity_resolution import (
    assign_account_keys,
    derive_people_from_mentions,
    find_account_conflicts,
    identify_people,
    list_account_mentions,
    match_accounts,
)
from pipelines.storage.lake import enforce_contract

WHO = {"system_name": pl.String, "account_code": pl.String, "employee_number": pl.String, "work_email": pl.String}
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
TODAY = date(2025, 6, 1)


def rows(shape: CanonicalSchemaName, *given: dict[str, Any], system: str = "tabular") -> pl.LazyFrame:
    """Raw rows of a shape, with what a test does not speak of left null."""
    schema = {**raw_table(system, CANONICAL_SCHEMAS[shape]).schema, "system_name": pl.String}
    defaults = {
        "system_name": system,
        "source_name": "s",
        "file_sha256": "0" * 64,
        "delivered_date": date(2025, 3, 1),
        "delivery_number": 1,
    }
    full = [{**defaults, "row_number": i + 1, "record_code": f"r{i}", **one} for i, one in enumerate(given)]
    return pl.LazyFrame([{k: v for k, v in one.items() if k in schema} for one in full], schema=schema)


def calls(*given: tuple[str, str | None, str | None, str | None]) -> pl.DataFrame:
    return pl.DataFrame(given, schema=WHO, orient="row")


HR = rows(
    "person",
    {
        "account_code": "u1",
        "employee_number": "1",
        "work_email": "ann@x.org",
        "display_name": "Ann",
        "role_name": "Dev",
    },
    {"account_code": "u2", "employee_number": "2", "work_email": "bob@x.org", "display_name": "Bob"},
    {"account_code": "u3", "employee_number": None, "work_email": "eve@x.org", "display_name": "Eve"},
    system="tabular",
)
PEOPLE = identify_people([HR])
NO_MAPS = pl.DataFrame(schema={"serves": pl.String, "settles": pl.Boolean, **dict(list(WHO.items())[1:])})


def account_map(*given: tuple[str | None, str, str | None, str | None], settles: bool = False) -> pl.DataFrame:
    return pl.DataFrame([(row[0], settles, *row[1:]) for row in given], schema=NO_MAPS.schema, orient="row")


def matched(
    mention: tuple[str, str | None, str | None, str | None], maps: pl.DataFrame = NO_MAPS, people: pl.DataFrame = PEOPLE
) -> tuple[str | None, str | None]:
    found = match_accounts(calls(mention), people, maps)
    enforce_contract(ACCOUNT, found)
    assert found.height == 1
    return found.select("person_id", "matched_on").row(0)  # type: ignore[return-value]


def test_a_person_is_called_by_employee_number_or_else_by_the_account_of_hr() -> None:
    assert PEOPLE["person_id"].to_list() == ["1", "2", "u3"]


def test_of_two_rows_of_one_person_the_one_last_changed_wins() -> None:
    twice = rows(
        "person",
        {"account_code": "b", "employee_number": "1", "changed_at": NOON},
        {"account_code": "a", "employee_number": "1"},
    )
    assert identify_people([twice]).select("person_id", "account_code").rows() == [("1", "b")]


@pytest.mark.parametrize(
    ("mention", "found"),
    [
        (("jira", "zz", "1", "bob@x.org"), ("1", "employee_number")),
        (("jira", "u1", None, "bob@x.org"), ("2", "work_email")),
        (("tabular", "u1", None, None), ("1", "hr_account")),
        (("tabular", "u3", None, None), ("u3", "hr_account")),
        (("jira", "u1", None, None), (None, None)),
        (("jira", "2", None, None), (None, None)),
        (("jira", "nobody", None, None), (None, None)),
        (("jira", "Ann", None, None), (None, None)),
        (("jira", "x", "99", "ann@x.org"), ("1", "work_email")),
    ],
)
def test_the_number_is_trusted_before_the_address_and_a_name_never(
    mention: tuple[str, str | None, str | None, str | None], found: tuple[str | None, str | None]
) -> None:
    assert matched(mention) == found


def test_an_account_map_is_trusted_after_the_address_and_before_equal_accounts() -> None:
    maps = account_map((None, "u1", "2", None))
    assert matched(("tabular", "u1", None, None), maps) == ("2", "account_map")
    assert matched(("jira", "u1", None, "ann@x.org"), maps) == ("1", "work_email")


def test_an_account_map_speaks_of_the_systems_it_serves_and_of_no_other() -> None:
    maps = account_map(("jira", "7", "2", None))
    assert matched(("jira", "7", None, None), maps) == ("2", "account_map")
    assert matched(("moodle", "7", None, None), maps) == (None, None)


def test_an_account_that_is_the_employee_number_is_read_as_one_where_the_source_says_so() -> None:
    work = rows("worklog", {"account_code": "2"}, {"account_code": "2", "employee_number": "1"})
    told = assign_account_keys(work, {"s": "employee_number"}).collect()
    assert told["employee_number"].to_list() == ["2", "1"]
    assert assign_account_keys(work, {"s": "own"}).collect()["employee_number"].to_list() == [None, "1"]


def test_a_key_that_two_people_share_matches_neither() -> None:
    shared = identify_people(
        [
            rows(
                "person",
                {"account_code": "a", "employee_number": "1", "work_email": "t@x"},
                {"account_code": "b", "employee_number": "2", "work_email": "t@x"},
            )
        ]
    )
    assert matched(("jira", "j", None, "t@x"), people=shared) == (None, None)
    maps = account_map((None, "j", "1", None), (None, "j", "2", None))
    assert matched(("jira", "j", None, None), maps, shared) == (None, None)


def test_keys_that_lead_to_two_people_are_a_conflict_until_a_map_settles_it() -> None:
    mention = calls(("jira", "zz", "1", "bob@x.org"))
    (conflict,) = find_account_conflicts(mention, PEOPLE, NO_MAPS).to_dicts()
    assert (conflict["candidate_ids"], conflict["conflict_reason"]) == (["1", "2"], "keys_disagree")
    settled = account_map(("jira", "zz", "2", None), settles=True)
    assert matched(("jira", "zz", "1", "bob@x.org"), settled) == ("2", "settled")
    assert find_account_conflicts(mention, PEOPLE, settled).is_empty()


def test_a_key_that_two_people_share_is_a_conflict_where_nothing_else_tells() -> None:
    shared = identify_people(
        [
            rows(
                "person",
                {"account_code": "a", "employee_number": "1", "work_email": "t@x"},
                {"account_code": "b", "employee_number": "2", "work_email": "t@x"},
            )
        ]
    )
    (conflict,) = enforce_contract(
        CONFLICT, find_account_conflicts(calls(("jira", "j", None, "t@x")), shared, NO_MAPS)
    ).to_dicts()
    assert (conflict["candidate_ids"], conflict["conflict_reason"]) == (["1", "2"], "key_is_shared")
    assert find_account_conflicts(calls(("jira", "j", "2", "t@x")), shared, NO_MAPS).is_empty()


CODE = st.none() | st.sampled_from(["1", "2", "a", "b"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CODE, CODE, CODE), min_size=1, max_size=6), st.lists(st.tuples(CODE, CODE, CODE), max_size=6))
def test_every_mention_is_kept_once_and_shared_keys_never_join(people: list[Any], mentions: list[Any]) -> None:
    hr = rows(
        "person",
        *({"account_code": f"{a}{i}", "employee_number": n, "work_email": m} for i, (a, n, m) in enumerate(people)),
    )
    known = identify_people([hr])
    asked = list_account_mentions([pl.LazyFrame([("jira", *m) for m in mentions], schema=WHO, orient="row")])
    found = match_accounts(asked, known, NO_MAPS)
    assert found.select(list(WHO)).sort(pl.all()).equals(asked.select(list(WHO)).sort(pl.all()))
    assert set(found["person_id"].drop_nulls()) <= set(known["person_id"])
    for email in {m for _, _, m in people if m}:
        owners = known.filter(pl.col("work_email") == email)["person_id"].n_unique()
        by_email = found.filter(pl.col("matched_on") == "work_email", pl.col("work_email") == email)
        assert owners == 1 or by_email.is_empty()


def test_where_no_source_holds_people_what_they_are_called_is_their_id() -> None:
    mentions = calls(("git", "ann", None, None), ("git", None, None, "bob@x.org"), ("git", None, None, None))
    people = derive_people_from_mentions(mentions)
    assert people["person_id"].to_list() == ["ann", "bob@x.org"]
    assert match_accounts(mentions, people, NO_MAPS)["person_id"].to_list().count(None) == 1


def accounts(*more: tuple[str, str | None, str | None, str | None]) -> pl.DataFrame:
    mentions = pl.concat([list_account_mentions([HR]), calls(*more)])
    return match_accounts(mentions, PEOPLE, NO_MAPS)


KNOWN = accounts(("tabular", "u1", None, None), ("tabular", "stranger", None, None), ("tabular", None, "2", None))
CORE_PEOPLE = conform_person(HR, KNOWN, TODAY)


def test_core_people_keep_their_contract_and_what_hr_says() -> None:
    enforce_contract(PERSON, CORE_PEOPLE)
    assert CORE_PEOPLE.select("person_id", "display_name", "employment_status").rows() == [
        ("1", "Ann", "active"),
        ("2", "Bob", "active"),
        ("u3", "Eve", "active"),
    ]


def test_a_manager_is_found_by_number_address_or_account_and_nobody_else_is() -> None:
    hr = rows(
        "person",
        {"account_code": "u1", "employee_number": "1", "manager_code": "bob@x.org"},
        {
            "account_code": "u2",
            "employee_number": "2",
            "work_email": "bob@x.org",
            "manager_code": "Eve",
            "left_date": date(2025, 1, 1),
        },
    )
    found = conform_person(hr, match_accounts(list_account_mentions([hr]), identify_people([hr]), NO_MAPS), TODAY)
    assert found.select("person_id", "manager_id", "employment_status").rows() == [
        ("1", "2", "active"),
        ("2", None, "left"),
    ]


def test_work_of_an_unknown_account_is_set_aside_until_hr_names_it() -> None:
    work = rows("worklog", {"account_code": "u1", "worked_at": NOON}, {"account_code": "stranger", "worked_at": NOON})
    found = conform_event("worklog", work, KNOWN, CORE_PEOPLE)
    assert enforce_contract(WORKLOG, found.good)["person_id"].to_list() == ["1"]
    assert found.bad["failed_rules"].to_list() == [["person_id|references"]]
    assert '"account_code":"stranger"' in found.bad["row_text"][0]
    hr = pl.concat([HR, rows("person", {"account_code": "stranger", "employee_number": "4"})])
    maps = match_accounts(list_account_mentions([hr, work]), identify_people([hr]), NO_MAPS)
    again = conform_event("worklog", work, maps, conform_person(hr, maps, TODAY))
    assert again.good["person_id"].to_list() == ["1", "4"]
    assert again.bad.is_empty()


def test_open_work_without_an_assignee_stays_and_with_an_unknown_one_does_not() -> None:
    given_rows = rows(
        "assignment",
        {"project_code": "P"},
        {"project_code": "P", "account_code": "stranger"},
        {"project_code": "P", "employee_number": "2"},
    )
    found = conform_assignment(given_rows, KNOWN, CORE_PEOPLE)
    assert found.good.select("record_code", "person_id").rows() == [("r0", None), ("r2", "2")]
    assert found.bad["failed_rules"].to_list() == [["person_id|references"]]


def test_a_learning_record_that_was_taken_back_is_gone_and_so_is_the_taking_back() -> None:
    said = {"account_code": "u1", "occurred_at": NOON}
    records = rows(
        "learning_record",
        {**said, "learning_verb": "completed"},
        {**said, "learning_verb": "passed"},
        {**said, "voids_code": "r0"},
    )
    found = conform_learning_record(records, KNOWN, CORE_PEOPLE)
    assert enforce_contract(LEARNING_RECORD, found.good)["record_code"].to_list() == ["r1"]
    assert found.bad.is_empty()


def test_only_a_record_of_its_own_source_can_be_taken_back() -> None:
    said = {"account_code": "u1", "occurred_at": NOON}
    records = rows(
        "learning_record", {**said, "learning_verb": "completed"}, {**said, "voids_code": "r0", "source_name": "other"}
    )
    assert conform_learning_record(records, KNOWN, CORE_PEOPLE).good["record_code"].to_list() == ["r0"]


def test_a_role_ends_with_the_next_change_in_its_unit_unless_its_end_is_given() -> None:
    def role(day: int, unit: str, **more: Any) -> dict[str, Any]:
        return {"account_code": "u1", "unit_name": unit, "started_date": date(2025, 1, day), **more}

    found = conform_role_period(
        rows("role_period", role(9, "A"), role(1, "A"), role(5, "B"), role(3, "A", ended_date=date(2025, 1, 4))),
        KNOWN,
        CORE_PEOPLE,
    ).good
    assert enforce_contract(ROLE_PERIOD, found).select("unit_name", "started_date", "ended_date").sort(
        "started_date"
    ).rows() == [
        ("A", date(2025, 1, 1), date(2025, 1, 3)),
        ("A", date(2025, 1, 3), date(2025, 1, 4)),
        ("B", date(2025, 1, 5), None),
        ("A", date(2025, 1, 9), None),
    ]


def test_a_judgement_by_a_stranger_stays_without_its_judge() -> None:
    said = {"account_code": "u1", "occurred_at": NOON, "skill_text": "sql", "feedback_kind": "peer"}
    found = conform_feedback(
        rows("feedback", {**said, "given_by_code": "u2"}, {**said, "given_by_code": "who"}), KNOWN, CORE_PEOPLE
    ).good
    assert enforce_contract(FEEDBACK, found)["given_by_id"].to_list() == ["2", None]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["u1", "u2", "stranger", None]), st.booleans()), max_size=10))
def test_good_and_bad_are_the_input(work: list[tuple[str | None, bool]]) -> None:
    given_rows = rows("worklog", *({"account_code": who, "worked_at": NOON if dated else None} for who, dated in work))
    found = conform_event("worklog", given_rows, KNOWN, CORE_PEOPLE)
    good = sum(who in ("u1",) and dated for who, dated in work)
    assert (found.good.height, found.good.height + found.bad.height) == (good, len(work))
