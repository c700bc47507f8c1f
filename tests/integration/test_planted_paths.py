"""A night on the demo company finds again what was planted in it."""

import polars as pl
from conftest import DemoRun

from benchmarks.planted_truth import measure_path_share, measure_stage_agreement
from pipelines.contracts.catalog import PREREQUISITE
from pipelines.contracts.feature_tables import HALF_LIFE, MASTERY, PRECEDENCE, REACHED_STEP
from pipelines.contracts.output_tables import ALIGNMENT, CAPABILITY, NEXT_SKILL, OUT_MASTERY
from pipelines.storage.lake import Lake


def test_the_stages_of_a_night_agree_with_those_planted(demo_run: DemoRun) -> None:
    lake = Lake(demo_run.settings.lake_path)
    found = measure_stage_agreement(demo_run.settings.root / "truth", lake.scan(MASTERY).collect())
    assert found.value >= found.target


def test_far_more_steps_lie_on_the_planted_path_than_of_the_popular_ones(demo_run: DemoRun) -> None:
    """Sixty people teach little: nearly twice as many here, and more than twice in a company of six hundred."""
    lake = Lake(demo_run.settings.lake_path)
    rows, steps = lake.scan(NEXT_SKILL).collect(), lake.scan(REACHED_STEP).collect()
    for found in measure_path_share(demo_run.settings.root / "truth", rows, steps):
        assert found.value >= 0.9 * found.target, found.measure


def test_a_night_tells_levels_half_lives_precedence_and_capabilities(demo_run: DemoRun) -> None:
    lake = Lake(demo_run.settings.lake_path)
    held = lake.scan(OUT_MASTERY).collect()
    assert (held["level_low_share"] <= held["level_share"]).all()
    assert (held["level_share"] <= held["level_high_share"]).all()
    assert lake.scan(HALF_LIFE).collect()["is_learnt"].any()
    declared, precedence = lake.scan(PREREQUISITE).collect(), lake.scan(PRECEDENCE).collect()
    assert precedence.height == declared.height
    assert not precedence["is_learnt"].any()
    covered = lake.scan(CAPABILITY).collect()
    assert covered.filter(pl.col("missing_skill_ids").list.len() > 0)["next_skill_id"].null_count() == 0
    aligned = lake.scan(ALIGNMENT).collect()
    assert (aligned["team_people_count"] >= 5).all()
    assert (aligned["wishing_people_count"] >= 3).all()
