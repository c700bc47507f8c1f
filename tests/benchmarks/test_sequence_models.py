"""Sequence models of another environment: the files that are exchanged, and the scores as a model of an evaluation."""

import sys
from pathlib import Path

import polars as pl
import pytest

from assets.cli.terminal.console import CommandFailed
from benchmarks.recommender import synthetic_events
from benchmarks.training import sequence_models
from benchmarks.training.sequence_models import fit_sequence_model
from ml.data.interactions import TICKS_PER_DAY, encode_interactions
from ml.evaluation.evaluate import evaluate_recommender
from ml.evaluation.splits import split_by_time

# It scores an item by the number of people who acquired it before the freeze.
COUNTING_PROGRAM = """
import json, sys
from pathlib import Path
import polars as pl
folder = Path(sys.argv[1])
for problem in ("validation", "test"):
    train = pl.read_parquet(folder / problem / "train.parquet")
    targets = pl.read_parquet(folder / problem / "targets.parquet")
    assert train.columns == ["user_id", "item_id", "datetime"] and targets.columns == ["user_id", "item_id"]
histories = pl.read_parquet(folder / "test" / "histories.parquet")
counts = train.group_by("item_id").len().select("item_id", score=pl.col("len").cast(pl.Float64))
scores = histories.select("user_id").unique().join(counts, how="cross").select("user_id", "item_id", "score")
scores.write_parquet(folder / "scores.parquet")
(folder / "settings.json").write_text(json.dumps({"chosen": {}}))
"""


@pytest.fixture
def counting_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program.py"
    program.write_text(COUNTING_PROGRAM)
    monkeypatch.setattr(sequence_models, "_PROGRAM", program)


@pytest.mark.usefixtures("counting_program")
def test_scores_of_the_other_environment_are_those_of_their_cases(tmp_path: Path) -> None:
    """A model that counts holders in its own environment equals the baseline that counts them here."""

    def fit(eval_split: sequence_models.EvalSplit) -> sequence_models.BindModel:
        return fit_sequence_model(
            "sasrec", Path(sys.executable), tmp_path / "exchange", 180, eval_split, max_epochs=10, seed=0
        )

    evaluation = evaluate_recommender(
        synthetic_events(120, items=50), horizon_days=180, model_names=["popularity"], added_models={"counted": fit}
    ).evaluation
    popularity, counted = evaluation.models
    assert (popularity.model, counted.model) == ("popularity", "counted")
    assert popularity.ndcg_at_10 > 0
    assert counted.ndcg_at_10 == pytest.approx(popularity.ndcg_at_10)


@pytest.mark.usefixtures("counting_program")
def test_the_model_sees_nothing_from_the_window_of_a_case_on(tmp_path: Path) -> None:
    interactions = encode_interactions(synthetic_events(120, items=50))
    eval_split = split_by_time(interactions, 180 * TICKS_PER_DAY)
    fit_sequence_model("sasrec", Path(sys.executable), tmp_path / "x", 180, eval_split, max_epochs=10, seed=0)
    histories = pl.read_parquet(tmp_path / "x" / "test" / "histories.parquet").with_columns(
        pl.col("datetime").to_physical()
    )
    cutoffs = pl.DataFrame({"user_id": range(len(eval_split.cases)), "cutoff": eval_split.cases.cutoff_tick})
    assert set(histories["user_id"]) == set(cutoffs["user_id"])
    assert histories.join(cutoffs, on="user_id").filter(pl.col("datetime") >= pl.col("cutoff")).is_empty()
    trained_until = pl.read_parquet(tmp_path / "x" / "test" / "train.parquet")["datetime"].to_physical().max()
    assert eval_split.freeze_tick is not None
    assert trained_until < eval_split.freeze_tick  # type: ignore[operator]
    assert (
        pl.read_parquet(tmp_path / "x" / "validation" / "train.parquet")["datetime"].to_physical().max()
        < eval_split.freeze_tick - 180 * TICKS_PER_DAY  # type: ignore[operator]
    )


def test_a_model_that_fails_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "program.py").write_text("raise SystemExit(1)")
    monkeypatch.setattr(sequence_models, "_PROGRAM", tmp_path / "program.py")
    eval_split = split_by_time(encode_interactions(synthetic_events(120, items=50)), 180 * TICKS_PER_DAY)
    with pytest.raises(CommandFailed, match="bert4rec could not be fitted"):
        fit_sequence_model("bert4rec", Path(sys.executable), tmp_path / "x", 180, eval_split, max_epochs=10, seed=0)
