"""Release checks: the rules that a publication keeps before the pointer moves, beyond the rules of each table.

Belongs here: rules on whole lists, people and publications, as contracts with rules, and the frames to validate.
Does not belong here: the validation (`pipelines.validation`), the Dagster checks (`assets.checks.publication_checks`).
"""

import json
from collections.abc import Mapping
from math import pi, sqrt
from typing import Any

import polars as pl
from polars import selectors as cs

from pipelines.config.publish import PublishOptions
from pipelines.contracts.columns import COLUMNS, PAUSED, select_columns
from pipelines.contracts.personal_columns import is_direct
from pipelines.contracts.table import Column, RowRule, Table
from pipelines.snapshots.row_metadata import Rows

# An e-mail address as mail systems write it; an address in a published text is somebody's.
_EMAIL_PATTERN = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}"
MIN_JUDGED_COUNT = 100  # promised or reached steps of a group that tell a wrong level from chance
# Upper end of the exact 95 % interval of a Poisson mean if nothing was observed, -log(0.025): resamples show no bound.
_MOST_OF_NONE = 3.69
_LIST_COLUMNS = ("person_id", "rank", "skill_id", "to_stage", "probability", "no_recommendation_reason")
# A row is another step if any of these differs.
_STEP_COLUMNS = ("person_id", "skill_id", "to_stage", "kind", "no_recommendation_reason")
# A person's list is another list if any of these differs.
_LIST_ROW_COLUMNS = ("rank", "skill_id", "to_stage", "kind", "no_recommendation_reason")


def build_list_contract(required_list_length: int) -> Table:
    """Return the contract of whole lists.

    A list shorter than `required_list_length` without a reason gives a warning.
    """
    person_id, rank = pl.col("person_id"), pl.col("rank")
    list_row_count = pl.len().over("person_id")
    has_reason = pl.col("no_recommendation_reason").is_not_null()
    step_columns = ("person_id", "skill_id", "to_stage")
    row_rules = (
        RowRule(
            "has_enough_steps_or_a_reason",
            ("person_id", "no_recommendation_reason"),
            has_reason | (list_row_count >= required_list_length),
            f"a person has {required_list_length} recommended steps, or the reason why not",
        ),
        RowRule(
            "is_alone_if_it_has_a_reason",
            ("no_recommendation_reason", "person_id"),
            ~has_reason | (list_row_count == 1),
            "a person with a reason instead of a list has no other row",
        ),
        RowRule(
            "is_not_repeated",
            step_columns,
            has_reason | pl.struct(step_columns).is_first_distinct(),
            "no step is recommended twice to a person",
        ),
        RowRule(
            "has_ranks_from_one",
            ("person_id", "rank"),
            has_reason | ((rank >= 1) & (rank <= list_row_count) & pl.struct(person_id, rank).is_first_distinct()),
            "ranks are 1 to the length of the list, each once",
        ),
    )
    return Table(
        "out__release_list",
        "One row per person and recommended step, checked as part of its list.",
        select_columns(*_LIST_COLUMNS),
        (),
        row_rules=row_rules,
        warnings=("person_id+no_recommendation_reason|has_enough_steps_or_a_reason",),
    )


def build_person_contract() -> Table:
    """Return the contract that every employed person has a row."""
    coverage_column = Column("is_covered", pl.Boolean, "Whether the person has a row.")
    coverage_rule = RowRule(
        "has_a_row", ("person_id", "is_covered"), pl.col("is_covered"), "every employed person has at least one row"
    )
    return Table(
        "out__release_person",
        "One row per employed person.",
        (COLUMNS["person_id"], coverage_column),
        ("person_id",),
        row_rules=(coverage_rule,),
    )


def build_publication_contract(publish_options: PublishOptions) -> Table:
    """Return the contract of the publication as a whole, with the limits of the options.

    A calibration error or a promised factor above its limit is a warning: lists and motives do not depend on the level
    of the probability, and the champion kept its place in a comparison that includes the calibration error. A first
    champion has had no comparison.
    """
    check_columns = (
        Column(
            "calibration_error_share",
            pl.Float64,
            "Mean difference of predicted and observed probability, beyond chance.",
            minimum=0,
            maximum=publish_options.most_calibration_error,
        ),
        Column(
            "promised_factor",
            pl.Float64,
            "Largest factor between promised and reached steps of a group, by the near end of its 95 % interval.",
            minimum=1,
            maximum=publish_options.most_promised_factor,
        ),
        Column(
            "changed_share",
            pl.Float64,
            "Share of the rows of people in both snapshots that were not in their list.",
            minimum=0,
            maximum=publish_options.most_changed_share,
        ),
        Column(
            "personal_column_count",
            pl.Int64,
            "Columns with personal data other than ids.",
            minimum=0,
            maximum=0,
        ),
        Column("address_count", pl.Int64, "Texts with an e-mail address.", minimum=0, maximum=0),
    )
    return Table(
        "out__release_publication",
        "One row: the publication that is about to happen.",
        check_columns,
        (),
        warnings=("calibration_error_share|between", "promised_factor|between"),
    )


def select_list_rows(recommendations: pl.DataFrame) -> pl.DataFrame:
    """Select the columns of `build_list_contract` from rows of `out__next_skill`."""
    return recommendations.select(_LIST_COLUMNS)


