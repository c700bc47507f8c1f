"""What is published can be followed back and checked: changes do as they say, every row leads to its files."""

import json

import polars as pl
import pytest
from conftest import DemoRun
from open_badges import problems_of

from assets.definitions import resources
from assets.resources.pipeline import PipelineResource
from assets.tables.training_data import read_flow_tables
from benchmarks.counterfactual_replay import check_counterfactuals, read_replay_inputs, replay
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


@pytest.fixture(scope="module")
def night(demo_run: DemoRun) -> PipelineResource:
    found = resources(demo_run.settings, read_config(demo_run.settings.config_path))["pipeline"]
    assert isinstance(found, PipelineResource)
    return found


def test_each_change_applied_to_the_persons_data_does_to_the_row_what_was_said(night: PipelineResource) -> None:
    *kinds, everything = check_counterfactuals(night, 12, lambda done: None)
    assert everything.rows == everything.as_published == everything.hold == 12
    assert sum(one.rows for one in kinds) == 12


def test_the_model_sees_no_wish_so_that_a_wish_moves_the_list_and_not_the_candidates(night: PipelineResource) -> None:
    assert night.read(ASPIRATION).height > 0
    assert read_flow_tables(night, night.read(REACHED_STEP)).wishes is None


def test_most_rows_have_a_change_and_its_sentence(night: PipelineResource) -> None:
    rows, changes = night.read(NEXT_SKILL).drop_nulls("skill_id"), night.read(COUNTERFACTUAL)
    assert changes.height > 0.9 * rows.height
    told = rows.drop_nulls("counterfactual").select("person_id", "skill_id", "rank", "kind", "to_stage")
    assert told.sort(pl.all()).rows() == changes.select(told.columns).sort(pl.all()).rows()


def test_a_change_that_is_not_made_changes_nothing(night: PipelineResource) -> None:
    rows = night.read(NEXT_SKILL).drop_nulls("skill_id")
    person = rows["person_id"][0]
    again = replay(read_replay_inputs(night, rows["as_of"][0]), person, None)
    mine = rows.filter(pl.col("person_id") == person).select("rank", "skill_id", "to_stage")
    assert again.select("rank", "skill_id", "to_stage").rows() == mine.rows()


def test_every_stage_that_is_held_leads_to_rows_of_files_that_were_landed(night: PipelineResource) -> None:
    held = night.read(OUT_MASTERY).filter(pl.col("stage") != "none")
    works = night.read(PERSON).filter(pl.col("employment_status") != "left")
    held = held.join(works, on="person_id", how="semi")
    shown = held.join(night.read(OUT_EVIDENCE), on=("person_id", "skill_id"))
    assert shown.select("person_id", "skill_id").n_unique() == held.height
    assert shown.join(night.read(DELIVERY), on="file_sha256", how="anti").height == 0
    assert shown["row_number"].null_count() == 0
    assert night.read(MASTERY_PROOF).height == held.height


def test_every_badge_of_the_night_keeps_the_public_form_and_holds_no_name(night: PipelineResource) -> None:
    badges, people = night.read(MASTERY_PROOF)["badge_draft"], night.read(PERSON)
    for badge in badges.gather_every(25):
        assert problems_of(json.loads(badge)) == []
    text = " ".join(badges)
    for secret in people["display_name"].drop_nulls().to_list() + people["work_email"].drop_nulls().to_list():
        assert secret not in text


def test_a_gap_in_support_stands_for_enough_people(night: PipelineResource) -> None:
    gaps = night.read(SUPPORT_GAP)
    assert gaps.filter(pl.col("recommended_count") < night.config.policy.minimum_people).height == 0
    assert gaps.filter(pl.col("lacks").list.len() == 0).height == 0


def test_the_models_reasons_sum_to_the_difference_between_rows_and_the_parts_to_the_score(
    night: PipelineResource,
) -> None:
    rows = night.read(NEXT_SKILL).drop_nulls("skill_id").explode("reasons").unnest("reasons")
    step = ["person_id", "skill_id", "to_stage", "kind", "score"]
    model, part = pl.col("code").str.starts_with("model_"), pl.col("code").str.starts_with("part_")
    sums = rows.group_by(step).agg(
        pl.col("value").filter(model).sum(), pl.col("value").filter(part).sum().alias("parts")
    )
    assert sums.select((pl.col("parts") - pl.col("score")).abs().max()).item() < 1e-9
    both = sums.join(night.read(CANDIDATE).drop_nulls("prior"), on=("person_id", "skill_id", "to_stage", "kind"))
    assert both.height > 300
    apart = both.group_by("person_id").agg((pl.col("value") - pl.col("prior")).alias("gap"))
    assert apart.select((pl.col("gap").list.max() - pl.col("gap").list.min()).max()).item() < 1e-6
