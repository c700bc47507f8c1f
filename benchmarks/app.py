"""`footsteps bench`: benchmarks that print a table.

Belongs here: their commands and options.
Does not belong here: what is measured (one module each beside the code it measures).
"""

from pathlib import Path
from typing import Annotated

import typer

from assets.cli.options import AsJson, DataRoot, example, report_failures

bench = typer.Typer(help="Benchmarks that print a table: side by side, in one run.", no_args_is_help=True)


@bench.command("validate", epilog=example("footsteps bench validate", "footsteps bench validate --rows 1000000"))
@report_failures
def bench_validate(
    rows: Annotated[str, typer.Option(help="Row counts, separated by commas.")] = "1000000,10000000",
    repeats: Annotated[int, typer.Option(min=1, help="Runs of which the median is taken.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Great Expectations on Polars, on pandas, and the bare polars rules, side by side."""
    from benchmarks.tables import print_validation

    print_validation(rows, repeats, as_json)


@bench.command("sources", epilog=example("footsteps bench sources", "footsteps bench sources --rows 1000000"))
@report_failures
def bench_sources(
    rows: Annotated[int, typer.Option(min=1000, help="Rows of each export.")] = 5_000_000,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of which the median is taken.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Exports read, judged and sunk to Parquet beside a bare polars scan and sink of the same file."""
    from benchmarks.tables import print_sources

    print_sources(rows, repeats, as_json)


@bench.command(
    "recommender",
    epilog=example(
        "footsteps bench recommender --people 10000,100000", "footsteps bench recommender --people 5000 --items 1600"
    ),
)
@report_failures
def bench_recommender(
    people: Annotated[str, typer.Option(help="Numbers of people, separated by commas.")] = "10000,100000,1000000",
    items: Annotated[int | None, typer.Option(min=1, help="Skills; a fiftieth of the people where not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fitting and scoring to the top ten at growing numbers of people: seconds and memory."""
    from benchmarks.tables import print_recommender

    print_recommender(people, items, as_json)


@bench.command("companions", epilog=example("footsteps bench companions --people 100000"))
@report_failures
def bench_companions(
    people: Annotated[str, typer.Option(help="Numbers of people, separated by commas.")] = "10000,100000",
    as_json: AsJson = False,
) -> None:
    """Companions for everyone on two nights: how many are named and counted, seconds and memory."""
    from benchmarks.tables import print_companions

    print_companions(people, as_json)


@bench.command("counterfactuals", epilog=example("footsteps bench counterfactuals --rows 1000"))
@report_failures
def bench_counterfactuals(
    rows: Annotated[int, typer.Option(min=1, help="Recommended rows drawn.")] = 1000,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Apply the published counterfactuals to people's data, list anew, count where the row did as said."""
    from benchmarks.tables import print_counterfactuals

    print_counterfactuals(data_root, rows, as_json)


@bench.command("publish", epilog=example("footsteps bench publish", "footsteps bench publish --people 100000"))
@report_failures
def bench_publish(
    people: Annotated[int, typer.Option(min=1, help="People recommended to.")] = 1_000_000,
    rows: Annotated[int, typer.Option(min=1, help="Rows for each.")] = 10,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of which the median is taken.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Parquet and Delta beside a bare polars write, one person read back, PostgreSQL beside a bare COPY."""
    from benchmarks.tables import print_publish

    print_publish(people, rows, repeats, as_json)


@bench.command("readers", epilog=example("footsteps bench readers", "footsteps bench readers --publications 10"))
@report_failures
def bench_readers(
    readers: Annotated[int, typer.Option(min=1, help="Readers at a time, each a process.")] = 8,
    publications: Annotated[int, typer.Option(min=1, help="Publications meanwhile.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Readers of every way in during publications: torn, empty and mixed reads, which must be none."""
    from benchmarks.tables import print_readers

    print_readers(readers, publications, as_json)


@bench.command("site", epilog=example("footsteps bench site", "footsteps bench site --people 1000"))
@report_failures
def bench_site(
    people: Annotated[int, typer.Option(min=1, help="People who get a page.")] = 10_000, as_json: AsJson = False
) -> None:
    """The static site of a made-up company: pages and seconds."""
    from benchmarks.tables import print_site

    print_site(people, as_json)


@bench.command("mastery", epilog=example("footsteps bench mastery --people 100000"))
@report_failures
def bench_mastery(
    people: Annotated[int, typer.Option(min=100, help="People of the made-up ledger.")] = 100_000,
    as_json: AsJson = False,
) -> None:
    """Levels, stages, precedence, capabilities, motives and alignment on a made-up ledger: seconds and memory."""
    from benchmarks.quality import print_mastery

    print_mastery(people, as_json)


@bench.command(
    "tracing", epilog=example("footsteps bench tracing", "footsteps bench tracing --roles ../shared/data/rust")
)
@report_failures
def bench_tracing(
    people: Annotated[int, typer.Option(min=60, help="People of the demo company, where no data root is given.")] = 600,
    data_root: DataRoot = None,
    roles: Annotated[
        Path | None, typer.Option(help="Folder of role changes and commits: each change of role as a judgement.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """How well levels foretell later judgements, beside the fraction correct so far, over a time split."""
    from benchmarks.quality import print_tracing

    print_tracing(people, data_root, roles, as_json)


@bench.command("truth", epilog=example("footsteps demo --people 600", "footsteps run", "footsteps bench truth"))
@report_failures
def bench_truth(data_root: DataRoot = None, as_json: AsJson = False) -> None:
    """What a night made of the demo company, against what was planted: stages, learnt orders, lists on paths."""
    from benchmarks.quality import print_truth

    print_truth(data_root, as_json)


@bench.command("nights", epilog=example("footsteps bench nights", "footsteps bench nights --people 1000 --json"))
@report_failures
def bench_nights(
    people: Annotated[int, typer.Option(min=60, help="People of the made-up company.")] = 10_000,
    as_json: AsJson = False,
) -> None:
    """A first night beside one with nothing new, one after 1 % more work, and a file that touches ten people."""
    from benchmarks.incremental_runs import print_nights

    print_nights(people, as_json)


@bench.command("chaos", epilog=example("footsteps bench chaos", "footsteps bench chaos --kills 5 --json"))
@report_failures
def bench_chaos(
    people: Annotated[int, typer.Option(min=60, help="People of the made-up company.")] = 60,
    kills: Annotated[int, typer.Option(min=0, help="Nights killed at random moments.")] = 40,
    seed: Annotated[int, typer.Option(help="Another seed, other moments.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Nights killed at random moments and on a full disk: what readers see, and what the next night makes of it."""
    from benchmarks.chaos import print_chaos

    print_chaos(people, kills, seed, as_json)
