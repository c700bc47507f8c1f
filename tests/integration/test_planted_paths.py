"""A run on the demo company recovers what was planted in it."""

import polars as pl
from conftest import DemoRun

from benchmarks.planted_truth import measure_path_share, measure_stage_agreement
from pipelines.contracts.catalog import PREREQUISITE, REPLY
from pipelines.contracts.feature_tables import HALF_LIFE, MASTERY, PRECEDENCE, REACHED_STEP
from pipelines.contracts.output_tables import ALIGNMENT, CAPABILITY, NEXT_SKILL, OUT_MASTERY
from pipelines.storage.lake import Lake


def test_estimated_stages_agree_with_the_planted_ones(demo_run: DemoRun) -> None:
    lake = Lake(demo_run.settings.lake_path)
    agreement = measure_stage_agreement(demo_run.settings.root / "truth", lake.scan(MASTERY).collect())
    assert agreement.value >= agreement.target


def test_far_more_recommended_steps_lie_on_the_planted_path_than_popular_steps(demo_run: DemoRun) -> None:
    """Sixty people are few to learn from: nearly twice as many here, more than twice in a company of six hundred."""
    lake = Lake(demo_run.settings.lake_path)
    rows, steps = lake.scan(NEXT_SKILL).collect(), lake.scan(REACHED_STEP).collect()
    for share in measure_path_share(demo_run.settings.root / "truth", rows, steps):
        assert share.value >= 0.9 * share.target, share.measure


def test_a_run_publishes_levels_half_lives_prerequisites_and_capabilities(demo_run: DemoRun) -> None:
    lake = Lake(demo_run.settings.lake_path)
    held = lake.scan(OUT_MASTERY).collect()
    assert (held["level_low_share"] <= held["level_share"]).all()
    assert (held["level_share"] <= held["level_high_share"]).all()
    assert lake.scan(HALF_LIFE).collect()["is_learnt"].any()
    declared, precedence = lake.scan(PREREQUISITE).collect(), lake.scan(PRECEDENCE).collect()
    assert precedence.height == declared.height
    assert not precedence["is_learnt"].any()
    covered = lake.scan(CAPABILITY).collect()
    # only people who hide the next micro-skill have none
    without_next = covered.filter(pl.col("missing_skill_ids").list.len() > 0, pl.col("next_skill_id").is_null())
    hiding = lake.scan(REPLY).filter(reply_kind="hide").collect()["person_id"]
    assert without_next.height > 0
    assert set(without_next["person_id"]) <= set(hiding)
    aligned = lake.scan(ALIGNMENT).collect()
    assert (aligned["team_people_count"] >= 5).all()
    assert (aligned["wishing_people_count"] >= 3).all()
