"""Estimates compared with the truth planted in the demo company: stages, prerequisites, and learning paths.

Belongs here: the measures of agreement, each with its target.
Does not belong here: the files of the truth (`pipelines.demo`), how estimates are computed.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.contracts.columns import STAGES, stage_index

TOP = 3  # the first recommendations of a list, which a person reads first


@dataclass(frozen=True)
class TruthMeasure:
    """One measure: its value, its target, and the number of rows that it is computed from."""

    measure: str
    value: float
    target: float
    rows: int


def measure_stage_agreement(truth: Path, mastery: pl.DataFrame) -> TruthMeasure:
    """Linearly weighted kappa (Cohen 1968) of planted and estimated stages.

    Args:
        truth: Folder of the planted truth.
        mastery: Rows of the mastery table.
    """
    planted = pl.read_parquet(truth / "stages.parquet").select("person_id", "skill_id", "stage")
    return TruthMeasure("stages: weighted kappa", *compute_stage_kappa(planted, mastery))


def compute_stage_kappa(planted: pl.DataFrame, mastery: pl.DataFrame) -> tuple[float, float, int]:
    """Kappa over all pairs of person and micro-skill in either frame, without people who have no planted stage.

    Args:
        planted: person_id, skill_id and stage, one row per pair.
        mastery: The estimated stages in the same columns.

    Returns:
        Kappa, its target, and the number of pairs.
    """
    estimated = mastery.select("person_id", "skill_id", pl.col("stage").alias("estimated"))
    estimated = estimated.join(planted.select("person_id").unique(), on="person_id", how="semi")
    pairs = planted.join(estimated, on=("person_id", "skill_id"), how="full", coalesce=True)
    pairs = pairs.with_columns(pl.col("stage", "estimated").fill_null(STAGES[0]))
    planted_index, estimated_index = (
        pairs.select(stage_index(name)).to_series().to_numpy() for name in ("stage", "estimated")
    )
    return compute_weighted_kappa(planted_index, estimated_index, len(STAGES)), 0.8, pairs.height


def compute_weighted_kappa(left: np.ndarray, right: np.ndarray, size: int) -> float:
    """1 minus the disagreement, relative to the disagreement by chance; weights are linear in the distance.

    Args:
        left: Class of each item by the first rater, 0 to size - 1.
        right: Class of each item by the second rater.
        size: Number of classes.
    """
    table = np.bincount(left * size + right, minlength=size * size).reshape(size, size) / max(len(left), 1)
    distance = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    chance = float((distance * np.outer(table.sum(axis=1), table.sum(axis=0))).sum())
    return 1.0 - float((distance * table).sum()) / chance if chance else 1.0


def measure_prerequisite_agreement(truth: Path, learnt: pl.DataFrame) -> TruthMeasure:
    """F1 of learnt and planted prerequisites.

    Args:
        truth: Folder of the planted truth.
        learnt: skill_id and requires_skill_id, one row per learnt prerequisite.
    """
    planted = pl.read_parquet(truth / "prerequisites.parquet")
    return TruthMeasure("learnt prerequisites: F1", *compute_prerequisite_f1(planted, learnt))


def compute_prerequisite_f1(planted: pl.DataFrame, learnt: pl.DataFrame) -> tuple[float, float, int]:
    """F1 of two frames with skill_id and requires_skill_id.

    Returns:
        F1, its target, and the number of learnt prerequisites.
    """
    hits = learnt.join(planted, on=("skill_id", "requires_skill_id"), how="semi").height
    return 2 * hits / max(learnt.height + planted.height, 1), 0.8, learnt.height


def measure_path_share(truth: Path, rows: pl.DataFrame, steps: pl.DataFrame) -> list[TruthMeasure]:
    """Share of recommended new steps that are ahead on the person's planted path, compared with the most popular steps.

    The path is the role's curriculum without the skills that the person already took up. The baseline recommends as
    many steps per person: those that most people reached and the person has not.

    Args:
        truth: Folder of the planted truth.
        rows: Rows of `out__next_skill`.
        steps: Reached steps.

    Returns:
        One measure per length of the list and recommender.
    """
    recommended = rows.filter(pl.col("kind") == "new").select("person_id", "skill_id", "rank")
    popular = _recommend_popular(recommended, steps.filter(pl.col("kind") == "new"))
    ahead = _read_path_ahead(truth)
    measures = []
    for title, limit in (("all of the list", None), (f"first {TOP} of the list", TOP)):
        share, count = _share_on_path(recommended, ahead, limit)
        popular_share, popular_count = _share_on_path(popular, ahead, limit)
        measures += [
            TruthMeasure(f"on the planted path, {title}: footsteps", share, 2 * popular_share, count),
            TruthMeasure(f"on the planted path, {title}: popularity", popular_share, 0.0, popular_count),
        ]
    return measures


def _read_path_ahead(truth: Path) -> pl.DataFrame:
    roles, curricula = pl.read_parquet(truth / "roles.parquet"), pl.read_parquet(truth / "curricula.parquet")
    taken = pl.read_parquet(truth / "paths.parquet").select("person_id", "skill_id")
    return roles.join(curricula, on="role_name").join(taken, on=("person_id", "skill_id"), how="anti")


def _recommend_popular(recommended: pl.DataFrame, reached: pl.DataFrame) -> pl.DataFrame:
    popularity = reached.group_by("skill_id").len("holders")
    lengths = recommended.group_by("person_id").len("length")
    candidates = lengths.join(popularity, how="cross").join(reached, on=("person_id", "skill_id"), how="anti")
    candidates = candidates.sort("person_id", "holders", "skill_id", descending=[False, True, False])
    rank = pl.int_range(1, pl.len() + 1).over("person_id").alias("rank")
    return candidates.with_columns(rank).filter(pl.col("rank") <= pl.col("length"))


def _share_on_path(recommended: pl.DataFrame, ahead: pl.DataFrame, limit: int | None) -> tuple[float, int]:
    """The share of the first recommendations of each person that are on the path, and their number."""
    first = recommended
    if limit is not None:
        first = recommended.sort("person_id", "rank").filter(pl.int_range(pl.len()).over("person_id") < limit)
    return first.join(ahead, on=("person_id", "skill_id"), how="semi").height / max(first.height, 1), first.height
