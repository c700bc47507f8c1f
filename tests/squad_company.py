"""A small company with open work, for tests of openings, matches and proposals."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from ml.recommend.squad_openings import SquadContext

AS_OF = date(2026, 6, 30)
EARLIER = datetime(2026, 6, 20, tzinfo=UTC)
SEAT_SCHEMA = {
    "work_code": pl.String,
    "project_code": pl.String,
    "skill_id": pl.String,
    "opening_kind": pl.String,
    "open_count": pl.Int64,
    "planned_weekly_hours": pl.Float64,
    "planned_end_date": pl.Date,
}
ANSWER_SCHEMA = {
    "person_id": pl.String,
    "opening_id": pl.String,
    "squad_reply_kind": pl.String,
    "replied_at": pl.Datetime("us", "UTC"),
}
STEP_SCHEMA = dict.fromkeys(("person_id", "skill_id", "kind", "to_stage"), pl.String) | {"rank": pl.Int64}


def frame(rows: list[Any], schema: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema, orient="row")


def make_context(
    *,
    seats: Sequence[Any] = (("W", "sql"),),
    requirements: Sequence[Any] = (("W", "sql"), ("W", "law")),
    members: Sequence[Any] = (),
    people: str = "abcde",
    mastery: Sequence[Any] = (),
    consents: Sequence[Any] = (),
    answers: Sequence[Any] = (),
    hours: float | None = 4.0,
) -> SquadContext:
    text = pl.String
    answer_rows = frame([(*answer, EARLIER) for answer in answers], ANSWER_SCHEMA)
    return SquadContext(
        frame([(work, work, skill, "unstaffed", 1, hours, None) for work, skill in seats], SEAT_SCHEMA),
        frame(list(requirements), {"work_code": text, "skill_id": text}),
        frame(list(members), {"work_code": text, "person_id": text}),
        pl.DataFrame({"person_id": list(people)}, {"person_id": text}),
        frame(list(mastery), {"person_id": text, "skill_id": text, "stage": text}),
        frame(list(consents), {"person_id": text, "relation": text, "skill_id": text, "is_given": pl.Boolean}),
        answer_rows,
        answer_rows,
        3,
    )
