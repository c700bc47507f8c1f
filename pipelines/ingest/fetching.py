"""Fetching: exports are copied from where they are dropped into the landing folder.

Belongs here: which files of an origin are new, complete and allowed, the atomic copy, and its record.
Does not belong here: what is fetched (`pipelines.ingest.fetch_targets`), connecting to an origin
(`pipelines.ingest.origins`), reading exports (`pipelines.ingest.landing`).

An origin is never changed. A version of a file is known by its address, name, size and time of change: as a file must
have been quiet for a while before it is copied, another content has another size or time.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from pipelines.contracts.catalog import FETCH, ORIGIN
from pipelines.ingest.deliveries import read_ledger
from pipelines.ingest.fetch_targets import FetchTarget
from pipelines.ingest.landing import DONE_SUFFIX
from pipelines.ingest.origins.opening import open_origin
from pipelines.ingest.origins.origin import (
    FileUnreadable,
    Origin,
    OriginUnreadable,
    RemoteFile,
    find_name_problem,
    pattern_depth,
    printable_name,
)
from pipelines.storage.atomic_write import UNFINISHED, replacing
from pipelines.storage.lake import Lake

_MEGABYTE = 1_000_000
# The record of a fetch names this many refused files; all are counted.
_MAX_NAMED_REFUSALS = 50


@dataclass(frozen=True)
class FetchContext:
    """What a fetch needs to know of its run.

    Attributes:
        lake: Where the record of fetched files and the ledger of deliveries are.
        landing_folder: The landing folder.
        now: The time of the fetch (UTC).
        wait: Waits for a number of seconds.
        progress: Called with one line per file that is copied.
    """

    lake: Lake
    landing_folder: Path
    now: datetime
    wait: Callable[[float], None]
    progress: Callable[[str], None] = lambda _: None


@dataclass
class FetchOutcome:
    """What a fetch found and did. Each file that the section names is fetched, unchanged, waiting or refused.

    Attributes:
        target: The origin.
        fetched: Number of files that were copied.
        unchanged: Number of files that were copied before.
        waiting: Number of files that the next fetch looks at again: still being written, or not reached.
        refused: One sentence per file that must not or cannot be copied.
        problem: Why the origin could not be read to its end; None if it was.
    """

    target: FetchTarget
    fetched: int = 0
    unchanged: int = 0
    waiting: int = 0
    refused: list[str] = field(default_factory=list)
    problem: str | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Number of files by what became of them."""
        count_by_outcome = {"fetched": self.fetched, "unchanged": self.unchanged, "waiting": self.waiting}
        return {**count_by_outcome, "refused": len(self.refused)}

    @property
    def issues(self) -> list[str]:
        """What could not be read or was refused, in one sentence each."""
        return describe_fetch_issues(self.target.name, self.target.options.url, self.problem, self.refused)


@dataclass(frozen=True)
class _Listing:
    """The files that a target names, in the order of their names, and those among them that a marker calls complete."""

    files: tuple[RemoteFile, ...]
    done: frozenset[RemoteFile]


def fetch_files(target: FetchTarget, context: FetchContext) -> FetchOutcome:
    """Copy the new files of an origin into the landing folder, and record each.

    Args:
        target: The origin.
        context: Where files are copied to, and when.

    Returns:
        The outcome. A failure becomes its `problem`; what was copied before it stays.
    """
    fetch = _Fetch(target, context, read_known_versions(target, context.lake, context.landing_folder))
    try:
        _remove_unfinished(context.landing_folder / target.folder)
        fetch.run()
    except OriginUnreadable as failure:
        fetch.outcome.problem = str(failure)
    except OSError as error:  # of the landing folder: an origin raises `OriginUnreadable`
        fetch.outcome.problem = f"the landing folder cannot be written: {error.strerror}"
    fetch.record()
    return fetch.outcome


