"""`footsteps evaluate`: the recommender next to simpler models, on any history.

Belongs here: reading the history, the progress bar, and printing the results.
Does not belong here: measuring (`ml.evaluation.evaluate`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import polars as pl
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from assets.cli.terminal.console import (
    CommandFailed,
    print_json,
    print_table,
    resolve_settings,
    stderr_console,
    stdout_console,
)
from assets.cli.terminal.inputs import load_config
from assets.reporting.evaluation_report import (
    PROBABILITY_HEADINGS,
    RANKING_HEADINGS,
    SEGMENT_HEADINGS,
    format_expected_observed,
    format_ranking,
    format_segments,
    write_report,
)
from ml.evaluation.evaluate import evaluate, list_available_models
from ml.evaluation.results import Evaluation, Split
from ml.ranking.group_features import GroupFeatures
from pipelines.config.settings import Settings

_HISTORY_COLUMNS = ("person_id", "skill_id", "ts")


@dataclass(frozen=True)
class EvaluationOptions:
    """The options of the command.

    Attributes:
        split: One of the values of `Split`.
        horizon_text: Number of days, such as 90d.
        models_text: `all`, or names separated by commas.
        seed: Seed of the bootstrap and of sampling.
        skill_names_file: File of the skills' names, or None.
        attributes_file: File of people's attributes, or None.
        repeated_events_file: File of further events, or None.
        report_folder: Folder of the report, or None.
        as_json: Whether to print JSON.
    """

    split: str
    horizon_text: str
    models_text: str
    seed: int
    skill_names_file: Path | None
    attributes_file: Path | None
    repeated_events_file: Path | None
    report_folder: Path | None
    as_json: bool


def run_evaluation(
    events_file: Path | None,
    data_root: Path | None,
    config_file: Path | None,
    options: EvaluationOptions,
    *,
    with_outcomes: bool,
) -> None:
    """Evaluate a history file, the company's own steps, or what became of these.

    Args:
        events_file: The history, or None for the company's own tables.
        data_root: The folder of all data of the company, or None.
        config_file: A footsteps.yaml, or None.
        options: The options of the command.
        with_outcomes: Whether to estimate how far recommended steps brought people instead of accuracy.

    Raises:
        CommandFailed: If a file, an option or the company's tables cannot be used.
    """
    if events_file is None and with_outcomes:
        from assets.cli.feedback.outcomes import print_outcomes

        print_outcomes(resolve_settings(data_root, config_file), options.seed, options.as_json)
    elif with_outcomes:
        raise CommandFailed("--outcomes reads the company's own tables: leave the history file out")
    elif events_file is None:
        evaluate_company(resolve_settings(data_root, config_file), options)
    else:
        evaluate_events(events_file, config_file, options)


def evaluate_events(events_file: Path, config_file: Path | None, options: EvaluationOptions) -> None:
    """Evaluate all models on a history file and print the results.

    Args:
        events_file: The history (see `read_history`).
        config_file: A footsteps.yaml whose horizon is used, or None.
        options: The options of the command.

    Raises:
        CommandFailed: If a file or an option cannot be used.
    """
    history = read_history(events_file)
    if options.repeated_events_file:
        history = pl.concat(
            [history.select(_HISTORY_COLUMNS), read_history(options.repeated_events_file).select(_HISTORY_COLUMNS)]
        )
    skill_names = _read_skill_names(history, options.skill_names_file)
    group_features = _read_group_features(history, options.attributes_file)
    horizon_days = _parse_horizon(options.horizon_text, config_file)
    _evaluate(options, history, events_file.name, horizon_days, item_names=skill_names, extra_features=group_features)


def evaluate_company(settings: Settings, options: EvaluationOptions) -> None:
    """Evaluate all models on the company's own reached steps and print the results.

    The models use the features that HR, projects, learning, the taxonomy and wishes give.

    Args:
        settings: The settings of the command.
        options: The options of the command.

    Raises:
        CommandFailed: If no run has published anything, or an option cannot be used.
    """
    # imported here because they take seconds
    from assets.resources.table_reader import TableReader
    from assets.tables.training_data import build_training_input
    from pipelines.contracts.output_tables import SNAPSHOT
    from pipelines.storage.lake import Lake

    table_reader, config = TableReader(Lake(settings.lake_path)), load_config(settings)
    as_of_days = table_reader.read(SNAPSHOT)["as_of"]
    if as_of_days.is_empty():
        raise CommandFailed("nothing was run here: run `footsteps run`, or give a history file")
    training_input = build_training_input(table_reader, as_of_days[0], config.policy.horizon_days, with_wishes=True)
    _evaluate(
        options,
        training_input.events,
        config.company,
        training_input.horizon_days,
        item_names=training_input.step_names,
        extra_features=training_input.extra_features,
        requirements=training_input.requirements,
        repeatable_ids=training_input.repeatable_ids,
    )


def _evaluate(
    options: EvaluationOptions, history: pl.DataFrame, history_name: str, horizon_days: int, **optional_inputs: Any
) -> None:
    if options.split not in get_args(Split):
        raise CommandFailed(f"--split {options.split} is not known; allowed: {', '.join(get_args(Split))}")
    model_names = (
        None if options.models_text == "all" else [model_name.strip() for model_name in options.models_text.split(",")]
    )
    if unknown_names := sorted(set(model_names or ()) - set(list_available_models())):
        raise CommandFailed(
            f"--models {', '.join(unknown_names)} is not known; allowed: all, {', '.join(list_available_models())}"
        )
    progress_bar_columns = (TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn())
    with Progress(*progress_bar_columns, console=stderr_console, transient=True) as progress_bar:
        progress_task = progress_bar.add_task("reading", total=1.0)
        try:
            evaluation = evaluate(
                history,
                split=cast(Split, options.split),
                horizon_days=horizon_days,
                model_names=model_names,
                seed=options.seed,
                with_ablation=options.report_folder is not None,
                report_progress=lambda activity_text, completed_share: progress_bar.update(
                    progress_task, description=activity_text, completed=completed_share
                ),
                **optional_inputs,
            )
        except ValueError as error:
            raise CommandFailed(f"{history_name} cannot be evaluated: {error}") from error
    report_files = (
        write_report(evaluation, options.report_folder, f"Next steps at {history_name}")
        if options.report_folder
        else []
    )
    if options.as_json:
        print_json(evaluation.to_dict())
        return
    print_evaluation(evaluation)
    if report_files:
        stdout_console.print(f"Report: {report_files[0]}")


def read_history(history_path: Path) -> pl.DataFrame:
    """Read a history.

    Args:
        history_path: CSV or Parquet with person_id, skill_id and ts, or `order` instead of ts.

    Returns:
        One row per event: person_id and skill_id as text, ts as a UTC time or an integer order, and further columns.

    Raises:
        CommandFailed: If the file is missing or of another kind, lacks a column, or has times that cannot be read.
    """
    raw_events = _read_table(history_path)
    if "ts" not in raw_events.columns and "order" in raw_events.columns:
        raw_events = raw_events.rename({"order": "ts"})
    if missing_columns := [column_name for column_name in _HISTORY_COLUMNS if column_name not in raw_events.columns]:
        raise CommandFailed(
            f"{history_path.name} has no column {', '.join(missing_columns)}; it has {', '.join(raw_events.columns)}: "
            "rename them"
        )
    timestamp_type, timestamp = raw_events.schema["ts"], pl.col("ts")
    if timestamp_type == pl.String and raw_events.select(timestamp.str.contains(r"^-?\d+$").all()).item():
        timestamp = timestamp.cast(pl.Int64)
    elif timestamp_type == pl.String:
        timestamp = timestamp.str.to_datetime(time_zone="UTC", strict=False)
    elif timestamp_type == pl.Date or (isinstance(timestamp_type, pl.Datetime) and timestamp_type.time_zone is None):
        timestamp = timestamp.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    elif not (timestamp_type.is_integer() or isinstance(timestamp_type, pl.Datetime)):
        raise CommandFailed(
            f"{history_path.name}: ts is {timestamp_type}; give a date, a time or a whole number that orders the events"
        )
    history = raw_events.with_columns(pl.col("person_id", "skill_id").cast(pl.String), timestamp.alias("ts"))
    if null_count := history.select(pl.sum_horizontal(pl.col(_HISTORY_COLUMNS).null_count())).item():
        raise CommandFailed(
            f"{history_path.name}: {null_count:,} of {raw_events.height:,} rows lack a person, a skill or a readable "
            "ts: correct them"
        )
    return history


def _read_skill_names(history: pl.DataFrame, skill_names_file: Path | None) -> pl.DataFrame | None:
    """One row (skill_id, name) per skill: from the file of names, or from the history's column skill_name."""
    if skill_names_file is not None:
        skill_names = _read_table(skill_names_file)
        if missing_columns := [
            column_name for column_name in ("skill_id", "name") if column_name not in skill_names.columns
        ]:
            raise CommandFailed(
                f"{skill_names_file.name} has no column {', '.join(missing_columns)}; names need skill_id, name"
            )
        return skill_names.select(pl.col("skill_id", "name").cast(pl.String))
    if "skill_name" not in history.columns:
        return None
    return history.select("skill_id", pl.col("skill_name").alias("name")).unique("skill_id", keep="first")


