"""The answers that were given on pages, read back from the landing files before a run reads them.

Belongs here: the rows of answers, which are pending, and what of them holds at once: opt-outs, withdrawals, hidden
micro-skills.
Does not belong here: writing answers (`answers`), the effect on recommendations (the next run).
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from assets.answers.landing_rows import PERSON_KEYS, read_csv_rows
from assets.web.answers import AnswerWriter
from assets.web.directory import Directory, FileStamp, normalize_key, read_during_runs, stamp_files
from pipelines.config.serve import ANSWER_SOURCES
from pipelines.contracts.catalog import ASPIRATION, CONSENT, PREFERENCE, REPLY, SKILL_TEXT, SQUAD_REPLY
from pipelines.contracts.columns import RELATIONS
from pipelines.contracts.table import Table
from pipelines.core.consents import find_active_consents, find_opted_out_people, resolve_consent_skills
from pipelines.core.objections import Objections
from pipelines.storage.lake import Lake

_TABLE_BY_SOURCE: dict[str, Table] = {
    "served_replies": REPLY,
    "served_wishes": ASPIRATION,
    "served_consents": CONSENT,
    "served_preferences": PREFERENCE,
    "served_squad_replies": SQUAD_REPLY,
}
_REQUEST_KINDS = ("copy", "erasure")


@dataclass(frozen=True)
class GivenAnswer:
    """One answer of a person.

    Attributes:
        person_id: The person.
        source_name: The source that reads it; empty for a request.
        record_code: The code of its row; empty for a request.
        stated_at: When it was given, in UTC.
        cells: Its values by canonical column, empty ones left out; `reply_kind`, `wish_weight` and so on.
    """

    person_id: str
    source_name: str
    record_code: str
    stated_at: datetime
    cells: dict[str, str]


@dataclass(frozen=True)
class GivenAnswers:
    """All answers that were given on pages, oldest first, and what of them holds at once.

    Attributes:
        by_person: The answers of each person.
        objections: Hidden micro-skills, and people who opted out or asked to be erased.
        consents: The decisions in force of people who withdrew a consent here: person_id, relation, skill_id, is_given.
        withdrawing_people: Those people; without a decision in force they are shown to nobody.
        affected_people: Everybody whose rows `objections` or `consents` may change.
    """

    by_person: dict[str, list[GivenAnswer]] = field(repr=False)
    objections: Objections = field(repr=False)
    consents: pl.DataFrame = field(repr=False)
    withdrawing_people: frozenset[str] = field(repr=False)
    affected_people: frozenset[str] = field(repr=False)


def stamp_answers(answer_writer: AnswerWriter) -> FileStamp:
    """The state of the files of answers; it changes with every answer."""
    return stamp_files(_list_answer_files(answer_writer))


def read_given_answers(
    answer_writer: AnswerWriter, directory: Directory, lake: Lake, today: date, last_valid_day: date
) -> GivenAnswers:
    """Read all answers, and find what of them holds at once.

    Args:
        answer_writer: Knows the files of answers.
        directory: The people of the company.
        lake: The lake, for what the same people stated elsewhere.
        today: The day on which the rows are shown.
        last_valid_day: The last valid day of the published rows.
    """
    answers = sorted(_read_answers(answer_writer, directory), key=lambda answer: answer.stated_at)
    by_person: dict[str, list[GivenAnswer]] = {}
    for answer in answers:
        by_person.setdefault(answer.person_id, []).append(answer)
    opted_out_people = _find_opted_out(answers, lake, today)
    hidden_pairs = _find_hidden_pairs(answers)
    withdrawing_people = _list_withdrawing_people(answers)
    consents = _find_decisions(answers, withdrawing_people, lake, today, last_valid_day)
    return GivenAnswers(
        by_person,
        Objections(hidden_pairs, opted_out_people),
        consents,
        withdrawing_people,
        frozenset([*opted_out_people["person_id"], *hidden_pairs["person_id"]]) | withdrawing_people,
    )


def find_pending(
    given_answers: GivenAnswers, person_id: str, lake: Lake, published_at: datetime | None
) -> list[GivenAnswer]:
    """The answers of a person that the current snapshot does not contain, newest first.

    Args:
        given_answers: All answers.
        person_id: The person.
        lake: The lake, for the answers that a run has read.
        published_at: When the snapshot was published.
    """
    own_answers = given_answers.by_person.get(person_id, [])
    read_codes = {
        (source_name, record_code)
        for source_name in {answer.source_name for answer in own_answers if answer.source_name}
        for record_code in _list_read_codes(lake, source_name, person_id)
    }
    return [
        answer
        for answer in reversed(own_answers)
        if (answer.source_name, answer.record_code) not in read_codes
        or (published_at is not None and answer.stated_at > published_at)
    ]


def _list_read_codes(lake: Lake, source_name: str, person_id: str) -> list[str]:
    def read_codes() -> list[str]:
        person_rows = lake.scan(_TABLE_BY_SOURCE[source_name]).filter(person_id=person_id, source_name=source_name)
        return person_rows.select("record_code").collect().to_series().to_list()

    return read_during_runs(read_codes)


def _list_answer_files(answer_writer: AnswerWriter) -> list[Path]:
    patterns = [answer_writer.config.source(source_name).path for source_name in ANSWER_SOURCES]
    request_patterns = [answer_writer.find_request_pattern(request_kind) for request_kind in _REQUEST_KINDS]
    return [
        answer_path
        for pattern in (*patterns, *filter(None, request_patterns))
        for answer_path in sorted(answer_writer.landing_folder.glob(pattern))
    ]


def _read_answers(answer_writer: AnswerWriter, directory: Directory) -> Iterator[GivenAnswer]:
    for source_name in ANSWER_SOURCES:
        pattern = answer_writer.config.source(source_name).path
        for answer_path in sorted(answer_writer.landing_folder.glob(pattern)):
            for answer_row in read_csv_rows(answer_path):
                yield from _parse_answer(answer_row, source_name, directory)
    for request_kind in _REQUEST_KINDS:
        request_pattern = answer_writer.find_request_pattern(request_kind)
        for request_path in sorted(answer_writer.landing_folder.glob(request_pattern)) if request_pattern else []:
            for request_row in _read_request_rows(request_path):
                yield from _parse_answer({**request_row, "request_kind": request_kind}, "", directory)


def _read_request_rows(request_path: Path) -> list[dict[str, str]]:
    """The rows of a request; other systems may write such files, and a run may delete one at any moment."""
    try:
        return read_csv_rows(request_path)
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _parse_answer(answer_row: dict[str, str], source_name: str, directory: Directory) -> Iterator[GivenAnswer]:
    """The answer of a row; none if it names nobody or has no time, as the next run finds too."""
    # cells beyond the header are a list
    cells = {column: cell.strip() for column, cell in answer_row.items() if isinstance(cell, str) and cell.strip()}
    stated_text = cells.pop("replied_at", None) or cells.pop("stated_at", None) or cells.pop("asked_at", None)
    person_id = _find_person(cells, directory)
    if stated_text is None or person_id is None:
        return
    try:
        stated_at = datetime.fromisoformat(stated_text)
    except ValueError:
        return
    if stated_at.tzinfo is None:
        stated_at = stated_at.replace(tzinfo=UTC)
    for person_column in (*PERSON_KEYS, "person_id"):
        cells.pop(person_column, None)
    record_code = cells.pop("record_code", "")
    yield GivenAnswer(person_id, source_name, record_code, stated_at, cells)


def _find_person(cells: dict[str, str], directory: Directory) -> str | None:
    given_id = cells.get("person_id") or cells.get("account_code")
    if given_id in directory.unit_by_person:
        return given_id
    for key_kind in ("employee_number", "work_email"):
        if key_kind in cells:
            return directory.person_id_by_key[key_kind].get(normalize_key(cells[key_kind]))
    return None


def _find_opted_out(answers: list[GivenAnswer], lake: Lake, today: date) -> pl.DataFrame:
    """One row (person_id) per person who opted out here and nowhere opted in since, or who asked to be erased."""
    given_rows = [
        (answer.person_id, answer.cells["is_opted_out"] == "true", answer.stated_at)
        for answer in answers
        if "is_opted_out" in answer.cells
    ]
    schema = pl.Schema({name: PREFERENCE.schema[name] for name in ("person_id", "is_opted_out", "stated_at")})
    given_preferences = pl.DataFrame(given_rows, schema, orient="row")
    answering_people = given_preferences["person_id"].unique().to_list()
    earlier_preferences = read_during_runs(
        lambda: (
            lake.scan(PREFERENCE).filter(pl.col("person_id").is_in(answering_people)).select(schema.names()).collect()
        )
    )
    opted_out_people = find_opted_out_people(pl.concat([given_preferences, earlier_preferences]), today)
    erased_people = [answer.person_id for answer in answers if answer.cells.get("request_kind") == "erasure"]
    return pl.concat([opted_out_people, pl.DataFrame({"person_id": erased_people}, {"person_id": pl.String})]).unique()


def _find_hidden_pairs(answers: list[GivenAnswer]) -> pl.DataFrame:
    """One row per person and micro-skill whose last `hide` is not retracted: person_id, skill_id."""
    is_hidden_by_pair: dict[tuple[str, str], bool] = {}
    for answer in answers:
        reply_kind, skill_id = answer.cells.get("reply_kind"), answer.cells.get("skill_text", "")
        if reply_kind == "hide" or (reply_kind == "retract" and "step_goal" not in answer.cells):
            is_hidden_by_pair[answer.person_id, skill_id] = reply_kind == "hide"
    hidden_pairs = [pair for pair, is_hidden in is_hidden_by_pair.items() if is_hidden]
    return pl.DataFrame(hidden_pairs, {"person_id": pl.String, "skill_id": pl.String}, orient="row")


def _list_relations(consent_relation: str) -> tuple[str, ...]:
    return RELATIONS if consent_relation == "all" else (consent_relation,)


def _list_withdrawing_people(answers: list[GivenAnswer]) -> frozenset[str]:
    return frozenset(answer.person_id for answer in answers if answer.cells.get("consent_status") == "withdrawn")


def _find_decisions(
    answers: list[GivenAnswer], withdrawing_people: frozenset[str], lake: Lake, today: date, last_valid_day: date
) -> pl.DataFrame:
    """The decisions in force of the people who withdrew a consent here, from all their statements."""
    given_rows = [
        (
            answer.person_id,
            relation,
            None if answer.cells["skill_text"] == "all" else answer.cells["skill_text"],
            answer.cells["consent_status"],
            date.fromisoformat(answer.cells["expires_date"]) if "expires_date" in answer.cells else None,
            answer.stated_at,
        )
        for answer in answers
        if "consent_status" in answer.cells and answer.person_id in withdrawing_people
        for relation in _list_relations(answer.cells["consent_relation"])
    ]

    def read_earlier_consents() -> pl.DataFrame:
        earlier_rows = lake.scan(CONSENT).filter(pl.col("person_id").is_in(sorted(withdrawing_people))).collect()
        return resolve_consent_skills(earlier_rows, lake.scan(SKILL_TEXT).collect())

    earlier_consents = read_during_runs(read_earlier_consents)
    given_consents = pl.DataFrame(given_rows, earlier_consents.schema, orient="row")
    return find_active_consents(pl.concat([given_consents, earlier_consents]), today, last_valid_day)
