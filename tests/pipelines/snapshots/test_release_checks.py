"""The release checks find a publication that breaks a rule before it happens."""

import json

import polars as pl
import pytest
from publishing import fill_contract_columns, make_mastery_rows, make_next_skill_rows

from pipelines.config.publish import PublishOptions
from pipelines.contracts.catalog import PERSON
from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY
from pipelines.contracts.table import Severity, Table
from pipelines.snapshots.release_checks import (
    build_list_contract,
    build_person_contract,
    build_person_rows,
    build_publication_contract,
    build_publication_row,
    measure_changed_share,
    reject_email_addresses,
    select_list_rows,
)

WHY_NOT = {"person_id": "p9", "no_recommendation_reason": "too_little_evidence"}


def broken(table: Table, frame: pl.DataFrame) -> dict[str, int]:
    """Rows that break each rule, by its last word, judged by Great Expectations."""
    from pipelines.validation.expectations import validate

    validation = validate(table, frame)
    assert not [result.error for result in validation.results if result.error]
    return {
        result.name.split("|")[-1] if result.kind == "row" else result.name: result.unexpected_count
        for result in validation.results
        if not result.passed
    }


def lists(*rows: dict[str, object]) -> pl.DataFrame:
    return select_list_rows(fill_contract_columns(NEXT_SKILL, [*make_next_skill_rows("s0").to_dicts(), *rows]))


def test_complete_lists_and_rows_with_a_reason_pass() -> None:
    assert broken(build_list_contract(2), lists(WHY_NOT)) == {}


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({"person_id": "p0000", "rank": 3, "skill_id": "sql1", "to_stage": "apprentice"}, "is_not_repeated"),
        ({"person_id": "p0000", "rank": 2, "skill_id": "go", "to_stage": "apprentice"}, "has_ranks_from_one"),
        ({"person_id": "p0000", "rank": 4, "skill_id": "go", "to_stage": "apprentice"}, "has_ranks_from_one"),
        ({"person_id": "p0000", "no_recommendation_reason": "nothing_eligible"}, "is_alone_if_it_has_a_reason"),
        ({"person_id": "p8", "rank": 1, "skill_id": "go", "to_stage": "apprentice"}, "has_enough_steps_or_a_reason"),
    ],
)
def test_a_list_that_breaks_a_rule_fails_it(row: dict[str, object], rule: str) -> None:
    assert broken(build_list_contract(2), lists(row)) == {rule: 1}


def test_a_short_list_is_a_warning() -> None:
    severities = {rule.name.split("|")[1]: rule.severity for rule in build_list_contract(2).rules}
    assert severities["has_enough_steps_or_a_reason"] is Severity.WARN
    assert severities["is_not_repeated"] is Severity.ERROR


def test_everyone_must_have_a_row() -> None:
    people = pl.DataFrame({"person_id": ["p0000", "p0001", "left_out"]})
    assert broken(build_person_contract(), build_person_rows(make_next_skill_rows("s0"), people)) == {"has_a_row": 1}


def test_a_large_change_is_an_error_except_in_the_first_snapshot() -> None:
    frames = {NEXT_SKILL: make_next_skill_rows("s1", skill="go")}
    share = measure_changed_share(make_next_skill_rows("s0").lazy(), frames[NEXT_SKILL].lazy())
    assert share == 1
    assert broken(build_publication_contract(PublishOptions()), build_publication_row(frames, None, share)) == {
        "changed_share|between": 1
    }
    assert measure_changed_share(None, frames[NEXT_SKILL].lazy()) is None
    assert broken(build_publication_contract(PublishOptions()), build_publication_row(frames, None, None)) == {}


def test_the_share_of_changed_rows_counts_other_steps_of_people_in_both() -> None:
    before = make_next_skill_rows("s0", 4)
    now = make_next_skill_rows("s1", 5).with_columns(
        skill_id=pl.when(pl.col("person_id") == "p0000").then(pl.lit("go")).otherwise("skill_id"),
        probability=pl.col("probability") / 3,
    )
    assert measure_changed_share(before.lazy(), now.lazy()) == 0.25