def _read_group_features(history: pl.DataFrame, attributes_file: Path | None) -> GroupFeatures | None:
    """Features of people with the same attribute (role, unit, school, ...); since and until limit an attribute."""
    if attributes_file is None:
        return None
    attribute_rows = _read_table(attributes_file)
    attribute_columns = [
        column_name for column_name in attribute_rows.columns if column_name not in ("person_id", "since", "until")
    ]
    if "person_id" not in attribute_rows.columns or not attribute_columns:
        raise CommandFailed(
            f"{attributes_file.name} has {', '.join(attribute_rows.columns)}; "
            "attributes need person_id and a column each"
        )
    period_columns = [column_name for column_name in ("since", "until") if column_name in attribute_rows.columns]
    membership_frames = [
        attribute_rows.drop_nulls(attribute_column).select(
            pl.col("person_id").cast(pl.String),
            *period_columns,
            pl.format("{} {}", pl.lit(attribute_column), pl.col(attribute_column)).alias("group"),
        )
        for attribute_column in attribute_columns
    ]
    return GroupFeatures(history.select(_HISTORY_COLUMNS), pl.concat(membership_frames))


def _read_table(table_path: Path) -> pl.DataFrame:
    if not table_path.is_file():
        raise CommandFailed(
            f"{table_path} does not exist: give a CSV or Parquet file with {', '.join(_HISTORY_COLUMNS)}"
        )
    try:
        if table_path.suffix.lower() in (".parquet", ".pq"):
            return pl.read_parquet(table_path)
        return pl.read_csv(table_path, infer_schema_length=10_000)
    except (pl.exceptions.PolarsError, UnicodeDecodeError, OSError) as error:
        first_line = str(error).splitlines()[0]
        raise CommandFailed(f"{table_path.name} is neither a readable CSV nor Parquet file: {first_line}") from error


