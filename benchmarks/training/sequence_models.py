"""Benchmark of sequence models: SASRec and BERT4Rec of RecTools beside the recommender and simple models.

Belongs here: their environment, the files that are exchanged with it, their scores as a model of an evaluation.
Does not belong here: fitting them (`fit_sequence_model`, which runs in that environment), the evaluation.
"""

import json
import subprocess
import tempfile
import venv
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl

from assets.cli.evaluate import print_evaluation, read_history
from assets.cli.terminal.console import CommandFailed, print_json, print_note
from ml.data.encoding import encode_ids
from ml.data.interactions import TICKS_PER_DAY, Interactions, UserStates, build_user_states
from ml.data.sparse_rows import Floats, Ints
from ml.evaluation.evaluate import evaluate_recommender, list_available_models
from ml.evaluation.results import Split
from ml.evaluation.scoring import BindModel, ScoreRows
from ml.evaluation.splits import EvalSplit, split_by_time, split_leave_last
from ml.ranking.cases import Cases

SEQUENCE_MODELS = ("sasrec", "bert4rec")
_PROGRAM = Path(__file__).with_name("fit_sequence_model.py")
_REQUIREMENTS = Path(__file__).with_name("sequence_models.txt")


def print_peers(
    events_file: Path,
    split: str,
    horizon_days: int,
    model_names: str,
    max_epochs: int,
    environment: Path,
    seed: int,
    as_json: bool,
) -> None:
    """Evaluate sequence models beside all models of `footsteps evaluate`, and print one row per model.

    Args:
        events_file: CSV or Parquet: person_id, skill_id, ts.
        split: "time" or "leave-last".
        horizon_days: Length of a window.
        model_names: Names of sequence models, separated by commas.
        max_epochs: The largest number of epochs of a setting.
        environment: Folder of the virtual environment of the sequence models; it is made if it does not exist.
        seed: Seed of all fits and resamples.
        as_json: Whether to print JSON.
    """
    names = model_names.split(",")
    if unknown_names := sorted(set(names) - set(SEQUENCE_MODELS)):
        raise CommandFailed(f"no sequence model is called {', '.join(unknown_names)}; there are {SEQUENCE_MODELS}")
    events = read_history(events_file)
    python = install_environment(environment)
    with tempfile.TemporaryDirectory() as folder:
        evaluation = evaluate_recommender(
            events,
            split=cast(Split, split),
            horizon_days=horizon_days,
            model_names=[name for name in list_available_models() if name not in names],
            added_models={
                name: partial(
                    fit_sequence_model,
                    name,
                    python,
                    Path(folder) / name,
                    horizon_days,
                    max_epochs=max_epochs,
                    seed=seed,
                )
                for name in names
            },
            seed=seed,
        ).evaluation
    if as_json:
        print_json(asdict(evaluation))
        return
    print_evaluation(evaluation)


def install_environment(environment: Path) -> Path:
    """Make the environment of the sequence models, unless it has the required versions.

    Args:
        environment: Folder of the virtual environment.

    Returns:
        Its Python.

    Raises:
        CommandFailed: The packages could not be installed.
    """
    python, installed_requirements = environment / "bin" / "python", environment / _REQUIREMENTS.name
    requirements = _REQUIREMENTS.read_text()
    if not installed_requirements.is_file() or installed_requirements.read_text() != requirements:
        print_note(f"installing RecTools and PyTorch into {environment}")
        venv.create(environment, with_pip=True)
        pip_install = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        command = [*pip_install, "-r", str(_REQUIREMENTS)]
        if subprocess.run(command, check=False).returncode:
            raise CommandFailed(f"the packages of {_REQUIREMENTS.name} could not be installed into {environment}")
        installed_requirements.write_text(requirements)
    return python


