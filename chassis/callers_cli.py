"""`python -m chassis.callers_cli --file PATH add|list|revoke`: keeps the callers file. A secret is shown once."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import secrets
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from chassis.callers import PUBLIC, SCOPES, BadCallersFile, Client, read_clients
from chassis.clock import Clock

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Refused(Exception):
    """What was asked for cannot be done; the message says why."""


def add(path: Path, partner: str, scopes: Sequence[str], client_id: str | None = None) -> tuple[Client, str]:
    """A new client and its secret, which is kept nowhere. Raises Refused."""
    if unknown := sorted(set(scopes) - SCOPES.keys()):
        raise Refused(f"no such scope: {', '.join(unknown)}. There are: {', '.join(SCOPES)}")
    if not scopes:
        raise Refused("a client needs at least one scope")
    id = client_id or f"{partner}-{secrets.token_hex(4)}"
    if not _NAME.fullmatch(partner) or not _NAME.fullmatch(id):
        raise Refused("partner and client ids hold letters, digits, dot, dash and underscore, 64 at most")
    secret = secrets.token_urlsafe(32)
    client = Client(id, partner, frozenset(scopes), hashlib.sha256(secret.encode()).hexdigest(), Clock().now())

    def added(clients: dict[str, Client]) -> dict[str, Client]:
        if id in clients:
            raise Refused(f"client {id} exists")
        return {**clients, id: client}

    _change(path, added)
    return client, secret


def revoke(path: Path, client_id: str) -> None:
    """From now on the client is refused; its entry stays. Raises Refused for an unknown one."""

    def revoked(clients: dict[str, Client]) -> dict[str, Client]:
        if client_id not in clients:
            raise Refused(f"no such client: {client_id}")
        old = clients[client_id]
        at = old.revoked or Clock().now()
        return {**clients, client_id: Client(old.id, old.partner, old.scopes, old.secret_sha256, old.created, at)}

    _change(path, revoked)


def read(path: Path) -> dict[str, Client]:
    return read_clients(path.read_bytes()) if path.exists() else {}


def _change(path: Path, how: Callable[[dict[str, Client]], dict[str, Client]]) -> None:
    """Reads, changes and replaces the file as a whole, one process at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        clients = how(read(path))
        entries = [
            {
                "id": client.id,
                "partner": client.partner,
                "scopes": sorted(client.scopes),
                "secret_sha256": client.secret_sha256,
                "created": client.created,
                "revoked": client.revoked,
            }
            for client in clients.values()
        ]
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                if path.exists():  # whoever could read it still can: in containers services have another user id
                    Path(name).chmod(stat.S_IMODE(path.stat().st_mode))
                json.dump({"clients": entries}, file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = path.with_name(f".{path.name}.lock")
    with lock.open("a") as file:
        try:
            import fcntl
        except ImportError:  # Windows: replacing the file is atomic, two adders at once are the operator's care
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _print_added(client: Client, secret: str, url: str) -> None:
    print(f"client  {client.id}")
    print(f"partner {client.partner}")
    print(f"scopes  {', '.join(sorted(client.scopes))}")
    print(f"secret  {secret}")
    print("The secret is shown this once and kept nowhere. With curl:")
    print(f"  curl -u '{client.id}:{secret}' {url}")


def _print_clients(clients: dict[str, Client]) -> None:
    for client in clients.values():
        state = f"revoked {client.revoked}" if client.revoked else "active"
        print(f"{client.id}\t{client.partner}\t{','.join(sorted(client.scopes))}\t{client.created}\t{state}")


def _parser() -> argparse.ArgumentParser:
    scopes = "\n".join(
        f"  {name:20} {sentence}{' (public)' if name in PUBLIC else ''}" for name, sentence in SCOPES.items()
    )
    parser = argparse.ArgumentParser(
        prog="python -m chassis.callers_cli",
        description="Adds, lists and revokes the clients that may call the services.",
        epilog=f"scopes:\n{scopes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--file", type=Path, required=True, help="the callers file; made if it is missing")
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("add", help="a new client; prints its secret once")
    adding.add_argument("--partner", required=True, help="the organisation that owns the cases")
    adding.add_argument("--scopes", required=True, help="comma-separated")
    adding.add_argument("--client", help="its id; made up if left out")
    adding.add_argument("--url", default="http://127.0.0.1:8000/v1/", help="for the curl command that is printed")
    commands.add_parser("list", help="all clients, without secrets")
    revoking = commands.add_parser("revoke", help="refuse a client from now on")
    revoking.add_argument("client", help="its id")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when it was done, 1 when it was refused; the reason goes to stderr."""
    asked = _parser().parse_args(arguments)
    try:
        match asked.command:
            case "add":
                scopes = [scope.strip() for scope in asked.scopes.split(",") if scope.strip()]
                _print_added(*add(asked.file, asked.partner, scopes, asked.client), asked.url)
            case "list":
                _print_clients(read(asked.file))
            case "revoke":
                revoke(asked.file, asked.client)
                print(f"{asked.client} is refused from now on")
    except (Refused, BadCallersFile, OSError) as why:
        print(why, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
