"""People in groups, for tests of audits."""

import polars as pl

from ml.fairness.measures import SELECTIONS


def make_people(
    counts: dict[str, tuple[int, int]], *, measured: str | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The origin and the outcomes of people, from the number of people and of cases of each group.

    All selections apply alike; if one is measured, the others cannot apply.
    """
    groups = [group for group, (people, _) in counts.items() for _ in range(people)]
    cases = [number < case_count for people, case_count in counts.values() for number in range(people)]
    unknown: list[bool | None] = [None] * len(groups)
    outcomes_by_selection = {
        selection.name: pl.Series(cases if measured in (None, selection.name) else unknown, dtype=pl.Boolean)
        for selection in SELECTIONS
    }
    ids = [f"p{number}" for number in range(len(groups))]
    outcomes = pl.DataFrame({"person_id": ids, **outcomes_by_selection})
    return pl.DataFrame({"person_id": ids, "origin": groups}), outcomes
