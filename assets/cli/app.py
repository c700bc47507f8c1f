"""The front door: the command `footsteps`.

Belongs here: commands, their options, and how an answer or a failure is said.
Does not belong here: what a command does (one module each under `assets.cli`).
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from assets.cli.benchmarks import load_benchmarks
from assets.cli.options import (
    AsJson,
    At,
    ConfigFile,
    DataRoot,
    Day,
    LandingFolder,
    Person,
    SkillId,
    SnapshotId,
    ToStage,
    example,
    report_failures,
)

app = typer.Typer(
    name="footsteps",
    help="Every night, for every person: the next micro-skill, why, how to practise it, and with whom.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
sources = typer.Typer(help="The systems that can be read, and what a file is.", invoke_without_command=True)
app.add_typer(load_benchmarks(), name="bench")
app.add_typer(sources, name="sources")


@app.command(epilog=example("footsteps demo --people 300", "footsteps run"))
@report_failures
def demo(
    people: Annotated[int, typer.Option(min=60, max=1_000_000, help="People of the company.")] = 300,
    seed: Annotated[int, typer.Option(help="Another seed, another company.")] = 7,
    end: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day the exports are drawn; today if not given.")
    ] = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Write a made-up company's exports as its vendors would: HR, projects, time, learning, feedback, wishes."""
    from assets.cli.demo import make_demo

    make_demo(data_root, people, seed, end.date() if end else datetime.now(UTC).date(), as_json)


@app.command(
    epilog=example(
        "footsteps run",
        "footsteps run --as-of 2026-06-30 --json",
        "footsteps run --config examples/rust/footsteps.yaml --landing ../shared/data/rust",
    )
)
@report_failures
def run(
    as_of: Day = None,
    config: ConfigFile = None,
    landing: LandingFolder = None,
    data_root: DataRoot = None,
    accept_shrink: Annotated[bool, typer.Option(help="Land full exports that are far smaller than the last.")] = False,
    by_day: Annotated[bool, typer.Option(help="Only carry new files through to the people they touch.")] = False,
    as_json: AsJson = False,
) -> None:
    """The whole night: land, judge, conform, learn, recommend, publish."""
    from assets.cli.run import run_pipeline

    run_pipeline(data_root, config, landing, as_of.date() if as_of else None, accept_shrink, as_json, by_day)


