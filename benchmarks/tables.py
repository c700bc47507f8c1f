"""`footsteps bench …`: runs a benchmark and prints its table.

Belongs here: progress notes and the printing of tables.
Does not belong here: the measurements (one module per benchmark).
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assets.cli.terminal.console import CommandFailed, print_json, print_note, print_table, resolve_settings
from assets.cli.terminal.inputs import load_current_snapshot
from pipelines.config.company import read_config


def print_validation(rows: str, repeats: int, as_json: bool) -> None:
    """Compare Great Expectations on Polars and on pandas with polars expressions: medians and ratios."""
    from benchmarks.validation import benchmark_validation

    print_results(
        "Validation", benchmark_validation(parse_whole_numbers("--rows", rows), repeats, progress=print_note), as_json
    )


def print_sources(rows: int, people: int, repeats: int, as_json: bool) -> None:
    """Compare landing with bare readers: medians and ratios."""
    from benchmarks.demo_landing import benchmark_demo_landing
    from benchmarks.sources import benchmark_sources

    if rows:
        print_results("Reading", benchmark_sources(rows, repeats, progress=print_note), as_json)
    if people:
        landing_rows = benchmark_demo_landing(people, repeats, progress=print_note)
        print_results("Landing of a demo company's exports", landing_rows, as_json)


def print_recommender(people: str, items: int | None, as_json: bool) -> None:
    """Fit the recommender on synthetic histories and score the top ten, per number of people."""
    from benchmarks.recommender import benchmark_recommender

    numbers = parse_whole_numbers("--people", people)
    results = benchmark_recommender(numbers, lambda what, share: print_note(f"{what} {share:.0%}"), items=items)
    print_results("Recommender", results, as_json)


def print_companions(people: str, as_json: bool) -> None:
    """Match companions for everyone of a synthetic company, per number of people."""
    from benchmarks.companions import benchmark_companions

    results = benchmark_companions(
        parse_whole_numbers("--people", people), lambda what, share: print_note(f"{what} {share:.0%}")
    )
    print_results("Companions", results, as_json)


def print_counterfactuals(data_root: Path | None, rows: int, as_json: bool) -> None:
    """Apply published counterfactuals to the data of their person and count the confirmed claims."""
    from benchmarks.counterfactual_replay import check_counterfactuals

    settings = resolve_settings(data_root)
    load_current_snapshot(settings)  # fails with a message if nothing is published yet
    config = read_config(settings.config_path)
    results = check_counterfactuals(
        settings, config, rows, lambda done: print_note(f"{done:,} applied") if done % 100 == 0 else None
    )
    print_results("Counterfactuals applied", results, as_json)


def print_publish(people: int, rows: int, repeats: int, as_json: bool) -> None:
    """Compare publishing with a plain write and a plain COPY, and read the rows of one person."""
    from benchmarks.published.publishing import benchmark_publish

    print_results("Publishing", benchmark_publish(people, rows, repeats, progress=print_note), as_json)


def print_readers(readers: int, publications: int, people: int, targets: str | None, as_json: bool) -> None:
    """Read publish targets concurrently with publications and count torn, empty and mixed reads."""
    from benchmarks.published.processes import ServerNotInstalled
    from benchmarks.published.readers import TARGETS, benchmark_readers

    chosen_targets = tuple(targets.split(",")) if targets else TARGETS
    if unknown := set(chosen_targets) - set(TARGETS):
        raise CommandFailed(f"--targets: {', '.join(sorted(unknown))}: there are {', '.join(TARGETS)}")
    try:
        results = benchmark_readers(readers, publications, chosen_targets, people, progress=print_note)
    except ServerNotInstalled as error:
        raise CommandFailed(str(error)) from error
    print_results("Readers", results, as_json)


def print_site(people: int, as_json: bool) -> None:
    """Build the site of a synthetic company: pages and seconds."""
    from benchmarks.published.site import benchmark_site

    print_results("Site", benchmark_site(people, progress=print_note), as_json)


def parse_whole_numbers(option: str, text: str) -> list[int]:
    """Parse whole numbers that are separated by commas.

    Raises:
        CommandFailed: The text contains something else.
    """
    try:
        return [int(number.replace("_", "")) for number in text.split(",")]
    except ValueError as error:
        raise CommandFailed(f"{option} {text} are not whole numbers; write them as 10000,100000") from error


def print_serve(
    people: int, requests: int, clients: int, publication_seconds: float, with_run: bool, as_json: bool
) -> None:
    """Send requests to the web application while snapshots are published, or while the whole pipeline runs."""
    from benchmarks.published.load import benchmark_serve

    load = benchmark_serve(people, requests, clients, publication_seconds, with_run, progress=print_note)
    print_results("Serving", [load], as_json)


def print_results(title: str, results: Sequence[Any], as_json: bool) -> None:
    """Print the rows of a benchmark as a table or as JSON.

    Args:
        title: Title of the table.
        results: One dataclass per row.
        as_json: Whether to print one JSON document.
    """
    rows = [asdict(result) for result in results]
    if as_json:
        print_json(rows)
        return
    columns = {name: "left" if isinstance(value, str) else "right" for name, value in rows[0].items()}
    print_table(title, columns, [[_format(value) for value in row.values()] for row in rows])


def _format(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
