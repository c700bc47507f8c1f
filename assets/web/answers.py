"""The answers that people give on their page: what each kind needs, and its row in a landing file.

Belongs here: the form of an answer, and writing it where the next run reads it.
Does not belong here: reading answers back (`given_answers`), the effect of an answer (`pipelines.core`).
"""

import csv
import io
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from assets.answers.landing_rows import (
    AnswerRefused,
    ExportFile,
    append_row,
    format_time,
    list_headers,
    read_csv_rows,
)
from pipelines.config.company import Config
from pipelines.config.serve import ANSWER_SOURCES
from pipelines.config.settings import Settings
from pipelines.ingest.answer_files import lock_answers
from pipelines.publish.site.language import message
from pipelines.storage.atomic_write import write_text_atomically

StepGoal = Literal["apprentice", "journeyman", "master", "refresh"]
Stage = Literal["none", "apprentice", "journeyman", "master"]
# Longer consents are given again: people forget what they agreed to.
_MAX_CONSENT_DAYS = 731
_EVERY_SKILL = "all"


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReplyAnswer(_Answer):
    """A reply to a step or an estimate."""

    kind: Literal["accept", "dismiss", "snooze", "dispute", "hide", "done", "retract"]
    skill_id: str
    step_goal: StepGoal | None = None
    until_date: date | None = None
    stated_stage: Stage | None = None

    @model_validator(mode="after")
    def _check_details(self) -> "ReplyAnswer":
        for needing_kind, field_name in (("snooze", "until_date"), ("dispute", "stated_stage")):
            if (self.kind == needing_kind) != (getattr(self, field_name) is not None):
                raise ValueError(f"{field_name} belongs to {needing_kind}, which needs it")
        return self


class WishAnswer(_Answer):
    """How much a person wants to learn a micro-skill."""

    kind: Literal["wish"]
    skill_id: str
    wish_weight: Annotated[float, Field(ge=0, le=1)]


class ConsentAnswer(_Answer):
    """Consent to be shown to others for a micro-skill and relation until a date, or its withdrawal."""

    kind: Literal["consent", "withdraw"]
    skill_id: str  # `all` for every micro-skill
    consent_relation: Literal["follow", "walk_with", "lead", "all"]
    expires_date: date | None = None

    @model_validator(mode="after")
    def _check_last_day(self) -> "ConsentAnswer":
        if (self.kind == "consent") != (self.expires_date is not None):
            raise ValueError("expires_date belongs to consent, which needs it")
        return self


class PreferenceAnswer(_Answer):
    """Whether a person wants recommendations."""

    kind: Literal["opt_out", "opt_in"]


class SquadAnswer(_Answer):
    """Whether a person wants to join an opening."""

    kind: Literal["join", "not_now", "not_this"]
    opening_id: Annotated[str, Field(min_length=3, max_length=400)]


class RequestAnswer(_Answer):
    """A request to the data-protection officer: a copy of what is stored, or its erasure."""

    kind: Literal["copy", "erasure"]
    is_confirmed: Literal[True]


Answer = Annotated[
    ReplyAnswer | WishAnswer | ConsentAnswer | PreferenceAnswer | SquadAnswer | RequestAnswer,
    Field(discriminator="kind"),
]
ANSWER_ADAPTER: TypeAdapter[Answer] = TypeAdapter(Answer)