def fit_sequence_model(
    model_name: str,
    python: Path,
    folder: Path,
    horizon_days: int,
    eval_split: EvalSplit,
    *,
    max_epochs: int,
    seed: int,
) -> BindModel:
    """Fit a sequence model on what people acquired before the freeze, and score all cases.

    Its settings are chosen on the last window (or moment) before the freeze, on which no model is compared.

    Args:
        model_name: One of `SEQUENCE_MODELS`.
        python: The Python of its environment.
        folder: Is created; files are exchanged in it.
        horizon_days: Length of the validation window; without calendar times, last moments are validated on.
        eval_split: The split; the model learns from `train_interactions`.
        max_epochs: The largest number of epochs of a setting.
        seed: Seed of the fit.

    Raises:
        CommandFailed: The model could not be fitted.
        ml.evaluation.splits.TooLittleHistory: There is no validation case before the freeze.
    """
    train_interactions = eval_split.train_interactions
    validation_split = (
        split_leave_last(train_interactions)
        if eval_split.freeze_tick is None
        else split_by_time(train_interactions, horizon_days * TICKS_PER_DAY, only_last=True)
    )
    _write_problem(validation_split, folder / "validation")
    _write_problem(eval_split, folder / "test")
    command = [str(python), "-I", str(_PROGRAM), str(folder), model_name, str(max_epochs), str(seed)]
    if subprocess.run(command, check=False).returncode:
        raise CommandFailed(f"{model_name} could not be fitted: its own message stands above")
    print_note(f"{model_name}: {json.loads((folder / 'settings.json').read_text())['chosen']}")
    scores = _read_scores(folder / "scores.parquet", eval_split)
    return partial(_bind_scores, eval_split.cases, scores, eval_split.holder_counts.astype(np.float32))


def _write_problem(eval_split: EvalSplit, folder: Path) -> None:
    """Write what is learned from (a user is a person), and the histories and targets of cases (a user is a case)."""
    folder.mkdir(parents=True)
    acquisitions, cases = eval_split.train_interactions.acquisitions, eval_split.cases
    _to_rows(
        acquisitions.person, eval_split.train_interactions.items[acquisitions.item], acquisitions.time
    ).write_parquet(folder / "train.parquet")
    items = eval_split.all_interactions.items
    pl.concat(_list_histories(eval_split, cases)).write_parquet(folder / "histories.parquet")
    pl.DataFrame({"user_id": cases.target_row, "item_id": items[cases.item]}).write_parquet(folder / "targets.parquet")


def _list_histories(eval_split: EvalSplit, cases: Cases) -> Iterable[pl.DataFrame]:
    """What the person of each case held at its cutoff, by the time of the first use: user_id, item_id, datetime."""
    for case_indices, visible_history in eval_split.visible_histories(cases):
        user_states = build_user_states(visible_history, cases.person[case_indices], cases.cutoff_tick[case_indices])
        yield _to_rows(case_indices[user_states.row], visible_history.items[user_states.item], user_states.first_used)


def _to_rows(users: Ints, item_ids: np.ndarray, ticks: Ints) -> pl.DataFrame:
    return pl.DataFrame({"user_id": users, "item_id": item_ids, "datetime": ticks}).with_columns(
        pl.col("datetime").cast(pl.Datetime("us"))
    )


def _read_scores(file: Path, eval_split: EvalSplit) -> Floats:
    """Cases x items; minus infinity for an item that the model does not know."""
    items = eval_split.all_interactions.items
    rows = pl.read_parquet(file)
    scores = np.full((len(eval_split.cases), len(items)), -np.inf, np.float32)
    scores[rows["user_id"].to_numpy(), encode_ids(rows["item_id"].to_numpy(), items)] = rows["score"].to_numpy()
    return scores


def _bind_scores(cases: Cases, scores: Floats, popularity: Floats, _visible_history: Interactions) -> ScoreRows:
    """Look up the scores of cases; people without a history get items by the number of holders at the freeze."""
    row_by_case = {
        case_key: row
        for row, case_key in enumerate(zip(cases.person.tolist(), cases.cutoff_tick.tolist(), strict=True))
    }

    def score(user_states: UserStates) -> Floats:
        rows = [
            row_by_case.get(case_key)
            for case_key in zip(user_states.person.tolist(), user_states.cutoff_tick.tolist(), strict=True)
        ]
        return np.stack([popularity if row is None else scores[row] for row in rows])

    return score
