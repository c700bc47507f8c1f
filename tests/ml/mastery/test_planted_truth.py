"""On the demo world's own evidence, the planted stages, prerequisites and half-lives are found again."""

from dataclasses import dataclass
from datetime import date

import polars as pl
import pytest
from scipy import stats

from benchmarks.knowledge_tracing import prove_tracing, split_moment
from benchmarks.planted_truth import precedence_f1, stage_kappa
from ml.mastery.knowledge_tracing import Tracing
from ml.mastery.prerequisites import learn_precedence
from ml.mastery.state import estimate_mastery, learn_tracing, reach_steps
from pipelines.contracts.policy import Policy
from pipelines.demo.simulation.evidence_ledger import write_ledger
from pipelines.demo.simulation.world import World, generate_histories, generate_world

END = date(2026, 6, 30)
POLICY = Policy()


@dataclass(frozen=True)
class Found:
    world: World
    evidence: pl.DataFrame
    stages: pl.DataFrame
    tracing: Tracing


@pytest.fixture(scope="module")
def found() -> Found:
    world = generate_world(600, seed=11, end=END)
    histories = list(generate_histories(world))
    evidence = pl.concat([write_ledger(world, history) for history in histories])
    steps = pl.concat([history.steps for history in histories])
    stages = steps.select(
        world.people["employee_number"].gather(steps["person"]).alias("person_id"),
        world.catalog.skills["skill_id"].gather(steps["skill"]).alias("skill_id"),
        "stage",
    )
    return Found(world, evidence, stages, learn_tracing(evidence, END, POLICY.stages))


def test_stages_agree_with_those_planted(found: Found) -> None:
    mastery = estimate_mastery(found.evidence, END, POLICY.stages, found.tracing)
    assert stage_kappa(found.stages, mastery)[0] >= 0.8


def test_learnt_precedence_finds_the_planted_prerequisites(found: Found) -> None:
    learnt = learn_precedence(reach_steps(found.evidence, END, POLICY.stages), POLICY.precedence)
    assert precedence_f1(found.world.catalog.prerequisites, learnt)[0] >= 0.8


def test_tracing_beats_the_fraction_correct_so_far_over_a_time_split(found: Found) -> None:
    scores = {one.model: one for one in prove_tracing(found.evidence, split_moment(found.evidence), POLICY.stages)}
    ours = scores.pop("footsteps tracing")
    assert all(ours.auc > one.auc and ours.log_loss < one.log_loss for one in scores.values())


def test_half_lives_follow_those_planted(found: Found) -> None:
    planted = dict(zip(found.world.catalog.skills["skill_id"], found.world.half_life.tolist(), strict=True))
    asked = [planted[skill] for skill in found.tracing.skill_ids]
    agreement = stats.spearmanr(asked, found.tracing.half_lives)
    assert agreement.statistic > 0.2
    assert agreement.pvalue < 0.01
