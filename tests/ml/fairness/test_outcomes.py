"""What is counted of each person, worked out by hand."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from ml.fairness.calibration import measure_calibration
from ml.fairness.groups import list_groupings
from ml.fairness.outcomes import count_promised_steps, describe_outcomes
from pipelines.contracts.output_tables import NEXT_SKILL

DAY = date(2026, 3, 15)
REACHED = pl.DataFrame(
    {
        "person_id": ["ann", "ann", "eve"],
        "step_id": ["sql|apprentice", "go|apprentice", "sql|apprentice"],
        "reached_at": [datetime(2026, month, 20, tzinfo=UTC) for month in (4, 9, 3)],
    },
    schema_overrides={"reached_at": pl.Datetime("us", "UTC")},
)


def next_steps(*rows: tuple[str, int | None, str | None, str | None, float | None, str | None]) -> pl.DataFrame:
    names = ("person_id", "rank", "skill_id", "kind", "probability", "no_recommendation_reason")
    steps = pl.DataFrame(rows, schema={name: NEXT_SKILL.schema[name] for name in names}, orient="row")
    goal = pl.when(kind="new").then(pl.lit("apprentice")).when(kind="deepen").then(pl.lit("journeyman"))
    return steps.with_columns(goal.alias("to_stage"))


STEPS = next_steps(
    ("ann", 1, "sql", "new", 0.5, None),
    ("ann", 2, "go", "new", 0.25, None),
    ("bob", 1, "sql", "new", 0.1, None),
    ("bob", 4, "go", "deepen", 0.1, None),
    ("cid", None, None, None, None, "too_little_evidence"),
    ("dan", None, None, None, None, "opted_out"),
    ("eve", 3, "go", "deepen", 0.3, None),
)


def test_each_selection_of_each_person() -> None:
    companions = pl.DataFrame({"companion_id": ["ann", None, "bob"], "relation": ["follow", "follow", "lead"]})
    examples = pl.DataFrame(
        {
            "companion_id": ["ann", "bob"],
            "person_id": ["eve", "cid"],
            "step_id": ["sql|apprentice"] * 2,
            "as_of": [DAY] * 2,
        }
    )
    outcomes = describe_outcomes(STEPS, companions, pl.Series(["ann", "bob"]), examples, REACHED)
    # the median of the best probabilities 0.5, 0.1 and 0.3 is 0.3
    assert outcomes.rows() == [
        ("ann", True, True, False, True, True, True),
        ("bob", True, True, False, False, False, False),
        ("cid", False, None, None, None, None, None),
        ("eve", True, False, True, True, None, None),
    ]


def test_a_promise_counts_within_its_horizon() -> None:
    promised = count_promised_steps(STEPS, REACHED, DAY, 90)
    assert promised.rows() == [("ann", 0.75, 1), ("bob", pytest.approx(0.2), 0), ("eve", 0.3, 0)]


def test_calibration_compares_a_group_with_everybody_else() -> None:
    promised = pl.DataFrame(
        {"person_id": [f"p{n}" for n in range(80)], "promised": [1.0] * 80, "reached": [1, 1] * 20 + [1, 0] * 20}
    )
    attributes = promised.select("person_id", origin=pl.Series(["a"] * 40 + ["b"] * 40))
    rows = measure_calibration(promised, list_groupings(attributes, 20), 20)
    assert rows["estimate"].to_list() == pytest.approx([1.0, 0.5])
    assert rows["ratio"].to_list() == pytest.approx([2.0, 0.5])
    # all of a reached what was promised: only b varies, by sqrt(40 * 0.25) / 20
    assert rows["ratio_high"].to_list() == pytest.approx(
        [ratio * 2.718281828 ** (1.959964 * (10**0.5) / 20) for ratio in (2.0, 0.5)]
    )


def test_people_to_whom_nothing_was_promised_are_not_counted() -> None:
    promised = pl.DataFrame({"person_id": [f"p{n}" for n in range(50)], "promised": [0.5] * 40 + [0.0] * 10})
    attributes = promised.select("person_id", origin=pl.Series(["a", "b"] * 25))
    rows = measure_calibration(promised.with_columns(reached=pl.lit(1)), list_groupings(attributes, 20), 20)
    assert rows["people_count"].to_list() == [20, 20]
    assert rows["estimate"].to_list() == [2.0, 2.0]


def test_a_step_that_was_reached_on_the_day_of_the_example_follows_nobody() -> None:
    examples = pl.DataFrame(
        {"companion_id": ["ann"], "person_id": ["eve"], "step_id": ["sql|apprentice"], "as_of": [date(2026, 3, 20)]}
    )
    nobody = pl.DataFrame(schema={"companion_id": pl.String, "relation": pl.String})
    outcomes = describe_outcomes(STEPS, nobody, pl.Series([], dtype=pl.String), examples, REACHED)
    assert outcomes.filter(person_id="ann")["followed"].item() is False
