"""The web application: its routes, and the middleware that every request passes.

Belongs here: which path leads to which handler, and who may call it.
Does not belong here: what a handler answers (`pages`, `interface`), the server process (`server`).
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from secure.middleware import SecureASGIMiddleware
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assets.web import interface, pages
from assets.web.answers import AnswerWriter
from assets.web.identity import ServeRefused, create_authenticator
from assets.web.openapi import INTERFACE_PATH, build_openapi
from assets.web.protection import AccessLog, RequestLimits, build_security_headers
from assets.web.published import PublishedReader
from assets.web.service import Audience, Handler, Service, json_response, make_endpoint
from pipelines.config.company import Config
from pipelines.config.settings import Settings
from pipelines.contracts.columns import REPLY_KINDS
from pipelines.contracts.squad_columns import SQUAD_REPLY_KINDS
from pipelines.snapshots.reader import NothingPublished

_PERSON, _PEOPLE, _SYSTEM = Audience.PERSON, Audience.PEOPLE, Audience.SYSTEM
# Path, method, who may call it, handler.
_HANDLERS: tuple[tuple[str, str, Audience, Handler], ...] = (
    ("/", "GET", _PEOPLE, pages.redirect_to_own_page),
    ("/index.html", "GET", _PEOPLE, pages.show_start),
    (pages.OWN_PAGE, "GET", _PERSON, pages.show_own_page),
    ("/people/me/answers", "POST", _PERSON, pages.take_form),
    ("/teams/{page_name}", "GET", _PERSON, pages.show_team_page),
    ("/run.html", "GET", Audience.OPERATOR, pages.show_run_page),
    (f"{INTERFACE_PATH}/me/next-steps", "GET", _PERSON, interface.show_next_steps),
    (f"{INTERFACE_PATH}/me/mastery", "GET", _PERSON, interface.show_mastery),
    (f"{INTERFACE_PATH}/me/replies", "GET", _PERSON, interface.show_replies),
    (f"{INTERFACE_PATH}/me/wishes", "GET", _PERSON, interface.show_wishes),
    (f"{INTERFACE_PATH}/me/consents", "GET", _PERSON, interface.show_consents),
    (f"{INTERFACE_PATH}/me/squads", "GET", _PERSON, interface.show_squads),
    (f"{INTERFACE_PATH}/me/squads", "POST", _PERSON, interface.take_answer(SQUAD_REPLY_KINDS)),
    (f"{INTERFACE_PATH}/me/replies", "POST", _PERSON, interface.take_answer(REPLY_KINDS)),
    (f"{INTERFACE_PATH}/me/wishes", "POST", _PERSON, interface.take_answer(interface.WISH_KINDS)),
    (f"{INTERFACE_PATH}/me/consents", "POST", _PERSON, interface.take_answer(interface.CONSENT_KINDS)),
    (f"{INTERFACE_PATH}/me/preferences", "POST", _PERSON, interface.take_answer(interface.PREFERENCE_KINDS)),
    (f"{INTERFACE_PATH}/me/requests", "POST", _PERSON, interface.take_answer(interface.REQUEST_KINDS)),
    (f"{INTERFACE_PATH}/tables", "GET", _SYSTEM, interface.list_tables),
    (f"{INTERFACE_PATH}/tables/{{table_name}}", "GET", _SYSTEM, interface.show_table),
    (f"{INTERFACE_PATH}/changes", "GET", _SYSTEM, interface.show_changes),
)


def create_app(
    settings: Settings,
    config: Config,
    landing_folder: Path,
    environment: Mapping[str, str],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Starlette:
    """Create the application.

    Args:
        settings: Folders of the data root.
        config: The content of footsteps.yaml.
        landing_folder: The landing folder, to which answers are written.
        environment: The environment variables that hold secrets.
        now: Returns the time, in UTC.

    Returns:
        The application.

    Raises:
        ServeRefused: No way of identity is configured, or a secret is missing.
    """
    if config.serve is None:
        raise ServeRefused(
            "footsteps.yaml has no section `serve`: without a way of identity everybody would see everything; "
            "see docs/serve.md"
        )
    answer_writer = AnswerWriter(settings, config, landing_folder)
    service = Service(
        PublishedReader(answer_writer, now),
        create_authenticator(config.serve, environment, lambda: now().timestamp()),
        answer_writer,
        RequestLimits(config.serve),
        now,
    )
    routes = [
        Route(path, make_endpoint(service, path, audience, handler), methods=[method])
        for path, method, audience, handler in _HANDLERS
    ]

    @asynccontextmanager
    async def read_first(_: Starlette) -> AsyncIterator[None]:
        """Read the snapshot before the first request, which would wait for it."""
        with suppress(NothingPublished):
            await run_in_threadpool(service.reader.read)
        yield

    return Starlette(
        lifespan=read_first,
        routes=[*_make_open_routes(service), *routes],
        middleware=[Middleware(AccessLog), Middleware(SecureASGIMiddleware, secure=build_security_headers())],
    )


def _make_open_routes(service: Service) -> list[Route]:
    """The routes that need no identity: they hold nothing about anybody."""
    openapi_document = build_openapi()

    async def show_health(request: Request) -> Response:
        request.scope["footsteps.route"] = "/healthz"
        return await run_in_threadpool(interface.show_health, service)

    async def show_openapi(request: Request) -> Response:
        request.scope["footsteps.route"] = "/openapi.json"
        return json_response(openapi_document)

    return [Route("/healthz", show_health), Route("/openapi.json", show_openapi)]
