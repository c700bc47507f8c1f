"""`footsteps evaluate`: the recommender beside simpler models, on anybody's history.

Belongs here: reading the history, progress, the table.
Does not belong here: the measuring (`ml.evaluation`).
"""

from pathlib import Path
from typing import get_args

import polars as pl
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from assets.commands.saying import Failed, answers, errors, print_json, print_table
from ml.evaluation import available_models, evaluate
from ml.results import Evaluation, Split
from pipelines.config import ConfigRefused, read_config

_NEEDED = ("person_id", "skill_id", "ts")


def evaluate_events(
    events: Path, config: Path | None, split: str, horizon: str, models: str, names: Path | None, seed: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Measure all models on a history file and print one table. Raises Failed where the file cannot be used."""
    if split not in get_args(Split):
        raise Failed(f"--split {split} is not known; allowed: {', '.join(get_args(Split))}")
    wanted = list(available_models()) if models == "all" else [name.strip() for name in models.split(",")]
    if unknown := sorted(set(wanted) - set(available_models())):
        raise Failed(f"--models {', '.join(unknown)} is not known; allowed: all, {', '.join(available_models())}")
    history = read_history(events)
    named = _read(names).select("skill_id", "name") if names else None
    columns = (TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("reading", total=1.0)
        try:
            measured = evaluate(
                history, split=split, horizon_days=_horizon(horizon, config), models=wanted, seed=seed, names=named,  # type: ignore[arg-type]
                progress=lambda what, share: bar.update(task, description=what, completed=share),
            )  # fmt: skip
        except ValueError as problem:
            raise Failed(f"{events.name} cannot be evaluated: {problem}") from problem
    if as_json:
        print_json(measured.to_dict())
    else:
        _print(measured)


def read_history(path: Path) -> pl.DataFrame:
    """One row per event: person_id and skill_id as text, ts as a UTC time or an integer order.

    Raises Failed where the file is missing, of another kind, lacks a column, or has times that cannot be read.
    """
    frame = _read(path)
    missing = [name for name in _NEEDED if name not in frame.columns]
    if missing:
        raise Failed(f"{path.name} has no column {', '.join(missing)}; it has {', '.join(frame.columns)}: rename them")
    kind = frame.schema["ts"]
    moment = pl.col("ts")
    if kind == pl.String:
        moment = moment.str.to_datetime(time_zone="UTC", strict=False)
        if frame.select(pl.col("ts").str.contains(r"^-?\d+$").all()).item():
            moment = pl.col("ts").cast(pl.Int64)
    elif kind == pl.Date or isinstance(kind, pl.Datetime):
        moment = moment.cast(pl.Datetime("us")).dt.replace_time_zone("UTC") if not _zoned(kind) else moment
    elif not kind.is_integer():
        raise Failed(f"{path.name}: ts is {kind}; give a date, a time or a whole number that orders the events")
    history = frame.with_columns(pl.col("person_id", "skill_id").cast(pl.String), moment.alias("ts"))
    lost = history["ts"].null_count() + history["person_id"].null_count() + history["skill_id"].null_count()
    if lost:
        raise Failed(
            f"{path.name}: {lost:,} of {frame.height:,} rows lack a person, a skill or a readable ts: mend them"
        )
    return history


def _zoned(kind: pl.DataType) -> bool:
    return isinstance(kind, pl.Datetime) and kind.time_zone is not None


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise Failed(f"{path} does not exist: give a CSV or Parquet file with {', '.join(_NEEDED)}")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pl.read_parquet(path)
        return pl.read_csv(path, infer_schema_length=10_000)
    except (pl.exceptions.PolarsError, UnicodeDecodeError, OSError) as problem:
        first = str(problem).splitlines()[0]
        raise Failed(f"{path.name} is neither a readable CSV nor Parquet file: {first}") from problem


def _horizon(given: str, config: Path | None) -> int:
    if config is not None:
        try:
            return read_config(config).policy.horizon_days
        except ConfigRefused as refusal:
            raise Failed(str(refusal)) from refusal
    days = given.removesuffix("d")
    if not days.isdigit() or int(days) < 1:
        raise Failed(f"--horizon {given} is no number of days; write it as 90d")
    return int(days)


def _print(measured: Evaluation) -> None:
    frozen = f", models frozen at {measured.frozen_at}" if measured.frozen_at else ""
    print_table(
        f"{measured.n_people_scored:,} people scored, {measured.n_items:,} steps, split {measured.split}{frozen}",
        {"model": "left", "HR@10": "right", "NDCG@10": "right", "95 % interval": "right", "MRR": "right",
         "coverage": "right", "novelty": "right", "fit s": "right", "ms a person": "right", "peak MB": "right"},
        [
            [m.model, f"{m.hr_at_10:.3f}", f"{m.ndcg_at_10:.3f}", f"{m.ndcg_at_10_low:.3f}–{m.ndcg_at_10_high:.3f}",
             f"{m.mrr:.3f}", f"{m.coverage:.2f}", f"{m.novelty:.1f}", f"{m.fit_seconds:.1f}",
             f"{m.score_ms_per_person:.2f}", f"{m.peak_mb:,.0f}"]
            for m in measured.models
        ],
    )  # fmt: skip
    print_table(
        "By length of history",
        {"segment": "left", "model": "left", "cases": "right", "HR@10": "right", "NDCG@10": "right"},
        [[s.segment, s.model, f"{s.n_cases:,}", f"{s.hr_at_10:.3f}", f"{s.ndcg_at_10:.3f}"] for s in measured.segments],
    )
    if measured.ratio:
        r = measured.ratio
        answers.print(
            f"footsteps over the best other ({r.best_other}): {r.ratio:.3f} (95 %: {r.low:.3f} to {r.high:.3f})"
        )
    if measured.reliability:
        rel = measured.reliability
        answers.print(f"Probability: ECE {rel.ece:.4f}, Brier {rel.brier:.4f}, Brier skill {rel.brier_skill:.1%}")
    answers.print(
        f"{measured.n_targets_unseen:,} of {measured.n_targets:,} targets were seen by nobody before the freeze: "
        "a miss for every model."
    )
    if measured.reason:
        answers.print(f"footsteps fell back: {measured.reason}")
