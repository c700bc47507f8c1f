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
from pipelines.inspection.patterns import choose_patterns, make_source_name
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

    recognized_file: RecognizedFile
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
class _FileGroup:
    """Files that become one source, or several if no pattern selects them all.

    Attributes:
        system: Their system.
        label: What distinguishes them from other files of the system, for the name of the source.
        readings: What a run would read of them.
        comments: What decided.
        own_reading: The reading of an own table; None for the export of a system.
        unread_files: Further files of the same series.
        questions: What an engineer has to check.
    """

    system: str
    label: str
    readings: tuple[FileReading, ...]
    comments: tuple[str, ...] = ()
    own_reading: OwnReading | None = None
    unread_files: tuple[ExportFile, ...] = ()
    questions: tuple[str, ...] = ()

    @property
    def shapes(self) -> set[CanonicalSchemaName]:
        """The canonical schemas that the files fill."""
        return {shape for reading in self.readings for shape in reading.rows_by_shape}


def build_sources(
    folder: Path,
    system_readings: Sequence[SystemReading],
    own_readings: Sequence[OwnReading],
    people: pl.DataFrame,
    export_files: Sequence[ExportFile],
) -> list[DraftSource]:
    """Build the entries, those that name people first.

    Args:
        folder: The folder of the exports.
        system_readings: The exports of systems.
        own_readings: The own tables.
        people: The people of HR.
        export_files: All files of the folder; a pattern selects only those of its source.
    """
    file_groups = [*_group_systems(system_readings), *(_group_own(own_reading) for own_reading in own_readings)]
    file_groups.sort(key=lambda file_group: _rank_shapes(file_group.shapes))
    file_groups = [_compare_people(file_group, file_groups) for file_group in file_groups]
    account_maps = _list_account_maps(file_groups)
    sources: list[DraftSource] = []
    all_paths = {export_file.path for export_file in export_files}
    for file_group in file_groups:
        readings_by_path: dict[str, list[FileReading]] = {
            export_file.path: [] for export_file in file_group.unread_files
        }
        for reading in file_group.readings:
            readings_by_path.setdefault(reading.file.path, []).append(reading)
        paths_by_pattern = choose_patterns(folder, readings_by_path, all_paths - readings_by_path.keys())
        for pattern, selected_paths in paths_by_pattern.items():
            readings = tuple(reading for path in selected_paths for reading in readings_by_path[path])
            readings = readings or file_group.readings
            taken_names = {str(source.entry["name"]) for source in sources}
            sources.append(
                _build_source(file_group, (pattern, len(selected_paths)), readings, taken_names, people, account_maps)
            )
    return sources


def _group_systems(system_readings: Sequence[SystemReading]) -> list[_FileGroup]:
    readings_by_kind: dict[tuple[str, tuple[str, ...], str | None], list[SystemReading]] = {}
    for system_reading in system_readings:
        reading = system_reading.reading
        export_kind = (reading.system, tuple(sorted(reading.rows_by_shape)), reading.file.member)
        readings_by_kind.setdefault(export_kind, []).append(system_reading)
    system_names = [system for system, _, _ in readings_by_kind]
    return [
        _FileGroup(
            system,
            "" if system_names.count(system) == 1 else readings_of_kind[0].reading.file.stem,
            tuple(system_reading.reading for system_reading in readings_of_kind),
            readings_of_kind[0].recognized_file.notes,
            unread_files=tuple(
                file for system_reading in readings_of_kind for file in system_reading.recognized_file.unread_files
            ),
        )
        for (system, _, _), readings_of_kind in readings_by_kind.items()
    ]


def _group_own(own_reading: OwnReading) -> _FileGroup:
    return _FileGroup(
        "tabular",
        own_reading.table.files[0].stem,
        own_reading.readings,
        own_reading=own_reading,
        unread_files=own_reading.table.unread_files,
    )


def _compare_people(group: _FileGroup, groups: Sequence[_FileGroup]) -> _FileGroup:
    """Say how many people of an HR export other HR exports list as well, and whether they are the same people."""
    readings_elsewhere = [
        reading for other_group in groups if other_group is not group for reading in other_group.readings
    ]
    people, people_elsewhere = list_people(group.readings), list_people(readings_elsewhere)
    if "person" not in group.shapes or people_elsewhere.is_empty():
        return group
    shared_people = people.join(people_elsewhere, on="person_id", suffix="_other")
    comment = (
        f"{shared_people.height:,} of its {people.height:,} people are in another HR export too, by employee number"
    )
    differing_email_count = shared_people.filter(pl.col("work_email") != pl.col("work_email_other")).height
    question = (
        f"{differing_email_count:,} of these have another e-mail address there: if they are other people with the same "
        "number, two people become one"
    )
    return replace(group, comments=(*group.comments, comment), questions=(question,) if differing_email_count else ())


def _rank_shapes(shapes: set[CanonicalSchemaName]) -> int:
    return 0 if "person" in shapes else 1 if "account" in shapes else 2


def _list_account_maps(groups: Iterable[_FileGroup]) -> pl.DataFrame:
    account_maps = (list_account_map(group.readings, _list_served_systems(group) or (None,)) for group in groups)
    return pl.concat([list_account_map((), ()), *account_maps])


def _list_served_systems(group: _FileGroup) -> tuple[str, ...]:
    """Return the systems whose accounts a map lists: its own system, those of the proposal, none for any."""
    if "account" not in group.shapes:
        return ()
    return group.own_reading.proposal.served_systems if group.own_reading else (group.system,)


