"""`footsteps bench …`: benchmarks that print a table.

Belongs here: progress and the tables.
Does not belong here: the measuring (beside what is measured).
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assets.cli.console import CommandFailed, print_json, print_note, print_table, resolve_settings
from assets.cli.show import load_current_snapshot
from pipelines.config.company import read_config


def print_validation(rows: str, repeats: int, as_json: bool) -> None:
    """Great Expectations on Polars and on pandas against the bare rules: medians and ratios."""
    from benchmarks.validation import benchmark_validation

    print_rows("Validation", benchmark_validation(whole_numbers("--rows", rows), repeats, progress=print_note), as_json)


def print_sources(rows: int, repeats: int, as_json: bool) -> None:
    """Exports read, judged and sunk to Parquet against a bare scan and sink: medians and ratios."""
    from benchmarks.sources import benchmark_sources

    print_rows("Reading", benchmark_sources(rows, repeats, progress=print_note), as_json)


def print_recommender(people: str, items: int | None, as_json: bool) -> None:
    """Fit and score to the top ten of made-up histories, at each number of people."""
    from benchmarks.recommender import benchmark_recommender

    numbers = whole_numbers("--people", people)
    found = benchmark_recommender(numbers, lambda what, share: print_note(f"{what} {share:.0%}"), items=items)
    print_rows("Recommender", found, as_json)


def print_companions(people: str, as_json: bool) -> None:
    """Companions for everyone of a made-up company, at each number of people."""
    from benchmarks.companions import benchmark_companions

    found = benchmark_companions(
        whole_numbers("--people", people), lambda what, share: print_note(f"{what} {share:.0%}")
    )
    print_rows("Companions", found, as_json)


def print_counterfactuals(data_root: Path | None, rows: int, as_json: bool) -> None:
    """Published counterfactuals applied to their person's data: how many rows do as was said."""
    from assets.definitions import build_pipeline
    from benchmarks.counterfactual_replay import check_counterfactuals

    settings = resolve_settings(data_root)
    load_current_snapshot(settings)  # says so where nothing is published yet
    night = build_pipeline(settings, read_config(settings.config_path))
    found = check_counterfactuals(
        night, rows, lambda done: print_note(f"{done:,} applied") if done % 100 == 0 else None
    )
    print_rows("Counterfactuals applied", found, as_json)


def print_publish(people: int, rows: int, repeats: int, as_json: bool) -> None:
    """Publication beside a bare write, one person's rows read back, and PostgreSQL beside a bare COPY."""
    from benchmarks.publishing import benchmark_publish

    print_rows("Publishing", benchmark_publish(people, rows, repeats, progress=print_note), as_json)


def print_readers(readers: int, publications: int, as_json: bool) -> None:
    """What concurrent readers of every way in saw during publications."""
    from benchmarks.postgresql_server import PostgresqlNotInstalled
    from benchmarks.readers import benchmark_readers

    try:
        found = benchmark_readers(readers, publications, progress=print_note)
    except PostgresqlNotInstalled as missing:
        raise CommandFailed(str(missing)) from missing
    print_rows("Readers", found, as_json)


def print_site(people: int, as_json: bool) -> None:
    """The pages of so many people: seconds."""
    from benchmarks.site import benchmark_site

    print_rows("Site", benchmark_site(people, progress=print_note), as_json)


def whole_numbers(option: str, text: str) -> list[int]:
    """Numbers separated by commas. Raises Failed where one is none."""
    try:
        return [int(one.replace("_", "")) for one in text.split(",")]
    except ValueError as problem:
        raise CommandFailed(f"{option} {text} are no whole numbers; write them as 10000,100000") from problem


def print_rows(title: str, found: Sequence[Any], as_json: bool) -> None:
    """The rows of a benchmark (dataclasses) as a table, or as one JSON document."""
    rows = [asdict(one) for one in found]
    if as_json:
        print_json(rows)
        return
    columns = {name: "left" if isinstance(value, str) else "right" for name, value in rows[0].items()}
    print_table(title, columns, [[_text(value) for value in one.values()] for one in rows])


def _text(value: object) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
