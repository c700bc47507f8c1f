"""The front door: the command `footsteps`.

Belongs here: commands, their options, and how an answer or a failure is said.
Does not belong here: what a command does (one module each under `assets.commands`).
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer

from assets.commands.saying import Failed, fail

P = ParamSpec("P")

app = typer.Typer(
    name="footsteps",
    help="Every night, for every person: the next micro-skill, why, how to practise it, and with whom.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
bench = typer.Typer(help="Benchmarks that print a table: side by side, in one run.", no_args_is_help=True)
sources = typer.Typer(help="The systems that can be read, and what a file is.", invoke_without_command=True)
app.add_typer(bench, name="bench")
app.add_typer(sources, name="sources")

DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", envvar="FOOTSTEPS_DATA_ROOT", help="Folder of everything this company has."),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", envvar="FOOTSTEPS_CONFIG", help="footsteps.yaml, if not in the data root.")
]
LandingFolder = Annotated[
    Path | None, typer.Option("--landing", envvar="FOOTSTEPS_LANDING", help="Folder the exports are dropped into.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else.")]
Day = Annotated[datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="See nothing after this day.")]


def example(*lines: str) -> str:
    """The epilog of a command's help: an example to copy."""
    return "Example:\n\n" + "\n\n".join(f"  [cyan]{line}[/cyan]" for line in lines)


def said_plainly(command: Callable[P, None]) -> Callable[P, None]:
    """A failure that has a sentence is said with it, on standard error, and exits with 1: no stack trace."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except Failed as failure:
            fail(str(failure))
            raise typer.Exit(1) from None

    return run


@app.command(epilog=example("footsteps demo --people 300", "footsteps run"))
@said_plainly
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
    from assets.commands.demo import make_demo

    make_demo(data_root, people, seed, end.date() if end else datetime.now(UTC).date(), as_json)


@app.command(epilog=example("footsteps run", "footsteps run --as-of 2026-06-30 --json",
    "footsteps run --config examples/rust/footsteps.yaml --landing ../shared/data/rust"))  # fmt: skip
@said_plainly
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
    from assets.commands.night import run_night

    run_night(data_root, config, landing, as_of.date() if as_of else None, accept_shrink, as_json, by_day)


@app.command(epilog=example("footsteps show E0007", "footsteps show --sample 3"))
@said_plainly
def show(
    person: Annotated[str | None, typer.Argument(help="person_id; see --sample to find some.")] = None,
    sample: Annotated[int, typer.Option(min=0, help="Show so many people instead.")] = 0,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """What the published tables hold for a person: next steps with reasons, and the stages held."""
    from assets.commands.show import show_people

    show_people(data_root, person, sample, as_json)


@app.command(
    epilog=example("footsteps evaluate events.csv", "footsteps evaluate events.parquet --split leave-last --json")
)
@said_plainly
def evaluate(
    events: Annotated[Path, typer.Argument(help="CSV or Parquet with person_id, skill_id, ts (a time or an order).")],
    config: Annotated[Path | None, typer.Option(help="footsteps.yaml, for its horizon.")] = None,
    split: Annotated[str, typer.Option(help="time (freeze all models at a date) or leave-last.")] = "time",
    horizon: Annotated[str, typer.Option(help="How far ahead a step counts, in days.")] = "90d",
    models: Annotated[str, typer.Option(help="all, or names separated by commas.")] = "all",
    names: Annotated[Path | None, typer.Option(help="CSV or Parquet with skill_id, name.")] = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap and of sampling.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Prove the recommender on your own history, beside simpler models: one table, nobody's future seen."""
    from assets.commands.evaluate import evaluate_events

    evaluate_events(events, config, split, horizon, models, names, seed, as_json)


@sources.callback(invoke_without_command=True, epilog=example("footsteps sources", "footsteps sources --json"))
@said_plainly
def list_sources(context: typer.Context, as_json: AsJson = False) -> None:
    """The systems whose exports can be read, with the columns each needs and can use."""
    if context.invoked_subcommand is None:
        from assets.commands.sources import print_systems

        print_systems(as_json)


@sources.command("sniff", epilog=example("footsteps sources sniff export.csv"))
@said_plainly
def sniff_file(
    file: Annotated[Path, typer.Argument(help="An export, plain or compressed.")], as_json: AsJson = False
) -> None:
    """Which system wrote a file and why, and the block of footsteps.yaml for it."""
    from assets.commands.sources import print_guesses

    print_guesses(file, as_json)


