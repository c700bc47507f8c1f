"""Every row is kept or set aside, and a row set aside has the names of its broken rules and its text."""

import json
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, quarantine_table, raw_table
from pipelines.contracts.columns import COLUMNS
from pipelines.contracts.table import RowRule, Table
from pipelines.validation.landed_rows import split_landed

TABLE = Table(
    "raw_tabular__event_feedback",
    "One row per mark.",
    tuple(
        COLUMNS[name]
        for name in (
            "record_code",
            "feedback_kind",
            "score_share",
            "work_email",
            "row_number",
            "source_name",
            "file_sha256",
            "delivered_date",
            "delivery_number",
        )
    ),
    key=("record_code",),
    required=("feedback_kind", "score_share"),
    row_rules=(RowRule("is_serious", ("score_share",), pl.col("score_share") != 0.5),),
)
TEXTS = ("record_code", "feedback_kind", "score_share", "work_email")
CELL = st.none() | st.sampled_from(["a", "peer", "0.5", "0.7", "7", "x@y", "self"])


def landed(rows: list[dict[str, Any]]) -> pl.LazyFrame:
    """Rows as an adapter returns them: an unknown word, a bad number or a bad address is null, with its text."""
    schema = {f"text:{name}": pl.String for name in TEXTS}
    texts = pl.LazyFrame([{f"text:{name}": row.get(name) for name in TEXTS} for row in rows], schema=schema)
    kind, mail = pl.col("text:feedback_kind"), pl.col("text:work_email")
    return texts.with_columns(
        pl.col("text:record_code").alias("record_code"),
        pl.when(kind.is_in(["peer", "self"])).then(kind).alias("feedback_kind"),
        pl.col("text:score_share").cast(pl.Float64, strict=False).alias("score_share"),
        pl.when(mail.str.contains("@")).then(mail).alias("work_email"),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row_number"),
        pl.lit("s").alias("source_name"),
        pl.lit("0" * 64).alias("file_sha256"),
        pl.lit(None, pl.Date).alias("delivered_date"),
        pl.lit(1, pl.Int64).alias("delivery_number"),
    )


def broken(**cells: str | None) -> list[str]:
    row = {"record_code": "a", "feedback_kind": "peer", "score_share": "0.7", **cells}
    return list(
        split_landed(landed([row]), TABLE, "tabular").quarantine_rows.collect()["failed_rules"].explode().drop_nulls()
    )


def test_a_good_row_breaks_nothing() -> None:
    assert broken() == []


def test_a_missing_value_breaks_not_null_and_an_unreadable_value_parses() -> None:
    assert broken(score_share=None) == ["score_share|not_null"]
    assert broken(score_share="good") == ["score_share|parses"]


def test_an_unknown_word_breaks_in_set_and_a_bad_address_matches_although_both_are_null() -> None:
    assert broken(feedback_kind="gossip") == ["feedback_kind|in_set"]
    assert broken(work_email="at home") == ["work_email|matches"]
    assert broken(feedback_kind=None) == ["feedback_kind|not_null"]


def test_several_broken_rules_are_all_named() -> None:
    assert broken(record_code=None, feedback_kind="gossip", score_share="7") == [
        "feedback_kind|in_set",
        "record_code|not_null",
        "score_share|between",
    ]


def test_a_condition_on_the_row_is_named_by_its_columns() -> None:
    assert broken(score_share="0.5") == ["score_share|is_serious"]


def test_a_text_that_no_rule_reads_does_not_satisfy_not_null() -> None:
    frame = landed([{"record_code": "a", "feedback_kind": "peer", "score_share": "1"}])
    lost = frame.with_columns(pl.lit(None, pl.String).alias("record_code"))
    assert split_landed(lost, TABLE, "tabular").quarantine_rows.collect()["failed_rules"].to_list() == [
        ["record_code|not_null"]
    ]


def test_the_quarantine_keeps_the_row_as_it_is_in_the_file() -> None:
    row = {"record_code": 'a"\n,b', "feedback_kind": "gossip", "score_share": "07", "work_email": None}
    bad = split_landed(landed([row]), TABLE, "tabular").quarantine_rows.collect()
    assert json.loads(bad["row_text"][0]) == row
    assert bad.schema == quarantine_table(TABLE.name).schema


@settings(max_examples=80, deadline=None)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(TEXTS, CELL)), max_size=10))
def test_good_and_bad_are_the_input_and_good_keeps_every_rule(rows: list[dict[str, Any]]) -> None:
    split = split_landed(landed(rows), TABLE, "tabular")
    good, bad = pl.collect_all([split.good_rows, split.quarantine_rows])
    assert sorted([*good["row_number"], *bad["row_number"]]) == list(range(1, len(rows) + 1))
    assert good.schema == TABLE.schema
    names = {rule.name for rule in TABLE.rules} | {"score_share|parses"}
    assert {name for rules in bad["failed_rules"] for name in rules} <= names
    assert all(len(rules) for rules in bad["failed_rules"])
    for rule in (rule for rule in TABLE.rules if rule.kind != "unique"):  # checked where raw tables are written
        assert good.select(rule.expression().all()).item(), rule.name


def test_a_frame_without_rows_splits_into_two_without_rows() -> None:
    table = raw_table("tabular", CANONICAL_SCHEMAS["worklog"])
    frame = pl.LazyFrame(
        schema={**table.schema, **{f"text:{name}": pl.String for name in CANONICAL_SCHEMAS["worklog"].columns}}
    )
    split = split_landed(frame, table, "tabular")
    assert [side.collect().height for side in (split.good_rows, split.quarantine_rows)] == [0, 0]
