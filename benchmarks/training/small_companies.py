"""Benchmark of small companies: the recommender and simple models on companies cut from a larger history.

Belongs here: the draw of people who share skills, and the ratio over all companies.
Does not belong here: the evaluation of one history (`ml.evaluation`).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assets.cli.evaluate import read_history
from assets.cli.terminal.console import CommandFailed, print_json, print_note, print_table
from ml.data.sparse_rows import Ints
from ml.data.statistics import percentile_interval
from ml.evaluation.evaluate import evaluate
from ml.evaluation.reliability import Reliability
from ml.evaluation.results import OURS, Evaluation
from ml.evaluation.splits import TooLittleHistory

_SIMPLE_MODELS = ("popularity", "recent_popularity", "item_knn", "ease", "markov", "user_knn")
_SHARED_SKILLS = 10  # skills of a neighbourhood: those that most holders of a random skill hold
_RESAMPLES = 1_000


@dataclass(frozen=True)
class CompanyComparison:
    """NDCG@10 of the recommender over the best single simple model, and promised steps, pooled over all companies."""

    people: int
    companies: int
    too_little_history: int  # companies that could not be evaluated
    without_ranker: int  # companies whose people get items by popularity
    cases: int
    best_simple_model: str
    ndcg_at_10: float
    ratio: float
    ratio_low: float
    ratio_high: float
    promised: float  # sum of the probabilities of the first ten items of people with a history
    came_true: int
    promised_ratio: float
    promised_ratio_low: float
    promised_ratio_high: float
    with_skill: int  # companies whose Brier skill over the base rate known at the freeze is not negative


def print_small_companies(
    events_file: Path, sizes: str, companies: int, horizon: int, seed: int, as_json: bool
) -> None:
    """Compare models on companies of each size, and print one row per size."""
    events = read_history(events_file)
    comparisons = [
        compare_companies(events, int(size), companies, horizon_days=horizon, seed=seed) for size in sizes.split(",")
    ]
    if as_json:
        print_json([asdict(comparison) for comparison in comparisons])
        return
    rows = [
        [
            f"{comparison.people:,}",
            f"{comparison.companies:,}",
            f"{comparison.too_little_history:,}",
            f"{comparison.cases:,}",
            comparison.best_simple_model,
            f"{comparison.ratio:.3f} [{comparison.ratio_low:.3f}, {comparison.ratio_high:.3f}]",
            f"{comparison.promised:,.0f} / {comparison.came_true:,}",
            f"{comparison.promised_ratio:.2f} "
            f"[{comparison.promised_ratio_low:.2f}, {comparison.promised_ratio_high:.2f}]",
            f"{comparison.with_skill:,}",
        ]
        for comparison in comparisons
    ]
    headings = {
        "people": "right",
        "companies": "right",
        "too little history": "right",
        "cases": "right",
        "best simple model": "left",
        "ratio": "right",
        "promised / came true": "right",
        "their ratio": "right",
        "Brier skill >= 0": "right",
    }
    print_table("Companies cut from a history", headings, rows)


def compare_companies(
    events: pl.DataFrame, people: int, companies: int, *, horizon_days: int, seed: int
) -> CompanyComparison:
    """Evaluate companies of one size.

    Args:
        events: person_id, skill_id, ts.
        people: Number of people of a company.
        companies: Number of draws.
        horizon_days: Length of a window.
        seed: Seed of the draws and of the bootstrap over companies.

    Raises:
        CommandFailed: No company could be evaluated.
    """
    evaluations: list[Evaluation] = []
    too_little_history = 0
    for company_number, company_events in enumerate(draw_companies(events, people, companies, seed), 1):
        print_note(f"{people} people: company {company_number} of {companies}")
        try:
            evaluations.append(evaluate(company_events, horizon_days=horizon_days, model_names=(*_SIMPLE_MODELS, OURS)))
        except TooLittleHistory:
            too_little_history += 1
    if not evaluations:
        raise CommandFailed(f"none of {companies} companies of {people} people has a past and a next step")
    case_counts = np.array([evaluation.n_cases for evaluation in evaluations])
    # companies x models: the sum of NDCG@10 over the cases of the company
    ndcg_sums = case_counts[:, None] * np.array(
        [[model_result.ndcg_at_10 for model_result in evaluation.models] for evaluation in evaluations]
    )
    best_index = int(np.argmax(ndcg_sums[:, :-1].sum(axis=0)))
    resampled = np.random.default_rng(seed).integers(0, len(evaluations), (_RESAMPLES, len(evaluations)))
    resampled_sums = ndcg_sums[resampled].sum(axis=1)
    low, high = percentile_interval(resampled_sums[:, -1] / resampled_sums[:, best_index]).tolist()
    return CompanyComparison(
        people=people,
        companies=len(evaluations),
        too_little_history=too_little_history,
        without_ranker=sum(evaluation.reason is not None for evaluation in evaluations),
        cases=int(case_counts.sum()),
        best_simple_model=_SIMPLE_MODELS[best_index],
        ndcg_at_10=float(ndcg_sums[:, -1].sum() / case_counts.sum()),
        ratio=float(ndcg_sums[:, -1].sum() / ndcg_sums[:, best_index].sum()),
        ratio_low=low,
        ratio_high=high,
        **_pool_promises(evaluations, resampled),
        with_skill=sum(
            evaluation.reliability is not None and (evaluation.reliability.prior_brier_skill or 0.0) >= 0.0
            for evaluation in evaluations
        ),
    )


def _pool_promises(evaluations: list[Evaluation], resampled: Ints) -> dict[str, Any]:
    """Promised and came true over all companies, and their ratio with its interval over resamples of companies."""
    # companies x 2: expected and observed positives
    counts = np.array([_count_promises(evaluation.reliability) for evaluation in evaluations])
    resampled_counts = counts[resampled].sum(axis=1)
    low, high = percentile_interval(resampled_counts[:, 0] / np.maximum(resampled_counts[:, 1], 1.0)).tolist()
    promised, came_true = counts.sum(axis=0).tolist()
    return {
        "promised": promised,
        "came_true": int(came_true),
        "promised_ratio": promised / max(came_true, 1.0),
        "promised_ratio_low": low,
        "promised_ratio_high": high,
    }


def _count_promises(reliability: Reliability | None) -> tuple[float, float]:
    """The sum of the probabilities, and the number that came true; nothing without a probability."""
    return (
        (0.0, 0.0) if reliability is None else (reliability.groups[0].expected, float(reliability.groups[0].observed))
    )


def draw_companies(events: pl.DataFrame, people: int, companies: int, seed: int) -> Iterator[pl.DataFrame]:
    """Draw people who share skills, and yield their events.

    A neighbourhood is everybody with two or more skills who holds one of the ten skills that most holders of a random
    skill hold. A skill whose neighbourhood has too few people is drawn again.

    Args:
        events: person_id, skill_id, ts.
        people: Number of people of a company.
        companies: Number of draws.
        seed: Seed of the draws.

    Raises:
        CommandFailed: No neighbourhood has so many people.
    """
    holdings = events.select("person_id", "skill_id").unique()
    experienced_people = holdings.group_by("person_id").len().filter(pl.col("len") >= 2).select("person_id")
    skill_ids = holdings["skill_id"].unique().sort()
    rng = np.random.default_rng([people, seed])
    for _ in range(companies):
        for skill_index in rng.permutation(len(skill_ids)).tolist():
            holders = holdings.filter(pl.col("skill_id") == skill_ids[skill_index]).select("person_id")
            shared_skills = (
                holdings.join(holders, on="person_id", how="semi")
                .group_by("skill_id")
                .len()
                .sort("len", "skill_id", descending=[True, False])
                .head(_SHARED_SKILLS)
            )
            neighbours = holdings.join(shared_skills, on="skill_id", how="semi").join(
                experienced_people, on="person_id", how="semi"
            )
            person_ids = neighbours["person_id"].unique().sort()
            if len(person_ids) >= people:
                chosen_ids = person_ids.gather(np.sort(rng.choice(len(person_ids), people, replace=False)))
                yield events.join(chosen_ids.to_frame(), on="person_id", how="semi")
                break
        else:
            raise CommandFailed(f"no neighbourhood of this history has {people} people")
