"""An embedded stack: a data folder with its secrets, four ports, and the environment of each process."""

from __future__ import annotations

import json
import os
import random
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chassis import callers_cli, sealing

SERVICES = ("intake", "equivalence", "competition", "notify")
HOST = "127.0.0.1"
PORT_BASE = 8100  # intake 8101, equivalence 8102, competition 8103, notify 8104
SCOPES = {
    "demo-partner": ("applications:write", "applications:read", "applications:erase", "deliveries:read"),
    "demo-officer": ("officer:read", "deliveries:resend", "register:import"),
    "demo-operator": ("parked:read", "parked:release", "parked:discard"),
}
_PREFIXES = (*(f"{name.upper()}_" for name in SERVICES), "ZHICHENG_")
# Below the range from which systems take ports for outgoing connections: a port of ours that is free for a moment
# must not go to a client.
_FREE_BASES = range(15_000, 32_000, 10)


class StackRefused(Exception):
    """The stack cannot be used as it is; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A client of this one stack. It works nowhere else."""

    client: str
    secret: str


@dataclass(frozen=True)
class Stack:
    """`inherit`: variables of the caller's environment reach the services (an SMTP address, say), save those that the
    stack itself sets. `settings`: more variables for the services, such as NOTIFY_LEASE_SECONDS.
    """

    folder: Path
    port_base: int = PORT_BASE
    business_date: str | None = None  # intake's calendar: YYYY-MM-DD, None = the real one
    inherit: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    code: Path | None = None  # the folder of a release, None = this one

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", self.folder.absolute())  # the services run elsewhere

    def port(self, service: str) -> int:
        return self.port_base + 1 + SERVICES.index(service)

    def url(self, service: str) -> str:
        return f"http://{HOST}:{self.port(service)}"

    def log(self, service: str) -> Path:
        return self.folder / "log" / f"{service}.jsonl"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    @property
    def state(self) -> Path:
        """Where a running supervisor says how it is doing."""
        return self.folder / "stack.json"

    def store_url(self, service: str) -> str:
        return f"sqlite:{self.folder / f'{service}.db'}"

    def prepare(self) -> None:
        """Makes the folder (mode 700) and, on first use, keys and clients (mode 600). Raises StackRefused."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / "log").mkdir(mode=0o700, exist_ok=True)
        if not self._secrets.exists():
            if any((self.folder / f"{name}.db").exists() for name in SERVICES):
                raise StackRefused(
                    f"{self._secrets} is gone, and without its keys the data beside it stay sealed. "
                    f"Put it back, or remove {self.folder} and begin anew."
                )
            lines = [f"{name}={value}\n" for name, value in sealing.new_environment().items()]
            write_private(self._secrets, "".join(lines))
        known = json.loads(self._clients.read_text("utf-8")) if self._clients.exists() else {}
        missing = [partner for partner in SCOPES if partner not in known]  # all, or what an older version had not
        for partner in missing:
            client, secret = callers_cli.add(self._callers, partner, SCOPES[partner])
            known[partner] = {"client": client.id, "secret": secret}
        if missing:
            write_private(self._clients, json.dumps(known, indent=2) + "\n")

    def credential(self, partner: str = "demo-partner") -> Credential:
        """Of a prepared stack. There is no client that every installation has."""
        return Credential(**json.loads(self._clients.read_text("utf-8"))[partner])

    def environment(self, service: str) -> dict[str, str]:
        """What the process of a service gets."""
        own = self._of(service)
        secrets = self._secrets.read_text("utf-8").splitlines()
        own |= dict(line.split("=", 1) for line in secrets if line.startswith(f"{service.upper()}_"))
        own |= {name: value for name, value in self.settings.items() if name.startswith(f"{service.upper()}_")}
        given = os.environ if self.inherit else _without_prefixes(os.environ)
        return {name: value for name, value in given.items() if name.removesuffix("_FILE") not in own} | own

    def _of(self, service: str) -> dict[str, str]:
        values = {
            "environment": "development",
            "host": HOST,
            "port": str(self.port(service)),
            "store_url": self.store_url(service),
            "bus_url": f"local:{self.folder / 'bus.db'}",
            "callers_file": str(self._callers),
        }
        match service:
            case "intake":
                values |= {"synthetic_rounds": "true"}
                values |= {"business_date": self.business_date} if self.business_date else {}
            case "competition":
                values |= {"synthetic_rosters": "true"}
            case "notify":
                values |= {"outbox_dir": str(self.outbox)}
        return {f"{service}_{name}".upper(): value for name, value in values.items()}

    @property
    def _secrets(self) -> Path:
        return self.folder / "secrets.env"

    @property
    def _callers(self) -> Path:
        return self.folder / "callers.json"

    @property
    def _clients(self) -> Path:
        return self.folder / "clients.json"


def choose_ports(base: int | None = None) -> int:
    """A base whose four ports are free: the one asked for or none; not asked for, 8100 or the next one that is free.

    Raises StackRefused.
    """
    if base is not None:
        if taken := _taken(base):
            raise StackRefused(
                f"Port {taken[0]} is taken. Choose another base, for example --port-base {base + 100}, "
                "or leave it out to have one chosen."
            )
        return base
    for candidate in range(PORT_BASE, PORT_BASE + 500, 10):
        if not _taken(candidate):
            return candidate
    raise StackRefused(f"No four free ports in a row above {PORT_BASE}. Name a base with --port-base N.")


def free_ports() -> int:
    """A base that nobody is likely to use: for stacks that live for minutes."""
    for candidate in random.sample(_FREE_BASES, 50):
        if not _taken(candidate):
            return candidate
    raise StackRefused("No four free ports in a row between 15000 and 32000.")


def _taken(base: int) -> list[int]:
    return [port for port in range(base + 1, base + 1 + len(SERVICES)) if not _is_free(port)]


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True


def _without_prefixes(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(_PREFIXES)}


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, readable by its owner alone."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
