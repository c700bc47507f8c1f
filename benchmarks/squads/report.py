"""`footsteps bench squads` and `footsteps bench openings`: runs a benchmark and prints its table.

Belongs here: progress notes and the printing of tables.
Does not belong here: the measurements (`planted`, `cost`).
"""

from assets.cli.terminal.console import CommandFailed, print_note
from benchmarks.squads.cost import benchmark_openings
from benchmarks.squads.planted import benchmark_planted_squads
from benchmarks.tables import parse_whole_numbers, print_results


def print_planted_squads(seeds: int, people: int, squads: int, time_limit: float, as_json: bool) -> None:
    """Propose squads on companies with planted squads, and compare the proposals."""

    def note(activity: str, share: float) -> None:
        print_note(f"{activity} {share:.0%}")

    try:
        rows = benchmark_planted_squads(seeds, people, squads, time_limit, note)
    except ValueError as error:
        raise CommandFailed(str(error)) from error
    print_results("Proposed squads against planted ones", rows, as_json)


def print_openings(people: str, as_json: bool) -> None:
    """Find openings and match people to them, per number of people."""
    rows = benchmark_openings(parse_whole_numbers("--people", people))
    print_results("Openings and matches", rows, as_json)
