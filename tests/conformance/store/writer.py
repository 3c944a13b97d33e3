"""A process that writes as fast as it can and names what was acknowledged, to be killed: `writer.py URL RUN`."""

import asyncio
import sys

from chassis.adapters import open_store
from chassis.store import Outcome, change, push
from tests.conformance.store.things import THINGS, a_thing, an_event, one, put, read

WORKERS = 16


async def main(url: str, run: str) -> None:
    store = await open_store(url)
    await store.setup([THINGS], [])

    async def work(worker: int) -> None:
        for n in range(100_000):
            id = f"{run}.{worker}.{n}"
            await put(store, a_thing(id, text="x" * 500, events=[an_event(1, about=id)]))
            print(id, "created", flush=True)
            document = await read(store, id)
            await put(store, change(THINGS, document, {"n": n}, events=[an_event(2, about=id), an_event(3, about=id)]))
            print(id, "changed", flush=True)
            pushed = await one(store, push(THINGS, id, {"log": ["line"]}, seen={"notify": 1}))
            assert pushed is Outcome.WRITTEN
            print(id, "pushed", flush=True)

    await asyncio.gather(*(work(worker) for worker in range(WORKERS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
