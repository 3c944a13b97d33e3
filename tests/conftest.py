"""Real servers for every kind of test, and the report header that names them."""

from typing import Any

from hypothesis import HealthCheck, settings

from tests import left_out
from tests.servers import kafka, mailpit, mongo
from tests.servers.kafka import kafka_server, own_kafka
from tests.servers.mailpit import mail_server
from tests.servers.mongo import mongo_server, mongo_url, own_mongo

__all__ = ["kafka_server", "mail_server", "mongo_server", "mongo_url", "own_kafka", "own_mongo"]

# How long an example takes is no property of the code: it is one of the machine.
settings.register_profile("zhicheng", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("zhicheng")


def pytest_report_header() -> list[str]:
    return _plans()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    left_out.summary(terminalreporter, _plans())


def _plans() -> list[str]:
    return [kafka.plan(), mongo.plan(), mailpit.plan()]
