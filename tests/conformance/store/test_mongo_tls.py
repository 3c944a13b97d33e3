"""MongoDB behind TLS, by options of its URL. A proxy speaks TLS for the server, whatever product that is."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chassis.store import StoreUnavailable
from chassis.store_mongo import MongoStore
from tests.servers.certificates import certificates


@asynccontextmanager
async def tls_proxy(target: str, certificate: Path, authority: Path) -> AsyncIterator[str]:
    """127.0.0.1:port that asks for a certificate and passes on to `target`, host:port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate)
    host, _, port = target.rpartition(":")
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        there, back = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_pass(reader, back), _pass(there, writer), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def test_a_store_is_reached_over_tls_with_a_certificate_by_options_of_its_url(
    mongo_url: str, tmp_path: Path
) -> None:
    parts = urlsplit(mongo_url)
    if "tls" in parts.query or "," in parts.netloc:
        pytest.skip("the server of this run speaks TLS itself, or is more than one")
    made = certificates(tmp_path)
    both = tmp_path / "client-both.pem"
    both.write_bytes(made.client_key.read_bytes() + made.client.read_bytes())
    login, at, server = parts.netloc.rpartition("@")

    async with tls_proxy(server, made.server, made.authority) as proxy:
        url = f"mongodb://{login}{at}{proxy}{parts.path}?directConnection=true&tls=true"
        url += f"&{parts.query}" if parts.query else ""
        patient, brief = "&serverSelectionTimeoutMS=60000", "&serverSelectionTimeoutMS=2000"
        files = f"&tlsCAFile={made.authority}&tlsCertificateKeyFile={both}"
        store = await MongoStore.open(url + files + patient)
        assert await store.count("things", {}) == 0
        await store.close()
        for wrong in (
            "",
            f"&tlsCAFile={made.authority}",
            f"&tlsCAFile={made.other_authority}&tlsCertificateKeyFile={both}",
        ):
            with pytest.raises(StoreUnavailable):
                await MongoStore.open(url + wrong + brief)
