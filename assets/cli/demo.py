"""`footsteps demo`: a made-up company's exports.

Belongs here: the progress bar, and printing what was written.
Does not belong here: the company (`pipelines.demo`).
"""

from datetime import date
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from assets.cli.terminal.console import CommandFailed, print_result, resolve_settings, stderr_console
from pipelines.demo.build import build_demo


def make_demo(data_root: Path | None, people_count: int, seed: int, last_day: date, as_json: bool) -> None:
    """Write the demo company into the data root and print what was written."""
    resolved_root = resolve_settings(data_root).root
    progress_columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*progress_columns, console=stderr_console, transient=True) as progress_bar:
        progress_task = progress_bar.add_task("writing the demo company", total=1.0)
        try:
            demo_summary = build_demo(
                resolved_root,
                people_count=people_count,
                seed=seed,
                export_day=last_day,
                progress=lambda activity_text, completed_share: progress_bar.update(
                    progress_task, description=activity_text, completed=completed_share
                ),
            )
        except OSError as error:
            raise CommandFailed(f"the demo could not be written to {resolved_root}: {error}") from error
    file_row_counts = [
        {"file": file_name, "rows": row_count}
        for file_name, row_count in sorted(demo_summary.exports.row_counts.items())
    ]
    print_result(
        {
            "data_root": str(resolved_root),
            "people": people_count,
            "seed": seed,
            "end": last_day,
            "files": file_row_counts,
        },
        f"{demo_summary.sentence}\nExports: {resolved_root / 'landing'}\nNext:    footsteps run",
        as_json,
    )
