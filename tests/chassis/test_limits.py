"""Limits, in process and through a real server: only there can a client be slow, or be answered while it sends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.chassis.web_service import Demo, demo
from tests.waiting import until

JSON = {"Content-Type": "application/json"}


async def pieces(size: int, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * size


def client_of(it: Demo, address: tuple[str, int]) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}", headers={**it.basic, **JSON}, timeout=60)


async def test_a_body_at_the_limit_is_read_and_one_byte_more_is_not(tmp_path):
    async with demo(tmp_path, max_body_kb=1) as it, it.client(**JSON) as client:
        fits = await client.put("/v1/things/t1", content=b"{}".ljust(1024))
        larger = await client.put("/v1/things/t1", content=b"{}".ljust(1025))
        streamed = await client.put("/v1/things/t1", content=pieces(600, 2))

        assert fits.status_code == 200
        assert [larger.status_code, streamed.status_code] == [413, 413]
        assert streamed.json()["limit_bytes"] == 1024
        assert it.things.calls == 1


async def test_work_that_takes_too_long_is_cut_off_with_503(tmp_path):
    async with demo(tmp_path, request_seconds=0.1) as it, it.client() as client:
        it.things.takes_seconds = 60

        answer = await client.get("/v1/things/t1")

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert answer.json()["type"] == "urn:problem:demo:took-too-long"


@pytest.mark.parametrize("streamed", [False, True])
async def test_five_mebibytes_are_refused_with_an_answer_the_sender_gets(tmp_path, streamed):
    """Also while it is still sending: a connection closed too early would be a reset and no answer."""
    async with demo(tmp_path) as it, it.served() as address, client_of(it, address) as client:
        for _ in range(5):
            content = pieces(64 * 1024, 80) if streamed else b" " * (5 * 1024 * 1024)

            answer = await client.put("/v1/things/t1", content=content)

            assert answer.status_code == 413
            assert answer.json()["type"] == "urn:problem:demo:too-large"
        assert (await client.get("/v1/things/t1")).json()["calls"] == 1


async def test_a_body_that_does_not_arrive_in_time_is_408(tmp_path):
    async with demo(tmp_path, body_seconds=0.2) as it, it.served() as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        head = f"PUT /v1/things/t1 HTTP/1.1\r\nHost: x\r\nAuthorization: {it.basic['Authorization']}\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
        begun = time.monotonic()

        async with asyncio.timeout(60):
            answer = await reader.read()  # to the end: the server closes

        assert answer.startswith(b"HTTP/1.1 408")
        assert b"urn:problem:demo:too-slow" in answer
        assert time.monotonic() - begun < 9  # 10 are usual
        writer.close()


async def test_a_drip_of_bytes_does_not_hold_the_limit_up(tmp_path):
    async with demo(tmp_path, body_seconds=0.3) as it, it.served() as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"PUT /v1/things/t1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")

        async def drip() -> None:
            while True:
                writer.write(b" ")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        async with asyncio.timeout(60):
            answer = await reader.readline()
        dripping.cancel()

        assert answer.startswith(b"HTTP/1.1 408")
        writer.close()


async def test_who_asks_before_sending_is_told_at_once(tmp_path):
    async with demo(tmp_path) as it, it.served() as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        head = "PUT /v1/things/t1 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        writer.write(f"{head}Content-Length: 5000000\r\n\r\n".encode())

        async with asyncio.timeout(60):
            answer = await reader.read()

        assert answer.startswith(b"HTTP/1.1 413")
        writer.close()


async def test_a_sender_that_hangs_up_leaves_the_service_well(tmp_path):
    async with demo(tmp_path) as it, it.served() as address, client_of(it, address) as client:
        _, writer = await asyncio.open_connection(*address)
        writer.write(b"PUT /v1/things/t1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        writer.close()

        assert (await client.get("/v1/things/t1")).json()["calls"] == 1


async def test_one_connection_serves_many_requests(tmp_path):
    async with demo(tmp_path) as it, it.served() as address, client_of(it, address) as client:
        for number in range(1, 4):
            answer = await client.put("/v1/things/t1", content=b'{"name":"x"}')
            assert answer.json()["calls"] == number
            assert "connection" not in answer.headers


async def test_what_exceeds_the_requests_that_may_be_in_work_is_refused_at_once_and_probes_answer(tmp_path):
    async with demo(tmp_path, max_requests=2) as it, it.served() as address, client_of(it, address) as client:
        it.things.let_go = asyncio.Event()
        begun = [asyncio.create_task(client.get("/v1/things/t1")) for _ in range(2)]

        async def both_in_work() -> bool:
            return it.things.calls == 2

        await until(both_in_work)
        read, written = await client.get("/v1/things/t1"), await client.put("/v1/things/t1", content=b'{"name":"x"}')

        for refused in (read, written):
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
            assert refused.json()["type"] == "urn:problem:demo:busy"
        assert it.things.calls == 2
        for probe in ("/livez", "/readyz", "/version", "/metrics"):
            assert (await client.get(probe)).status_code == 200
        it.things.let_go.set()
        assert [(await task).status_code for task in begun] == [200, 200]
        assert (await client.get("/v1/things/t1")).status_code == 200


async def test_whatever_becomes_of_a_request_its_place_is_free_again(tmp_path):
    async with demo(tmp_path, max_requests=1, max_body_kb=1) as it, it.client(**JSON) as client:
        it.things.fails_with = RuntimeError("not expected")
        failed = await client.get("/v1/things/t1")
        too_large = await client.put("/v1/things/t1", content=b" " * 2000)
        it.things.fails_with, it.things.let_go = None, asyncio.Event()
        gone = asyncio.create_task(client.get("/v1/things/t1"))

        async def in_work() -> bool:
            return it.things.calls == 2

        await until(in_work)
        gone.cancel()
        it.things.let_go.set()
        await asyncio.gather(gone, return_exceptions=True)

        assert [failed.status_code, too_large.status_code] == [500, 413]
        assert (await client.get("/v1/things/t1")).status_code == 200
