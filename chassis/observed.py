"""Around every request: its correlation id, its metrics, a few headers, and the answer to an error nobody expected."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import correlation, metrics

log = logging.getLogger(__name__)

CORRELATION_HEADER = "X-Correlation-Id"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Observed:
    """Pure ASGI, the outermost of our own. Paths with values never become labels or log lines; route templates do."""

    def __init__(self, app: ASGIApp, fail: Callable[[Request, Exception], Response], *, service: str) -> None:
        self._app = app
        self._fail = fail
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        id = correlation.accepted(headers.get(CORRELATION_HEADER))
        private = "authorization" in headers
        begun = time.perf_counter()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answered = MutableHeaders(scope=message)
                answered[CORRELATION_HEADER] = id
                answered["X-Content-Type-Options"] = "nosniff"
                if private:
                    answered.setdefault("Cache-Control", "no-store")
            await send(message)

        with correlation.correlated(id):
            try:
                await self._app(scope, receive, answer)
            except Exception as error:
                self._note(error, scope)
                if status:
                    raise  # half an answer is out: the server cuts the connection
                await self._fail(Request(scope), error)(scope, receive, answer)
            finally:
                self._count(scope, status, time.perf_counter() - begun)

    def _note(self, error: Exception, scope: Scope) -> None:
        metrics.HTTP_FAILURES.labels(service=self._service, error=type(error).__name__).inc()
        log.error(
            "request failed",
            exc_info=error,
            extra={"action": "http.failed", "route": route_of(scope), "method": _method(scope)},
        )

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route, method = route_of(scope), _method(scope)
        shown = str(status) if status else "gone"  # the client hung up first
        metrics.HTTP_REQUESTS.labels(service=self._service, route=route, method=method, status=shown).inc()
        metrics.HTTP_SECONDS.labels(service=self._service, route=route, method=method).observe(seconds)


def route_of(scope: Scope) -> str:
    """The template of the route that matched, `/v1/things/{thing_id}`, or `unmatched`."""
    return getattr(scope.get("route"), "path", None) or "unmatched"


def _method(scope: Scope) -> str:
    method = str(scope["method"])
    return method if method in _METHODS else "other"
