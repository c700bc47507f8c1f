"""A loaded bundle equals the saved one, and a bundle that does not fit is refused with the reason."""

import hashlib
import importlib
import json
import os
import pathlib
import pickle
from dataclasses import MISSING, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import polars as pl
import pytest
import skops.io
from joined_features import JoinedFeatures
from polars.testing import assert_frame_equal

import ml.registry.model_bundle
from ml.data.interactions import encode_interactions
from ml.data.ranker_config import choose_config
from ml.evaluation.reliability import ExpectedObserved, Reliability, ReliabilityBin
from ml.ranking.fitting import fit_recommender
from ml.ranking.recommender import Recommender
from ml.registry.former_names import FORMER_FIELDS, FORMER_TYPES, fill_missing_values
from ml.registry.model_bundle import BundleError, load_bundle, read_card, save_bundle
from ml.retrieval.scorer_ensemble import fit_ensemble
from ml.retrieval.sequence import Sequence

AS_OF = datetime(2023, 1, 1)


@pytest.fixture(scope="module")
def fitted(ladders: pl.DataFrame) -> Recommender:
    config = replace(
        choose_config(encode_interactions(ladders)), n_trees=5, residual_weights=(1.0,), min_boosting_cases=50
    )
    return fit_recommender(ladders, as_of=AS_OF, config=config)


def test_a_loaded_bundle_scores_exactly_as_before(fitted: Recommender, ladders: pl.DataFrame, tmp_path: Path) -> None:
    assert fitted.ranker is not None
    assert fitted.ranker.booster is not None
    save_bundle(fitted, tmp_path, metrics={"ndcg_at_10": 0.3})
    people = ladders["person_id"].unique().sort().head(20)
    assert_frame_equal(
        load_bundle(tmp_path).score(ladders, people, as_of=AS_OF),
        fitted.score(ladders, people, as_of=AS_OF),
        check_exact=True,
    )
    card = read_card(tmp_path)
    assert card.metrics == {"ndcg_at_10": 0.3}
    assert card.n_items == 36
    assert card.versions["scikit-learn"]


def test_forgetting_scorers_and_second_order_transitions_are_stored(
    fitted: Recommender, small_ladders: pl.DataFrame, tmp_path: Path
) -> None:
    config = replace(fitted.config, half_life_days=180.0, transition_order=2)
    ensemble = fit_ensemble(encode_interactions(small_ladders), config)
    assert isinstance(ensemble.scorers["markov_last"], Sequence)
    drifting = replace(fitted, config=config, ensemble=ensemble)
    save_bundle(drifting, tmp_path)
    loaded, people = load_bundle(tmp_path), small_ladders["person_id"].unique().sort().head(20)
    assert loaded.config == config
    assert_frame_equal(
        loaded.score(small_ladders, people, as_of=AS_OF),
        drifting.score(small_ladders, people, as_of=AS_OF),
        check_exact=True,
    )


def test_a_card_holds_the_reliability(fitted: Recommender, tmp_path: Path) -> None:
    reliability = Reliability(
        200,
        0.2,
        0.01,
        0.15,
        0.06,
        (ReliabilityBin(100, 0.1, 0.11), ReliabilityBin(100, 0.3, 0.29)),
        groups=(ExpectedObserved("all", 200, 40.0, 39, 1.03, 0.8, None),),
    )
    save_bundle(fitted, tmp_path, reliability=reliability)
    assert read_card(tmp_path).reliability == reliability
    assert "| 100 | 0.1000 | 0.1100 |" in (tmp_path / "card.md").read_text()


