"""`python -m chassis.parked_cli COMMAND`: parked events of a service, over its API."""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

SECONDS = 30.0  # for one answer
WAIT_SECONDS = 120.0
FILTERS = ("key", "topic", "reason", "producer", "type", "parked_before", "parked_after")


class Refused(Exception):
    """What was asked for was not done; the message says why."""


def login(environment: Mapping[str, str]) -> tuple[str, str]:
    """Client and secret from ZHICHENG_CLIENT and ZHICHENG_SECRET (or the file ZHICHENG_SECRET_FILE). Raises Refused."""
    client, secret = environment.get("ZHICHENG_CLIENT"), environment.get("ZHICHENG_SECRET")
    if secret is None and (file := environment.get("ZHICHENG_SECRET_FILE")):
        secret = Path(file).read_text("utf-8").strip()
    if not client or not secret:
        raise Refused("set ZHICHENG_CLIENT and ZHICHENG_SECRET, or ZHICHENG_SECRET_FILE, to a client's id and secret")
    return client, secret


class Service:
    """The API of one service."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def read(self, path: str, **params: Any) -> dict[str, Any]:
        return self._answer("GET", path, params={name: value for name, value in params.items() if value is not None})

    def pages(self, path: str, most: int, **params: Any) -> Iterator[dict[str, Any]]:
        """The entries of a list, `most` at most."""
        cursor = None
        while most > 0:
            page = self.read(path, cursor=cursor, limit=min(most, 200), **params)
            yield from page["items"]
            most -= len(page["items"])
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def ask(self, verb: str, body: Mapping[str, Any], key: str) -> dict[str, Any]:
        return self._answer("POST", f"/v1/parked/{verb}s", json=body, headers={"Idempotency-Key": key})

    def _answer(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        try:
            answer = self._client.request(method, path, **more)
        except httpx.TransportError as why:
            raise Refused(f"{self._client.base_url} does not answer ({type(why).__name__})") from None
        if answer.is_success:
            found: dict[str, Any] = answer.json()
            return found
        raise Refused(_said(answer))


def _said(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:
        return f"{answer.status_code}, and no problem document: is this a service of ours?"
    more = [f"{error['field']}: {error['rule']}" for error in problem.get("errors", ())]
    if "scope" in problem:
        more.append(f"scope: {problem['scope']}")
    return " ".join([f"{answer.status_code} {problem.get('title', '')}", *more])


# --- what the commands do ---


def show_list(service: Service, asked: argparse.Namespace) -> None:
    wanted = {name: getattr(asked, name) for name in FILTERS}
    heads = None if asked.all_events else True
    for event in service.pages("/v1/parked/events", asked.limit, heads=heads, **wanted):
        shown = (event["id"], event["parked_at"], event["reason"], event["topic"], event["type"], event["key"])
        number = event["sequence"]
        state = f"release {event['release']}" if event["release"] else "waits"
        print("\t".join([*(str(part or "-") for part in shown), str(number or "-"), state]))


def show_event(service: Service, asked: argparse.Namespace) -> None:
    event = service.read(f"/v1/parked/events/{asked.id}")
    value = event.pop("value_base64")
    print(json.dumps(event, indent=2, ensure_ascii=False))
    if asked.value:
        print(base64.b64decode(value or "").decode("utf-8", "backslashreplace"))


def let_go(service: Service, asked: argparse.Namespace) -> None:
    """release, replay and discard: alike but for the verb and for how the events are named."""
    verb = "discard" if asked.command == "discard" else "release"
    wanted: dict[str, Any] = {name: getattr(asked, name) for name in FILTERS if getattr(asked, name, None) is not None}
    if getattr(asked, "ids", None):
        wanted["ids"] = asked.ids
    if not wanted and not getattr(asked, "everything", False):
        raise Refused("name events or a filter; --everything takes all that is parked")
    body = {"filter": wanted, "why": asked.why, "past_gap": asked.past_gap, "dry_run": asked.dry_run}
    key = asked.idempotency_key or secrets.token_hex(16)
    if asked.dry_run:
        print(json.dumps(service.ask(verb, body, key), indent=2))
        return
    print(f"idempotency key {key}: with --idempotency-key the same command can be sent again", file=sys.stderr)
    release = service.ask(verb, body, key)
    end = time.monotonic() + asked.wait
    while release["state"] != "done" and time.monotonic() < end:
        time.sleep(0.2)
        release = service.read(f"/v1/parked/releases/{release['id']}")
    _print_release(release)
    if release["state"] != "done":
        raise Refused(f"{release['id']} is still at work; look again with: releases {release['id']}")


def show_releases(service: Service, asked: argparse.Namespace) -> None:
    if asked.id is None:
        for release in service.pages("/v1/parked/releases", asked.limit):
            _print_release(release)
        return
    _print_release(service.read(f"/v1/parked/releases/{asked.id}"))
    for event in service.pages(f"/v1/parked/releases/{asked.id}/events", asked.limit):
        shown = (event["event"], event["at"], event["outcome"], event["reason"], event["key"], event["sequence"])
        print("\t".join(str(part or "-") for part in shown))


def _print_release(release: Mapping[str, Any]) -> None:
    counts = ", ".join(f"{name} {release[name]}" for name in ("handled", "repeated", "discarded", "rejected"))
    print(f"{release['id']}\t{release['at']}\t{release['verb']}\t{release['client']}\t{release['state']}: {counts}")
    print(f"  {release['why']} {json.dumps(release['filter'])}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chassis.parked_cli",
        description="Shows the parked events of a service, lets them go on, or discards them.",
        epilog="Login: ZHICHENG_CLIENT and ZHICHENG_SECRET (or ZHICHENG_SECRET_FILE), of a client with the scopes "
        "parked:read, parked:release, parked:discard. A line: the parked events of a key and a producer, in their "
        "order. Its first event is the one that counts for filters; the others go on behind it.",
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the service (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)

    listing = commands.add_parser("list", help="parked events, newest first: the first of each line")
    _filters(listing)
    listing.add_argument("--all-events", action="store_true", help="those behind them too")
    listing.add_argument("--limit", type=int, default=100, help="how many at most (default: %(default)s)")
    listing.set_defaults(do=show_list)

    showing = commands.add_parser("show", help="one parked event")
    showing.add_argument("id")
    showing.add_argument("--value", action="store_true", help="its content too, which is personal data")
    showing.set_defaults(do=show_event)

    releasing = commands.add_parser("release", help="let the lines of these events go on")
    releasing.add_argument("ids", nargs="+", metavar="id")
    replaying = commands.add_parser("replay", help="let all lines go on that match a filter")
    discarding = commands.add_parser("discard", help="remove events for good; those behind them go on")
    discarding.add_argument("ids", nargs="*", metavar="id")
    for command in (replaying, discarding):
        _filters(command)
        command.add_argument("--everything", action="store_true", help="all that is parked")
    for command in (releasing, replaying, discarding):
        command.add_argument("--why", required=True, help="for the record: 10 to 500 characters, no names of persons")
        command.add_argument("--dry-run", action="store_true", help="say what would be taken up, and change nothing")
        command.add_argument("--past-gap", action="store_true", help="give up missing events before it, for good")
        command.add_argument("--idempotency-key", help="the key of the command that is sent again")
        command.add_argument(
            "--wait", type=float, default=WAIT_SECONDS, metavar="SECONDS", help="for its end (default: %(default)s)"
        )
        command.set_defaults(do=let_go)

    recording = commands.add_parser("releases", help="who let what go on or discarded it, and why")
    recording.add_argument("id", nargs="?", help="one of them, with what became of each event")
    recording.add_argument("--limit", type=int, default=100, help="how many at most (default: %(default)s)")
    recording.set_defaults(do=show_releases)
    return parser


def _filters(command: argparse.ArgumentParser) -> None:
    command.add_argument("--key", help="the id of the aggregate, of a case for example")
    command.add_argument("--topic")
    command.add_argument("--reason", help="the code with which it was parked")
    command.add_argument("--producer", help="the service that said it")
    command.add_argument("--type", help="of the event")
    command.add_argument("--parked-before", metavar="INSTANT", help="2026-11-24T10:00:00.000Z")
    command.add_argument("--parked-after", metavar="INSTANT")


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when it was done, 1 when it was refused; the reason goes to stderr."""
    asked = _parser().parse_args(arguments)
    try:
        auth = login(os.environ)
        with httpx.Client(base_url=asked.url, auth=auth, timeout=SECONDS, trust_env=False) as client:
            asked.do(Service(client), asked)
    except (Refused, OSError) as why:
        print(why, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
