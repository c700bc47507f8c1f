"""The entries of `sources`: files of one kind are one entry, with a pattern, the delivery and what their accounts are.

Belongs here: grouping, and the comments that say what was decided and from what.
Does not belong here: reading the files (`reading`), the text of footsteps.yaml (`draft_text`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.contracts.canonical_schemas import CanonicalSchemaName
from pipelines.inspection.accounts import MatchedRows, list_account_map, list_mentions, list_people, match_source
from pipelines.inspection.folder import ExportFile
from pipelines.inspection.own_sources import OwnTable
from pipelines.inspection.patterns import choose_patterns, source_name
from pipelines.inspection.proposal import TableProposal
from pipelines.inspection.reading import FileReading
from pipelines.inspection.recognition import RecognizedFile

# States of people and courses: a later export holds the earlier ones again.
_STATE_SHAPES: frozenset[CanonicalSchemaName] = frozenset({"person", "account", "course_catalogue"})
# Of the records of an export, the next full export holds at least this share.
MIN_REPEATED_SHARE = 0.8
MIN_KEPT_SHARE = 0.95
MIN_MATCHED_SHARE = 0.9


@dataclass(frozen=True)
class SystemReading:
    """An export of a system, as it is read."""

    recognized: RecognizedFile
    reading: FileReading


@dataclass(frozen=True)
class OwnReading:
    """Files of an own table, as they are read by a proposal."""

    table: OwnTable
    proposal: TableProposal
    readings: tuple[FileReading, ...]


@dataclass(frozen=True)
class DraftSource:
    """One entry of `sources`.

    Attributes:
        entry: The keys of the entry and their values, in order.
        notes_by_column: Why each entry of `mapping` was chosen, by column of the canonical schema.
        file_count: Number of its files.
        readings: What a run would read of its files, or of some of a long series.
        matched: How many rows find their person; None if HR lists nobody or no row names anybody.
        comments: What was decided and from what.
        questions: What an engineer has to check.
    """

    entry: Mapping[str, Any]
    notes_by_column: Mapping[str, str]
    file_count: int
    readings: tuple[FileReading, ...]
    matched: MatchedRows | None
    comments: tuple[str, ...]
    questions: tuple[str, ...]

    @property
    def kept_count(self) -> int:
        """Number of rows that a run would keep."""
        return sum(reading.kept_count for reading in self.readings)

    @property
    def set_aside_count(self) -> int:
        """Number of rows that a run would set aside."""
        return sum(reading.set_aside_count for reading in self.readings)


@dataclass(frozen=True)
class _Group:
    """Files that become one source, or several if no pattern selects them all.

    Attributes:
        system: Their system.
        label: What distinguishes them from other files of the system, for the name of the source.
        readings: What a run would read of them.
        comments: What decided.
        own: The own table; None for the export of a system.
        unread: Further files of the same series.
        questions: What an engineer has to check.
    """

    system: str
    label: str
    readings: tuple[FileReading, ...]
    comments: tuple[str, ...] = ()
    own: OwnReading | None = None
    unread: tuple[ExportFile, ...] = ()
    questions: tuple[str, ...] = ()

    @property
    def shapes(self) -> set[CanonicalSchemaName]:
        """The canonical schemas that the files fill."""
        return {shape for reading in self.readings for shape in reading.shapes}


def build_sources(
    folder: Path,
    systems: Sequence[SystemReading],
    own: Sequence[OwnReading],
    people: pl.DataFrame,
    files: Sequence[ExportFile],
) -> list[DraftSource]:
    """Build the entries, those that name people first.

    Args:
        folder: The folder of the exports.
        systems: The exports of systems.
        own: The own tables.
        people: The people of HR.
        files: All files of the folder; a pattern selects only those of its source.
    """
    groups = [*_group_systems(systems), *(_group_own(table) for table in own)]
    groups.sort(key=lambda group: _rank(group.shapes))
    groups = [_compare_people(group, groups) for group in groups]
    maps = _list_maps(groups)
    sources: list[DraftSource] = []
    all_paths = {file.path for file in files}
    for group in groups:
        by_path: dict[str, list[FileReading]] = {file.path: [] for file in group.unread}
        for reading in group.readings:
            by_path.setdefault(reading.file.path, []).append(reading)
        for pattern, paths in choose_patterns(folder, by_path, all_paths - by_path.keys()).items():
            readings = tuple(reading for path in paths for reading in by_path[path]) or group.readings
            names = {str(source.entry["name"]) for source in sources}
            sources.append(_build_source(group, (pattern, len(paths)), readings, names, people, maps))
    return sources


def _group_systems(systems: Sequence[SystemReading]) -> list[_Group]:
    by_kind: dict[tuple[str, tuple[str, ...], str | None], list[SystemReading]] = {}
    for export in systems:
        reading = export.reading
        kind = (reading.system, tuple(sorted(reading.shapes)), reading.file.member)
        by_kind.setdefault(kind, []).append(export)
    kinds = [system for system, _, _ in by_kind]
    return [
        _Group(
            system,
            "" if kinds.count(system) == 1 else exports[0].reading.file.stem,
            tuple(export.reading for export in exports),
            exports[0].recognized.notes,
            unread=tuple(file for export in exports for file in export.recognized.unread),
        )
        for (system, _, _), exports in by_kind.items()
    ]


def _group_own(own: OwnReading) -> _Group:
    return _Group("tabular", own.table.files[0].stem, own.readings, own=own, unread=own.table.unread)


def _compare_people(group: _Group, groups: Sequence[_Group]) -> _Group:
    """Say how many people of an HR export other HR exports list as well, and whether they are the same people."""
    others = [reading for other in groups if other is not group for reading in other.readings]
    people, listed = list_people(group.readings), list_people(others)
    if "person" not in group.shapes or listed.is_empty():
        return group
    both = people.join(listed, on="person_id", suffix="_other")
    comment = f"{both.height:,} of its {people.height:,} people are in another HR export too, by employee number"
    differing = both.filter(pl.col("work_email") != pl.col("work_email_other")).height
    question = (
        f"{differing:,} of these have another e-mail address there: if they are other people with the same number, two "
        "people become one"
    )
    return replace(group, comments=(*group.comments, comment), questions=(question,) if differing else ())


def _rank(shapes: set[CanonicalSchemaName]) -> int:
    return 0 if "person" in shapes else 1 if "account" in shapes else 2


def _list_maps(groups: Iterable[_Group]) -> pl.DataFrame:
    maps = (list_account_map(group.readings, _serves(group) or (None,)) for group in groups)
    return pl.concat([list_account_map((), ()), *maps])


def _serves(group: _Group) -> tuple[str, ...]:
    """Return the systems whose accounts a map lists: its own system, those of the proposal, none for any."""
    if "account" not in group.shapes:
        return ()
    return group.own.proposal.serves if group.own else (group.system,)


def _build_source(
    group: _Group,
    pattern: tuple[str, int],
    readings: tuple[FileReading, ...],
    taken_names: set[str],
    people: pl.DataFrame,
    account_maps: pl.DataFrame,
) -> DraftSource:
    proposal = group.own.proposal if group.own else None
    stem = group.label if proposal else f"{group.system} {group.label}"
    entry: dict[str, Any] = {"name": source_name(stem, taken_names), "system": group.system}
    if proposal is not None:
        entry["shape"] = proposal.shape
    entry["path"], file_count = pattern
    if readings[0].file.member is not None:
        entry["member"] = readings[0].file.member
    entry["delivery"], why_delivery = _choose_delivery(group.shapes, readings)
    if serves := _serves(group):
        entry["serves"] = list(serves)
    mentions = list_mentions(readings)
    mentions_other_people = "person" not in group.shapes and people.height and mentions.height
    matched = match_source(mentions, people, account_maps) if mentions_other_people else None
    if matched is not None and matched.kind != "own":
        entry["accounts"] = matched.kind
    entry |= _shared_options(readings)
    origin = (f"own table, read as {proposal.shape}",) if proposal else group.comments
    comments = (*origin, *_describe_rows(readings, file_count), *_describe_match(matched), *why_delivery)
    inspection_questions = (*group.questions, *(proposal.questions if proposal else ()))
    questions = (*_ask_about_rows(readings, matched), *inspection_questions)
    notes = {}
    if proposal is not None:
        entry["mapping"] = {**proposal.mapping, **entry.get("mapping", {})}
        notes = {
            proposed_field.destination: proposed_field.why if proposed_field.is_sure else f"CHECK {proposed_field.why}"
            for proposed_field in proposal.fields
        }
    return DraftSource(entry, notes, file_count, readings, matched, comments, questions)


def _choose_delivery(shapes: set[CanonicalSchemaName], readings: Sequence[FileReading]) -> tuple[str, tuple[str, ...]]:
    """Return how the files are delivered, and why."""
    if not shapes or not shapes & _STATE_SHAPES or shapes - _STATE_SHAPES - {"role_period"}:
        return "incremental", ()
    if len(readings) == 1:
        return "full", ("full: one file holds them all; incremental if several files add up to all",)
    records = [
        {record for rows in reading.shapes.values() for record in rows.records}
        for reading in sorted(readings, key=lambda reading: reading.file.path)
    ]
    if all(len(earlier & later) >= MIN_REPEATED_SHARE * len(earlier) for earlier, later in pairwise(records)):
        return "full", ("full: each file holds the records of the file before; the last one counts",)
    return "incremental", ("incremental: the files hold different records and add up",)


def _shared_options(readings: Sequence[FileReading]) -> dict[str, Any]:
    """Return the options that settle forms which a file leaves open."""
    entry: dict[str, Any] = {}
    for reading in readings:
        if reading.options.date_order is not None:
            entry["date_order"] = reading.options.date_order
        if reading.options.decimal_comma is not None:
            entry["decimal_comma"] = reading.options.decimal_comma
        if reading.options.mapping:
            entry["mapping"] = dict(reading.options.mapping)
    return entry


def _describe_rows(readings: Sequence[FileReading], file_count: int) -> list[str]:
    kept_count, set_aside_count = sum(r.kept_count for r in readings), sum(r.set_aside_count for r in readings)
    passed_over = sum(reading.passed_over for reading in readings)
    files = "1 file" if file_count == 1 else f"{file_count:,} files"
    if len({reading.file.path for reading in readings}) < file_count:
        files += f", {len(readings)} of them read"
    sentence = f"{files}: {kept_count:,} of {kept_count + set_aside_count:,} rows would be kept"
    if passed_over:
        sentence += f", {passed_over:,} are passed over"
    settled = dict.fromkeys(sentence for reading in readings for sentence in reading.settled)
    return [sentence, *settled]


def _describe_match(matched: MatchedRows | None) -> list[str]:
    if matched is None:
        return []
    what = {"own": "", "employee_number": ", as its accounts are employee numbers"}.get(
        matched.kind, ", as its accounts are e-mail addresses"
    )
    return [f"{matched.share:.0%} of its rows find their person in HR{what}"]


def _ask_about_rows(readings: Sequence[FileReading], matched: MatchedRows | None) -> list[str]:
    questions = list(dict.fromkeys(reading.refusal for reading in readings if reading.refusal))
    for note in dict.fromkeys(note for reading in readings for note in reading.notes):
        noted = [reading for reading in readings if note in reading.notes]
        questions.append(f"{len(noted)} of {len(readings)} files: {note}")
    rules: dict[str, int] = {}
    for reading in readings:
        for rows in reading.shapes.values():
            for rule, count in rows.broken_rules.items():
                rules[rule] = rules.get(rule, 0) + count
    kept_count, set_aside_count = sum(r.kept_count for r in readings), sum(r.set_aside_count for r in readings)
    if rules and kept_count < MIN_KEPT_SHARE * (kept_count + set_aside_count):
        listed = ", ".join(f"{rule} ({count:,})" for rule, count in sorted(rules.items(), key=lambda p: -p[1])[:3])
        questions.append(f"many rows would be set aside, by the rules {listed}: footsteps sources preview shows them")
    if matched is not None and matched.share < MIN_MATCHED_SHARE:
        questions.append(
            f"{matched.row_count - matched.matched_count:,} of {matched.row_count:,} rows find no person in HR: add a "
            "table of its accounts with employee numbers or e-mail addresses (shape: account)"
        )
    return questions
