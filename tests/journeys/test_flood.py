"""More at once than intake can take: each is accepted for good or refused in time, and nothing in between."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.filings import a_filing, another_person
from tests.journeys.servers import OpenTown, open_town
from tests.town import Town
from tests.waiting import until

__all__ = ["open_town"]

AT_ONCE = 500
IN_WORK = 60
TWICE = {("received", "delivered"): 1, ("determined", "delivered"): 1}


async def test_five_hundred_at_once_are_accepted_and_determined_or_refused_with_a_time_to_come_back(
    open_town: OpenTown,
) -> None:
    town = await open_town(settings={"intake": {"max_requests": IN_WORK}})

    answers = await asyncio.gather(
        *(town.submit(a_filing(person=another_person()), key=f"of-the-flood-{n}") for n in range(AT_ONCE))
    )

    assert set(Counter(answer.status_code for answer in answers)) == {202, 503}
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.headers["retry-after"] for answer in refused} == {"5"}
    assert {answer.json()["type"] for answer in refused} == {"urn:problem:intake:busy"}
    accepted = [answer.json()["case_id"] for answer in answers if answer.status_code == 202]
    assert len(accepted) >= IN_WORK

    async def all_told() -> bool:
        """A consumer that is on its way back into its group has nothing to read, and is not idle for all that."""
        return all([told == TWICE for told in [await messages(town, case_id) for case_id in accepted]])

    await town.idle(seconds=300)
    await until(all_told, seconds=300)
    await town.idle(seconds=300)
    assert await town.services["intake"].store.count("cases", {}) == len(accepted)  # a refusal stores nothing
    for case_id in accepted:
        assert (await town.case(case_id))["status"] == "determined"
        assert await messages(town, case_id) == TWICE


async def messages(town: Town, case_id: str) -> Counter[tuple[str, str]]:
    """Step and state -> how many."""
    return Counter((message["step"], message["state"]) for message in await town.deliveries(case_id))
