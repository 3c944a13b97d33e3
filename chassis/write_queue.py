"""Writes of concurrent callers travel together: what is queued while a batch is on its way goes in the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from chassis.store import Outcome, StoreUnavailable, Write

BATCH = 1000

Answer = Outcome | Exception
Send = Callable[[Sequence[Write]], Awaitable[Sequence[Answer]]]  # one answer per write; StoreUnavailable = all of them


class WriteQueue:
    """Owns the task that sends. A caller that goes away leaves the writes of the others, and perhaps its own."""

    def __init__(self, send: Send, name: str) -> None:
        self._send = send
        self._name = name
        self._waiting: list[tuple[Write, asyncio.Future[Outcome]]] = []
        self._sending: asyncio.Task[None] | None = None

    def add(self, write: Write) -> asyncio.Future[Outcome]:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, future))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all(), name=self._name)
        return future

    async def empty(self) -> None:
        """Returns when nothing is on its way."""
        if self._sending is not None:
            await asyncio.wait([self._sending])

    async def _send_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            answers: Sequence[Answer] = [StoreUnavailable("interrupted") for _ in batch]
            try:
                answers = await self._send([write for write, _ in batch])
            except StoreUnavailable as why:
                answers = [StoreUnavailable(str(why)) for _ in batch]
            finally:  # whatever happened, nobody waits for ever
                for (_, future), answer in zip(batch, answers, strict=True):
                    _answer(future, answer)


async def all_of(futures: Sequence[asyncio.Future[Outcome]]) -> list[Outcome]:
    """Waits for every one, then raises the first error."""
    answers = await asyncio.gather(*futures, return_exceptions=True)
    outcomes: list[Outcome] = []
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
        outcomes.append(answer)
    return outcomes


def _answer(future: asyncio.Future[Outcome], answer: Answer) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
