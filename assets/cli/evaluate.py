"""`footsteps evaluate`: the recommender beside simpler models, on anybody's history.

Belongs here: reading the history, progress, the table.
Does not belong here: the measuring (`ml.evaluation.evaluate`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import polars as pl
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from assets.cli.console import CommandFailed, print_json, print_table, stderr_console, stdout_console
from assets.cli.evaluation_report import write_report
from ml.evaluation.evaluate import available_models, evaluate
from ml.evaluation.results import Evaluation, Split
from ml.ranking.group_features import GroupFeatures
from pipelines.config.company import ConfigError, read_config
from pipelines.config.settings import Settings

_NEEDED = ("person_id", "skill_id", "ts")


@dataclass(frozen=True)
class EvaluationOptions:
    """What to measure on: the options of the command."""

    split: str
    horizon: str
    models: str
    seed: int
    names: Path | None
    attributes: Path | None
    again: Path | None
    report: Path | None
    as_json: bool


def evaluate_events(events: Path, config: Path | None, asked: EvaluationOptions) -> None:
    """Measure all models on a history file and print one table. Raises Failed where the file cannot be used."""
    history = read_history(events)
    if asked.again:
        history = pl.concat([history.select(_NEEDED), read_history(asked.again).select(_NEEDED)])
    named = _names_of(history, asked.names)
    groups = _groups_of(history, asked.attributes)
    _measure(asked, history, events.name, _horizon(asked.horizon, config), names=named, extra_features=groups)


def evaluate_company(settings: Settings, asked: EvaluationOptions) -> None:
    """Measure all models on the company's own reached steps, with the features its HR, projects, learning, taxonomy
    and wishes give. Raises Failed where no night has run."""
    from assets.resources.pipeline import PipelineResource
    from assets.tables.training_data import build_training_input
    from pipelines.contracts.output_tables import SNAPSHOT
    from pipelines.storage.lake import Lake

    days = Lake(settings.lake_path).scan(SNAPSHOT).select("as_of").collect()["as_of"]
    if not len(days):
        raise CommandFailed("no night has run here: run `footsteps run`, or give a history file")
    night = PipelineResource(
        data_root=str(settings.root), config_path=str(settings.config_path), landing_path=str(settings.root)
    )
    lesson = build_training_input(night, days[0], with_wishes=True)
    company = night.config.company
    _measure(
        asked,
        lesson.events,
        company,
        lesson.horizon_days,
        names=lesson.names,
        extra_features=lesson.extra,
        requires=lesson.requires,
        repeatable=lesson.repeatable,
    )


def _measure(asked: EvaluationOptions, history: pl.DataFrame, called: str, horizon_days: int, **given: Any) -> None:
    split, wanted = _split(asked.split), _models(asked.models)
    columns = (TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr_console, transient=True) as bar:
        task = bar.add_task("reading", total=1.0)
        try:
            measured = evaluate(
                history,
                split=split,
                horizon_days=horizon_days,
                models=wanted,
                seed=asked.seed,
                with_ablation=asked.report is not None,
                progress=lambda what, share: bar.update(task, description=what, completed=share),
                **given,
            )
        except ValueError as problem:
            raise CommandFailed(f"{called} cannot be evaluated: {problem}") from problem
    written = write_report(measured, asked.report, f"Next steps at {called}") if asked.report else []
    if asked.as_json:
        print_json(measured.to_dict())
    else:
        _print(measured)
        for path in written[:1]:
            stdout_console.print(f"Report: {path}")


def _split(given: str) -> Split:
    if given not in get_args(Split):
        raise CommandFailed(f"--split {given} is not known; allowed: {', '.join(get_args(Split))}")
    return cast(Split, given)


def _models(given: str) -> list[str]:
    wanted = list(available_models()) if given == "all" else [name.strip() for name in given.split(",")]
    if unknown := sorted(set(wanted) - set(available_models())):
        raise CommandFailed(
            f"--models {', '.join(unknown)} is not known; allowed: all, {', '.join(available_models())}"
        )
    return wanted


def _names_of(history: pl.DataFrame, names: Path | None) -> pl.DataFrame | None:
    """One row a skill (skill_id, name): of the file of names, or of the history's own column skill_name."""
    if names is None:
        if "skill_name" not in history.columns:
            return None
        return history.select("skill_id", pl.col("skill_name").alias("name")).unique("skill_id", keep="first")
    told = _read(names)
    if missing := [name for name in ("skill_id", "name") if name not in told.columns]:
        raise CommandFailed(f"{names.name} has no column {', '.join(missing)}; names need skill_id, name")
    return told.select(pl.col("skill_id", "name").cast(pl.String))


def _groups_of(history: pl.DataFrame, attributes: Path | None) -> GroupFeatures | None:
    """What people of the same attribute (role, unit, school, ...) took; since and until say when it holds."""
    if attributes is None:
        return None
    told = _read(attributes)
    kinds = [name for name in told.columns if name not in ("person_id", "since", "until")]
    if "person_id" not in told.columns or not kinds:
        raise CommandFailed(
            f"{attributes.name} has {', '.join(told.columns)}; attributes need person_id and a column each"
        )
    when = [name for name in ("since", "until") if name in told.columns]
    rows = [
        told.drop_nulls(kind).select(
            pl.col("person_id").cast(pl.String), *when, pl.format("{} {}", pl.lit(kind), pl.col(kind)).alias("group")
        )
        for kind in kinds
    ]
    return GroupFeatures(history.select(_NEEDED), pl.concat(rows))


