"""Planted bias: how often an audit finds it, and how often it finds something where there is none.

Belongs here: simulated people, the biases, and the rates of findings over seeds.
Does not belong here: the audit itself (`ml.fairness`).

The simulation is one of tables, not of exports: a run of the pipeline per seed would take hours. People have courses,
projects and peers as a company has; their lists, probabilities, examples and later steps follow from these.
"""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from assets.cli.terminal.console import print_json, print_table
from ml.data.sparse_rows import Bools
from ml.fairness.audit import AuditedPeople, audit_groups
from ml.fairness.findings import AuditLimits
from ml.fairness.measures import RATE
from ml.fairness.outcomes import count_promised_steps, describe_outcomes

_PROMISED_AT, _HORIZON_DAYS = date(2026, 1, 1), 90
_LIST_LENGTH, _MEAN_COURSES = 10, 12.0
_CONSENTING_SHARE, _EXAMPLE_SHARE, _FOLLOWED_SHARE = 0.7, 0.6, 0.5
# The biased groups: a third of all people each.
_COURSE_GROUP, _EXAMPLE_GROUP = ("origin", "b"), ("origin", "c")


@dataclass(frozen=True)
class Bias:
    """What is planted.

    Attributes:
        name: Name of the bias.
        course_factor: Courses of one group that are recorded.
        example_factor: How often people of another group are shown as an example, relative to everybody else.
    """

    name: str
    course_factor: float = 1.0
    example_factor: float = 1.0


NO_BIAS = Bias("none")
BIASES = (
    NO_BIAS,
    Bias("half of the courses", course_factor=0.5),
    Bias("half as often an example", example_factor=0.5),
    Bias("both", 0.5, 0.5),
)


@dataclass(frozen=True)
class FoundBias:
    """What audits found of one bias over all seeds.

    Attributes:
        bias: Name of the bias.
        people: People of the company.
        audits: Number of seeds.
        with_findings: Audits with any finding.
        courses_found: Audits that found the group with fewer courses, by its rates or by a feature.
        courses_in_rates: Audits that found it by a selection rate.
        examples_found: Audits that found the group that is seldom an example.
        false_groups: Audits with a finding about an attribute or a measure that no planted bias touches.
    """

    bias: str
    people: int
    audits: int = 0
    with_findings: int = 0
    courses_found: int = 0
    courses_in_rates: int = 0
    examples_found: int = 0
    false_groups: int = 0


def print_planted_bias(people_count: int, seed_count: int, as_json: bool) -> None:
    """Audit simulated companies with each bias and print how often it is found.

    Args:
        people_count: People of a company.
        seed_count: Companies per bias.
        as_json: Whether to print JSON.
    """
    found_biases = [measure_found_bias(bias, people_count, range(seed_count)) for bias in BIASES]
    if as_json:
        print_json([asdict(found_bias) for found_bias in found_biases])
        return
    print_table(
        f"Audits of {seed_count} simulated companies of {people_count:,} people per bias",
        {"bias": "left", **dict.fromkeys(list(asdict(found_biases[0]))[1:], "right")},
        [[str(cell) for cell in asdict(found_bias).values()] for found_bias in found_biases],
    )


def measure_found_bias(bias: Bias, people_count: int, seeds: range, limits: AuditLimits | None = None) -> FoundBias:
    """Audit one simulated company per seed.

    Args:
        bias: What is planted.
        people_count: People of a company.
        seeds: The seeds.
        limits: The limits of the audit; the defaults of footsteps.yaml if None.
    """
    found_bias = FoundBias(bias.name, people_count)
    for seed in seeds:
        attributes, audited_people = simulate_company(bias, people_count, seed)
        findings = audit_groups(attributes, audited_people, limits or AuditLimits()).measures.filter("is_finding")
        is_about_courses = _is_about(_COURSE_GROUP) & (pl.col("measure") != "shown_as_example")
        is_example_group = _is_about(_EXAMPLE_GROUP) & (pl.col("measure") == "shown_as_example")
        is_true = (pl.lit(bias.course_factor < 1) & _is_touched(("recorded_courses", *_LIST_MEASURES))) | (
            pl.lit(bias.example_factor < 1) & _is_touched(("shown_as_example",))
        )
        found_bias = replace(
            found_bias,
            audits=found_bias.audits + 1,
            with_findings=found_bias.with_findings + bool(findings.height),
            courses_found=found_bias.courses_found + _any(findings, is_about_courses),
            courses_in_rates=found_bias.courses_in_rates
            + _any(findings, is_about_courses & (pl.col("section") == RATE)),
            examples_found=found_bias.examples_found + _any(findings, is_example_group),
            false_groups=found_bias.false_groups + _any(findings, ~is_true),
        )
    return found_bias


# What follows from recorded courses in the simulation, as in the product.
_LIST_MEASURES = ("new_skill", "next_stage", "likely_step", "recommended", "came_true")


def _is_about(attribute_and_group: tuple[str, str]) -> pl.Expr:
    attribute, group = attribute_and_group
    return (pl.col("attribute") == attribute) & (pl.col("group") == group)


def _is_touched(measures: tuple[str, ...]) -> pl.Expr:
    """Whether a row is about the biased attribute, alone or with another, and about one of these measures."""
    return pl.col("attribute").str.contains(_COURSE_GROUP[0], literal=True) & pl.col("measure").is_in(measures)


