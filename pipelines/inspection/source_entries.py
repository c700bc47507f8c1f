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
        matched_rows: How many rows find their person; None if HR lists nobody or no row names anybody.
        comments: What was decided and from what.
        questions: What an engineer has to check.
    """

    entry: Mapping[str, Any]
    notes_by_column: Mapping[str, str]
    file_count: int
    readings: tuple[FileReading, ...]
    matched_rows: MatchedRows | None
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
        own_reading: The reading of an own table; None for the export of a system.
        unread: Further files of the same series.
        questions: What an engineer has to check.
    """

    system: str
    label: str
    readings: tuple[FileReading, ...]
    comments: tuple[str, ...] = ()
    own_reading: OwnReading | None = None
    unread: tuple[ExportFile, ...] = ()
    questions: tuple[str, ...] = ()

    @property
    def shapes(self) -> set[CanonicalSchemaName]:
        """The canonical schemas that the files fill."""
        return {shape for reading in self.readings for shape in reading.shapes}


def build_sources(
    folder: Path,
    system_readings: Sequence[SystemReading],
    own_readings: Sequence[OwnReading],
    people: pl.DataFrame,
    files: Sequence[ExportFile],
) -> list[DraftSource]:
    """Build the entries, those that name people first.

    Args:
        folder: The folder of the exports.
        system_readings: The exports of systems.
        own_readings: The own tables.
        people: The people of HR.
        files: All files of the folder; a pattern selects only those of its source.
    """
    groups = [*_group_systems(system_readings), *(_group_own(own_reading) for own_reading in own_readings)]
    groups.sort(key=lambda group: _rank(group.shapes))
    groups = [_compare_people(group, groups) for group in groups]
    account_maps = _list_maps(groups)
    sources: list[DraftSource] = []
    all_paths = {file.path for file in files}
    for group in groups:
        readings_by_path: dict[str, list[FileReading]] = {file.path: [] for file in group.unread}
        for reading in group.readings:
            readings_by_path.setdefault(reading.file.path, []).append(reading)
        for pattern, paths in choose_patterns(folder, readings_by_path, all_paths - readings_by_path.keys()).items():
            readings = tuple(reading for path in paths for reading in readings_by_path[path]) or group.readings
            taken_names = {str(source.entry["name"]) for source in sources}
            sources.append(_build_source(group, (pattern, len(paths)), readings, taken_names, people, account_maps))
    return sources


def _group_systems(system_readings: Sequence[SystemReading]) -> list[_Group]:
    readings_by_kind: dict[tuple[str, tuple[str, ...], str | None], list[SystemReading]] = {}
    for system_reading in system_readings:
        reading = system_reading.reading
        export_kind = (reading.system, tuple(sorted(reading.shapes)), reading.file.member)
        readings_by_kind.setdefault(export_kind, []).append(system_reading)
    system_names = [system for system, _, _ in readings_by_kind]
    return [
        _Group(
            system,
            "" if system_names.count(system) == 1 else kind_readings[0].reading.file.stem,
            tuple(system_reading.reading for system_reading in kind_readings),
            kind_readings[0].recognized.notes,
            unread=tuple(file for system_reading in kind_readings for file in system_reading.recognized.unread),
        )
        for (system, _, _), kind_readings in readings_by_kind.items()
    ]


def _group_own(own_reading: OwnReading) -> _Group:
    return _Group(
        "tabular",
        own_reading.table.files[0].stem,
        own_reading.readings,
        own_reading=own_reading,
        unread=own_reading.table.unread,
    )


def _compare_people(group: _Group, groups: Sequence[_Group]) -> _Group:
    """Say how many people of an HR export other HR exports list as well, and whether they are the same people."""
    other_readings = [reading for other_group in groups if other_group is not group for reading in other_group.readings]
    people, people_elsewhere = list_people(group.readings), list_people(other_readings)
    if "person" not in group.shapes or people_elsewhere.is_empty():
        return group
    shared_people = people.join(people_elsewhere, on="person_id", suffix="_other")
    comment = (
        f"{shared_people.height:,} of its {people.height:,} people are in another HR export too, by employee number"
    )
    differing_count = shared_people.filter(pl.col("work_email") != pl.col("work_email_other")).height
    question = (
        f"{differing_count:,} of these have another e-mail address there: if they are other people with the same "
        "number, two people become one"
    )
    return replace(group, comments=(*group.comments, comment), questions=(question,) if differing_count else ())


def _rank(shapes: set[CanonicalSchemaName]) -> int:
    return 0 if "person" in shapes else 1 if "account" in shapes else 2


def _list_maps(groups: Iterable[_Group]) -> pl.DataFrame:
    account_maps = (list_account_map(group.readings, _serves(group) or (None,)) for group in groups)
    return pl.concat([list_account_map((), ()), *account_maps])


def _serves(group: _Group) -> tuple[str, ...]:
    """Return the systems whose accounts a map lists: its own system, those of the proposal, none for any."""
    if "account" not in group.shapes:
        return ()
    return group.own_reading.proposal.serves if group.own_reading else (group.system,)


