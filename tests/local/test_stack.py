"""The embedded stack: its secrets, its ports, and the supervisor that keeps it."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from local.stack import SERVICES, Stack, StackRefused, choose_ports, free_ports
from local.supervisor import ROOT, GivenUp, Patience, Supervisor, last_lines
from tests.waiting import until


def a_stack(tmp_path: Path, **more: object) -> Stack:
    return Stack(tmp_path / "data", port_base=free_ports(), **more)  # type: ignore[arg-type]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    stack = a_stack(tmp_path)
    stack.prepare()
    secrets = stack.folder / "secrets.env"
    first = secrets.read_text()

    stack.prepare()

    assert secrets.read_text() == first
    assert mode(stack.folder) == 0o700
    for name in ("secrets.env", "clients.json", "callers.json"):
        assert mode(stack.folder / name) == 0o600, name


def test_two_stacks_share_no_key_and_no_client(tmp_path: Path) -> None:
    one, other = Stack(tmp_path / "one"), Stack(tmp_path / "other")
    one.prepare()
    other.prepare()

    assert one.credential() != other.credential()
    assert one.environment("intake")["INTAKE_VAULT_KEYS"] != other.environment("intake")["INTAKE_VAULT_KEYS"]


def test_each_service_gets_its_own_secrets_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SMTP_URL", "smtp://127.0.0.1:25")
    stack = a_stack(tmp_path)
    stack.prepare()

    given = {name: set(stack.environment(name)) for name in SERVICES}

    assert "NOTIFY_PRIVATE_KEYS" in given["notify"]
    assert not any("NOTIFY_PRIVATE_KEYS" in given[name] for name in SERVICES if name != "notify")
    assert not any("INTAKE_VAULT_KEYS" in given[name] for name in SERVICES if name != "intake")
    assert "EQUIVALENCE_PSEUDONYM_KEYS" not in given["equivalence"]
    assert "NOTIFY_SMTP_URL" not in given["notify"], "a stack of its own takes nothing from its surroundings"


def test_a_stack_that_inherits_keeps_what_the_operator_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SMTP_URL", "smtp://127.0.0.1:25")
    monkeypatch.setenv("INTAKE_VAULT_KEYS_FILE", "/nowhere")
    stack = a_stack(tmp_path, inherit=True)
    stack.prepare()

    assert stack.environment("notify")["NOTIFY_SMTP_URL"] == "smtp://127.0.0.1:25"
    assert "INTAKE_VAULT_KEYS_FILE" not in stack.environment("intake"), "the stack sets these keys itself"


def test_data_without_their_keys_are_not_covered_by_new_ones(tmp_path: Path) -> None:
    stack = a_stack(tmp_path)
    stack.prepare()
    (stack.folder / "intake.db").touch()
    (stack.folder / "secrets.env").unlink()

    with pytest.raises(StackRefused, match=r"secrets\.env is gone"):
        stack.prepare()
    assert not (stack.folder / "secrets.env").exists()


def test_a_taken_port_is_refused_when_it_was_asked_for_and_passed_over_when_not() -> None:
    with socket.create_server(("127.0.0.1", free_ports() + 2)) as other:
        taken = other.getsockname()[1] - 2

        with pytest.raises(StackRefused, match=f"Port {taken + 2} is taken"):
            choose_ports(taken)
        assert choose_ports() != taken


async def test_a_second_supervisor_of_a_folder_is_refused(tmp_path: Path) -> None:
    stack = a_stack(tmp_path)
    async with Supervisor(stack, services=["notify"]):
        with pytest.raises(StackRefused, match=r"runs in .* already"):
            async with Supervisor(stack, services=["notify"]):
                pass


async def test_a_killed_service_is_started_again_and_all_end_with_their_supervisor(tmp_path: Path) -> None:
    async with Supervisor(a_stack(tmp_path), services=["equivalence", "notify"]) as running:
        killed = running.kill("notify")
        await until(lambda: _true(running.pid("notify") not in (None, killed)))
        await running.until_ready()
        pids = [running.pid(name) for name in ("equivalence", "notify")]

    assert not any(_lives(pid) for pid in pids if pid)


async def test_no_service_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    stack = a_stack(tmp_path)
    command = [sys.executable, "-m", "local.up", "--data", str(stack.folder), "--port-base", str(stack.port_base)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        ready = 0
        while ready < len(SERVICES):
            line = await asyncio.wait_for(process.stdout.readline(), 60)
            assert line, "the stack did not start"
            ready += b"is ready" in line
        pids = _started_services(stack)
        assert len(pids) == len(SERVICES)

        process.kill()
        await process.wait()

        await until(lambda: _true(not any(map(_lives, pids))))
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    async with Supervisor(stack):
        """The folder is free again, and its data are fine."""


async def test_a_service_that_cannot_live_is_given_up_with_the_reason(tmp_path: Path) -> None:
    stack = a_stack(tmp_path, settings={"NOTIFY_PRIVATE_KEYS": "not a key"})
    said: list[str] = []

    with pytest.raises(GivenUp) as given_up:
        async with Supervisor(stack, services=["notify"], say=said.append, patience=Patience(deaths=2)):
            pass

    assert "notify died 2 times in a row (last: exit code 2)" in str(given_up.value)
    assert "private_keys" in str(given_up.value)
    assert "not a key" not in str(given_up.value)
    assert any("started again" in line for line in said)


async def test_the_calendar_of_one_service_can_be_moved(tmp_path: Path) -> None:
    async with Supervisor(a_stack(tmp_path, business_date="2024-06-01"), services=["intake", "notify"]) as running:
        before = (running.pid("intake"), running.pid("notify"))

        await running.restart("intake", business_date="2024-11-20")

        assert running.pid("intake") != before[0]
        assert running.pid("notify") == before[1]
        environment = Path(f"/proc/{running.pid('intake')}/environ")
        if environment.exists():
            assert "INTAKE_BUSINESS_DATE=2024-11-20" in environment.read_text("utf-8", "replace").split("\0")


def test_up_leaves_a_stack_that_down_stops(tmp_path: Path) -> None:
    folder = str(tmp_path / "data")
    up = [sys.executable, "-m", "local.up", "--detach", "--data", folder, "--port-base", str(free_ports())]

    first = subprocess.run(up, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    try:
        assert first.returncode == 0, first.stderr
        curl = re.search(r"curl -sS -u '(\S+):(\S+)'", first.stdout)
        assert curl is not None
        again = subprocess.run(up, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
        assert again.returncode == 0
        assert "already" in again.stdout
        assert curl[0] in again.stdout
        for log in (tmp_path / "data" / "log").iterdir():
            assert curl[2] not in log.read_text("utf-8"), f"{log.name} holds a secret"
    finally:
        down = [sys.executable, "-m", "local.down", "--data", folder]
        stopped = subprocess.run(down, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert "Stopped" in stopped.stdout
    assert (tmp_path / "data" / "intake.db").exists()
    nothing = subprocess.run(down, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert nothing.returncode == 0
    assert "No stack runs" in nothing.stdout


def test_the_last_lines_of_a_log_are_shown_in_short(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"level":"ERROR","action":"a.b","message":"it broke","error":["OSError"]}\nplain words\n')

    assert last_lines(log) == ["ERROR · a.b · it broke · OSError", "plain words"]
    assert last_lines(tmp_path / "nothing") == []


async def _true(value: bool) -> bool:
    return value


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat_line = Path(f"/proc/{pid}/stat")
    return not stat_line.exists() or stat_line.read_text().rpartition(")")[2].split()[0] != "Z"


def _started_services(stack: Stack) -> list[int]:
    """Process ids as each service wrote them into its log."""
    found = []
    for name in SERVICES:
        match = re.search(r'"pid":(\d+)', stack.log(name).read_text("utf-8"))
        assert match is not None
        found.append(int(match[1]))
    return found
