"""The demo world written as each vendor would write it.

Belongs here: the order of the exports, block by block, and the record of what was written.
Does not belong here: any vendor's columns (exports_*), the truth (truth), and anything that reads exports: a generator
that knew the readers would agree with them by construction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines.demo.exports.bamboohr import write_bamboohr
from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.exports.jira import write_accounts, write_jira
from pipelines.demo.exports.planted_errors import DirtLedger
from pipelines.demo.exports.replies import write_words
from pipelines.demo.exports.tabular import write_lists
from pipelines.demo.exports.tempo import write_tempo
from pipelines.demo.exports.xapi import write_xapi
from pipelines.demo.simulation.world import History, World, generate_histories


@dataclass(frozen=True)
class DirtCount:
    """How many rows of a file carry one kind of dirt."""

    file: str
    kind: str
    rows: int


@dataclass(frozen=True)
class FileCount:
    """How many rows a file has, header aside."""

    file: str
    rows: int


@dataclass(frozen=True)
class WrittenExports:
    """What was written: rows per file and dirt per file and kind, files by their path in the landing folder."""

    files: tuple[FileCount, ...]
    dirt: tuple[DirtCount, ...]

    def rows(self, prefix: str) -> int:
        """Rows of all files whose path begins so."""
        return sum(file.rows for file in self.files if file.file.startswith(prefix))


def write_exports(world: World, folder: Path, *, watch: Callable[[History], None] | None = None) -> WrittenExports:
    """Write all exports into `folder`, one block of people in memory at a time; `watch` sees each block's history.

    The same world gives the same bytes.
    """
    target, ledger = ExportFolder(folder), DirtLedger()
    write_bamboohr(world, target, ledger)
    write_accounts(world, target)
    write_taxonomy(world, target)
    for history in generate_histories(world):
        write_jira(world, history, target, ledger)
        write_tempo(world, history, target, ledger)
        write_xapi(world, history, target, ledger)
        write_lists(world, history, target, ledger)
        write_words(world, history, target, ledger)
        if watch is not None:
            watch(history)
    return WrittenExports(
        tuple(FileCount(file, rows) for file, rows in sorted(target.rows.items())),
        tuple(DirtCount(file, kind, rows) for (file, kind), rows in sorted(ledger.counts.items())),
    )


def write_taxonomy(world: World, folder: ExportFolder) -> None:
    """The catalogue as three plain tables: micro-skills, prerequisites, role profiles."""
    folder.append_csv("taxonomy/skills.csv", world.catalog.skills)
    folder.append_csv("taxonomy/prerequisites.csv", world.catalog.prerequisites)
    folder.append_csv("taxonomy/role_profiles.csv", world.catalog.role_profiles)