def _build_source(
    group: _Group,
    pattern_and_count: tuple[str, int],
    readings: tuple[FileReading, ...],
    taken_names: set[str],
    people: pl.DataFrame,
    account_maps: pl.DataFrame,
) -> DraftSource:
    proposal = group.own_reading.proposal if group.own_reading else None
    name_label = group.label if proposal else f"{group.system} {group.label}"
    source_entry: dict[str, Any] = {"name": source_name(name_label, taken_names), "system": group.system}
    if proposal is not None:
        source_entry["shape"] = proposal.shape
    source_entry["path"], file_count = pattern_and_count
    if readings[0].file.member is not None:
        source_entry["member"] = readings[0].file.member
    source_entry["delivery"], delivery_reasons = _choose_delivery(group.shapes, readings)
    if served_systems := _serves(group):
        source_entry["serves"] = list(served_systems)
    mentions = list_mentions(readings)
    mentions_other_people = "person" not in group.shapes and people.height and mentions.height
    matched_rows = match_source(mentions, people, account_maps) if mentions_other_people else None
    if matched_rows is not None and matched_rows.kind != "own":
        source_entry["accounts"] = matched_rows.kind
    source_entry |= _shared_options(readings)
    origin_comments = (f"own table, read as {proposal.shape}",) if proposal else group.comments
    comments = (
        *origin_comments,
        *_describe_rows(readings, file_count),
        *_describe_match(matched_rows),
        *delivery_reasons,
    )
    inspection_questions = (*group.questions, *(proposal.questions if proposal else ()))
    questions = (*_ask_about_rows(readings, matched_rows), *inspection_questions)
    notes_by_column = {}
    if proposal is not None:
        source_entry["mapping"] = {**proposal.mapping, **source_entry.get("mapping", {})}
        notes_by_column = {
            proposed_field.destination: proposed_field.reason
            if proposed_field.is_sure
            else f"CHECK {proposed_field.reason}"
            for proposed_field in proposal.fields
        }
    return DraftSource(source_entry, notes_by_column, file_count, readings, matched_rows, comments, questions)


def _choose_delivery(shapes: set[CanonicalSchemaName], readings: Sequence[FileReading]) -> tuple[str, tuple[str, ...]]:
    """Return how the files are delivered, and why."""
    if not shapes or not shapes & _STATE_SHAPES or shapes - _STATE_SHAPES - {"role_period"}:
        return "incremental", ()
    if len(readings) == 1:
        return "full", ("full: one file holds them all; incremental if several files add up to all",)
    records_by_file = [
        {record_hash for shape_rows in reading.shapes.values() for record_hash in shape_rows.records}
        for reading in sorted(readings, key=lambda reading: reading.file.path)
    ]
    if all(
        len(earlier_records & later_records) >= MIN_REPEATED_SHARE * len(earlier_records)
        for earlier_records, later_records in pairwise(records_by_file)
    ):
        return "full", ("full: each file holds the records of the file before; the last one counts",)
    return "incremental", ("incremental: the files hold different records and add up",)


def _shared_options(readings: Sequence[FileReading]) -> dict[str, Any]:
    """Return the options that settle forms which a file leaves open."""
    shared_entry: dict[str, Any] = {}
    for reading in readings:
        if reading.options.date_order is not None:
            shared_entry["date_order"] = reading.options.date_order
        if reading.options.decimal_comma is not None:
            shared_entry["decimal_comma"] = reading.options.decimal_comma
        if reading.options.mapping:
            shared_entry["mapping"] = dict(reading.options.mapping)
    return shared_entry


def _describe_rows(readings: Sequence[FileReading], file_count: int) -> list[str]:
    kept_count, set_aside_count = (
        sum(reading.kept_count for reading in readings),
        sum(reading.set_aside_count for reading in readings),
    )
    passed_over = sum(reading.passed_over for reading in readings)
    file_phrase = "1 file" if file_count == 1 else f"{file_count:,} files"
    if len({reading.file.path for reading in readings}) < file_count:
        file_phrase += f", {len(readings)} of them read"
    sentence = f"{file_phrase}: {kept_count:,} of {kept_count + set_aside_count:,} rows would be kept"
    if passed_over:
        sentence += f", {passed_over:,} are passed over"
    settlements = dict.fromkeys(settlement for reading in readings for settlement in reading.settled)
    return [sentence, *settlements]


def _describe_match(matched_rows: MatchedRows | None) -> list[str]:
    if matched_rows is None:
        return []
    reason = {"own": "", "employee_number": ", as its accounts are employee numbers"}.get(
        matched_rows.kind, ", as its accounts are e-mail addresses"
    )
    return [f"{matched_rows.share:.0%} of its rows find their person in HR{reason}"]


def _ask_about_rows(readings: Sequence[FileReading], matched_rows: MatchedRows | None) -> list[str]:
    questions = list(dict.fromkeys(reading.refusal for reading in readings if reading.refusal))
    for note in dict.fromkeys(note for reading in readings for note in reading.notes):
        noted_readings = [reading for reading in readings if note in reading.notes]
        questions.append(f"{len(noted_readings)} of {len(readings)} files: {note}")
    count_by_rule: dict[str, int] = {}
    for reading in readings:
        for shape_rows in reading.shapes.values():
            for rule_name, count in shape_rows.broken_rules.items():
                count_by_rule[rule_name] = count_by_rule.get(rule_name, 0) + count
    kept_count, set_aside_count = (
        sum(reading.kept_count for reading in readings),
        sum(reading.set_aside_count for reading in readings),
    )
    if count_by_rule and kept_count < MIN_KEPT_SHARE * (kept_count + set_aside_count):
        listed_rules = ", ".join(
            f"{rule_name} ({count:,})"
            for rule_name, count in sorted(count_by_rule.items(), key=lambda rule_and_count: -rule_and_count[1])[:3]
        )
        questions.append(
            f"many rows would be set aside, by the rules {listed_rules}: footsteps sources preview shows them"
        )
    if matched_rows is not None and matched_rows.share < MIN_MATCHED_SHARE:
        questions.append(
            f"{matched_rows.row_count - matched_rows.matched_count:,} of {matched_rows.row_count:,} rows find no "
            "person in HR: add a table of its accounts with employee numbers or e-mail addresses (shape: account)"
        )
    return questions
