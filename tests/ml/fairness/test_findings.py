"""A finding is beyond the limit and not explained by chance; small counts are not shown."""

import polars as pl
from audited_groups import make_people
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.fairness.audit import AuditedPeople, audit_groups
from ml.fairness.findings import AuditLimits, mark_findings, protect_counts
from ml.fairness.groups import list_groupings
from ml.fairness.rates import measure_rates

LIMITS = AuditLimits()


def show(counts: dict[str, tuple[int, int]], limits: AuditLimits = LIMITS) -> pl.DataFrame:
    attributes, outcomes = make_people(counts, measured="recommended")
    return audit_groups(attributes, AuditedPeople(outcomes), limits).measures.filter(measure="recommended")


def test_a_clear_difference_is_a_finding_and_a_small_one_is_not() -> None:
    assert show({"a": (100, 90), "b": (100, 60)})["is_finding"].to_list() == [False, True]
    assert not show({"a": (100, 80), "b": (100, 70)})["is_finding"].any()
    assert not show({"a": (20, 14), "b": (20, 10)})["is_finding"].any()  # below the limit, but chance explains it


def test_rates_of_few_people_are_bounds() -> None:
    rows = show({"a": (100, 98), "b": (100, 2), "c": (100, 50)})
    assert rows["bound"].to_list() == ["at_least", "at_most", "exact"]
    assert rows["estimate"].to_list() == [0.96, 0.04, 0.5]
    assert (rows["high"][0], rows["low"][1]) == (1.0, 0.0)
    assert rows["is_finding"].to_list() == [False, True, True]


def test_small_groups_are_left_out_and_counted() -> None:
    attributes, _ = make_people({"a": (30, 1), "b": (25, 1), "c": (19, 1), "d": (2, 1)})
    (grouping,) = list_groupings(attributes, 20)
    assert grouping.members["group"].unique().sort().to_list() == ["a", "b"]
    assert (grouping.small_group_count, grouping.small_group_people) == (2, 21)


@given(
    st.lists(
        st.integers(20, 60).flatmap(lambda people: st.tuples(st.just(people), st.integers(0, people))),
        min_size=2,
        max_size=4,
    ),
    st.integers(2, 8),
)
@settings(max_examples=8)
def test_two_companies_that_differ_in_a_small_count_look_alike(counts: list[tuple[int, int]], smallest: int) -> None:
    limits = AuditLimits(smallest_count=smallest)
    groups = {f"g{number}": pair for number, pair in enumerate(counts)}
    hidden = {
        group: (people, 0 if cases < smallest else people if people - cases < smallest else cases)
        for group, (people, cases) in groups.items()
    }

    def shown(company: dict[str, tuple[int, int]]) -> pl.DataFrame:
        attributes, outcomes = make_people(company, measured="recommended")
        rows = mark_findings(measure_rates(outcomes, list_groupings(attributes, 20), 20), limits)
        return protect_counts(rows, limits).drop("is_finding")

    assert shown(groups).equals(shown(hidden))
    assert (shown(groups)["people_count"] % 5 == 0).all()
