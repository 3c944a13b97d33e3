"""A library's log lines are kept few, and its data out of them."""

import logging

import pytest

from chassis.calm import calm


def test_a_message_that_repeats_is_said_once_and_debug_never(caplog: pytest.LogCaptureFixture) -> None:
    part = logging.getLogger("some_library.part")
    calm("some_library")
    with caplog.at_level(logging.DEBUG):
        for port in range(50):
            part.error("cannot connect to %s", port)
            part.debug("sending %s", "a record")
        part.error("another thing")

    assert caplog.messages == ["cannot connect to 0", "another thing"]
