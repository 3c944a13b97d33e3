"""Limits of requests: how many at once; size of a body, time for it to arrive, time to handle it. Pure ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.problems import Busy, Fault, TookTooLong, TooLarge, TooSlow

# After a refusal the rest of the body is read and dropped for a while: a connection closed with unread data is reset,
# and the sender would see the reset instead of the answer.
DRAIN_BYTES = 16 * 1024 * 1024
DRAIN_SECONDS = 2.0


class _Gone(Exception):
    """The sender hung up before the body was complete."""


class Limits:
    """Reads the body before the application runs, so that every route has the same limits whatever it does with it.

    Of more than `max_requests` at once the rest is refused, before its bodies take memory and its work takes time from
    what was begun. `unlimited`: paths of probes, which must answer above all when there is much to do.
    """

    def __init__(
        self,
        app: ASGIApp,
        fail: Callable[[Request, Exception], Response],
        *,
        max_requests: int,
        unlimited: Collection[str],
        max_body_bytes: int,
        body_seconds: float,
        request_seconds: float,
    ) -> None:
        self._app = app
        self._fail = fail
        self._max_requests = max_requests
        self._unlimited = unlimited
        self._in_work = 0
        self._max = max_body_bytes
        self._body_seconds = body_seconds
        self._request_seconds = request_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] in self._unlimited:
            await self._limited(scope, receive, send)
        elif self._in_work >= self._max_requests:
            await self._refuse(Busy(), scope, receive if _has_body(Headers(scope=scope)) else None, send)
        else:
            self._in_work += 1
            try:
                await self._limited(scope, receive, send)
            finally:
                self._in_work -= 1

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if not _has_body(headers):
            await self._handle(scope, receive, send)
            return
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._max:
            read_on = None if "expect" in headers else receive  # who asks before sending has sent nothing
            await self._refuse(TooLarge(limit_bytes=self._max), scope, read_on, send)
            return
        try:
            async with asyncio.timeout(self._body_seconds):
                body, complete = await self._read(receive)
        except TimeoutError:
            await self._refuse(TooSlow(limit_seconds=self._body_seconds), scope, None, send)
            return
        except _Gone:
            return
        if len(body) > self._max:
            await self._refuse(TooLarge(limit_bytes=self._max), scope, None if complete else receive, send)
            return
        await self._handle(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> tuple[bytes, bool]:
        """The body, or as much of it as shows that it is too large; was that all?"""
        parts: list[bytes] = []
        size = 0
        while size <= self._max:
            message = await receive()
            if message["type"] != "http.request":
                raise _Gone
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            if not message.get("more_body", False):
                return b"".join(parts), True
        return b"".join(parts), False

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            async with asyncio.timeout(self._request_seconds) as limit:
                await self._app(scope, receive, watched)
        except TimeoutError:
            if started or not limit.expired():
                raise
            response = self._fail(Request(scope), TookTooLong(limit_seconds=self._request_seconds))
            await response(scope, receive, send)

    async def _refuse(self, fault: Fault, scope: Scope, read_on: Receive | None, send: Send) -> None:
        response = self._fail(Request(scope), fault)
        response.headers["Connection"] = "close"

        async def lingering(message: Message) -> None:
            if message["type"] == "http.response.body" and read_on is not None:
                await send({**message, "more_body": True})
                await _drain(read_on)
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await response(scope, _nothing, lingering)


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()  # http.disconnect, when it comes
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


async def _drain(receive: Receive) -> None:
    left = DRAIN_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))
