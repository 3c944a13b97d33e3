from __future__ import annotations

import json
import multiprocessing
import stat

import pytest

from chassis.callers import PUBLIC, SCOPES, CallersFile, may
from chassis.callers_cli import Refused, add, main, read, revoke
from chassis.metrics import REGISTRY
from tests.chassis.web_service import basic, demo

ENTRY = {"id": "a", "partner": "p", "scopes": ["applications:read"], "secret_sha256": "0" * 64, "created": "x"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "callers.json"


def test_a_client_is_known_by_its_secret_alone(path):
    client, secret = add(path, "p1", ["applications:read"])
    callers = CallersFile(path)

    assert callers.caller(client.id, secret).partner == "p1"
    assert callers.caller(client.id, secret).scopes == {"applications:read"}
    assert callers.caller(client.id, secret + "x") is None
    assert callers.caller(client.id, "") is None
    assert callers.caller("nobody", secret) is None


def test_the_file_holds_no_secret_and_only_its_owner_reads_it(path):
    _, secret = add(path, "p1", ["applications:read"])

    assert secret not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir() if "lock" not in entry.name] == ["callers.json"]


def test_whoever_could_read_the_file_still_can_after_a_change(path):
    add(path, "p1", ["applications:read"])
    path.chmod(0o644)

    add(path, "p2", ["applications:read"])

    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_secrets_have_256_bits(path):
    secrets = {add(path, "p1", ["applications:read"])[1] for _ in range(3)}

    assert len(secrets) == 3
    assert all(len(secret) == 43 for secret in secrets)


def test_a_change_of_the_file_counts_at_once(path):
    callers = CallersFile(path)
    assert callers.clients() == {}

    client, secret = add(path, "p1", ["applications:read"])
    assert callers.caller(client.id, secret) is not None

    revoke(path, client.id)
    assert callers.caller(client.id, secret) is None

    path.unlink()
    assert callers.clients() == {}


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        "[]",
        "{}",
        '{"clients": [{}]}',
        json.dumps({"clients": [{**ENTRY, "scopes": ["all"]}]}),
        json.dumps({"clients": [{**ENTRY, "secret_sha256": "secret"}]}),
        json.dumps({"clients": [ENTRY, ENTRY]}),
    ],
)
def test_a_broken_file_leaves_the_last_good_one_in_force_and_calls_an_operator(path, broken, caplog):
    client, secret = add(path, "p1", ["applications:read"])
    callers = CallersFile(path, service="broken-file-test")
    assert callers.caller(client.id, secret) is not None
    before = REGISTRY.get_sample_value("zhicheng_callers_file_errors_total", {"service": "broken-file-test"}) or 0

    path.write_text(broken)

    assert callers.caller(client.id, secret) is not None
    assert callers.caller(client.id, secret) is not None
    after = REGISTRY.get_sample_value("zhicheng_callers_file_errors_total", {"service": "broken-file-test"})
    assert after == before + 1
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_unknown_scopes_and_repeated_ids_are_refused(path):
    with pytest.raises(Refused, match="no such scope: everything"):
        add(path, "p1", ["everything"])
    add(path, "p1", ["applications:read"], "c1")
    with pytest.raises(Refused, match="exists"):
        add(path, "p2", ["applications:read"], "c1")
    with pytest.raises(Refused, match="64 at most"):
        add(path, "p:1", ["applications:read"])
    with pytest.raises(ValueError, match="no such scope"):
        may("everything")


def _add_some(path, name):
    for number in range(10):
        add(path, "p1", ["applications:read"], f"{name}-{number}")


def test_processes_that_add_at_the_same_time_lose_no_client(path):
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_add_some, args=(path, f"w{number}")) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert len(read(path)) == 30


def test_the_command_adds_lists_and_revokes(path, capsys):
    assert main(["--file", str(path), "add", "--partner", "p1", "--scopes", "applications:read,officer:read"]) == 0
    added = capsys.readouterr().out
    [secret_line] = [line for line in added.splitlines() if line.startswith("secret")]
    secret = secret_line.split()[1]
    client = json.loads(path.read_text())["clients"][0]["id"]
    assert f"curl -u '{client}:{secret}'" in added
    assert CallersFile(path).caller(client, secret) is not None

    assert main(["--file", str(path), "list"]) == 0
    listed = capsys.readouterr().out
    assert client in listed
    assert secret not in listed

    assert main(["--file", str(path), "revoke", client]) == 0
    assert CallersFile(path).caller(client, secret) is None
    assert main(["--file", str(path), "revoke", "nobody"]) == 1
    assert main(["--file", str(path), "add", "--partner", "p1", "--scopes", "everything"]) == 1
    assert "no such scope: everything" in capsys.readouterr().err


def test_every_scope_has_a_sentence():
    assert all(sentence.endswith(".") for sentence in SCOPES.values())
    assert SCOPES.keys() >= PUBLIC


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Basic YzE=",
        "Basic /////w==",
        "Bearer abc",
        "Basic " + "QUFB" * 1000,
        basic("c1", "wrong")["Authorization"],
        basic("nobody", "wrong")["Authorization"],
    ],
)
async def test_without_the_right_secret_the_answer_asks_for_it(tmp_path, authorization):
    async with demo(tmp_path) as it, it.client() as client:
        client.headers.pop("Authorization")
        headers = {} if authorization is None else {"Authorization": authorization}

        answer = await client.get("/v1/things/t1", headers=headers)

        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert answer.json()["type"] == "urn:problem:demo:unauthenticated"
        assert it.things.calls == 0


async def test_a_client_without_the_scope_is_told_which_one(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        _, secret = add(it.callers_file, "p1", ["applications:read"], "reader")

        answer = await client.put("/v1/things/t1", json={}, headers=basic("reader", secret))

        assert answer.status_code == 403
        assert answer.json()["scope"] == "applications:write"


async def test_what_is_public_needs_no_client_but_refuses_a_wrong_one(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        known = await client.get("/v1/catalogue")
        wrong = await client.get("/v1/catalogue", headers=basic("c1", "wrong"))
        client.headers.pop("Authorization")
        nobody = await client.get("/v1/catalogue")

        assert (known.json(), nobody.json(), wrong.status_code) == ({"client": "c1"}, {"client": ""}, 401)


async def test_the_caller_is_checked_before_the_body_is_looked_at(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        answer = await client.put("/v1/things/t1", content=b"{", headers=basic("c1", "wrong"))

        assert answer.status_code == 401
