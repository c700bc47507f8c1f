"""What each file of a folder is: the export of a system, a table of the company's own, or nothing that can be read.

Belongs here: the choice between systems whose columns fit a file, by what each of them reads of it.
Does not belong here: the fit of columns (`pipelines.sources.detect`), the mapping of own tables (`own_tables`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.inspection.folder import ExportFile
from pipelines.inspection.forms import settle_forms
from pipelines.inspection.reading import FileReading
from pipelines.sources.adapter import all_adapters, open_table
from pipelines.sources.detect import MIN_MATCH_SCORE, SystemMatch, best_match, rank_systems
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.text_table import TextTable

# Systems whose fit is this near to the best one are tried as well.
TIE_MARGIN = 0.1


@dataclass(frozen=True, eq=False)
class RecognizedFile:
    """A file and what it is.

    Attributes:
        file: The file.
        matches: The systems whose columns fit well enough, the best first, one match per system.
        readings: What a run would read of it as each of these systems, the best first.
        table: The file as a table of text; None if it is none.
        refusal: Why nothing can be read of it; None if something can.
        notes: What decided, and what was near.
        unread_files: Files of the same series that are not read; they are taken for the same.
    """

    file: ExportFile
    matches: tuple[SystemMatch, ...] = ()
    readings: tuple[FileReading, ...] = ()
    table: TextTable | None = None
    refusal: str | None = None
    notes: tuple[str, ...] = ()
    unread_files: tuple[ExportFile, ...] = ()

    @property
    def reading(self) -> FileReading | None:
        """The reading as the best system; None if no system fits."""
        return self.readings[0] if self.readings else None

    @property
    def score(self) -> float:
        """How well the best system fits, 0 to 1."""
        return next((match.score for match in self.matches if match.system == self.readings[0].system), 0.0)


def recognize_file(
    folder: Path, file: ExportFile, delivery_day: date, earlier_file: RecognizedFile | None = None
) -> RecognizedFile:
    """Find out what a file is.

    Args:
        folder: The folder of the exports.
        file: The file.
        delivery_day: Day of the delivery.
        earlier_file: An earlier file of the same series; its systems are tried first.
    """
    file_path = folder / file.path
    try:
        earlier_systems = {match.system for match in earlier_file.matches} if earlier_file else set()
        ranked_matches = rank_systems(file_path, file.options, earlier_systems) if earlier_systems else []
        ranked_matches = ranked_matches if best_match(ranked_matches) else rank_systems(file_path, file.options)
    except ExportRefused as refusal:
        return RecognizedFile(file, refusal=re.sub(rf"^{re.escape(file_path.name)}:? ", "it ", str(refusal)))
    except OSError as error:
        return RecognizedFile(file, refusal=f"it cannot be opened ({type(error).__name__})")
    try:
        text_table = open_table(file_path, file.options)
    except ExportRefused:  # a format of one system alone
        text_table = None
    matches = _choose_best_per_system(ranked_matches)
    if not matches:
        return RecognizedFile(file, table=text_table, notes=_describe_near_miss(ranked_matches))
    near_matches = [match for match in matches if match.score >= matches[0].score - TIE_MARGIN]
    readings = [settle_forms(folder, file, match.system, delivery_day, file.options) for match in near_matches]
    # Of systems that fit alike, the one that reads more of the file; sorting keeps the order of equals.
    readings.sort(key=lambda reading: reading.volume, reverse=True)
    return RecognizedFile(file, matches, tuple(readings), text_table, notes=_describe_choice(near_matches, readings))


def _choose_best_per_system(ranked_matches: Sequence[SystemMatch]) -> tuple[SystemMatch, ...]:
    best_match_by_system: dict[str, SystemMatch] = {}
    for match in ranked_matches:
        if match.score >= MIN_MATCH_SCORE and not match.missing_headers:
            best_match_by_system.setdefault(match.system, match)
    return tuple(best_match_by_system.values())


def _describe_choice(near_matches: Sequence[SystemMatch], readings: Sequence[FileReading]) -> tuple[str, ...]:
    match_by_system = {match.system: match for match in near_matches}
    chosen_match = match_by_system[readings[0].system]
    notes = [chosen_match.explanation]
    for reading in readings[1:]:
        volume_clause = "reads as much" if reading.volume == readings[0].volume else "reads less of it"
        notes.append(
            f"tie: {all_adapters()[reading.system].title} fits nearly as well "
            f"({match_by_system[reading.system].score:.2f} against {chosen_match.score:.2f}) and {volume_clause}"
        )
    return tuple(notes)


def _describe_near_miss(ranked_matches: Sequence[SystemMatch]) -> tuple[str, ...]:
    nearest_matches = [match for match in ranked_matches if match.score >= MIN_MATCH_SCORE / 2]
    return tuple(f"nearest system: {match.explanation}" for match in nearest_matches[:1])
