"""Answers: the best items of many people as columns of codes, and as the frame that callers get.

Belongs here: joining the parts that were scored apart, ids for codes. Does not belong here: scoring.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from ml.data.interactions import Doubles, Ints, Strings


@dataclass(frozen=True, eq=False)
class ScoredItems:
    """One entry a (person, item) among the best of that person."""

    person: Ints  # code within what was asked
    item: Ints
    place: Ints  # 0 = the best
    utility: Doubles
    probability: Doubles
    shares: Doubles  # entries x families of contributions


def concat_scored_items(parts: list[ScoredItems], first: list[int]) -> ScoredItems:
    """The parts one after the other; the people of part p are counted from first[p]."""
    return ScoredItems(
        np.concatenate([part.person + low for part, low in zip(parts, first, strict=True)]),
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("item", "place", "utility", "probability", "shares")
        ),
    )


def no_scored_items(contribution_names: tuple[str, ...]) -> ScoredItems:
    """The answer where nobody was asked about."""
    none = np.zeros(0, np.int64)
    return ScoredItems(none, none, none, none.astype(float), none.astype(float), np.zeros((0, len(contribution_names))))


def build_score_frame(
    best: ScoredItems, people: Strings, items: Strings, contribution_names: tuple[str, ...]
) -> pl.DataFrame:
    """One row an entry: person_id, skill_id, rank, score, probability, and a contribution a family."""
    return pl.DataFrame(
        {
            "person_id": pl.Series(people.tolist(), dtype=pl.String).gather(pl.Series(best.person)),
            "skill_id": pl.Series(items.tolist(), dtype=pl.String).gather(pl.Series(best.item)),
            "rank": (best.place + 1).astype(np.int32),
            "utility": best.utility,
            "probability": pl.Series(best.probability).fill_nan(None),
            **{f"contribution_{family}": best.shares[:, number] for number, family in enumerate(contribution_names)},
        }
    )