@dataclass(frozen=True)
class AnswerWriter:
    """Writes answers to the landing files that the next run reads.

    Attributes:
        settings: Folders of the data root.
        config: The declared sources, those of answers among them.
        landing_folder: The landing folder.
    """

    settings: Settings
    config: Config
    landing_folder: Path

    def write(
        self,
        person_id: str,
        answer: Answer,
        known_skill_ids: Collection[str],
        now: datetime,
        is_opening: Callable[[str], bool],
    ) -> None:
        """Write an answer.

        Args:
            person_id: The person who answers.
            answer: The answer.
            known_skill_ids: The micro-skills of the taxonomy.
            now: The time of the answer, in UTC.
            is_opening: Whether an id is that of an opening that the person may answer about.

        Raises:
            AnswerRefused: The answer names an unknown micro-skill or opening, or a day that is past or too far, or no
                file for answers of this kind is declared.
        """
        skill_id = getattr(answer, "skill_id", None)
        is_every_skill = isinstance(answer, ConsentAnswer) and skill_id == _EVERY_SKILL
        if skill_id is not None and not is_every_skill and skill_id not in known_skill_ids:
            raise AnswerRefused(message("there is no micro-skill with this id"))
        if isinstance(answer, SquadAnswer) and not is_opening(answer.opening_id):
            raise AnswerRefused(message("there is no opening with this id: load your page again"))
        if isinstance(answer, RequestAnswer):
            self._write_request(person_id, answer, now)
            return
        source_name, time_column, canonical_values = _describe_row(answer, now.date())
        export_file = self.open_export(source_name, now)
        new_row = {**export_file.find_person_key(person_id), **canonical_values}
        with lock_answers(self.settings.root):
            append_row(
                export_file.path,
                read_csv_rows(export_file.path),
                new_row,
                export_file.header_by_column,
                time_column,
                now,
            )

    def open_export(self, source_name: str, now: datetime) -> ExportFile:
        """The file of a day for the answers of a source."""
        source = self.config.source(source_name)
        file_name = source.path.replace("*", now.date().isoformat())
        headers = list_headers(source, ANSWER_SOURCES[source_name])
        return ExportFile(self.settings, source, headers, self.landing_folder / file_name)

    def find_request_pattern(self, request_kind: str) -> str | None:
        """The pattern of the landing files of requests, if each request can have a file of its own."""
        privacy_options = self.config.privacy
        pattern = privacy_options.access_requests
        if request_kind == "erasure":
            # without the list of erased people a request would stop every run
            pattern = privacy_options.erasure_requests if privacy_options.erased_people else None
        return pattern if pattern and "*" in pattern else None

    def _write_request(self, person_id: str, answer: RequestAnswer, now: datetime) -> None:
        """Write a file for one request: the run that fulfils it deletes the file."""
        pattern = self.find_request_pattern(answer.kind)
        if pattern is None:
            raise AnswerRefused(message("requests are not taken here: ask your data-protection officer"))
        csv_buffer = io.StringIO(newline="")
        csv_writer = csv.writer(csv_buffer, lineterminator="\n")
        csv_writer.writerows([("person_id", "asked_at"), (person_id, format_time(now))])
        file_label = f"{now:%Y-%m-%d}-{secrets.token_hex(8)}"
        write_text_atomically(self.landing_folder / pattern.replace("*", file_label), csv_buffer.getvalue())


def _describe_row(
    answer: ReplyAnswer | WishAnswer | ConsentAnswer | PreferenceAnswer | SquadAnswer, today: date
) -> tuple[str, str, dict[str, str]]:
    """Source, canonical column of the time, and values by canonical column of an answer."""
    if isinstance(answer, ReplyAnswer):
        if answer.until_date:
            _check_day(answer.until_date, today)
        return (
            "served_replies",
            "replied_at",
            {
                "skill_text": answer.skill_id,
                "step_goal": answer.step_goal or "",
                "reply_kind": answer.kind,
                "until_date": answer.until_date.isoformat() if answer.until_date else "",
                "stated_stage": answer.stated_stage or "",
            },
        )
    if isinstance(answer, SquadAnswer):
        return (
            "served_squad_replies",
            "replied_at",
            {"opening_id": answer.opening_id, "squad_reply_kind": answer.kind},
        )
    if isinstance(answer, WishAnswer):
        return (
            "served_wishes",
            "stated_at",
            {"skill_text": answer.skill_id, "wish_weight": f"{round(answer.wish_weight, 4):g}"},
        )
    if isinstance(answer, ConsentAnswer):
        if answer.expires_date:
            _check_day(answer.expires_date, today)
        return (
            "served_consents",
            "stated_at",
            {
                "skill_text": answer.skill_id,
                "consent_relation": answer.consent_relation,
                "consent_status": "granted" if answer.kind == "consent" else "withdrawn",
                "expires_date": answer.expires_date.isoformat() if answer.expires_date else "",
            },
        )
    return "served_preferences", "stated_at", {"is_opted_out": "true" if answer.kind == "opt_out" else "false"}


def _check_day(stated_day: date, today: date) -> None:
    if not today < stated_day <= today + timedelta(days=_MAX_CONSENT_DAYS):
        raise AnswerRefused(message("the day must be after today and at most two years ahead"))
