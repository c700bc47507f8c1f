"""`footsteps bench`: comparisons with what simulated companies were made with.

Belongs here: the commands and their options. Does not belong here: what they measure.
"""

from typing import Annotated

import typer

from assets.cli.terminal.options import AsJson, example, report_failures
from benchmarks.commands.app import bench


@bench.command("practice", epilog=example("footsteps bench practice", "footsteps bench practice --seeds 20"))
@report_failures
def bench_practice(
    weeks: Annotated[str, typer.Option(help="Weeks of history, separated by commas.")] = "156,104",
    seeds: Annotated[int, typer.Option(min=1, help="Number of companies with a tool in half of their units.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the companies with cuts.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Plant cuts of practice and a tool: cuts found, false alarms, intervals that hold the effect."""
    from benchmarks.practice.tables import print_practice

    print_practice([int(week_count) for week_count in weeks.split(",")], seeds, seed, as_json)


@bench.command("craft", epilog=example("footsteps bench craft", "footsteps bench craft --seeds 20 --people 2000"))
@report_failures
def bench_craft(
    seeds: Annotated[int, typer.Option(min=1, help="Number of simulated companies.")] = 200,
    people: Annotated[int, typer.Option(min=50, help="People who were ever hired in each.")] = 400,
    as_json: AsJson = False,
) -> None:
    """Compare times to stages and crafts at risk with the truth of simulated companies, with histories cut off."""
    from benchmarks.craft.planted_crafts import print_craft

    print_craft(seeds, people, as_json)


@bench.command(
    "squads", epilog=example("footsteps bench squads", "footsteps bench squads --people 300 --squads 12 --seeds 10")
)
@report_failures
def bench_squads(
    people: Annotated[int, typer.Option(min=60, help="Number of people of each company.")] = 2_000,
    squads: Annotated[int, typer.Option(min=1, help="Number of planted squads of each company.")] = 60,
    seeds: Annotated[int, typer.Option(min=1, help="Number of companies.")] = 10,
    time_limit: Annotated[float, typer.Option(min=1, help="Seconds of each search.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Compare proposed squads with the planted ones, with the solver's bound, and with greedy and random squads."""
    from benchmarks.squads.report import print_planted_squads

    print_planted_squads(seeds, people, squads, time_limit, as_json)


@bench.command("openings", epilog=example("footsteps bench openings", "footsteps bench openings --people 100000"))
@report_failures
def bench_openings(
    people: Annotated[str, typer.Option(help="Numbers of people, separated by commas.")] = "10000,100000",
    as_json: AsJson = False,
) -> None:
    """Find openings and match people to them on synthetic companies: rows, seconds and memory."""
    from benchmarks.squads.report import print_openings

    print_openings(people, as_json)


@bench.command("audit", epilog=example("footsteps bench audit", "footsteps bench audit --people 300 --seeds 5 --json"))
@report_failures
def bench_audit(
    people: Annotated[int, typer.Option(min=60, help="People of each simulated company.")] = 600,
    seeds: Annotated[int, typer.Option(min=1, help="Companies per bias.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Plant bias in simulated companies, and none, and count what an audit finds of it."""
    from benchmarks.oversight.planted_bias import print_planted_bias

    print_planted_bias(people, seeds, as_json)
