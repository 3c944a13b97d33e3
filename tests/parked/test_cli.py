"""The command for parked events, against running services."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from chassis import parked_cli
from chassis.bus_log import LogBus
from chassis.callers import SCOPES
from contracts.events import CaseWithdrawn
from tests.parked.test_api import NOBODY, SOMEBODY, WHY, withdrawn
from tests.served import served

LONG = 180.0
CLIENT, SECRET = "operator-1", secrets.token_urlsafe(24)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Notify among running services, with two lines parked there and a client that may do everything."""
    folder = tmp_path_factory.mktemp("served")
    client = {
        "id": CLIENT,
        "partner": "operations",
        "scopes": sorted(SCOPES),
        "secret_sha256": hashlib.sha256(SECRET.encode()).hexdigest(),
        "created": "2026-01-01T00:00:00.000Z",
    }
    with served(folder) as urls:
        (folder / "callers.json").write_text(json.dumps({"clients": [client]}))
        asyncio.run(publish(folder))
        end = time.monotonic() + LONG
        while parked_at(urls["notify"]) < 3:
            assert time.monotonic() < end, "nothing was parked"
            time.sleep(0.05)
        yield urls["notify"]


async def publish(folder: Path) -> None:
    bus = await LogBus.open(folder / "bus.db")
    assert all(await bus.publish([withdrawn(NOBODY, 3), withdrawn(NOBODY, 4), withdrawn(SOMEBODY, 2)]))
    await bus.close()


def parked_at(url: str) -> int:
    answer = httpx.get(f"{url}/v1/parked/events", auth=(CLIENT, SECRET), timeout=60, trust_env=False)
    return len(answer.json().get("items", []))  # none while the client is not known yet


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def command(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process: what it prints, and how it ends."""
    monkeypatch.setenv("ZHICHENG_CLIENT", CLIENT)
    monkeypatch.setenv("ZHICHENG_SECRET", SECRET)

    def run(*arguments: str, at: str = url) -> Said:
        code = parked_cli.main(["--url", at, *arguments])
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return run


def test_an_operator_lists_shows_tries_out_releases_and_reads_the_record(command: Command) -> None:
    listed = command("list", "--reason", "gap")
    assert listed.code == 0, listed.err
    lines = [line.split("\t") for line in listed.out.splitlines()]
    [head] = [line for line in lines if NOBODY in line]
    assert head[2:7] == ["gap", CaseWithdrawn.TOPIC, CaseWithdrawn.TYPE, NOBODY, "3"]

    shown = command("show", head[0], "--value")
    assert json.loads(shown.out.rsplit("\n{", 1)[0])["id"] == head[0]
    assert shown.out.count(NOBODY) >= 2  # as the key and in the value

    before = command("releases").out
    tried = command("replay", "--key", NOBODY, "--why", WHY, "--dry-run")
    assert json.loads(tried.out)["events"] == 2
    assert command("releases").out == before

    refused = command("release", head[0], "--why", WHY)
    assert refused.code == 0, refused.err
    assert "done: handled 0, repeated 0, discarded 0, rejected 1" in refused.out

    released = command("replay", "--key", NOBODY, "--past-gap", "--why", WHY)
    assert released.code == 0, released.err
    assert "done: handled 2, repeated 0, discarded 0, rejected 0" in released.out
    [key] = re.findall(r"idempotency key ([0-9a-f]{32})", released.err)
    again = command("replay", "--key", NOBODY, "--past-gap", "--why", WHY, "--idempotency-key", key)
    assert again.out == released.out

    record = command("releases").out
    assert record.count(WHY) == before.count(WHY) + 2
    one = command("releases", released.out.split("\t")[0])
    assert one.out.count("handled\t-") == 2
    assert NOBODY not in command("list", "--all-events").out


def test_an_operator_discards(command: Command) -> None:
    done = command("discard", "--key", SOMEBODY, "--past-gap", "--why", WHY)
    assert done.code == 0, done.err
    assert "discarded 1" in done.out
    assert SOMEBODY not in command("list").out


def test_what_cannot_be_done_is_said_with_its_reason(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, reason in (
        (("replay", "--why", WHY), "--everything"),
        (("replay", "--everything", "--why", "short"), "why: too-short"),
        (("show", "p_" + "0" * 32), "404"),
        (("list", "--reason", "no such reason"), "reason: pattern"),
    ):
        done = command(*arguments)
        assert done.code == 1
        assert reason in done.err
    assert "does not answer" in command("list", at="http://127.0.0.1:9").err
    monkeypatch.setenv("ZHICHENG_SECRET", "another")
    assert "401" in command("list").err
    monkeypatch.delenv("ZHICHENG_CLIENT")
    assert "set ZHICHENG_CLIENT" in command("list").err


def test_a_secret_may_be_a_file(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    monkeypatch.delenv("ZHICHENG_SECRET")
    monkeypatch.setenv("ZHICHENG_SECRET_FILE", str(tmp_path / "secret"))
    assert command("releases").code == 0
