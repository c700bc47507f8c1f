"""The gate before the swap: what a publication must keep beyond each table's own rules, judged like any contract.

Belongs here: the promises over lists, people and snapshots, as tables with rules, and the frames to judge.
Does not belong here: judging them (`pipelines.validation`), stopping the night (`assets.checks.publication_checks`).
"""

import json
from collections.abc import Mapping
from math import pi, sqrt
from typing import Any

import polars as pl

from pipelines.config.publish import PublishOptions
from pipelines.contracts.columns import COLUMNS, select_columns
from pipelines.contracts.table import Column, Personal, RowRule, Table

# As mail systems write it; an address in a published text is somebody's.
_ADDRESS = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}"


def list_check_table(list_length: int) -> Table:
    """Rules on the recommendations as whole lists; a list shorter than `list_length` without a reason warns."""
    person, rank = pl.col("person_id"), pl.col("rank")
    count = pl.len().over("person_id")
    says_why = pl.col("no_recommendation_reason").is_not_null()
    rules = (
        RowRule(
            "is_sufficient",
            ("person_id", "no_recommendation_reason"),
            says_why | (count >= list_length),
            f"{list_length} steps are recommended, or the reason is given why not",
        ),
        RowRule(
            "is_alone_where_it_says_why",
            ("no_recommendation_reason", "person_id"),
            ~says_why | (count == 1),
            "who is told why there is nothing gets nothing else",
        ),
        RowRule(
            "is_no_repeat",
            ("person_id", "skill_id", "to_stage"),
            says_why | pl.struct("person_id", "skill_id", "to_stage").is_first_distinct(),
            "no step is recommended twice to a person",
        ),
        RowRule(
            "counts_from_one",
            ("person_id", "rank"),
            says_why | ((rank >= 1) & (rank <= count) & pl.struct(person, rank).is_first_distinct()),
            "ranks are 1 to the length of the list, each once",
        ),
    )
    columns = select_columns("person_id", "rank", "skill_id", "to_stage", "probability", "no_recommendation_reason")
    return Table(
        "out__release_list",
        "One row per person and recommended step, judged as part of its list.",
        columns,
        (),
        row_rules=rules,
        warnings=("person_id+no_recommendation_reason|is_sufficient",),
    )


def person_check_table() -> Table:
    """The rule that everybody is covered."""
    is_covered = Column("is_covered", pl.Boolean, "Whether the person has a row.")
    rule = RowRule(
        "has_a_row", ("person_id", "is_covered"), pl.col("is_covered"), "everyone who works here has at least one row"
    )
    return Table(
        "out__release_person",
        "One row per person who works here.",
        (COLUMNS["person_id"], is_covered),
        ("person_id",),
        row_rules=(rule,),
    )


def publication_check_table(options: PublishOptions) -> Table:
    """The rules on the publication as a whole."""
    columns = (
        Column(
            "calibration_error_share",
            pl.Float64,
            "How far said and seen probability lay apart, beyond chance.",
            minimum=0,
            maximum=options.most_calibration_error,
        ),
        Column(
            "changed_share",
            pl.Float64,
            "Share of the rows of people in both snapshots that were not in their list.",
            minimum=0,
            maximum=options.most_changed_share,
        ),
        Column("personal_column_count", pl.Int64, "Columns that hold more of a person than ids.", minimum=0, maximum=0),
        Column("address_count", pl.Int64, "Texts that hold an e-mail address.", minimum=0, maximum=0),
    )
    # The champion keeps its place by a contest that calibration is part of; a first one has had none. Lists and motives
    # stand without it, so it is told, and the night goes on.
    return Table(
        "out__release_publication",
        "One row: the publication that is about to happen.",
        columns,
        (),
        warnings=("calibration_error_share|between",),
    )


def list_check_rows(recommendations: pl.DataFrame) -> pl.DataFrame:
    """The rows in the columns of `lists_table`."""
    return recommendations.select(
        "person_id", "rank", "skill_id", "to_stage", "probability", "no_recommendation_reason"
    )


def person_check_rows(recommendations: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """One row per person of `people` (person_id): whether the recommendations cover them."""
    covered = recommendations.select("person_id", pl.lit(True).alias("is_covered")).unique()
    joined = people.select("person_id").unique().join(covered, on="person_id", how="left")
    return joined.with_columns(pl.col("is_covered").fill_null(False)).sort("person_id")


def publication_check_row(
    frames: Mapping[Table, pl.DataFrame], card: str | None, measure_changed_share: float | None
) -> pl.DataFrame:
    """The one row of `publication_table`; null where there is nothing to compare with or nothing was measured."""
    personal = [
        column.name
        for table in frames
        for column in table.columns
        if column.personal in (Personal.DIRECT, Personal.TEXT)
    ]
    addresses = sum(_addresses(frame) for frame in frames.values())
    error = _calibration_error(json.loads(card)) if card else None
    return pl.DataFrame(
        [(error, measure_changed_share, len(personal), addresses)],
        schema=publication_check_table(PublishOptions()).schema,
        orient="row",
    )


def reject_email_addresses(frames: Mapping[Table, pl.DataFrame]) -> None:
    """Raises ValueError where a text of any table holds an e-mail address: the last look at all tables together."""
    found = {table.name: _addresses(frame) for table, frame in frames.items()}
    if told := ", ".join(f"{name} in {count:,} texts" for name, count in found.items() if count):
        raise ValueError(f"e-mail addresses would be published: {told}. Look at what these texts are made from")


def measure_changed_share(before: pl.LazyFrame | None, now: pl.LazyFrame) -> float | None:
    """Share of the rows of people in both whose step was not in the person's list before, 0..1; None where there is
    nothing to compare. Another order is no other step: probabilities move a little every night."""
    if before is None:
        return None
    both = now.join(before, on="person_id", how="semi")
    kept = both.join(before.select(STEP).unique(), on=STEP, how="semi", nulls_equal=True)
    counts = pl.concat([both.select(pl.len().alias("rows")), kept.select(pl.len().alias("kept"))], how="horizontal")
    rows, same = counts.collect().row(0)
    return 1.0 - same / rows if rows else None


def fingerprint_lists(recommendations: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person: a text that is the same where the list is the same, whatever the order of its rows.

    Another list is other steps or another order.
    """
    rows = recommendations.select("person_id", pl.struct(LISTED).hash(seed=0).alias("row"))
    joined = pl.col("row").sort().cast(pl.String).implode().list.join(",")
    return rows.group_by("person_id").agg(joined.first().alias("list"))


# What makes a row another step.
STEP = ("person_id", "skill_id", "to_stage", "kind", "no_recommendation_reason")
# A person's list is another one when any of these differs.
LISTED = ("rank", "skill_id", "to_stage", "kind", "no_recommendation_reason")


def _addresses(frame: pl.DataFrame) -> int:
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    if not texts or not frame.height:
        return 0
    holds = frame.select(pl.col(texts).str.contains(_ADDRESS).any()).row(0, named=True)
    return sum(int(frame[name].unique().str.contains(_ADDRESS).sum()) for name in texts if holds[name])


def _calibration_error(card: Mapping[str, Any]) -> float | None:
    """What the model's card says (`ml.ranking.calibration.Reliability`), less the mean miss of shares of so many
    promises."""
    measured = card.get("reliability")
    if not measured:
        return None
    misses = (sqrt(2 / pi * one["n"] * one["said"] * (1 - one["said"])) for one in measured["bins"])
    return max(0.0, float(measured["ece"]) - float(sum(misses)) / int(measured["n"]))
