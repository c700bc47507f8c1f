"""Accounts are matched to one person each, and each row belongs to one person or is set aside with its broken rule."""

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
    conform_event,
    conform_feedback,
    conform_learning_record,
    conform_person,
    conform_role_period,
)
from pipelines.core.identity_resolution import (
    ACCOUNT_KEYS,
    assign_account_keys,
    derive_people_from_mentions,
    find_account_conflicts,
    identify_people,
    list_account_mentions,
    match_accounts,
)
from pipelines.validation.rule_evaluation import enforce_contract

MENTION_SCHEMA = {
    "system_name": pl.String,
    "account_code": pl.String,
    "employee_number": pl.String,
    "work_email": pl.String,
}
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
TODAY = date(2025, 6, 1)


def rows(shape: CanonicalSchemaName, *cells: dict[str, Any], system: str = "tabular") -> pl.LazyFrame:
    """Raw rows of a canonical schema; columns that a test does not give are null."""
    schema = {**raw_table(system, CANONICAL_SCHEMAS[shape]).schema, "system_name": pl.String}
    defaults = {
        "system_name": system,
        "source_name": "s",
        "file_sha256": "0" * 64,
        "delivered_date": date(2025, 3, 1),
        "delivery_number": 1,
    }
    full = [{**defaults, "row_number": i + 1, "record_code": f"r{i}", **row} for i, row in enumerate(cells)]
    return pl.LazyFrame([{k: v for k, v in row.items() if k in schema} for row in full], schema=schema)


def calls(*keys: tuple[str, str | None, str | None, str | None]) -> pl.DataFrame:
    return pl.DataFrame(keys, schema=MENTION_SCHEMA, orient="row")


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
NO_MAPS = pl.DataFrame(schema={"serves": pl.String, "settles": pl.Boolean, **dict(list(MENTION_SCHEMA.items())[1:])})


def account_map(*mappings: tuple[str | None, str, str | None, str | None], settles: bool = False) -> pl.DataFrame:
    return pl.DataFrame([(row[0], settles, *row[1:]) for row in mappings], schema=NO_MAPS.schema, orient="row")


def matched(
    mention: tuple[str, str | None, str | None, str | None], maps: pl.DataFrame = NO_MAPS, people: pl.DataFrame = PEOPLE
) -> tuple[str | None, str | None]:
    matches = match_accounts(calls(mention), people, maps)
    enforce_contract(ACCOUNT, matches)
    assert matches.height == 1
    return matches.select("person_id", "matched_on").row(0)  # type: ignore[return-value]


def test_the_person_id_is_the_employee_number_or_else_the_hr_account() -> None:
    assert PEOPLE["person_id"].to_list() == ["1", "2", "u3"]


def test_of_two_rows_of_one_person_the_row_last_changed_is_kept() -> None:
    twice = rows(
        "person",
        {"account_code": "b", "employee_number": "1", "changed_at": NOON},
        {"account_code": "a", "employee_number": "1"},
    )
    assert identify_people([twice]).select("person_id", "account_code").rows() == [("1", "b")]


