"""The containers of compose.yaml as tests and demonstrations use them: a project of its own, with ports and secrets."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from chassis import callers_cli
from local.stack import HOST, SCOPES, SERVICES, Credential, Stack, write_private
from local.supervisor import ROOT

DEMONSTRATION = ("compose.yaml", "compose.demo.yaml")
PRODUCTION = ("compose.yaml",)
DOCKER_SECONDS = 60.0


class ContainersRefused(Exception):
    """Docker or compose did not do what was asked; the message says what it said."""


@dataclass(frozen=True)
class Containers(Stack):
    """`folder` holds the secrets. `project` names containers, volumes and network; `tag` the images.

    `more`: variables of the compose files beside those that are set here, such as INTAKE_PORTS.
    """

    project: str = "zhicheng-demo"
    tag: str = "latest"
    files: tuple[str, ...] = DEMONSTRATION
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def mail_url(self) -> str:
        """Mailpit's HTTP API."""
        return f"http://{HOST}:{self.port_base + 5}/api/v1"

    def credential(self, partner: str = "demo-partner") -> Credential:
        """Of a client that was added to the file of callers when it was first asked for."""
        clients = self.folder / "clients.json"
        known: dict[str, dict[str, str]] = json.loads(clients.read_text("utf-8")) if clients.exists() else {}
        if partner not in known:
            client, secret = callers_cli.add(self.folder / "callers" / "callers.json", partner, SCOPES[partner])
            known[partner] = {"client": client.id, "secret": secret}
            write_private(clients, json.dumps(known, indent=2) + "\n")
        return Credential(**known[partner])

    def secret(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8").strip()

    async def make_secrets(self) -> None:
        """By the command that operators use. Builds an image on first use."""
        await _run(["deploy/new-secrets", str(self.folder)], {})

    async def up(self, *arguments: str, business_date: str | None = None, shown: bool = False) -> None:
        """Returns when what was named (nothing named: everything) is ready."""
        more = {"BUSINESS_DATE": business_date} if business_date else {}
        await self.compose("up", "--wait", *arguments, more=more, shown=shown)

    async def move_calendar(self, business_date: str) -> None:
        """Makes intake anew with another date; nothing else stops."""
        await self.up("--no-deps", "--no-build", "intake", business_date=business_date)

    async def down(self, *, keep_data: bool) -> None:
        await self.compose("down", "--remove-orphans", *([] if keep_data else ["--volumes"]))

    async def compose(self, *arguments: str, more: Mapping[str, str] | None = None, shown: bool = False) -> str:
        """What `docker compose` says on standard output. `shown`: its progress goes to the terminal."""
        files = [part for file in self.files for part in ("--file", file)]
        command = ["docker", "compose", "--project-name", self.project, *files, *arguments]
        ports = {f"{name.upper()}_PORTS": str(self.port(name)) for name in SERVICES}
        own = {"ZHICHENG_SECRETS": str(self.folder), "ZHICHENG_TAG": self.tag, "MAIL_PORT": str(self.port_base + 5)}
        dates = {"BUSINESS_DATE": self.business_date} if self.business_date else {}
        return await _run(command, {**ports, **own, **dates, **self.more, **(more or {})}, shown=shown)


async def docker_answers() -> bool:
    try:
        async with asyncio.timeout(DOCKER_SECONDS):
            await _run(["docker", "compose", "version"], {})
            await _run(["docker", "info"], {})
    except (ContainersRefused, TimeoutError):
        return False
    return True


async def _run(command: list[str], more: Mapping[str, str], *, shown: bool = False) -> str:
    """Standard output. Raises ContainersRefused with the last lines of the other one."""
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env={**os.environ, **more}, stdout=pipe, stderr=None if shown else pipe
        )
    except OSError as why:
        raise ContainersRefused(f"{command[0]} cannot be run: {why.strerror}") from None
    try:
        said, complained = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if process.returncode:
        last = "\n  ".join((complained or b"").decode(errors="replace").strip().splitlines()[-15:])
        raise ContainersRefused(f"{' '.join(command)} ended with {process.returncode}\n  {last}")
    return said.decode(errors="replace")