def read_history(path: Path) -> pl.DataFrame:
    """One row per event: person_id and skill_id as text, ts (or a column `order`) as a UTC time or an integer order.

    Raises Failed where the file is missing, of another kind, lacks a column, or has times that cannot be read.
    """
    frame = _read(path)
    if "ts" not in frame.columns and "order" in frame.columns:
        frame = frame.rename({"order": "ts"})
    missing = [name for name in _NEEDED if name not in frame.columns]
    if missing:
        raise CommandFailed(
            f"{path.name} has no column {', '.join(missing)}; it has {', '.join(frame.columns)}: rename them"
        )
    kind = frame.schema["ts"]
    moment = pl.col("ts")
    if kind == pl.String:
        moment = moment.str.to_datetime(time_zone="UTC", strict=False)
        if frame.select(pl.col("ts").str.contains(r"^-?\d+$").all()).item():
            moment = pl.col("ts").cast(pl.Int64)
    elif kind == pl.Date or isinstance(kind, pl.Datetime):
        moment = moment.cast(pl.Datetime("us")).dt.replace_time_zone("UTC") if not _zoned(kind) else moment
    elif not kind.is_integer():
        raise CommandFailed(f"{path.name}: ts is {kind}; give a date, a time or a whole number that orders the events")
    history = frame.with_columns(pl.col("person_id", "skill_id").cast(pl.String), moment.alias("ts"))
    lost = history["ts"].null_count() + history["person_id"].null_count() + history["skill_id"].null_count()
    if lost:
        raise CommandFailed(
            f"{path.name}: {lost:,} of {frame.height:,} rows lack a person, a skill or a readable ts: mend them"
        )
    return history


def _zoned(kind: pl.DataType) -> bool:
    return isinstance(kind, pl.Datetime) and kind.time_zone is not None


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise CommandFailed(f"{path} does not exist: give a CSV or Parquet file with {', '.join(_NEEDED)}")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pl.read_parquet(path)
        return pl.read_csv(path, infer_schema_length=10_000)
    except (pl.exceptions.PolarsError, UnicodeDecodeError, OSError) as problem:
        first = str(problem).splitlines()[0]
        raise CommandFailed(f"{path.name} is neither a readable CSV nor Parquet file: {first}") from problem


def _horizon(given: str, config: Path | None) -> int:
    if config is not None:
        try:
            return read_config(config).policy.horizon_days
        except ConfigError as refusal:
            raise CommandFailed(str(refusal)) from refusal
    days = given.removesuffix("d")
    if not days.isdigit() or int(days) < 1:
        raise CommandFailed(f"--horizon {given} is no number of days; write it as 90d")
    return int(days)


def _print(measured: Evaluation) -> None:
    frozen = f", models frozen at {measured.frozen_at}" if measured.frozen_at else ""
    print_table(
        f"{measured.n_people_scored:,} people scored, {measured.n_items:,} steps, split {measured.split}{frozen}",
        {
            "model": "left",
            "HR@10": "right",
            "NDCG@10": "right",
            "95 % interval": "right",
            "MRR": "right",
            "coverage": "right",
            "novelty": "right",
            "fit s": "right",
            "ms a person": "right",
            "peak MB": "right",
        },
        [
            [
                m.model,
                f"{m.hr_at_10:.3f}",
                f"{m.ndcg_at_10:.3f}",
                f"{m.ndcg_at_10_low:.3f}–{m.ndcg_at_10_high:.3f}",
                f"{m.mrr:.3f}",
                f"{m.coverage:.2f}",
                f"{m.novelty:.1f}",
                f"{m.fit_seconds:.1f}",
                f"{m.score_ms_per_person:.2f}",
                f"{m.peak_mb:,.0f}",
            ]
            for m in measured.models
        ],
    )
    print_table(
        "By length of history",
        {
            "segment": "left",
            "model": "left",
            "cases": "right",
            "HR@10": "right",
            "NDCG@10": "right",
            "95 % interval": "right",
        },
        [
            [
                s.segment,
                s.model,
                f"{s.n_cases:,}",
                *(
                    (f"{s.hr_at_10:.3f}", f"{s.ndcg_at_10:.3f}", f"{s.ndcg_at_10_low:.3f}–{s.ndcg_at_10_high:.3f}")
                    if s.n_cases
                    else "–––"
                ),
            ]
            for s in measured.segments
        ],
    )
    if measured.ratio:
        r = measured.ratio
        stdout_console.print(
            f"footsteps over the best other ({r.best_other}): {r.ratio:.3f} (95 %: {r.low:.3f} to {r.high:.3f})"
        )
    if measured.reliability:
        rel = measured.reliability
        stdout_console.print(
            f"Probability: ECE {rel.ece:.4f}, Brier {rel.brier:.4f}, Brier skill {rel.brier_skill:.1%}"
        )
    if measured.ablation:
        print_table(
            "Loss of NDCG@10 without a family of features",
            {"family": "left", "loss": "right", "95 % interval": "right"},
            [[a.family, f"{a.loss:+.4f}", f"{a.low:+.4f} to {a.high:+.4f}"] for a in measured.ablation],
        )
    stdout_console.print(
        f"{measured.n_targets_unseen:,} of {measured.n_targets:,} targets were seen by nobody before the freeze: "
        "a miss for every model that cannot name them."
    )
    if measured.reason:
        stdout_console.print(f"footsteps fell back: {measured.reason}")
