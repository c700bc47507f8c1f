"""The command `footsteps`.

Belongs here: the commands and their options. Each command imports its own module when it is called: some take seconds.
Does not belong here: what a command does (one module each in `assets.cli`).
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from assets.cli.badges.commands import badge_app
from assets.cli.benchmarks import add_benchmarks
from assets.cli.feedback.commands import add_feedback
from assets.cli.oversight.commands import add_oversight
from assets.cli.practice.commands import practice_app
from assets.cli.servers.commands import add_servers
from assets.cli.source_commands import sources_app
from assets.cli.squads.commands import squads_app
from assets.cli.terminal.console import CommandFailed
from assets.cli.terminal.options import (
    AsJson,
    AsOf,
    ConfigFile,
    DataRoot,
    ExportsFolder,
    Force,
    LandingFolder,
    OutputFile,
    example,
    report_failures,
)
from pipelines.storage.file_access import PRIVATE_UMASK, use_umask

app = typer.Typer(
    name="footsteps",
    help="Recommends to every person the next micro-skill: why, how to practise it, and with whom.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
add_benchmarks(app)
app.add_typer(sources_app, name="sources")
app.add_typer(squads_app, name="squads")
app.add_typer(practice_app, name="practice")
app.add_typer(badge_app, name="badge")


@app.command(epilog=example("footsteps demo --people 300", "footsteps run"))
@report_failures
def demo(
    people_count: Annotated[int, typer.Option("--people", min=60, max=1_000_000, help="Number of people.")] = 300,
    seed: Annotated[int, typer.Option(help="Seed of the random company.")] = 7,
    last_day: Annotated[
        datetime | None, typer.Option("--end", formats=["%Y-%m-%d"], help="Day of the exports; today by default.")
    ] = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Write the exports of a made-up company: HR, projects, time, learning, feedback, wishes."""
    from assets.cli.demo import make_demo

    make_demo(data_root, people_count, seed, last_day.date() if last_day else datetime.now(UTC).date(), as_json)


