from __future__ import annotations

import asyncio
import json
import re
import tomllib
from pathlib import Path

import pytest
from fastapi import APIRouter

from chassis import metrics
from chassis.bus import Record
from chassis.openapi import operations
from chassis.problems import Fault, InvalidInput, NotFound, PreconditionFailed, problems
from chassis.service import Service
from chassis.store import Outgoing, StoreUnavailable, create
from chassis.version import VERSION
from chassis.web import create_app
from tests.chassis.web_service import STORE_AWAY, THING, DemoSettings, ThingGone, basic, demo
from tests.waiting import until

SECRET = "zhang-110101199003070019"


async def test_a_fault_becomes_the_problem_of_the_services_table(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        it.things.fails_with = ThingGone(state="ended")

        answer = await client.get(f"/v1/things/{THING}")

        assert answer.status_code == 410
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json() == {
            "type": "urn:problem:demo:thing-gone",
            "title": "The thing has ended. Nothing can be done with it any more.",
            "status": 410,
            "instance": f"/v1/things/{THING}",
            "correlation_id": answer.headers["X-Correlation-Id"],
            "state": "ended",
        }


async def test_members_of_a_fault_cannot_replace_the_fixed_ones(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        it.things.fails_with = PreconditionFailed(status="x", type="y", revision=3)

        content = (await client.get("/v1/things/t1")).json()

        assert (content["status"], content["revision"]) == (412, 3)
        assert content["type"] == "urn:problem:demo:precondition-failed"


async def test_the_same_fault_gives_the_same_bytes_whatever_led_to_it(tmp_path):
    """INVARIANT: what belongs to somebody else and what does not exist cannot be told apart."""
    async with demo(tmp_path) as it, it.client(**{"X-Correlation-Id": "0123456789abcdef0123456789abcdef"}) as client:
        it.things.fails_with = NotFound()
        one = await client.get(f"/v1/things/{THING}")
        it.things.fails_with = NotFound()
        other = await client.get(f"/v1/things/{THING}")

        assert one.content == other.content
        assert one.headers == other.headers


async def test_an_unexpected_error_says_nothing_of_itself(tmp_path, caplog):
    async with demo(tmp_path) as it, it.client() as client:
        it.things.fails_with = RuntimeError(SECRET)

        answer = await client.get("/v1/things/t1")

        assert answer.status_code == 500
        assert answer.json()["type"] == "urn:problem:demo:unexpected"
        assert SECRET not in answer.text
        assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == ["request failed"]


async def test_a_store_that_is_away_is_503_with_a_time_to_come_back(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        it.things.fails_with = STORE_AWAY

        answer = await client.get("/v1/things/t1")

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert answer.json()["type"] == "urn:problem:demo:unavailable"
        assert "张三" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "slug"),
    [
        ("GET", "/nothing", None, 404, "not-found"),
        ("GET", "/v1/things/", None, 404, "not-found"),
        ("DELETE", "/v1/things/t1", None, 405, "method-not-allowed"),
        ("PUT", "/v1/things/t1", b"{", 400, "malformed-json"),
        ("PUT", "/v1/things/t1", b'{"name":1}', 422, "invalid-input"),
        ("GET", "/v1/things/t1?limit=99", None, 422, "invalid-input"),
    ],
)
async def test_every_refusal_is_a_problem_document(tmp_path, method, path, body, status, slug):
    async with demo(tmp_path) as it, it.client() as client:
        answer = await client.request(method, path, content=body, headers={"Content-Type": "application/json"})

        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == f"urn:problem:demo:{slug}"
        assert it.things.calls == 0


async def test_another_method_is_answered_with_every_method_of_the_path(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        answer = await client.delete("/v1/things/t1")

        assert answer.headers["Allow"] == "GET, PUT"


@pytest.mark.parametrize(
    "kind", ["text/plain", "", "application/json; charset=gbk", "application/x-www-form-urlencoded"]
)
async def test_a_body_of_another_kind_is_415(tmp_path, kind):
    async with demo(tmp_path) as it, it.client() as client:
        answer = await client.put("/v1/things/t1", content=b"{}", headers={"Content-Type": kind})

        assert answer.status_code == 415


async def test_a_good_body_reaches_the_use_case(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        headers = {"Content-Type": 'application/json; charset="UTF-8"'}
        answer = await client.put("/v1/things/t1", content=b'{"parts":[{"number":1}]}', headers=headers)

        assert answer.json() == {"calls": 1, "parts": 1}


async def test_query_errors_name_the_parameter_and_the_rule(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        answer = await client.get(f"/v1/things/t1?limit={SECRET}")

        assert answer.json()["errors"] == [{"field": "query.limit", "rule": "integer"}]
        assert SECRET not in answer.text


async def test_nothing_of_a_path_is_repeated_unless_it_is_an_id_of_ours(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        it.things.fails_with = NotFound()

        answer = await client.get(f"/v1/things/{SECRET}")
        unmatched = await client.get(f"/{SECRET}")
        scraped = await client.get("/metrics")

        assert answer.json()["instance"] == "/v1/things/:thing_id"
        assert "instance" not in unmatched.json()
        assert SECRET not in answer.text + unmatched.text + scraped.text


async def test_a_correlation_id_is_taken_over_if_it_looks_like_one(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        given = await client.get("/livez", headers={"X-Correlation-Id": "0b9c1f5a-7c1e-4d43-9a55-0f6f3d1c2b3a"})
        odd = await client.get("/livez", headers={"X-Correlation-Id": "440308199901101512"})

        assert given.headers["X-Correlation-Id"] == "0b9c1f5a-7c1e-4d43-9a55-0f6f3d1c2b3a"
        assert re.fullmatch("[0-9a-f]{32}", odd.headers["X-Correlation-Id"])


async def test_answers_to_callers_are_not_stored_on_the_way(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        private = await client.get("/v1/things/t1")
        client.headers.pop("Authorization")
        public = await client.get("/v1/catalogue")

        assert private.headers["Cache-Control"] == "no-store"
        assert "Cache-Control" not in public.headers


async def test_requests_are_counted_by_template_and_never_by_path(tmp_path):
    labels = {"service": "demo", "route": "/v1/things/{thing_id}", "method": "GET", "status": "200"}
    before = metrics.REGISTRY.get_sample_value("zhicheng_http_requests_total", labels) or 0
    async with demo(tmp_path) as it, it.client() as client:
        await client.get("/v1/things/t1")
        await client.get("/v1/things/t2")
        await client.request("BREW", "/v1/things/t2")

        text = (await client.get("/metrics")).text

    assert metrics.REGISTRY.get_sample_value("zhicheng_http_requests_total", labels) == before + 2
    assert 'method="other"' in text
    assert "BREW" not in text


async def test_a_process_is_ready_while_its_store_answers(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        answer = await client.get("/readyz")

        assert answer.status_code == 200
        assert answer.json() == {"service": "demo", "ready": True, "reasons": [], "degraded": False, "troubles": {}}


async def test_trouble_with_the_bus_degrades_but_does_not_stop_the_process(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        it.health.bus_trouble["publish"] = "events not acknowledged"
        it.health.halted["demo"] = "too many events parked"

        answer = await client.get("/readyz")

        assert answer.status_code == 200
        assert (answer.json()["ready"], answer.json()["degraded"]) == (True, True)
        assert answer.json()["troubles"]["bus-publish"] == "events not acknowledged"
        assert answer.json()["troubles"]["halted-demo"] == "too many events parked"


async def test_a_process_that_ends_is_not_ready(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        it.health.shutting_down = True

        answer = await client.get("/readyz")

        assert (answer.status_code, answer.json()["reasons"]) == (503, ["shutting down"])
        assert (await client.get("/livez")).status_code == 200


async def test_a_deep_outbox_makes_the_process_unready(tmp_path):
    async with demo(tmp_path, max_unsent=2) as it, it.client() as client:
        record = Record("demo.v1", "k", (("ce_time", "2026-11-24T10:00:00.000Z"),), b"{}")
        await it.infra.store.write([create("things", f"t{n}", {}, events=[Outgoing(1, record)]) for n in range(3)])

        async def unready() -> bool:
            return (await client.get("/readyz")).status_code == 503

        await until(unready)

        assert (await client.get("/readyz")).json()["reasons"] == ["too many events unsent"]
        assert metrics.REGISTRY.get_sample_value("zhicheng_unsent", {"service": "demo"}) == 3


class Away:
    """A store that is away: it fails, or never answers."""

    def __init__(self, *, hangs: bool = False) -> None:
        self._hangs = hangs

    async def pending_depth(self, limit: int) -> int:
        if self._hangs:
            await asyncio.Event().wait()
        raise StoreUnavailable


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_store_that_does_not_answer_within_seconds_is_not_ready(tmp_path, hangs):
    async with demo(tmp_path) as it, it.client() as client:
        it.app.state.readiness._store = Away(hangs=hangs)

        async with asyncio.timeout(60):
            answer = await client.get("/readyz")
            scraped = await client.get("/metrics")

        assert (answer.status_code, answer.json()["reasons"]) == (503, ["store does not answer"])
        assert scraped.status_code == 200


class Slow:
    """A store that takes its time: several questions, each with 300 ms on the way."""

    async def pending_depth(self, limit: int) -> int:
        await asyncio.sleep(1.2)
        return 0


async def test_a_store_that_is_slow_is_ready_all_the_same(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        it.app.state.readiness._store = Slow()

        async def ready() -> bool:  # at last: a busy machine adds to its time
            return (await client.get("/readyz")).status_code == 200

        await until(ready)


async def test_the_version_is_that_of_the_project(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())

        assert (await client.get("/version")).json()["version"] == pyproject["project"]["version"] == VERSION


async def test_the_openapi_document_holds_bodies_scopes_and_problems(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        spec = (await client.get("/openapi.json")).json()

        put = spec["paths"]["/v1/things/{thing_id}"]["put"]
        assert spec["openapi"].startswith("3.1")
        schema = put["requestBody"]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Order"}
        assert (put["x-scope"], put["security"]) == ("applications:write", [{"basic": []}])
        assert {"200", "400", "401", "403", "408", "410", "413", "415", "422", "500", "503"} == set(put["responses"])
        assert "urn:problem:demo:thing-gone" in put["responses"]["410"]["description"]
        assert spec["paths"]["/v1/catalogue"]["get"]["security"] == [{"basic": []}, {}]
        assert spec["components"]["schemas"].keys() == {"Problem", "Order", "Part"}
        references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(spec)))
        assert references <= spec["components"]["schemas"].keys()


async def test_the_docs_page_shows_every_operation_and_names_no_foreign_host(tmp_path):
    async with demo(tmp_path) as it, it.client() as client:
        answer = await client.get("/docs")

        assert answer.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert all(path in answer.text for path in ("/v1/things/{thing_id}", "/v1/catalogue"))
        assert not re.search(r"https?://|//\w|<script", answer.text)


async def test_a_route_that_names_an_unknown_fault_refuses_the_start(tmp_path):
    class Unlisted(Fault):
        """It stands in no table."""

    router = APIRouter()

    @router.get("/v1/odd", responses=problems(Unlisted))
    async def odd() -> None: ...

    async with demo(tmp_path) as it:
        with pytest.raises(ValueError, match="in no table"):
            create_app(Service("demo", "things", routers=[router]), it.infra, DemoSettings())


async def test_it_can_be_told_which_scope_each_route_needs(tmp_path):
    async with demo(tmp_path) as it:
        scopes = {(found.method, found.path): found.scope for found in operations(it.app)}

        assert scopes[("PUT", "/v1/things/{thing_id}")] == "applications:write"
        assert scopes[("GET", "/v1/catalogue")] == "catalogue:read"
        without = {path for (_, path), scope in scopes.items() if scope is None}
        assert without == {"/livez", "/readyz", "/version", "/metrics", "/docs", "/openapi.json"}


async def test_a_process_without_an_api_answers_the_probes_alone(tmp_path):
    async with demo(tmp_path) as it:
        app = create_app(it.app.state.service, it.infra, DemoSettings(), it.health, api=False)

        assert {found.path for found in operations(app)} == {"/livez", "/readyz", "/version", "/metrics"}


async def test_errors_of_a_use_case_name_fields_too(tmp_path):
    from chassis.problems import FieldError

    async with demo(tmp_path) as it, it.client() as client:
        it.things.fails_with = InvalidInput([FieldError("employer.code", "checksum")])

        answer = await client.get("/v1/things/t1")

        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"field": "employer.code", "rule": "checksum"}]


async def test_a_revoked_client_is_refused_by_a_running_service(tmp_path):
    from chassis.callers_cli import revoke

    async with demo(tmp_path) as it, it.client() as client:
        assert (await client.get("/v1/things/t1")).status_code == 200
        revoke(it.callers_file, "c1")
        assert (await client.get("/v1/things/t1", headers=basic("c1", it.secret))).status_code == 401
