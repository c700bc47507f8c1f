"""Companies cut from a history: who is drawn, and that draws follow the seed."""

import polars as pl
import pytest

from assets.cli.terminal.console import CommandFailed
from benchmarks.recommender import synthetic_events
from benchmarks.training.small_companies import compare_companies, draw_companies


def test_the_people_of_a_company_share_skills() -> None:
    # two neighbourhoods without a skill in common
    rows = [
        (f"{side}{number}", f"{side}-skill-{skill}", number) for side in "ab" for number in range(9) for skill in "xy"
    ]
    events = pl.DataFrame(rows, schema=["person_id", "skill_id", "ts"], orient="row")
    companies = list(draw_companies(events, 5, 6, seed=1))
    assert [company["person_id"].n_unique() for company in companies] == [5] * 6
    assert all(company["person_id"].str.head(1).n_unique() == 1 for company in companies)
    for company, same_company in zip(companies, draw_companies(events, 5, 6, seed=1), strict=True):
        assert company.equals(same_company)
    with pytest.raises(CommandFailed, match="no neighbourhood of this history has 10 people"):
        list(draw_companies(events, 10, 1, seed=1))


def test_the_ratio_is_pooled_over_companies() -> None:
    comparison = compare_companies(synthetic_events(150, items=60), 60, 2, horizon_days=180, seed=0)
    assert comparison.companies + comparison.too_little_history == 2
    assert comparison.cases > 0
    assert comparison.ratio_low <= comparison.ratio <= comparison.ratio_high