def _any(rows: pl.DataFrame, condition: pl.Expr) -> int:
    return int(rows.select(condition.any()).item() or False)


def simulate_company(bias: Bias, people_count: int, seed: int) -> tuple[pl.DataFrame, AuditedPeople]:
    """Simulate the attributes of people, and the tables that an audit reads.

    Args:
        bias: What is planted.
        people_count: People of the company.
        seed: Seed of all draws.

    Returns:
        person_id, gender and origin of each person; and what is audited.
    """
    rng = np.random.default_rng(seed)
    person_ids = pl.Series("person_id", [f"p{number:06d}" for number in range(people_count)])
    attributes = pl.DataFrame(
        {
            "person_id": person_ids,
            "gender": rng.choice(["f", "m"], people_count),
            "origin": rng.choice(["a", "b", "c"], people_count),
        }
    )
    has_fewer_courses, is_seldom_example = (
        (attributes[attribute] == group).to_numpy() for attribute, group in (_COURSE_GROUP, _EXAMPLE_GROUP)
    )
    activity = rng.gamma(4.0, 0.25, people_count)  # people differ by far more than chance of a count
    taken_courses = rng.poisson(_MEAN_COURSES * activity)
    recorded_courses = rng.binomial(taken_courses, np.where(has_fewer_courses, bias.course_factor, 1.0))
    projects = rng.poisson(5.0 * activity)
    next_steps = _simulate_lists(person_ids, recorded_courses, rng)
    is_consenting = rng.random(people_count) < _CONSENTING_SHARE
    shown_share = _EXAMPLE_SHARE * np.where(is_seldom_example, bias.example_factor, 1.0)
    is_shown = is_consenting & (rng.random(people_count) < shown_share)
    outcomes = describe_outcomes(
        next_steps,
        _show(person_ids, is_shown),
        person_ids.filter(pl.Series(is_consenting)),
        _show(person_ids, is_shown).with_columns(step_id=pl.lit("s0|apprentice"), as_of=pl.lit(_PROMISED_AT)),
        _reach(person_ids, rng.random(people_count) < _FOLLOWED_SHARE),
    )
    is_reached = rng.random(next_steps.height) < next_steps["probability"].to_numpy()
    reached_steps = (
        next_steps.filter(pl.Series(is_reached))
        .select("person_id", step_id=pl.concat_str("skill_id", "to_stage", separator="|"))
        .with_columns(reached_at=_reached_at())
    )
    person_features = pl.DataFrame(
        {
            "person_id": person_ids,
            "recorded_courses": recorded_courses.astype(float),
            "projects": projects.astype(float),
            **{f"other_{number}": rng.normal(size=people_count) for number in range(40)},
        }
    )
    promised_steps = count_promised_steps(next_steps, reached_steps, _PROMISED_AT, _HORIZON_DAYS)
    return attributes, AuditedPeople(outcomes, promised_steps, person_features)


def _simulate_lists(person_ids: pl.Series, recorded_courses: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    """Lists of ten steps: with more recorded courses, steps are likelier and lead more often to a higher stage."""
    people_count = person_ids.len()
    log_courses = np.log1p(recorded_courses)[:, None]
    probability = 1 / (1 + np.exp(-(-4.0 + 0.8 * log_courses + rng.normal(0, 0.5, (people_count, _LIST_LENGTH)))))
    is_deepening = rng.random((people_count, _LIST_LENGTH)) < np.clip(0.12 * log_courses, 0, 1)
    has_no_list = recorded_courses + rng.poisson(3, people_count) == 0
    steps = pl.DataFrame(
        {
            "person_id": person_ids.gather(np.repeat(np.arange(people_count), _LIST_LENGTH)),
            "rank": np.tile(np.arange(1, _LIST_LENGTH + 1), people_count),
            "skill_id": np.tile([f"s{number}" for number in range(_LIST_LENGTH)], people_count),
            "probability": -np.sort(-probability, axis=1).ravel(),
            "kind": np.where(is_deepening, "deepen", "new").ravel(),
            "to_stage": np.where(is_deepening, "journeyman", "apprentice").ravel(),
        }
    )
    is_without_list = pl.Series(np.repeat(has_no_list, _LIST_LENGTH))
    reasons = steps.filter(is_without_list, pl.col("rank") == 1).select(
        "person_id", no_recommendation_reason=pl.lit("too_little_evidence")
    )
    return pl.concat([steps.filter(~is_without_list), reasons], how="diagonal")


def _show(person_ids: pl.Series, is_shown: Bools) -> pl.DataFrame:
    """Each person who is shown as an example, to the next person."""
    viewers = person_ids.gather(np.roll(np.arange(person_ids.len()), -1)).alias("person_id")
    shown_rows = pl.DataFrame({"companion_id": person_ids, "person_id": viewers}).filter(pl.Series(is_shown))
    return shown_rows.with_columns(relation=pl.lit("follow"))


def _reach(person_ids: pl.Series, is_reached: Bools) -> pl.DataFrame:
    return pl.DataFrame({"person_id": person_ids.filter(pl.Series(is_reached))}).with_columns(
        step_id=pl.lit("s0|apprentice"), reached_at=_reached_at()
    )


def _reached_at() -> pl.Expr:
    reached_at = datetime.combine(_PROMISED_AT, datetime.min.time(), UTC) + timedelta(days=30)
    return pl.lit(reached_at, dtype=pl.Datetime("us", "UTC"))
