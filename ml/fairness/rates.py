"""Selection rates and impact ratios by group.

Belongs here: the rates, with fairlearn, and the test of each group against everybody else.
Does not belong here: what selection means (`outcomes`), what may be shown (`findings`).

fairlearn 0.15 refuses a missing group, counts a missing outcome as one that did not happen, and has a rate of 0 for
people to whom nothing applies. Such people are therefore left out before, and a group with too few others has no rate.
"""

from collections.abc import Mapping, Sequence

import polars as pl
from fairlearn.metrics import MetricFrame, count, selection_rate
from scipy.stats import fisher_exact

from ml.fairness.groups import Grouping
from ml.fairness.intervals import compute_rate, compute_rate_ratio
from ml.fairness.measures import MEASURE_SCHEMA, RATE, SELECTIONS


def measure_rates(outcomes: pl.DataFrame, groupings: Sequence[Grouping], minimum_people: int) -> pl.DataFrame:
    """Measure how often each selection applies to the people of each group.

    The impact ratio is the rate of a group divided by that of the group with the highest rate, as the four-fifths rule
    compares them (29 CFR 1607.4(D)).

    Args:
        outcomes: One row per person: person_id, and one Boolean column per selection of `SELECTIONS`; null if the
            selection cannot apply to the person.
        groupings: The groups.
        minimum_people: The smallest number of people of a group to whom a selection can apply.

    Returns:
        One row per selection and group, in `MEASURE_SCHEMA`; none for a group with too few people to whom it can apply.
    """
    measure_rows = [
        measure_row
        for grouping in groupings
        for selection in SELECTIONS
        for measure_row in _measure_selection(grouping, selection.name, outcomes, minimum_people)
    ]
    return pl.DataFrame(measure_rows, schema=MEASURE_SCHEMA, orient="row")


def _measure_selection(
    grouping: Grouping, selection_name: str, outcomes: pl.DataFrame, minimum_people: int
) -> list[dict[str, object]]:
    selected_people = (
        grouping.members.join(outcomes.select("person_id", is_selected=selection_name), on="person_id")
        .drop_nulls("is_selected")
        .filter(pl.len().over("group") >= minimum_people)
    )
    if selected_people["group"].n_unique() < 2:
        return []
    case_and_people_counts = _count_cases(selected_people)
    reference_counts = max(case_and_people_counts.values(), key=lambda counts: (counts[0] / counts[1], counts[1]))
    measure_rows: list[dict[str, object]] = []
    for group_name, (case_count, people_count) in case_and_people_counts.items():
        rate = compute_rate(case_count, people_count)
        ratio = compute_rate_ratio(case_count, people_count, *reference_counts)
        is_reference = (case_count, people_count) == reference_counts
        measure_rows.append(
            {
                "section": RATE,
                "measure": selection_name,
                "attribute": grouping.attribute,
                "group": group_name,
                "people_count": people_count,
                "case_count": case_count,
                "estimate": rate.estimate,
                "low": rate.low,
                "high": rate.high,
                "ratio": None if ratio is None else ratio.estimate,
                "ratio_low": None if ratio is None or is_reference else ratio.low,
                "ratio_high": None if ratio is None or is_reference else ratio.high,
                "p_value": _test_lower_rate(group_name, case_and_people_counts, reference_counts),
            }
        )
    return measure_rows


def _test_lower_rate(
    group_name: str, case_and_people_counts: Mapping[str, tuple[int, int]], reference_counts: tuple[int, int]
) -> float:
    """The probability that chance alone makes the rate of a group so low.

    Fisher's exact test against everybody else, and against the group with the highest rate. The highest of several
    groups is so partly by chance: the second is multiplied by the number of groups that could have been it, and the
    smaller of the two is doubled (Bonferroni).
    """
    own_counts = case_and_people_counts[group_name]
    total_cases, total_people = map(sum, zip(*case_and_people_counts.values(), strict=True))
    p_value = _fisher(own_counts, (total_cases - own_counts[0], total_people - own_counts[1]))
    other_count = len(case_and_people_counts) - 1
    if other_count == 1:
        return p_value
    return min(2 * min(p_value, other_count * _fisher(own_counts, reference_counts)), 1.0)


def _fisher(counts: tuple[int, int], compared_counts: tuple[int, int]) -> float:
    contingency_table = [[cases, people - cases] for cases, people in (counts, compared_counts)]
    return float(fisher_exact(contingency_table, alternative="less").pvalue)


def _count_cases(selected_people: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """Cases and people of each group, from fairlearn's rates.

    Args:
        selected_people: One row per person: group, is_selected; without nulls, and not empty.
    """
    is_selected = selected_people["is_selected"].cast(pl.Int8).to_numpy()
    metric_frame = MetricFrame(
        metrics={"rate": selection_rate, "people": count},
        y_true=is_selected,  # selection_rate does not read it
        y_pred=is_selected,
        sensitive_features={"group": selected_people["group"].to_numpy()},
    )
    return {
        str(group_name): (round(group_rate * people_count), int(people_count))
        for group_name, group_rate, people_count in zip(
            metric_frame.by_group.index, metric_frame.by_group["rate"], metric_frame.by_group["people"], strict=True
        )
    }
