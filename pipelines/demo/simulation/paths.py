"""The paths of people through the micro-skills: which one each person takes up next, and when.

Belongs here: role curricula, the utilities of role, talent, prerequisites, trend and last step, and the choices that
follow from them.
Does not belong here: how well a micro-skill is then mastered, and the evidence of it.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.demo.simulation.catalog import Catalog, FloatArray, IntArray

# Utilities on the scale of one Gumbel draw. The role decides the field, the last step decides within it. The values
# come from trials: popularity predicts far worse than a model of histories, and nobody is fully predictable.
ROLE_PULL = 3.6
NEXT_PULLS = (2.6, 1.7, 1.0)  # the next, second next and third next micro-skill on the role's curriculum
TALENT_PULL = 0.9
TREND_PULL = 1.3  # from one end of the history to the other, for a rising or fading micro-skill
UNREADY_PULL = -5.0  # some people start before they are ready
WEIGHT_PULL = 0.12
TALENTS = 3  # capabilities that a person favours
RISING_CAPABILITIES = ("aut", "sus")
RISING_SHARE, FADING_SHARE = 0.06, 0.12
LONGEST_PATH = 40
EARLY_GAP_DAYS, NEW_GAP_DAYS = 12.0, 55.0  # between micro-skills known at the start, and between later ones


@dataclass(frozen=True)
class Curricula:
    """The plan of the whole company: an order of micro-skills per role, and a trend per micro-skill."""

    position: IntArray  # role x skill -> position on the role's path from 1, 0 if the path does not contain it
    pull: FloatArray  # role x (last position) x skill -> utility from role and curriculum
    trend: FloatArray  # skill -> 1 rising, -1 fading, 0 steady


@dataclass(frozen=True)
class Paths:
    """One entry per micro-skill taken up: the person's row in the block, the micro-skill, its position, the day."""

    row: IntArray
    skill: IntArray
    step: IntArray
    day: IntArray


def plan_curricula(catalog: Catalog, *, seed: int) -> Curricula:
    """Plan an order of micro-skills for each role with prerequisites first, and rising and fading micro-skills."""
    rng = np.random.default_rng([seed, 2])
    roles = range(len(catalog.role_names))
    position = np.zeros((len(roles), catalog.size), dtype=np.int64)
    for role in roles:
        order = order_role(catalog, role, rng)
        position[role, order] = np.arange(1, len(order) + 1)
    pull = np.zeros((len(roles), int(position.max()) + 1, catalog.size), dtype=np.float32)
    pull += (ROLE_PULL * catalog.importance**0.5)[:, None, :]
    for ahead, bonus in enumerate(NEXT_PULLS, start=1):
        on_path = np.nonzero(position >= ahead)
        pull[on_path[0], position[on_path] - ahead, on_path[1]] += bonus
    trend = np.zeros(catalog.size, dtype=np.float32)
    trend[rng.random(catalog.size) < RISING_SHARE] = 1
    trend[rng.random(catalog.size) < FADING_SHARE] = -1
    trend[catalog.skills["capability_id"].is_in(RISING_CAPABILITIES).to_numpy()] = 1
    return Curricula(position, pull, trend)


def order_role(catalog: Catalog, role: int, rng: np.random.Generator) -> list[int]:
    """Order the role's micro-skills: each after those it requires, essential ones early, capabilities together.

    Raises:
        ValueError: If the prerequisites form a circle.
    """
    waiting = set(np.flatnonzero(catalog.importance[role] > 0).tolist())
    order: list[int] = []
    while waiting:
        ready = sorted(skill for skill in waiting if not waiting & set(catalog.requires[skill].tolist()))
        if not ready:
            raise ValueError(f"prerequisites of {catalog.role_names[role]} form a circle: check prerequisites.csv")
        last = catalog.capability_of[order[-1]] if order else -1
        appeal = (
            catalog.importance[role, ready]
            + 0.4 * (catalog.capability_of[ready] == last)
            + 0.5 * rng.random(len(ready))
        )
        order.append(ready[int(np.argmax(appeal))])
        waiting.remove(order[-1])
    return order


def draw_gumbel(shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Draw standard Gumbel values: the largest sum of utility and draw chooses like a softmax."""
    exponential = rng.standard_exponential(shape, dtype=np.float32)
    return np.asarray(-np.log(np.maximum(exponential, np.float32(1e-12))), np.float32)


def choose_talents(catalog: Catalog, role: IntArray, rng: np.random.Generator) -> FloatArray:
    """Choose the capabilities that each person favours, mostly those of the role.

    Returns:
        Person x skill: 1 if the micro-skill is in a favoured capability, else 0.
    """
    capabilities = int(catalog.capability_of.max()) + 1
    fit = np.zeros((len(catalog.role_names), capabilities), dtype=np.float32)
    np.add.at(fit.T, catalog.capability_of, catalog.importance.T)
    appeal = 0.25 * fit[role] + draw_gumbel((role.size, capabilities), rng)
    favoured = np.argpartition(-appeal, TALENTS, axis=1)[:, :TALENTS]
    talent = np.zeros((role.size, capabilities), dtype=np.float32)
    np.put_along_axis(talent, favoured, 1, axis=1)
    return talent[:, catalog.capability_of]


def generate_paths(
    people: pl.DataFrame,
    talent: FloatArray,
    catalog: Catalog,
    curricula: Curricula,
    rng: np.random.Generator,
    *,
    start: int,
    end: int,
) -> Paths:
    """Draw the micro-skills that each person of a block takes up between `start` and `end` (days since 1970)."""
    hired, role = people["hired_day"].to_numpy(), people["role"].to_numpy()
    until = np.minimum(people["left_day"].to_numpy() - 1, end)
    early_steps = np.clip((start - hired) // 365, -1, 8) + 1 + rng.integers(0, 4, role.size)
    pace = NEW_GAP_DAYS * np.exp(rng.normal(0, 0.35, role.size))
    day = np.maximum(hired, start) + rng.integers(0, 12, role.size)
    position = np.zeros(role.size, dtype=np.int64)
    held = np.zeros((role.size, catalog.size + 1), dtype=bool)
    held[:, -1] = True
    preference = TALENT_PULL * talent + WEIGHT_PULL * catalog.weight
    steps: list[tuple[IntArray, IntArray, IntArray, IntArray]] = []
    for step in range(1, LONGEST_PATH + 1):
        gap = np.where(step <= early_steps, EARLY_GAP_DAYS, pace) * rng.gamma(2.0, 0.5, role.size)
        day = day + np.ceil(gap).astype(np.int64)
        rows = np.flatnonzero(day <= until)
        if not rows.size:
            break
        utility = curricula.pull[role[rows], position[rows]] + preference[rows]
        when = ((day[rows] - start) / max(end - start, 1)).astype(np.float32) - np.float32(0.5)
        utility += TREND_PULL * when[:, None] * curricula.trend
        is_ready = held[rows[:, None], catalog.requires[:, 0]] & held[rows[:, None], catalog.requires[:, 1]]
        utility += np.where(is_ready, np.float32(0), np.float32(UNREADY_PULL))
        utility += draw_gumbel(utility.shape, rng)
        utility[held[rows, :-1]] = -np.inf
        skill = utility.argmax(axis=1)
        held[rows, skill] = True
        on_path = curricula.position[role[rows], skill]
        position[rows] = np.where(on_path > 0, on_path, position[rows])
        steps.append((rows, skill, np.full(rows.size, step), day[rows]))
    columns = [np.concatenate(column) for column in zip(*steps, strict=True)] or [np.zeros(0, dtype=np.int64)] * 4
    return Paths(*columns)
