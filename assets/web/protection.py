"""What protects every request: form tokens, limits, security headers, and a log without content.

Belongs here: the libraries' parts put together. Does not belong here: who sends a request (`identity`).
"""

import logging
import secrets
import time

from itsdangerous import BadSignature, URLSafeTimedSerializer
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from secure import (
    CacheControl,
    ContentSecurityPolicy,
    CrossOriginOpenerPolicy,
    CrossOriginResourcePolicy,
    PermissionsPolicy,
    ReferrerPolicy,
    Secure,
    XContentTypeOptions,
    XFrameOptions,
)
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.config.serve import ServeOptions

access_log = logging.getLogger("footsteps.access")
# A page that lies open for longer is loaded again before it is answered.
_FORM_SECONDS = 12 * 3600
_SAME_ORIGIN = {"same-origin", "none", ""}
_UNKNOWN_ROUTE = "(no route)"


class FormTokens:
    """Tokens of forms: signed, bound to one person, and valid for some hours.

    The key is drawn when the server starts, so that no secret has to be kept: a page that was loaded before a restart
    is loaded again.
    """

    def __init__(self) -> None:
        self._serializer = URLSafeTimedSerializer(secrets.token_bytes(32), salt="answer form")

    def create(self, person_id: str) -> str:
        """Create the token of a page."""
        return self._serializer.dumps(person_id)

    def is_valid(self, form_token: str, person_id: str) -> bool:
        """Whether a token is of a page of this person, and not too old."""
        try:
            return bool(self._serializer.loads(form_token, max_age=_FORM_SECONDS) == person_id)
        except BadSignature:  # an expired one is one, too
            return False


def is_same_origin(headers: Headers) -> bool:
    """Whether a browser sent the request from a page of this site; other programs do not send the header."""
    return headers.get("sec-fetch-site", "") in _SAME_ORIGIN


class RequestLimits:
    """Limits per caller and minute, counted in the memory of this process."""

    def __init__(self, options: ServeOptions) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._request_limit = RateLimitItemPerMinute(options.requests_per_minute, namespace="requests")
        self._answer_limit = RateLimitItemPerMinute(options.answers_per_minute, namespace="answers")

    def allows_request(self, limit_key: str) -> bool:
        """Count a request, and say whether it is within the limit."""
        return self._limiter.hit(self._request_limit, limit_key)

    def allows_answer(self, limit_key: str) -> bool:
        """Count an answer, and say whether it is within the limit."""
        return self._limiter.hit(self._answer_limit, limit_key)


def build_security_headers() -> Secure:
    """The headers of every response: nothing is loaded, framed or cached, and forms lead to this site alone."""
    return Secure(
        cache=CacheControl().no_store(),
        coop=CrossOriginOpenerPolicy().same_origin(),
        corp=CrossOriginResourcePolicy().same_origin(),
        csp=ContentSecurityPolicy()
        .default_src("'none'")
        .style_src("'unsafe-inline'")
        .base_uri("'none'")
        .form_action("'self'")
        .frame_ancestors("'none'"),
        permissions=PermissionsPolicy().camera().geolocation().microphone(),
        referrer=ReferrerPolicy().no_referrer(),
        xcto=XContentTypeOptions().nosniff(),
        xfo=XFrameOptions().deny(),
    )


class AccessLog:
    """ASGI middleware that logs method, template of the route, status and milliseconds of each request, and no more."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, then write its line."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def note_status(event: Message) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status = event["status"]
            await send(event)

        try:
            await self.app(scope, receive, note_status)
        finally:
            milliseconds = 1000 * (time.perf_counter() - started)
            route_template = scope.get("footsteps.route", _UNKNOWN_ROUTE)
            # the method comes from the client, too
            method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST") else "other"
            access_log.info("%s %s %d %.0f ms", method, route_template, status, milliseconds)
