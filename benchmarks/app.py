"""`footsteps bench`: benchmarks that print a table.

Belongs here: the commands and their options.
Does not belong here: the measurements (one module per benchmark).
"""

from pathlib import Path
from typing import Annotated

import typer

from assets.cli.terminal.options import AsJson, DataRoot, example, report_failures

bench = typer.Typer(help="Benchmarks: each prints one table of measurements.", no_args_is_help=True)


@bench.command("validate", epilog=example("footsteps bench validate", "footsteps bench validate --rows 1000000"))
@report_failures
def bench_validate(
    rows: Annotated[str, typer.Option(help="Row counts, separated by commas.")] = "1000000,10000000",
    repeats: Annotated[int, typer.Option(min=1, help="Number of runs; the table has their median.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Compare Great Expectations on Polars, Great Expectations on pandas, and the rules as polars expressions."""
    from benchmarks.tables import print_validation

    print_validation(rows, repeats, as_json)


@bench.command(
    "sources",
    epilog=example(
        "footsteps bench sources", "footsteps bench sources --rows 1000000", "footsteps bench sources --rows 0"
    ),
)
@report_failures
def bench_sources(
    rows: Annotated[int, typer.Option(min=0, help="Rows of each large export; 0 leaves them out.")] = 5_000_000,
    people: Annotated[
        int, typer.Option(min=0, help="People of the demo company whose exports are landed; 0 leaves them out.")
    ] = 10_000,
    repeats: Annotated[int, typer.Option(min=1, help="Number of runs; the table has their median.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Compare landing with bare readers of the same columns: one large file, and the exports of a demo company.

    The demo company's exports are many small files of JSON lines and large CSV files; DuckDB and Polars are the floors.
    """
    from benchmarks.tables import print_sources

    print_sources(rows, people, repeats, as_json)


@bench.command(
    "recommender",
    epilog=example(
        "footsteps bench recommender --people 10000,100000", "footsteps bench recommender --people 5000 --items 1600"
    ),
)
@report_failures
def bench_recommender(
    people: Annotated[str, typer.Option(help="Numbers of people, separated by commas.")] = "10000,100000,1000000",
    items: Annotated[
        int | None, typer.Option(min=1, help="Number of items; by default a fiftieth of the number of people.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit the recommender and score the top ten for several numbers of people: seconds and memory."""
    from benchmarks.tables import print_recommender

    print_recommender(people, items, as_json)


@bench.command(
    "training", epilog=example("footsteps bench training --data-root .footsteps/demo", "footsteps bench training e.csv")
)
@report_failures
def bench_training(
    events: Annotated[
        Path | None, typer.Argument(help="CSV or Parquet: person_id, skill_id, ts. None: the tables of the data root.")
    ] = None,
    horizon: Annotated[int, typer.Option(min=1, help="Days ahead within which a step of a file counts.")] = 90,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Fit the ranker on more and fewer rows, and refit it from an earlier fit: seconds and NDCG@10."""
    from benchmarks.training.learning_curve import print_training

    print_training(events, data_root, horizon, as_json)


@bench.command(
    "companies", epilog=example("footsteps bench companies events.csv", "footsteps bench companies e.csv --people 50")
)
@report_failures
def bench_companies(
    events: Annotated[Path, typer.Argument(help="CSV or Parquet: person_id, skill_id, ts.")],
    people: Annotated[str, typer.Option(help="Sizes of the companies, separated by commas.")] = "20,50,100,200",
    companies: Annotated[int, typer.Option(min=1, help="Number of companies per size.")] = 40,
    horizon: Annotated[int, typer.Option(min=1, help="Days ahead within which a step counts.")] = 90,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compare the recommender with simple models on small companies cut from a history."""
    from benchmarks.training.small_companies import print_small_companies

    print_small_companies(events, people, companies, horizon, seed, as_json)


@bench.command(
    "peers",
    epilog=example("footsteps bench peers events.csv", "footsteps bench peers e.csv --models sasrec --epochs 40"),
)
@report_failures
def bench_peers(
    events: Annotated[Path, typer.Argument(help="CSV or Parquet: person_id, skill_id, ts.")],
    split: Annotated[str, typer.Option(help="time or leave-last.")] = "time",
    horizon: Annotated[int, typer.Option(min=1, help="Days ahead within which a step counts.")] = 90,
    models: Annotated[str, typer.Option(help="sasrec, bert4rec, or both, separated by a comma.")] = "sasrec,bert4rec",
    epochs: Annotated[int, typer.Option(min=10, help="The largest number of epochs of a setting.")] = 100,
    environment: Annotated[
        Path, typer.Option(help="Folder for RecTools and PyTorch, which are installed into it at first.")
    ] = Path(".venv/sequence-models"),
    seed: Annotated[int, typer.Option(help="Seed of all fits.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compare the recommender and simple models with SASRec and BERT4Rec, tuned on the past of the same history.

    Four settings are tried per sequence model (two widths, two learning rates), each until it stops getting better.
    """
    from benchmarks.training.sequence_models import print_peers

    print_peers(events, split, horizon, models, epochs, environment, seed, as_json)


@bench.command("scale", epilog=example("footsteps bench scale --people 10000", "footsteps bench scale --repeats 3"))
@report_failures
def bench_scale(
    people: Annotated[str, typer.Option(help="Numbers of people, separated by commas.")] = "300,10000",
    repeats: Annotated[int, typer.Option(min=1, help="Number of runs; the table has their median.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Complete first runs of demo companies: seconds and peak memory per step."""
    from benchmarks.scale.first_run import print_scale
    from benchmarks.tables import parse_whole_numbers

    print_scale(parse_whole_numbers("--people", people), repeats, as_json)


@bench.command(
    "erasure",
    epilog=example("footsteps bench erasure --people 10000", "footsteps bench erasure --people 2000 --erased 100"),
)
@report_failures
def bench_erasure(
    people: Annotated[int, typer.Option(min=60, help="Number of people.")] = 10_000,
    erased: Annotated[int, typer.Option(min=1, help="Number of people who are erased.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Erase people: seconds as a share of a first run without training, and files that still hold a value of them."""
    from benchmarks.privacy.erasure import print_erasure

    print_erasure(people, erased, as_json)


@bench.command("companions", epilog=example("footsteps bench companions --people 100000"))
@report_failures
def bench_companions(
    people: Annotated[str, typer.Option(help="Numbers of people, separated by commas.")] = "10000,100000",
    as_json: AsJson = False,
) -> None:
    """Match companions for everyone in two runs: named companions, anonymous counts, seconds and memory."""
    from benchmarks.tables import print_companions

    print_companions(people, as_json)


@bench.command("following", epilog=example("footsteps bench following", "footsteps bench following --companies 3"))
@report_failures
def bench_following(
    people: Annotated[int, typer.Option(min=60, max=20_000, help="People of each demo company.")] = 300,
    companies: Annotated[int, typer.Option(min=2, help="Number of demo companies, each with its own seed.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Let the people of demo companies follow lists by imitation and by the blend with motives: planted benefit."""
    from benchmarks.lists.following import print_following

    print_following(people, companies, as_json)


@bench.command(
    "variety", epilog=example("footsteps bench variety", "footsteps bench variety events.csv --units units.csv")
)
@report_failures
def bench_variety(
    events: Annotated[
        Path | None, typer.Argument(help="CSV or Parquet: person_id, skill_id, ts. None: demo companies.")
    ] = None,
    units: Annotated[Path | None, typer.Option(help="CSV or Parquet: person_id, unit_name.")] = None,
    companies: Annotated[int, typer.Option(min=1, help="Number of demo companies, each with its own seed.")] = 5,
    people: Annotated[int, typer.Option(min=60, max=20_000, help="People of each demo company.")] = 300,
    plot: Annotated[Path | None, typer.Option(help="File of a plot (PNG).")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure what the limits of a list cost in accuracy and give in variety: one limit at a time."""
    from benchmarks.lists.variety_tradeoff import print_tradeoff

    print_tradeoff(events, units, companies, people, plot, as_json)


@bench.command("counterfactuals", epilog=example("footsteps bench counterfactuals --rows 1000"))
@report_failures
def bench_counterfactuals(
    rows: Annotated[int, typer.Option(min=1, help="Number of recommended rows to sample.")] = 1000,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Apply published counterfactuals to the data, recompute the lists, and count the confirmed claims."""
    from benchmarks.tables import print_counterfactuals

    print_counterfactuals(data_root, rows, as_json)


@bench.command("publish", epilog=example("footsteps bench publish", "footsteps bench publish --people 100000"))
@report_failures
def bench_publish(
    people: Annotated[int, typer.Option(min=1, help="Number of people with recommendations.")] = 1_000_000,
    rows: Annotated[int, typer.Option(min=1, help="Rows per person.")] = 10,
    repeats: Annotated[int, typer.Option(min=1, help="Number of runs; the table has their median.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Compare publishing to Parquet and Delta with a plain polars write, and to PostgreSQL with a plain COPY."""
    from benchmarks.tables import print_publish

    print_publish(people, rows, repeats, as_json)


@bench.command(
    "readers", epilog=example("footsteps bench readers", "footsteps bench readers --targets feed,site --people 50")
)
@report_failures
def bench_readers(
    readers: Annotated[int, typer.Option(min=1, help="Number of concurrent readers, each in a process.")] = 8,
    publications: Annotated[int, typer.Option(min=1, help="Number of publications during the reads.")] = 50,
    people: Annotated[int, typer.Option(min=1, help="Number of people in the first snapshot.")] = 500,
    targets: Annotated[
        str | None, typer.Option(help="Names of the targets, separated by commas; all by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read every publish target during publications and count torn, empty and mixed reads: there must be none."""
    from benchmarks.tables import print_readers

    print_readers(readers, publications, people, targets, as_json)


@bench.command("site", epilog=example("footsteps bench site", "footsteps bench site --people 1000"))
@report_failures
def bench_site(
    people: Annotated[int, typer.Option(min=1, help="Number of people, each with a page.")] = 10_000,
    as_json: AsJson = False,
) -> None:
    """Build the static site of a synthetic company: pages and seconds."""
    from benchmarks.tables import print_site

    print_site(people, as_json)


@bench.command("mastery", epilog=example("footsteps bench mastery --people 100000"))
@report_failures
def bench_mastery(
    people: Annotated[int, typer.Option(min=100, help="Number of people in the synthetic evidence ledger.")] = 100_000,
    as_json: AsJson = False,
) -> None:
    """Compute levels, stages, prerequisites, capabilities, motives and alignment: seconds and memory."""
    from benchmarks.quality import print_mastery

    print_mastery(people, as_json)


@bench.command(
    "tracing", epilog=example("footsteps bench tracing", "footsteps bench tracing --roles ../shared/data/rust")
)
@report_failures
def bench_tracing(
    people: Annotated[int, typer.Option(min=60, help="People of the demo company, if no data root is given.")] = 600,
    data_root: DataRoot = None,
    roles: Annotated[
        Path | None, typer.Option(help="Folder with role changes and commits: each role change counts as feedback.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how well levels predict later feedback over a time split, compared with simple baselines."""
    from benchmarks.quality import print_tracing

    print_tracing(people, data_root, roles, as_json)


@bench.command("truth", epilog=example("footsteps demo --people 600", "footsteps run", "footsteps bench truth"))
@report_failures
def bench_truth(data_root: DataRoot = None, as_json: AsJson = False) -> None:
    """Compare a run on the demo company with the planted truth: stages, prerequisites, learning paths."""
    from benchmarks.quality import print_truth

    print_truth(data_root, as_json)


@bench.command(
    "incremental", epilog=example("footsteps bench incremental", "footsteps bench incremental --people 1000 --json")
)
@report_failures
def bench_incremental(
    people: Annotated[int, typer.Option(min=60, help="Number of people in the synthetic company.")] = 10_000,
    as_json: AsJson = False,
) -> None:
    """Time a first run, a run without new data, a run with 1 % more work, and an incremental run for ten people."""
    from benchmarks.incremental_runs import print_incremental_runs

    print_incremental_runs(people, as_json)


@bench.command("chaos", epilog=example("footsteps bench chaos", "footsteps bench chaos --kills 5 --json"))
@report_failures
def bench_chaos(
    people: Annotated[int, typer.Option(min=60, help="Number of people in the synthetic company.")] = 60,
    kills: Annotated[int, typer.Option(min=0, help="Number of runs to kill at random moments.")] = 40,
    seed: Annotated[int, typer.Option(help="Seed of the random moments.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Kill runs at random moments, run on a full disk, and check what readers see and what the next run restores."""
    from benchmarks.chaos import print_chaos

    print_chaos(people, kills, seed, as_json)


@bench.command(
    "serve", epilog=example("footsteps bench serve", "footsteps bench serve --people 100 --requests 500 --clients 4")
)
@report_failures
def bench_serve(
    people: Annotated[int, typer.Option(min=1, help="Number of people.")] = 1_000,
    requests: Annotated[int, typer.Option(min=1, help="Number of requests.")] = 10_000,
    clients: Annotated[int, typer.Option(min=1, help="Number of clients at the same time.")] = 16,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two publications.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Request pages and JSON of many people during publications: errors, mixed snapshots, milliseconds."""
    from benchmarks.tables import print_serve

    print_serve(people, requests, clients, every, as_json)


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
