"""The JSON interface: what a person sees and answers, and the published tables for system accounts.

Belongs here: the documents of each path.
Does not belong here: their description (`openapi`), identity and limits (`service`).
"""

import json
from collections.abc import Callable, Collection
from typing import Any

import polars as pl
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from assets.web.answers import ANSWER_ADAPTER
from assets.web.directory import read_during_runs
from assets.web.given_answers import GivenAnswer
from assets.web.openings import make_opening_check, read_squad_answers
from assets.web.pages import IMMEDIATE_KINDS, describe_kind, list_pending
from assets.web.protection import is_same_origin
from assets.web.published import ServedSnapshot, guard_snapshot
from assets.web.service import Refused, Service, Visit, json_response
from pipelines.contracts.catalog import ASPIRATION, CONSENT, TABLES
from pipelines.contracts.columns import REPLY_KINDS
from pipelines.contracts.output_tables import (
    COMPANION,
    NEXT_SKILL,
    OUT_MASTERY,
    REPLY_EFFECT,
    SQUAD_MATCH,
    SQUAD_OPENING,
)
from pipelines.contracts.squad_columns import SQUAD_REPLY_KINDS
from pipelines.contracts.table import Table
from pipelines.publish.feed import read_feed
from pipelines.snapshots.reader import list_snapshots

WISH_KINDS = ("wish",)
CONSENT_KINDS = ("consent", "withdraw")
PREFERENCE_KINDS = ("opt_out", "opt_in")
REQUEST_KINDS = ("copy", "erasure")
MAX_PAGE_ROWS, _DEFAULT_PAGE_ROWS = 10_000, 1_000
_STATED_COLUMNS_BY_TABLE = {
    ASPIRATION: ("skill_text", "wish_weight", "stated_at"),
    CONSENT: ("skill_text", "consent_relation", "consent_status", "expires_date", "stated_at"),
}


def show_health(service: Service) -> Response:
    """Whether a snapshot can be read, and whether it is past its last valid day."""
    try:
        snapshot = service.reader.read().snapshot
    except Exception:  # whatever it is, the server cannot answer; the log of the process has it
        return JSONResponse({"status": "unavailable"}, 503)
    is_stale = snapshot.is_stale(service.now().date())
    return json_response({"status": "stale" if is_stale else "ok", "snapshot_id": snapshot.snapshot_id})


def show_next_steps(visit: Visit) -> Response:
    """The caller's recommended steps, each with its companions, or why there are none."""
    steps = _read_own_rows(visit, NEXT_SKILL)
    companions = _read_own_rows(visit, COMPANION)
    # who asked for erasure is published as if they had opted out; here it says which of both
    pending = _list_pending(visit, (*PREFERENCE_KINDS, *REQUEST_KINDS))
    return _own_document(visit, next_steps=steps, companions=companions, pending=pending)


def show_mastery(visit: Visit) -> Response:
    """The caller's stages."""
    return _own_document(visit, mastery=_read_own_rows(visit, OUT_MASTERY))


def show_replies(visit: Visit) -> Response:
    """The caller's replies: their effects in the snapshot, and those that are pending."""
    return _own_document(visit, replies=_read_own_rows(visit, REPLY_EFFECT), pending=_list_pending(visit, REPLY_KINDS))


def show_wishes(visit: Visit) -> Response:
    """The caller's wishes as the last run read them, and those that are pending."""
    return _own_document(visit, wishes=_read_stated(visit, ASPIRATION), pending=_list_pending(visit, WISH_KINDS))


def show_consents(visit: Visit) -> Response:
    """The caller's consents and withdrawals as the last run read them, and those that are pending."""
    return _own_document(visit, consents=_read_stated(visit, CONSENT), pending=_list_pending(visit, CONSENT_KINDS))


def show_squads(visit: Visit) -> Response:
    """The openings that suit the caller, what each opening shows, and the caller's answers about openings."""
    matches = _read_own_rows(visit, SQUAD_MATCH)
    snapshot, opening_ids = visit.served.snapshot, [match["opening_id"] for match in matches]
    openings = (
        snapshot.scan(SQUAD_OPENING.name).filter(pl.col("opening_id").is_in(opening_ids)).collect().to_dicts()
        if snapshot.has_table(SQUAD_OPENING.name)
        else []
    )
    pending = _list_pending(visit, SQUAD_REPLY_KINDS)
    return _own_document(visit, matches=matches, openings=openings, answers=read_squad_answers(visit), pending=pending)