@pytest.mark.parametrize(
    ("mention", "expected"),
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
def test_the_employee_number_is_trusted_before_the_address_and_a_name_never_matches(
    mention: tuple[str, str | None, str | None, str | None], expected: tuple[str | None, str | None]
) -> None:
    assert matched(mention) == expected


ANN_HASHED = "9a6e28f8f3cd86af5d53d2d08722202c7d4736e3"  # sha1sum of mailto:ann@x.org
ANN_MD5 = "md5$d249273c41f89b03bc92f5bf33fa4b96"  # md5sum of ann@x.org
ANN_SHA256 = "sha256$367a1e74302c7324855afeeba387d3c55ca8ab3592a32c0fbdfc939ad80fcaf5"  # sha256sum of it


@pytest.mark.parametrize("code", [ANN_HASHED, ANN_HASHED.upper(), ANN_MD5, ANN_SHA256])
def test_the_hash_of_an_address_leads_to_its_person_in_every_system(code: str) -> None:
    """mbox_sha1sum (xAPI 1.0.3, Data 2.4.2.3) and IdentityHash (Open Badges 2.0), in hexadecimal."""
    assert matched(("xapi", code, None, None)) == ("1", "work_email_hash")
    assert matched(("xapi", code, "2", None)) == ("2", "employee_number")
    (conflict,) = find_account_conflicts(calls(("xapi", code, "2", None)), PEOPLE, NO_MAPS).to_dicts()
    assert conflict["candidate_ids"] == ["1", "2"]


def test_the_hash_of_an_address_that_two_people_share_matches_neither() -> None:
    people = identify_people([rows("person", *({"account_code": c, "work_email": "ann@x.org"} for c in "ab"))])
    assert matched(("xapi", ANN_HASHED, None, None), people=people) == (None, None)


def test_without_hr_the_hash_of_an_address_is_the_person_with_that_address() -> None:
    mentions = calls(("xapi", ANN_HASHED, None, None), ("jira", None, None, "ann@x.org"))
    people = derive_people_from_mentions(mentions)
    assert people["person_id"].to_list() == ["ann@x.org"]
    assert match_accounts(mentions, people, NO_MAPS)["person_id"].to_list() == ["ann@x.org"] * 2


def test_an_account_map_is_trusted_after_the_address_and_before_equal_accounts() -> None:
    maps = account_map((None, "u1", "2", None))
    assert matched(("tabular", "u1", None, None), maps) == ("2", "account_map")
    assert matched(("jira", "u1", None, "ann@x.org"), maps) == ("1", "work_email")


def test_an_account_map_holds_only_for_the_systems_it_serves() -> None:
    maps = account_map(("jira", "7", "2", None))
    assert matched(("jira", "7", None, None), maps) == ("2", "account_map")
    assert matched(("moodle", "7", None, None), maps) == (None, None)


def test_an_account_is_read_as_the_employee_number_if_the_source_declares_so() -> None:
    work = rows("worklog", {"account_code": "2"}, {"account_code": "2", "employee_number": "1"})
    keyed = assign_account_keys(work, {"s": "employee_number"}).collect()
    assert keyed["employee_number"].to_list() == ["2", "1"]
    assert assign_account_keys(work, {"s": "own"}).collect()["employee_number"].to_list() == [None, "1"]


def test_an_account_of_xapi_is_the_number_without_its_home_page() -> None:
    codes = ["https://lms.example|17", "http://lms.example/a?b=1|17", "17", "a|17"]
    work = pl.LazyFrame([{"source_name": "s", **dict.fromkeys(ACCOUNT_KEYS), "account_code": code} for code in codes])
    keyed = assign_account_keys(work, {"s": "employee_number"}).collect()
    assert keyed["employee_number"].to_list() == ["17", "17", "17", "a|17"]
    assert keyed["account_code"].to_list() == codes


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


def test_a_key_that_two_people_share_is_a_conflict_if_no_other_key_matches() -> None:
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
    identified = identify_people([hr])
    listed = list_account_mentions(
        [pl.LazyFrame([("jira", *m) for m in mentions], schema=MENTION_SCHEMA, orient="row")]
    )
    matches = match_accounts(listed, identified, NO_MAPS)
    assert (
        matches.select(list(MENTION_SCHEMA)).sort(pl.all()).equals(listed.select(list(MENTION_SCHEMA)).sort(pl.all()))
    )
    assert set(matches["person_id"].drop_nulls()) <= set(identified["person_id"])
    for email in {m for _, _, m in people if m}:
        owners = identified.filter(pl.col("work_email") == email)["person_id"].n_unique()
        by_email = matches.filter(pl.col("matched_on") == "work_email", pl.col("work_email") == email)
        assert owners == 1 or by_email.is_empty()


def test_without_an_hr_source_the_first_key_of_a_mention_is_the_person_id() -> None:
    mentions = calls(("git", "ann", None, None), ("git", None, None, "bob@x.org"), ("git", None, None, None))
    people = derive_people_from_mentions(mentions)
    assert people["person_id"].to_list() == ["ann", "bob@x.org"]
    assert match_accounts(mentions, people, NO_MAPS)["person_id"].to_list().count(None) == 1


def accounts(*more: tuple[str, str | None, str | None, str | None]) -> pl.DataFrame:
    mentions = pl.concat([list_account_mentions([HR]), calls(*more)])
    return match_accounts(mentions, PEOPLE, NO_MAPS)


KNOWN = accounts(("tabular", "u1", None, None), ("tabular", "stranger", None, None), ("tabular", None, "2", None))
CORE_PEOPLE = conform_person(HR, KNOWN, TODAY)


def test_core_people_have_their_contract_and_the_values_of_hr() -> None:
    enforce_contract(PERSON, CORE_PEOPLE)
    assert CORE_PEOPLE.select("person_id", "display_name", "employment_status").rows() == [
        ("1", "Ann", "active"),
        ("2", "Bob", "active"),
        ("u3", "Eve", "active"),
    ]


def test_a_manager_is_matched_by_number_address_or_account_but_not_by_name() -> None:
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
    core_people = conform_person(hr, match_accounts(list_account_mentions([hr]), identify_people([hr]), NO_MAPS), TODAY)
    assert core_people.select("person_id", "manager_id", "employment_status").rows() == [
        ("1", "2", "active"),
        ("2", None, "left"),
    ]


def test_work_of_an_unknown_account_is_set_aside_until_hr_has_the_account() -> None:
    work = rows("worklog", {"account_code": "u1", "worked_at": NOON}, {"account_code": "stranger", "worked_at": NOON})
    conformed = conform_event("worklog", work, KNOWN, CORE_PEOPLE)
    assert enforce_contract(WORKLOG, conformed.good_rows)["person_id"].to_list() == ["1"]
    assert conformed.bad_rows["failed_rules"].to_list() == [["person_id|references"]]
    assert '"account_code":"stranger"' in conformed.bad_rows["row_text"][0]
    hr = pl.concat([HR, rows("person", {"account_code": "stranger", "employee_number": "4"})])
    maps = match_accounts(list_account_mentions([hr, work]), identify_people([hr]), NO_MAPS)
    again = conform_event("worklog", work, maps, conform_person(hr, maps, TODAY))
    assert again.good_rows["person_id"].to_list() == ["1", "4"]
    assert again.bad_rows.is_empty()


def test_an_assignment_without_an_assignee_is_kept_and_with_an_unknown_assignee_set_aside() -> None:
    given_rows = rows(
        "assignment",
        {"project_code": "P"},
        {"project_code": "P", "account_code": "stranger"},
        {"project_code": "P", "employee_number": "2"},
    )
    conformed = conform_event("assignment", given_rows, KNOWN, CORE_PEOPLE)
    assert conformed.good_rows.select("record_code", "person_id").rows() == [("r0", None), ("r2", "2")]
    assert conformed.bad_rows["failed_rules"].to_list() == [["person_id|references"]]


def test_a_voided_learning_record_and_the_voiding_record_are_removed() -> None:
    record = {"account_code": "u1", "occurred_at": NOON}
    records = rows(
        "learning_record",
        {**record, "learning_verb": "completed"},
        {**record, "learning_verb": "passed"},
        {**record, "voids_code": "r0"},
    )
    conformed = conform_learning_record(records, KNOWN, CORE_PEOPLE)
    assert enforce_contract(LEARNING_RECORD, conformed.good_rows)["record_code"].to_list() == ["r1"]
    assert conformed.bad_rows.is_empty()


def test_a_record_voids_only_records_of_its_own_source() -> None:
    record = {"account_code": "u1", "occurred_at": NOON}
    records = rows(
        "learning_record",
        {**record, "learning_verb": "completed"},
        {**record, "voids_code": "r0", "source_name": "other"},
    )
    assert conform_learning_record(records, KNOWN, CORE_PEOPLE).good_rows["record_code"].to_list() == ["r0"]


def test_a_role_ends_when_the_next_role_in_its_unit_starts_unless_its_end_is_given() -> None:
    def role(day: int, unit: str, **more: Any) -> dict[str, Any]:
        return {"account_code": "u1", "unit_name": unit, "started_date": date(2025, 1, day), **more}

    periods = conform_role_period(
        rows("role_period", role(9, "A"), role(1, "A"), role(5, "B"), role(3, "A", ended_date=date(2025, 1, 4))),
        KNOWN,
        CORE_PEOPLE,
    ).good_rows
    assert enforce_contract(ROLE_PERIOD, periods).select("unit_name", "started_date", "ended_date").sort(
        "started_date"
    ).rows() == [
        ("A", date(2025, 1, 1), date(2025, 1, 3)),
        ("A", date(2025, 1, 3), date(2025, 1, 4)),
        ("B", date(2025, 1, 5), None),
        ("A", date(2025, 1, 9), None),
    ]


def test_feedback_of_an_unknown_assessor_is_kept_without_the_assessor() -> None:
    record = {"account_code": "u1", "occurred_at": NOON, "skill_text": "sql", "feedback_kind": "peer"}
    assessments = conform_feedback(
        rows("feedback", {**record, "given_by_code": "u2"}, {**record, "given_by_code": "who"}), KNOWN, CORE_PEOPLE
    ).good_rows
    assert enforce_contract(FEEDBACK, assessments)["given_by_id"].to_list() == ["2", None]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["u1", "u2", "stranger", None]), st.booleans()), max_size=10))
def test_good_and_bad_are_the_input(work: list[tuple[str | None, bool]]) -> None:
    given_rows = rows("worklog", *({"account_code": who, "worked_at": NOON if dated else None} for who, dated in work))
    conformed = conform_event("worklog", given_rows, KNOWN, CORE_PEOPLE)
    good = sum(who in ("u1",) and dated for who, dated in work)
    assert (conformed.good_rows.height, conformed.good_rows.height + conformed.bad_rows.height) == (good, len(work))
