"""HTTP clients that cost little themselves, because they run on the cores that they measure. Keep-alive, JSON alone."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import orjson

from local.stack import HOST, Credential

SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    retry_after: float

    def json(self) -> Any:
        return orjson.loads(self.body)


class Client:
    """One connection, one request at a time. Raises OSError, asyncio.IncompleteReadError and TimeoutError."""

    def __init__(self, port: int, login: Credential) -> None:
        self._port = port
        token = base64.b64encode(f"{login.client}:{login.secret}".encode()).decode()
        self._head = f"Host: {HOST}:{port}\r\nAuthorization: Basic {token}\r\n"
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(HOST, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    async def post(self, path: str, body: bytes, *, key: str) -> Answer:
        head = (
            f"POST {path} HTTP/1.1\r\n{self._head}Content-Type: application/json\r\n"
            f"Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        async with asyncio.timeout(SECONDS):
            return await self._exchange(head.encode() + body)

    async def _exchange(self, request: bytes) -> Answer:
        if self._reader is None or self._writer is None:
            raise ConnectionError("not connected")
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, _, lines = head.partition("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines.split("\r\n"))
        }
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(status.split(" ", 2)[1]), body, float(headers.get("retry-after", "1")))
