"""Published rows can be verified: counterfactuals have the claimed effect, and every row leads to its files."""

import json

import polars as pl
import pytest
from conftest import DemoRun
from open_badges import problems_of

from assets.resources.table_reader import TableReader
from assets.tables.training_data import read_flow_tables
from benchmarks.counterfactual_replay import check_counterfactuals, read_replay_inputs, rebuild_list
from pipelines.config.company import read_config
from pipelines.contracts.catalog import ASPIRATION, DELIVERY, PERSON
from pipelines.contracts.feature_tables import CANDIDATE, REACHED_STEP
from pipelines.contracts.output_tables import (
    COUNTERFACTUAL,
    MASTERY_PROOF,
    NEXT_SKILL,
    OUT_EVIDENCE,
    OUT_MASTERY,
    SUPPORT_GAP,
)
from pipelines.contracts.policy import RecommendationPolicy
from pipelines.storage.lake import Lake


@pytest.fixture(scope="module")
def tables(demo_run: DemoRun) -> TableReader:
    return TableReader(Lake(demo_run.settings.lake_path))


@pytest.fixture(scope="module")
def policy(demo_run: DemoRun) -> RecommendationPolicy:
    return read_config(demo_run.settings.config_path).policy


def test_each_counterfactual_has_the_claimed_effect(demo_run: DemoRun) -> None:
    config = read_config(demo_run.settings.config_path)
    *kinds, total = check_counterfactuals(demo_run.settings, config, 12, lambda done: None)
    assert total.rows == total.as_published == total.confirmed == 12
    assert sum(counts.rows for counts in kinds) == 12


def test_the_model_does_not_see_wishes(tables: TableReader) -> None:
    assert tables.read(ASPIRATION).height > 0
    assert read_flow_tables(tables, tables.read(REACHED_STEP)).wishes is None


def test_most_rows_have_a_counterfactual_and_its_sentence(tables: TableReader) -> None:
    rows, changes = tables.read(NEXT_SKILL).drop_nulls("skill_id"), tables.read(COUNTERFACTUAL)
    assert changes.height > 0.9 * rows.height
    explained = rows.drop_nulls("counterfactual").select("person_id", "skill_id", "rank", "kind", "to_stage")
    assert explained.sort(pl.all()).rows() == changes.select(explained.columns).sort(pl.all()).rows()


def test_a_replay_without_a_change_gives_the_published_list(
    demo_run: DemoRun, tables: TableReader, policy: RecommendationPolicy
) -> None:
    rows = tables.read(NEXT_SKILL).drop_nulls("skill_id")
    person = rows["person_id"][0]
    rebuilt = rebuild_list(read_replay_inputs(demo_run.settings, policy, rows["as_of"][0]), person, None)
    published = rows.filter(pl.col("person_id") == person).select("rank", "skill_id", "to_stage")
    assert rebuilt.select("rank", "skill_id", "to_stage").rows() == published.rows()


def test_every_held_stage_leads_to_rows_of_landed_files(tables: TableReader) -> None:
    held = tables.read(OUT_MASTERY).filter(pl.col("stage") != "none")
    employed = tables.read(PERSON).filter(pl.col("employment_status") != "left")
    held = held.join(employed, on="person_id", how="semi")
    shown = held.join(tables.read(OUT_EVIDENCE), on=("person_id", "skill_id"))
    assert shown.select("person_id", "skill_id").n_unique() == held.height
    assert shown.join(tables.read(DELIVERY), on="file_sha256", how="anti").height == 0
    assert shown["row_number"].null_count() == 0
    assert tables.read(MASTERY_PROOF).height == held.height


def test_every_badge_draft_is_valid_and_contains_no_name(tables: TableReader) -> None:
    badges, people = tables.read(MASTERY_PROOF)["badge_draft"], tables.read(PERSON)
    for badge in badges.gather_every(25):
        assert problems_of(json.loads(badge)) == []
    text = " ".join(badges)
    for secret in people["display_name"].drop_nulls().to_list() + people["work_email"].drop_nulls().to_list():
        assert secret not in text


def test_a_support_gap_concerns_enough_people(tables: TableReader, policy: RecommendationPolicy) -> None:
    gaps = tables.read(SUPPORT_GAP)
    assert gaps.filter(pl.col("recommended_count") < policy.minimum_people).height == 0
    assert gaps.filter(pl.col("lacks").list.len() == 0).height == 0


def test_model_reasons_sum_to_differences_between_rows_and_parts_sum_to_the_score(
    tables: TableReader,
) -> None:
    rows = tables.read(NEXT_SKILL).drop_nulls("skill_id").explode("reasons").unnest("reasons")
    step = ["person_id", "skill_id", "to_stage", "kind", "score"]
    model, part = pl.col("code").str.starts_with("model_"), pl.col("code").str.starts_with("part_")
    sums = rows.group_by(step).agg(
        pl.col("value").filter(model).sum(), pl.col("value").filter(part).sum().alias("parts")
    )
    assert sums.select((pl.col("parts") - pl.col("score")).abs().max()).item() < 1e-9
    both = sums.join(tables.read(CANDIDATE).drop_nulls("prior"), on=("person_id", "skill_id", "to_stage", "kind"))
    assert both.height > 300
    gaps = both.group_by("person_id").agg((pl.col("value") - pl.col("prior")).alias("gap"))
    assert gaps.select((pl.col("gap").list.max() - pl.col("gap").list.min()).max()).item() < 1e-6
