"""A tool in half of the units, over many seeds: how often the interval of its effect holds the planted one.

Belongs here: what `footsteps bench practice` measures of events.
Does not belong here: the planted units (`planted_units`), the estimate (`ml.organisation.practice_events`).
"""

from typing import NamedTuple

import numpy as np

from benchmarks.practice.planted_units import list_planted, name_unit, plant_company
from ml.organisation.practice_events import EventEffect, estimate_effects

# The tool takes a quarter of the work on steps being taken, and lets a fifth more be finished.
PLANTED_SHARES = {"edge": -0.25, "finished": 0.2}
_WEEKS_SINCE = 20


class ToolCoverage(NamedTuple):
    """How well the effect of the tool was estimated.

    Attributes:
        held_counts: By kind: seeds in which the interval held the planted effect.
        mean_shares: By kind: mean of the estimated effects.
        quiet_held_count: Seeds in which the interval of reviews, which the tool does not touch, held 0.
        seed_count: Number of seeds.
    """

    held_counts: dict[str, int]
    mean_shares: dict[str, float]
    quiet_held_count: int
    seed_count: int


def measure_tool(unit_count: int, week_count: int, seed_count: int) -> ToolCoverage:
    """Estimate the effect of a tool that half of the units have.

    Args:
        unit_count: Number of units.
        week_count: Weeks of history.
        seed_count: Number of companies.
    """
    event_count = unit_count // 2
    factors = {kind: np.ones((unit_count, week_count)) for kind in PLANTED_SHARES}
    for kind, share in PLANTED_SHARES.items():
        factors[kind][:event_count, -_WEEKS_SINCE:] = 1 + share
    names = [name_unit(number) for number in range(unit_count)]
    effects_by_seed = []
    for seed in range(seed_count):
        planted = list_planted(plant_company(unit_count, week_count, 1_000 + seed, factors), week_count)
        effects = estimate_effects(
            planted.weeks, planted.staff_weeks, names[:event_count], names[event_count:], _WEEKS_SINCE
        )
        effects_by_seed.append({effect.practice_kind: effect for effect in effects})
    return ToolCoverage(
        {
            kind: sum(_holds(effects[kind], share) for effects in effects_by_seed)
            for kind, share in PLANTED_SHARES.items()
        },
        {kind: float(np.mean([effects[kind].effect_share for effects in effects_by_seed])) for kind in PLANTED_SHARES},
        sum(_holds(effects["review_given"], 0.0) for effects in effects_by_seed),
        seed_count,
    )


def _holds(effect: EventEffect, share: float) -> bool:
    return effect.low_share <= share <= effect.high_share
