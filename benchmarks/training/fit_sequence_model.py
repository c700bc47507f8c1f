"""Fit a sequence model of RecTools, and write its scores: run by `footsteps bench peers` in an environment of its own.

Belongs here: the choice of settings on validation cases, the final fit, the scores of the test cases.
Does not belong here: anything of this project: its environment does not have it; files in Parquet are the interface.
"""

import json
import logging
import sys
import warnings
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pytorch_lightning import Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.metrics import NDCG
from rectools.models import BERT4RecModel, SASRecModel

MODEL_CLASSES = {"sasrec": SASRecModel, "bert4rec": BERT4RecModel}
FACTORS = (64, 128)  # width of an embedding
LEARNING_RATES = (0.001, 0.0003)
EPOCHS_PER_CHECK = 10  # the validation cases are scored every so many epochs
LONGEST_SEQUENCE = 100  # items; of a longer history, the latest
LIST_LENGTH = 10


@dataclass(frozen=True)
class Setting:
    """A setting that was tried, with its NDCG@10 on the validation cases."""

    n_factors: int
    learning_rate: float
    epochs: int
    ndcg_at_10: float


def main(folder: Path, model_name: str, max_epochs: int, seed: int) -> None:
    """Choose a setting on `folder/validation`, fit it on `folder/test`, and write `folder/scores.parquet`.

    Args:
        folder: Has `validation` and `test`, each with `train.parquet` (user_id, item_id, datetime), `histories.parquet`
            (the same columns; a user is one case) and `targets.parquet` (user_id, item_id).
        model_name: A key of `MODEL_CLASSES`.
        max_epochs: The largest number of epochs of a setting.
        seed: Seed of the weights and of the order of the people.
    """
    warnings.simplefilter("ignore")  # those of the libraries about each other; a setting prints one line
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    validation_targets = pd.read_parquet(folder / "validation" / "targets.parquet")
    settings = [
        setting
        for n_factors, learning_rate in product(FACTORS, LEARNING_RATES)
        for setting in try_setting(
            folder / "validation", validation_targets, model_name, n_factors, learning_rate, max_epochs, seed
        )
    ]
    chosen = max(settings, key=lambda setting: setting.ndcg_at_10)
    model = build_model(model_name, chosen.n_factors, chosen.learning_rate, seed)
    model.fit_partial(read_dataset(folder / "test" / "train.parquet"), min_epochs=1, max_epochs=chosen.epochs)
    score_cases(model, folder / "test").to_parquet(folder / "scores.parquet", index=False)
    (folder / "settings.json").write_text(
        json.dumps({"chosen": asdict(chosen), "tried": [asdict(setting) for setting in settings]})
    )


def try_setting(
    folder: Path,
    targets: pd.DataFrame,
    model_name: str,
    n_factors: int,
    learning_rate: float,
    max_epochs: int,
    seed: int,
) -> list[Setting]:
    """Fit one setting, and measure it every `EPOCHS_PER_CHECK` epochs until it stops getting better.

    Returns:
        One setting per number of epochs that was measured.
    """
    model = build_model(model_name, n_factors, learning_rate, seed)
    dataset, ndcg = read_dataset(folder / "train.parquet"), NDCG(LIST_LENGTH, divide_by_achievable=True)
    settings: list[Setting] = []
    while len(settings) * EPOCHS_PER_CHECK < max_epochs:
        model.fit_partial(dataset, min_epochs=1, max_epochs=EPOCHS_PER_CHECK)
        ndcg_at_10 = ndcg.calc(score_cases(model, folder), targets)
        settings.append(Setting(n_factors, learning_rate, (len(settings) + 1) * EPOCHS_PER_CHECK, ndcg_at_10))
        print(settings[-1], file=sys.stderr, flush=True)
        best_index = int(np.argmax([setting.ndcg_at_10 for setting in settings]))
        if len(settings) - 1 - best_index >= 2:
            break
    return settings


def build_model(model_name: str, n_factors: int, learning_rate: float, seed: int) -> Any:
    """An unfitted model."""
    seed_everything(seed, workers=True, verbose=False)
    return MODEL_CLASSES[model_name](
        n_factors=n_factors,
        lr=learning_rate,
        session_max_len=LONGEST_SEQUENCE,
        loss="softmax",
        get_trainer_func=build_trainer,
        recommend_torch_device="cpu",
    )


def build_trainer() -> Trainer:
    """A trainer that writes nothing."""
    return Trainer(
        accelerator="cpu",
        max_epochs=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        logger=False,
    )


def read_dataset(file: Path) -> Dataset:
    """The interactions of a file, in the order of their times."""
    return Dataset.construct(pd.read_parquet(file).assign(**{Columns.Weight: 1.0}))


def score_cases(model: Any, folder: Path) -> pd.DataFrame:
    """Score every item that the model knows and the case's history lacks, for each case with a known item.

    Returns:
        One row per case and item: user_id, item_id, score, rank.
    """
    dataset = read_dataset(folder / "histories.parquet")
    return model.recommend(
        users=dataset.user_id_map.external_ids,
        dataset=dataset,
        k=model.data_preparator.item_id_map.size,
        filter_viewed=True,
        on_unsupported_targets="ignore",  # a case has no item that the model knows: it gets no score
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
