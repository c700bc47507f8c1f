"""One request from its headers to its response: identity, limits, and who may call which handler.

Belongs here: what every handler relies on.
Does not belong here: what a handler answers (`pages`, `interface`).
"""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import Enum, auto
from typing import Any

from markupsafe import escape
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from assets.answers.landing_rows import AnswerRefused
from assets.web.answers import AnswerWriter
from assets.web.identity import Authenticator, Caller
from assets.web.protection import FormTokens, RequestLimits
from assets.web.published import PublishedReader, Served
from pipelines.publish.site.language import ENGLISH, PageLanguage, message
from pipelines.snapshots.reader import NothingPublished

_log = logging.getLogger("footsteps.serve")
# A form is smaller by far.
_MAX_BODY_BYTES = 64 * 1024


class Audience(Enum):
    """Who may call a handler."""

    PERSON = auto()
    OPERATOR = auto()
    SYSTEM = auto()
    PEOPLE = auto()  # people and operators


class Refused(Exception):
    """A request is refused; the message is an English sentence that names nobody.

    Attributes:
        status: The HTTP status.
        sentence: The sentence as the catalogues have it, with placeholders.
        detail: The text of its placeholder `detail`; empty if it has none.
    """

    def __init__(self, status: int, sentence: str, detail: str = "") -> None:
        super().__init__(_fill(ENGLISH, sentence, detail))
        self.status, self.sentence, self.detail = status, sentence, detail


def _fill(language: PageLanguage, sentence: str, detail: str) -> str:
    return language.translate(sentence, detail=language.translate(detail)) if detail else language.translate(sentence)


@dataclass(frozen=True)
class Service:
    """What all requests share."""

    reader: PublishedReader
    authenticator: Authenticator
    answer_writer: AnswerWriter
    limits: RequestLimits
    now: Callable[[], datetime]
    form_tokens: FormTokens = field(default_factory=FormTokens)


@dataclass(frozen=True)
class Visit:
    """One request of an identified caller.

    Attributes:
        service: What all requests share.
        request: The request.
        caller: Who sends it.
        served: Everything that the response may be made from.
        body: The body of the request.
    """

    service: Service
    request: Request
    caller: Caller
    served: Served
    body: bytes

    @property
    def person_id(self) -> str:
        """The person who sends the request.

        Raises:
            Refused: The caller is no person of the company's tables.
        """
        if self.caller.person_id is None:
            raise Refused(403, message("This is for people of the HR export only."))
        return self.caller.person_id


Handler = Callable[[Visit], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def make_endpoint(service: Service, route_template: str, audience: Audience, handler: Handler) -> Endpoint:
    """Make the endpoint of a route: identify the caller, apply the limits, call the handler in a thread.

    Args:
        service: What all requests share.
        route_template: The template of the route, for the access log.
        audience: Who may call it.
        handler: Answers the request.
    """

    async def endpoint(request: Request) -> Response:
        request.scope["footsteps.route"] = route_template
        try:
            body = await _read_body(request)
            return await run_in_threadpool(_answer, service, request, body, audience, handler)
        except Refused as refusal:
            return refuse(request, refusal, service.reader.language)
        except Exception as error:  # its message and its stack may hold what was read or sent
            _log.error("%s failed: %s", route_template, type(error).__name__)
            failure = Refused(500, message("Something failed here. Try again later."))
            return refuse(request, failure, service.reader.language)

    return endpoint


def refuse(request: Request, refusal: Refused, language: PageLanguage) -> Response:
    """The response to a refused request: JSON in English for the interface, otherwise a small page."""
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": str(refusal)}, refusal.status)
    sentence, link_text = _fill(language, refusal.sentence, refusal.detail), language.translate("To your page")
    page_html = (
        f'<!DOCTYPE html><html lang="{language.code}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Footsteps</title></head>'
        f"<body><main><h1>{refusal.status}</h1><p>{escape(sentence)}</p>"
        f'<p><a href="/">{escape(link_text)}</a></p></main></body></html>'
    )
    return Response(page_html, refusal.status, media_type="text/html")


def json_response(document: Any, status: int = 200) -> Response:
    """A JSON response; days and times as ISO text."""
    return Response(json.dumps(document, ensure_ascii=False, default=_encode), status, media_type="application/json")


def _encode(json_value: Any) -> str:
    if isinstance(json_value, datetime | date):
        return json_value.isoformat()
    raise TypeError(f"no JSON form of {type(json_value).__name__}")


def _answer(service: Service, request: Request, body: bytes, audience: Audience, handler: Handler) -> Response:
    try:
        served = service.reader.read()
    except NothingPublished as error:
        raise Refused(503, message("Nothing is published yet.")) from error
    caller = service.authenticator.identify(request.headers, served.directory)
    if caller is None:
        client_host = request.client.host if request.client else "unknown"
        _require_within(service.limits.allows_request(f"address {client_host}"))
        raise Refused(
            401,
            message(
                "You are not signed in, or the tables name nobody with your sign-in: "
                "because you are new, or because you were erased."
            ),
        )
    _require_within(service.limits.allows_request(caller.limit_key))
    _require_audience(caller, audience)
    visit = Visit(service, request, caller, served, body)
    if request.method == "POST":
        _require_within(service.limits.allows_answer(caller.limit_key))
    try:
        return _handle(handler, visit)
    except AnswerRefused as refusal:
        raise Refused(422, message("Your answer was not taken: %(detail)s."), str(refusal)) from refusal
    except ValidationError as error:
        # the error's own text holds what was sent
        problem_places = ", ".join(
            sorted({".".join(map(str, problem["loc"])) or "the answer" for problem in error.errors()})
        )
        raise Refused(422, message("Your answer was not taken: see %(detail)s."), problem_places[:200]) from None


def _handle(handler: Handler, visit: Visit) -> Response:
    """Call the handler; once more if an erasure or the retention removed a file that it was about to read."""
    try:
        return handler(visit)
    except FileNotFoundError:
        if visit.request.method == "POST":
            raise
        return handler(replace(visit, served=visit.service.reader.read()))


def _require_within(is_within: bool) -> None:
    if not is_within:
        raise Refused(429, message("Too many requests: wait a minute, then try again."))


def _require_audience(caller: Caller, audience: Audience) -> None:
    is_allowed = {
        Audience.PERSON: caller.person_id is not None,
        Audience.OPERATOR: caller.is_operator,
        Audience.SYSTEM: caller.system_account is not None,
        Audience.PEOPLE: caller.system_account is None,
    }[audience]
    if not is_allowed:
        raise Refused(403, message("You may not see this."))


async def _read_body(request: Request) -> bytes:
    """The body of a request, unless it is too large."""
    body_parts, size = [], 0
    async for body_part in request.stream():
        size += len(body_part)
        if size > _MAX_BODY_BYTES:
            raise Refused(413, message("The request is too large."))
        body_parts.append(body_part)
    return b"".join(body_parts)
