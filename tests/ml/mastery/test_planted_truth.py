"""On the evidence of the demo company, the planted stages, prerequisites and half-lives are recovered."""

from dataclasses import dataclass
from datetime import date

import polars as pl
import pytest
from scipy import stats

from benchmarks.knowledge_tracing import choose_split_moment, evaluate_knowledge_tracing
from benchmarks.planted_truth import compute_prerequisite_f1, compute_stage_kappa
from ml.mastery.knowledge_tracing import KnowledgeTracing
from ml.mastery.prerequisites import learn_prerequisites
from ml.mastery.state import estimate_mastery, find_reached_steps, learn_knowledge_tracing
from pipelines.contracts.policy import RecommendationPolicy
from pipelines.demo.simulation.evidence_ledger import build_evidence_ledger
from pipelines.demo.simulation.world import World, generate_histories, generate_world

END = date(2026, 6, 30)
POLICY = RecommendationPolicy()


@dataclass(frozen=True)
class LearnedWorld:
    world: World
    evidence: pl.DataFrame
    stages: pl.DataFrame
    tracing: KnowledgeTracing


@pytest.fixture(scope="module")
def learned() -> LearnedWorld:
    world = generate_world(600, seed=11, export_day=END)
    histories = list(generate_histories(world))
    evidence = pl.concat([build_evidence_ledger(world, history) for history in histories])
    steps = pl.concat([history.steps for history in histories])
    stages = steps.select(
        world.people["employee_number"].gather(steps["person"]).alias("person_id"),
        world.catalog.skills["skill_id"].gather(steps["skill"]).alias("skill_id"),
        "stage",
    )
    return LearnedWorld(world, evidence, stages, learn_knowledge_tracing(evidence, END, POLICY.stages))


def test_stages_agree_with_those_planted(learned: LearnedWorld) -> None:
    mastery = estimate_mastery(learned.evidence, END, POLICY.stages, learned.tracing)
    assert compute_stage_kappa(learned.stages, mastery)[0] >= 0.8


def test_learned_prerequisites_are_those_planted(learned: LearnedWorld) -> None:
    learnt = learn_prerequisites(find_reached_steps(learned.evidence, END, POLICY.stages), POLICY.precedence)
    assert compute_prerequisite_f1(learned.world.catalog.prerequisites, learnt)[0] >= 0.8


def test_knowledge_tracing_beats_the_fraction_correct_so_far_over_a_time_split(learned: LearnedWorld) -> None:
    scores = {
        one.model: one
        for one in evaluate_knowledge_tracing(learned.evidence, choose_split_moment(learned.evidence), POLICY.stages)
    }
    ours = scores.pop("footsteps tracing")
    assert all(ours.auc > one.auc and ours.log_loss < one.log_loss for one in scores.values())


def test_half_lives_follow_those_planted(learned: LearnedWorld) -> None:
    planted = dict(zip(learned.world.catalog.skills["skill_id"], learned.world.half_life_days.tolist(), strict=True))
    planted_half_lives = [planted[skill] for skill in learned.tracing.skill_ids]
    agreement = stats.spearmanr(planted_half_lives, learned.tracing.half_lives)
    assert agreement.statistic > 0.2
    assert agreement.pvalue < 0.01
