"""Each event type is sent by a journey, and its absence would be seen."""

from __future__ import annotations

import importlib

from contracts.events import BY_TYPE
from contracts.topics import topics
from tests.contracts.test_examples import on_file
from tests.subscriptions import heard_by

# What another service, or a reader of its API, shows of each type; the journey test that would fail without it.
SEEN_IN = {
    "intake.case.submitted": (
        "tests.journeys.test_journey",
        "test_one_application_goes_through_four_services_and_comes_back",
    ),
    "intake.case.amended": (
        "tests.journeys.test_journey",
        "test_one_application_goes_through_four_services_and_comes_back",
    ),
    "intake.case.held": (
        "tests.journeys.test_journey",
        "test_a_held_application_is_told_and_goes_on_when_its_way_is_free",
    ),
    "intake.case.asked-again": (
        "tests.journeys.test_journey",
        "test_a_service_that_does_not_answer_is_asked_again_and_named",
    ),
    "intake.case.determined": (
        "tests.journeys.test_journey",
        "test_one_application_goes_through_four_services_and_comes_back",
    ),
    "intake.case.withdrawn": (
        "tests.journeys.test_journey",
        "test_one_application_goes_through_four_services_and_comes_back",
    ),
    "intake.case.erased": (
        "tests.journeys.test_journey",
        "test_erased_data_do_not_come_back_when_all_topics_are_replayed",
    ),
    "equivalence.assessment.made": (
        "tests.journeys.test_journey",
        "test_one_application_goes_through_four_services_and_comes_back",
    ),
    "competition.assessment.made": ("tests.journeys.test_journey", "test_results_imported_later_reach_cases_that_wait"),
    "notify.message.delivered": ("tests.intake.test_api", "test_the_timeline_tells_what_happened_in_both_languages"),
    "notify.message.waiting": (
        "tests.journeys.test_journey",
        "test_a_contact_nobody_can_reach_waits_for_a_person_and_shows_it",
    ),
}


def test_each_type_is_sent_by_a_running_service() -> None:
    """The examples are made by the four services at work, so a type without one is never sent."""
    assert {path.parents[1].name for path in on_file()} == set(BY_TYPE)


def test_each_type_changes_something_that_a_journey_sees() -> None:
    assert set(SEEN_IN) == set(BY_TYPE)
    for module, test in SEEN_IN.values():
        assert callable(getattr(importlib.import_module(module), test)), test


def test_each_type_has_a_hearer_that_acts_on_it() -> None:
    for topic in topics():
        acting = {type_ for consumer in topic.consumers for type_ in heard_by(consumer)}
        assert set(topic.types) <= acting