def list_new_files(target: FetchTarget, lake: Lake, landing_folder: Path) -> list[RemoteFile]:
    """The files of an origin that a fetch would copy, whether they are complete or not.

    Args:
        target: The origin.
        lake: Where the record of fetched files and the ledger of deliveries are.
        landing_folder: The landing folder.

    Raises:
        OriginUnreadable: The origin cannot be listed.
    """
    fetched_before = read_known_versions(target, lake, landing_folder)
    with open_origin(target.options) as origin:
        files = _list_wanted_files(origin, target).files
    return [file for file in files if file not in fetched_before and not _find_refusal(file, target, landing_folder)]


def read_known_versions(target: FetchTarget, lake: Lake, landing_folder: Path) -> set[RemoteFile]:
    """The versions of files that were fetched, and are in the landing folder or in the ledger of deliveries."""
    fetched_files = lake.scan(FETCH).filter(pl.col("origin_url") == target.options.url).collect()
    delivered_hashes = set(
        read_ledger(lake).filter(pl.col("source_name").is_in(list(target.source_paths)))["file_sha256"]
    )
    fetched_rows = fetched_files.select("remote_name", "remote_size", "remote_modified_at", "file_sha256").iter_rows()
    versions_with_hashes = [(RemoteFile(*fetched_row[:3]), fetched_row[3]) for fetched_row in fetched_rows]
    return {
        file
        for file, sha256 in versions_with_hashes
        if sha256 in delivered_hashes or (landing_folder / target.landing_name(file)).is_file()
    }


def describe_fetch_issues(source_name: str, url: str, problem: str | None, refusals: Iterable[str]) -> list[str]:
    """What is wrong at an origin, in one sentence each.

    Args:
        source_name: Name of the source.
        url: Address of the origin.
        problem: Why it could not be read to its end; None if it was.
        refusals: The refused files, and why.
    """
    reading_issues = [f"{source_name}: not fetched from {url}: {problem}."] if problem else []
    return reading_issues + [f"{source_name}: refused at {url}: {refusal}." for refusal in refusals]


def describe_outcomes(outcomes: Collection[FetchOutcome], fetched_at: datetime) -> pl.DataFrame:
    """The outcomes of a fetch as rows of `ORIGIN`."""
    rows = [
        {
            "source_name": outcome.target.name,
            "origin_url": outcome.target.options.url,
            "fetched_at": fetched_at,
            "file_counts": [{"why": outcome_name, "count": count} for outcome_name, count in outcome.counts.items()],
            "refusals": outcome.refused[:_MAX_NAMED_REFUSALS],
            "fetch_problem": outcome.problem,
        }
        for outcome in outcomes
    ]
    return pl.DataFrame(rows, schema=ORIGIN.schema)


