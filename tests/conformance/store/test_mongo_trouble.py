"""What only a server can meet: it is away, it is killed, or its answer is lost on the way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from chassis.adapters import open_store
from chassis.store import Outcome, Store, StoreUnavailable, change
from tests.conformance.store.things import THINGS, a_thing, an_event, one, places, put, read
from tests.servers.mongo import MongoServer
from tests.waiting import until

QUICK = "serverSelectionTimeoutMS=3000&connectTimeoutMS=3000"  # a URL may set its own limits


async def test_a_server_that_is_not_there_is_said_at_the_start_without_the_password() -> None:
    with pytest.raises(StoreUnavailable) as refused:
        await open_store(f"mongodb://user:secret-word@127.0.0.1:9/things?{QUICK}")

    assert "secret-word" not in str(refused.value)


@pytest.mark.parametrize("url", ["mongodb://user:secret-word@127.0.0.1:9", "mongodb://", "mongodb:secret-word"])
async def test_a_url_without_a_database_is_refused_without_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="a MongoDB URL reads") as refused:
        await open_store(url)

    assert "secret-word" not in str(refused.value)


async def test_a_killed_server_loses_no_acknowledged_write_and_is_used_again(own_mongo: MongoServer) -> None:
    """INVARIANT: accepted means durable. The same store object works again when the server is back."""
    store = await open_store(f"{own_mongo.url('things')}?{QUICK}")
    await store.setup([THINGS], [])
    acknowledged: set[str] = set()
    unknown: set[str] = set()

    async def write(worker: int) -> None:
        for n in range(100_000):
            id = f"{worker}.{n}"
            try:
                await put(store, a_thing(id, text="x" * 500, events=[an_event(1, about=id)]))
            except StoreUnavailable:
                unknown.add(id)
                return
            acknowledged.add(id)

    async def some() -> bool:
        return len(acknowledged) > 300

    writers = asyncio.gather(*(write(worker) for worker in range(16)))
    await until(some)
    await asyncio.to_thread(own_mongo.control.kill)
    await writers
    assert len(unknown) == 16
    with pytest.raises(StoreUnavailable):
        await store.get(THINGS, "0.0")
    with pytest.raises(StoreUnavailable):
        await store.find(THINGS, {})
    with pytest.raises(StoreUnavailable):
        await store.pending(10)

    await asyncio.to_thread(own_mongo.control.start)
    await until(lambda: _answers(store), seconds=180)

    assert acknowledged <= set(await store.get_many(THINGS, sorted(acknowledged)))
    repeated = [a_thing(id, text="x" * 500, events=[an_event(1, about=id)]) for id in sorted(unknown)]
    assert set(await store.write(repeated)) <= {Outcome.WRITTEN, Outcome.EXISTS}
    sending = places(await store.pending(1_000_000))
    assert sorted(sending) == sorted((id, 1) for id in acknowledged | unknown), "no event is lost, none is there twice"
    await store.close()


async def _answers(store: Store) -> bool:
    try:
        await store.count(THINGS, {})
    except StoreUnavailable:
        return False
    return True


class Line:
    """A line to a server that can lose the answers: requests arrive, and the connection breaks instead of the reply."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._tasks: set[asyncio.Task[None]] = set()
        self.loses_answers = False

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """Gives the port to connect to."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._host, self._port)
        up = asyncio.create_task(self._copy(reader, back, answers=False))
        down = asyncio.create_task(self._copy(there, writer, answers=True))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            writer.close()
            back.close()

    async def _copy(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, *, answers: bool) -> None:
        while data := await source.read(65536):
            if answers and self.loses_answers:
                return
            to.write(data)
            await to.drain()


async def test_a_write_whose_answer_is_lost_can_be_repeated(own_mongo: MongoServer) -> None:
    """INVARIANT: trouble on the way means unknown, never done twice: ids and versions make the repeat recognisable."""
    host, port = own_mongo.address.removeprefix("mongodb://").split(":")
    line = Line(host, int(port))
    async with line.open() as here:
        store = await open_store(f"mongodb://127.0.0.1:{here}/things?directConnection=true&{QUICK}")
        await store.setup([THINGS], [])
        await put(store, a_thing("old", n=1))
        old = await read(store, "old")
        new = a_thing("new", n=1, events=[an_event(1, about="new")])
        changed = change(THINGS, old, {"n": 2}, events=[an_event(1, about="old")])

        line.loses_answers = True
        with pytest.raises(StoreUnavailable):
            await store.write([new, changed])
        line.loses_answers = False
        await until(lambda: _answers(store))

        assert await one(store, new) in (Outcome.EXISTS, Outcome.WRITTEN)
        if await one(store, changed) is Outcome.CONFLICT:  # it had arrived
            assert (await read(store, "old")).data == {"n": 2}
        assert sorted(places(await store.pending(10))) == [("new", 1), ("old", 1)]
        assert (await read(store, "old")).version == 2
        await store.close()