def take_answer(allowed_kinds: Collection[str]) -> Callable[[Visit], Response]:
    """Make the handler that writes answers of some kinds.

    Args:
        allowed_kinds: The kinds that the path takes.
    """

    def write_answer(visit: Visit) -> Response:
        content_type = visit.request.headers.get("content-type", "").split(";")[0].strip().lower()
        # a page of another site can send a form without asking first, but no JSON
        if content_type != "application/json" or not is_same_origin(visit.request.headers):
            raise Refused(403, "Send the answer as application/json, from a page of this site or from a program.")
        try:
            document = json.loads(visit.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or document.get("kind") not in allowed_kinds:
            raise Refused(422, f"The answer must be a JSON object with `kind`: {', '.join(allowed_kinds)}.")
        answer = ANSWER_ADAPTER.validate_python(document)
        known_skill_ids = visit.served.page_data.skill_row_by_id
        visit.service.answer_writer.write(
            visit.person_id, answer, known_skill_ids, visit.service.now(), make_opening_check(visit)
        )
        return json_response({"pending": answer.model_dump(mode="json", exclude_none=True)}, 201)

    return write_answer


def list_tables(visit: Visit) -> Response:
    """The published tables of the snapshot."""
    snapshot = visit.served.snapshot
    tables = [
        {"name": table.name, "rows": table.rows, "schema_version": table.schema_version} for table in snapshot.tables
    ]
    return json_response({**_describe_snapshot(snapshot), "tables": tables})


def show_table(visit: Visit) -> Response:
    """Some rows of a published table, and the cursor of the next ones; all pages of a cursor are of one snapshot."""
    table_name = visit.request.path_params["table_name"]
    limit = _read_number(visit.request, "limit", _DEFAULT_PAGE_ROWS, 1, MAX_PAGE_ROWS)
    cursor_text = visit.request.query_params.get("cursor", "")
    snapshot, first_row = _resolve_cursor(visit, cursor_text)
    if table_name not in TABLES or not snapshot.has_table(table_name):
        raise Refused(404, "The snapshot has no such table.")
    table = TABLES[table_name]
    # by place in the file, so that an objection moves no other row from one page to the next
    published_rows = pl.scan_parquet(snapshot.path(table_name)).slice(first_row, limit).collect()
    served_rows = snapshot.withhold(table, published_rows)
    is_last = published_rows.height < limit
    return json_response(
        {
            **_describe_snapshot(snapshot),
            "schema_version": table.version,
            "rows": served_rows.to_dicts(),
            "next_cursor": None if is_last else f"{snapshot.snapshot_id}.{first_row + limit}",
        }
    )


def show_changes(visit: Visit) -> Response:
    """Events of the change feed behind a cursor."""
    after = _read_number(visit.request, "after", 0, 0, 10**18)
    limit = _read_number(visit.request, "limit", _DEFAULT_PAGE_ROWS, 1, MAX_PAGE_ROWS)
    events = list(read_feed(visit.served.snapshot.folder, after, limit))
    return json_response({"cursor": int(events[-1]["sequence"]) if events else after, "events": events})


def _own_document(visit: Visit, **parts: Any) -> Response:
    return json_response({**_describe_snapshot(visit.served.snapshot), **parts})


def _describe_snapshot(snapshot: ServedSnapshot) -> dict[str, Any]:
    return {"snapshot_id": snapshot.snapshot_id, "as_of": snapshot.as_of, "valid_until": snapshot.valid_until}


def _read_own_rows(visit: Visit, table: Table) -> list[dict[str, Any]]:
    snapshot = visit.served.snapshot
    if not snapshot.has_table(table.name):
        return []
    own_rows = snapshot.scan(table.name).filter(person_id=visit.person_id).collect()
    # people who opted out have a row without a rank
    return own_rows.sort("rank", maintain_order=True).to_dicts() if "rank" in own_rows.columns else own_rows.to_dicts()


def _read_stated(visit: Visit, table: Table) -> list[dict[str, Any]]:
    """What the caller stated, as the last run read it, oldest first."""
    person_id, lake = visit.person_id, visit.service.reader.lake
    return read_during_runs(
        lambda: (
            lake.scan(table)
            .filter(person_id=person_id)
            .select(_STATED_COLUMNS_BY_TABLE[table])
            .sort("stated_at")
            .collect()
            .to_dicts()
        )
    )


def _list_pending(visit: Visit, kinds: Collection[str]) -> list[dict[str, Any]]:
    return [_describe_answer(answer) for answer in list_pending(visit) if describe_kind(answer) in kinds]


def _describe_answer(answer: GivenAnswer) -> dict[str, Any]:
    kind = describe_kind(answer)
    return {"kind": kind, "stated_at": answer.stated_at, "is_in_effect": kind in IMMEDIATE_KINDS, **answer.cells}


def _resolve_cursor(visit: Visit, cursor_text: str) -> tuple[ServedSnapshot, int]:
    """The snapshot and the row that a cursor names; the current snapshot and its first row without one."""
    current = visit.served.snapshot
    if not cursor_text:
        return current, 0
    snapshot_id, _, row_text = cursor_text.rpartition(".")
    if not row_text.isdecimal() or len(row_text) > 18:
        raise Refused(422, "`cursor` is none that this interface gave.")
    if snapshot_id == current.snapshot_id:
        return current, int(row_text)
    for snapshot in list_snapshots(current.folder):
        if snapshot.snapshot_id == snapshot_id:
            return guard_snapshot(snapshot, visit.served.given_answers, visit.service.now().date()), int(row_text)
    raise Refused(410, "The snapshot of the cursor is no longer kept: read the table from its beginning.")


def _read_number(request: Request, name: str, default: int, lowest: int, highest: int) -> int:
    number_text = request.query_params.get(name, str(default))
    if not number_text.isdecimal() or len(number_text) > 19 or not lowest <= int(number_text) <= highest:
        raise Refused(422, f"`{name}` must be a number from {lowest} to {highest}.")
    return int(number_text)