@app.command(epilog=example("footsteps show E0007", "footsteps show --sample 3"))
@report_failures
def show(
    person: Annotated[str | None, typer.Argument(help="person_id; see --sample to find some.")] = None,
    sample: Annotated[int, typer.Option(min=0, help="Show so many people instead.")] = 0,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """What the published tables hold for a person: next steps with reasons, and the stages held."""
    from assets.cli.show import show_people

    show_people(data_root, person, sample, as_json)


@app.command(
    "reply",
    epilog=example(
        "footsteps reply 100012 dismiss dat-2",
        "footsteps reply 100012 snooze dat-2 --until 2026-09-01",
        "footsteps reply 100012 dispute dat-2 --stage journeyman",
        'footsteps reply 100012 accept "Join tables in SQL" --goal journeyman',
    ),
)
@report_failures
def reply_to_step(
    person: Annotated[str, typer.Argument(help="person_id of who replies.")],
    kind: Annotated[str, typer.Argument(help="accept, dismiss, snooze, dispute, hide, done or retract.")],
    skill: Annotated[str, typer.Argument(help="The micro-skill: its skill_id or name.")],
    goal: Annotated[str | None, typer.Option(help="One step of it: apprentice, journeyman, master, refresh.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Of snooze: the day it returns.")] = None,
    stage: Annotated[str | None, typer.Option(help="Of dispute: the stage the person holds.")] = None,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When it was said; now, if not given.")
    ] = None,
    config: ConfigFile = None,
    landing: LandingFolder = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Write a person's reply to a step where the next night reads it; the same reply twice is written once."""
    from assets.cli.reply import Reply, reply

    word = Reply(kind, skill, goal, until.date() if until else None, stage)
    reply(data_root, config, landing, person, word, on.replace(tzinfo=UTC) if on else None, as_json)


@app.command(
    "exposure",
    epilog=example(
        "footsteps exposure 100012 dat-2 journeyman 1",
        "footsteps exposure 100012 dat-2 journeyman 3 --snapshot 20260630-0123456789ab --at 2026-07-01",
    ),
)
@report_failures
def tell_exposure(
    person: Person,
    skill_id: SkillId,
    to_stage: ToStage,
    rank: Annotated[int, typer.Argument(min=1, help="Place at which the reader showed it, the first being 1.")],
    snapshot: SnapshotId = None,
    at: At = None,
    config: ConfigFile = None,
    landing: LandingFolder = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Write that a reader showed a recommended step, where the next night reads it; the same twice is written once."""
    from assets.cli.exposure import ShownStep, write_exposure

    shown = ShownStep(person, skill_id, to_stage, snapshot, at.replace(tzinfo=UTC) if at else None)
    write_exposure(data_root, config, landing, shown, rank, as_json)


@app.command("outcome", epilog=example("footsteps outcome 100012 dat-2 journeyman accepted"))
@report_failures
def tell_outcome(
    person: Person,
    skill_id: SkillId,
    to_stage: ToStage,
    kind: Annotated[str, typer.Argument(help="accepted, dismissed, started or done.")],
    snapshot: SnapshotId = None,
    at: At = None,
    config: ConfigFile = None,
    landing: LandingFolder = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Write what came of a step that was shown, where the next night reads it; the same twice is written once."""
    from assets.cli.exposure import ShownStep, write_outcome

    shown = ShownStep(person, skill_id, to_stage, snapshot, at.replace(tzinfo=UTC) if at else None)
    write_outcome(data_root, config, landing, shown, kind, as_json)


@app.command(
    epilog=example(
        "footsteps evaluate events.csv",
        "footsteps evaluate events.parquet --split leave-last --json",
        "footsteps evaluate --report report",
    )
)
@report_failures
def evaluate(
    events: Annotated[
        Path | None,
        typer.Argument(help="CSV or Parquet: person_id, skill_id, ts (a time or an order). None: your own nights."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="footsteps.yaml, for its horizon.")] = None,
    split: Annotated[str, typer.Option(help="time (freeze all models at a date) or leave-last.")] = "time",
    horizon: Annotated[str, typer.Option(help="How far ahead a step counts, in days.")] = "90d",
    models: Annotated[str, typer.Option(help="all, or names separated by commas.")] = "all",
    names: Annotated[Path | None, typer.Option(help="CSV or Parquet with skill_id, name.")] = None,
    attributes: Annotated[Path | None, typer.Option(help="person_id and a column a role, unit, ...")] = None,
    again: Annotated[Path | None, typer.Option(help="Further events: skills used again.")] = None,
    report: Annotated[Path | None, typer.Option(help="Folder for an HTML page with plots and the ablation.")] = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap and of sampling.")] = 0,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Prove the recommender on your own history, beside simpler models: one table, nobody's future seen."""
    from assets.cli.console import resolve_settings
    from assets.cli.evaluate import EvaluationOptions, evaluate_company, evaluate_events

    asked = EvaluationOptions(split, horizon, models, seed, names, attributes, again, report, as_json)
    if events is None:
        evaluate_company(resolve_settings(data_root, config), asked)
    else:
        evaluate_events(events, config, asked)


@sources.callback(invoke_without_command=True, epilog=example("footsteps sources", "footsteps sources --json"))
@report_failures
def list_sources(context: typer.Context, as_json: AsJson = False) -> None:
    """The systems whose exports can be read, with the columns each needs and can use."""
    if context.invoked_subcommand is None:
        from assets.cli.sources import print_systems

        print_systems(as_json)


@sources.command("sniff", epilog=example("footsteps sources sniff export.csv"))
@report_failures
def sniff_file(
    file: Annotated[Path, typer.Argument(help="An export, plain or compressed.")], as_json: AsJson = False
) -> None:
    """Which system wrote a file and why, and the block of footsteps.yaml for it."""
    from assets.cli.sources import print_guesses

    print_guesses(file, as_json)


@sources.command(
    "preview",
    epilog=example(
        "footsteps sources preview export.csv",
        "footsteps sources preview export.csv --system toggl --json",
        "footsteps sources preview landing/hr/people.csv --config footsteps.yaml",
    ),
)
@report_failures
def preview_export(
    file: Annotated[Path, typer.Argument(help="An export, plain or compressed.")],
    system: Annotated[str | None, typer.Option(help="System that wrote it; detected if not given.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="footsteps.yaml whose source for the file gives the options.")
    ] = None,
    rows: Annotated[int, typer.Option(min=0, help="Rows to print per shape; JSON holds all rows.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show what a run would read of a file, what it would set aside and why. Nothing is written."""
    from assets.cli.sources import print_preview

    print_preview(file, system, config, datetime.now(UTC).date(), rows, as_json)


@sources.command("taxonomy", epilog=example("footsteps sources taxonomy ../shared/data/esco_sample"))
@report_failures
def count_taxonomy_rows(
    folder: Annotated[Path, typer.Argument(help="Folder or file of a published taxonomy.")],
    system: Annotated[str | None, typer.Option(help="Which one it is, where its files do not tell.")] = None,
    as_json: AsJson = False,
) -> None:
    """How many rows of each kind a taxonomy's files hold, and how many are taken."""
    from assets.cli.sources import print_taxonomy

    print_taxonomy(folder, system, as_json)


@app.command(epilog=example("footsteps tables", "footsteps tables --json"))
@report_failures
def tables(data_root: DataRoot = None, as_json: AsJson = False) -> None:
    """Where the published tables are, and a query to copy."""
    from assets.cli.tables import print_tables

    print_tables(data_root, as_json)


@app.command(epilog=example("footsteps dictionary > tables.md", "footsteps dictionary --json"))
@report_failures
def dictionary(as_json: AsJson = False) -> None:
    """Every table and column of the lake, from its contract, as Markdown."""
    from assets.cli.tables import print_dictionary

    print_dictionary(as_json)


@app.command(epilog=example("footsteps contracts --json", "footsteps contracts --write"))
@report_failures
def contracts(
    write: Annotated[bool, typer.Option(help="Write docs/contracts and release versions that are new.")] = False,
    as_json: AsJson = False,
) -> None:
    """The published tables' contracts in the Open Data Contract Standard, and what is released."""
    from assets.cli.contracts import print_contracts

    print_contracts(write, as_json)


@app.command(epilog=example("footsteps feed --after 120", "footsteps feed --json"))
@report_failures
def feed(
    after: Annotated[int, typer.Option(min=0, help="Cursor: the sequence of the last event you read.")] = 0,
    most: Annotated[int, typer.Option(min=1, help="Events at most.")] = 1000,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """The change feed behind a cursor: whose recommendations changed, one CloudEvent a line."""
    from assets.cli.feed import print_feed

    print_feed(data_root, after, most, as_json)


@app.command(epilog=example("footsteps site", "footsteps site --folder /srv/footsteps"))
@report_failures
def site(
    folder: Annotated[Path | None, typer.Option(help="Where the pages go; published/site if not given.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Write them anew, even where they are there.")] = False,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Pages for people: one a person, one a team of five or more, one for the night; static, offline."""
    from assets.cli.site import write_site

    write_site(data_root, folder, again, as_json)


@app.command(epilog=example("footsteps doctor", "footsteps doctor --json"))
@report_failures
def doctor(
    config: ConfigFile = None, landing: LandingFolder = None, data_root: DataRoot = None, as_json: AsJson = False
) -> None:
    """What is late, refused, failing or shrinking, a sentence each; exits with 1 where something is."""
    from assets.cli.doctor import print_health

    print_health(data_root, config, landing, as_json)


@app.command(epilog=example("footsteps up", "footsteps up --port 3001"))
@report_failures
def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the UI on 127.0.0.1.")] = 3000,
    config: ConfigFile = None,
    landing: LandingFolder = None,
    data_root: DataRoot = None,
) -> None:
    """The Dagster UI and its daemon on this machine, ready to monitor; Ctrl-C ends both."""
    from assets.cli.up import serve

    serve(data_root, config, landing, port)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line."""
    return app(args=arguments, prog_name="footsteps") if arguments is not None else app(prog_name="footsteps")


if __name__ == "__main__":
    sys.exit(main())
