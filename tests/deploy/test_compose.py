"""The system in containers, on Kafka and four MongoDB stores: the stories, kills, restarts, endings and two of each."""

from __future__ import annotations

import asyncio
import io
import os
import re
import subprocess
from dataclasses import dataclass, field, replace

import httpx
import pytest

from local.containers import Containers
from local.demo_containers import determinations, embedded_determinations, tell_all
from local.partner import Partner
from local.screen import Screen
from local.stack import HOST, SERVICES, free_ports
from local.stories import stories
from local.supervisor import ROOT
from local.telling import Telling
from tests.deploy.load import PATIENCE, Load, docker, exit_code, ids, kill_inside, mails_by_address, restarts
from tests.filings import a_filing

pytestmark = pytest.mark.timeout(1800)


async def test_the_stories_end_as_on_the_embedded_stack_byte_for_byte(containers: Containers) -> None:
    todo = stories()
    async with Partner(containers, seconds=PATIENCE) as api:
        told = await tell_all(todo, api, Telling(Screen(io.StringIO(), colours=False)), containers.move_calendar)
        found = await determinations(todo, api)
    assert containers.business_date is not None
    await containers.move_calendar(containers.business_date)

    assert [differs for *_, differs in told if differs] == []
    assert len(found) > 5
    assert found == await embedded_determinations(containers, todo)


async def test_two_hundred_applications_survive_a_kill_of_each_service_which_comes_back_by_itself(
    containers: Containers,
) -> None:
    """INVARIANT: accepted = determined + waiting for an officer, and one message each, whoever dies when."""
    async with Partner(containers, seconds=PATIENCE) as api:
        for service in SERVICES:
            load = Load.of(50)
            filing = asyncio.create_task(load.file(api))
            await load.half()

            [container] = await ids(containers, service)
            before = await restarts(container)
            await kill_inside(container)

            await filing
            await load.check(api, containers.mail_url)
            assert await restarts(container) > before


async def test_a_client_that_an_operator_adds_is_let_in_at_once_and_kept_out_again(containers: Containers) -> None:
    def callers(*arguments: str) -> str:
        environment = {**os.environ, "ZHICHENG_SECRETS": str(containers.folder)}
        command = ["deploy/callers", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=300
        )
        return done.stdout

    said = callers("add", "--partner", "hospital", "--client", "hospital-1", "--scopes", "applications:read")
    secret = re.search(r"^secret +(\S+)$", said, re.M)
    assert secret is not None

    url = f"{containers.url('intake')}/v1/applications"
    async with httpx.AsyncClient(auth=("hospital-1", secret[1]), timeout=60.0, trust_env=False) as client:
        assert (await client.get(url)).status_code == 200
        callers("revoke", "hospital-1")
        assert (await client.get(url)).status_code == 401


async def test_down_and_up_again_keeps_every_case_and_tells_nobody_twice(containers: Containers) -> None:
    load = Load.of(30)
    async with Partner(containers, seconds=PATIENCE) as api:
        await load.file(api)
        await load.check(api, containers.mail_url)
        before = {case_id: await api.application(case_id) for case_id in load.accepted.values()}
        messages = {case_id: await api.messages(case_id) for case_id in load.accepted.values()}

    await containers.down(keep_data=True)
    await containers.up("--no-build")

    again = Load.of(3)
    async with Partner(containers, seconds=PATIENCE) as api:
        await again.file(api)
        await again.check(api, containers.mail_url)
        assert {case_id: await api.application(case_id) for case_id in before} == before
        assert {case_id: await api.messages(case_id) for case_id in messages} == messages
    mails = await mails_by_address(containers.mail_url)  # Mailpit forgets: what is here came after the restart
    assert len(mails) == len(again.filings)


async def test_asked_to_stop_under_load_each_service_ends_with_0_and_loses_nothing(containers: Containers) -> None:
    async with Partner(containers, seconds=PATIENCE) as api:
        for service in SERVICES:
            load = Load.of(50)
            filing = asyncio.create_task(load.file(api))
            await load.half()

            [container] = await ids(containers, service)
            await docker("stop", "--time", "45", container)
            assert await exit_code(container) == 0, f"{service} did not end within its grace time"
            await docker("start", container)

            await filing
            await load.check(api, containers.mail_url)


