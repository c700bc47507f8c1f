"""Openings and matches of a run: what is published, who is left out, and what erasure, access and objections cover."""

import json
from datetime import timedelta

import polars as pl
import pytest
from conftest import END, DemoRun

from assets.cli.squads.propose import propose_for_planners
from assets.cli.terminal.console import CommandFailed
from assets.resources.table_reader import EVERYBODY, TableReader
from assets.tables.objections import read_objections
from assets.tables.squad_inputs import build_squad_context, match_squad_run, read_squad_run
from ml.recommend.squad_companions import add_squad_companions
from ml.recommend.squad_match_text import build_match_rows
from ml.recommend.squad_openings import find_openings
from pipelines.contracts.catalog import ASSIGNMENT, PREFERENCE, SKILL, SQUAD_REPLY, TABLES
from pipelines.contracts.output_tables import FREE_CHOICE, SQUAD_MATCH, SQUAD_OPENING
from pipelines.contracts.personal_columns import has_personal_data, person_columns
from pipelines.contracts.policy import RecommendationPolicy
from pipelines.core.objections import Objections
from pipelines.snapshots.reader import current_snapshot
from pipelines.storage.lake import Lake


def test_each_unassigned_piece_of_open_work_is_an_opening(demo_run: DemoRun) -> None:
    snapshot = current_snapshot(demo_run.settings.published_path)
    openings = snapshot.scan(SQUAD_OPENING.name).collect()
    unassigned = Lake(demo_run.settings.lake_path).scan(ASSIGNMENT).filter(pl.col("person_id").is_null()).collect()
    assert set(openings["project_code"]) == set(unassigned["project_code"])
    assert openings["open_count"].sum() == unassigned.height
    assert openings["interested_count"].null_count() == openings.height


def test_people_who_opted_out_are_neither_matched_nor_named(demo_run: DemoRun) -> None:
    matches = current_snapshot(demo_run.settings.published_path).scan(SQUAD_MATCH.name).collect()
    preferences = Lake(demo_run.settings.lake_path).scan(PREFERENCE).filter("is_opted_out").collect()
    assert preferences.height
    for column in ("person_id", "follow_id", "lead_id"):
        assert not set(matches[column].drop_nulls()) & set(preferences["person_id"])
    assert matches["follow_id"].drop_nulls().len() + matches["lead_id"].drop_nulls().len() > 0
    assert matches.group_by("person_id").len()["len"].max() <= RecommendationPolicy().squads.list_length


def test_a_run_publishes_what_its_tables_give_again(demo_run: DemoRun) -> None:
    policy, reader = RecommendationPolicy(), TableReader(Lake(demo_run.settings.lake_path), EVERYBODY)
    squad_run = read_squad_run(reader, END)
    context = build_squad_context(reader, squad_run, END + timedelta(days=policy.valid_days), policy.minimum_people)
    openings = find_openings(context)
    matches = add_squad_companions(
        match_squad_run(reader, squad_run, openings, context, policy.squads), context, policy.companions.load_cap
    )
    rows = build_match_rows(matches, openings, context.mastery, reader.read(SKILL))
    published = current_snapshot(demo_run.settings.published_path).scan(SQUAD_MATCH.name).collect()
    columns = ["person_id", "rank", "opening_id", "follow_id", "lead_id", "score", "workload"]
    assert rows.select(columns).equals(published.sort("person_id", "rank").select(columns))


def test_planners_are_proposed_people_once_and_nobody_who_objects(
    demo_run: DemoRun, capsys: pytest.CaptureFixture[str]
) -> None:
    root = demo_run.settings.root
    propose_for_planners(root, None, [], 20.0, None, True)
    proposal = json.loads(capsys.readouterr().out)
    people = [member["person_id"] for member in proposal["members"]]
    objections = read_objections(TableReader(Lake(demo_run.settings.lake_path), EVERYBODY), END)
    assert people
    assert len(set(people)) == len(people) == proposal["people"]
    assert not set(people) & set(objections.opted_out_people["person_id"])
    pairs = {(member["person_id"], member["skill_id"]) for member in proposal["members"]}
    assert not pairs & set(objections.hidden_pairs.select("person_id", "skill_id").iter_rows())
    assert proposal["value"] >= 0.95 * proposal["bound"]
    with pytest.raises(CommandFailed, match="no opening in NOWHERE"):
        propose_for_planners(root, None, ["NOWHERE"], 20.0, None, True)


def test_units_are_measured_from_five_people_on(demo_run: DemoRun) -> None:
    units = Lake(demo_run.settings.lake_path).scan(FREE_CHOICE).collect()
    assert units.height
    assert (units["team_people_count"] >= 5).all()
    assert units.select(pl.col("chosen_hours") <= pl.col("unit_hours")).to_series().all()


def test_access_erasure_and_objections_find_the_people_of_the_new_tables() -> None:
    columns = {table.name: {column.name for column in person_columns(table)} for table in (SQUAD_MATCH, SQUAD_REPLY)}
    assert columns == {SQUAD_MATCH.name: {"person_id", "follow_id", "lead_id"}, SQUAD_REPLY.name: {"person_id"}}
    assert all(name in TABLES and has_personal_data(TABLES[name]) for name in columns)
    # an opening and a unit name nobody, so that nothing of one person has to be found in them
    assert not has_personal_data(SQUAD_OPENING)
    assert not person_columns(FREE_CHOICE)


def test_a_match_stays_without_the_names_of_people_who_object() -> None:
    row = {"person_id": "a", "rank": 1, "opening_id": "W|sql", "skill_id": "sql", "follow_id": "b", "lead_id": "c"}
    rows = pl.DataFrame([row, {**row, "person_id": "d", "rank": 1, "follow_id": "a", "lead_id": None}])
    text = pl.String
    hidden = pl.DataFrame([("b", "sql"), ("a", "law")], {"person_id": text, "skill_id": text}, orient="row")
    opted_out = pl.DataFrame({"person_id": ["c", "d"]})
    withheld = Objections(hidden, opted_out).withhold(SQUAD_MATCH, rows)
    assert withheld.select("person_id", "follow_id", "lead_id").rows() == [("a", None, None)]
    assert Objections(hidden, opted_out.clear()).withhold(SQUAD_MATCH, rows)["lead_id"].to_list() == ["c", None]
