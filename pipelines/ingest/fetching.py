"""Fetching: exports are copied from their origins into the landing folder.

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
        fetched_count: Number of files that were copied.
        unchanged_count: Number of files that were copied before.
        waiting_count: Number of files that the next fetch looks at again: still being written, or not reached.
        refusals: One sentence per file that must not or cannot be copied.
        problem: Why the origin could not be read to its end; None if it was.
    """

    target: FetchTarget
    fetched_count: int = 0
    unchanged_count: int = 0
    waiting_count: int = 0
    refusals: list[str] = field(default_factory=list)
    problem: str | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Number of files by what became of them."""
        count_by_outcome = {
            "fetched": self.fetched_count,
            "unchanged": self.unchanged_count,
            "waiting": self.waiting_count,
        }
        return {**count_by_outcome, "refused": len(self.refusals)}

    @property
    def issues(self) -> list[str]:
        """What could not be read or was refused, in one sentence each."""
        return describe_fetch_issues(self.target.name, self.target.options.url, self.problem, self.refusals)


@dataclass(frozen=True)
class _Listing:
    """The files that a target names, in the order of their names, and those among them that a marker calls complete."""

    files: tuple[RemoteFile, ...]
    complete_files: frozenset[RemoteFile]


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
        _remove_unfinished_copies(context.landing_folder / target.folder)
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
    known_versions = read_known_versions(target, lake, landing_folder)
    with open_origin(target.options) as origin:
        wanted_files = _list_wanted_files(origin, target).files
    return [
        remote_file
        for remote_file in wanted_files
        if remote_file not in known_versions and not _find_refusal(remote_file, target, landing_folder)
    ]


def read_known_versions(target: FetchTarget, lake: Lake, landing_folder: Path) -> set[RemoteFile]:
    """The versions of files that were fetched, and are in the landing folder or in the ledger of deliveries."""
    fetch_records = lake.scan(FETCH).filter(pl.col("origin_url") == target.options.url).collect()
    delivered_hashes = set(
        read_ledger(lake).filter(pl.col("source_name").is_in(list(target.source_paths)))["file_sha256"]
    )
    version_rows = fetch_records.select("remote_name", "remote_size", "remote_modified_at", "file_sha256").iter_rows()
    versions_with_hashes = [(RemoteFile(*version_row[:3]), version_row[3]) for version_row in version_rows]
    return {
        remote_file
        for remote_file, sha256 in versions_with_hashes
        if sha256 in delivered_hashes or (landing_folder / target.landing_name(remote_file)).is_file()
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
    origin_rows = [
        {
            "source_name": outcome.target.name,
            "origin_url": outcome.target.options.url,
            "fetched_at": fetched_at,
            "file_counts": [
                {"why": outcome_name, "count": file_count} for outcome_name, file_count in outcome.counts.items()
            ],
            "refusals": outcome.refusals[:_MAX_NAMED_REFUSALS],
            "fetch_problem": outcome.problem,
        }
        for outcome in outcomes
    ]
    return pl.DataFrame(origin_rows, schema=ORIGIN.schema)


@dataclass
class _Fetch:
    """One fetch of one origin."""

    target: FetchTarget
    context: FetchContext
    known_versions: set[RemoteFile]
    outcome: FetchOutcome = field(init=False)
    fetched_files: list[tuple[RemoteFile, str]] = field(default_factory=list)

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
            self._take_files(origin, second_listing, frozenset(first_listing.files) | second_listing.complete_files)

    def record(self) -> None:
        """Add the copied files to the record."""
        if not self.fetched_files:
            return
        fetch_rows = [
            (self.target.name, self.target.options.url, *_version_fields(remote_file), sha256, self.context.now)
            for remote_file, sha256 in self.fetched_files
        ]
        new_records = pl.DataFrame(fetch_rows, schema=FETCH.schema, orient="row")
        lake = self.context.lake
        lake.write(FETCH, pl.concat([lake.scan(FETCH).collect(), new_records]))

    def _has_recent_file(self, listing: _Listing) -> bool:
        """Return whether a new file changed in the last `quiet_seconds`, or in the future, by our clock."""
        quiet_period_start = self.context.now - timedelta(seconds=self.target.quiet_seconds)
        new_files = set(listing.files) - self.known_versions - listing.complete_files
        return any(remote_file.modified_at > quiet_period_start for remote_file in new_files)

    def _take_files(self, origin: Origin, listing: _Listing, complete_files: Collection[RemoteFile]) -> None:
        """Copy the new files that are complete, and count every listed file by what became of it."""
        outcome = self.outcome
        outcome.waiting_count = len(listing.files)
        for remote_file in listing.files:
            if remote_file in self.known_versions:
                outcome.unchanged_count += 1
            elif refusal := _find_refusal(remote_file, self.target, self.context.landing_folder):
                outcome.refusals.append(f"{printable_name(remote_file.name)}: {refusal}")
            elif remote_file not in complete_files or not self._copy_file(origin, remote_file):
                continue
            outcome.waiting_count -= 1

    def _copy_file(self, origin: Origin, remote_file: RemoteFile) -> bool:
        """Copy a file; False if it must wait because it changed meanwhile."""
        landing_path = self.context.landing_folder / self.target.landing_name(remote_file)
        try:
            sha256 = _download(origin, remote_file, landing_path)
        except FileUnreadable as failure:
            if origin.describe(remote_file.name) is None:  # it fails too if the whole origin does not answer
                return False
            self.outcome.refusals.append(f"{printable_name(remote_file.name)}: {failure}")
            return True
        if sha256 is None:
            return False
        self.context.progress(f"{self.target.name}: fetched {remote_file.name}, {remote_file.size_bytes:,} bytes")
        self.fetched_files.append((remote_file, sha256))
        self.outcome.fetched_count += 1
        return True


def _list_wanted_files(origin: Origin, target: FetchTarget) -> _Listing:
    """The files of an origin that its target names, and which of them have a `.done` marker."""
    listed_files = sorted(origin.list_files(pattern_depth(target.pattern)), key=lambda remote_file: remote_file.name)
    wanted_files = tuple(remote_file for remote_file in listed_files if target.is_wanted(remote_file.name))
    listed_names = {remote_file.name for remote_file in listed_files}
    return _Listing(
        wanted_files,
        frozenset(remote_file for remote_file in wanted_files if remote_file.name + DONE_SUFFIX in listed_names),
    )


def _find_refusal(remote_file: RemoteFile, target: FetchTarget, landing_folder: Path) -> str | None:
    """Why a file must not be copied into the landing folder; None if it may."""
    if name_problem := find_name_problem(remote_file.name):
        return name_problem
    if not target.is_read(remote_file):
        return f"its name is not one that `path` of the source reads: {', '.join(target.source_paths.values())}"
    if remote_file.size_bytes > target.options.max_megabytes * _MEGABYTE:
        limit_phrase = f"`max_megabytes` of `fetch` allows {target.options.max_megabytes:,g}"
        return f"it has {remote_file.size_bytes / _MEGABYTE:,.5g} megabytes; {limit_phrase}"
    landing_path = landing_folder / target.landing_name(remote_file)
    if not landing_path.resolve().is_relative_to(landing_folder.resolve()):
        return "a link in the landing folder leads out of it"
    return "the landing folder has a folder of this name" if landing_path.is_dir() else None


def _download(origin: Origin, remote_file: RemoteFile, landing_path: Path) -> str | None:
    """Copy a file under a temporary name and rename it.

    Returns:
        The hash of the content; None, and nothing is left, if the file changed since it was listed.

    Raises:
        FileUnreadable: The origin does not serve the file.
        OSError: The landing folder cannot be written, or its disk has no room for the file.
    """
    landing_path.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(landing_path.parent).free < remote_file.size_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    content_hash, copied_byte_count = hashlib.sha256(), 0
    try:
        with replacing(landing_path) as unfinished_path:
            with unfinished_path.open("wb") as target_file, closing(origin.read(remote_file.name)) as chunks:
                for chunk in chunks:
                    copied_byte_count += len(chunk)
                    if copied_byte_count > remote_file.size_bytes:
                        raise _FileChanged
                    content_hash.update(chunk)
                    target_file.write(chunk)
            if copied_byte_count != remote_file.size_bytes or not remote_file.is_same_version(
                origin.describe(remote_file.name)
            ):
                raise _FileChanged
            modified_seconds = remote_file.modified_at.timestamp()
            os.utime(unfinished_path, (modified_seconds, modified_seconds))
    except _FileChanged:
        return None
    return content_hash.hexdigest()


class _FileChanged(Exception):
    """The file is another one than was listed."""


def _remove_unfinished_copies(folder: Path) -> None:
    """Remove what a killed fetch left."""
    for unfinished_path in list(folder.rglob(f".*{UNFINISHED}")) if folder.is_dir() else ():
        unfinished_path.unlink(missing_ok=True)


def _version_fields(remote_file: RemoteFile) -> tuple[str, int, datetime]:
    return remote_file.name, remote_file.size_bytes, remote_file.modified_at
