"""A loaded bundle equals the saved one, and a bundle that does not fit is refused with the reason."""

import hashlib
import json
import os
import pathlib
import pickle
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
import skops.io
from joined_features import JoinedFeatures
from polars.testing import assert_frame_equal

import ml.registry.model_bundle
from ml.data.interactions import encode_interactions
from ml.data.ranker_config import choose_config
from ml.ranking.calibration import Reliability, ReliabilityBin
from ml.ranking.fitting import fit_recommender
from ml.ranking.recommender import Recommender
from ml.registry.model_bundle import BundleError, load_bundle, read_card, save_bundle

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


def test_a_card_holds_the_reliability(fitted: Recommender, tmp_path: Path) -> None:
    reliability = Reliability(
        200, 0.2, 0.01, 0.15, 0.06, (ReliabilityBin(100, 0.1, 0.11), ReliabilityBin(100, 0.3, 0.29))
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
