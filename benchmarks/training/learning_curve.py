"""Benchmark of training: NDCG@10 by number of cases and candidates, and of a refit against a fit from nothing.

Belongs here: the fits and their comparison on the same people. Does not belong here: baselines (`ml.evaluation`).
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from time import process_time
from unittest.mock import patch

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from assets.cli.evaluate import read_history
from assets.cli.terminal.console import print_json, print_table, resolve_settings
from assets.cli.terminal.inputs import load_config
from assets.resources.table_reader import TableReader
from assets.tables.training_data import build_training_input
from ml.data.eligibility import encode_rules
from ml.data.encoding import encode_ids
from ml.data.interactions import TICKS_PER_DAY, as_ticks, drop_unused_ids, encode_interactions, filter_before
from ml.data.ranker_config import RankerConfig, choose_config
from ml.data.statistics import percentile_interval
from ml.evaluation.metrics import bootstrap_means
from ml.evaluation.profiling import ResourceMeter
from ml.evaluation.scoring import bind_recommender, score_model
from ml.evaluation.splits import EvalSplit, apply_rules, split_by_time
from ml.ranking.features import ExtraFeatures
from ml.ranking.fitting import FittedRecommender, align_item_names, fit_coded_recommender
from ml.ranking.recommender import Recommender
from ml.ranking.refitting import refit_recommender
from pipelines.contracts.output_tables import SNAPSHOT
from pipelines.storage.lake import Lake

_SIZES = ((6_000, 40), (4_000, 50), (3_000, 60), (3_000, 40), (2_000, 60), (1_500, 40))


@dataclass(frozen=True)
class TrainingHistory:
    """What is learned from: as the arguments of `ml.ranking.fitting.fit_recommender`."""

    events: pl.DataFrame
    horizon_days: int
    item_names: pl.DataFrame | None = None
    extra_features: ExtraFeatures | None = None
    requires: pl.DataFrame | None = None
    repeatable: pl.Series | None = None

    @property
    def horizon_ticks(self) -> int:
        """The horizon in ticks."""
        return self.horizon_days * TICKS_PER_DAY


@dataclass(frozen=True)
class ComparedFit:
    """One fit, scored on the windows after the freeze; the ratio of NDCG@10 to the first fit has a 95 % interval."""

    fit: str
    fit_seconds: float  # processor time
    ndcg_at_10: float
    ratio: float
    ratio_low: float
    ratio_high: float


def print_training(events_file: Path | None, data_root: Path | None, horizon_days: int, as_json: bool) -> None:
    """Fit and compare recommenders of a history, and print one row per fit."""
    history = read_training_history(events_file, data_root, horizon_days)
    compared_fits = measure_training(history)
    if as_json:
        print_json([asdict(compared_fit) for compared_fit in compared_fits])
        return
    rows = [
        [
            compared_fit.fit,
            f"{compared_fit.fit_seconds:.0f}",
            f"{compared_fit.ndcg_at_10:.4f}",
            f"{compared_fit.ratio:.3f} [{compared_fit.ratio_low:.3f}, {compared_fit.ratio_high:.3f}]",
        ]
        for compared_fit in compared_fits
    ]
    headings = {"fit": "left", "processor seconds": "right", "NDCG@10": "right", "ratio to the first": "right"}
    print_table(f"Training on {history.events['person_id'].n_unique():,} people", headings, rows)


def read_training_history(events_file: Path | None, data_root: Path | None, horizon_days: int) -> TrainingHistory:
    """Read a file of events (see `footsteps evaluate`), or what the last run of a data root trained on.

    Args:
        events_file: person_id, skill_id, ts; None for the data root.
        data_root: The data root.
        horizon_days: The horizon of a file; a data root has its own.
    """
    if events_file is not None:
        return TrainingHistory(read_history(events_file), horizon_days)
    settings = resolve_settings(data_root)
    table_reader = TableReader(Lake(settings.lake_path))
    as_of = table_reader.read(SNAPSHOT)["as_of"][0]
    training_input = build_training_input(table_reader, as_of, load_config(settings).policy.horizon_days)
    return TrainingHistory(
        training_input.events,
        training_input.horizon_days,
        training_input.step_names,
        training_input.extra_features,
        training_input.requirements,
        training_input.repeatable_ids,
    )


def measure_training(history: TrainingHistory) -> list[ComparedFit]:
    """Fit recommenders at the freeze of `ml.evaluation.splits.split_by_time`, and compare them on the windows after it.

    Args:
        history: What is learned from.

    Returns:
        One row per fit: as a training fits, as a training refits from a fit of one horizon earlier, on all candidates,
        and on fewer cases and candidates. Ratios are those to the fit on all candidates.
    """
    interactions = encode_interactions(history.events)
    rules = encode_rules(history.requires, history.repeatable, interactions.items)
    interactions = replace(interactions, is_repeatable=rules.repeatable)
    eval_split = apply_rules(split_by_time(interactions, history.horizon_ticks), rules)
    assert eval_split.freeze_tick is not None
    config, freeze_tick = choose_config(eval_split.train_interactions), eval_split.freeze_tick
    earlier_fit = _fit(history, eval_split, freeze_tick - history.horizon_ticks, with_calibration=True)
    past_events = history.events.filter(pl.Series(as_ticks(history.events["ts"]) < freeze_tick))
    fits: dict[str, Callable[[], Recommender]] = {
        "all candidates": partial(_fit_size, history, eval_split, config, config.max_cases, config.n_candidates),
        "as in a training": lambda: _fit(history, eval_split, freeze_tick).recommender,
        "refit from one horizon earlier": lambda: refit_recommender(
            earlier_fit,
            past_events,
            item_names=history.item_names,
            requirements=history.requires,
            repeatable_ids=history.repeatable,
        ),
        **{
            f"{n_cases:,} cases x {n_candidates}": partial(
                _fit_size, history, eval_split, config, n_cases, n_candidates
            )
            for n_cases, n_candidates in _SIZES
        },
    }
    seconds, case_ndcg = [], []
    tie_break_ranks = np.random.default_rng(0).permutation(interactions.n_items)
    item_names = align_item_names(history.item_names, interactions.items)
    with threadpool_limits(1):
        for fit in fits.values():
            started_seconds = process_time()
            recommender = fit()
            seconds.append(process_time() - started_seconds)
            bound_recommender = bind_recommender(recommender, eval_split, item_names)
            case_ndcg.append(
                score_model(bound_recommender, eval_split, config, tie_break_ranks, ResourceMeter()).case_scores.ndcg
            )
    ndcg = np.stack(case_ndcg, axis=1)
    resampled_ndcg = bootstrap_means(ndcg, eval_split.cases.person, 0)
    low_ratios, high_ratios = percentile_interval(resampled_ndcg / resampled_ndcg[:, :1])
    mean_ndcg = ndcg.mean(axis=0)
    columns = (list(fits), seconds, mean_ndcg, mean_ndcg / mean_ndcg[0], low_ratios, high_ratios)
    return [ComparedFit(label, *map(float, figures)) for label, *figures in zip(*columns, strict=True)]


def _fit(
    history: TrainingHistory,
    eval_split: EvalSplit,
    end_tick: int,
    *,
    config: RankerConfig | None = None,
    with_calibration: bool = False,
) -> FittedRecommender:
    """Fit on everything before a tick, with the settings that follow from it if none are given."""
    interactions = drop_unused_ids(filter_before(eval_split.all_interactions, end_tick))
    return fit_coded_recommender(
        interactions,
        end_tick=end_tick,
        horizon_ticks=history.horizon_ticks,
        config=config or choose_config(interactions),
        item_names=align_item_names(history.item_names, interactions.items),
        extra_features=history.extra_features,
        seed=0,
        rules=eval_split.rules.select_items(encode_ids(interactions.items, eval_split.all_interactions.items)),
        with_calibration=with_calibration,
    )


def _fit_size(
    history: TrainingHistory, eval_split: EvalSplit, config: RankerConfig, n_cases: int, n_candidates: int
) -> Recommender:
    """Fit on so many cases and candidates per case."""
    assert eval_split.freeze_tick is not None
    with patch("ml.data.ranker_config.MAX_TRAINING_ROWS", n_cases * n_candidates):
        return _fit(history, eval_split, eval_split.freeze_tick, config=replace(config, max_cases=n_cases)).recommender
