"""compose.yaml alone, as `docker compose up` starts it: production, and nothing synthetic."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from local.containers import PRODUCTION, Containers
from local.stack import SERVICES, free_ports
from tests.deploy.load import docker, ids
from tests.filings import a_filing

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
async def production(containers: Containers) -> AsyncIterator[Containers]:
    """The same images and secrets, another project."""
    made = replace(
        containers, project=f"{containers.project}-production", files=PRODUCTION, port_base=free_ports(), more={}
    )
    try:
        await made.up("--no-build")
        yield made
    finally:
        await made.compose("down", "--volumes", "--timeout", "5")


async def test_without_the_demonstration_file_everything_runs_as_in_production(production: Containers) -> None:
    login = production.credential()
    async with httpx.AsyncClient(auth=(login.client, login.secret), timeout=60.0, trust_env=False) as client:
        for service in SERVICES:
            assert (await client.get(f"{production.url(service)}/readyz")).json()["ready"] is True
        headers = {"Idempotency-Key": "a-synthetic-round"}
        url = f"{production.url('intake')}/v1/applications"
        refused = await client.post(url, json=a_filing(round="demo-2024"), headers=headers)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["round"]

    for service in SERVICES:
        [container] = await ids(production, service)
        assert await docker("exec", container, "printenv", "ZHICHENG_ENVIRONMENT") == "production"
