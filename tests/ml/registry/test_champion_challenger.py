"""Champion and challenger on small data: which model is in use afterwards, and why."""

import json
import pickle
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

import ml.registry.champion_challenger
from ml.registry.champion_challenger import TrainingInput, run_champion_challenger
from ml.registry.model_bundle import load_bundle, read_card
from ml.registry.promotion import Decision, TrainingVersion
from ml.registry.registry import read_record
from pipelines.contracts.policy import TrainingPolicy

POLICY = TrainingPolicy(least_people=10)


def build_input(events: pl.DataFrame, until: date, version: str) -> TrainingInput:
    past = events.filter(pl.col("ts") < datetime(until.year, until.month, until.day))
    nothing = pl.DataFrame(schema={"skill_id": pl.String, "requires_id": pl.String})
    names = past.select("skill_id", name="skill_id").unique().sort("skill_id")
    training_version = TrainingVersion(until, past.height, "recipe", version)
    return TrainingInput(past, names, nothing, pl.Series([], dtype=pl.String), None, 60, 0, training_version)


@pytest.fixture(scope="module")
def first(small_ladders: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    outcome = run_champion_challenger(build_input(small_ladders, date(2023, 1, 1), "one"), models, POLICY)
    assert outcome.was_trained
    assert outcome.model_version == "one"
    assert outcome.promotion_decision.reason.startswith("the first model")
    return models


@pytest.fixture
def models(first: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "models"
    for path in first.rglob("*"):
        target = copy / path.relative_to(first)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            target.write_bytes(path.read_bytes())
    return copy


def test_the_frozen_twin_saw_nothing_of_the_last_window(first: Path, small_ladders: pl.DataFrame) -> None:
    model, twin = read_card(first / "one"), read_card(first / "one" / "frozen")
    assert model.data_end - twin.data_end == 60 * 86_400_000_000
    assert {"ndcg_at_10", "ndcg_at_10_ease", "ndcg_at_10_popularity"} <= set(model.metrics)


def test_a_run_with_little_new_data_trains_nothing(models: Path, small_ladders: pl.DataFrame) -> None:
    before = (models / "champion.json").read_text()
    outcome = run_champion_challenger(build_input(small_ladders, date(2023, 1, 3), "two"), models, POLICY)
    assert not outcome.was_trained
    assert outcome.model_version == "one"
    assert (models / "champion.json").read_text() == before


def test_a_challenger_of_the_same_recipe_is_not_promoted_and_the_champion_gets_its_scorers(
    models: Path, small_ladders: pl.DataFrame
) -> None:
    # a week later the same recipe has hardly more to learn from
    champion = load_bundle(models / "one")
    outcome = run_champion_challenger(build_input(small_ladders, date(2023, 1, 9), "two"), models, POLICY)
    assert outcome.was_trained
    assert "ahead of champion in" in outcome.promotion_decision.reason
    assert outcome.promotion_decision.reason.endswith(
        "; the champion stays, its scorers are those of this training, its reliability is that of its own"
    )
    assert outcome.model_version == "two"
    refreshed, frozen = load_bundle(models / "two"), load_bundle(models / "two" / "frozen")
    assert champion.ranker is not None
    assert refreshed.ranker is not None
    assert frozen.ranker is not None
    assert refreshed.ranker.weights.tolist() == champion.ranker.weights.tolist()
    twin = load_bundle(models / "one" / "frozen").ranker
    assert twin is not None
    assert frozen.ranker.weights.tolist() == twin.weights.tolist()
    # the scorers saw the week that the champion did not, those of the frozen fit nothing of the last window
    assert refreshed.window.end > champion.window.end
    assert refreshed.window.end - frozen.window.end == 60 * 86_400_000_000
    assert refreshed.ensemble.popularity.sum() > champion.ensemble.popularity.sum()
    assert outcome.evaluation is not None
    assert "champion" in {row.model for row in outcome.evaluation.models}
    record = read_record(models)
    assert record is not None
    assert (record.model_version, record.previous, record.latest.model_version) == ("two", "one", "two")
    assert record.promoted_on == date(2023, 1, 1)
    repeated = run_champion_challenger(build_input(small_ladders, date(2023, 1, 9), "two"), models, POLICY)
    assert not repeated.was_trained
    assert repeated.promotion_decision == outcome.promotion_decision


def test_a_better_challenger_is_promoted(
    models: Path, small_ladders: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ml.registry.champion_challenger, "decide_promotion", lambda *_, **__: Decision(True, "better"))
    outcome = run_champion_challenger(build_input(small_ladders, date(2023, 1, 9), "two"), models, POLICY)
    record = read_record(models)
    assert record is not None
    assert (outcome.model_version, record.previous, record.promoted_on) == ("two", "one", date(2023, 1, 9))


def test_a_poisoned_challenger_is_refused_and_the_champion_stays(
    models: Path, small_ladders: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poison(recommender: object, folder: Path, **given: object) -> None:
        ml.registry.model_bundle.save_bundle(recommender, folder, **given)  # type: ignore[arg-type]
        (folder / "model.skops").write_bytes(pickle.dumps("poison"))

    monkeypatch.setattr(ml.registry.champion_challenger, "decide_promotion", lambda *_, **__: Decision(True, "better"))
    monkeypatch.setattr(ml.registry.champion_challenger, "save_bundle", poison)
    outcome = run_champion_challenger(build_input(small_ladders, date(2023, 1, 9), "two"), models, POLICY)
    assert outcome.model_version == "one"
    assert not outcome.promotion_decision.is_yes
    assert (
        "the challenger's bundle is refused: model.skops is missing or not the file"
        in outcome.promotion_decision.reason
    )


def test_a_refused_champion_is_replaced_by_the_model_before_it(
    models: Path, small_ladders: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ml.registry.champion_challenger, "decide_promotion", lambda *_, **__: Decision(True, "better"))
    run_champion_challenger(build_input(small_ladders, date(2023, 1, 9), "two"), models, POLICY)
    card = json.loads((models / "two" / "card.json").read_text())
    (models / "two" / "card.json").write_text(json.dumps({**card, "contract_sha256": "0"}))
    monkeypatch.setattr(
        ml.registry.champion_challenger, "decide_promotion", lambda *_, **__: Decision(False, "not better")
    )
    outcome = run_champion_challenger(build_input(small_ladders, date(2023, 1, 10), "three"), models, POLICY)
    # the model before it stays, with the scorers of this training
    assert outcome.model_version == "three"
    rankers = [load_bundle(models / version).ranker for version in ("one", "three")]
    assert rankers[0] is not None
    assert rankers[1] is not None
    assert rankers[0].weights.tolist() == rankers[1].weights.tolist()
    assert outcome.refusal is not None
    assert outcome.refusal.startswith("two is refused: model.skops is no recommender for the items")
    assert outcome.training_decision.reason.startswith("the champion cannot be used")


def test_a_damaged_record_trains(models: Path, small_ladders: pl.DataFrame) -> None:
    (models / "champion.json").write_text("{")
    outcome = run_champion_challenger(build_input(small_ladders, date(2023, 1, 3), "two"), models, POLICY)
    assert outcome.model_version == "two"
    assert outcome.refusal == "champion.json is not the record of a champion: train again"


def test_with_too_little_history_popularity_is_served_until_there_is_enough(
    small_ladders: pl.DataFrame, tmp_path: Path
) -> None:
    little = run_champion_challenger(build_input(small_ladders.head(20), date(2023, 1, 1), "little"), tmp_path, POLICY)
    assert little.card.reason is not None
    assert little.promotion_decision.is_yes
    assert little.promotion_decision.reason.startswith("the first model, there is no other")
    enough = replace(build_input(small_ladders, date(2023, 1, 2), "enough"), horizon_days=60)
    outcome = run_champion_challenger(enough, tmp_path, POLICY)
    assert outcome.model_version == "enough"
    assert outcome.promotion_decision.reason == "the champion only orders by popularity, the challenger has learned"