async def test_two_of_each_service_keep_every_promise(containers: Containers) -> None:
    scaled = replace(containers, more=_ranges())
    await scaled.up("--no-build", *(part for name in SERVICES for part in ("--scale", f"{name}=2")))
    first, second = [await _instance(scaled, index) for index in (1, 2)]
    load = Load.of(100)

    async with Partner(first, seconds=PATIENCE) as one, Partner(second, seconds=PATIENCE) as other:
        filing = asyncio.create_task(load.file(one, other))
        await load.half()
        for service in ("equivalence", "notify"):  # the other one takes over
            await docker("kill", "--signal", "KILL", (await ids(scaled, service))[0])
        await filing
        await load.check(other, scaled.mail_url)
        await scaled.up("--no-build", *(part for name in SERVICES for part in ("--scale", f"{name}=2")))

    first, second = [await _instance(scaled, index) for index in (1, 2)]
    await _journey(first, second)
    for instance in (first, second):
        assert await _handled(instance, "competition") > 0, "partitions are shared by both"


async def _journey(first: Containers, second: Containers) -> None:
    """Filed at one, amended at the other, withdrawn at the first."""
    filing = a_filing()
    filing["person"]["contact"]["email"] = "journey@example.org"
    async with Partner(first, seconds=PATIENCE) as one, Partner(second, seconds=PATIENCE) as other:
        case_id = (await one.submit(filing, key="journey-of-two"))["case_id"]
        await one.settled(case_id)
        assert await _changed(second, "PUT", f"/v1/applications/{case_id}/filing", '"1"', filing) == 200
        case = await other.settled(case_id)
        assert (case["determination"]["number"], case["determination"]["supersedes"]) == (2, 1)
        await one.told(case_id, ("received", "determined", "amended", "determined"))
        assert await _changed(first, "POST", f"/v1/applications/{case_id}/withdrawal", '"2"', None) == 200
        told = await other.told(case_id, ("received", "determined", "amended", "withdrawn"))
    steps = sorted((one["step"], one["determination"] or 0) for one in told)
    assert steps == [("amended", 0), ("determined", 1), ("determined", 2), ("received", 0), ("withdrawn", 0)]


async def _changed(at: Containers, method: str, path: str, revision: str, body: object) -> int:
    login = at.credential()
    async with httpx.AsyncClient(auth=(login.client, login.secret), timeout=60.0, trust_env=False) as client:
        answer = await client.request(method, at.url("intake") + path, headers={"If-Match": revision}, json=body)
    return answer.status_code


@dataclass(frozen=True)
class Instance(Containers):
    """The same containers, talking to one instance of each service."""

    urls: dict[str, str] = field(default_factory=dict)

    def url(self, service: str) -> str:
        return self.urls[service]


def _ranges() -> dict[str, str]:
    """Two free ports for each service."""
    bases = [free_ports(), free_ports()]
    starts = [base + offset for base in bases for offset in (1, 3)]
    assert len({*starts}) == len(SERVICES)
    return {f"{name.upper()}_PORTS": f"{start}-{start + 1}" for name, start in zip(SERVICES, starts, strict=True)}


async def _instance(scaled: Containers, index: int) -> Instance:
    urls = {}
    for name in SERVICES:
        said = await scaled.compose("port", "--index", str(index), name, "8000")
        urls[name] = f"http://{HOST}:{said.strip().rpartition(':')[2]}"
    values = {name: getattr(scaled, name) for name in ("folder", "port_base", "project", "tag", "more")}
    return Instance(**values, urls=urls)


async def _handled(at: Containers, service: str) -> float:
    async with httpx.AsyncClient(timeout=60.0, trust_env=False) as client:
        text = (await client.get(at.url(service) + "/metrics")).text
    return sum(float(n) for n in re.findall(r'^zhicheng_events_total\{.*outcome="handled".*\} (\S+)$', text, re.M))
