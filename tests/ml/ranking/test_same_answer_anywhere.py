"""The same result to the last digit: refitted, saved and loaded, in other processes, with more threads or jobs."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from joblib import parallel_config
from polars.testing import assert_frame_equal

import ml.ranking.recommender
from ml.data.interactions import encode_interactions
from ml.data.ranker_config import RankerConfig, choose_config
from ml.ranking.fitting import fit_recommender
from ml.registry.model_bundle import load_bundle, save_bundle

AS_OF = datetime(2023, 1, 1)
SCRIPT = """
import sys
from datetime import datetime
from pathlib import Path
import polars as pl
from ml.registry.model_bundle import load_bundle
from ml.ranking.fitting import fit_recommender
from tests_config import config_of
folder, how = Path(sys.argv[1]), sys.argv[2]
events, as_of = pl.read_parquet(folder / "events.parquet"), datetime(2023, 1, 1)
if how == "fit":
    recommender = fit_recommender(events, as_of=as_of, config=config_of(events))
else:
    recommender = load_bundle(folder / "bundle")
rows = recommender.score(events, events["person_id"].unique().sort(), as_of=as_of)
rows.write_parquet(folder / f"{how}-{sys.argv[3]}.parquet")
"""
CONFIG = """
from dataclasses import replace
from ml.data.interactions import encode_interactions
from ml.data.ranker_config import choose_config
def config_of(events):
    return replace(choose_config(encode_interactions(events)), n_trees=10, min_boosting_cases=100)
"""


def config_of(events: pl.DataFrame) -> RankerConfig:
    return replace(choose_config(encode_interactions(events)), n_trees=10, min_boosting_cases=100)


def run_in_process(folder: Path, how: str, threads: int) -> pl.DataFrame:
    (folder / "tests_config.py").write_text(CONFIG)
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), str(threads))
    paths = os.pathsep.join([str(Path(__file__).parents[3]), str(folder)])
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), how, str(threads)],
        check=True,
        env={**os.environ, **limits, "PYTHONPATH": paths, "PYTHONHASHSEED": str(threads)},
    )
    return pl.read_parquet(folder / f"{how}-{threads}.parquet")


def test_results_are_the_same_after_saving_and_in_other_processes(tmp_path: Path, small_ladders: pl.DataFrame) -> None:
    small_ladders.write_parquet(tmp_path / "events.parquet")
    recommender = fit_recommender(small_ladders, as_of=AS_OF, config=config_of(small_ladders))
    assert recommender.ranker is not None
    save_bundle(recommender, tmp_path / "bundle")
    people = small_ladders["person_id"].unique().sort()
    expected = recommender.score(small_ladders, people, as_of=AS_OF)
    assert expected.height > 0
    assert_frame_equal(
        load_bundle(tmp_path / "bundle").score(small_ladders, people, as_of=AS_OF), expected, check_exact=True
    )
    for how, threads in (("load", 1), ("fit", 1), ("fit", 2)):
        assert_frame_equal(run_in_process(tmp_path, how, threads), expected, check_exact=True)


@pytest.mark.parametrize("dense_items", [4_000, 1], ids=["dense", "sparse"])
def test_jobs_and_backends_change_nothing(
    small_ladders: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, dense_items: int
) -> None:
    config = replace(config_of(small_ladders), dense_items=dense_items, n_candidates=12)
    recommender = fit_recommender(small_ladders, as_of=AS_OF, config=config)
    monkeypatch.setattr(ml.ranking.recommender, "PEOPLE_PER_TASK", 16)
    people = small_ladders["person_id"].unique().sort()
    sequential = recommender.score(small_ladders, people, as_of=AS_OF, n_jobs=1)
    assert sequential.height > 0
    assert_frame_equal(recommender.score(small_ladders, people, as_of=AS_OF, n_jobs=2), sequential, check_exact=True)
    with parallel_config(backend="loky", n_jobs=2):
        assert_frame_equal(recommender.score(small_ladders, people, as_of=AS_OF), sequential, check_exact=True)
