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
    role_utility: FloatArray  # role x (last position) x skill -> utility from role and curriculum
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
    role_numbers = range(len(catalog.role_names))
    plan_position = np.zeros((len(role_numbers), catalog.size), dtype=np.int64)
    for role_number in role_numbers:
        skill_order = order_role(catalog, role_number, rng)
        plan_position[role_number, skill_order] = np.arange(1, len(skill_order) + 1)
    step_pull = np.zeros((len(role_numbers), int(plan_position.max()) + 1, catalog.size), dtype=np.float32)
    step_pull += (ROLE_PULL * catalog.importance**0.5)[:, None, :]
    for steps_ahead, pull_bonus in enumerate(NEXT_PULLS, start=1):
        path_cells = np.nonzero(plan_position >= steps_ahead)
        step_pull[path_cells[0], plan_position[path_cells] - steps_ahead, path_cells[1]] += pull_bonus
    trend = np.zeros(catalog.size, dtype=np.float32)
    trend[rng.random(catalog.size) < RISING_SHARE] = 1
    trend[rng.random(catalog.size) < FADING_SHARE] = -1
    trend[catalog.skills["capability_id"].is_in(RISING_CAPABILITIES).to_numpy()] = 1
    return Curricula(plan_position, step_pull, trend)


def order_role(catalog: Catalog, role_number: int, rng: np.random.Generator) -> list[int]:
    """Order the role's micro-skills: each after those it requires, essential ones early, capabilities together.

    Raises:
        ValueError: If the prerequisites form a circle.
    """
    waiting_skills = set(np.flatnonzero(catalog.importance[role_number] > 0).tolist())
    skill_order: list[int] = []
    while waiting_skills:
        ready_skills = sorted(
            skill_number
            for skill_number in waiting_skills
            if not waiting_skills & set(catalog.requires[skill_number].tolist())
        )
        if not ready_skills:
            role_name = catalog.role_names[role_number]
            raise ValueError(f"prerequisites of {role_name} form a circle: check prerequisites.csv")
        last_capability = catalog.capability_of[skill_order[-1]] if skill_order else -1
        skill_appeal = (
            catalog.importance[role_number, ready_skills]
            + 0.4 * (catalog.capability_of[ready_skills] == last_capability)
            + 0.5 * rng.random(len(ready_skills))
        )
        skill_order.append(ready_skills[int(np.argmax(skill_appeal))])
        waiting_skills.remove(skill_order[-1])
    return skill_order


def draw_gumbel(shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Draw standard Gumbel values: the largest sum of utility and draw chooses like a softmax."""
    exponential_draws = rng.standard_exponential(shape, dtype=np.float32)
    return np.asarray(-np.log(np.maximum(exponential_draws, np.float32(1e-12))), np.float32)


def choose_talents(catalog: Catalog, role_numbers: IntArray, rng: np.random.Generator) -> FloatArray:
    """Choose the capabilities that each person favours, mostly those of the role.

    Returns:
        Person x skill: 1 if the micro-skill is in a favoured capability, else 0.
    """
    capability_count = int(catalog.capability_of.max()) + 1
    role_fit = np.zeros((len(catalog.role_names), capability_count), dtype=np.float32)
    np.add.at(role_fit.T, catalog.capability_of, catalog.importance.T)
    capability_appeal = 0.25 * role_fit[role_numbers] + draw_gumbel((role_numbers.size, capability_count), rng)
    favoured_capabilities = np.argpartition(-capability_appeal, TALENTS, axis=1)[:, :TALENTS]
    is_favoured = np.zeros((role_numbers.size, capability_count), dtype=np.float32)
    np.put_along_axis(is_favoured, favoured_capabilities, 1, axis=1)
    return is_favoured[:, catalog.capability_of]


def generate_paths(
    people: pl.DataFrame,
    is_favoured: FloatArray,
    catalog: Catalog,
    curricula: Curricula,
    rng: np.random.Generator,
    *,
    history_start: int,
    history_end: int,
) -> Paths:
    """Draw the micro-skills that each person of a block takes up.

    They lie between `history_start` and `history_end` (days since 1970).
    """
    hired_day, role_numbers = people["hired_day"].to_numpy(), people["role"].to_numpy()
    last_day = np.minimum(people["left_day"].to_numpy() - 1, history_end)
    early_step_count = np.clip((history_start - hired_day) // 365, -1, 8) + 1 + rng.integers(0, 4, role_numbers.size)
    pace_days = NEW_GAP_DAYS * np.exp(rng.normal(0, 0.35, role_numbers.size))
    current_day = np.maximum(hired_day, history_start) + rng.integers(0, 12, role_numbers.size)
    path_position = np.zeros(role_numbers.size, dtype=np.int64)
    is_held = np.zeros((role_numbers.size, catalog.size + 1), dtype=bool)
    is_held[:, -1] = True
    skill_preference = TALENT_PULL * is_favoured + WEIGHT_PULL * catalog.weight
    step_events: list[tuple[IntArray, IntArray, IntArray, IntArray]] = []
    for step_number in range(1, LONGEST_PATH + 1):
        gap_days = np.where(step_number <= early_step_count, EARLY_GAP_DAYS, pace_days) * rng.gamma(
            2.0, 0.5, role_numbers.size
        )
        current_day = current_day + np.ceil(gap_days).astype(np.int64)
        active_rows = np.flatnonzero(current_day <= last_day)
        if not active_rows.size:
            break
        utility = (
            curricula.role_utility[role_numbers[active_rows], path_position[active_rows]]
            + skill_preference[active_rows]
        )
        time_share = ((current_day[active_rows] - history_start) / max(history_end - history_start, 1)).astype(
            np.float32
        ) - np.float32(0.5)
        utility += TREND_PULL * time_share[:, None] * curricula.trend
        is_ready = (
            is_held[active_rows[:, None], catalog.requires[:, 0]]
            & is_held[active_rows[:, None], catalog.requires[:, 1]]
        )
        utility += np.where(is_ready, np.float32(0), np.float32(UNREADY_PULL))
        utility += draw_gumbel(utility.shape, rng)
        utility[is_held[active_rows, :-1]] = -np.inf
        chosen_skills = utility.argmax(axis=1)
        is_held[active_rows, chosen_skills] = True
        chosen_position = curricula.position[role_numbers[active_rows], chosen_skills]
        path_position[active_rows] = np.where(chosen_position > 0, chosen_position, path_position[active_rows])
        step_events.append(
            (active_rows, chosen_skills, np.full(active_rows.size, step_number), current_day[active_rows])
        )
    event_columns = [np.concatenate(event_column) for event_column in zip(*step_events, strict=True)] or [
        np.zeros(0, dtype=np.int64)
    ] * 4
    return Paths(*event_columns)
