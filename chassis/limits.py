"""Limits of a request: size of its body, time for it to arrive, time to handle it. Pure ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.problems import Fault, TookTooLong, TooLarge, TooSlow

# After a refusal the rest of the body is read and dropped for a while: a connection closed with unread data is reset,
# and the sender would see the reset instead of the answer.
DRAIN_BYTES = 16 * 1024 * 1024
DRAIN_SECONDS = 2.0


class _Gone(Exception):
    """The sender hung up before the body was complete."""


class Limits:
    """Reads the body before the application runs, so that every route has the same limits whatever it does with it."""

    def __init__(
        self,
        app: ASGIApp,
        fail: Callable[[Request, Exception], Response],
        *,
        max_body_bytes: int,
        body_seconds: float,
        request_seconds: float,
    ) -> None:
        self._app = app
        self._fail = fail
        self._max = max_body_bytes
        self._body_seconds = body_seconds
        self._request_seconds = request_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        if "transfer-encoding" not in headers and length == "0":
            await self._handle(scope, receive, send)
            return
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
