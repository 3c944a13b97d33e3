"""Apache Kafka as a plain process: its published jars from Maven Central, where Java 17 and Maven are installed."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers.control import Control, NotStarted, Process
from tests.servers.folder import NotFetched, fetch, free_ports, locked, place

POM = Path(__file__).with_name("kafka-jars.xml")
VERSION = "4.3.1"  # as in the pom
OLDEST_JAVA = 17
START_SECONDS = 180
CLUSTER = "5L6g3nShT-eMCtK--X86sw"


@functools.cache
def lacks() -> str | None:
    """None where it can be tried, else what is missing."""
    if not shutil.which("mvn"):
        return "Maven"
    java = shutil.which("java")
    if not java:
        return f"Java {OLDEST_JAVA}"
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr
    except (OSError, subprocess.TimeoutExpired):
        return f"Java {OLDEST_JAVA}"
    found = re.search(r'version "(\d+)', said)
    return None if found and int(found[1]) >= OLDEST_JAVA else f"Java {OLDEST_JAVA}"


@functools.cache
def jars() -> Path | str:
    """The folder of the jars, fetched once for all runs; or in one line why there is none, asked once per run."""
    with locked(f"kafka-{VERSION}") as there:
        if there.exists():
            return there
        partly = there.with_name(f"{there.name}.partly")
        shutil.rmtree(partly, ignore_errors=True)
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={partly}"]
        try:
            fetch(command)
        except NotFetched as error:
            return str(error)
        partly.rename(there)
        return there


@contextmanager
def process(properties: Mapping[str, str], *, alone: bool = True) -> Iterator[tuple[int, Control]]:
    """A broker with these properties; its port. Listeners and voters are its own unless they say others.

    One that is not alone is not waited for: it is up when the others are. Raises NotFetched and NotStarted.
    """
    libraries = jars()
    if isinstance(libraries, str):
        raise NotFetched(libraries)
    with place("kafka") as (data, log):
        port, controller = free_ports(2)
        config = data / "server.properties"
        own = {
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "log.dirs": str(data / "log"),
        }
        config.write_text("".join(f"{name}={value}\n" for name, value in {**own, **properties}.items()))
        java = ["java", "-Xms256m", "-Xmx512m", "-cp", f"{libraries}/*"]
        _format(java, config, log)
        server = Process([*java, "kafka.Kafka", str(config)], folder=data, log=log)
        try:
            server.start()
            if alone:
                _wait_until_started(server, log)
            yield port, server
        finally:
            server.stop()


def _wait_until_started(server: Process, log: Path) -> None:
    if trouble := server.until(lambda: b"Kafka Server started" in log.read_bytes(), seconds=START_SECONDS):
        raise NotStarted(trouble)


def _format(java: list[str], config: Path, log: Path) -> None:
    command = [*java, "kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER, "--config", str(config)]
    with log.open("ab") as output:
        try:
            subprocess.run(command, stdout=output, stderr=output, timeout=START_SECONDS, check=True)
        except (OSError, subprocess.SubprocessError):
            raise NotStarted(f"its storage could not be formatted, see {log}") from None
