"""Benchmark of variety: what the limits of a list cost in accuracy, and what they give in variety.

Belongs here: the lists under several limits, on demo companies or a real history, and their measures.
Does not belong here: the limits (`ml.recommend`), the measures (`ml.evaluation`).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy import sparse

from assets.cli.evaluate import read_history
from assets.cli.terminal.console import print_json, print_note, print_table
from assets.reporting.evaluation_plots import HIGHLIGHT_COLOUR, PALE_COLOUR, TEXT_COLOUR, render_png
from benchmarks.lists.demo_company import (
    CANDIDATES_PER_PERSON,
    HORIZON_DAYS,
    NEW_STAGE,
    build_demo_company,
    rank_new_steps,
)
from ml.data.statistics import LIST_LENGTH, ndcg_from_ranks, percentile_interval
from ml.evaluation.metrics import bootstrap_means
from ml.evaluation.variety import KnownItems, Variety, measure_variety
from ml.ranking.fitting import fit_recommender
from ml.recommend.common_steps import add_commonness, count_held_steps
from ml.recommend.motives import empty_preferences, score_motives
from ml.recommend.reranking import add_blended_score, add_names, select_listed_steps
from pipelines.contracts.policy import RecommendationPolicy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIRST_SEED = 201
OFF = RecommendationPolicy(common_steps=LIST_LENGTH, per_capability=LIST_LENGTH)
COMMON_LIMITS, CAPABILITY_LIMITS = (1, 2, 3, 4, 5, 7), (1, 2, 3, 4, 5, 7)


@dataclass(frozen=True)
class ListCases:
    """Scored steps of people at a freeze, and what they took up afterwards.

    Attributes:
        scored_steps: One row per person and candidate, as `select_listed_steps` takes them.
        later_steps: person_id, skill_id of the micro-skills taken up within the horizon after the freeze.
        held_skills: person_id, skill_id at the freeze.
    """

    scored_steps: pl.DataFrame
    later_steps: pl.DataFrame
    held_skills: pl.DataFrame


@dataclass(frozen=True)
class LimitResult:
    """Lists under one pair of limits; ndcg_ratio is to lists without limits, with its 95 % interval over people."""

    common_steps: int
    per_capability: int
    ndcg_at_10: float
    ndcg_ratio: float
    ndcg_ratio_low: float
    ndcg_ratio_high: float
    coverage: float
    novelty: float
    exposure_gini: float
    list_distance: float
    common_per_list: float
    displaced_per_list: float


def print_tradeoff(
    events_file: Path | None,
    units_file: Path | None,
    companies: int,
    people: int,
    plot_file: Path | None,
    as_json: bool,
) -> None:
    """Measure lists under each limit, and print one row per limit."""
    cases = (
        [build_history_cases(events_file, units_file)]
        if events_file
        else [build_demo_cases(people, FIRST_SEED + number) for number in range(companies)]
    )
    results = list(compare_limits(cases))
    if plot_file is not None:
        plot_file.write_bytes(draw_tradeoff(results))
    if as_json:
        print_json([asdict(result) for result in results])
        return
    headings = (
        *("common steps", "per capability", "NDCG@10", "ratio"),
        *(*Variety.__dataclass_fields__, "common per list", "displaced per list"),
    )
    rows = [
        [
            f"{result.common_steps}",
            f"{result.per_capability}",
            f"{result.ndcg_at_10:.4f}",
            f"{result.ndcg_ratio:.4f} [{result.ndcg_ratio_low:.4f}, {result.ndcg_ratio_high:.4f}]",
            *(f"{getattr(result, measure):.3f}" for measure in Variety.__dataclass_fields__),
            f"{result.common_per_list:.2f}",
            f"{result.displaced_per_list:.2f}",
        ]
        for result in results
    ]
    print_table("Lists under limits", dict.fromkeys(headings, "right"), rows)


def draw_tradeoff(results: list[LimitResult]) -> bytes:
    """Draw NDCG@10 relative to lists without limits against the distance within lists, as PNG; 0.99 is marked."""

    def draw(axes: "Axes") -> None:
        for limit_name, other_name, colour in (
            ("common_steps", "per_capability", HIGHLIGHT_COLOUR),
            ("per_capability", "common_steps", TEXT_COLOUR),
        ):
            # the first result has no limit and belongs to both lines
            line = [*(result for result in results[1:] if getattr(result, other_name) == LIST_LENGTH), results[0]]
            distances = [result.list_distance for result in line]
            axes.plot(distances, [result.ndcg_ratio for result in line], "o-", color=colour, label=limit_name)
            for result in line:
                axes.annotate(str(getattr(result, limit_name)), (result.list_distance, result.ndcg_ratio), color=colour)
        axes.axhline(0.99, color=PALE_COLOUR, linewidth=1)
        axes.set_xlabel("distance within a list")
        axes.set_ylabel("NDCG@10 over that of lists without limits")
        axes.legend(frameon=False)

    return render_png(draw)


def compare_limits(cases: list[ListCases]) -> Iterator[LimitResult]:
    """Measure lists without limits, and with one limit at a time.

    Args:
        cases: The cases of each company; their people are pooled, their variety is a mean.
    """
    policies = [
        OFF,
        *(RecommendationPolicy(common_steps=limit, per_capability=LIST_LENGTH) for limit in COMMON_LIMITS),
        *(RecommendationPolicy(common_steps=LIST_LENGTH, per_capability=limit) for limit in CAPABILITY_LIMITS),
    ]
    lists_by_policy = [[select_listed_steps(case.scored_steps, policy) for case in cases] for policy in policies]
    # people x policies
    ndcg = np.stack(
        [
            np.concatenate([score_lists(listed, case) for listed, case in zip(policy_lists, cases, strict=True)])
            for policy_lists in lists_by_policy
        ],
        axis=1,
    )
    bootstrap_ndcg = bootstrap_means(ndcg, np.arange(len(ndcg)), 0)
    ratio_bounds = percentile_interval(bootstrap_ndcg / bootstrap_ndcg[:, [0]])
    for policy_index, (policy, policy_lists) in enumerate(zip(policies, lists_by_policy, strict=True)):
        ratio_low, ratio_high = ratio_bounds[:, policy_index].tolist()
        varieties = [_measure_lists(listed, case) for listed, case in zip(policy_lists, cases, strict=True)]
        listed_steps = pl.concat([listed.select("is_common", "displaced_count", "rank") for listed in policy_lists])
        first_steps = listed_steps.filter(pl.col("rank") == 1)
        mean_ndcg = float(ndcg[:, policy_index].mean())
        yield LimitResult(
            common_steps=policy.common_steps,
            per_capability=policy.per_capability,
            ndcg_at_10=mean_ndcg,
            ndcg_ratio=mean_ndcg / float(ndcg[:, 0].mean()),
            ndcg_ratio_low=ratio_low,
            ndcg_ratio_high=ratio_high,
            **{
                measure: float(np.mean([getattr(variety, measure) for variety in varieties]))
                for measure in Variety.__dataclass_fields__
            },
            common_per_list=float(listed_steps["is_common"].sum() / first_steps.height),
            displaced_per_list=float(first_steps["displaced_count"].sum() / first_steps.height),
        )


def score_lists(listed_steps: pl.DataFrame, case: ListCases) -> np.ndarray:
    """NDCG@10 of each person with a later step, shape (people,)."""
    targets = case.later_steps.sort("person_id", "skill_id").join(
        listed_steps.select("person_id", "skill_id", pl.col("rank").cast(pl.Float64)),
        on=("person_id", "skill_id"),
        how="left",
        maintain_order="left",
    )
    target_rows = (targets["person_id"].rank("dense") - 1).cast(pl.Int64).to_numpy()
    return ndcg_from_ranks(target_rows, targets["rank"].fill_null(np.inf).to_numpy(), np.bincount(target_rows))


def _measure_lists(listed_steps: pl.DataFrame, case: ListCases) -> Variety:
    skill_ids = pl.concat([case.held_skills["skill_id"], case.scored_steps["skill_id"]]).unique().sort()
    person_ids = case.held_skills["person_id"].unique().sort()
    people_by_skills = sparse.csr_matrix(
        (
            np.ones(case.held_skills.height, np.float32),
            (
                person_ids.search_sorted(case.held_skills["person_id"]),
                skill_ids.search_sorted(case.held_skills["skill_id"]),
            ),
        ),
        shape=(len(person_ids), len(skill_ids)),
    )
    top_steps = listed_steps.filter(pl.col("rank") <= LIST_LENGTH)
    top_items = np.full((top_steps["person_id"].n_unique(), LIST_LENGTH), -1)
    person_rows = (top_steps["person_id"].rank("dense") - 1).cast(pl.Int64).to_numpy()
    top_items[person_rows, top_steps["rank"].to_numpy() - 1] = skill_ids.search_sorted(top_steps["skill_id"])
    holder_counts = np.asarray(people_by_skills.sum(axis=0), np.int64).ravel()
    known_items = KnownItems(holder_counts, sparse.csr_matrix(people_by_skills.T @ people_by_skills), len(person_ids))
    return measure_variety(top_items, known_items)


def build_demo_cases(people: int, seed: int) -> ListCases:
    """Score the candidates of a demo company one horizon before its last day, by the blend with motives."""
    print_note(f"demo company {seed}")
    company = build_demo_company(people, seed, held_out_days=HORIZON_DAYS)
    steps = add_names(rank_new_steps(company, company.events, company.last_day), company.context)
    scored_steps = add_blended_score(
        score_motives(steps, company.context), RecommendationPolicy().weights, company.context.preferences
    )
    return ListCases(scored_steps, company.later_steps, company.context.mastery.select("person_id", "skill_id"))


def build_history_cases(events_file: Path, units_file: Path | None) -> ListCases:
    """Score the candidates of a history one horizon before its last event, by the probability alone.

    Args:
        events_file: The history (see `read_history`).
        units_file: CSV or Parquet with person_id, unit_name; without it no step is common.
    """
    history = read_history(events_file).select("person_id", "skill_id", "ts")
    freeze = history.select(pl.col("ts").max() - timedelta(days=HORIZON_DAYS)).item()
    events = history.filter(pl.col("ts") <= freeze)
    recommender = fit_recommender(events, as_of=freeze, horizon_days=HORIZON_DAYS)
    held_skills = events.select("person_id", "skill_id").unique()
    later_steps = (
        history.filter(pl.col("ts") > freeze)
        .select("person_id", "skill_id")
        .unique()
        .join(held_skills, on=("person_id", "skill_id"), how="anti")
        .join(held_skills, on="person_id", how="semi")
    )
    scored_steps = recommender.score(
        events, later_steps["person_id"].unique(), as_of=freeze, max_items=CANDIDATES_PER_PERSON
    )
    units = pl.DataFrame(schema={"person_id": pl.String, "unit_name": pl.String})
    if units_file is not None:
        units = (pl.read_csv if units_file.suffix == ".csv" else pl.read_parquet)(units_file)
    mastery = held_skills.with_columns(stage=pl.lit(NEW_STAGE))
    held_steps = count_held_steps(
        mastery, units.select("person_id", "unit_name"), held_skills.select("skill_id").unique(), 3
    )
    steps = scored_steps.select(
        "person_id",
        "skill_id",
        pl.col("skill_id").alias("step_id"),
        "probability",
        "utility",
        *(pl.lit(None, pl.Float64).alias(motive) for motive in ("mastery", "autonomy", "purpose")),
        to_stage=pl.lit(NEW_STAGE),
        kind=pl.lit("new"),
        capability_name=pl.col("skill_id").str.extract(r"^([^/]*)/"),
        is_accepted=pl.lit(False),
    )
    scored_steps = add_blended_score(
        add_commonness(steps, **vars(held_steps)), RecommendationPolicy().weights, empty_preferences()
    )
    return ListCases(scored_steps, later_steps, held_skills)