def _build_source(
    group: _FileGroup,
    pattern_and_file_count: tuple[str, int],
    readings: tuple[FileReading, ...],
    taken_names: set[str],
    people: pl.DataFrame,
    account_maps: pl.DataFrame,
) -> DraftSource:
    proposal = group.own_reading.proposal if group.own_reading else None
    source_label = group.label if proposal else f"{group.system} {group.label}"
    source_entry: dict[str, Any] = {"name": make_source_name(source_label, taken_names), "system": group.system}
    if proposal is not None:
        source_entry["shape"] = proposal.shape
    source_entry["path"], file_count = pattern_and_file_count
    if readings[0].file.member is not None:
        source_entry["member"] = readings[0].file.member
    source_entry["delivery"], delivery_reasons = _choose_delivery(group.shapes, readings)
    if served_systems := _list_served_systems(group):
        source_entry["serves"] = list(served_systems)
    mentions = list_mentions(readings)
    is_compared_with_hr = "person" not in group.shapes and people.height and mentions.height
    matched_rows = match_source(mentions, people, account_maps) if is_compared_with_hr else None
    if matched_rows is not None and matched_rows.account_kind != "own":
        source_entry["accounts"] = matched_rows.account_kind
    source_entry |= _collect_shared_options(readings)
    origin_comments = (f"own table, read as {proposal.shape}",) if proposal else group.comments
    comments = (
        *origin_comments,
        *_describe_rows(readings, file_count),
        *_describe_matched_rows(matched_rows),
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
    record_hashes_per_file = [
        {record_hash for shape_rows in reading.rows_by_shape.values() for record_hash in shape_rows.record_hashes}
        for reading in sorted(readings, key=lambda reading: reading.file.path)
    ]
    if all(
        len(earlier_hashes & later_hashes) >= MIN_REPEATED_SHARE * len(earlier_hashes)
        for earlier_hashes, later_hashes in pairwise(record_hashes_per_file)
    ):
        return "full", ("full: each file holds the records of the file before; the last one counts",)
    return "incremental", ("incremental: the files hold different records and add up",)


def _collect_shared_options(readings: Sequence[FileReading]) -> dict[str, Any]:
    """Return the options that settle forms which a file leaves open."""
    shared_options: dict[str, Any] = {}
    for reading in readings:
        if reading.options.date_order is not None:
            shared_options["date_order"] = reading.options.date_order
        if reading.options.decimal_comma is not None:
            shared_options["decimal_comma"] = reading.options.decimal_comma
        if reading.options.mapping:
            shared_options["mapping"] = dict(reading.options.mapping)
    return shared_options


def _describe_rows(readings: Sequence[FileReading], file_count: int) -> list[str]:
    """Return a sentence that counts the rows, and the sentences that tell how unproven forms were settled."""
    kept_count, set_aside_count = (
        sum(reading.kept_count for reading in readings),
        sum(reading.set_aside_count for reading in readings),
    )
    passed_over_count = sum(reading.passed_over_count for reading in readings)
    file_phrase = "1 file" if file_count == 1 else f"{file_count:,} files"
    if len({reading.file.path for reading in readings}) < file_count:
        file_phrase += f", {len(readings)} of them read"
    rows_sentence = f"{file_phrase}: {kept_count:,} of {kept_count + set_aside_count:,} rows would be kept"
    if passed_over_count:
        rows_sentence += f", {passed_over_count:,} are passed over"
    settlement_sentences = dict.fromkeys(
        settlement_sentence for reading in readings for settlement_sentence in reading.settlements
    )
    return [rows_sentence, *settlement_sentences]


def _describe_matched_rows(matched_rows: MatchedRows | None) -> list[str]:
    if matched_rows is None:
        return []
    account_clause = {"own": "", "employee_number": ", as its accounts are employee numbers"}.get(
        matched_rows.account_kind, ", as its accounts are e-mail addresses"
    )
    return [f"{matched_rows.matched_share:.0%} of its rows find their person in HR{account_clause}"]


def _ask_about_rows(readings: Sequence[FileReading], matched_rows: MatchedRows | None) -> list[str]:
    questions = list(dict.fromkeys(reading.refusal for reading in readings if reading.refusal))
    for note in dict.fromkeys(note for reading in readings for note in reading.notes):
        noted_readings = [reading for reading in readings if note in reading.notes]
        questions.append(f"{len(noted_readings)} of {len(readings)} files: {note}")
    count_by_rule: dict[str, int] = {}
    for reading in readings:
        for shape_rows in reading.rows_by_shape.values():
            for rule_name, broken_count in shape_rows.set_aside_count_by_rule.items():
                count_by_rule[rule_name] = count_by_rule.get(rule_name, 0) + broken_count
    kept_count, set_aside_count = (
        sum(reading.kept_count for reading in readings),
        sum(reading.set_aside_count for reading in readings),
    )
    if count_by_rule and kept_count < MIN_KEPT_SHARE * (kept_count + set_aside_count):
        counts_in_order = sorted(count_by_rule.items(), key=lambda rule_and_count: -rule_and_count[1])
        most_broken_rules = ", ".join(
            f"{rule_name} ({broken_count:,})" for rule_name, broken_count in counts_in_order[:3]
        )
        questions.append(
            f"many rows would be set aside, by the rules {most_broken_rules}: footsteps sources preview shows them"
        )
    if matched_rows is not None and matched_rows.matched_share < MIN_MATCHED_SHARE:
        questions.append(
            f"{matched_rows.row_count - matched_rows.matched_count:,} of {matched_rows.row_count:,} rows find no "
            "person in HR: add a table of its accounts with employee numbers or e-mail addresses (shape: account)"
        )
    return questions