@app.command("init", epilog=example("footsteps init exports", "footsteps init exports --output other.yaml --force"))
@report_failures
def init_config(
    folder: ExportsFolder,
    output: OutputFile = None,
    force: Force = False,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Inspect a folder of exports and write footsteps.yaml for all of them; what it cannot decide is a comment."""
    from assets.cli.init import write_config

    write_config(folder, output, data_root, datetime.now(UTC).date(), force, as_json)


@app.command(
    epilog=example(
        "footsteps run",
        "footsteps run --as-of 2026-06-30 --json",
        "footsteps run --config footsteps.yaml --landing exports",
    )
)
@report_failures
def run(
    as_of: AsOf = None,
    config_file: ConfigFile = None,
    landing_folder: LandingFolder = None,
    data_root: DataRoot = None,
    allow_row_count_drop: Annotated[
        bool, typer.Option("--allow-row-count-drop", help="Land full exports with far fewer rows than the last.")
    ] = False,
    incremental: Annotated[
        bool, typer.Option("--incremental", help="Recompute only the people that new files are about.")
    ] = False,
    as_json: AsJson = False,
    accept_shrink_alias: Annotated[bool, typer.Option("--accept-shrink", hidden=True)] = False,  # the deprecated name
    by_day_alias: Annotated[bool, typer.Option("--by-day", hidden=True)] = False,  # the deprecated name
) -> None:
    """Run the pipeline: land, validate, conform, train, recommend, publish."""
    from assets.cli.run import run_pipeline

    as_of_day, allows_drop = as_of.date() if as_of else None, allow_row_count_drop or accept_shrink_alias
    run_pipeline(data_root, config_file, landing_folder, as_of_day, allows_drop, as_json, incremental or by_day_alias)


@app.command(epilog=example("footsteps erase E0007", "footsteps erase --new-list"))
@report_failures
def erase(
    people: Annotated[list[str] | None, typer.Argument(help="person_id of each person.")] = None,
    is_new_list: Annotated[bool, typer.Option("--new-list", help="Begin the declared list of erased people.")] = False,
    run_after: Annotated[bool, typer.Option("--run/--no-run", help="Compute everybody else's tables at once.")] = True,
    as_of: AsOf = None,
    config_file: ConfigFile = None,
    landing_folder: LandingFolder = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Remove people from everything that is stored and published, with a signed receipt."""
    from assets.cli.erase import erase as erase_people

    as_of_day = as_of.date() if as_of else None
    erase_people(people or [], data_root, config_file, landing_folder, as_of_day, is_new_list, run_after, as_json)


@app.command(epilog=example("footsteps show E0007", "footsteps show --sample 3"))
@report_failures
def show(
    person: Annotated[str | None, typer.Argument(help="person_id; --sample finds some.")] = None,
    sample_size: Annotated[int, typer.Option("--sample", min=0, help="Show this number of people instead.")] = 0,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Show a person's next steps with reasons, and stages, from the published tables."""
    from assets.cli.show import show_people

    show_people(data_root, person, sample_size, as_json)


add_feedback(app)


@app.command(
    epilog=example(
        "footsteps evaluate events.csv",
        "footsteps evaluate events.parquet --split leave-last --json",
        "footsteps evaluate --report report",
        "footsteps evaluate --outcomes",
    )
)
@report_failures
def evaluate(
    events: Annotated[
        Path | None,
        typer.Argument(
            help="CSV or Parquet: person_id, skill_id, ts (a time or an order). None: the company's own tables."
        ),
    ] = None,
    config_file: Annotated[Path | None, typer.Option("--config", help="footsteps.yaml, for its horizon.")] = None,
    split: Annotated[str, typer.Option(help="time (freeze all models at a date) or leave-last.")] = "time",
    horizon: Annotated[str, typer.Option(help="Days ahead within which a step counts.")] = "90d",
    models: Annotated[str, typer.Option(help="all, or names separated by commas.")] = "all",
    names: Annotated[Path | None, typer.Option(help="CSV or Parquet with skill_id, name.")] = None,
    attributes: Annotated[
        Path | None, typer.Option(help="CSV or Parquet with person_id and a column each for role, unit, ...")
    ] = None,
    again: Annotated[Path | None, typer.Option(help="CSV or Parquet with further events: skills used again.")] = None,
    report: Annotated[Path | None, typer.Option(help="Folder for an HTML page with plots and the ablation.")] = None,
    outcomes: Annotated[bool, typer.Option("--outcomes", help="How far recommended steps brought people.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap and of sampling.")] = 0,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate the recommender and simpler models on a history; no model sees the future that it is scored on."""
    from assets.cli.evaluate import EvaluationOptions, run_evaluation

    options = EvaluationOptions(split, horizon, models, seed, names, attributes, again, report, as_json)
    run_evaluation(events, data_root, config_file, options, with_outcomes=outcomes)


@app.command(
    epilog=example(
        "footsteps access 100012 --output copies",
        "footsteps access mia@acme.example --json",
        "footsteps access --requested --output copies",
    )
)
@report_failures
def access(
    person: Annotated[str | None, typer.Argument(help="person_id, employee number or e-mail address.")] = None,
    is_requested: Annotated[
        bool, typer.Option("--requested", help="Write the copies that landing files ask for, and delete these files.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="Folder for the copy as JSON and as a page.")] = None,
    config_file: ConfigFile = None,
    landing_folder: LandingFolder = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Copy everything that is stored about a person: tables, files, snapshots, logs, pages, with source and purpose."""
    from assets.cli.access import write_access_copy

    if (person is None) != is_requested:
        raise CommandFailed("name a person, or write the copies that landing files ask for: --requested")
    write_access_copy(data_root, config_file, landing_folder, person, output, as_json)


@app.command(epilog=example("footsteps tables", "footsteps tables --json"))
@report_failures
def tables(data_root: DataRoot = None, as_json: AsJson = False) -> None:
    """Print where the published tables are, and queries to copy."""
    from assets.cli.tables import print_tables

    print_tables(data_root, as_json)


@app.command(epilog=example("footsteps dictionary > tables.md", "footsteps dictionary --json"))
@report_failures
def dictionary(as_json: AsJson = False) -> None:
    """Print every table and column of the lake, from its contract, as Markdown."""
    from assets.cli.tables import print_dictionary

    print_dictionary(as_json)


@app.command(epilog=example("footsteps contracts --json", "footsteps contracts --write"))
@report_failures
def contracts(
    write: Annotated[bool, typer.Option(help="Write docs/contracts of a checkout and release new versions.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the published tables' contracts in the Open Data Contract Standard, or release them."""
    from assets.cli.tables import print_contracts

    print_contracts(write, as_json)


@app.command(epilog=example("footsteps feed --after 120", "footsteps feed --json"))
@report_failures
def feed(
    after: Annotated[int, typer.Option(min=0, help="Cursor: the sequence of the last event that was read.")] = 0,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of events.")] = 1000,
    data_root: DataRoot = None,
    as_json: AsJson = False,
    most_alias: Annotated[int | None, typer.Option("--most", min=1, hidden=True)] = None,  # the deprecated name
) -> None:
    """Print the change feed behind a cursor: whose recommendations changed, one CloudEvent per line."""
    from assets.cli.tables import print_feed

    print_feed(data_root, after, most_alias or limit, as_json)


@app.command(epilog=example("footsteps pack documents", "footsteps pack documents --config footsteps.yaml"))
@report_failures
def pack(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder for the documents, as Markdown and HTML.")],
    config_file: ConfigFile = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Write drafts for data protection, the AI Act and a works agreement, from contracts, policy, model and audit."""
    from assets.cli.pack.pack import write_documents

    write_documents(data_root, config_file, folder, context.find_root().command, datetime.now(UTC), as_json)


@app.command(epilog=example("footsteps site", "footsteps site --person 100012 --renew"))
@report_failures
def site(
    folder: Annotated[Path | None, typer.Option(help="Folder of the pages; published/site by default.")] = None,
    replace_pages: Annotated[bool, typer.Option("--again", help="Replace pages that exist.")] = False,
    person: Annotated[str | None, typer.Option(help="Print the address of this person's page (person_id).")] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Give the page of --person a new address.")] = False,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Write static pages: one per person, one per team of five or more, one about the run."""
    from assets.cli.site import write_site

    write_site(data_root, folder, replace_pages, as_json, person, renew)


@app.command(epilog=example("footsteps restore --config footsteps.yaml --data-root /srv/footsteps"))
@report_failures
def restore(config_file: ConfigFile = None, data_root: DataRoot = None, as_json: AsJson = False) -> None:
    """Copy the lake and the current snapshot of the bucket in footsteps.yaml into the data root."""
    from assets.cli.restore import restore_from_bucket

    restore_from_bucket(data_root, config_file, as_json)


@app.command(epilog=example("footsteps doctor", "footsteps doctor --json --metrics footsteps.prom"))
@report_failures
def doctor(
    metrics: Annotated[Path | None, typer.Option(help="Write the metrics to this file too, in OpenMetrics.")] = None,
    config_file: ConfigFile = None,
    landing_folder: LandingFolder = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Print what is late, refused, failing or shrinking, one sentence each; exit with 1 if anything is."""
    from assets.cli.doctor import print_health

    print_health(data_root, config_file, landing_folder, as_json, metrics)


@app.command("acknowledge", epilog=example("footsteps acknowledge worklogs may.csv", "footsteps acknowledge worklogs"))
@report_failures
def acknowledge_files(
    source: Annotated[str, typer.Argument(help="Name of the source in footsteps.yaml.")],
    files: Annotated[list[str] | None, typer.Argument(help="Names of refused files; all if none is named.")] = None,
    config_file: ConfigFile = None,
    landing_folder: LandingFolder = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Stop reporting refused files that nobody will replace; a file that changes is read again all the same."""
    from assets.cli.acknowledge import acknowledge

    acknowledge(source, files or [], data_root, config_file, landing_folder, datetime.now(UTC), as_json)


def _execute_run(settings: Any, config: Any, as_of: Any, allow_row_count_drop: bool) -> Any:
    # imported here because it takes seconds
    from assets.cli.run import execute_run

    return execute_run(settings, config, as_of, allow_row_count_drop)


add_oversight(app, _execute_run)
add_servers(app)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line. Only the owner may read the files that it writes."""
    use_umask(PRIVATE_UMASK)
    return app(args=arguments, prog_name="footsteps")


if __name__ == "__main__":
    sys.exit(main())
