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

    path_positions: IntArray  # role x skill -> position on the role's path from 1, 0 if the path does not contain it
    role_utilities: FloatArray  # role x (last position) x skill -> utility from role and curriculum
    skill_trends: FloatArray  # skill -> 1 rising, -1 fading, 0 steady


@dataclass(frozen=True)
class Paths:
    """One entry per micro-skill taken up: the person's index in the block, the micro-skill, its position, the day."""

    person_indices: IntArray
    skill_numbers: IntArray
    step_numbers: IntArray
    day_numbers: IntArray


def plan_curricula(catalog: Catalog, *, seed: int) -> Curricula:
    """Plan an order of micro-skills for each role with prerequisites first, and rising and fading micro-skills."""
    rng = np.random.default_rng([seed, 2])
    role_numbers = range(len(catalog.role_names))
    path_positions = np.zeros((len(role_numbers), catalog.skill_count), dtype=np.int64)
    for role_number in role_numbers:
        skill_order = order_role(catalog, role_number, rng)
        path_positions[role_number, skill_order] = np.arange(1, len(skill_order) + 1)
    role_utilities = np.zeros((len(role_numbers), int(path_positions.max()) + 1, catalog.skill_count), dtype=np.float32)
    role_utilities += (ROLE_PULL * catalog.role_importance**0.5)[:, None, :]
    for steps_ahead, pull_bonus in enumerate(NEXT_PULLS, start=1):
        role_skill_cells = np.nonzero(path_positions >= steps_ahead)
        role_utilities[role_skill_cells[0], path_positions[role_skill_cells] - steps_ahead, role_skill_cells[1]] += (
            pull_bonus
        )
    skill_trends = np.zeros(catalog.skill_count, dtype=np.float32)
    skill_trends[rng.random(catalog.skill_count) < RISING_SHARE] = 1
    skill_trends[rng.random(catalog.skill_count) < FADING_SHARE] = -1
    skill_trends[catalog.skills["capability_id"].is_in(RISING_CAPABILITIES).to_numpy()] = 1
    return Curricula(path_positions, role_utilities, skill_trends)


def order_role(catalog: Catalog, role_number: int, rng: np.random.Generator) -> list[int]:
    """Order the role's micro-skills: each after those it requires, essential ones early, capabilities together.

    Raises:
        ValueError: If the prerequisites form a circle.
    """
    waiting_skills = set(np.flatnonzero(catalog.role_importance[role_number] > 0).tolist())
    skill_order: list[int] = []
    while waiting_skills:
        ready_skills = sorted(
            skill_number
            for skill_number in waiting_skills
            if not waiting_skills & set(catalog.required_skills[skill_number].tolist())
        )
        if not ready_skills:
            role_name = catalog.role_names[role_number]
            raise ValueError(f"prerequisites of {role_name} form a circle: check prerequisites.csv")
        last_capability = catalog.capability_numbers[skill_order[-1]] if skill_order else -1
        skill_appeal = (
            catalog.role_importance[role_number, ready_skills]
            + 0.4 * (catalog.capability_numbers[ready_skills] == last_capability)
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
    capability_count = int(catalog.capability_numbers.max()) + 1
    role_capability_fit = np.zeros((len(catalog.role_names), capability_count), dtype=np.float32)
    np.add.at(role_capability_fit.T, catalog.capability_numbers, catalog.role_importance.T)
    capability_appeal = 0.25 * role_capability_fit[role_numbers] + draw_gumbel(
        (role_numbers.size, capability_count), rng
    )
    favoured_capabilities = np.argpartition(-capability_appeal, TALENTS, axis=1)[:, :TALENTS]
    is_favoured_capability = np.zeros((role_numbers.size, capability_count), dtype=np.float32)
    np.put_along_axis(is_favoured_capability, favoured_capabilities, 1, axis=1)
    return is_favoured_capability[:, catalog.capability_numbers]


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

    They lie between `history_start` and `history_end` (days since 1970). Preferences, utilities and `holds_skill` are
    arrays of person x skill, as is `is_favoured` (see `choose_talents`); the other arrays have one number per person.
    """
    hired_days, role_numbers = people["hired_day"].to_numpy(), people["role"].to_numpy()
    last_days = np.minimum(people["left_day"].to_numpy() - 1, history_end)
    early_step_counts = np.clip((history_start - hired_days) // 365, -1, 8) + 1 + rng.integers(0, 4, role_numbers.size)
    mean_gap_days = NEW_GAP_DAYS * np.exp(rng.normal(0, 0.35, role_numbers.size))
    current_days = np.maximum(hired_days, history_start) + rng.integers(0, 12, role_numbers.size)
    last_positions = np.zeros(role_numbers.size, dtype=np.int64)
    holds_skill = np.zeros((role_numbers.size, catalog.skill_count + 1), dtype=bool)
    holds_skill[:, -1] = True
    skill_preferences = TALENT_PULL * is_favoured + WEIGHT_PULL * catalog.skill_weights
    step_events: list[tuple[IntArray, IntArray, IntArray, IntArray]] = []
    for step_number in range(1, LONGEST_PATH + 1):
        step_mean_days = np.where(step_number <= early_step_counts, EARLY_GAP_DAYS, mean_gap_days)
        gap_days = step_mean_days * rng.gamma(2.0, 0.5, role_numbers.size)
        current_days = current_days + np.ceil(gap_days).astype(np.int64)
        active_rows = np.flatnonzero(current_days <= last_days)
        if not active_rows.size:
            break
        skill_utilities = (
            curricula.role_utilities[role_numbers[active_rows], last_positions[active_rows]]
            + skill_preferences[active_rows]
        )
        time_shares = (current_days[active_rows] - history_start) / max(history_end - history_start, 1)
        centred_time_shares = time_shares.astype(np.float32) - np.float32(0.5)
        skill_utilities += TREND_PULL * centred_time_shares[:, None] * curricula.skill_trends
        has_prerequisites = (
            holds_skill[active_rows[:, None], catalog.required_skills[:, 0]]
            & holds_skill[active_rows[:, None], catalog.required_skills[:, 1]]
        )
        skill_utilities += np.where(has_prerequisites, np.float32(0), np.float32(UNREADY_PULL))
        skill_utilities += draw_gumbel(skill_utilities.shape, rng)
        skill_utilities[holds_skill[active_rows, :-1]] = -np.inf
        chosen_skills = skill_utilities.argmax(axis=1)
        holds_skill[active_rows, chosen_skills] = True
        chosen_positions = curricula.path_positions[role_numbers[active_rows], chosen_skills]
        last_positions[active_rows] = np.where(chosen_positions > 0, chosen_positions, last_positions[active_rows])
        step_numbers = np.full(active_rows.size, step_number)
        step_events.append((active_rows, chosen_skills, step_numbers, current_days[active_rows]))
    if not step_events:
        return Paths(*[np.zeros(0, dtype=np.int64)] * 4)
    return Paths(*(np.concatenate(step_column) for step_column in zip(*step_events, strict=True)))
