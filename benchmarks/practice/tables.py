"""`footsteps bench practice`: cuts that are found, false alarms, and the effect of a tool.

Belongs here: printing the measurements.
Does not belong here: the measurements (`power`, `tool_effects`).
"""

from assets.cli.terminal.console import print_json, print_table
from benchmarks.practice.power import ChangePower, measure_changes
from benchmarks.practice.tool_effects import measure_tool

_QUIET_UNITS, _CUT_UNITS, _RUNS = 200, 40, 14
_TOOL_UNITS, _TOOL_WEEKS = (8, 24), 120


def print_practice(week_counts: list[int], seed_count: int, seed: int, as_json: bool) -> None:
    """Measure changes and events on planted units, and print what was found.

    Args:
        week_counts: Weeks of history of each company.
        seed_count: Number of companies with a tool.
        seed: Seed of the first company.
        as_json: Whether to print JSON.
    """
    powers = {
        (weeks, cut_share): measure_changes(_QUIET_UNITS, _CUT_UNITS, weeks, _RUNS, seed + number, cut_share)
        for number, weeks in enumerate(week_counts)
        for cut_share in (0.5, 0.4)
    }
    coverages = {unit_count: measure_tool(unit_count, _TOOL_WEEKS, seed_count) for unit_count in _TOOL_UNITS}
    if as_json:
        changes = [
            {"weeks": weeks, "cut_share": cut_share, **power._asdict()} for (weeks, cut_share), power in powers.items()
        ]
        tools = [{"units": unit_count, **coverage._asdict()} for unit_count, coverage in coverages.items()]
        print_json({"changes": changes, "tools": tools})
        return
    print_table(
        f"Work on steps being taken is cut in {_CUT_UNITS} of {_QUIET_UNITS + _CUT_UNITS} units; {_RUNS} weekly runs, "
        "eight after the cut",
        {
            "weeks of history": "right",
            "cut to": "right",
            "found within 8 weeks": "right",
            "median weeks": "right",
            "median error of the date": "right",
            "false alarms per run": "right",
            "in any run": "right",
        },
        [_format_power(weeks, cut_share, power) for (weeks, cut_share), power in powers.items()],
    )
    print_table(
        "A tool in half of the units: intervals of 95 % that hold the planted effect",
        {"units": "right", "kind": "left", "held": "right", "planted": "right", "mean estimate": "right"},
        [
            row
            for unit_count, coverage in coverages.items()
            for row in (
                *(
                    [str(unit_count), kind, f"{held} of {coverage.seed_count}", f"{share:+.0%}", f"{mean:+.1%}"]
                    for (kind, held), mean, share in zip(
                        coverage.held_counts.items(), coverage.mean_shares.values(), (-0.25, 0.2), strict=True
                    )
                ),
                [str(unit_count), "review_given", f"{coverage.quiet_held_count} of {coverage.seed_count}", "none", ""],
            )
        ],
    )


def _format_power(weeks: int, cut_share: float, power: ChangePower) -> list[str]:
    return [
        str(weeks),
        f"{cut_share:.0%}",
        f"{power.found_share:.1%}",
        f"{power.median_weeks:.0f}",
        f"{power.median_date_error_weeks:.0f} weeks",
        f"{power.alarm_share_per_run:.1%}",
        f"{power.alarm_share:.1%}",
    ]
