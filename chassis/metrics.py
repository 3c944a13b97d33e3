"""Every metric this system has, a sentence each. Labels hold names from code, never ids, paths or data."""

from __future__ import annotations

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

# One registry per process. Several services in one process (tests) share it and differ by the label `service`.
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)


def _counter(name: str, sentence: str, *labels: str) -> Counter:
    return Counter(f"zhicheng_{name}", sentence, ("service", *labels), registry=REGISTRY)


def _gauge(name: str, sentence: str, *labels: str) -> Gauge:
    return Gauge(f"zhicheng_{name}", sentence, ("service", *labels), registry=REGISTRY)


HTTP_REQUESTS = _counter(
    "http_requests", "Requests answered, by route template, method and status.", "route", "method", "status"
)
HTTP_SECONDS = Histogram(
    "zhicheng_http_request_seconds",
    "Time from the first byte of a request to the last of its answer, by route template.",
    ("service", "route", "method"),
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
HTTP_FAILURES = _counter("http_failures", "Requests that ended in an error nobody expected, by kind of error.", "error")

EVENTS = _counter(
    "events",
    "Events by type and outcome: handled, repeated (dropped), skipped (type not heard here), without-document, parked, "
    "discarded (by an operator).",
    "type",
    "outcome",
)


@cache
def events(service: str, type: str, outcome: str) -> Counter:
    """The counter of EVENTS with these labels: to find it costs more than to count."""
    return EVENTS.labels(service, type, outcome)


BATCHES = _counter("batches", "Batches of events saved and committed.")
HELD_KEYS = _gauge("held_keys", "Keys that wait in this process for a retry or a missing event.")
PARKED_KEYS = _gauge("parked_keys", "Keys with parked events; each needs an operator.")
PARKED_EVENTS = _gauge("parked_events", "Parked events, those behind the first of their key included.")
OLDEST_PARKED_SECONDS = _gauge(
    "oldest_parked_seconds", "Age of the event that is parked longest; 0 when there is none."
)
CONSUMER_LAG = _gauge("consumer_lag", "Events of the assigned partitions that are not read yet.")
CONSUMER_HALTED = _gauge("consumer_halted", "1 while the consumer stands still because too much was parked.")

PUBLISH_FAILURES = _counter("publish_failures", "Events that the bus did not acknowledge when they were sent.")
UNSENT = _gauge("unsent", "Documents with unsent events, counted up to the limit of the setting max_unsent.")
OLDEST_UNSENT_SECONDS = _gauge("oldest_unsent_seconds", "Age of the oldest event found unsent; 0 when there is none.")
BUS_TROUBLE = _gauge("bus_trouble", "1 while the bus does not take or give events, by direction.", "where")
STORE_TROUBLE = _counter("store_trouble", "Times that the store did not answer, by who asked.", "where")

SENDING_HELD = _gauge(
    "sending_held", "1 while messages are made and queued, and none is sent, because a setting says so."
)

CALLERS_FILE_ERRORS = _counter(
    "callers_file_errors", "Times that the callers file could not be read and the last good one stayed in force."
)

DOCUMENTS = _gauge(
    "documents",
    "Documents of a kind by state: cases waiting for answers, messages waiting for a person, claims without a case.",
    "kind",
    "state",
)
OLDEST_WAITING_SECONDS = _gauge("oldest_waiting_seconds", "Age of the document of a kind that waits longest.", "kind")
