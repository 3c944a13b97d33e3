"""The plugin that integrators copy."""

from __future__ import annotations

import pytest

from local.stories import story
from tests.embedded_stack import EmbeddedStack, NotIdle, zhicheng, zhicheng_date, zhicheng_settings

__all__ = ["zhicheng", "zhicheng_date", "zhicheng_settings"]


async def test_an_application_is_filed_and_its_events_are_read_once_the_stack_is_idle(zhicheng: EmbeddedStack) -> None:
    case_id = await zhicheng.file(story("ordinary").filing, key="application-1")
    again = await zhicheng.file(story("ordinary").filing, key="application-1")
    await zhicheng.idle()

    assert again == case_id
    [determined] = await zhicheng.events("intake.case.determined")
    assert determined.key == determined.value["case_id"] == case_id
    steps = [message["step"] for message in await zhicheng.partner.messages(case_id)]
    assert sorted(steps) == ["determined", "received"]
    events = await zhicheng.events()
    assert {event.topic for event in events} == {
        "intake.case.v1", "equivalence.assessment.v1", "competition.assessment.v1", "notify.message.v1"
    }  # fmt: skip


@pytest.mark.parametrize("zhicheng_settings", [{"NOTIFY_SMTP_URL": "smtp://127.0.0.1:9"}])  # nobody takes mail there
async def test_a_stack_that_cannot_come_to_rest_says_what_it_waits_for(zhicheng: EmbeddedStack) -> None:
    case_id = await zhicheng.file(story("ordinary").filing)

    with pytest.raises(NotIdle, match=f"messages of {case_id}"):
        await zhicheng.idle(seconds=3)
