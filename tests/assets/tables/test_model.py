"""The ranker's asset: a poisoned bundle is refused with its reason, the champion goes on, and the check says so."""

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl
import pytest
import skops.io
from conftest import END, DemoRun
from dagster import AssetCheckEvaluation, materialize

import ml.registry.champion_challenger
from assets.checks.contract_checks import contract_check_specs
from assets.resources.pipeline import PipelineResource
from assets.resources.run_context import AS_OF_TAG
from assets.resources.table_reader import TableReader
from assets.tables.drift import drift
from assets.tables.model import rank_candidates, ranker
from assets.tables.training_data import build_extra_features
from ml.recommend.reranking import find_deepening_steps
from ml.registry.model_bundle import load_bundle, save_bundle
from ml.registry.promotion import Decision
from pipelines.config.company import read_config
from pipelines.contracts.catalog import SKILL
from pipelines.contracts.feature_tables import DRIFT, EVALUATION, MASTERY, MODEL_CARD, REACHED_STEP
from pipelines.storage.lake import Lake


@pytest.fixture
def root(demo_run: DemoRun, tmp_path: Path) -> Path:
    """A copy of the demo after its first run, in which a training is due and costs nothing."""
    root = tmp_path / "copy"
    shutil.copytree(demo_run.settings.root, root, ignore=shutil.ignore_patterns("dagster_home", "landing"))
    record = json.loads((root / "models" / "champion.json").read_text())
    record["latest"]["recipe"] = "older"
    (root / "models" / "champion.json").write_text(json.dumps(record))
    return root


def champion_of(root: Path) -> str:
    return str(json.loads((root / "models" / "champion.json").read_text())["model_version"])


def run(asset: Any, root: Path) -> AssetCheckEvaluation:
    pipeline = PipelineResource(
        data_root=str(root), config_path=str(root / "footsteps.yaml"), landing_path=str(root / "landing")
    )
    result = materialize([asset], resources={"pipeline": pipeline}, tags={AS_OF_TAG: END.isoformat()})
    of_contracts = {spec.name for table in (DRIFT, MODEL_CARD, EVALUATION) for spec in contract_check_specs(table)}
    checks = result.get_asset_check_evaluations()
    (check,) = (check for check in checks if check.check_name not in of_contracts)
    return check


def as_pickle(folder: Path) -> None:
    forge(folder, pickle.dumps({"model": "poison"}))


def as_unknown_type(folder: Path) -> None:
    forge(folder, skops.io.dumps({"model": PurePosixPath("/")}))


def as_changed_contract(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "contract_sha256": "0" * 64}))


def forge(folder: Path, blob: bytes) -> None:
    (folder / "model.skops").write_bytes(blob)
    card = json.loads((folder / "card.json").read_text())
    card["model_sha256"] = hashlib.sha256(blob).hexdigest()
    (folder / "card.json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("poison", "why"),
    [
        (as_pickle, "such as a pickle: it is not opened"),
        (as_unknown_type, "types that are not trusted: pathlib.PurePosixPath"),
        (as_changed_contract, "no recommender for the items and features on its card"),
    ],
)
def test_a_poisoned_challenger_is_refused_and_the_champion_goes_on(
    root: Path, monkeypatch: pytest.MonkeyPatch, poison: Callable[[Path], None], why: str
) -> None:
    champion = champion_of(root)

    def save_poisoned(recommender: Any, folder: Path, **given: Any) -> None:
        save_bundle(recommender, folder, **given)
        poison(folder)

    found: dict[str, Any] = {}

    def keep(*given: Any) -> Any:
        found["champion"] = ml.registry.registry.load_champion(*given)
        return found["champion"]

    monkeypatch.setattr(ml.registry.champion_challenger, "load_champion", keep)
    monkeypatch.setattr(ml.registry.champion_challenger, "_fit_challenger", lambda *_: found["champion"][0].recommender)
    monkeypatch.setattr(
        ml.registry.champion_challenger, "_evaluate_recipe", lambda training_input, frozen_champion: None
    )
    monkeypatch.setattr(ml.registry.champion_challenger, "decide_promotion", lambda *_, **__: Decision(True, "better"))
    monkeypatch.setattr(ml.registry.champion_challenger, "save_bundle", save_poisoned)
    monkeypatch.setattr(
        "assets.tables.training_data.SEED", 8
    )  # another version, so that the champion's folder stays whole
    check = run(ranker, root)
    assert not check.passed
    assert f"{champion} stays: the challenger's bundle is refused" in str(check.description)
    assert why in str(check.description)
    assert champion_of(root) == champion
    in_use = Lake(root / "lake").scan(MODEL_CARD).collect()["model_version"]
    assert in_use.to_list() == [champion]


def test_a_run_with_unchanged_content_keeps_the_champion_and_the_check_tells_why(root: Path) -> None:
    record = json.loads((root / "models" / "champion.json").read_text())
    from assets.tables.training_data import build_training_input

    horizon_days = read_config(root / "footsteps.yaml").policy.horizon_days
    training_input = build_training_input(TableReader(Lake(root / "lake")), END, horizon_days)
    record["latest"]["recipe"] = training_input.training_version.recipe
    (root / "models" / "champion.json").write_text(json.dumps(record))
    check = run(ranker, root)
    assert check.passed
    assert check.metadata["training"].value == f"nothing changed since the training of {END}"
    assert "the first model" in str(check.description)


def test_a_step_that_only_leavers_reached_is_a_candidate_once(root: Path) -> None:
    tables = TableReader(Lake(root / "lake"))
    steps, mastery = tables.read(REACHED_STEP), tables.read(MASTERY)
    people = mastery["person_id"].unique().sort()
    extra = build_extra_features(tables, steps).for_people(people)
    recommender = load_bundle(root / "models" / champion_of(root), extra_features=extra)
    deepening = find_deepening_steps(mastery, people).filter(
        pl.col("step_id").is_in(recommender.ensemble.items.tolist())
    )
    assert deepening.height
    remaining = steps.join(deepening, on="step_id", how="anti")
    rows = rank_candidates(recommender, remaining, mastery, people, tables.read(SKILL)["skill_id"], END)
    assert rows.select("person_id", "step_id").is_duplicated().sum() == 0


def test_drift_has_rows_per_run_and_warns_if_people_changed(root: Path) -> None:
    rows = Lake(root / "lake").scan(DRIFT).collect()
    assert set(rows["as_of"]) == {END}
    assert {"probability", "steps_held", "part_history"} <= set(rows["watched_name"])
    assert not rows["is_drifted"].any()
    path = root / "models" / champion_of(root) / "profiles.json"
    profiles = json.loads(path.read_text())
    profiles["steps_held"]["shares"] = [0.0] * (len(profiles["steps_held"]["shares"]) - 1) + [1.0]
    path.write_text(json.dumps(profiles))
    check = run(drift, root)
    assert not check.passed
    assert str(check.description).endswith("was trained: steps_held")
    again = Lake(root / "lake").scan(DRIFT).collect()
    assert again.height == rows.height
    assert again.filter(pl.col("is_drifted"))["watched_name"].to_list() == ["steps_held"]