def test_a_card_without_reliability_can_be_read(fitted: Recommender, tmp_path: Path) -> None:
    save_bundle(fitted, tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    del card["reliability"]
    (tmp_path / "card.json").write_text(json.dumps(card))
    assert read_card(tmp_path).reliability is None


def test_no_person_is_in_a_bundle(fitted: Recommender, tmp_path: Path) -> None:
    save_bundle(fitted, tmp_path)
    assert b"p0007" not in (tmp_path / "model.skops").read_bytes()
    assert "p0007" not in (tmp_path / "card.json").read_text()


def test_a_changed_model_file_is_refused(fitted: Recommender, tmp_path: Path) -> None:
    save_bundle(fitted, tmp_path)
    (tmp_path / "model.skops").write_bytes(b"other")
    with pytest.raises(BundleError, match="not the file its card describes"):
        load_bundle(tmp_path)


def test_a_folder_without_card_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no card\.json"):
        load_bundle(tmp_path)


def test_another_library_version_is_refused(fitted: Recommender, tmp_path: Path) -> None:
    save_bundle(fitted, tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    card["versions"]["scikit-learn"] = "0.1"
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match=r"made with .*0\.1"):
        load_bundle(tmp_path)


def test_other_features_are_refused_by_name(fitted: Recommender, tmp_path: Path) -> None:
    save_bundle(fitted, tmp_path)
    extra = JoinedFeatures(pl.DataFrame(), {"hint": "wishes"})
    with pytest.raises(BundleError, match="hint"):
        load_bundle(tmp_path, extra_features=extra)


def forge(folder: Path, blob: bytes) -> None:
    """Replace the model file, and its hash in the card."""
    (folder / "model.skops").write_bytes(blob)
    card = json.loads((folder / "card.json").read_text())
    card["model_sha256"] = hashlib.sha256(blob).hexdigest()
    (folder / "card.json").write_text(json.dumps(card))


def test_a_pickle_is_refused_unopened_even_if_the_card_holds_its_hash(fitted: Recommender, tmp_path: Path) -> None:
    class Poison:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (os.mkdir, (str(tmp_path / "ran"),))

    save_bundle(fitted, tmp_path)
    forge(tmp_path, pickle.dumps(Poison()))
    with pytest.raises(BundleError, match="such as a pickle: it is not opened"):
        load_bundle(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_an_unknown_type_in_a_skops_file_is_refused_by_name(fitted: Recommender, tmp_path: Path) -> None:
    save_bundle(fitted, tmp_path)
    forge(tmp_path, skops.io.dumps({"model": pathlib.PurePosixPath("/")}))
    with pytest.raises(BundleError, match=r"not trusted: .*PurePosixPath"):
        load_bundle(tmp_path)


def test_a_truncated_archive_is_refused(fitted: Recommender, tmp_path: Path) -> None:
    save_bundle(fitted, tmp_path)
    forge(tmp_path, (tmp_path / "model.skops").read_bytes()[:2000])
    with pytest.raises(BundleError, match="no readable skops file"):
        load_bundle(tmp_path)


def test_a_changed_contract_hash_is_refused(fitted: Recommender, tmp_path: Path) -> None:
    save_bundle(fitted, tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    card["contract_sha256"] = "0" * 64
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match="no recommender for the items and features on its card"):
        load_bundle(tmp_path)


def test_the_card_has_a_page(fitted: Recommender, tmp_path: Path) -> None:
    card = save_bundle(fitted, tmp_path, metrics={"ndcg_at_10": 0.3})
    page = (tmp_path / "card.md").read_text()
    assert "| ndcg_at_10 | 0.3000 |" in page
    assert "until before 2023-01-01" in page
    assert f"contract `{card.contract_sha256[:16]}`" in page
    assert "`ml.ranking.ranker.Ranker`" in page
    assert "p0007" not in page


def test_an_undeclared_type_is_refused(fitted: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ml.registry.model_bundle, "TRUSTED_TYPES", ml.registry.model_bundle.TRUSTED_TYPES[1:])
    save_bundle(fitted, tmp_path)
    with pytest.raises(BundleError, match=r"not trusted: ml\.ranking\.calibration\.Calibrator"):
        load_bundle(tmp_path)


FORMER_FIELDS_BY_TYPE = {
    "ml.calibration.Calibrator": "weights bias n_positive tilt knots",
    "ml.features.Feature": "name family meaning",
    "ml.openness.Rules": "requires needed repeatable",
    "ml.panel.Panel": "items names scorers trend popularity stage stage_spread group place",
    "ml.policy.Policy": "target ease_ridge item_shrink item_neighbours user_neighbours row_entries dense_items taus "
    "days per_scorer candidates folds freezes cases_per_person max_cases promised_people min_cases decays "
    "logit_penalty boosting trees leaves learning_rate steps min_boosting_cases training_people block_cells",
    "ml.ranker.Ranker": "features centre scale weights booster step decay",
    "ml.recommender.DataWindow": "first end is_calendar n_people n_events seed",
    "ml.recommender.Recommender": "policy horizon panel ranker calibrator reason window extra rules",
    "ml.scorers.ease.Ease": "tau days uses matrix ridge entries",
    "ml.scorers.item_knn.ItemKNN": "tau days uses matrix neighbours shrink",
    "ml.scorers.markov.Markov": "tau days uses matrix memory shrink entries seed",
    "ml.scorers.name_text.NameText": "tau days uses matrix names neighbours",
    "ml.scorers.recent_popularity.RecentPopularity": "window origin width born cumulative",
    "ml.scorers.user_knn.UserKNN": "neighbours tau power seed idf index votes",
}


# Fields of current types that no earlier version stored.
ADDED_FIELDS = {
    *("newcomer_ranker", "beginnings", "max_newcomer_cases", "newcomer_windows", "min_frozen_cases"),
    *("newcomer_calibrator", "activity_shift", "level", "base_rate"),
    *("half_life_days", "transition_order"),
}


@pytest.mark.parametrize("former", FORMER_FIELDS_BY_TYPE)
def test_every_field_of_an_earlier_version_has_a_current_name(former: str) -> None:
    module, _, name = FORMER_TYPES[former].rpartition(".")
    current = fields(getattr(importlib.import_module(module), name))
    renamed = {FORMER_FIELDS.get(field, field) for field in FORMER_FIELDS_BY_TYPE[former].split()}
    assert renamed <= {field.name for field in current}
    # what an earlier version did not store has a value all the same
    added = [field for field in current if field.name not in renamed]
    assert {field.name for field in added} <= ADDED_FIELDS
    assert all(field.default is not MISSING for field in added)


def test_a_model_file_with_former_names_scores_the_same(
    fitted: Recommender, ladders: pl.DataFrame, tmp_path: Path
) -> None:
    save_bundle(fitted, tmp_path)
    with ZipFile(tmp_path / "model.skops") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    former_types = {current: former for former, current in FORMER_TYPES.items()}

    def use_former_names(node: dict[str, Any]) -> dict[str, Any]:
        former = former_types.get(f"{node.get('__module__')}.{node.get('__class__')}")
        if former is None:
            return node
        module, _, name = former.rpartition(".")
        former_fields = {FORMER_FIELDS.get(field, field): field for field in FORMER_FIELDS_BY_TYPE[former].split()}
        values = {
            former_fields[field]: value
            for field, value in node["content"]["content"].items()
            if field in former_fields and field not in ADDED_FIELDS
        }
        return {**node, "__module__": module, "__class__": name, "content": {**node["content"], "content": values}}

    files["schema.json"] = json.dumps(json.loads(files["schema.json"], object_hook=use_former_names)).encode()
    with ZipFile(tmp_path / "former.skops", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    forge(tmp_path, (tmp_path / "former.skops").read_bytes())
    people = ladders["person_id"].unique().sort().head(20)
    # an earlier version had no ranker of newcomers, and no level of the probability
    assert fitted.calibrator is not None
    former_calibrator = replace(fitted.calibrator, level=None, base_rate=None)
    expected = replace(fitted, newcomer_ranker=None, calibrator=former_calibrator).score(ladders, people, as_of=AS_OF)
    assert_frame_equal(load_bundle(tmp_path).score(ladders, people, as_of=AS_OF), expected, check_exact=True)


def test_a_recommender_without_codes_of_fitted_items_knows_all_items(fitted: Recommender) -> None:
    former = replace(fitted, ensemble=replace(fitted.ensemble, fitted_codes=None))  # type: ignore[arg-type]
    assert fill_missing_values(former).ensemble.fitted_codes.tolist() == list(range(36))
