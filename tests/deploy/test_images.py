"""What an image holds, and how it behaves without anything around it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import Any

import pytest

from local.containers import Containers
from local.stack import SERVICES

LARGEST_ADDITION = 60_000_000  # bytes on top of the base image, whose size is not ours


def run(containers: Containers, service: str, *command: str, options: tuple[str, ...] = ()) -> Any:
    """The finished process: another user id than the image's, nothing writable, no network."""
    image = f"zhicheng/{service}:{containers.tag}"
    safe = ["--rm", "--user", "4711:4711", "--read-only", "--tmpfs", "/tmp", "--network", "none", "--cap-drop", "ALL"]  # noqa: S108
    whole = ["docker", "run", *safe, *options, image, *command]
    return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=300)


def python(containers: Containers, service: str, code: str) -> Any:
    return run(containers, service, "-c", code, options=("--entrypoint", "python"))


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_one_service_and_none_of_its_siblings(containers: Containers, service: str) -> None:
    code = "import json, pathlib; print(json.dumps(sorted(map(str, pathlib.Path('/app').glob('*/*/')))))"
    places = json.loads(python(containers, service, code).stdout)
    packages = {place for place in places if place.startswith("/app/services/") and not place.endswith(".py")}
    assert packages - {"/app/services/__pycache__"} == {f"/app/services/{service}"}
    assert {place.split("/")[2] for place in places} == {"contracts", "chassis", "services"}

    for sibling in SERVICES:
        done = python(containers, service, f"import services.{sibling}.main")
        if sibling == service:
            assert done.returncode == 0, done.stderr
        else:
            assert f"No module named 'services.{sibling}'" in done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_for_production_unless_told_otherwise(containers: Containers, service: str) -> None:
    done = run(containers, service)

    assert done.returncode == 2
    assert "settings refused" in done.stderr
    if service == "equivalence":  # has no key that would be missed first
        assert "not for production" in done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_small_and_not_root(containers: Containers, service: str) -> None:
    image, base = _inspected(f"zhicheng/{service}:{containers.tag}"), _inspected("python:3.13-slim")

    print(f"\n{service}: {image['Size'] / 1e6:.0f} MB, {(image['Size'] - base['Size']) / 1e6:.0f} MB of it ours")
    assert image["Size"] - base["Size"] < LARGEST_ADDITION
    assert image["Config"]["User"] == "10001:10001"
    layers = len(base["RootFS"]["Layers"])
    assert image["RootFS"]["Layers"][:layers] == base["RootFS"]["Layers"]


def test_a_running_service_has_no_shell_around_it_and_no_secret_in_its_environment(containers: Containers) -> None:
    project = containers.project
    for service in SERVICES:
        name = f"{project}-{service}-1"
        children = 'for p in /proc/[0-9]*; do [ "$(cut -d" " -f4 $p/stat)" = 1 ] && cat $p/comm; done'
        code = f"cat /proc/1/comm; {children}; true"
        first = subprocess.run(
            ["docker", "exec", name, "bash", "-c", code], capture_output=True, text=True, check=False, timeout=300
        )
        init, service_itself = first.stdout.split()
        assert init.endswith("init"), first.stderr
        assert service_itself.startswith("python")
        environment = "\n".join(_inspected(name)["Config"]["Env"])
        assert "mongodb://" not in environment
        assert "=k1=" not in environment and "=p1=" not in environment and "=n1=" not in environment
        ports = _inspected(name)["HostConfig"]["PortBindings"]
        assert {binding["HostIp"] for bindings in ports.values() for binding in bindings} == {"127.0.0.1"}


@pytest.mark.parametrize("said", ["", "service.starting"], ids=["at once", "while it starts"])
def test_a_container_that_is_stopped_while_it_starts_keeps_nobody_waiting(containers: Containers, said: str) -> None:
    """A first process has no default reaction to SIGTERM: what does not listen is killed after the grace time."""
    embedded = {"STORE_URL": "sqlite:/tmp/e.db", "BUS_URL": "local:/tmp/bus.db"}
    options = [part for name, value in embedded.items() for part in ("--env", f"EQUIVALENCE_{name}={value}")]
    options += ["--env", "ZHICHENG_ENVIRONMENT=development", "--read-only", "--tmpfs", "/tmp"]  # noqa: S108
    name = f"{containers.project}-early-{said.partition('.')[2] or 'first'}"
    subprocess.run(
        ["docker", "run", "--detach", "--name", name, *options, f"zhicheng/equivalence:{containers.tag}"],
        check=True,
        capture_output=True,
        timeout=300,
    )
    try:
        end = time.monotonic() + 30
        while said not in _logs(name) and time.monotonic() < end:
            time.sleep(0.02)
        subprocess.run(["docker", "stop", "--time", "30", name], check=True, capture_output=True, timeout=300)
        assert _inspected(name)["State"]["ExitCode"] in (0, 128 + signal.SIGTERM), _logs(name)
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=False, capture_output=True, timeout=300)


def _logs(name: str) -> str:
    done = subprocess.run(["docker", "logs", name], check=True, capture_output=True, text=True, timeout=300)
    return done.stdout + done.stderr


def _inspected(name: str) -> dict[str, Any]:
    done = subprocess.run(["docker", "inspect", name], capture_output=True, text=True, check=True, timeout=300)
    found: dict[str, Any] = json.loads(done.stdout)[0]
    return found
