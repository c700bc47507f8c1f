"""Estimates held against what was planted: stages, orders of micro-skills, and whether lists lie on people's paths.

Belongs here: the measures of agreement, with what each must reach.
Does not belong here: the truth's files (`truth`), how estimates are made.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.contracts.columns import STAGES

FIRST = 3  # of a list, those a person looks at first


@dataclass(frozen=True)
class TruthMeasure:
    """One row a measure: its value, what it must reach, and how many rows it rests on."""

    measure: str
    value: float
    target: float
    rows: int


def measure_stage_agreement(truth: Path, mastery: pl.DataFrame) -> TruthMeasure:
    """Linearly weighted kappa (Cohen 1968) of planted and estimated stages, over all pairs that either knows of."""
    planted = pl.read_parquet(truth / "stages.parquet").select("person_id", "skill_id", "stage")
    return TruthMeasure("stages: weighted kappa", *compute_stage_kappa(planted, mastery))


def compute_stage_kappa(planted: pl.DataFrame, mastery: pl.DataFrame) -> tuple[float, float, int]:
    """Kappa, what it must reach, and pairs; both frames: person_id, skill_id, stage. Unplanted people are left out."""
    found = mastery.select("person_id", "skill_id", pl.col("stage").alias("found"))
    found = found.join(planted.select("person_id").unique(), on="person_id", how="semi")
    both = planted.join(found, on=("person_id", "skill_id"), how="full", coalesce=True)
    index = {stage: place for place, stage in enumerate(STAGES)}
    codes = [
        both[name].fill_null(STAGES[0]).replace_strict(index, return_dtype=pl.Int64).to_numpy()
        for name in ("stage", "found")
    ]
    return compute_weighted_kappa(codes[0], codes[1], len(STAGES)), 0.8, both.height


def compute_weighted_kappa(left: np.ndarray, right: np.ndarray, size: int) -> float:
    """1 - disagreement over what the margins alone would give; a difference weighs as many stages as it spans."""
    table = np.bincount(left * size + right, minlength=size * size).reshape(size, size) / max(len(left), 1)
    apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    chance = float((apart * np.outer(table.sum(axis=1), table.sum(axis=0))).sum())
    return 1.0 - float((apart * table).sum()) / chance if chance else 1.0


def measure_prerequisite_agreement(truth: Path, learnt: pl.DataFrame) -> TruthMeasure:
    """F1 of learnt precedence (skill_id, requires_skill_id) and the planted prerequisites."""
    planted = pl.read_parquet(truth / "prerequisites.parquet")
    return TruthMeasure("learnt precedence: F1", *compute_prerequisite_f1(planted, learnt))


def compute_prerequisite_f1(planted: pl.DataFrame, learnt: pl.DataFrame) -> tuple[float, float, int]:
    """F1, what it must reach, and how many orders were learnt."""
    hits = learnt.join(planted, on=("skill_id", "requires_skill_id"), how="semi").height
    return 2 * hits / max(learnt.height + planted.height, 1), 0.8, learnt.height


def measure_path_share(truth: Path, rows: pl.DataFrame, steps: pl.DataFrame) -> list[TruthMeasure]:
    """Share of recommended new steps that lie ahead on the person's planted path, over that of the most popular steps.

    The path: the role's curriculum, without what the person has taken up. Popular: as many steps for each person, of
    those the person has not reached, by how many people reached them. rows: `out__next_skill`; steps: reached steps.
    """
    listed = rows.filter(pl.col("kind") == "new").select("person_id", "skill_id", "rank")
    popular = _popular(listed, steps.filter(pl.col("kind") == "new"))
    ahead = _ahead(truth)
    found = []
    for title, most in (("all of the list", None), (f"first {FIRST} of the list", FIRST)):
        ours, theirs = (_share_on_path(frame, ahead, most) for frame in (listed, popular))
        found += [
            TruthMeasure(f"on the planted path, {title}: footsteps", ours[0], 2 * theirs[0], ours[1]),
            TruthMeasure(f"on the planted path, {title}: popularity", theirs[0], 0.0, theirs[1]),
        ]
    return found


def _ahead(truth: Path) -> pl.DataFrame:
    roles, curricula = pl.read_parquet(truth / "roles.parquet"), pl.read_parquet(truth / "curricula.parquet")
    taken = pl.read_parquet(truth / "paths.parquet").select("person_id", "skill_id")
    return roles.join(curricula, on="role_name").join(taken, on=("person_id", "skill_id"), how="anti")


def _popular(listed: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
    counts = taken.group_by("skill_id").len("holders")
    target = listed.group_by("person_id").len("listed")
    others = target.join(counts, how="cross").join(taken, on=("person_id", "skill_id"), how="anti")
    others = others.sort("person_id", "holders", "skill_id", descending=[False, True, False])
    rank = pl.int_range(1, pl.len() + 1).over("person_id").alias("rank")
    return others.with_columns(rank).filter(pl.col("rank") <= pl.col("listed"))


def _share_on_path(listed: pl.DataFrame, ahead: pl.DataFrame, most: int | None) -> tuple[float, int]:
    first = listed
    if most is not None:
        place = pl.int_range(pl.len()).over("person_id")
        first = listed.sort("person_id", "rank").filter(place < most)
    return first.join(ahead, on=("person_id", "skill_id"), how="semi").height / max(first.height, 1), first.height
