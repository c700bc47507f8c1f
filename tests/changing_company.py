"""A company of five people whose exports change between runs: a people report of BambooHR and time entries of Toggl."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from assets.cli.app import app
from assets.cli.run import RunSummary, execute_run
from pipelines.config.company import read_config
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import UNKNOWN_MENTION
from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY, SUPPORT_GAP
from pipelines.contracts.table import Table
from pipelines.storage.lake import Lake

REPORT_HEADER = ("Employee #", "First Name", "Last Name", "Job Title", "Department", "Work Email", "Employment Status")
TIME_HEADER = ("User", "Email", "Description", "Start date", "Start time", "End date", "End time", "Duration", "Tags")
ANALYSTS = {"61": "Ida", "62": "Jon", "64": "Lea", "65": "Moe"}
PEOPLE = {**{number: (name, "Analyst", "Data") for number, name in ANALYSTS.items()}, "63": ("Kim", "Engineer", "Ops")}
# Which tag each of the people has on the days from 1 June 2026.
WORK = ("61 SQL", "62 SQL", "61 dbt", "62 dbt", "63 dbt", "61 Git", "62 Git", "63 Git", "61 SQL", "62 dbt", "63 Git")


@dataclass(frozen=True)
class Company:
    """A company of five people: its folder of exports, its configuration and its data root, all in one folder."""

    folder: Path

    @property
    def settings(self) -> Settings:
        return Settings(data_root=self.folder, config=self.folder / "footsteps.yaml")

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake_path)

    def run(self, exports: Mapping[str, str]) -> RunSummary:
        """Lay exports over those of the run before, and run. A failed run raises."""
        for name, content in exports.items():
            path = self.settings.root / "landing" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        config = read_config(self.settings.config_path)
        return execute_run(self.settings, config, None, allow_row_count_drop=False)

    def configure(self, *lines: str) -> None:
        self.settings.config_path.write_text("\n".join(lines))

    def doctor(self) -> list[str]:
        arguments = ("--json", "--config", str(self.settings.config_path), "--data-root", str(self.settings.root))
        return list(json.loads(CliRunner().invoke(app, ["doctor", *arguments]).stdout)["vanished"])

    def core_values(self, table: Table, column: str) -> list[str]:
        return sorted(self.lake.scan(table).collect()[column].to_list())

    def unknown_texts(self) -> dict[str, int]:
        mentions = self.lake.scan(UNKNOWN_MENTION).select("mention_text", "mention_count").collect()
        return dict(mentions.iter_rows())


def write_csv(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def write_report(people: Mapping[str, tuple[str, str, str]]) -> str:
    return write_csv(
        REPORT_HEADER,
        [
            (number, first, "Roe", role, unit, f"{number}@acme.example", "Full-Time")
            for number, (first, role, unit) in people.items()
        ],
    )


def write_times(work: Sequence[str]) -> str:
    rows = []
    for i, (number, tag) in enumerate(entry.split(" ", 1) for entry in work):
        day = f"2026-06-{i + 1:02d}"
        rows.append(
            (PEOPLE[number][0], f"{number}@acme.example", "x", day, "09:00:00", day, "11:00:00", "2:00:00", tag)
        )
    return write_csv(TIME_HEADER, rows)


def read_published(summary: RunSummary, column: str) -> set[str]:
    tables = (NEXT_SKILL, OUT_MASTERY, SUPPORT_GAP)
    frames = [summary.snapshot.scan(table.name).collect() for table in tables]
    return {entry for frame in frames if column in frame.columns for entry in frame[column].drop_nulls()}
