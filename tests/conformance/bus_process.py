"""A process of its own that publishes or reads, to be killed: python -m tests.conformance.bus_process ACTION URL ..."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

from chassis.adapters import open_bus
from chassis.bus import Bus
from tests.conformance.buses import a_record, after


async def publish(bus: Bus, topic: str, name: str, count: str) -> None:
    """Four keys at once, each its numbers 1, 2, ...; a line "key number" after each acknowledgement."""

    async def one_key(key: str) -> None:
        for number in range(1, int(count) + 1):
            while await bus.publish([a_record(topic, key, str(number))]) != [True]:
                print("again", key, number, file=sys.stderr)
            print(key, number, flush=True)

    await asyncio.gather(*[one_key(f"{name}.{line}") for line in range(4)])


async def consume(bus: Bus, topic: str, group: str) -> None:
    """Reads and commits for ever; a line per record."""
    consumer = await bus.consumer(group, [topic])
    while True:
        records = await consumer.poll(100, 1.0)
        await consumer.commit(after(records))
        for record in records:
            print(record.key, (record.value or b"").decode(), flush=True)


ACTIONS: dict[str, Callable[..., Awaitable[None]]] = {"publish": publish, "consume": consume}


async def main(action: str, url: str, *rest: str) -> None:
    bus = await open_bus(url)
    await ACTIONS[action](bus, *rest)
    await bus.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
