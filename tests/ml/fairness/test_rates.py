"""Rates and impact ratios agree with fairlearn; groups without cases and missing values are left out."""

import numpy as np
import polars as pl
import pytest
from audited_groups import make_people
from fairlearn.metrics import MetricFrame, demographic_parity_ratio, selection_rate, true_positive_rate

from ml.fairness.groups import list_groupings
from ml.fairness.rates import measure_rates

# people and recommended people of three groups
COUNTS = {"a": (40, 36), "b": (30, 18), "c": (20, 9)}


def test_three_groups_agree_with_fairlearn_and_with_the_hand() -> None:
    attributes, outcomes = make_people(COUNTS)
    rows = measure_rates(outcomes, list_groupings(attributes, 20), 20).filter(measure="recommended")
    by_group = {row["group"]: row for row in rows.to_dicts()}
    assert {group: row["estimate"] for group, row in by_group.items()} == pytest.approx({"a": 0.9, "b": 0.6, "c": 0.45})
    assert {group: row["ratio"] for group, row in by_group.items()} == pytest.approx({"a": 1, "b": 2 / 3, "c": 0.5})
    recommended = outcomes["recommended"].cast(pl.Int8).to_numpy()
    origins = attributes["origin"].to_numpy()
    frame = MetricFrame(
        metrics=selection_rate,
        y_true=recommended,
        y_pred=recommended,
        sensitive_features=origins,
    )
    assert {group: row["estimate"] for group, row in by_group.items()} == pytest.approx(frame.by_group.to_dict())
    lowest = demographic_parity_ratio(recommended, recommended, sensitive_features=origins)
    assert min(row["ratio"] for row in by_group.values()) == pytest.approx(lowest)


def test_a_group_to_which_nothing_applies_has_no_rate_and_missing_values_are_no_cases() -> None:
    attributes, outcomes = make_people(COUNTS)
    in_c = pl.Series(attributes["origin"] == "c")
    shown = pl.when(~in_c).then("shown_as_example").alias("shown_as_example")
    rows = measure_rates(outcomes.with_columns(shown), list_groupings(attributes, 20), 20)
    assert rows.filter(measure="shown_as_example")["group"].to_list() == ["a", "b"]
    assert rows.filter(measure="recommended")["group"].to_list() == ["a", "b", "c"]


def test_what_fairlearn_does_with_missing_values_is_still_as_it_is_worked_around() -> None:
    """If this fails, fairlearn has changed: read `ml.fairness.rates` again."""
    outcomes = np.array([1.0, np.nan, 1.0, 1.0])
    frame = MetricFrame(metrics=selection_rate, y_true=outcomes, y_pred=outcomes, sensitive_features=list("aabb"))
    assert frame.by_group.to_dict() == {"a": 0.5, "b": 1.0}  # a missing outcome counts as one that did not happen
    is_true = np.array([0, 0, 1, 1])
    hits = MetricFrame(metrics=true_positive_rate, y_true=is_true, y_pred=is_true, sensitive_features=list("aabb"))
    assert hits.by_group.to_dict() == {"a": 0.0, "b": 1.0}  # nobody of group a could be a hit
    with pytest.raises(ValueError, match="missing values"):
        MetricFrame(
            metrics=selection_rate, y_true=is_true, y_pred=is_true, sensitive_features=np.array(["a", None, "b", "b"])
        )


def test_a_rate_is_compared_with_everybody_else_by_the_exact_test() -> None:
    attributes, outcomes = make_people({"a": (20, 20), "b": (20, 10)})
    rows = measure_rates(outcomes, list_groupings(attributes, 20), 20).filter(measure="recommended")
    # of 40 people 10 are no cases; all of them in b: C(20, 10) / C(40, 10)
    expected = float(np.prod([(20 - k) / (40 - k) for k in range(10)]))
    assert rows.filter(group="b")["p_value"].item() == pytest.approx(expected)