@sources.command("taxonomy", epilog=example("footsteps sources taxonomy ../shared/data/esco_sample"))
@said_plainly
def count_taxonomy_rows(
    folder: Annotated[Path, typer.Argument(help="Folder or file of a published taxonomy.")],
    system: Annotated[str | None, typer.Option(help="Which one it is, where its files do not tell.")] = None,
    as_json: AsJson = False,
) -> None:
    """How many rows of each kind a taxonomy's files hold, and how many are taken."""
    from assets.commands.sources import print_taxonomy

    print_taxonomy(folder, system, as_json)


@app.command(epilog=example("footsteps tables", "footsteps tables --json"))
@said_plainly
def tables(data_root: DataRoot = None, as_json: AsJson = False) -> None:
    """Where the published tables are, and a query to copy."""
    from assets.commands.tables import print_tables

    print_tables(data_root, as_json)


@app.command(epilog=example("footsteps dictionary > tables.md", "footsteps dictionary --json"))
@said_plainly
def dictionary(as_json: AsJson = False) -> None:
    """Every table and column of the lake, from its contract, as Markdown."""
    from assets.commands.tables import print_dictionary

    print_dictionary(as_json)


@app.command(epilog=example("footsteps doctor", "footsteps doctor --json"))
@said_plainly
def doctor(
    config: ConfigFile = None, landing: LandingFolder = None, data_root: DataRoot = None, as_json: AsJson = False
) -> None:
    """What is late, refused, failing or shrinking, a sentence each; exits with 1 where something is."""
    from assets.commands.doctor import examine

    examine(data_root, config, landing, as_json)


@app.command(epilog=example("footsteps up", "footsteps up --port 3001"))
@said_plainly
def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the UI on 127.0.0.1.")] = 3000,
    config: ConfigFile = None,
    landing: LandingFolder = None,
    data_root: DataRoot = None,
) -> None:
    """The Dagster UI and its daemon on this machine, ready to monitor; Ctrl-C ends both."""
    from assets.commands.up import serve

    serve(data_root, config, landing, port)


@bench.command("validate", epilog=example("footsteps bench validate", "footsteps bench validate --rows 1000000"))
@said_plainly
def bench_validate(
    rows: Annotated[str, typer.Option(help="Row counts, separated by commas.")] = "1000000,10000000",
    repeats: Annotated[int, typer.Option(min=1, help="Runs of which the median is taken.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Great Expectations on Polars, on pandas, and the bare polars rules, side by side."""
    from assets.commands.bench import print_validation

    print_validation(rows, repeats, as_json)


@bench.command("sources", epilog=example("footsteps bench sources", "footsteps bench sources --rows 1000000"))
@said_plainly
def bench_sources(
    rows: Annotated[int, typer.Option(min=1000, help="Rows of each export.")] = 5_000_000,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of which the median is taken.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Exports read, judged and sunk to Parquet beside a bare polars scan and sink of the same file."""
    from assets.commands.bench import print_sources

    print_sources(rows, repeats, as_json)


@bench.command("recommender", epilog=example("footsteps bench recommender --people 10000,100000"))
@said_plainly
def bench_recommender(
    people: Annotated[str, typer.Option(help="Numbers of people, separated by commas.")] = "10000,100000,1000000",
    as_json: AsJson = False,
) -> None:
    """Fitting and scoring to the top ten at growing numbers of people: seconds and memory."""
    from assets.commands.bench import print_recommender

    print_recommender(people, as_json)


@bench.command("nights", epilog=example("footsteps bench nights", "footsteps bench nights --people 1000 --json"))
@said_plainly
def bench_nights(
    people: Annotated[int, typer.Option(min=60, help="People of the made-up company.")] = 10_000,
    as_json: AsJson = False,
) -> None:
    """A first night beside one with nothing new, one after 1 % more work, and a file that touches ten people."""
    from assets.commands.bench_nights import print_nights

    print_nights(people, as_json)


@bench.command("chaos", epilog=example("footsteps bench chaos", "footsteps bench chaos --kills 5 --json"))
@said_plainly
def bench_chaos(
    people: Annotated[int, typer.Option(min=60, help="People of the made-up company.")] = 60,
    kills: Annotated[int, typer.Option(min=0, help="Nights killed at random moments.")] = 40,
    seed: Annotated[int, typer.Option(help="Another seed, other moments.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Nights killed at random moments and on a full disk: what readers see, and what the next night makes of it."""
    from assets.commands.bench_chaos import print_chaos

    print_chaos(people, kills, seed, as_json)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line."""
    return app(args=arguments, prog_name="footsteps") if arguments is not None else app(prog_name="footsteps")


if __name__ == "__main__":
    sys.exit(main())
