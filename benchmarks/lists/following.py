"""Benchmark of following lists: how far people of demo companies get by imitation, and by the blend with motives.

Belongs here: the lists of each kind, a year in which everybody takes the first steps of them, and the planted benefit.
Does not belong here: the planted rules (`pipelines.demo.simulation`), the company's tables (`demo_company`).

Nothing here says what happens at a real company: people follow every list, and the benefit of a step is the planted
share of those who take it up and become journeymen. This share depends on the role and on the person's talents, which
the motives partly know; it was part of the demo before the blend was measured against it.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np
import polars as pl
from scipy import stats

from assets.cli.terminal.console import print_json, print_note, print_table
from benchmarks.lists.demo_company import (
    HORIZON_DAYS,
    NEW_STAGE,
    DemoCompany,
    build_demo_company,
    rank_new_steps,
    to_time,
)
from ml.recommend.motives import RecommendationContext
from ml.recommend.reranking import rerank_candidates
from pipelines.contracts.policy import RecommendationPolicy, ScoreWeights
from pipelines.demo.simulation.paths import NEW_GAP_DAYS

ROUNDS = 4  # of one horizon each: about a year
FIRST_SEED = 101  # fixed before the first run; the demo's own default seed is another
# The weights of the blend are the defaults of the policy. The last kind orders the candidates by their planted benefit,
# which no recommender knows: the most that another order could reach.
POLICY_BY_LISTS = {
    "imitation": RecommendationPolicy(weights=ScoreWeights(probability=1.0, mastery=0.0, autonomy=0.0, purpose=0.0)),
    "blend": RecommendationPolicy(),
}
LISTS = (*POLICY_BY_LISTS, "planted benefit")
MEASURES = ("journeymen", "fresh_180", "fresh_365", "essential", "capabilities")


@dataclass(frozen=True)
class FollowingResult:
    """How far lists bring a person in a year, as a mean over companies.

    Attributes:
        lists: Kind of the lists.
        measure: journeymen (expected number of steps that lead to journeyman), fresh_180 and fresh_365 (of these, the
            expected number that a judge still finds fresh so many days after the last practice), essential (taken steps
            that the role calls essential), capabilities (completed).
        mean: Mean per person.
        gain: Mean difference from imitation, paired by company, and its 95 % t interval over companies.
        gain_low: Lower end.
        gain_high: Upper end.
    """

    lists: str
    measure: str
    mean: float
    gain: float
    gain_low: float
    gain_high: float


def print_following(people: int, companies: int, as_json: bool) -> None:
    """Let the people of each company follow each kind of list, and print how far they get."""
    results = compare_lists(people, companies)
    if as_json:
        print_json([asdict(result) for result in results])
        return
    headings = {"lists": "left", "measure": "left", "per person": "right", "more than imitation": "right"}
    rows = [
        [
            result.lists,
            result.measure,
            f"{result.mean:.3f}",
            f"{result.gain:+.3f} [{result.gain_low:+.3f}, {result.gain_high:+.3f}]",
        ]
        for result in results
    ]
    print_table(f"A year of following lists, {companies} demo companies of {people} people", headings, rows)


def compare_lists(people: int, companies: int) -> list[FollowingResult]:
    """Compare LISTS with imitation.

    Args:
        people: Number of people per company.
        companies: Number of companies, at least two; their seeds follow `FIRST_SEED`.
    """
    # companies x kinds of lists x measures
    means = np.empty((companies, len(LISTS), len(MEASURES)))
    for company_index in range(companies):
        print_note(f"company {company_index + 1} of {companies}")
        company = build_demo_company(people, FIRST_SEED + company_index)
        for lists_index, lists_name in enumerate(LISTS):
            means[company_index, lists_index] = follow_lists(company, lists_name, FIRST_SEED + company_index)
    gains = means - means[:, [0]]
    margins = stats.t.ppf(0.975, companies - 1) * gains.std(axis=0, ddof=1) / np.sqrt(companies)
    return [
        FollowingResult(
            lists_name,
            measure,
            float(means[:, lists_index, measure_index].mean()),
            float(gains[:, lists_index, measure_index].mean()),
            float(gains[:, lists_index, measure_index].mean() - margins[lists_index, measure_index]),
            float(gains[:, lists_index, measure_index].mean() + margins[lists_index, measure_index]),
        )
        for measure_index, measure in enumerate(MEASURES)
        for lists_index, lists_name in enumerate(LISTS)
    ]


def follow_lists(company: DemoCompany, lists_name: str, seed: int) -> np.ndarray:
    """Let everybody take the first steps of a new list in each round.

    The number of steps per person and round is Poisson with the demo's mean pace, and the same for every kind of list.

    Args:
        company: The company.
        lists_name: One of LISTS.
        seed: Seed of the pace.

    Returns:
        The mean of each of MEASURES over people, shape (measures,).
    """
    rng = np.random.default_rng([seed, 9])
    events, context = company.events, company.context
    taken_frames = []
    for round_number in range(ROUNDS):
        step_counts = company.people.select(
            "person_id", step_count=pl.Series(rng.poisson(HORIZON_DAYS / NEW_GAP_DAYS, company.people.height))
        )
        candidates = rank_new_steps(company, events, company.last_day + round_number * HORIZON_DAYS)
        listed_steps = list_steps(company, lists_name, candidates, context)
        taken_steps = (
            listed_steps.select("person_id", "skill_id", "rank")
            .join(step_counts, on="person_id")
            .filter(pl.col("rank") <= pl.col("step_count"))
            .select("person_id", "skill_id")
        )
        taken_frames.append(taken_steps)
        taken_day = company.last_day + 1 + round_number * HORIZON_DAYS
        events = pl.concat(
            [
                events,
                taken_steps.select(
                    "person_id", pl.col("skill_id") + f"|{NEW_STAGE}", to_time(pl.lit(taken_day)).alias("ts")
                ),
            ]
        )
        context = replace(
            context,
            mastery=pl.concat([context.mastery, taken_steps.with_columns(stage=pl.lit(NEW_STAGE))]),
        )
    return measure_progress(company, pl.concat(taken_frames))


def measure_progress(company: DemoCompany, taken_steps: pl.DataFrame) -> np.ndarray:
    """The mean of each of MEASURES over all people of the company, shape (measures,)."""
    catalog = company.world.catalog
    steps = taken_steps.join(company.people, on="person_id").join(
        catalog.skills.select("skill_id", "capability_id").with_row_index("skill"), on="skill_id"
    )
    person_numbers, skill_numbers = steps["person"].to_numpy(), steps["skill"].to_numpy()
    journeyman_shares = company.benefits[person_numbers, skill_numbers]
    half_lives = company.world.half_life_days[skill_numbers]
    is_essential = catalog.role_importance[steps["role"].to_numpy(), skill_numbers] == 1
    totals = (
        journeyman_shares.sum(),
        *((journeyman_shares * 2.0 ** (-days / half_lives)).sum() for days in (180, 365)),
        is_essential.sum(),
        _count_completed_capabilities(company, taken_steps),
    )
    return np.array(totals, np.float64) / company.people.height


def _count_completed_capabilities(company: DemoCompany, taken_steps: pl.DataFrame) -> int:
    capabilities = company.world.catalog.skills.select("skill_id", "capability_id")
    sizes = capabilities.group_by("capability_id").len("size")
    held_before = company.context.mastery.select("person_id", "skill_id").join(
        company.people, on="person_id", how="semi"
    )

    def list_complete(held_skills: pl.DataFrame) -> pl.DataFrame:
        held_counts = (
            held_skills.unique().join(capabilities, on="skill_id").group_by("person_id", "capability_id").len()
        )
        return held_counts.join(sizes, on="capability_id").filter(pl.col("len") == pl.col("size"))

    held_after = pl.concat([held_before, taken_steps])
    return list_complete(held_after).height - list_complete(held_before).height


def list_steps(
    company: DemoCompany, lists_name: str, candidates: pl.DataFrame, context: RecommendationContext
) -> pl.DataFrame:
    """List the candidates in the order of one kind of lists; see LISTS.

    Returns:
        One row per person and listed step: person_id, skill_id, rank and other columns.
    """
    if lists_name in POLICY_BY_LISTS:
        return rerank_candidates(candidates, context, POLICY_BY_LISTS[lists_name])
    numbered_candidates = candidates.join(company.people, on="person_id", maintain_order="left").join(
        company.world.catalog.skills.select("skill_id").with_row_index("skill"), on="skill_id", maintain_order="left"
    )
    benefits = company.benefits[numbered_candidates["person"].to_numpy(), numbered_candidates["skill"].to_numpy()]
    # equal benefits keep the order of the recommender
    return numbered_candidates.with_columns(benefit=pl.Series(benefits)).with_columns(
        rank=pl.col("benefit").rank("ordinal", descending=True).over("person_id")
    )