def build_person_rows(recommendations: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Build the rows of `build_person_contract`.

    Args:
        recommendations: Rows of `out__next_skill`.
        people: person_id of every employed person.

    Returns:
        One row per person: person_id, is_covered.
    """
    covered_people = recommendations.select("person_id", pl.lit(True).alias("is_covered")).unique()
    return (
        people.select("person_id")
        .unique()
        .join(covered_people, on="person_id", how="left")
        .with_columns(pl.col("is_covered").fill_null(False))
        .sort("person_id")
    )


def build_publication_row(
    rows_by_table: Mapping[Table, Rows], card_json: str | None, changed_share: float | None
) -> pl.DataFrame:
    """Build the one row of `build_publication_contract`.

    Args:
        rows_by_table: The rows of each published table.
        card_json: The card of the model in use as JSON, None if there is no model.
        changed_share: As `measure_changed_share` returns it.

    Returns:
        One row; a value is null if there is nothing to compare with or nothing was measured.
    """
    personal_column_count = sum(is_direct(column) for table in rows_by_table for column in table.columns)
    address_count = sum(_count_addresses(table_rows) for table_rows in rows_by_table.values())
    model_card = json.loads(card_json) if card_json else {}
    calibration_error, promised_factor = (
        _measure_excess_calibration_error(model_card),
        _find_promised_factor(model_card),
    )
    check_schema = build_publication_contract(PublishOptions()).schema
    return pl.DataFrame(
        [(calibration_error, promised_factor, changed_share, personal_column_count, address_count)],
        schema=check_schema,
        orient="row",
    )


def reject_email_addresses(rows_by_table: Mapping[Table, Rows]) -> None:
    """Check all published tables for e-mail addresses, as the last check before publication.

    Raises:
        ValueError: If a text of any table contains an e-mail address.
    """
    address_count_by_table = {table.name: _count_addresses(table_rows) for table, table_rows in rows_by_table.items()}
    affected_table_texts = ", ".join(
        f"{table_name} in {address_count:,} texts"
        for table_name, address_count in address_count_by_table.items()
        if address_count
    )
    if affected_table_texts:
        raise ValueError(
            f"e-mail addresses would be published: {affected_table_texts}. Check the source of these texts"
        )


def measure_changed_share(earlier_rows: pl.LazyFrame | None, new_rows: pl.LazyFrame) -> float | None:
    """Measure the share of rows whose step was not in the person's list before.

    Another order is not a change: probabilities move a little in every run. Nor is a pause, which the company declares:
    neither its begin nor its end is compared.

    Args:
        earlier_rows: Rows of `out__next_skill` of the snapshot before, None if there is none.
        new_rows: Rows of `out__next_skill` that are about to be published.

    Returns:
        The share (0 to 1) over the people in both; None if nobody is in both.
    """
    if earlier_rows is None:
        return None
    is_no_pause = pl.col("no_recommendation_reason").ne_missing(PAUSED)
    new_rows, earlier_rows = new_rows.filter(is_no_pause), earlier_rows.filter(is_no_pause)
    rows_of_both = new_rows.join(earlier_rows, on="person_id", how="semi")
    unchanged_rows = rows_of_both.join(
        earlier_rows.select(_STEP_COLUMNS).unique(), on=_STEP_COLUMNS, how="semi", nulls_equal=True
    )
    shared_and_unchanged_counts = (
        pl.concat([counted_rows.select(pl.len()) for counted_rows in (rows_of_both, unchanged_rows)])
        .collect()
        .to_series()
    )
    return (
        1.0 - shared_and_unchanged_counts[1] / shared_and_unchanged_counts[0]
        if shared_and_unchanged_counts[0]
        else None
    )


def fingerprint_lists(recommendations: pl.LazyFrame) -> pl.LazyFrame:
    """Compute a text per person that is the same if the list is the same.

    Args:
        recommendations: Rows of `out__next_skill` in any order.

    Returns:
        One row per person: person_id, list.
    """
    hashed_rows = recommendations.select("person_id", pl.struct(_LIST_ROW_COLUMNS).hash(seed=0).alias("row"))
    joined_hashes = pl.col("row").sort().cast(pl.String).implode().list.join(",")
    return hashed_rows.group_by("person_id").agg(joined_hashes.first().alias("list"))


def _count_addresses(table_rows: Rows) -> int:
    """The number of distinct texts per column with an e-mail address."""
    has_address = table_rows.lazy().select(cs.string().str.contains(_EMAIL_PATTERN).any()).collect(engine="streaming")
    return sum(
        table_rows.lazy()
        .select(pl.col(column.name).unique())
        .filter(pl.col(column.name).str.contains(_EMAIL_PATTERN))
        .collect()
        .height
        for column in has_address.iter_columns()
        if column.any()
    )


def _measure_excess_calibration_error(model_card: Mapping[str, Any]) -> float | None:
    """The calibration error on the model card (`ml.ranking.calibration`), minus the error that chance alone gives."""
    reliability = model_card.get("reliability")
    if not reliability:
        return None
    chance_deviations = (
        sqrt(2 / pi * bin_figures["n"] * bin_figures["said"] * (1 - bin_figures["said"]))
        for bin_figures in reliability["bins"]
    )
    return max(0.0, float(reliability["ece"]) - float(sum(chance_deviations)) / int(reliability["n"]))


def _find_promised_factor(model_card: Mapping[str, Any]) -> float | None:
    """The largest factor, above or below 1, that the intervals of promised over reached steps show.

    Groups with fewer than MIN_JUDGED_COUNT promised and reached steps are not judged. A group without a reached step
    has no interval and is compared with _MOST_OF_NONE steps. None without a judged group.
    """
    groups = (model_card.get("reliability") or {}).get("groups", ())
    judged_groups = [group for group in groups if max(group["expected"], group["observed"]) >= MIN_JUDGED_COUNT]
    factors = [1.0]
    for group in judged_groups:
        factors += [] if group["observed"] else [group["expected"] / _MOST_OF_NONE]
        factors += [] if group["low"] is None else [group["low"]]
        factors += [] if group["high"] is None else [1.0 / group["high"]]
    return max(factors) if judged_groups else None