def _parse_horizon(horizon_text: str, config_file: Path | None) -> int:
    if config_file is not None:
        return load_config(Settings(config=config_file)).policy.horizon_days
    day_digits = horizon_text.removesuffix("d")
    if not day_digits.isdigit() or int(day_digits) < 1:
        raise CommandFailed(f"--horizon {horizon_text} is not a number of days; write it as 90d")
    return int(day_digits)


def _print_ratios(evaluation: Evaluation) -> None:
    """Print the headline figure, and the same figure over baselines that are fitted again at each window."""
    for model_kind, ndcg_ratio in (("other", evaluation.ratio), ("refitted", evaluation.refitted_ratio)):
        if ndcg_ratio is not None:
            stdout_console.print(
                f"footsteps over the best {model_kind} model ({ndcg_ratio.best_other}): {ndcg_ratio.ratio:.3f} "
                f"(95 %: {ndcg_ratio.low:.3f} to {ndcg_ratio.high:.3f})"
            )
    if evaluation.refitted_ratio is not None:
        stdout_console.print(
            "The first is the headline figure: all its models were frozen at one date, of later events footsteps "
            "and recent_popularity only count adoptions. Refitted models learn from everything before each window."
        )


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the tables of an evaluation."""
    freeze_note = f", models frozen at {evaluation.frozen_at}" if evaluation.frozen_at else ""
    print_table(
        f"{evaluation.n_people_scored:,} people scored, {evaluation.n_items:,} steps, "
        f"split {evaluation.split}{freeze_note}",
        {**dict.fromkeys(RANKING_HEADINGS, "right"), "model": "left"},
        format_ranking(evaluation.models),
    )
    print_table(
        "By length of history",
        {**dict.fromkeys(SEGMENT_HEADINGS, "right"), "segment": "left", "model": "left"},
        format_segments(evaluation),
    )
    _print_ratios(evaluation)
    if probability_reliability := evaluation.reliability:
        stdout_console.print(
            f"Probability: ECE {probability_reliability.ece:.4f}, Brier {probability_reliability.brier:.4f}, "
            f"Brier skill {probability_reliability.brier_skill:.1%}"
            + (
                ""
                if probability_reliability.prior_brier_skill is None
                else f", against the base rate known at the freeze {probability_reliability.prior_brier_skill:.1%}"
            )
        )
        print_table(
            "Promised (sum of the probabilities) and came true, by segment and by tenth of the probability",
            {**dict.fromkeys(PROBABILITY_HEADINGS, "right"), "group": "left"},
            format_expected_observed(probability_reliability),
        )
    if evaluation.ablation:
        print_table(
            "Loss of NDCG@10 without a family of features",
            {"family": "left", "loss": "right", "95 % interval": "right"},
            [
                [
                    ablation_row.family,
                    f"{ablation_row.loss:+.4f}",
                    f"{ablation_row.low:+.4f} to {ablation_row.high:+.4f}",
                ]
                for ablation_row in evaluation.ablation
            ],
        )
    stdout_console.print(
        f"{evaluation.n_targets_unseen:,} of {evaluation.n_targets:,} targets were held by nobody before the freeze: "
        "a miss for every model that cannot name them."
    )
    if evaluation.reason:
        stdout_console.print(f"footsteps fell back: {evaluation.reason}")