def card(ece: float, promises: int) -> str:
    """The part of a model's card that a probability is judged by: one bin that said 0.5."""
    bins = [{"n": promises, "said": 0.5, "came_true": 0.5 + ece}]
    return json.dumps({"metrics": {"ece": 0.9}, "reliability": {"n": promises, "ece": ece, "bins": bins}})


def test_bad_calibration_is_a_warning() -> None:
    row = build_publication_row({NEXT_SKILL: make_next_skill_rows("s0")}, card(0.2, 1_000_000), None)
    assert row["calibration_error_share"][0] == pytest.approx(0.1996, abs=1e-4)
    assert broken(build_publication_contract(PublishOptions()), row) == {"calibration_error_share|between": 1}
    assert broken(build_publication_contract(PublishOptions(most_calibration_error=0.3)), row) == {}
    severities = {rule.name: rule.severity for rule in build_publication_contract(PublishOptions()).rules}
    assert severities["calibration_error_share|between"] is Severity.WARN
    assert severities["changed_share|between"] is Severity.ERROR


def test_promises_beyond_the_declared_factor_are_a_warning() -> None:
    def judge(**group: float | None) -> float | None:
        groups = [{"expected": 150.0, "observed": 100, **group}]
        judged_card = json.loads(card(0.0, 1_000_000))
        judged_card["reliability"]["groups"] = groups
        row = build_publication_row({NEXT_SKILL: make_next_skill_rows("s0")}, json.dumps(judged_card), None)
        breaks = {} if (row["promised_factor"][0] or 1.0) <= 1.25 else {"promised_factor|between": 1}
        assert broken(build_publication_contract(PublishOptions()), row) == breaks
        factor: float | None = row["promised_factor"][0]
        return factor

    assert judge(low=1.3, high=1.8) == 1.3
    assert judge(low=0.9, high=1.8) == 1.0
    assert judge(low=0.4, high=0.5) == 2.0
    assert judge(low=None, high=None) == 1.0
    # of 150 promised steps none was reached: by chance at most 3.69 would have been expected
    assert judge(low=None, high=None, observed=0) == pytest.approx(150 / 3.69)
    assert judge(low=1.3, high=1.8, expected=99.0, observed=70) is None  # too few to judge
    severities = {rule.name: rule.severity for rule in build_publication_contract(PublishOptions()).rules}
    assert severities["promised_factor|between"] is Severity.WARN


def test_a_calibration_error_within_chance_passes() -> None:
    # of 25 promises of 0.5 the share that comes true misses by sqrt(2 / pi * 0.25 / 25) = 0.08 on average
    row = build_publication_row({NEXT_SKILL: make_next_skill_rows("s0")}, card(0.1, 25), None)
    assert row["calibration_error_share"][0] == pytest.approx(0.0202, abs=1e-4)
    assert broken(build_publication_contract(PublishOptions()), row) == {}


def test_a_card_without_reliability_gives_a_null_error() -> None:
    assert (
        build_publication_row({NEXT_SKILL: make_next_skill_rows("s0")}, '{"reliability": null}', None).row(0)[0] is None
    )


def test_personal_columns_and_addresses_are_rejected() -> None:
    rows = make_next_skill_rows("s0").with_columns(how=pl.lit("Ask ann@example.org."))
    assert build_publication_row({NEXT_SKILL: rows}, None, None)["address_count"][0] == 1
    with pytest.raises(ValueError, match="out__next_skill in 1 texts"):
        reject_email_addresses({NEXT_SKILL: rows})
    row = build_publication_row({PERSON: pl.DataFrame(schema=PERSON.schema)}, None, None)
    assert broken(build_publication_contract(PublishOptions()), row) == {"personal_column_count|between": 1}
    clean = build_publication_row(
        {NEXT_SKILL: make_next_skill_rows("s0"), OUT_MASTERY: make_mastery_rows("s0")}, None, None
    )
    assert broken(build_publication_contract(PublishOptions()), clean) == {}
