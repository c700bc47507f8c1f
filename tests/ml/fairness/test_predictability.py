"""Which feature tells which group apart, worked out by hand."""

from types import SimpleNamespace

import numpy as np
import polars as pl

from ml.fairness.audit import AuditedPeople, audit_groups
from ml.fairness.findings import AuditLimits
from ml.fairness.groups import list_groupings
from ml.fairness.measures import SELECTIONS
from ml.fairness.person_features import _average_block
from ml.fairness.predictability import measure_predictability

PEOPLE = pl.Series("person_id", [f"p{number:02d}" for number in range(60)])


def attributes_of(*groups: str) -> pl.DataFrame:
    """As many people of each group."""
    return pl.DataFrame({"person_id": PEOPLE, "origin": np.repeat(groups, 60 // len(groups))})


def test_a_feature_that_is_larger_in_a_group_tells_it_apart_and_one_that_is_alike_does_not() -> None:
    features = pl.DataFrame(
        {
            "person_id": PEOPLE,
            "larger": np.arange(60.0) // 20,
            "alike": np.arange(60.0) % 20,
            "constant": 1.0,
            "of_few": [1.0, 2.0] * 8 + [None] * 44,
        }
    )
    rows = measure_predictability(features, list_groupings(attributes_of("a", "b", "c"), 20), 20)
    assert rows.select("measure", "group", pl.col("estimate").round(9)).rows() == [
        ("larger", "a", 0.0),
        ("larger", "b", 0.5),
        ("larger", "c", 1.0),
        *(("alike", group, 0.5) for group in "abc"),
    ]
    p_values = dict(rows.select(pl.concat_str("measure", "group"), pl.col("p_value").round(9)).iter_rows())
    assert p_values["largera"] == p_values["largerc"] == 0
    assert p_values["alikea"] == p_values["largerb"] == 1


def test_of_two_groups_the_second_is_the_mirror_image_of_the_first() -> None:
    features = pl.DataFrame({"person_id": PEOPLE, "larger": np.arange(60.0)})
    rows = measure_predictability(features, list_groupings(attributes_of("a", "b"), 20), 20)
    assert rows.select("group", "estimate", "people_count").rows() == [("a", 0.0, 30)]


def test_people_without_an_attribute_are_in_no_group_and_pairs_of_attributes_are_not_predicted() -> None:
    attributes = attributes_of("a", "b", "c").with_columns(
        origin=pl.when(pl.col("origin") != "c").then("origin"), gender=pl.Series(["f", "m"] * 30)
    )
    groupings = list_groupings(attributes, 10)
    assert [(grouping.attribute, grouping.missing_people) for grouping in groupings] == [
        ("origin", 20),
        ("gender", 0),
        ("origin × gender", 20),
    ]
    assert [grouping.members["group"].unique().sort().to_list() for grouping in groupings] == [
        ["a", "b"],
        ["f", "m"],
        ["a × f", "a × m", "b × f", "b × m"],
    ]
    outcomes = pl.DataFrame({"person_id": PEOPLE, **{selection.name: [True, False] * 30 for selection in SELECTIONS}})
    features = pl.DataFrame({"person_id": PEOPLE, "number": np.arange(60.0)})
    audit = audit_groups(attributes, AuditedPeople(outcomes, person_features=features), AuditLimits(minimum_people=10))
    assert set(audit.measures.filter(section="feature")["attribute"]) == {"origin", "gender"}
    assert set(audit.measures.filter(section="rate")["attribute"]) == {"origin", "gender", "origin × gender"}


def test_a_feature_is_averaged_over_the_candidates_that_know_it() -> None:
    block = SimpleNamespace(
        is_candidate=np.array([[True, True, False], [True, False, False]]),
        features=np.array([[[1.0, 5.0], [3.0, np.nan], [9.0, 9.0]], [[2.0, np.nan], [9.0, 9.0], [9.0, 9.0]]]),
        ranker=SimpleNamespace(features=[SimpleNamespace(name="x"), SimpleNamespace(name="y")]),
    )
    averaged = _average_block(block, np.array(["ann", "bob"]))  # type: ignore[arg-type]
    assert averaged.rows() == [("ann", 2.0, 5.0), ("bob", 2.0, None)]


def test_the_scores_of_a_group_alone_give_no_row() -> None:
    features = pl.DataFrame({"person_id": PEOPLE, "larger": np.arange(60.0)})
    assert measure_predictability(features, list_groupings(attributes_of("a"), 20), 20).is_empty()
    assert measure_predictability(features, list_groupings(attributes_of("a", "b"), 30), 31).is_empty()