@dataclass
class _Fetch:
    """One fetch of one origin."""

    target: FetchTarget
    context: FetchContext
    fetched_before: set[RemoteFile]
    outcome: FetchOutcome = field(init=False)
    fetched: list[tuple[RemoteFile, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.outcome = FetchOutcome(self.target)

    def run(self) -> None:
        """List the origin and copy its files; if a new file may still be written, wait once and list it again."""
        with open_origin(self.target.options) as origin:
            first_listing = _list_wanted_files(origin, self.target)
            if not self._has_recent_file(first_listing):
                self._take_files(origin, first_listing, frozenset(first_listing.files))
                return
        # the connection would be idle meanwhile
        self.context.wait(self.target.quiet_seconds)
        with open_origin(self.target.options) as origin:
            second_listing = _list_wanted_files(origin, self.target)
            self._take_files(origin, second_listing, frozenset(first_listing.files) | second_listing.done)

    def record(self) -> None:
        """Add the copied files to the record."""
        if not self.fetched:
            return
        fetch_rows = [
            (self.target.name, self.target.options.url, *_version_fields(file), sha256, self.context.now)
            for file, sha256 in self.fetched
        ]
        new_records = pl.DataFrame(fetch_rows, schema=FETCH.schema, orient="row")
        lake = self.context.lake
        lake.write(FETCH, pl.concat([lake.scan(FETCH).collect(), new_records]))

    def _has_recent_file(self, listing: _Listing) -> bool:
        """Whether a file changed within `quiet_seconds`, by our clock; also if its time lies in the future."""
        quiet_since = self.context.now - timedelta(seconds=self.target.quiet_seconds)
        new_files = set(listing.files) - self.fetched_before - listing.done
        return any(file.modified_at > quiet_since for file in new_files)

    def _take_files(self, origin: Origin, listing: _Listing, complete_files: Collection[RemoteFile]) -> None:
        outcome = self.outcome
        outcome.waiting = len(listing.files)
        for file in listing.files:
            if file in self.fetched_before:
                outcome.unchanged += 1
            elif refusal := _find_refusal(file, self.target, self.context.landing_folder):
                outcome.refused.append(f"{printable_name(file.name)}: {refusal}")
            elif file not in complete_files or not self._copy_file(origin, file):
                continue
            outcome.waiting -= 1

    def _copy_file(self, origin: Origin, file: RemoteFile) -> bool:
        """Copy a file; False if it must wait because it changed meanwhile."""
        path = self.context.landing_folder / self.target.landing_name(file)
        try:
            sha256 = _download(origin, file, path)
        except FileUnreadable as failure:
            if origin.describe(file.name) is None:  # it fails too if the whole origin does not answer
                return False
            self.outcome.refused.append(f"{printable_name(file.name)}: {failure}")
            return True
        if sha256 is None:
            return False
        self.context.progress(f"{self.target.name}: fetched {file.name}, {file.size:,} bytes")
        self.fetched.append((file, sha256))
        self.outcome.fetched += 1
        return True


def _list_wanted_files(origin: Origin, target: FetchTarget) -> _Listing:
    """The files of an origin that its target names, and which of them have a `.done` marker."""
    listed_files = sorted(origin.list_files(pattern_depth(target.pattern)), key=lambda file: file.name)
    files = tuple(file for file in listed_files if target.is_wanted(file.name))
    listed_names = {file.name for file in listed_files}
    return _Listing(files, frozenset(file for file in files if file.name + DONE_SUFFIX in listed_names))


def _find_refusal(file: RemoteFile, target: FetchTarget, landing_folder: Path) -> str | None:
    """Why a file must not be copied into the landing folder; None if it may."""
    if problem := find_name_problem(file.name):
        return problem
    if not target.is_read(file):
        return f"its name is not one that `path` of the source reads: {', '.join(target.source_paths.values())}"
    if file.size > target.options.max_megabytes * _MEGABYTE:
        limit = f"`max_megabytes` of `fetch` allows {target.options.max_megabytes:,g}"
        return f"it has {file.size / _MEGABYTE:,.5g} megabytes; {limit}"
    path = landing_folder / target.landing_name(file)
    if not path.resolve().is_relative_to(landing_folder.resolve()):
        return "a link in the landing folder leads out of it"
    return "the landing folder has a folder of this name" if path.is_dir() else None


def _download(origin: Origin, file: RemoteFile, path: Path) -> str | None:
    """Copy a file under a temporary name and rename it.

    Returns:
        The hash of the content; None, and nothing is left, if the file changed since it was listed.

    Raises:
        FileUnreadable: The origin does not serve the file.
        OSError: The landing folder cannot be written, or its disk has no room for the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(path.parent).free < file.size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    digest, copied_bytes = hashlib.sha256(), 0
    try:
        with replacing(path) as unfinished_path:
            with unfinished_path.open("wb") as target_file, closing(origin.read(file.name)) as chunks:
                for chunk in chunks:
                    copied_bytes += len(chunk)
                    if copied_bytes > file.size:
                        raise _Changed
                    digest.update(chunk)
                    target_file.write(chunk)
            if copied_bytes != file.size or not file.is_same_version(origin.describe(file.name)):
                raise _Changed
            modified_seconds = file.modified_at.timestamp()
            os.utime(unfinished_path, (modified_seconds, modified_seconds))
    except _Changed:
        return None
    return digest.hexdigest()


class _Changed(Exception):
    """The file is another one than was listed."""


def _remove_unfinished(folder: Path) -> None:
    """Remove what a killed fetch left."""
    for path in list(folder.rglob(f".*{UNFINISHED}")) if folder.is_dir() else ():
        path.unlink(missing_ok=True)


def _version_fields(file: RemoteFile) -> tuple[str, int, datetime]:
    return file.name, file.size, file.modified_at
