"""On the demo world's own evidence, the planted stages, prerequisites and half-lives are found again."""

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
class TruthMeasure:
    world: World
    evidence: pl.DataFrame
    stages: pl.DataFrame
    tracing: KnowledgeTracing


@pytest.fixture(scope="module")
def found() -> TruthMeasure:
    world = generate_world(600, seed=11, end=END)
    interactions = list(generate_histories(world))
    evidence = pl.concat([build_evidence_ledger(world, history) for history in interactions])
    steps = pl.concat([history.steps for history in interactions])
    stages = steps.select(
        world.people["employee_number"].gather(steps["person"]).alias("person_id"),
        world.catalog.skills["skill_id"].gather(steps["skill"]).alias("skill_id"),
        "stage",
    )
    return TruthMeasure(world, evidence, stages, learn_knowledge_tracing(evidence, END, POLICY.stages))


def test_stages_agree_with_those_planted(found: TruthMeasure) -> None:
    mastery = estimate_mastery(found.evidence, END, POLICY.stages, found.tracing)
    assert compute_stage_kappa(found.stages, mastery)[0] >= 0.8


def test_learnt_precedence_finds_the_planted_prerequisites(found: TruthMeasure) -> None:
    learnt = learn_prerequisites(find_reached_steps(found.evidence, END, POLICY.stages), POLICY.precedence)
    assert compute_prerequisite_f1(found.world.catalog.prerequisites, learnt)[0] >= 0.8


def test_tracing_beats_the_fraction_correct_so_far_over_a_time_split(found: TruthMeasure) -> None:
    scores = {
        one.model: one
        for one in evaluate_knowledge_tracing(found.evidence, choose_split_moment(found.evidence), POLICY.stages)
    }
    ours = scores.pop("footsteps tracing")
    assert all(ours.auc > one.auc and ours.log_loss < one.log_loss for one in scores.values())


def test_half_lives_follow_those_planted(found: TruthMeasure) -> None:
    planted = dict(zip(found.world.catalog.skills["skill_id"], found.world.half_life.tolist(), strict=True))
    asked = [planted[skill] for skill in found.tracing.skill_ids]
    agreement = stats.spearmanr(asked, found.tracing.half_lives)
    assert agreement.statistic > 0.2
    assert agreement.pvalue < 0.01
